//! Clients that only take up room, and a gateway that never answers: neither keeps the others out, nor
//! the service from stopping.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use hmac::{Hmac, KeyInit, Mac};
use rustix::process::Signal;
use sekali::system::SystemClock;
use sekali_core::ports::Clock;
use sekali_harness::database::Database;
use sekali_harness::http::{Connection, Request};
use sekali_harness::press::Press;
use sekali_harness::program;
use sekali_harness::server::Server;
use sekali_harness::site::settings;
use serde_json::json;
use sha2::Sha256;
use std::fmt::Write;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The contract's.
const END: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(5);
const WEBHOOK_SECRET: &str = "whsec_of_the_harness";

async fn server(database: &Database, more: &[(&str, &str)]) -> Server {
    let mut all = settings(&database.url(), None, "info");
    all.retain(|(name, _)| !more.iter().any(|(other, value)| name == other && value.is_empty()));
    all.extend(
        more.iter().filter(|(_, value)| !value.is_empty()).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    Server::start(program::serve(), &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_arrive_take_nobodys_place() {
    let database = Database::sqlite();
    let server = server(&database, &[("SEKALI_MAX_IN_FLIGHT", "4")]).await;
    database.seed(1, |id| id).await;
    let mut slow = Vec::new();
    for path in ["/api/v1/payments", "/webhooks/stripe"].into_iter().cycle().take(40) {
        let mut connection = server.connect();
        let head = format!("POST {path} HTTP/1.1\r\nHost: sekali\r\nContent-Length: 100\r\n\r\n{{");
        connection.send_bytes(head.as_bytes()).await.expect("half a request is sent");
        slow.push(connection);
    }
    let answer = server.connect().call(&Press::own(1, "crowd").request()).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.body);
    let page = server.connect().call(&Request::get("/")).await.expect("an answer");
    assert_eq!(page.status, 200);
    println!("{} half requests, 4 places: 201 and 200", slow.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_every_place_is_taken_is_turned_away_at_once() {
    let database = Database::postgres();
    let server = server(&database, &[("SEKALI_MAX_IN_FLIGHT", "4")]).await;
    database.seed(8, |id| id).await;
    let hold = database.hold(8).await;
    let press = |id: i64| Press::own(id, format!("full-{id}"));
    let mut presses = JoinSet::new();
    for id in 1..=8 {
        let mut connection = server.connect();
        presses.spawn(async move { (id, connection.call(&press(id).request()).await.expect("an answer")) });
    }
    let mut turned_away = Vec::new();
    for _ in 0..4 {
        let (id, answer) = presses.join_next().await.expect("a press").expect("a task");
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.body);
        assert!(answer.body.contains("/problems/overloaded"), "{}", answer.body);
        turned_away.push(id);
    }
    assert_eq!(server.connect().call(&Request::get("/healthz")).await.expect("an answer").status, 200);
    hold.let_go().await;
    while let Some(press) = presses.join_next().await {
        let (_, answer) = press.expect("a task");
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    for id in turned_away {
        let again = server.connect().call(&press(id).request()).await.expect("an answer");
        assert_eq!(again.status, 201, "nothing was remembered of it: {}", again.body);
    }
    println!("4 places, 8 presses: {:?}", database.holds(8).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_heard_when_every_connection_is_taken() {
    let database = Database::sqlite();
    let mut server = server(&database, &[("SEKALI_MAX_CONNECTIONS", "3")]).await;
    let mut busy: Vec<Connection> = (0..3).map(|_| server.connect()).collect();
    for connection in &mut busy {
        assert_eq!(connection.call(&Request::get("/healthz")).await.expect("an answer").status, 200);
    }
    let told = Instant::now();
    server.signal(Signal::TERM);
    let end = server.ended(END).await;
    assert_eq!(end.code(), Some(0), "{}", server.said());
    println!("ended {:.1?} after SIGTERM with all connections taken", told.elapsed());
}

/// Listens, takes every connection, and says nothing.
async fn silent_gateway() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    format!("http://{address}")
}

fn signed(payload: &str) -> String {
    let now = SystemClock::new().now().as_seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("a key of any length");
    mac.update(format!("{now}.{payload}").as_bytes());
    let mut header = format!("t={now},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").expect("a text grows");
    }
    header
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_never_answers_does_not_keep_the_service_from_stopping() {
    let database = Database::sqlite();
    let base = silent_gateway().await;
    let stripe = [
        ("SEKALI_STRIPE_SIMULATOR", ""),
        ("STRIPE_SECRET_KEY", "sk_test_of_the_harness"),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("STRIPE_API_BASE", &base),
    ];
    let mut server = server(&database, &stripe).await;
    for n in 0..8 {
        let event = json!({
            "id": format!("evt_{n}"), "object": "event", "type": "checkout.session.completed",
            "data": { "object": { "id": format!("cs_{n}") } },
        });
        let request = Request::with_json("POST", "/webhooks/stripe", &event);
        let request = request.header("Stripe-Signature", signed(&event.to_string()));
        assert_eq!(
            server.connect().call(&request).await.expect("an answer").status,
            200,
            "kept, and answered"
        );
    }
    server.logged("Webhook received", 8, SOON).await;
    let told = Instant::now();
    server.signal(Signal::TERM);
    let end = server.ended(END).await;
    assert_eq!(end.code(), Some(0), "{}", server.said());
    println!("ended {:.1?} after SIGTERM with 8 events whose gateway never answers", told.elapsed());
}
