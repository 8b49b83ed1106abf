//! The console hears what has changed.

use crate::support::console::Operator;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// A browser's `EventSource`.
struct Listening {
    lines: BufReader<OwnedReadHalf>,
    // Closed with this.
    _writing: tokio::net::tcp::OwnedWriteHalf,
}

impl Listening {
    async fn to(operator: &Operator<'_>) -> Self {
        let stream = TcpStream::connect(operator.site.address).await.unwrap();
        let (reading, mut writing) = stream.into_split();
        let head = format!(
            "GET /console/api/live HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCookie: {}\r\n\r\n",
            operator.site.address, operator.cookie
        );
        writing.write_all(head.as_bytes()).await.unwrap();
        let mut listening = Self { lines: BufReader::new(reading), _writing: writing };
        assert_eq!(listening.line().await.as_deref(), Some("HTTP/1.1 200 OK"));
        let hello = listening.next("hello").await.unwrap();
        assert_eq!(hello["zone"], "UTC");
        listening
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.lines.read_line(&mut line));
        let read = read.await.expect("something within 20 s");
        // A connection that is broken is over as well.
        (read.unwrap_or(0) > 0).then(|| line.trim_end().to_owned())
    }

    /// The data of the next event of this name; `None`: the stream has ended.
    async fn next(&mut self, name: &str) -> Option<Value> {
        loop {
            if self.line().await? == format!("event: {name}") {
                let data = self.line().await?;
                return Some(serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap());
            }
        }
    }

    /// Waits until it was told of this payment.
    async fn hears_of(&mut self, payment: i64) {
        loop {
            let told = self.next("payments").await.expect("the stream goes on");
            if told["ids"].as_array().unwrap().contains(&json!(payment)) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn what_changes_is_told_to_all_who_listen() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (before, _) = site.paid_for(1, 5, "before").await;
    let (one, two) = (site.operator(7).await, site.operator(8).await);
    let (mut first, mut second) = (Listening::to(&one).await, Listening::to(&two).await);
    site.pesos(6, 1).await;
    let (payment, _) = site.paid_for(1, 6, "k").await;
    first.hears_of(payment).await;
    second.hears_of(payment).await;
    assert_eq!(one.act(before, "cancel", json!({})).await.status, 200);
    second.hears_of(before).await;
    assert!(first.next("health").await.unwrap()["at"].is_string());
}

/// The record is what is followed, so it does not matter which server wrote it.
#[tokio::test]
async fn what_another_server_does_is_told() {
    let one = Site::on(Backend::PostgresMemory).await;
    let url = one.database.url();
    let other = Site::with(Backend::PostgresMemory, &[("DATABASE_URL", &url)]).await;
    let operator = one.operator(7).await;
    let mut listening = Listening::to(&operator).await;
    other.pesos(5, 1).await;
    let opened = other.opened(1, 5, "k").await;
    listening.hears_of(opened.payment).await;
    other.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    one.until_status(opened.payment, "completed").await;
    let payment = opened.payment;
    listening.hears_of(payment).await;
    let signed_in_there = Operator { site: &other, cookie: operator.cookie.clone() };
    assert_eq!(signed_in_there.page(payment).await["payment"]["id"], payment, "one session for all servers");
}

#[tokio::test]
async fn it_ends_with_the_session() {
    let site = Site::new().await;
    let operator = site.operator(7).await;
    let mut listening = Listening::to(&operator).await;
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(listening.next("end").await, Some(json!({ "reason": "session" })));
    assert_eq!(listening.next("payments").await, None, "and closes");
    operator.get("/console/api/live").send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn it_ends_when_the_server_stops() {
    let mut site = Site::new().await;
    let cookie = site.operator(7).await.cookie;
    let mut listening = Listening::to(&Operator { site: &site, cookie }).await;
    let begun = tokio::time::Instant::now();
    site.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody who listens holds it up");
    assert_eq!(listening.next("end").await, Some(json!({ "reason": "stopping" })));
}

#[tokio::test]
async fn listeners_are_bounded_and_the_record_is_read_only_for_them() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "0")]).await;
    let operator = site.operator(7).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(Listening::to(&operator).await);
    }
    let refused = operator.get("/console/api/live").send().await;
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("10"));
    drop(all);
    // Their places come free as soon as they are noticed to be gone.
    crate::support::eventually("there is room again", async || {
        let stream = TcpStream::connect(site.address).await.unwrap();
        let (reading, mut writing) = stream.into_split();
        let head =
            format!("GET /console/api/live HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", operator.cookie);
        writing.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        BufReader::new(reading).read_line(&mut line).await.unwrap();
        line.starts_with("HTTP/1.1 200")
    })
    .await;
}
