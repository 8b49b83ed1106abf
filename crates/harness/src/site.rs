//! A whole installation: a database, perhaps a Redis, and one server or several.

use crate::database::Database;
use crate::program;
use crate::server::{QUIET, SECRET, Server};
use sekali_test_support::redis::{EmptyRedis, empty};
use std::process::{Command, Output};

/// Which database, which coordination, how many servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    /// The embedded default.
    SqliteMemory,
    /// One server on a file, with Redis.
    SqliteRedis,
    /// One server on PostgreSQL, without Redis.
    PostgresMemory,
    /// One server on PostgreSQL, with Redis.
    PostgresRedis,
    /// Two servers on one PostgreSQL and one Redis; requests are spread over both.
    TwoServers,
}

impl Combination {
    /// A new database of its kind.
    pub fn database(self) -> Database {
        match self {
            Self::SqliteMemory | Self::SqliteRedis => Database::sqlite(),
            Self::PostgresMemory | Self::PostgresRedis | Self::TwoServers => Database::postgres(),
        }
    }

    /// Whether it has a Redis.
    pub fn has_redis(self) -> bool {
        !matches!(self, Self::SqliteMemory | Self::PostgresMemory)
    }

    /// So many servers.
    pub fn servers(self) -> usize {
        if self == Self::TwoServers { 2 } else { 1 }
    }
}

/// An installation that runs. Fields go in this order: servers before what they stand on.
pub struct Site {
    /// Its servers.
    pub servers: Vec<Server>,
    /// Its database.
    pub database: Database,
    _redis: Option<EmptyRedis>,
}

impl Site {
    /// Sets one up, with a Redis that it shares with nobody.
    pub async fn start(combination: Combination) -> Self {
        Self::start_logging(combination, QUIET).await
    }

    /// The same with another log filter.
    pub async fn start_logging(combination: Combination, log: &str) -> Self {
        let redis = combination.has_redis().then(empty);
        let url = redis.as_ref().map(|redis| redis.url.clone());
        Self {
            _redis: redis,
            ..Self::start_on(combination, combination.database(), url.as_deref(), log).await
        }
    }

    /// Sets one up on a database and a Redis that the test keeps in hand.
    pub async fn start_on(
        combination: Combination,
        database: Database,
        redis: Option<&str>,
        log: &str,
    ) -> Self {
        let settings = settings(&database.url(), redis, log);
        let mut servers = Vec::new();
        for _ in 0..combination.servers() {
            servers.push(Server::start(program::serve(), &settings).await);
        }
        Self { servers, database, _redis: None }
    }

    /// `sekali verify` on its database.
    pub fn verify(&self) -> Output {
        let url = self.database.url();
        let program = program::sekali();
        let run = Command::new(program).arg("verify").env_clear().env("DATABASE_URL", url).output();
        run.expect("sekali verify can be run")
    }
}

/// The settings of a server that is to be put to the test.
pub fn settings(database: &str, redis: Option<&str>, log: &str) -> Vec<(String, String)> {
    let fixed = [
        ("SEKALI_LISTEN", "127.0.0.1:0"),
        ("SEKALI_AUTO_MIGRATE", "1"),
        ("SEKALI_JWT_SECRET", SECRET),
        ("SEKALI_STRIPE_SIMULATOR", "1"),
        ("SEKALI_RATE_LIMIT", "0"),
        ("SEKALI_LOG", log),
        ("DATABASE_URL", database),
    ];
    let redis = redis.map(|url| ("REDIS_URL", url));
    fixed.into_iter().chain(redis).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
