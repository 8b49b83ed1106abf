//! Stripe's webhooks: each kept once, answered, and done with.

use crate::support::client::Request;
use crate::support::stripe::GOOD;
use crate::support::stripe::without_webhooks;
use crate::support::tokens::{golden, stripe_signature};
use crate::support::{Backend, Site, WEBHOOK_SECRET, eventually};
use serde_json::json;

fn webhook(site: &Site, event: &str) -> Request {
    let signature = stripe_signature(WEBHOOK_SECRET, golden(), event);
    site.post("/webhooks/stripe").header("Stripe-Signature", &signature).json(event.to_owned())
}

/// An event as Stripe would send it.
fn event(id: &str, kind: &str, object: &str) -> String {
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": { "id": object } } }).to_string()
}

async fn worked_off(site: &Site) {
    eventually("the inbox is worked off", async || {
        site.database.query("SELECT id FROM gateway_events WHERE finished_at IS NULL").await.is_empty()
    })
    .await;
}

async fn fifty_times_at_once(backend: Backend) {
    let (site, stripe) = without_webhooks(backend, &[("SEKALI_RECONCILE_INTERVAL", "3600")]).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    stripe.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    let told = event("evt_1", "checkout.session.completed", &opened.session);
    let answers = futures_util::future::join_all((0..50).map(|_| webhook(&site, &told).send())).await;
    for answer in answers {
        assert_eq!((answer.status, answer.json()), (200, json!({ "received": true })));
    }
    site.until_status(opened.payment, "completed").await;
    worked_off(&site).await;
    assert_eq!(site.count("gateway_events").await, 1);
    assert_eq!(site.count("captures").await, 1);
    let record = site.record_of(opened.payment).await;
    assert_eq!(record.iter().filter(|kind| *kind == "completed").count(), 1, "{record:?}");
}

#[tokio::test]
async fn the_same_event_fifty_times_at_once_on_sqlite() {
    fifty_times_at_once(Backend::SqliteMemory).await;
}

#[tokio::test]
async fn the_same_event_fifty_times_at_once_on_postgres() {
    fifty_times_at_once(Backend::PostgresMemory).await;
}

#[tokio::test]
async fn types_that_mean_nothing_to_us_are_kept_and_acknowledged() {
    let site = Site::new().await;
    let events = [
        event("evt_1", "customer.created", "cus_1"),
        event("evt_2", "of.next.year", "x"),
        event("evt_3", "checkout.session.completed", "cs_test_of_another_account"),
        event("evt_4", "charge.refunded", "ch_of_another_account"),
        event("evt_5", "charge.dispute.created", "dp_of_another_account"),
        event("evt_6", "payment_intent.payment_failed", "pi_of_another_account"),
        event("evt_7", "refund.failed", "re_of_another_account"),
        json!({ "id": "evt_8", "object": "event", "type": "balance.available", "data": { "object": {} } })
            .to_string(),
    ];
    for text in &events {
        let answer = webhook(&site, text).send().await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "received": true })), "{text}");
    }
    worked_off(&site).await;
    let kept = site.database.query("SELECT payload, error, attempts FROM gateway_events ORDER BY id").await;
    assert_eq!(kept.len(), events.len());
    for (row, text) in kept.iter().zip(&events) {
        let mut without_object: serde_json::Value = serde_json::from_str(text).unwrap();
        without_object.as_object_mut().unwrap().remove("data");
        let payload: serde_json::Value = serde_json::from_str(&row[0]).unwrap();
        assert_eq!(payload, without_object, "kept without its object, in which the patient may stand");
        assert_eq!((row[1].as_str(), row[2].as_str()), ("", "1"), "and done");
    }
    assert_eq!(site.count("payments").await, 0);
}

/// Not marked as seen before it is handled: while Stripe is down it is kept, with its error, and comes again.
#[tokio::test]
async fn an_event_that_cannot_be_handled_yet_is_tried_again() {
    let (site, mut stripe) =
        without_webhooks(Backend::SqliteMemory, &[("SEKALI_RECONCILE_INTERVAL", "3600")]).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    stripe.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    let fault = json!({ "kind": "server_error", "path": "/v1/checkout/sessions" });
    stripe.at_stripe("faults", fault).await;
    let told = event("evt_1", "checkout.session.completed", &opened.session);
    assert_eq!(webhook(&site, &told).send().await.status, 200, "answered before it is worked off");
    eventually("its error is kept", async || {
        let rows = site.database.query("SELECT finished_at, error FROM gateway_events").await;
        rows[0][0].is_empty() && !rows[0][1].is_empty()
    })
    .await;
    assert_eq!(site.payment(1, opened.payment).await["payment"]["status"], "processing");
    assert_eq!(stripe.request("DELETE", "/stripe-simulator/simulator/faults").send().await.status, 200);
    site.clock.advance(std::time::Duration::from_secs(2));
    site.until_status(opened.payment, "completed").await;
    worked_off(&site).await;
    stripe.stop().await;
}
