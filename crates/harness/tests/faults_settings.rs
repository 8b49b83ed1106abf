//! The public address and the checkout's expiry change between a first call to Stripe that was not answered
//! and its repeat: the same session, and no word of Stripe's about a key that was used for something else.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::gateway::{follow, session_of};
use sekali_harness::press::{Press, payment_id};
use sekali_harness::program;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_test_support::postgres;
use serde_json::json;

/// Attempts of one call.
const WHOLE_CALL: u32 = 3;
/// In force for the repeat.
const CHANGED: [(&str, &str); 3] = [
    ("SEKALI_PUBLIC_URL", "https://pay.example.org"),
    ("SEKALI_CHECKOUT_EXPIRES", "1800"),
    ("SEKALI_PAYMENT_METHODS", "card,us_bank_account"),
];

async fn changed(combination: Combination, fault: &str) {
    let mut stage = Stage::set(combination, Webhooks::On, 1, &[]).await;
    stage.stripe.fail(&json!({ "kind": fault, "times": WHOLE_CALL, "path": "/v1/checkout/sessions" })).await;
    let mut connection = stage.servers[0].connect();
    let answer = connection.call(&Press::own(1, "settings").request()).await.expect("an answer");
    let waits = follow(&mut connection, &answer).await.expect("an answer");
    assert_eq!(waits.status, 503, "{}", waits.body);
    assert_eq!(stage.stripe.end_faults().await, i64::from(WHOLE_CALL));
    stage.kill_servers();
    stage.serve_with(program::serve(), &CHANGED).await;
    let mut connection = stage.servers[0].connect();
    let again = connection.call(&Press::own(1, "settings").request()).await.expect("an answer");
    assert_eq!((again.status, payment_id(&again)), (409, payment_id(&answer)), "{}", again.body);
    assert!(again.body.contains("https://pay.example.org/payment/"), "{}", again.body);
    let redirect = follow(&mut connection, &again).await.expect("an answer");
    let session = session_of(&redirect).unwrap_or_else(|| panic!("{} {}", redirect.status, redirect.body));
    let made = stage.stripe.list("checkout/sessions").await;
    assert_eq!(made.len(), 1, "one session: {made:?}");
    assert_eq!(made[0]["id"], session.as_str());
    let success = made[0]["success_url"].as_str().unwrap_or_default();
    assert!(success.starts_with(&stage.front.url()), "the bytes of the first call: {success}");
    assert_eq!(stage.servers[0].count_logged("idempotency_error"), 0, "{}", stage.said());
    stage.stripe.pay(&session).await;
    stage.comes_to("SELECT count(*) FROM payments WHERE status = 'completed'", 1).await;
    stage.rests().await;
    stage.is_in_order(fault).await;
    println!("{combination:?}, {fault}, then other settings: one session, one charge");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_on_sqlite() {
    changed(Combination::SqliteMemory, "answer_lost").await;
    changed(Combination::SqliteMemory, "request_lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_on_postgres_with_redis() {
    let _kept = postgres::database();
    changed(Combination::PostgresRedis, "answer_lost").await;
    changed(Combination::PostgresRedis, "request_lost").await;
}
