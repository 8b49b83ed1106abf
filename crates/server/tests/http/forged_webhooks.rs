//! Webhooks that Stripe did not send, or sent long ago, or that were changed on the way.

use crate::support::client::Request;
use crate::support::stripe::{GOOD, without_webhooks};
use crate::support::tokens::{golden, stripe_signature};
use crate::support::{Backend, JWT_SECRET, Site, WEBHOOK_SECRET};
use serde_json::json;
use std::time::Duration;

fn event(id: &str, object: &str) -> String {
    json!({ "id": id, "object": "event", "type": "checkout.session.completed", "data": { "object": { "id": object } } })
        .to_string()
}

fn webhook(site: &Site, header: &str, payload: &str) -> Request {
    site.post("/webhooks/stripe").header("Stripe-Signature", header).json(payload.to_owned())
}

fn forged(payload: &str) -> Vec<(&'static str, String)> {
    let sign = |secret: &str, time: i64| stripe_signature(secret, time, payload);
    let right = sign(WEBHOOK_SECRET, golden());
    let (time, digest) = (golden(), right.rsplit('=').next().unwrap());
    let zeros = "0".repeat(64);
    let shorter = &digest[..63];
    vec![
        ("the token secret", sign(JWT_SECRET, time)),
        ("no secret", sign("", time)),
        ("the secret without its name", sign(WEBHOOK_SECRET.trim_start_matches("whsec_"), time)),
        ("a second older than is taken", sign(WEBHOOK_SECRET, time - 301)),
        ("a second further ahead than is taken", sign(WEBHOOK_SECRET, time + 301)),
        ("an hour old", sign(WEBHOOK_SECRET, time - 3600)),
        ("a year ahead", sign(WEBHOOK_SECRET, time + 31_536_000)),
        ("the dawn of time", sign(WEBHOOK_SECRET, 0)),
        ("the end of time", sign(WEBHOOK_SECRET, i64::MAX)),
        ("before time", sign(WEBHOOK_SECRET, -1)),
        ("the digest under a newer time", format!("t={},v1={digest}", time + 1)),
        ("milliseconds", format!("t={time}000,v1={digest}")),
        ("v0 alone", format!("t={time},v0={digest}")),
        ("v2 alone", format!("t={time},v2={digest}")),
        ("a false v1 and a true v0", format!("t={time},v1={zeros},v0={digest}")),
        ("many false v1", format!("t={time}{}", format!(",v1={zeros}").repeat(50))),
        ("a v1 of no digits", format!("t={time},v1={}", "z".repeat(64))),
        ("a v1 too short", format!("t={time},v1={shorter}")),
        ("a v1 too long", format!("t={time},v1={digest}0")),
        ("an empty v1", format!("t={time},v1=")),
        ("two times", format!("t={time},t={time},v1={digest}")),
        ("a time of no digits", format!("t=now,v1={digest}")),
        ("an empty time", format!("t=,v1={digest}")),
        ("a time with a sign", format!("t=+{time},v1={digest}")),
        ("a time with a nought before it", format!("t=0{time},v1={digest}")),
        ("semicolons", format!("t={time};v1={digest}")),
        ("JSON", format!(r#"{{"t":{time},"v1":"{digest}"}}"#)),
        ("capitals", format!("T={time},V1={digest}")),
        ("a trailing comma", format!("{right},")),
        ("nothing", String::new()),
        ("commas", ",".repeat(1000)),
        ("5,000 characters", format!("{right},{}", "x=".repeat(2500))),
    ]
}

#[tokio::test]
async fn nothing_forged_is_kept() {
    let site = Site::new().await;
    let payload = event("evt_1", "cs_test_1");
    for (what, header) in forged(&payload) {
        let answer = webhook(&site, &header, &payload).send().await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        answer.problem(400, "webhook-rejected");
    }
    let right = stripe_signature(WEBHOOK_SECRET, golden(), &payload);
    for changed in [
        payload.replace("cs_test_1", "cs_test_2"),
        format!("{payload} "),
        payload.replace(',', ", "),
        String::new(),
    ] {
        webhook(&site, &right, &changed).send().await.problem(400, "webhook-rejected");
    }
    site.post("/webhooks/stripe").json(payload.clone()).send().await.problem(400, "webhook-rejected");
    let head =
        site.post("/webhooks/stripe").header("stripe_signature", &right).header("X-Stripe-Signature", &right);
    head.json(payload.clone()).send().await.problem(400, "webhook-rejected");
    // What is huge is refused before it is read, signed or not.
    let huge = format!("{payload}{}", " ".repeat(300_000));
    let signed = stripe_signature(WEBHOOK_SECRET, golden(), &huge);
    webhook(&site, &signed, &huge).send().await.problem(413, "body-too-large");
    for no_event in
        ["", "null", "[]", "{", r#"{"id":"evt_1"}"#, r#"{"id":1,"type":"x"}"#, r#"{"type":"x","data":null}"#]
    {
        let signed = stripe_signature(WEBHOOK_SECRET, golden(), no_event);
        webhook(&site, &signed, no_event).send().await.problem(400, "webhook-rejected");
    }
    assert_eq!(site.count("gateway_events").await, 0);
    assert_eq!(
        webhook(&site, &right, &payload).send().await.status,
        200,
        "the true one that the others are made of"
    );
}

/// A true webhook, sent again by whoever has seen it: at once it changes nothing more, and later it is refused.
#[tokio::test]
async fn a_replay_changes_nothing() {
    let (site, stripe) =
        without_webhooks(Backend::SqliteMemory, &[("SEKALI_RECONCILE_INTERVAL", "3600")]).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    stripe.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    let payload = event("evt_1", &opened.session);
    let signed = stripe_signature(WEBHOOK_SECRET, golden(), &payload);
    for _ in 0..20 {
        assert_eq!(webhook(&site, &signed, &payload).send().await.status, 200);
    }
    site.until_status(opened.payment, "completed").await;
    let record = site.record_of(opened.payment).await;
    site.clock.advance(Duration::from_secs(301));
    webhook(&site, &signed, &payload).send().await.problem(400, "webhook-rejected");
    assert_eq!(site.record_of(opened.payment).await, record, "nothing was added");
    assert_eq!((site.count("gateway_events").await, site.count("captures").await), (1, 1));
}

/// An event says only that there is news: what it claims beside that is never believed.
#[tokio::test]
async fn a_signed_lie_settles_nothing() {
    let site = Site::new().await;
    site.silence_webhooks().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let lie = json!({ "id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": { "object": {
        "id": opened.session, "object": "checkout.session", "status": "complete", "payment_status": "paid", "amount_total": 500_000 } } });
    let payload = lie.to_string();
    let answer = webhook(&site, &stripe_signature(WEBHOOK_SECRET, golden(), &payload), &payload).send().await;
    assert_eq!(answer.status, 200);
    crate::support::eventually("the event is worked off", async || {
        site.database.query("SELECT id FROM gateway_events WHERE finished_at IS NULL").await.is_empty()
    })
    .await;
    assert_eq!(site.payment(1, opened.payment).await["payment"]["status"], "processing");
    assert_eq!(site.count("captures").await, 0);
}
