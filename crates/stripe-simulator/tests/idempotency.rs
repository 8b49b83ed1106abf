//! Idempotency keys, as Stripe keeps them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use reqwest::Response;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, SESSION, error, ok};
use tokio::io::AsyncWriteExt;

on_both_storages!(replays, mismatches, errors, keys_expire, parallel_creates, clients_that_go_away);

async fn create(running: &Running, key: &str, params: &[(&str, &str)]) -> Response {
    running.post("/v1/checkout/sessions", params).header("Idempotency-Key", key).send().await.unwrap()
}

async fn count(running: &Running) -> usize {
    running.get("/v1/checkout/sessions?limit=100").await["data"].as_array().unwrap().len()
}

async fn replays(storage: Storage) {
    let running = Running::start(storage).await;
    let first = create(&running, "key-1", SESSION).await;
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let request_id = first.headers()["request-id"].clone();
    let first = first.text().await.unwrap();

    // The answer is the one of then, also when the session has changed since.
    let session: Value = serde_json::from_str(&first).unwrap();
    ok(running.pay(&session, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let mut reordered = SESSION.to_vec();
    reordered.reverse();
    let second = create(&running, "key-1", &reordered).await;
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(second.headers()["original-request"], request_id);
    assert_ne!(second.headers()["request-id"], request_id);
    assert_eq!(second.text().await.unwrap(), first);
    assert_eq!(count(&running).await, 1);

    ok(create(&running, "key-2", SESSION).await).await;
    ok(running.post("/v1/checkout/sessions", SESSION).send().await.unwrap()).await;
    assert_eq!(count(&running).await, 3);
}

async fn mismatches(storage: Storage) {
    let running = Running::start(storage).await;
    let session = ok(create(&running, "key-1", SESSION).await).await;
    let mut other = SESSION.to_vec();
    other.push(("locale", "id"));
    let (status, refused) = error(create(&running, "key-1", &other).await).await;
    assert_eq!((status, &refused["type"]), (400, &json!("idempotency_error")));

    let path = format!("/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    let other_path = running.post(&path, &[]).header("Idempotency-Key", "key-1");
    let (status, refused) = error(other_path.send().await.unwrap()).await;
    assert_eq!((status, &refused["type"]), (400, &json!("idempotency_error")));
    assert_eq!(running.session(&session).await["status"], "open");
    let too_long = create(&running, &"k".repeat(256), SESSION).await;
    assert_eq!(error(too_long).await.0, 400);
}

async fn errors(storage: Storage) {
    let running = Running::start(storage).await;
    // What is turned down before it executes occupies no key.
    assert_eq!(error(create(&running, "key-1", &[("mode", "payment")]).await).await.0, 400);
    let session = ok(create(&running, "key-1", SESSION).await).await;

    // What fails while it executes is the key's answer.
    ok(running.pay(&session, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let path = format!("/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    let expire = async || running.post(&path, &[]).header("Idempotency-Key", "key-2").send().await.unwrap();
    let first = error(expire().await).await;
    let again = expire().await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.headers()["stripe-should-retry"], "false");
    assert_eq!(error(again).await, first);
}

async fn keys_expire(storage: Storage) {
    let running = Running::start(storage).await;
    let first = ok(create(&running, "key-1", SESSION).await).await;
    running.clock.advance(24 * 60 * 60 - 1);
    assert_eq!(ok(create(&running, "key-1", SESSION).await).await["id"], first["id"]);
    running.clock.advance(1);
    let second = create(&running, "key-1", SESSION).await;
    assert!(!second.headers().contains_key("idempotent-replayed"));
    assert_ne!(ok(second).await["id"], first["id"]);
}

/// A client that hangs up in the middle leaves no key that is claimed and never answered. The clock stands
/// still, so that no claim ends by itself.
async fn clients_that_go_away(storage: Storage) {
    const CLIENTS: usize = 20;
    let running = Running::start(storage).await;
    let body = support::encode(SESSION);
    let host = running.base.trim_start_matches("http://").split('/').next().unwrap();
    for client in 0..CLIENTS {
        let request = format!(
            "POST /stripe-simulator/v1/checkout/sessions HTTP/1.1\r\nHost: {host}\r\n\
             Authorization: Bearer sk_test_123\r\nIdempotency-Key: key-{client}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        // Each client leaves a little later in its request than the one before.
        // Each client leaves a little later in its request than the one before.
        tokio::time::sleep(Duration::from_micros(400 * client as u64)).await;
        drop(connection);
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    for client in 0..CLIENTS {
        while create(&running, &format!("key-{client}"), SESSION).await.status() == 409 {
            assert!(tokio::time::Instant::now() < deadline, "key-{client} was never answered");
        }
    }
    assert_eq!(count(&running).await, CLIENTS);
}

async fn parallel_creates(storage: Storage) {
    let running = Running::start(storage).await;
    let answers = futures_util::future::join_all((0..20).map(|_| create(&running, "key-1", SESSION))).await;
    let mut ids = Vec::new();
    for answer in answers {
        if answer.status() == 409 {
            assert_eq!(answer.headers()["stripe-should-retry"], "true");
            assert_eq!(error(answer).await.1["code"], "idempotency_key_in_use");
        } else {
            ids.push(ok(answer).await["id"].as_str().unwrap().to_owned());
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&running).await, 1);
    assert_eq!(ok(create(&running, "key-1", SESSION).await).await["id"], ids[0].as_str());
}
