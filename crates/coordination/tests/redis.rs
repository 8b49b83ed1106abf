//! The suite of the ports on Redis, and what the keys hold.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use async_trait::async_trait;
use futures_util::StreamExt;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sekali_coordination::RedisCoordination;
use sekali_core::contract::coordination::{Bench, Coordination, cached, passes};
use sekali_core::domain::{ConsultationId, IdempotencyKey, PaymentId, Status, UserId};
use sekali_core::ports::{
    Count, Current, Entered, GivenBack, IdempotencyCache, Lock, LockAttempt, LockName, LockToken, RateLimit,
    StatusBoard, Turnstile,
};
use sekali_test_support::redis::{EmptyRedis, empty, server};
use std::sync::Arc;
use std::time::Duration;
use support::{clock, connect_patiently, random, raw, until};

struct OnRedis {
    _redis: EmptyRedis,
    raw: MultiplexedConnection,
    coordination: Arc<RedisCoordination>,
}

impl OnRedis {
    async fn open() -> Self {
        let redis = empty();
        let (raw, coordination) = (raw(&redis.url).await, connect_patiently(&redis.url).await);
        Self { _redis: redis, raw, coordination }
    }
}

#[async_trait]
impl Bench for OnRedis {
    fn coordination(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.coordination) as _
    }

    /// Takes that much off what every key has left to live.
    async fn advance(&self, duration: Duration) {
        let mut redis = self.raw.clone();
        let keys: Vec<Vec<u8>> = redis.keys("payment:*").await.unwrap();
        for key in keys {
            let left: i64 = redis.pttl(&key).await.unwrap();
            assert_ne!(left, -1, "{} never ends", String::from_utf8_lossy(&key));
            // Redis takes an expiry in the past for a deletion.
            let less = left - i64::try_from(duration.as_millis()).unwrap();
            let _: bool = redis.pexpire(&key, less).await.unwrap();
        }
    }
}

fn key() -> IdempotencyKey {
    IdempotencyKey::new("k").unwrap()
}

const USER: UserId = UserId(1);
const LOCK: LockName = LockName { consultation: ConsultationId(5), user: USER };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_of_the_ports() {
    passes(OnRedis::open).await;
}

#[tokio::test]
async fn names_values_and_ends_are_the_contracts() {
    let bench = OnRedis::open().await;
    let mut redis = bench.raw.clone();
    bench.coordination.store(USER, &key(), &cached(100, Status::Pending)).await.unwrap();
    bench.coordination.changing(PaymentId(100)).await.unwrap();
    bench.coordination.try_acquire(LOCK, &LockToken::new(7, "tag")).await.unwrap();
    bench.coordination.take("user:1", 100).await.unwrap();

    let text: String = redis.get("payment:idempotency:1:k").await.unwrap();
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&entry["type"], &entry["payment_id"], &entry["status"]),
        (&"new".into(), &100.into(), &"pending".into())
    );
    let token: String = redis.get("payment:lock:5:1").await.unwrap();
    assert_eq!(token, LockToken::new(7, "tag").0);
    let most = [
        ("payment:idempotency:1:k", 300_000),
        ("payment:status:100", 600_000),
        ("payment:lock:5:1", 5_000),
        ("payment:rate:user:1", 60_000),
    ];
    for (name, most) in most {
        let left: i64 = redis.pttl(name).await.unwrap();
        assert!(left > most - 3_000 && left <= most, "{name} ends in {left} ms");
    }
}

#[tokio::test]
async fn a_lookup_is_one_command_from_the_first_on() {
    // Redis counts commands for all of its clients.
    let server = server();
    let (mut redis, coordination) = (raw(&server.url).await, connect_patiently(&server.url).await);
    coordination.store(USER, &key(), &cached(100, Status::Pending)).await.unwrap();
    let calls = async |redis: &mut MultiplexedConnection| -> u64 {
        let stats: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
        let calls = stats.split("cmdstat_evalsha:calls=").nth(1).unwrap().split(',').next().unwrap();
        calls.parse().unwrap()
    };
    let _: () = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut redis).await.unwrap();
    for n in 1..=3 {
        coordination.lookup(USER, &key()).await.unwrap().unwrap();
        // A heartbeat may lie between.
        let calls = calls(&mut redis).await;
        assert!((n..=n + 1).contains(&calls), "{calls} commands for {n} lookups");
    }
}

#[tokio::test]
async fn bytes_of_others_are_no_answer_and_no_error() {
    let bench = OnRedis::open().await;
    let (redis, coordination) = (&mut bench.raw.clone(), &*bench.coordination);
    let name = "payment:idempotency:1:k";
    coordination.store(USER, &key(), &cached(100, Status::Pending)).await.unwrap();
    let good: String = redis.get(name).await.unwrap();
    let bad = [
        String::new(),
        "null".into(),
        "{}".into(),
        "\u{0}\u{7f}".into(),
        good[..good.len() - 1].to_owned(),
        good.replace("pending", "lost"),
        good.replace("PHP", "XXX"),
        good.replace(r#""user_id":1,"#, r#""user_id":2,"#),
        good.replace(r#""payment_id":100"#, r#""payment_id":-1"#),
        good.replace(r#""stamp":""#, r#""stamp":"x"#),
    ];
    for value in bad {
        let _: () = redis.set(name, &value).await.unwrap();
        assert_eq!(coordination.lookup(USER, &key()).await, Ok(None), "{value}");
    }
    let _: () = redis.set(name, b"\xff\xfe\"payment_id\":100").await.unwrap();
    assert_eq!(coordination.lookup(USER, &key()).await, Ok(None));
    let _: () = redis.del(name).await.unwrap();
    let _: () = redis.lpush(name, "a list").await.unwrap();
    assert_eq!(coordination.lookup(USER, &key()).await, Ok(None));
    coordination.store(USER, &key(), &cached(100, Status::Pending)).await.unwrap();
    assert!(coordination.lookup(USER, &key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_board_a_lock_and_a_count_of_others_do_not_stop_anybody() {
    let bench = OnRedis::open().await;
    let (redis, coordination) = (&mut bench.raw.clone(), &*bench.coordination);
    coordination.store(USER, &key(), &cached(100, Status::Pending)).await.unwrap();
    let current = async || coordination.lookup(USER, &key()).await.unwrap().unwrap().current;

    let _: () = redis.set("payment:status:100", "completed").await.unwrap();
    assert_eq!(current().await, Current::Changing, "what cannot be read is asked of the database");
    coordination.changing(PaymentId(100)).await.unwrap();
    assert_eq!(current().await, Current::Changing);
    coordination.publish(&cached(100, Status::Processing).receipt.payment).await.unwrap();
    assert_eq!(current().await, Current::Known { status: Status::Processing, can_be_paid: true });
    let _: () = redis.set("payment:status:100", "completed").await.unwrap();
    coordination.publish(&cached(100, Status::Completed).receipt.payment).await.unwrap();
    assert_eq!(current().await, Current::Known { status: Status::Completed, can_be_paid: false });

    let token = LockToken::new(1, "tag");
    let _: () = redis.lpush("payment:lock:5:1", "a list").await.unwrap();
    assert_eq!(coordination.release(LOCK, &token).await, Ok(false));
    assert_eq!(coordination.try_acquire(LOCK, &token).await, Ok(LockAttempt::Acquired));
    let _: () = redis.set("payment:lock:5:1", "held for ever").await.unwrap();
    assert_eq!(coordination.try_acquire(LOCK, &token).await, Ok(LockAttempt::Acquired));

    let _: () = redis.set("payment:rate:b", "many").await.unwrap();
    assert_eq!(coordination.take("b", 100).await.unwrap().remaining, 99);
    let _: () = redis.set("payment:rate:b", "500").await.unwrap();
    let over = coordination.take("b", 100).await.unwrap();
    assert_eq!((over.remaining, over.retry_after), (0, Some(Duration::from_secs(60))));
}

#[tokio::test]
async fn dropped_calls_leave_the_connection_in_order() {
    let bench = OnRedis::open().await;
    let coordination = &*bench.coordination;
    for n in 0..300_u32 {
        let user = UserId(i64::from(n % 7) + 1);
        let mut entry = cached(i64::from(n), Status::Pending);
        entry.receipt.payment.user = user;
        coordination.store(user, &key(), &entry).await.unwrap();
        let (other, other_key) = (UserId(user.0 + 100), key());
        let dropped = coordination.lookup(other, &other_key);
        // Polled a few times, then dropped with its answer still on the way.
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(n % 40)), dropped).await;
        let found = coordination.lookup(user, &key()).await.unwrap().unwrap();
        assert_eq!(found.cached.receipt.payment.id, PaymentId(i64::from(n)), "each answer to its question");
    }
}

#[tokio::test]
async fn a_password_in_a_wrong_address_is_not_repeated() {
    let outcome = RedisCoordination::connect("redis://:hunter2@:x", clock(), random()).await;
    let error = outcome.err().unwrap().to_string();
    assert!(!error.contains("hunter2") && error.contains("not the address of a Redis"), "{error}");
}

/// Listens as soon as word would come.
async fn listening(coordination: &RedisCoordination) -> GivenBack {
    let mut told = None;
    until(async || {
        told = coordination.given_back(LOCK);
        told.is_some()
    })
    .await;
    told.unwrap()
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_lock_given_back_on_one_server_wakes_who_waits_on_another() {
    let redis = empty();
    let (one, other) = (connect_patiently(&redis.url).await, connect_patiently(&redis.url).await);
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "tag"));
    let told = listening(&other).await;
    assert_eq!(one.try_acquire(LOCK, &mine).await.unwrap(), LockAttempt::Acquired);
    assert_eq!(other.try_acquire(LOCK, &yours).await.unwrap(), LockAttempt::Held(mine.clone()));
    assert!(one.release(LOCK, &mine).await.unwrap());
    tokio::time::timeout(SOON, told).await.expect("nobody told the other server");
    assert_eq!(other.try_acquire(LOCK, &yours).await.unwrap(), LockAttempt::Acquired);
}

#[tokio::test]
async fn nothing_is_said_of_a_lock_for_which_nobody_waits() {
    let redis = server();
    let (mut raw, coordination) = (raw(&redis.url).await, connect_patiently(&redis.url).await);
    let mut hears = redis::Client::open(redis.url.as_str()).unwrap().get_async_pubsub().await.unwrap();
    hears.subscribe("payment:given_back").await.unwrap();
    let mine = LockToken::new(1, "tag");
    for waited_for in [false, true] {
        assert_eq!(coordination.try_acquire(LOCK, &mine).await.unwrap(), LockAttempt::Acquired);
        if waited_for {
            coordination.try_acquire(LOCK, &LockToken::new(2, "tag")).await.unwrap();
        }
        assert!(coordination.release(LOCK, &mine).await.unwrap());
        let _: () = raw.publish("payment:given_back", "the end").await.unwrap();
        let mut said = 0;
        loop {
            let word: String = hears.on_message().next().await.unwrap().get_payload().unwrap();
            match word.as_str() {
                "the end" => break,
                word => said += u32::from(word == LOCK.to_string()),
            }
        }
        assert_eq!(said, u32::from(waited_for));
    }
    let left: Vec<String> = raw.keys("payment:*").await.unwrap();
    assert!(left.iter().all(|key| key.ends_with("payment:probe")), "{left:?}");
}

#[tokio::test]
async fn whoever_listens_looks_for_himself_when_the_connection_ends() {
    let redis = server();
    let (mut raw, coordination) = (raw(&redis.url).await, connect_patiently(&redis.url).await);
    let told = listening(&coordination).await;
    let _: () =
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async(&mut raw).await.unwrap();
    tokio::time::timeout(SOON, told).await.expect("left alone");
    // And word comes again.
    let told = listening(&coordination).await;
    let mine = LockToken::new(1, "tag");
    assert_eq!(coordination.try_acquire(LOCK, &mine).await.unwrap(), LockAttempt::Acquired);
    coordination.try_acquire(LOCK, &LockToken::new(2, "tag")).await.unwrap();
    assert!(coordination.release(LOCK, &mine).await.unwrap());
    tokio::time::timeout(SOON, told).await.expect("the new connection hears nothing");
}

/// A user of Redis who may not publish, subscribe or leave notes has locks all the same, and no outage.
#[tokio::test]
async fn without_the_rights_to_tell_there_is_a_lock_and_nobody_tells() {
    let keys =
        ["lock:*", "idempotency:*", "status:*", "rate:*", "probe"].map(|key| format!("~payment:{key}"));
    let no_notes = [&["resetkeys".to_owned(), "resetchannels".to_owned()], &keys[..]].concat();
    let hears_but_no_notes = [&["resetkeys".to_owned(), "allchannels".to_owned()], &keys[..]].concat();
    let word = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let (no_word, hears) = (word(&["resetchannels", "-publish", "-subscribe"]), word(&["-publish"]));
    for rules in [no_word, hears, no_notes, hears_but_no_notes] {
        let redis = server();
        let mut raw = raw(&redis.url).await;
        let _: () =
            redis::cmd("ACL").arg("SETUSER").arg("default").arg(&rules).query_async(&mut raw).await.unwrap();
        let coordination = connect_patiently(&redis.url).await;
        let (mine, other) = (LockToken::new(1, "tag"), LockToken::new(2, "tag"));
        until(async || tried(&mut raw, "subscribe").await).await;
        for _ in 0..20 {
            let tried = coordination.try_acquire(LOCK, &mine).await;
            assert_eq!(tried, Ok(LockAttempt::Acquired), "{rules:?}");
            let tried = coordination.try_acquire(LOCK, &other).await;
            assert_eq!(tried, Ok(LockAttempt::Held(mine.clone())), "{rules:?}");
            assert_eq!(coordination.release(LOCK, &mine).await, Ok(true), "{rules:?}");
            assert!(coordination.given_back(LOCK).is_none());
        }
    }
}

/// What Redis has sent so far, in bytes.
async fn sent(redis: &mut MultiplexedConnection) -> i64 {
    let info: String = redis::cmd("INFO").arg("stats").query_async(redis).await.unwrap();
    info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap().parse().unwrap()
}

async fn found(coordination: &RedisCoordination) -> Option<(i64, Current)> {
    let found = coordination.lookup(USER, &key()).await.unwrap()?;
    Some((found.cached.receipt.payment.id.0, found.current))
}

fn known(status: Status) -> Current {
    Current::of(&cached(1, status).receipt.payment)
}

#[tokio::test]
async fn an_answer_is_sent_to_a_server_once_and_its_status_each_time() {
    let redis = server();
    let mut raw = raw(&redis.url).await;
    let (one, other) = (connect_patiently(&redis.url).await, connect_patiently(&redis.url).await);
    let mut answer = cached(100, Status::Pending);
    answer.receipt.invoice.number = "9".repeat(100_000);
    one.store(USER, &key(), &answer).await.unwrap();
    let mut cost = Vec::new();
    for _ in 0..2 {
        let before = sent(&mut raw).await;
        assert_eq!(other.lookup(USER, &key()).await.unwrap().unwrap().cached, answer);
        cost.push(sent(&mut raw).await - before);
    }
    assert!(cost[0] > 100_000 && cost[1] < 20_000, "{cost:?}");

    // The payment moves on elsewhere.
    let mut payment = answer.receipt.payment.clone();
    one.changing(payment.id).await.unwrap();
    assert_eq!(found(&other).await, Some((100, Current::Changing)));
    payment.status = Status::Completed;
    one.publish(&payment).await.unwrap();
    assert_eq!(found(&other).await, Some((100, known(Status::Completed))));

    // The key stands for another payment by now: the database was restored.
    one.store(USER, &key(), &cached(200, Status::Pending)).await.unwrap();
    assert_eq!(found(&other).await, Some((200, known(Status::Pending))));
    let _: () = redis::cmd("FLUSHALL").query_async(&mut raw).await.unwrap();
    assert_eq!(found(&other).await, None, "what Redis does not have is not known");
}

#[tokio::test]
async fn the_last_status_of_a_payment_is_asked_of_nobody() {
    let redis = server();
    let mut raw = raw(&redis.url).await;
    let coordination = connect_patiently(&redis.url).await;
    let (token, count) = (LockToken::new(1, "tag"), Count { bucket: "1", limit: 5, times: 1 });
    for (status, last) in Status::ALL.map(|status| {
        (status, matches!(status, Status::Failed | Status::Cancelled | Status::Expired | Status::Refunded))
    }) {
        coordination.store(USER, &key(), &cached(100, status)).await.unwrap();
        assert_eq!(found(&coordination).await, Some((100, known(status))));
        let _: () = redis::cmd("FLUSHALL").query_async(&mut raw).await.unwrap();
        assert_eq!(found(&coordination).await, last.then_some((100, known(status))), "{status}");
        if last {
            let entered = coordination.enter(LOCK, &key(), &token).await.unwrap();
            assert!(matches!(entered, Entered::Known(_)), "{status}: {entered:?}");
            // Counted all the same.
            for left in (0..5).rev() {
                let (rates, entered) = coordination.enter_counted(count, LOCK, &key(), &token).await.unwrap();
                assert_eq!(rates[0].remaining, left);
                assert!(matches!(entered, Some(Entered::Known(_))), "{status}: {entered:?}");
            }
            let (rates, entered) = coordination.enter_counted(count, LOCK, &key(), &token).await.unwrap();
            assert!(rates[0].is_over() && entered.is_none(), "{status}");
        }
    }
}

/// Whether a command was sent, be it refused or not.
async fn tried(redis: &mut MultiplexedConnection, command: &str) -> bool {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
    let name = format!("cmdstat_{command}:");
    let stats = info.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
    stats.split(',').any(|stat| stat.contains("calls=") && !stat.ends_with("calls=0"))
}

/// Calls of a command so far, by scripts too.
async fn calls(redis: &mut MultiplexedConnection, command: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
    let name = format!("cmdstat_{command}:calls=");
    let count = info.lines().find_map(|line| line.strip_prefix(&name)?.split(',').next());
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_payment_asks_twice_and_a_duplicate_once() {
    // Not one that others use at the same time.
    let redis = server();
    let (mut raw, coordination) = (raw(&redis.url).await, connect_patiently(&redis.url).await);
    let mut counted = Vec::new();
    let count = Count { bucket: "1", limit: 100, times: 1 };
    for attempt in 0..20 {
        let key = IdempotencyKey::new(format!("k{attempt}")).unwrap();
        let token = LockToken::new(attempt, "tag");
        let begun = calls(&mut raw, "evalsha").await;
        let (_, entered) = coordination.enter_counted(count, LOCK, &key, &token).await.unwrap();
        assert_eq!(entered, Some(Entered::Acquired));
        assert!(coordination.leave(LOCK, &key, &cached(100, Status::Pending), &token).await.unwrap());
        let paid = calls(&mut raw, "evalsha").await;
        let (_, entered) = coordination.enter_counted(count, LOCK, &key, &token).await.unwrap();
        assert!(matches!(entered, Some(Entered::Known(_))));
        counted.push((paid - begun, calls(&mut raw, "evalsha").await - paid));
    }
    // A heartbeat that comes in between, once a second, is one call more.
    assert_eq!(counted.into_iter().min(), Some((2, 1)));
}
