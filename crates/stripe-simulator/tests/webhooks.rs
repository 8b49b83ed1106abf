//! Webhooks as their receiver sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use hmac::{Hmac, KeyInit, Mac};
use std::sync::Arc;

use sekali_stripe_simulator::{Storage, SystemRandom, Webhooks, open_with, router};
use serde_json::json;
use sha2::Sha256;
use support::{Folder, Hook, Running, SECRET, START, ok, serve};
use tokio::sync::watch;

on_both_storages!(
    delivered_in_order,
    repeated_until_answered,
    expiry_is_swept,
    one_of_two_servers_delivers,
    several_receivers,
    no_receiver
);

const GOOD: &str = r#"{"card": "4242424242424242"}"#;

/// Checks the signature as a receiver would, and returns its time.
fn verified_time(hook: &Hook) -> i64 {
    let (time, signature) = hook.signature.split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(hook.body.as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        write!(text, "{byte:02x}").unwrap();
        text
    });
    assert_eq!(signature, format!("v1={expected}"));
    time.parse().unwrap()
}

async fn delivered_in_order(storage: Storage) {
    let mut running = Running::start(storage).await;
    let session = running.new_session().await;
    ok(running.pay(&session, GOOD).send().await.unwrap()).await;
    let listed = running.get("/v1/events?type=checkout.session.completed").await["data"][0].clone();
    let task = running.deliver_webhooks();
    let mut names = Vec::new();
    let mut last = json!(null);
    for _ in 0..4 {
        let hook = running.next_hook().await;
        assert_eq!(verified_time(&hook), START);
        names.push(hook.name());
        last = hook.event();
    }
    assert_eq!(names, running.events().await);
    assert_eq!(last, listed, "the webhook is the event that the API shows");
    assert_eq!(last["data"]["object"], running.session(&session).await);
    assert_eq!((&last["api_version"], &last["livemode"]), (&json!("2023-08-16"), &json!(false)));

    // What happens while deliveries run comes by itself, with the request that caused it.
    let second = running.new_session().await;
    let path = format!("/v1/checkout/sessions/{}/expire", second["id"].as_str().unwrap());
    let response = running.post(&path, &[]).header("Idempotency-Key", "key-1").send().await.unwrap();
    let request_id = response.headers()["request-id"].to_str().unwrap().to_owned();
    let event = running.next_hook().await.event();
    assert_eq!(event["request"], json!({"id": request_id, "idempotency_key": "key-1"}));

    running.stop_webhooks();
    task.await.unwrap();
    let settled = running.get("/v1/events?limit=100").await;
    let first_four = settled["data"].as_array().unwrap().iter().skip(1);
    assert_eq!(first_four.filter(|event| event["pending_webhooks"] == 0).count(), 4);
}

async fn repeated_until_answered(storage: Storage) {
    let mut running = Running::start(storage).await;
    running.answer_hooks_with(&[500, 302]);
    let session = running.new_session().await;
    let path = format!("/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    ok(running.post(&path, &[]).send().await.unwrap()).await;
    let _task = running.deliver_webhooks();
    let first = running.next_hook().await;
    assert_eq!(verified_time(&first), START);
    for _ in 0..2 {
        let before = running.clock.now();
        let clock = running.clock.clone();
        let again = running.hook_as_time_passes(&clock).await;
        assert_eq!(again.body, first.body);
        assert!(verified_time(&again) > before);
    }
}

async fn expiry_is_swept(storage: Storage) {
    let mut running = Running::start(storage).await;
    let _task = running.deliver_webhooks();
    let session = running.new_session().await;
    running.clock.advance(24 * 60 * 60);
    // Nobody reads the session: the worker notices by itself.
    let event = running.next_hook().await.event();
    assert_eq!(event["type"], "checkout.session.expired");
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    assert_eq!(event["request"], json!({"id": null, "idempotency_key": null}));
}

/// Each receiver has its own attempts; one that is down takes nothing from the other.
async fn several_receivers(storage: Storage) {
    let mut running = Running::start(storage.clone()).await;
    let mut other = Running::start(Folder::new().storage()).await;
    other.answer_hooks_with(&[500]);
    let urls = vec![running.hook_url(), other.hook_url()];
    let webhooks = Webhooks { urls, secret: SECRET.to_owned() };
    let clock = running.clock.clone();
    let both =
        open_with(running.base.clone(), webhooks, &storage, clock, Arc::new(SystemRandom)).await.unwrap();
    let base = serve(router(both.clone())).await;
    let session = running.new_session().await;
    let expire = format!("{base}/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    ok(http.post(expire).bearer_auth("sk_test_1").send().await.unwrap()).await;
    let pending =
        async |running: &Running| running.get("/v1/events").await["data"][0]["pending_webhooks"].clone();
    assert_eq!(pending(&running).await, 2);

    let stop = watch::Sender::new(false);
    let task = tokio::spawn(both.run_webhooks(stop.subscribe()));
    let first = running.next_hook().await;
    assert_eq!(other.next_hook().await.event()["id"], first.event()["id"]);
    while pending(&running).await != 1 {
        tokio::task::yield_now().await;
    }
    let again = other.hook_as_time_passes(&running.clock).await;
    assert_eq!(again.event()["id"], first.event()["id"]);
    while pending(&running).await != 0 {
        tokio::task::yield_now().await;
    }
    assert!(running.hook_within_a_moment().await.is_none());
    stop.send(true).unwrap();
    task.await.unwrap();
}

async fn no_receiver(storage: Storage) {
    let running = Running::start(storage.clone()).await;
    let clock = running.clock.clone();
    let alone = open_with(running.base.clone(), Webhooks::default(), &storage, clock, Arc::new(SystemRandom));
    let base = serve(router(alone.await.unwrap())).await;
    let session = running.new_session().await;
    let expire = format!("{base}/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    ok(http.post(expire).bearer_auth("sk_test_1").send().await.unwrap()).await;
    let event = running.get("/v1/events").await["data"][0].clone();
    assert_eq!((&event["type"], &event["pending_webhooks"]), (&json!("checkout.session.expired"), &json!(0)));
}

async fn one_of_two_servers_delivers(storage: Storage) {
    let one = Running::start(storage.clone()).await;
    let other = Running::start_with(storage, one.clock.clone()).await;
    for _ in 0..5 {
        let session = one.new_session().await;
        ok(one.pay(&session, GOOD).send().await.unwrap()).await;
    }
    let tasks = [one.deliver_webhooks(), other.deliver_webhooks()];
    let mut running = [one, other];
    let mut names = Vec::new();
    while names.len() < 20 {
        for server in &mut running {
            names.extend(server.hook_within_a_moment().await.map(|hook| hook.event()["id"].to_string()));
        }
    }
    running.iter().for_each(Running::stop_webhooks);
    futures_util::future::join_all(tasks).await;
    for server in &mut running {
        assert!(server.hook_within_a_moment().await.is_none(), "an event came twice");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 20);
}
