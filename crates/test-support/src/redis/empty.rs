//! An empty Redis, wherever it comes from.

use super::{TestRedis, server};
use redis::Connection;

/// The variable that names a Redis to use.
const GIVEN: &str = "TEST_REDIS_URL";
/// The databases of a given Redis that are tried; 0 is the one that somebody may be using.
const DATABASES: std::ops::RangeInclusive<i64> = 1..=15;
/// Says that a test is using the database. It ends by itself, should the test be killed.
const CLAIM: &str = "sekali:test";
const CLAIM_SECONDS: u64 = 660;

/// A Redis that is empty at first and that nobody else uses. It must not be stopped.
pub struct EmptyRedis {
    /// Its address.
    pub url: String,
    /// A connection to the given Redis, to leave it as it was.
    claimed: Option<Connection>,
    _private: Option<TestRedis>,
}

/// An empty database of the Redis that `TEST_REDIS_URL` names, or, where that is not set or has no
/// empty one left, a private server.
///
/// # Panics
/// When the Redis that is named cannot be reached, or the private one not be started.
pub fn empty() -> EmptyRedis {
    let given = std::env::var(GIVEN).ok().filter(|url| !url.is_empty());
    given.and_then(|url| claim(&url)).unwrap_or_else(|| {
        let server = server();
        EmptyRedis { url: server.url.clone(), claimed: None, _private: Some(server) }
    })
}

fn claim(url: &str) -> Option<EmptyRedis> {
    let client =
        redis::Client::open(url).unwrap_or_else(|error| panic!("{GIVEN} is no address of a Redis: {error}"));
    let mut connection = client
        .get_connection()
        .unwrap_or_else(|error| panic!("the Redis that {GIVEN} names cannot be reached: {error}"));
    for database in DATABASES {
        let selected: Result<(), _> = redis::cmd("SELECT").arg(database).query(&mut connection);
        if selected.is_ok() && is_ours(&mut connection) {
            let url = with_database(url, database);
            return Some(EmptyRedis { url, claimed: Some(connection), _private: None });
        }
    }
    None
}

/// Claims the selected database if nothing is in it. Two tests that ask at once: one of them sees
/// the other's claim, by failing to set its own.
fn is_ours(connection: &mut Connection) -> bool {
    let size: i64 = redis::cmd("DBSIZE").query(connection).unwrap_or(1);
    let mut claim = redis::cmd("SET");
    claim.arg(CLAIM).arg(1).arg("NX").arg("EX").arg(CLAIM_SECONDS);
    size == 0 && claim.query::<Option<String>>(connection).is_ok_and(|set| set.is_some())
}

/// The address with another database.
fn with_database(url: &str, database: i64) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    format!("{}/{database}", &url[..end])
}

impl Drop for EmptyRedis {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.claimed {
            // The database was empty and is claimed: all keys in it are this test's. What cannot be
            // deleted ends by itself within the claim's time.
            let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(connection).unwrap_or_default();
            let _: Result<(), _> = redis::cmd("DEL").arg(keys).query(connection);
        }
    }
}
