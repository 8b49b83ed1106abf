//! PostgreSQL restarted, and crashed, under load: errors are 503 with nothing half-done, and afterwards
//! every key has its one payment.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::database::Database;
use sekali_harness::http::{Answer, Connection};
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::server::QUIET;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use sekali_test_support::postgres;
use sekali_test_support::redis::empty;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const LANES: usize = 16;
const MOST: i64 = 20_000;
const DEADLINE: Duration = Duration::from_secs(60);

/// What the load shares.
#[derive(Default)]
struct Load {
    next: AtomicI64,
    over: AtomicBool,
    created: AtomicI64,
    unavailable: AtomicI64,
}

/// A key, and what its press was answered: 201 or 409 with the payment, or nothing that tells.
type Pressed = (i64, Option<(u16, i64)>);

fn press(id: i64) -> Press {
    Press::own(id, format!("restart-{id}"))
}

async fn lane(address: SocketAddr, load: Arc<Load>) -> Vec<Pressed> {
    let mut connection = Connection::to(address);
    let mut pressed = Vec::new();
    while !load.over.load(Ordering::SeqCst) {
        let id = load.next.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(id <= MOST, "more presses than consultations");
        let answer = connection.call(&press(id).request()).await.expect("the service itself always answers");
        pressed.push((id, told(&answer)));
        let counter = if answer.status == 503 { &load.unavailable } else { &load.created };
        counter.fetch_add(1, Ordering::SeqCst);
    }
    pressed
}

fn told(answer: &Answer) -> Option<(u16, i64)> {
    if names_payment(answer) {
        return Some((answer.status, payment_id(answer)));
    }
    assert_eq!(answer.status, 503, "neither 201 nor 409 nor 503: {}", answer.body);
    assert!(answer.header("retry-after").is_some(), "503 says when to come back");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    None
}

async fn more(what: &str, counter: &AtomicI64, by: i64) {
    let wanted = counter.load(Ordering::SeqCst) + by;
    until(what, DEADLINE, async || (counter.load(Ordering::SeqCst) >= wanted).then_some(())).await;
}

/// Stops and starts PostgreSQL twice as an operator does and once as a crash does, with presses before,
/// while and after.
async fn restarts(server: &postgres::Server, load: &Load) {
    for crash in [false, true, false] {
        more("payments are made", &load.created, 100).await;
        if crash {
            server.kill();
        } else {
            server.stop();
        }
        more("presses are turned down", &load.unavailable, 20).await;
        server.start_again();
    }
    more("payments are made again", &load.created, 200).await;
    load.over.store(true, Ordering::SeqCst);
}

async fn restarted_under_load(combination: Combination) {
    let begun = Instant::now();
    let server = postgres::Server::start();
    let (database, redis) = (Database::Postgres(server.database()), combination.has_redis().then(empty));
    let url = redis.as_ref().map(|redis| redis.url.as_str());
    let site = Site::start_on(combination, database, url, QUIET).await;
    site.database.seed(MOST, |id| id).await;
    let load = Arc::new(Load::default());
    let mut lanes = JoinSet::new();
    for at in 0..LANES {
        let server = &site.servers[at % site.servers.len()];
        lanes.spawn(lane(server.address, load.clone()));
    }
    restarts(&server, &load).await;
    let mut pressed = BTreeMap::new();
    while let Some(lane) = lanes.join_next().await {
        pressed.extend(lane.expect("a lane of presses"));
    }
    let open = retry(&site, &mut pressed).await;
    let count = i64::try_from(pressed.len()).expect("a small number");
    let rows = site.database.holds(count).await;
    let answered: Vec<(i64, i64)> =
        pressed.iter().filter_map(|(id, told)| told.map(|(_, payment)| (payment, *id))).collect();
    assert_eq!(answered.len(), pressed.len(), "all are answered by now");
    site.database.stores(&answered).await;
    let verify = site.verify();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    println!(
        "{combination:?}: PostgreSQL restarted three times; {count} keys, {} of them turned down with 503 at first; \
         {:.1?}; {rows:?}",
        open,
        begun.elapsed()
    );
}

/// Presses again whatever was turned down; how many those were.
async fn retry(site: &Site, pressed: &mut BTreeMap<i64, Option<(u16, i64)>>) -> usize {
    let open: Vec<i64> = pressed.iter().filter(|(_, told)| told.is_none()).map(|(id, _)| *id).collect();
    for (at, id) in open.iter().enumerate() {
        let mut connection = site.servers[at % site.servers.len()].connect();
        let answer = connection.call(&press(*id).request()).await.expect("an answer");
        assert!(names_payment(&answer), "with the database back: {} {}", answer.status, answer.body);
        pressed.insert(*id, told(&answer));
    }
    open.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_restarted_under_load_in_memory() {
    restarted_under_load(Combination::PostgresMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_restarted_under_load_through_two_servers() {
    restarted_under_load(Combination::TwoServers).await;
}
