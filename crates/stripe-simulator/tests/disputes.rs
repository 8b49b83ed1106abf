//! Disputes, from the card that brings one and from the door for tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, START, error, id};

on_both_storages!(by_card, lost, inquiries, lists, what_cannot_be_disputed);

async fn by_card(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4000000000000259").await;
    assert_eq!((&charge["status"], &charge["disputed"]), (&json!("succeeded"), &json!(true)));
    let names = running.events().await;
    assert_eq!(
        names[names.len() - 3..],
        ["checkout.session.completed", "charge.dispute.created", "charge.dispute.funds_withdrawn"]
    );
    let dispute = running.get("/v1/disputes").await["data"][0].clone();
    for (field, value) in [
        ("status", json!("needs_response")),
        ("reason", json!("fraudulent")),
        ("amount", json!(500_000)),
        ("charge", charge["id"].clone()),
        ("payment_intent", charge["payment_intent"].clone()),
        ("is_charge_refundable", json!(false)),
        ("created", json!(START)),
    ] {
        assert_eq!(dispute[field], value, "{field}");
    }
    assert_eq!(dispute["balance_transactions"][0]["amount"], -500_000);
    assert_eq!(running.last_event("charge.dispute.created").await["data"]["object"], dispute);

    let reviewed = running.steer(&format!("disputes/{}/review", id(&dispute)), &json!({})).await;
    assert_eq!(reviewed["status"], "under_review");
    let previous = &running.last_event("charge.dispute.updated").await["data"]["previous_attributes"];
    assert_eq!(previous["status"], "needs_response");
    let won = running.steer(&format!("disputes/{}/close", id(&dispute)), &json!({"status": "won"})).await;
    assert_eq!((&won["status"], &won["balance_transactions"][1]["amount"]), (&json!("won"), &json!(500_000)));
    assert_eq!(running.get(&format!("/v1/disputes/{}", id(&dispute))).await, won);
    assert_eq!(running.last_event("charge.dispute.closed").await["data"]["object"], won);
    assert_eq!(running.last_event("charge.dispute.funds_reinstated").await["data"]["object"], won);
    for order in ["close", "review"] {
        let path = format!("disputes/{}/{order}", id(&dispute));
        let body = if order == "close" { json!({"status": "lost"}) } else { json!({}) };
        assert_eq!(error(running.steering(&path, &body).send().await.unwrap()).await.0, 400);
    }
}

async fn lost(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4242424242424242").await;
    running.made("/v1/refunds", &[("charge", id(&charge)), ("amount", "100000")]).await;
    let path = format!("charges/{}/dispute", id(&charge));
    let dispute = running.steer(&path, &json!({"reason": "product_not_received"})).await;
    assert_eq!((&dispute["amount"], &dispute["reason"]), (&json!(400_000), &json!("product_not_received")));
    assert_eq!(running.get(&format!("/v1/charges/{}", id(&charge))).await["disputed"], true);
    let lost = running.steer(&format!("disputes/{}/close", id(&dispute)), &json!({"status": "lost"})).await;
    assert_eq!(lost["status"], "lost");
    assert_eq!(running.last_event("charge.dispute.closed").await["data"]["object"], lost);
    assert_eq!(running.last_event("charge.dispute.funds_reinstated").await, Value::Null);
    let (status, refused) = running.refused("/v1/refunds", &[("charge", id(&charge))]).await;
    assert_eq!((status, &refused["code"]), (400, &json!("charge_disputed")));
    assert_eq!(running.state().await["disputes"], json!({"lost": 1}));
}

/// The bank asks first: no money moves, and the charge can be refunded.
async fn inquiries(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4000000000001976").await;
    let dispute = running.get("/v1/disputes").await["data"][0].clone();
    assert_eq!(
        (&dispute["status"], &dispute["balance_transactions"]),
        (&json!("warning_needs_response"), &json!([]))
    );
    assert_eq!(running.last_event("charge.dispute.funds_withdrawn").await, Value::Null);
    running.made("/v1/refunds", &[("charge", id(&charge))]).await;
    let closed = running.steer(&format!("disputes/{}/close", id(&dispute)), &json!({"status": "won"})).await;
    assert_eq!((&closed["status"], &closed["balance_transactions"]), (&json!("warning_closed"), &json!([])));
}

async fn lists(storage: Storage) {
    let running = Running::start(storage).await;
    let one = running.charged("4000000000000259").await;
    running.clock.advance(10);
    let other = running.charged("4000000000002685").await;
    let found = async |query: &str| -> Vec<Value> {
        let list = running.get(&format!("/v1/disputes?{query}")).await;
        list["data"].as_array().unwrap().iter().map(|dispute| dispute["charge"].clone()).collect()
    };
    assert_eq!(found("").await, [other["id"].clone(), one["id"].clone()]);
    assert_eq!(found(&format!("charge={}", id(&one))).await, [one["id"].clone()]);
    let intent = other["payment_intent"].as_str().unwrap();
    assert_eq!(found(&format!("payment_intent={intent}")).await, [other["id"].clone()]);
    assert_eq!(found(&format!("created[lt]={}", START + 10)).await, [one["id"].clone()]);
    assert_eq!(found("expand[]=data.charge&expand[]=data.payment_intent").await[0]["id"], other["id"]);
    assert_eq!(running.get_error("/v1/disputes/dp_nothing").await.0, 404);
}

async fn what_cannot_be_disputed(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4000000000000259").await;
    let again = running.steering(&format!("charges/{}/dispute", id(&charge)), &json!({}));
    assert_eq!(error(again.send().await.unwrap()).await.0, 400);
    let refunded = running.charged("4242424242424242").await;
    running.made("/v1/refunds", &[("charge", id(&refunded))]).await;
    let late = running.steering(&format!("charges/{}/dispute", id(&refunded)), &json!({}));
    assert_eq!(error(late.send().await.unwrap()).await.0, 400);
    let odd = running.steering(&format!("charges/{}/dispute", id(&refunded)), &json!({"reason": "mood"}));
    assert_eq!(error(odd.send().await.unwrap()).await.0, 400);
}
