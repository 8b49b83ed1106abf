//! Clients that misbehave: they go away, send too slowly, or send too much.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use sekali_core::domain::Role;
use sekali_harness::database::Database;
use sekali_harness::http::{Connection, Request};
use sekali_harness::press::{Press, names_payment, payment_id, token};
use sekali_harness::rounds::addresses;
use sekali_harness::seed::Seeded;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const CLIENTS: i64 = 1000;
/// Go away side by side.
const BATCH: i64 = 100;
/// A client goes away within so many microseconds of sending.
const MOMENTS: u64 = 8000;
const SEED: u64 = 0x005e_4a11;

fn press(id: i64) -> Press {
    Press::own(id, format!("goes-away-{id}"))
}

/// 1,000 clients send and go away at random moments, then come back with the same key. Behind every
/// other batch the database waits until they are gone: those go in the middle of their transaction.
async fn clients_go_away(combination: Combination) {
    let begun = Instant::now();
    let site = Site::start(combination).await;
    site.database.seed(CLIENTS, |id| id).await;
    let (mut unanswered, mut retries) = (0, Vec::new());
    for first in (1..=CLIENTS).step_by(usize::try_from(BATCH).expect("a small number")) {
        let batch = first..first + BATCH;
        let hold = if first / BATCH % 2 == 1 { Some(site.database.hold(CLIENTS).await) } else { None };
        let gone = join_all(batch.clone().map(|id| goes_away(&site, id))).await;
        if let Some(hold) = hold {
            hold.let_go().await;
        }
        unanswered += gone.into_iter().filter(|answered| !answered).count();
        retries.extend(join_all(batch.map(|id| comes_back(&site, id))).await);
    }
    assert!(unanswered >= 500, "at least those that found the database waiting: {unanswered}");
    site.database.stores(&retries.iter().map(|retry| (retry.payment, retry.id)).collect::<Vec<_>>()).await;
    let rows = site.database.holds(CLIENTS).await;
    if matches!(site.database, Database::Postgres(_)) {
        nothing_is_left_open(&site).await;
    }
    let created = retries.iter().filter(|retry| retry.created).count();
    println!(
        "{combination:?}, seed {SEED:#x}: {CLIENTS} clients went away, {unanswered} without an answer; at the retry \
         {created} payments were made, the others found; {:.1?}; {rows:?}",
        begun.elapsed()
    );
}

/// Whether the answer came before the client went.
async fn goes_away(site: &Site, id: i64) -> bool {
    let mut random = Seeded::new(SEED + id.unsigned_abs());
    let mut connection = site.servers[0].connect();
    connection.send(&press(id).request()).await.expect("a server that listens");
    // The client's own moment, and not a wait for anything.
    let moment = Duration::from_micros(random.below(MOMENTS));
    let answered = timeout(moment, connection.answer()).await.is_ok();
    connection.hang_up(random.below(2) == 0);
    answered
}

struct Retry {
    id: i64,
    payment: i64,
    created: bool,
}

async fn comes_back(site: &Site, id: i64) -> Retry {
    let answer = site.servers[0].connect().call(&press(id).request()).await.expect("an answer to the retry");
    assert!(names_payment(&answer), "client {id}: {} {}", answer.status, answer.body);
    Retry { id, payment: payment_id(&answer), created: answer.status == 201 }
}

/// The service itself would end such a transaction only after 30 s.
async fn nothing_is_left_open(site: &Site) {
    let open = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    until("no connection is idle in transaction", Duration::from_secs(5), async || {
        (site.database.number(open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_away_from_sqlite_in_memory() {
    clients_go_away(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_away_from_postgres_with_redis() {
    clients_go_away(Combination::PostgresRedis).await;
}

/// A head has 15 s.
const SLOW_HEAD: Duration = Duration::from_secs(20);
const HALF_A_HEAD: &[u8] = b"POST /api/v1/payments HTTP/1.1\r\nhost: sekali.test\r\nx-half: ";

/// How long a connection that sent half a head was kept.
async fn half_a_head(address: SocketAddr) -> Duration {
    let mut connection = Connection::to(address);
    connection.send_bytes(HALF_A_HEAD).await.expect("a server that listens");
    let sent = Instant::now();
    connection.closed(SLOW_HEAD).await.expect("the server closes");
    sent.elapsed()
}

/// How long a connection was kept whose head comes in drops: each of them is progress, and still there
/// is an end.
async fn drops(address: SocketAddr) -> Duration {
    let mut connection = Connection::to(address);
    connection.send_bytes(HALF_A_HEAD).await.expect("a server that listens");
    let begun = Instant::now();
    while begun.elapsed() < SLOW_HEAD {
        // The pace of the client, and not a wait for anything.
        sleep(Duration::from_millis(500)).await;
        if connection.send_bytes(b"x").await.is_err() {
            return begun.elapsed();
        }
    }
    panic!("after {SLOW_HEAD:?} the server still takes drops");
}

/// What a body that never ends is answered with, and when.
async fn half_a_body(address: SocketAddr) -> (u16, Duration) {
    let mut connection = Connection::to(address);
    let authorization = token(1, Role::Patient);
    let head = format!(
        "POST /api/v1/payments HTTP/1.1\r\nhost: sekali.test\r\nauthorization: Bearer {authorization}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"consultation_id\":"
    );
    connection.send_bytes(head.as_bytes()).await.expect("a server that listens");
    let sent = Instant::now();
    (connection.answer().await.expect("an answer").status, sent.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_slowly_is_not_waited_for() {
    let site = Site::start(Combination::SqliteMemory).await;
    site.database.seed(1, |id| id).await;
    let address = addresses(&site)[0];
    let slow =
        tokio::spawn(async move { tokio::join!(half_a_head(address), drops(address), half_a_body(address)) });
    let mut others = 0;
    while !slow.is_finished() {
        let answer =
            site.servers[0].connect().call(&Press::own(1, "meanwhile").request()).await.expect("an answer");
        assert!(names_payment(&answer), "{}", answer.body);
        others += 1;
        sleep(Duration::from_millis(50)).await;
    }
    let (head, drops, (status, body)) = slow.await.expect("slow clients");
    assert!(head > Duration::from_secs(10), "half a head was given {head:?}");
    assert_eq!(status, 408);
    println!(
        "half a head closed after {head:.1?}, drops after {drops:.1?}, half a body 408 after {body:.1?}, {others} others served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_large_a_head_is_told_so() {
    let site = Site::start(Combination::SqliteMemory).await;
    let begun = Instant::now();
    let request = Request::get("/healthz").header("x-long", "x".repeat(64 * 1024));
    let mut connection = site.servers[0].connect();
    // The server need not take in all of it before it answers and closes.
    let _ = connection.send(&request).await;
    let answer = connection.answer().await.expect("an answer");
    assert_eq!(answer.status, 431);
    let next = site.servers[0].connect().call(&Request::get("/healthz")).await.expect("an answer");
    assert_eq!(next.status, 200);
    println!("a head of 64 KiB: 431; {:.1?}", begun.elapsed());
}
