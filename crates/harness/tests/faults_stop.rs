//! SIGTERM under load: no new requests, those under way are finished, and the end comes within 10 s.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use rustix::process::Signal;
use sekali_harness::http::Connection;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::server::STEPS;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Requests that are known to be under way when the signal comes.
const HELD: i64 = 10;
const LANES: i64 = 8;
const MOST: i64 = 20_000;
/// The contract's.
const END: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(5);

fn press(id: i64) -> Press {
    Press::own(id, format!("stop-{id}"))
}

/// Presses until the server takes no more: which payments were answered, for which consultations, and
/// which press was not.
async fn lane(address: SocketAddr, lane: i64) -> (Vec<(i64, i64)>, i64) {
    let mut connection = Connection::to(address);
    let mut answered = Vec::new();
    for id in (HELD + 1 + lane..=MOST).step_by(usize::try_from(LANES).expect("a small number")) {
        // An idle connection may be closed just as the next request goes out: that one was not taken.
        let Ok(answer) = connection.call(&press(id).request()).await else { return (answered, id) };
        assert!(names_payment(&answer), "{} {}", answer.status, answer.body);
        answered.push((payment_id(&answer), id));
    }
    panic!("the server never stopped");
}

async fn stopped_under_load(combination: Combination) {
    let mut site = Site::start_logging(combination, STEPS).await;
    site.database.seed(MOST, |id| id).await;
    let address = site.servers[0].address;
    let mut lanes = JoinSet::new();
    for at in 0..LANES {
        lanes.spawn(lane(address, at));
    }
    site.servers[0].logged("Payment: New payment created", 50, SOON).await;
    let hold = site.database.hold(HELD).await;
    let under_way: Vec<_> = (1..=HELD)
        .map(|id| {
            let mut connection = site.servers[0].connect();
            tokio::spawn(async move { connection.call(&press(id).request()).await })
        })
        .collect();
    for id in 1..=HELD {
        let acquired = format!(r#""lock_key":"payment:lock:{id}:{id}""#);
        until("it is under way", SOON, async || (site.servers[0].count_logged(&acquired) > 0).then_some(()))
            .await;
    }
    let told = Instant::now();
    site.servers[0].signal(Signal::TERM);
    site.servers[0].logged("Stopping", 1, SOON).await;
    until("nobody listens any more", SOON, async || TcpStream::connect(address).await.is_err().then_some(()))
        .await;
    hold.let_go().await;
    for answer in join_all(under_way).await {
        let answer = answer.expect("a task").expect("a request under way is answered");
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let end = site.servers[0].ended(END.saturating_sub(told.elapsed())).await;
    let took = told.elapsed();
    assert_eq!(end.code(), Some(0), "{}", site.servers[0].said());
    check_load(&site, lanes, combination, took).await;
}

/// Every payment that was answered is there, and no key has more than one.
async fn check_load(
    site: &Site,
    mut lanes: JoinSet<(Vec<(i64, i64)>, i64)>,
    combination: Combination,
    took: Duration,
) {
    let (mut answered, mut unanswered) = (Vec::new(), Vec::new());
    while let Some(lane) = lanes.join_next().await {
        let (some, last) = lane.expect("a lane of presses");
        answered.extend(some);
        unanswered.push(last);
    }
    site.database.stores(&answered).await;
    // A payment more would be one that was made and not answered: its request was under way.
    let rows = site.database.holds(i64::try_from(answered.len()).expect("a small number") + HELD).await;
    println!(
        "{combination:?}: ended {took:.1?} after SIGTERM with exit code 0; {HELD} requests under way were finished, \
         {} had been answered, {} came too late; {rows:?}",
        answered.len(),
        unanswered.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_on_sqlite_in_memory() {
    stopped_under_load(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_on_postgres_with_redis() {
    stopped_under_load(Combination::PostgresRedis).await;
}
