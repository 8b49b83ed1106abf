//! `kill -9` of the server under load, at random moments, again and again: what was answered is there,
//! and every key that was not answered has its one payment at the retry.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::database::Database;
use sekali_harness::http::Connection;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::program;
use sekali_harness::seed::Seeded;
use sekali_harness::server::{QUIET, Server};
use sekali_harness::site::{Combination, Site, settings};
use sekali_harness::wait::until;
use sekali_test_support::redis::empty;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CRASHES: u64 = 12;
const LANES: usize = 12;
const MOST: i64 = 10_000;
const SEED: u64 = 0xdead_0009;

#[derive(Default)]
struct Load {
    next: AtomicI64,
    answered: AtomicI64,
}

fn press(id: i64) -> Press {
    Press::own(id, format!("crash-{id}"))
}

/// Presses until the server is dead: payments that were answered with their consultations, and the
/// consultation whose press was not.
async fn lane(address: SocketAddr, load: Arc<Load>) -> (Vec<(i64, i64)>, i64) {
    let mut connection = Connection::to(address);
    let mut answered = Vec::new();
    loop {
        let id = load.next.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(id <= MOST, "more presses than consultations");
        let Ok(answer) = connection.call(&press(id).request()).await else { return (answered, id) };
        assert!(names_payment(&answer), "{} {}", answer.status, answer.body);
        answered.push((payment_id(&answer), id));
        load.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// One life of a server under load, to its sudden end.
async fn one_life(server: Server, load: &Arc<Load>, answers: i64) -> (Vec<(i64, i64)>, Vec<i64>) {
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(lane(server.address, load.clone()));
    }
    let wanted = load.answered.load(Ordering::SeqCst) + answers;
    until("presses are answered", Duration::from_secs(60), async || {
        (load.answered.load(Ordering::SeqCst) >= wanted).then_some(())
    })
    .await;
    // Killed by its going.
    drop(server);
    let (mut answered, mut unanswered) = (Vec::new(), Vec::new());
    while let Some(lane) = lanes.join_next().await {
        let (some, last) = lane.expect("a lane of presses");
        answered.extend(some);
        unanswered.push(last);
    }
    (answered, unanswered)
}

async fn crashes(combination: Combination) {
    let begun = Instant::now();
    let (database, redis) = (combination.database(), combination.has_redis().then(empty));
    let redis = redis.as_ref().map(|redis| redis.url.as_str());
    let (mut random, load) = (Seeded::new(SEED), Arc::new(Load::default()));
    let (mut answered, mut unanswered) = (Vec::new(), Vec::new());
    for crash in 0..CRASHES {
        let server = Server::start(program::serve(), &settings(&database.url(), redis, QUIET)).await;
        if crash == 0 {
            database.seed(MOST, |id| id).await;
        }
        let answers = i64::try_from(5 + random.below(100)).expect("a small number");
        let (some, last) = one_life(server, &load, answers).await;
        answered.extend(some);
        unanswered.extend(last);
    }
    let site = Site::start_on(combination, database, redis, QUIET).await;
    let (all, made) = retry(&site, answered, &unanswered).await;
    let rows = check(&site.database, &all).await;
    let verify = site.verify();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    println!(
        "{combination:?}, seed {SEED:#x}: {CRASHES} crashes; of {} keys without an answer {made} were made at the \
         retry and the others found; {:.1?}; {rows}",
        unanswered.len(),
        begun.elapsed()
    );
}

/// Presses again what was not answered: all payments by then, and how many were made only now.
async fn retry(site: &Site, answered: Vec<(i64, i64)>, unanswered: &[i64]) -> (Vec<(i64, i64)>, usize) {
    let (mut all, mut made) = (answered, 0);
    let mut connection = site.servers[0].connect();
    for id in unanswered {
        let answer = connection.call(&press(*id).request()).await.expect("an answer");
        assert!(names_payment(&answer), "{} {}", answer.status, answer.body);
        made += usize::from(answer.status == 201);
        all.push((payment_id(&answer), *id));
    }
    (all, made)
}

async fn check(database: &Database, all: &[(i64, i64)]) -> String {
    database.stores(all).await;
    let rows = database.holds(i64::try_from(all.len()).expect("a small number")).await;
    format!("{rows:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_on_sqlite_in_memory() {
    crashes(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_on_postgres_with_redis() {
    crashes(Combination::PostgresRedis).await;
}
