//! What test cards do, through the door for tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, error, ok};

on_both_storages!(success, declines, three_d_secure, bad_orders, parallel_pays, two_servers);

const GOOD: &str = r#"{"card": "4242 4242 4242 4242"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_card_number_reaches_the_disk() {
    let folder = support::Folder::new();
    let running = Running::start(folder.storage()).await;
    for card in ["4242424242424242", "4000000000000002", "4000002760003184", "4111111111111111"] {
        let session = running.new_session().await;
        running.pay(&session, &json!({"card": card}).to_string()).send().await.unwrap();
    }
    let mut written = Vec::new();
    for file in std::fs::read_dir(&folder.0).unwrap() {
        written.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let contains = |text: &str| written.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("requires_payment_method"), "the objects are in there in the clear");
    for card in ["4242424242424242", "4000000000000002", "4000002760003184", "4111111111111111"] {
        assert!(!contains(card), "{card}");
    }
}

async fn success(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let answer = ok(running.pay(&session, GOOD).send().await.unwrap()).await;
    assert_eq!(answer["outcome"], "succeeded");
    assert_eq!((&answer["session"]["status"], &answer["session"]["url"]), (&json!("complete"), &Value::Null));
    assert_eq!(answer["session"], running.session(&session).await);

    let path = format!(
        "/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge",
        session["id"].as_str().unwrap()
    );
    let session = running.get(&path).await;
    assert_eq!(session["payment_status"], "paid");
    let intent = &session["payment_intent"];
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(500_000)));
    assert_eq!(intent["metadata"], json!({"payment": "uuid-1"}));
    assert_eq!(intent["description"], "Consultation fee");
    let charge = &intent["latest_charge"];
    assert_eq!((&charge["paid"], &charge["amount_captured"]), (&json!(true), &json!(500_000)));
    assert_eq!(charge["payment_method_details"]["card"]["last4"], "4242");
    assert_eq!(
        running.events().await,
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed"
        ]
    );
}

async fn declines(storage: Storage) {
    let running = Running::start(storage).await;
    for (card, code, decline_code) in [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ] {
        let session = running.new_session().await;
        let order = json!({"card": card}).to_string();
        let (status, refused) = error(running.pay(&session, &order).send().await.unwrap()).await;
        assert_eq!((status, &refused["type"]), (402, &json!("card_error")));
        assert_eq!((&refused["code"], &refused["decline_code"]), (&json!(code), &json!(decline_code)));
        let session = running.session(&session).await;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("open"), &json!("unpaid")));
        let intent = session["payment_intent"].as_str().unwrap();
        let intent = running.get(&format!("/v1/payment_intents/{intent}?expand[]=latest_charge")).await;
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["last_payment_error"]["decline_code"], decline_code);
        assert_eq!(intent["latest_charge"]["failure_code"], code);
    }
    // The same session goes on: a second card, the same intent.
    let session = running.new_session().await;
    error(running.pay(&session, r#"{"card":"4000000000000002"}"#).send().await.unwrap()).await;
    let intent = running.session(&session).await["payment_intent"].clone();
    let paid = ok(running.pay(&session, GOOD).send().await.unwrap()).await;
    assert_eq!(paid["session"]["payment_intent"], intent);
    let charges = running.get(&format!("/v1/charges?payment_intent={}", intent.as_str().unwrap())).await;
    let statuses: Vec<_> =
        charges["data"].as_array().unwrap().iter().map(|charge| &charge["status"]).collect();
    assert_eq!(statuses, ["succeeded", "failed"]);
    let events = running.events().await;
    assert_eq!(
        events[events.len() - 6..],
        [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed"
        ]
    );
}

async fn three_d_secure(storage: Storage) {
    let running = Running::start(storage).await;
    for card in ["4000002500003155", "4000000000003220", "4000002760003184"] {
        let session = running.new_session().await;
        let order = json!({"card": card, "authenticate": false}).to_string();
        let (status, refused) = error(running.pay(&session, &order).send().await.unwrap()).await;
        assert_eq!((status, &refused["code"]), (402, &json!("payment_intent_authentication_failure")));
        assert_eq!(running.session(&session).await["status"], "open");
        let intent = running.session(&session).await["payment_intent"].as_str().unwrap().to_owned();
        let charges = format!("/v1/charges?payment_intent={intent}");
        assert_eq!(running.get(&charges).await["data"], json!([]));

        let order = json!({"card": card}).to_string();
        ok(running.pay(&session, &order).send().await.unwrap()).await;
        let charge = &running.get(&charges).await["data"][0];
        assert_eq!(charge["payment_method_details"]["card"]["three_d_secure"]["result"], "authenticated");
    }
    let session = running.new_session().await;
    let refused = running.pay(&session, r#"{"card":"4000008400001629"}"#).send().await.unwrap();
    assert_eq!(error(refused).await.1["decline_code"], "generic_decline");
}

async fn bad_orders(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    for order in ["", "{}", r#"{"card":"4242424242424241"}"#, r#"{"card":"4242424242424242","x":1}"#] {
        let (status, _) = error(running.pay(&session, order).send().await.unwrap()).await;
        assert_eq!(status, 400, "{order}");
    }
    let missing = json!({"id": "cs_test_nothing"});
    assert_eq!(error(running.pay(&missing, GOOD).send().await.unwrap()).await.0, 404);
    let path = format!("/simulator/sessions/{}/pay", session["id"].as_str().unwrap());
    let text = running.plain(Method::POST, &path).header("Content-Type", "text/plain").body(GOOD);
    assert_eq!(error(text.send().await.unwrap()).await.0, 400);
    let form = || {
        let request = running.plain(Method::POST, &path).body("card=4000002500003155&authenticate=false");
        request.header("Content-Type", "application/x-www-form-urlencoded")
    };
    assert_eq!(error(form().send().await.unwrap()).await.0, 400, "without a key, any page could send it");
    assert_eq!(running.events().await, [""; 0]);
    // Stripe's libraries send their raw requests like this.
    let declined = error(form().bearer_auth("sk_test_123").send().await.unwrap()).await;
    assert_eq!((declined.0, &declined.1["code"]), (402, &json!("payment_intent_authentication_failure")));
}

async fn parallel_pays(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let pays = (0..20).map(|_| running.pay(&session, GOOD).send());
    let mut paid = 0;
    for answer in futures_util::future::join_all(pays).await {
        match answer.unwrap().status().as_u16() {
            200 => paid += 1,
            status => assert_eq!(status, 400),
        }
    }
    assert_eq!(paid, 1);
    assert_eq!(running.get("/v1/charges").await["data"].as_array().unwrap().len(), 1);
    assert_eq!(running.events().await.len(), 4);
}

async fn two_servers(storage: Storage) {
    let one = Running::start(storage.clone()).await;
    let other = Running::start_with(storage, one.clock.clone()).await;
    let session = one.new_session().await;
    let pays = (0..20).map(|number| if number % 2 == 0 { &one } else { &other }.pay(&session, GOOD).send());
    let answers = futures_util::future::join_all(pays).await;
    let paid = answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 200).count();
    assert_eq!(paid, 1);
    assert_eq!(one.get("/v1/charges").await, other.get("/v1/charges").await);
    // Each shows the page under its own address.
    let session = other.session(&one.new_session().await).await;
    assert!(session["url"].as_str().unwrap().starts_with(&other.base));
}
