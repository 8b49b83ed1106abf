//! Stripe's webhooks never come, for good: the reconciler settles everything.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::goes_to_stripe;
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const PAYMENTS: i64 = 100;
/// Of them left unpaid, until their sessions run out.
const ABANDONED: i64 = 10;
/// A few intervals of the reconciler.
const SOON: Duration = Duration::from_secs(10);
/// Longer than any session of Stripe's lasts.
const TWO_DAYS: i64 = 2 * 24 * 3600;

async fn without_webhooks(combination: Combination) {
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let stage = Stage::set(combination, Webhooks::Off, PAYMENTS, &tuning).await;
    let mut connection = stage.servers[0].connect();
    let mut sessions = Vec::new();
    for id in 1..=PAYMENTS {
        let press = Press::own(id, format!("webhooks-{id}"));
        sessions.push(goes_to_stripe(&mut connection, &press).await.expect("an answer").session);
    }
    let (abandoned, paid) = sessions.split_at(usize::try_from(ABANDONED).expect("a small number"));
    assert_eq!(
        stage.database.number("SELECT count(*) FROM payments WHERE status = 'processing'").await,
        PAYMENTS
    );
    for session in paid {
        stage.stripe.pay(session).await;
    }
    let begun = Instant::now();
    let completed = "SELECT count(*) FROM payments WHERE status = 'completed'";
    stage.comes_to(completed, PAYMENTS - ABANDONED).await;
    let took = begun.elapsed();
    assert!(took < SOON, "{took:?}");
    // Those who never paid: their sessions run out, and Stripe says so when it is asked.
    stage.stripe.order("clock", &json!({ "advance": TWO_DAYS })).await;
    let expired = "SELECT count(*) FROM payments WHERE status = 'expired'";
    stage.comes_to(expired, ABANDONED).await;
    stage.rests().await;
    assert_eq!(stage.database.number("SELECT count(*) FROM gateway_events").await, 0, "no webhook came");
    let books = stage.stripe.books().await;
    assert_eq!(books.sessions.get("expired"), Some(&ABANDONED), "{abandoned:?}: {books:?}");
    stage.is_in_order("without webhooks").await;
    println!(
        "{combination:?}: no webhook; {} payments settled {took:.1?} after the last was paid, {ABANDONED} expired",
        PAYMENTS - ABANDONED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_webhook_ever_on_sqlite() {
    without_webhooks(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_webhook_ever_through_two_servers() {
    without_webhooks(Combination::TwoServers).await;
}
