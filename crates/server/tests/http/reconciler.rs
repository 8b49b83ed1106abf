//! Webhooks switched off for good: the reconciler finds out by itself, within its interval.

use crate::on_every_backend;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

on_every_backend!(without_any_webhook,);

async fn silent(backend: Backend, more: &[(&str, &str)]) -> Site {
    let mut env = vec![("SEKALI_RECONCILE_INTERVAL", "1"), ("SEKALI_RATE_LIMIT", "0")];
    env.extend_from_slice(more);
    let site = Site::with(backend, &env).await;
    site.silence_webhooks().await;
    site
}

async fn without_any_webhook(backend: Backend) {
    let site = silent(backend, &[]).await;
    for consultation in 1..=10 {
        site.pesos(consultation, 1).await;
        let opened = site.opened(1, consultation, &format!("k{consultation}")).await;
        site.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    }
    let since = Instant::now();
    let settled = "SELECT id FROM payments WHERE status = 'completed'";
    eventually("all are settled", async || site.database.query(settled).await.len() == 10).await;
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert_eq!(site.count("captures").await, 10);
    assert_eq!(site.count("gateway_events").await, 0);

    // What is done in Stripe's dashboard is found in its lists.
    let session = "SELECT gateway_id FROM checkout_sessions WHERE payment_id = 1";
    let session = site.database.query(session).await.remove(0).remove(0);
    let charge = site.charge_of(&session).await;
    site.at_stripe(&format!("charges/{charge}/refund"), json!({ "amount": 100_000 })).await;
    site.at_stripe(&format!("charges/{charge}/dispute"), json!({})).await;
    eventually("both are found", async || {
        let read = site.payment(1, 1).await["payment"].clone();
        read["refunded_amount"] == "1000.00" && read["dispute"] == "needs_response"
    })
    .await;
}

#[tokio::test]
async fn a_session_that_runs_out_and_a_payment_that_nobody_went_on_with() {
    let site = silent(Backend::SqliteMemory, &[("SEKALI_PENDING_EXPIRES", "3600")]).await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let (left, _) = site.paid_for(1, 6, "l").await;
    site.clock.advance(Duration::from_secs(3599));
    // A pass that sees the later time has been made when another payment of that time has been settled.
    let seen = site.completed(1, 7, GOOD).await;
    assert_eq!(site.payment(1, seen.payment).await["payment"]["status"], "completed");
    assert_eq!(site.payment(1, left).await["payment"]["status"], "pending", "its hour is not over");
    site.clock.advance(Duration::from_secs(2));
    site.until_status(left, "expired").await;
    assert_eq!(site.payment(1, opened.payment).await["payment"]["status"], "processing");
    site.clock.advance(Duration::from_secs(24 * 3600));
    site.until_status(opened.payment, "expired").await;
    for (payment, reason) in [(left, "never_started"), (opened.payment, "session_expired")] {
        let sql = format!("SELECT data FROM payment_events WHERE payment_id = {payment} AND kind = 'ended'");
        let entry: Value = serde_json::from_str(&site.database.query(&sql).await[0][0]).unwrap();
        assert_eq!((&entry["reason"], &entry["origin"]["by"]), (&json!(reason), &json!("reconciler")));
        assert_eq!(site.payment(1, payment).await["invoice"]["status"], "void");
    }
    site.paid_for(1, 5, "fresh").await;
    site.paid_for(1, 6, "fresh too").await;
}
