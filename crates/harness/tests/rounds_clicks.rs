//! Double clicks, many presses at once, and one key for many consultations, on every combination.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use sekali_harness::http::Connection;
use sekali_harness::press::{Press, names_payment};
use sekali_harness::rounds::{Kind, Progress, Rounds, addresses};
use sekali_harness::site::{Combination, Site};
use tokio::time::Instant;

const DOUBLE_CLICKS: i64 = 1000;
const AT_ONCE: i64 = 200;
const PRESSES: usize = 50;

/// 1,000 double clicks 5 ms apart, and 200 rounds of 50 presses at once; every other round with the same
/// key for all its presses.
async fn clicks(combination: Combination) {
    let site = Site::start(combination).await;
    let all = DOUBLE_CLICKS + AT_ONCE;
    site.database.seed(all, |id| id).await;
    let double = Rounds { kind: Kind::DoubleClick, first: 1, last: DOUBLE_CLICKS, lanes: 8 };
    let at_once = Rounds { kind: Kind::AtOnce(PRESSES), first: DOUBLE_CLICKS + 1, last: all, lanes: 4 };
    let double = double.play(&site, &Progress::default()).await;
    let at_once = at_once.play(&site, &Progress::default()).await;
    let rows = site.database.holds(all).await;
    println!(
        "{combination:?}: {DOUBLE_CLICKS} double clicks in {double:.1?}, {AT_ONCE} rounds of {PRESSES} in \
         {at_once:.1?}; {rows:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_sqlite_in_memory() {
    clicks(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_sqlite_with_redis() {
    clicks(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_postgres_in_memory() {
    clicks(Combination::PostgresMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_postgres_with_redis() {
    clicks(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_through_two_servers() {
    clicks(Combination::TwoServers).await;
}

/// 20 rounds of one key for 50 consultations of one patient: the key is the patient's, and stands for
/// one request only.
async fn one_key_for_many(combination: Combination) {
    const ROUNDS: i64 = 20;
    const CONSULTATIONS: i64 = 50;
    let site = Site::start(combination).await;
    let patient = |id: i64| (id - 1) / CONSULTATIONS + 1;
    site.database.seed(ROUNDS * CONSULTATIONS, patient).await;
    let begun = Instant::now();
    let servers = addresses(&site);
    let mut connections: Vec<Connection> =
        servers.iter().cycle().take(50).map(|address| Connection::to(*address)).collect();
    for round in 0..ROUNDS {
        let presses =
            connections.iter_mut().zip(round * CONSULTATIONS + 1..).map(|(connection, id)| async move {
                let press = Press { user: patient(id), consultation: id, key: format!("one-key-{round}") };
                connection.call(&press.request()).await.expect("an answer")
            });
        let answers = join_all(presses).await;
        let created = answers.iter().filter(|answer| answer.status == 201 && names_payment(answer)).count();
        let refused = answers.iter().filter(|answer| answer.status == 422).count();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!((created, refused), (1, 49), "round {round}: {statuses:?}");
    }
    let rows = site.database.holds(ROUNDS).await;
    println!(
        "{combination:?}: {ROUNDS} keys for {CONSULTATIONS} consultations each in {:.1?}; {rows:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_sqlite_in_memory() {
    one_key_for_many(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_sqlite_with_redis() {
    one_key_for_many(Combination::SqliteRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_postgres_in_memory() {
    one_key_for_many(Combination::PostgresMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_postgres_with_redis() {
    one_key_for_many(Combination::PostgresRedis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_through_two_servers() {
    one_key_for_many(Combination::TwoServers).await;
}
