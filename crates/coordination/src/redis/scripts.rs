//! What runs inside Redis. Each call of a port is one script, so one round trip and one atomic step.
//!
//! A stamp is the name of the Redis process' run, as the writer knows it, and Redis' own `TIME` in
//! microseconds: `<run>:<time>`. No clocks of two machines are ever compared: neither those of the
//! servers nor, after a failover, those of the old Redis and the new one.
//!
//! Bytes that are none of ours, such as a list under the name of an answer, must never become an
//! error, as an error is taken for an outage: hence `pcall`.
//!
//! # The status board
//!
//! A payment's entry is a hash: the furthest `status` published (with `payable`, `rank` and `stamp`),
//! and `changing`, the number of transitions announced and not yet published. As long as that is
//! not zero the entry is a tombstone, and the database is asked.
//!
//! *Why a number.* Server A makes a payment `processing`, server B makes it `completed`. In the order
//! "A announces, A commits, B announces, A publishes, B commits" A's word must not wipe out B's
//! tombstone: if B then dies, `processing` would be shown for a payment that is paid. A's publication
//! takes back A's announcement only, and B's stands. Who dies in between leaves a tombstone for
//! the entry's life: slower, never wrong.
//!
//! *Why a rank.* In the order "both commit, B publishes, A publishes" the late word is the older one.
//! Statuses only ever move forward (`progress`), so the further word stays.

use redis::Script;

/// Where servers hear which locks were given back while somebody waited. (The scripts have it in their text.)
pub(super) const GIVEN_BACK: &str = "payment:given_back";

/// Scripts by name, compiled (hashed) once.
pub(super) struct Scripts {
    pub(super) lookup: Script,
    pub(super) store: Script,
    pub(super) changing: Script,
    pub(super) publish: Script,
    pub(super) acquire: Script,
    pub(super) release: Script,
    pub(super) enter: Script,
    pub(super) enter_counted: Script,
    pub(super) leave: Script,
    pub(super) take: Script,
    pub(super) probe: Script,
}

/// `answer(key, prefix, have)`: the answer under a key, and the board's word on its payment; `false` if there is none.
/// An answer with the stamp that the caller has is not sent: it is empty.
/// The payment's number is cut out of the text, not decoded: Lua's numbers are floats. (The board's key is
/// computed, which a Redis Cluster does not allow; coordination is one Redis.)
macro_rules! answer {
    () => {
        r#"
local function answer(key, prefix, have)
  local entry = redis.pcall('GET', key)
  if type(entry) ~= 'string' then return false end
  local payment = string.match(entry, '"payment_id":(%d+)')
  if not payment then return false end
  local word = redis.pcall('HMGET', prefix .. payment, 'changing', 'stamp', 'status', 'payable')
  if word.err then word = {'1', '', false, false} end
  if have ~= '' and string.sub(entry, -2 - #have) == have .. '"}' then entry = '' end
  return {entry, word}
end
"#
    };
}

/// `keep(key, run, ttl, json)`: a JSON object gets one more member, the stamp.
macro_rules! keep {
    () => {
        r#"
local function keep(key, run, ttl, json)
  local time = redis.call('TIME')
  local stamp = run .. ':' .. time[1] .. string.format('%06d', time[2])
  redis.call('SET', key, string.sub(json, 1, -2) .. ',"stamp":"' .. stamp .. '"}', 'PX', ttl)
end
"#
    };
}

/// `awaited(key)`: the name of the note that somebody waits for this lock.
macro_rules! awaited {
    () => {
        "
local function awaited(key) return 'payment:awaited:' .. key end
"
    };
}

/// `acquire(key, token, ttl)`: the holder's token, or nothing if it is ours now. A lock that would never end, or
/// that is no text, was not written by us; it must not make every payment wait for ever. Whoever is told of a holder
/// waits, and leaves a note of it.
macro_rules! acquire {
    () => {
        concat!(
            awaited!(),
            r"
local function acquire(key, token, ttl)
  if redis.call('SET', key, token, 'NX', 'PX', ttl) then return false end
  local holder = redis.pcall('GET', key)
  if type(holder) == 'string' and redis.call('PTTL', key) >= 0 then
    redis.pcall('SET', awaited(key), '1', 'PX', ttl)
    return holder
  end
  redis.call('SET', key, token, 'PX', ttl)
  return false
end
"
        )
    };
}

/// `take(key, window, times)`: the count, and the milliseconds until the window ends.
macro_rules! take {
    () => {
        r"
local function take(key, window, times)
  local count = redis.pcall('INCRBY', key, times)
  if type(count) ~= 'number' then
    redis.call('DEL', key)
    count = redis.call('INCRBY', key, times)
  end
  local left = redis.call('PTTL', key)
  if left < 0 then
    redis.call('PEXPIRE', key, window)
    left = tonumber(window)
  end
  return {count, left}
end
"
    };
}

/// `release(key, token)`: 1 if it was ours. Every server hears of it where somebody waits. (Where a user of Redis may
/// not leave notes or publish, nobody does: then waiters look again by themselves. It is no outage, hence `pcall`.)
macro_rules! release {
    () => {
        concat!(
            awaited!(),
            r"
local function release(key, token)
  if redis.pcall('GET', key) ~= token then return 0 end
  redis.call('DEL', key)
  if redis.pcall('DEL', awaited(key)) == 1 then redis.pcall('PUBLISH', 'payment:given_back', key) end
  return 1
end
"
        )
    };
}

/// `KEYS`: the answer's; `ARGV`: what status keys begin with, and the stamp that the caller has.
const LOOKUP: &str = concat!(answer!(), "return answer(KEYS[1], ARGV[1], ARGV[2])");

/// `KEYS`: the answer's; `ARGV`: the run, the TTL, and the JSON object.
const STORE: &str = concat!(keep!(), "keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) return true");

/// `KEYS`: the lock's; `ARGV`: the token and the TTL.
const ACQUIRE: &str = concat!(acquire!(), "return acquire(KEYS[1], ARGV[1], ARGV[2])");

/// `KEYS`: the lock's; `ARGV`: the token.
const RELEASE: &str = concat!(release!(), "return release(KEYS[1], ARGV[1])");

/// `KEYS`: the answer's and the lock's; `ARGV`: as [`LOOKUP`], then the token and the lock's TTL. The
/// answer, or the holder's token, or nothing if the lock is ours now.
const ENTER: &str = concat!(
    answer!(),
    acquire!(),
    "return answer(KEYS[1], ARGV[1], ARGV[2]) or acquire(KEYS[2], ARGV[3], ARGV[4])"
);

/// `KEYS`: the answer's and the lock's; `ARGV`: the run, the answer's TTL, the JSON object, and the token.
const LEAVE: &str =
    concat!(keep!(), release!(), "keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) return release(KEYS[2], ARGV[4])");

/// `ARGV`: the run and the TTL.
const CHANGING: &str = r"
local time = redis.call('TIME')
if type(redis.pcall('HINCRBY', KEYS[1], 'changing', 1)) ~= 'number' then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'changing', 1)
end
redis.call('HSET', KEYS[1], 'stamp', ARGV[1] .. ':' .. time[1] .. string.format('%06d', time[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return true
";

/// `ARGV`: the run, the TTL, the status, 1 if it can be paid, and the rank.
const PUBLISH: &str = r"
local time = redis.call('TIME')
local changing = redis.pcall('HINCRBY', KEYS[1], 'changing', -1)
if type(changing) ~= 'number' then
  redis.call('DEL', KEYS[1])
  changing = 0
end
redis.call('HSET', KEYS[1], 'changing', math.max(changing, 0),
  'stamp', ARGV[1] .. ':' .. time[1] .. string.format('%06d', time[2]))
local rank = tonumber(redis.call('HGET', KEYS[1], 'rank') or '') or -1
if tonumber(ARGV[5]) >= rank then
  redis.call('HSET', KEYS[1], 'status', ARGV[3], 'payable', ARGV[4], 'rank', ARGV[5])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return true
";

/// `KEYS`: the counter's; `ARGV`: how long a window is, and how many to count. The count and the milliseconds until
/// the window ends.
const TAKE: &str = concat!(take!(), "return take(KEYS[1], ARGV[1], ARGV[2])");

/// As [`ENTER`], with the counter's key behind the others, then the window's length, the limit, and how many to count:
/// the count, and what entering comes to, or nothing if the first of them is over the limit.
const ENTER_COUNTED: &str = concat!(
    answer!(),
    acquire!(),
    take!(),
    r"
local rate = take(KEYS[3], ARGV[5], ARGV[7])
if rate[1] - tonumber(ARGV[7]) >= tonumber(ARGV[6]) then return {rate, false} end
return {rate, answer(KEYS[1], ARGV[1], ARGV[2]) or acquire(KEYS[2], ARGV[3], ARGV[4])}
"
);

/// Redis' time in microseconds, what names this run of the process, and 1 if this user may tell others of locks that are
/// given back. It writes, because a replica, or a Redis whose memory or disk is full, answers reads and is of no use;
/// and it publishes, so that those who listen hear once a second that they would hear.
const PROBE: &str = concat!(
    awaited!(),
    r"
local time = redis.call('TIME')
redis.call('SET', KEYS[1], '1', 'PX', 1000)
local note = redis.pcall('SET', awaited(KEYS[1]), '1', 'PX', 1000)
local tells = note.ok and type(redis.pcall('PUBLISH', 'payment:given_back', KEYS[1])) == 'number'
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
return {time[1] .. string.format('%06d', time[2]), run, tells and 1 or 0}
"
);

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            lookup: Script::new(LOOKUP),
            store: Script::new(STORE),
            changing: Script::new(CHANGING),
            publish: Script::new(PUBLISH),
            acquire: Script::new(ACQUIRE),
            release: Script::new(RELEASE),
            enter: Script::new(ENTER),
            enter_counted: Script::new(ENTER_COUNTED),
            leave: Script::new(LEAVE),
            take: Script::new(TAKE),
            probe: Script::new(PROBE),
        }
    }

    pub(super) fn all(&self) -> [&Script; 11] {
        [
            &self.lookup,
            &self.store,
            &self.changing,
            &self.publish,
            &self.acquire,
            &self.release,
            &self.enter,
            &self.enter_counted,
            &self.leave,
            &self.take,
            &self.probe,
        ]
    }
}
