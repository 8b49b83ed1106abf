//! Clients that misbehave: they send too slowly, or too much. (Those that go away: `campaign_clients`.)
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_core::domain::Role;
use sekali_harness::http::{Connection, Request};
use sekali_harness::press::{Press, names_payment, token};
use sekali_harness::rounds::addresses;
use sekali_harness::site::{Combination, Site};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

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
