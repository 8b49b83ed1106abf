//! Payment intents: what a client may change about them, and when they can be cancelled; and the small rules
//! that all objects share.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, START, id};

on_both_storages!(
    updates,
    cancelling,
    charges_by_time,
    strangers,
    sessions_by_email,
    headers_of_errors,
    keys_have_owners
);

async fn updates(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4242424242424242").await;
    let path = format!("/v1/payment_intents/{}", charge["payment_intent"].as_str().unwrap());
    let params = [("description", "Other words"), ("metadata[more]", "1"), ("expand[]", "latest_charge")];
    let changed = running.made(&path, &params).await;
    assert_eq!((&changed["description"], &changed["status"]), (&json!("Other words"), &json!("succeeded")));
    assert_eq!(changed["metadata"], json!({"payment": "uuid-1", "more": "1"}));
    // The charge keeps what it was made with.
    assert_eq!(changed["latest_charge"]["metadata"], json!({"payment": "uuid-1"}));
    assert_eq!(changed["latest_charge"]["description"], "Consultation fee");
    assert_eq!(running.made(&path, &[("metadata[payment]", "")]).await["metadata"], json!({"more": "1"}));
    let long = "x".repeat(501);
    for params in [&[("metadata[a]", long.as_str())][..], &[("amount", "1")], &[("description", "")]] {
        assert_eq!(running.refused(&path, params).await.0, 400, "{params:?}");
    }
    assert_eq!(running.refused("/v1/payment_intents/pi_nothing", &[]).await.0, 404);
}

async fn cancelling(storage: Storage) {
    let running = Running::start(storage).await;
    let charge = running.charged("4242424242424242").await;
    let paid = format!("/v1/payment_intents/{}/cancel", charge["payment_intent"].as_str().unwrap());
    let (status, refused) = running.refused(&paid, &[]).await;
    assert_eq!((status, &refused["code"]), (400, &json!("payment_intent_unexpected_state")));
    assert!(refused["message"].as_str().unwrap().contains("status of succeeded"));
    assert_eq!(refused["payment_intent"]["status"], "succeeded");

    let session = running.new_session().await;
    let declined = running.pay(&session, r#"{"card":"4000000000000002"}"#).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    let intent = running.session(&session).await["payment_intent"].as_str().unwrap().to_owned();
    let open = format!("/v1/payment_intents/{intent}/cancel");
    let (_, refused) = running.refused(&open, &[]).await;
    assert!(refused["message"].as_str().unwrap().contains("Expire the Checkout Session instead"));
    assert_eq!(running.refused(&open, &[("cancellation_reason", "boredom")]).await.0, 400);
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await;
    assert_eq!(running.refused(&open, &[]).await.0, 400);
    let ended = running.get(&format!("/v1/payment_intents/{intent}?client_secret=x")).await;
    assert_eq!((&ended["status"], &ended["cancellation_reason"]), (&json!("canceled"), &json!("automatic")));
}

async fn charges_by_time(storage: Storage) {
    let running = Running::start(storage).await;
    let one = running.charged("4242424242424242").await;
    running.clock.advance(10);
    let other = running.charged("4242424242424242").await;
    let found = async |query: &str| -> Vec<Value> {
        let list = running.get(&format!("/v1/charges?{query}")).await;
        list["data"].as_array().unwrap().iter().map(|charge| charge["id"].clone()).collect()
    };
    assert_eq!(found(&format!("created[gt]={START}")).await, [other["id"].clone()]);
    assert_eq!(found(&format!("created={START}")).await, [one["id"].clone()]);
    assert_eq!(found("transfer_group=nobody").await, [json!(null); 0]);
    let newer = format!("/v1/payment_intents?created[gt]={START}");
    assert_eq!(running.get(&newer).await["data"][0]["id"], other["payment_intent"]);
    let events = format!("/v1/events?created[gt]={START}&type=charge.succeeded");
    assert_eq!(running.get(&events).await["data"].as_array().unwrap().len(), 1);
}

/// There are no customers, payment links or subscriptions, so none has the id that is asked for.
async fn strangers(storage: Storage) {
    let running = Running::start(storage).await;
    for path in [
        "/v1/charges?customer=cus_1",
        "/v1/payment_intents?customer=cus_1",
        "/v1/checkout/sessions?customer=cus_1",
        "/v1/checkout/sessions?payment_link=plink_1",
        "/v1/checkout/sessions?subscription=sub_1",
    ] {
        let (status, refused) = running.get_error(path).await;
        assert_eq!((status, &refused["code"]), (400, &json!("resource_missing")), "{path}");
    }
}

async fn sessions_by_email(storage: Storage) {
    let running = Running::start(storage).await;
    running.new_session().await;
    let known = running.new_session_with(&[("customer_email", "ana@example.com")]).await;
    let paid = running.new_session().await;
    let order = r#"{"card":"4242424242424242","email":"ben@example.com"}"#;
    support::ok(running.pay(&paid, order).send().await.unwrap()).await;
    for (email, session) in [("ana@example.com", &known), ("ben@example.com", &paid)] {
        let list = running.get(&format!("/v1/checkout/sessions?customer_details[email]={email}")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{email}");
        assert_eq!(list["data"][0]["id"], session["id"], "{email}");
    }
}

async fn headers_of_errors(storage: Storage) {
    let running = Running::start(storage).await;
    let request =
        running.request(Method::GET, "/v1/refunds/re_nothing").header("Stripe-Version", "2023-08-16");
    let response = request.send().await.unwrap();
    let request_id = response.headers()["request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["stripe-version"], "2023-08-16");
    let (status, missing) = support::error(response).await;
    assert_eq!((status, &missing["param"]), (404, &json!("refund")));
    assert_eq!(missing["request_log_url"], format!("https://dashboard.stripe.com/test/logs/{request_id}"));
    assert_eq!(missing["doc_url"], "https://stripe.com/docs/error-codes/resource-missing");
    let keyed = running.post("/v1/refunds", &[("amount", "1")]).header("Idempotency-Key", "key-1");
    assert_eq!(keyed.send().await.unwrap().headers()["idempotency-key"], "key-1");
}

/// One secret key's idempotency keys are not another's.
async fn keys_have_owners(storage: Storage) {
    let running = Running::start(storage).await;
    let create = async |secret: &str| {
        let request = running
            .plain(Method::POST, "/v1/checkout/sessions")
            .header("Idempotency-Key", "key-1")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(support::encode(support::SESSION));
        let basic = request.try_clone().unwrap().basic_auth(secret, Some(""));
        let first = support::ok(request.bearer_auth(secret).send().await.unwrap()).await;
        assert_eq!(support::ok(basic.send().await.unwrap()).await["id"], first["id"]);
        first["id"].clone()
    };
    assert_ne!(create("sk_test_one").await, create("sk_test_two").await);
}
