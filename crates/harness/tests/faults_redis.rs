//! Redis flushed, stopped, frozen and started again in mid-run, and a Redis that refuses to write: never
//! more than one payment, and never a request turned down because of it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use redis::Connection;
use sekali_harness::database::Database;
use sekali_harness::press::{Press, names_payment, one_created};
use sekali_harness::rounds::{Kind, Progress, Rounds, addresses};
use sekali_harness::server::{QUIET, STEPS};
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use sekali_test_support::redis::{TestRedis, server};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const BLOCKS: i64 = 4;
const DOUBLE_CLICKS: i64 = 100;
const AT_ONCE: i64 = 15;
const BLOCK: i64 = DOUBLE_CLICKS + AT_ONCE;
const ROUNDS: i64 = BLOCKS * BLOCK;
/// The contract: Redis is used again within 2 s of its return.
const BACK: Duration = Duration::from_secs(2);
/// One number more: the press that shows that the cache works again.
const AFTERWARDS: i64 = ROUNDS + 1;

struct Run {
    combination: Combination,
    redis: TestRedis,
    site: Site,
    progress: Progress,
    playing: JoinHandle<()>,
    begun: Instant,
}

impl Run {
    async fn start(combination: Combination) -> Self {
        let redis = server();
        let site = Site::start_on(combination, combination.database(), Some(&redis.url), QUIET).await;
        site.database.seed(AFTERWARDS, |id| id).await;
        let progress = Progress::default();
        let playing = tokio::spawn(play(addresses(&site), progress.clone()));
        Self { combination, redis, site, progress, playing, begun: Instant::now() }
    }

    async fn reached(&self, rounds: i64) {
        let deadline = Duration::from_secs(120);
        until("the rounds go on", deadline, async || (self.progress.rounds() >= rounds).then_some(())).await;
    }

    async fn finish(self, what: &str) -> (TestRedis, Site) {
        // The message of the round that failed, as it is.
        self.playing.await.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        let rows = self.site.database.holds(ROUNDS).await;
        let (combination, took) = (self.combination, self.begun.elapsed());
        println!("{combination:?}, Redis {what}: {ROUNDS} rounds in {took:.1?}; {rows:?}");
        (self.redis, self.site)
    }
}

/// Double clicks and crowds in turn, so that whatever happens happens to both.
async fn play(servers: Vec<SocketAddr>, progress: Progress) {
    for block in 0..BLOCKS {
        let (first, last) = (block * BLOCK + 1, (block + 1) * BLOCK);
        let double = Rounds { kind: Kind::DoubleClick, first, last: last - AT_ONCE, lanes: 8 };
        double.play_on(&servers, &progress).await;
        let at_once = Rounds { kind: Kind::AtOnce(50), first: last - AT_ONCE + 1, last, lanes: 4 };
        at_once.play_on(&servers, &progress).await;
    }
}

fn connect(redis: &TestRedis) -> Connection {
    let client = redis::Client::open(redis.url.as_str()).expect("an address of Redis");
    client.get_connection().expect("a Redis that runs")
}

fn tell(redis: &mut Connection, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).exec(redis).unwrap_or_else(|error| panic!("{words:?}: {error}"));
}

/// Every server uses Redis again, and soon.
async fn is_back(site: &Site) {
    for server in &site.servers {
        until("Redis is used again", BACK, async || {
            (server.metric("sekali_redis_up").await == 1).then_some(())
        })
        .await;
    }
}

async fn flushed(combination: Combination) {
    let run = Run::start(combination).await;
    let mut redis = connect(&run.redis);
    let mut flushes = 0;
    while !run.playing.is_finished() {
        tell(&mut redis, &["FLUSHALL"]);
        flushes += 1;
        let seen = run.progress.rounds();
        let goes_on = async || (run.progress.rounds() > seen || run.playing.is_finished()).then_some(());
        until("the rounds go on", Duration::from_secs(60), goes_on).await;
    }
    run.finish(&format!("flushed {flushes} times")).await;
    assert!(flushes > 20, "it was flushed in mid-run: {flushes} times");
}

async fn stopped(combination: Combination) {
    let mut run = Run::start(combination).await;
    run.reached(ROUNDS / 3).await;
    run.redis.kill();
    run.finish("stopped").await;
}

async fn stopped_and_started(combination: Combination) {
    let mut run = Run::start(combination).await;
    run.reached(ROUNDS / 4).await;
    run.redis.kill();
    run.reached(ROUNDS / 2).await;
    run.redis.restart();
    let (_redis, site) = run.finish("stopped and started").await;
    is_back(&site).await;
    the_cache_answers(&site).await;
}

async fn frozen(combination: Combination) {
    let run = Run::start(combination).await;
    run.reached(ROUNDS / 4).await;
    run.redis.pause();
    run.reached(ROUNDS / 2).await;
    run.redis.resume();
    let (_redis, site) = run.finish("frozen for a while").await;
    is_back(&site).await;
    the_cache_answers(&site).await;
}

async fn the_cache_answers(site: &Site) {
    let server = &site.servers[0];
    let caught = r#"sekali_duplicates_total{caught="cache"}"#;
    let before = server.metric(caught).await;
    let press = Press::own(AFTERWARDS, "afterwards");
    let mut connection = server.connect();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(connection.call(&press.request()).await.expect("an answer"));
    }
    one_created(&answers);
    assert_eq!(server.metric(caught).await, before + 2, "the cache answers again");
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_beside_sqlite() {
    flushed(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_beside_postgres() {
    flushed(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_beside_two_servers() {
    flushed(Combination::TwoServers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_beside_sqlite() {
    stopped(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_beside_postgres() {
    stopped(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_beside_two_servers() {
    stopped(Combination::TwoServers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_started_beside_sqlite() {
    stopped_and_started(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_started_beside_postgres() {
    stopped_and_started(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_started_beside_two_servers() {
    stopped_and_started(Combination::TwoServers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_beside_sqlite() {
    frozen(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_beside_postgres() {
    frozen(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_beside_two_servers() {
    frozen(Combination::TwoServers).await;
}

/// A Redis that no longer answers costs one request its 50 ms; the others do not even ask it.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_one_request() {
    const PRESSES: i64 = 20;
    let redis = server();
    let site = Site::start_on(Combination::SqliteRedis, Database::sqlite(), Some(&redis.url), QUIET).await;
    site.database.seed(PRESSES, |id| id).await;
    let (server, mut connection) = (&site.servers[0], site.servers[0].connect());
    redis.pause();
    let mut times = Vec::new();
    for id in 1..=PRESSES {
        let begun = Instant::now();
        let answer = connection.call(&Press::own(id, "outage").request()).await.expect("an answer");
        times.push(begun.elapsed());
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    redis.resume();
    let failed = server.metric(FAILED).await;
    let spared = server.metric(r#"sekali_redis_errors_total{reason="cut_off"}"#).await;
    assert!(failed <= 1, "{failed} calls waited for Redis in vain");
    assert!(spared > 0, "the others were not sent");
    let rest: Duration = times[1..].iter().sum();
    println!(
        "Redis frozen: the first press {:.1?}, the {} after it {rest:.1?} in all; {failed} call lost",
        times[0],
        times.len() - 1
    );
}

/// Redis runs out of memory while the transaction is under way: the lock was taken, and the answer
/// cannot be cached.
async fn refuses_the_write(combination: Combination) {
    const PRESSES: i64 = 5;
    let redis = server();
    let site = Site::start_on(combination, combination.database(), Some(&redis.url), STEPS).await;
    site.database.seed(PRESSES, |id| id).await;
    let server = &site.servers[0];
    let mut control = connect(&redis);
    let begun = Instant::now();
    for id in 1..=PRESSES {
        let press = Press::own(id, format!("refused-{id}"));
        is_back(&site).await;
        let refused_before = server.metric(FAILED).await;
        let hold = site.database.hold(PRESSES).await;
        let (request, mut connection) = (press.request(), server.connect());
        let pressed = tokio::spawn(async move { connection.call(&request).await });
        let acquired = usize::try_from(id).expect("a small number");
        server.logged("Lock acquired", acquired, Duration::from_secs(5)).await;
        tell(&mut control, &["CONFIG", "SET", "maxmemory", "1"]);
        hold.let_go().await;
        let first = pressed.await.expect("a task").expect("an answer");
        assert_eq!(first.status, 201, "{}", first.body);
        assert!(names_payment(&first));
        assert!(server.metric(FAILED).await > refused_before, "Redis did refuse it");
        tell(&mut control, &["CONFIG", "SET", "maxmemory", "0"]);
        let again = server.connect().call(&press.request()).await.expect("an answer");
        one_created(&[first, again]);
    }
    let rows = site.database.holds(PRESSES).await;
    println!(
        "{combination:?}, Redis full after the commit: {PRESSES} times 201 in {:.1?}; {rows:?}",
        begun.elapsed()
    );
}

const FAILED: &str = r#"sekali_redis_errors_total{reason="failed"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn refuses_the_write_beside_sqlite() {
    refuses_the_write(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_the_write_beside_postgres() {
    refuses_the_write(Combination::PostgresRedis).await;
}
