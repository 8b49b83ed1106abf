//! The clock that can be moved, and money that comes in through an old session.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, START, error, id, ok};

on_both_storages!(
    sessions_run_out,
    keys_expire,
    webhooks_are_repeated,
    bad_orders,
    an_old_session_is_paid,
    totals
);

const GOOD: &str = r#"{"card": "4242424242424242"}"#;

async fn sessions_run_out(storage: Storage) {
    let mut running = Running::start(storage).await;
    let _task = running.deliver_webhooks();
    let session = running.new_session().await;
    let clock = running.advance(24 * 60 * 60).await;
    assert_eq!((&clock["now"], &clock["ahead"]), (&json!(START + 86_400), &json!(86_400)));
    // Everything that the new time brings has happened by the time of the answer.
    assert_eq!(running.state().await["sessions"], json!({"expired": 1}));
    let event = running.next_hook().await.event();
    assert_eq!(
        (&event["type"], &event["created"]),
        (&json!("checkout.session.expired"), &json!(START + 86_400))
    );
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    let shown = ok(running.plain(Method::GET, "/simulator/clock").send().await.unwrap()).await;
    assert_eq!(shown, clock);
    // It goes on with the process's own.
    running.clock.advance(5);
    assert_eq!(running.advance(10).await["now"], START + 86_415);
}

async fn keys_expire(storage: Storage) {
    let running = Running::start(storage).await;
    let create = async || {
        let request =
            running.post("/v1/checkout/sessions", support::SESSION).header("Idempotency-Key", "key-1");
        id(&ok(request.send().await.unwrap()).await).to_owned()
    };
    let first = create().await;
    running.advance(24 * 60 * 60 - 1).await;
    assert_eq!(create().await, first);
    running.advance(1).await;
    assert_ne!(create().await, first);
}

async fn webhooks_are_repeated(storage: Storage) {
    let mut running = Running::start(storage).await;
    running.answer_hooks_with(&[500, 500, 500]);
    let session = running.new_session().await;
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await;
    let _task = running.deliver_webhooks();
    let first = running.next_hook().await;
    for _ in 0..3 {
        let again = loop {
            running.advance(8).await;
            if let Some(hook) = running.hook_within_a_moment().await {
                break hook;
            }
        };
        assert_eq!(again.body, first.body);
    }
    running.advance(3600).await;
    assert!(running.hook_within_a_moment().await.is_none());
}

async fn bad_orders(storage: Storage) {
    let running = Running::start(storage).await;
    for order in [json!({}), json!({"advance": -1}), json!({"advance": "1"}), json!({"advance": i64::MAX})] {
        assert_eq!(error(running.steering("clock", &order).send().await.unwrap()).await.0, 400);
    }
    let text = running.plain(Method::POST, "/simulator/clock").body("{\"advance\": 1}");
    assert_eq!(error(text.send().await.unwrap()).await.0, 400);
    assert_eq!(running.advance(0).await["now"], START);
}

async fn an_old_session_is_paid(storage: Storage) {
    let running = Running::start(storage).await;
    let old = running.new_session().await;
    let declined = running.pay(&old, r#"{"card":"4000000000000002"}"#).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    let ended = running.session(&old).await["payment_intent"].as_str().unwrap().to_owned();
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&old)), &[]).await;
    let new = running.new_session().await;
    ok(running.pay(&new, GOOD).send().await.unwrap()).await;

    assert_eq!(error(running.pay(&old, GOOD).send().await.unwrap()).await.0, 400);
    let forced = r#"{"card": "4242424242424242", "force": true}"#;
    let answer = ok(running.pay(&old, forced).send().await.unwrap()).await;
    assert_eq!(
        (&answer["session"]["status"], &answer["session"]["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    assert_eq!(running.last_event("checkout.session.completed").await["data"]["object"]["id"], old["id"]);
    assert_ne!(answer["session"]["payment_intent"], json!(ended));
    assert_eq!(running.get(&format!("/v1/payment_intents/{ended}")).await["status"], "canceled");
    assert_eq!(running.state().await["amount_captured"], json!({"php": 1_000_000}));
    // Twice is too much even so.
    assert_eq!(error(running.pay(&old, forced).send().await.unwrap()).await.0, 400);
}

async fn totals(storage: Storage) {
    let running = Running::start(storage).await;
    running.new_session().await;
    let charge = running.charged("4242424242424242").await;
    running.made("/v1/refunds", &[("charge", id(&charge)), ("amount", "1000")]).await;
    let state = running.state().await;
    for (field, value) in [
        ("clock", json!(START)),
        ("sessions", json!({"complete": 1, "open": 1})),
        ("payment_intents", json!({"succeeded": 1})),
        ("charges", json!({"succeeded": 1})),
        ("refunds", json!({"succeeded": 1})),
        ("disputes", json!({})),
        ("webhooks", json!({"pending": 6})),
        ("amount_captured", json!({"php": 500_000})),
        ("amount_refunded", json!({"php": 1000})),
    ] {
        assert_eq!(state[field], value, "{field}");
    }
    assert_eq!(state["events"]["charge.refunded"], 1);
    assert_ne!(state, Value::Null);
}
