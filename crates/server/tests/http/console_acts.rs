//! What an operator does in the console: each once, and each in the record with the operator's number.

use crate::on_every_backend;
use crate::support::console::Operator;
use crate::support::stripe::{GOOD, without_webhooks};
use crate::support::{Backend, Site, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_every_backend!(of_two_operators_one_refunds, a_payment_is_cancelled, a_webhook_is_replayed,);

/// Stripe's word that the session is complete, as the payment's page shows it.
fn told_complete(page: &Value) -> &Value {
    let mut events = page["events"].as_array().unwrap().iter();
    events.find(|event| event["kind"] == "checkout.session.completed").expect("it is kept")
}

/// The operator whom the last entry of this kind names.
async fn who(operator: &Operator<'_>, payment: i64, kind: &str) -> Value {
    let page = operator.page(payment).await;
    let story = page["timeline"]["data"].as_array().unwrap();
    let entry = story.iter().rev().find(|moment| moment["kind"] == kind);
    let origin = entry.unwrap_or_else(|| panic!("{kind} in {story:?}"))["entry"]["origin"].clone();
    json!([origin["by"], origin["user"]])
}

fn wish(key: &str, amount: &str, remaining: &str) -> Value {
    json!({ "key": key, "amount": amount, "remaining": remaining, "reason": "the doctor was late" })
}

async fn of_two_operators_one_refunds(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0")]).await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let operators = [site.operator(7).await, site.operator(8).await];
    // Both see 5000 and press at the same moment.
    let presses = operators.iter().zip(["a", "b"]);
    let presses =
        presses.map(|(operator, key)| operator.act(payment, "refund", wish(key, "1000", "5000.00")));
    let answers = join_all(presses).await;
    let first = answers.iter().position(|answer| answer.status == 201).expect("one of them refunds");
    let (made, refused) = (&answers[first], &answers[1 - first]);
    let number = [7, 8][first];
    let body = made.json();
    assert_eq!((&body["outcome"], &body["refund"]["by"]), (&json!("made"), &json!(number)));
    assert_eq!(body["payment_page"]["remaining"]["amount"], "4000.00");
    assert_eq!(body["payment_page"]["refunds"][0], body["refund"]);
    // The other is told who and when, and by how much it has changed.
    assert_eq!(refused.status, 409, "{}", refused.text());
    let body = refused.json();
    assert!(body["type"].as_str().unwrap().ends_with("/problems/changed-meanwhile"), "{body}");
    assert_eq!(body["remaining"], json!({ "amount": "4000.00", "currency": "PHP", "text": "PHP 4.000,00" }));
    let latest = &body["latest"];
    assert_eq!((&latest["by"], &latest["at"]), (&json!(number), &json!("2024-01-15T10:30:00Z")));
    assert_eq!(
        (&latest["amount"]["text"], &latest["reason"]),
        (&json!("PHP 1.000,00"), &json!("the doctor was late"))
    );
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("by operator {number} at 2024-01-15 10:30:00 UTC; PHP 4.000,00 remains")),
        "{detail}"
    );
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 100_000 }), "one refund");
    assert_eq!(who(&operators[0], payment, "refund_requested").await, json!(["admin", number]));

    // A repeat after a lost answer is the same refund, whatever remains by now.
    let (operator, key) = (&operators[first], ["a", "b"][first]);
    let again = operator.act(payment, "refund", wish(key, "1000", "5000.00")).await;
    assert_eq!((again.status, &again.json()["outcome"]), (200, &json!("known")));
    operator.act(payment, "refund", wish(key, "999", "5000.00")).await.problem(422, "key-reused");
    // Who has looked again refunds the rest.
    let rest = operator.act(payment, "refund", json!({ "key": "rest", "remaining": "4000.00" })).await;
    assert_eq!(rest.status, 201, "{}", rest.text());
    assert_eq!(rest.json()["payment_page"]["payment"]["status"], "refunded");
    assert_eq!(rest.json()["payment_page"]["actions"]["refund"], false);
    let late = operators[1 - first].act(payment, "refund", wish("late", "1", "4000.00")).await;
    assert_eq!((late.status, &late.json()["latest"]["by"]), (409, &json!(number)));
    let none = operator.act(payment, "refund", wish("none", "1", "0.00")).await;
    none.problem(409, "not-refundable");
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 500_000 }));
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_refunds_nothing() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let operator = site.operator(7).await;
    let ask = async |body: Value| operator.act(payment, "refund", body).await;
    ask(json!({})).await.failed_fields(&["key", "remaining"]);
    ask(json!({ "key": "k" })).await.failed_fields(&["remaining"]);
    ask(json!({ "key": "", "remaining": "x" })).await.failed_fields(&["key", "remaining"]);
    ask(json!({ "key": "k", "remaining": "5000.001" })).await.failed_fields(&["remaining"]);
    for amount in [json!("0"), json!(-1), json!("x"), json!(null), json!("0.001"), json!("5000.01")] {
        let body = json!({ "key": "k", "remaining": "5000.00", "amount": amount });
        ask(body).await.failed_fields(&["amount"]);
    }
    ask(json!({ "key": "k", "remaining": "5000.00", "all": true })).await.problem(400, "malformed-request");
    let long = json!({ "key": "k", "remaining": "5000.00", "reason": "x".repeat(501) });
    ask(long).await.failed_fields(&["reason"]);
    assert_eq!(site.stripe_totals().await["refunds"], json!({}));
    operator.act(999, "refund", wish("k", "1", "1")).await.problem(404, "payment-not-found");
    for what in ["cancel", "reconcile"] {
        operator.act(999, what, json!({})).await.problem(404, "payment-not-found");
        operator.act(payment, what, json!({ "x": 1 })).await.problem(400, "malformed-request");
    }
    operator.post("/console/api/events/evt_none/replay", &json!({})).send().await.problem(404, "not-found");
    operator.post("/console/api/events/evt%00/replay", &json!({})).send().await.problem(404, "not-found");
}

async fn a_payment_is_cancelled(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let (pending, _) = site.paid_for(1, 5, "pending").await;
    site.pesos(6, 1).await;
    let open = site.opened(1, 6, "open").await.payment;
    let operator = site.operator(7).await;
    for payment in [pending, open] {
        assert_eq!(operator.page(payment).await["actions"]["cancel"], true);
        let answer = operator.act(payment, "cancel", json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert_eq!(
            (&body["outcome"], &body["payment_page"]["payment"]["status"]),
            (&json!("cancelled"), &json!("cancelled"))
        );
        assert_eq!(body["payment_page"]["actions"]["cancel"], false);
        assert_eq!(who(&operator, payment, "ended").await, json!(["admin", 7]));
        assert_eq!(operator.act(payment, "cancel", json!({})).await.status, 200, "asked again");
    }
    let paid = site.completed(1, 7, GOOD).await.payment;
    operator.act(paid, "cancel", json!({})).await.problem(409, "not-cancellable");
}

/// Nobody tells of the payment but the operator who has Stripe asked.
#[tokio::test]
async fn stripe_is_asked_now() {
    let (site, mut stripe) =
        without_webhooks(Backend::SqliteMemory, &[("SEKALI_RECONCILE_INTERVAL", "3600")]).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let operator = site.operator(7).await;
    let answer = operator.act(opened.payment, "reconcile", json!({})).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("unchanged")), "{}", answer.text());
    stripe.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    assert_eq!(operator.page(opened.payment).await["payment"]["status"], "processing");

    let body = operator.act(opened.payment, "reconcile", json!({})).await.json();
    assert_eq!(
        (&body["outcome"], &body["payment_page"]["payment"]["status"]),
        (&json!("changed"), &json!("completed"))
    );
    assert_eq!(who(&operator, opened.payment, "completed").await, json!(["admin", 7]));
    assert_eq!(who(&operator, opened.payment, "reconcile_asked").await, json!(["admin", 7]));
    let body = operator.act(opened.payment, "reconcile", json!({})).await.json();
    assert_eq!(body["outcome"], "unchanged");
    let asked = site.record_of(opened.payment).await.iter().filter(|kind| *kind == "reconcile_asked").count();
    assert_eq!(asked, 3, "each wish is in the record");

    // A refund that was made in the dashboard is found as well.
    let intent = body["payment_page"]["captures"][0]["payment_intent"].as_str().unwrap().to_owned();
    let made = stripe
        .post("/stripe-simulator/v1/refunds")
        .bearer("sk_test_owner")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("payment_intent={intent}&amount=100000"))
        .send()
        .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let body = operator.act(opened.payment, "reconcile", json!({})).await.json();
    assert_eq!(
        (&body["outcome"], &body["payment_page"]["remaining"]["amount"]),
        (&json!("changed"), &json!("4000.00"))
    );
    assert_eq!(body["payment_page"]["refunds"][0]["origin"], "dashboard");
    // Another who still has the old page is told that it was nobody's.
    let late = operator.act(opened.payment, "refund", wish("late", "1", "5000.00")).await;
    assert_eq!((late.status, &late.json()["latest"]["by"]), (409, &Value::Null), "{}", late.text());
    assert_eq!(late.json()["latest"]["origin"], "dashboard");

    stripe.stop().await;
    let body = operator.act(opened.payment, "reconcile", json!({})).await.json();
    assert_eq!(body["outcome"], "unanswered", "{body}");
    assert!(!body["why"].as_str().unwrap().is_empty());
}

async fn a_webhook_is_replayed(backend: Backend) {
    let site = Site::on(backend).await;
    let opened = site.completed(1, 5, GOOD).await;
    eventually("the webhook is dealt with", async || {
        site.count("gateway_events WHERE finished_at IS NULL").await == 0
    })
    .await;
    let operator = site.operator(7).await;
    let event = told_complete(&operator.page(opened.payment).await)["id"].as_str().unwrap().to_owned();
    let before = operator.page(opened.payment).await;
    let replay = async |event: &str| {
        let answer = operator.post(&format!("/console/api/events/{event}/replay"), &json!({})).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let body = replay(&event).await;
    assert_eq!((&body["outcome"], &body["payment_id"]), (&json!("done"), &json!(opened.payment)));
    let after = &body["payment_page"];
    for same in ["payment", "captures", "refunds", "sessions", "remaining"] {
        assert_eq!(after[same], before[same], "{same} stands as it did");
    }
    assert_eq!(who(&operator, opened.payment, "event_replayed").await, json!(["admin", 7]));
    let story = after["timeline"]["data"].as_array().unwrap();
    assert_eq!(story.last().unwrap()["entry"]["event"], json!(event));

    // One that was given up is done with once it succeeds.
    site.database
        .execute(&format!(
            "UPDATE gateway_events SET finished_at = NULL, due_at = NULL, error = 'e' WHERE id = '{event}'"
        ))
        .await
        .unwrap();
    assert_eq!(told_complete(&operator.page(opened.payment).await)["state"], "given_up");
    assert_eq!(told_complete(&replay(&event).await["payment_page"])["state"], "done");

    // About nothing of ours.
    site.database
        .execute("INSERT INTO gateway_events (id, kind, object, payload, received_at) VALUES ('evt_other', 'checkout.session.completed', 'cs_other', '{}', '2024-01-15 10:30:00Z')".replace('Z', if backend.is_postgres() { "Z" } else { "" }).as_str())
        .await
        .unwrap();
    let body = replay("evt_other").await;
    assert_eq!(
        (&body["outcome"], &body["payment_id"], &body["payment_page"]),
        (&json!("done"), &Value::Null, &Value::Null)
    );
}
