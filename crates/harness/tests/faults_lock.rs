//! A lock that expires while its holder is still in the transaction: the database decides, and there is
//! one payment.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use rustix::process::Signal;
use sekali_core::ports::coordination::LOCK_TTL;
use sekali_harness::database::Database;
use sekali_harness::http::Answer;
use sekali_harness::press::{Press, one_created};
use sekali_harness::server::STEPS;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use sekali_test_support::redis::{TestRedis, server};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Longer than the lock's life, and less than what the database waits for a row (10 s).
const PATIENCE: Duration = Duration::from_secs(9);

/// An installation with one consultation, whose payment cannot be written yet.
struct Scene {
    combination: Combination,
    site: Site,
    redis: Option<TestRedis>,
    begun: Instant,
}

impl Scene {
    async fn set(combination: Combination) -> Self {
        let redis = combination.has_redis().then(server);
        let url = redis.as_ref().map(|redis| redis.url.as_str());
        let site = Site::start_on(combination, combination.database(), url, STEPS).await;
        site.database.seed(1, |id| id).await;
        Self { combination, site, redis, begun: Instant::now() }
    }

    /// Presses through the server whose turn it is.
    fn press(&self, number: usize, key: &str) -> JoinHandle<Answer> {
        let server = &self.site.servers[number % self.site.servers.len()];
        let (request, mut connection) = (Press::own(1, key).request(), server.connect());
        tokio::spawn(async move { connection.call(&request).await.expect("an answer") })
    }

    fn count(&self, text: &str) -> usize {
        self.site.servers.iter().map(|server| server.count_logged(text)).sum()
    }

    /// On a machine so laden that Redis does not answer in time, the service goes on without its lock.
    fn without_redis(&self) -> bool {
        self.redis.is_some() && self.count("Redis out of reach") > 0
    }

    async fn acquired(&self, times: usize) {
        let what = format!("the lock was acquired {times} times");
        let enough = || self.count("Lock acquired") >= times || self.without_redis();
        until(&what, PATIENCE, async || enough().then_some(())).await;
    }

    async fn end(self, presses: Vec<JoinHandle<Answer>>) {
        let answers = join_all(presses).await;
        let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.expect("a task")).collect();
        one_created(&answers);
        // The log comes a moment after the answer.
        let expired = || self.count("Lock had expired before it was released");
        until("the holder found its lock expired", PATIENCE, async || {
            (expired() >= 1 || self.without_redis()).then_some(())
        })
        .await;
        let rows = self.site.database.holds(1).await;
        println!("{:?}, lock expired: 3 presses in {:.1?}; {rows:?}", self.combination, self.begun.elapsed());
    }
}

/// On PostgreSQL the row is held for longer than the lock lives: in the end all three are in the database.
async fn expires_by_itself(combination: Combination) {
    let scene = Scene::set(combination).await;
    let hold = scene.site.database.hold(1).await;
    let mut presses = vec![scene.press(0, "one")];
    scene.acquired(1).await;
    let acquired = Instant::now();
    presses.push(scene.press(1, "one"));
    presses.push(scene.press(2, "another"));
    until("the lock is over, and all three wait for the row", PATIENCE, async || {
        let over = acquired.elapsed() > LOCK_TTL;
        (over && waiting(&scene.site.database).await == 3).then_some(())
    })
    .await;
    hold.let_go().await;
    scene.end(presses).await;
}

async fn waiting(database: &Database) -> i64 {
    database
        .number(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn expires_on_postgres_in_memory() {
    expires_by_itself(Combination::PostgresMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expires_on_postgres_with_redis() {
    expires_by_itself(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expires_between_two_servers() {
    expires_by_itself(Combination::TwoServers).await;
}

/// SQLite waits no longer for a writer than the lock lives, so the holder itself is stopped in its
/// transaction, as a machine that is moved or starved stops, and finds itself past the lock's end.
#[tokio::test(flavor = "multi_thread")]
async fn expires_on_sqlite_in_memory() {
    let scene = Scene::set(Combination::SqliteMemory).await;
    let hold = scene.site.database.hold(1).await;
    let mut presses = vec![scene.press(0, "one")];
    scene.acquired(1).await;
    scene.site.servers[0].signal(Signal::STOP);
    // Not to wait for something: this is how long the process is stopped.
    sleep(LOCK_TTL + Duration::from_millis(100)).await;
    scene.site.servers[0].signal(Signal::CONT);
    presses.push(scene.press(0, "one"));
    scene.acquired(2).await;
    presses.push(scene.press(0, "another"));
    hold.let_go().await;
    scene.end(presses).await;
}

/// The same beside Redis, which is told that the lock's time is over.
#[tokio::test(flavor = "multi_thread")]
async fn expires_on_sqlite_with_redis() {
    let scene = Scene::set(Combination::SqliteRedis).await;
    let hold = scene.site.database.hold(1).await;
    let mut presses = vec![scene.press(0, "one")];
    scene.acquired(1).await;
    let url = scene.redis.as_ref().map(|redis| redis.url.clone()).expect("a Redis");
    let mut redis = redis::Client::open(url).and_then(|client| client.get_connection()).expect("a Redis");
    let found: i64 =
        redis::cmd("PEXPIRE").arg("payment:lock:1:1").arg(1).query(&mut redis).expect("an answer");
    assert_eq!(found, 1, "the lock has the contract's name");
    // The same key would wait for the first press on its server, and not for the lock.
    presses.push(scene.press(0, "another"));
    scene.acquired(2).await;
    presses.push(scene.press(0, "one"));
    hold.let_go().await;
    scene.end(presses).await;
}
