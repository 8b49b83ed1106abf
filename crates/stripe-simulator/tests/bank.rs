//! Payments from bank accounts: complete at once, certain later.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, encode, error, id, ok};

on_both_storages!(succeeds, fails, settled_on_request, on_the_page, only_where_it_is_offered);

const BOTH: &[(&str, &str)] =
    &[("payment_method_types[]", "card"), ("payment_method_types[1]", "us_bank_account")];
const GOOD: &str = r#"{"bank_account": "000123456789"}"#;

async fn intent_of(running: &Running, session: &Value) -> Value {
    let path = format!("/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge", id(session));
    running.get(&path).await["payment_intent"].clone()
}

async fn succeeds(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session_with(BOTH).await;
    assert_eq!(session["payment_method_types"], json!(["card", "us_bank_account"]));
    let answer = ok(running.pay(&session, GOOD).send().await.unwrap()).await;
    assert_eq!(answer["outcome"], "processing");
    let submitted = running.session(&session).await;
    assert_eq!((&submitted["status"], &submitted["payment_status"]), (&json!("complete"), &json!("unpaid")));
    let intent = intent_of(&running, &session).await;
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("processing"), &json!(0)));
    let charge = &intent["latest_charge"];
    assert_eq!((&charge["status"], &charge["paid"]), (&json!("pending"), &json!(false)));
    assert_eq!(charge["payment_method_details"]["us_bank_account"]["last4"], "6789");
    let (status, refused) = running.refused("/v1/refunds", &[("charge", id(charge))]).await;
    assert_eq!((status, &refused["param"]), (400, &json!("charge")));
    // Nothing that cancels it while the bank is at it.
    let cancel = format!("/v1/payment_intents/{}/cancel", id(&intent));
    let (status, refused) = running.refused(&cancel, &[]).await;
    assert_eq!((status, &refused["code"]), (400, &json!("payment_intent_unexpected_state")));
    assert_eq!(refused["payment_intent"]["id"], intent["id"]);
    assert_eq!(running.refused(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await.0, 400);

    running.advance(59).await;
    assert_eq!(running.session(&session).await["payment_status"], "unpaid");
    running.advance(1).await;
    let paid = running.session(&session).await;
    assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(intent_of(&running, &session).await["latest_charge"]["paid"], true);
    assert_eq!(
        running.events().await,
        [
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
            "checkout.session.completed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded",
        ]
    );
    let event = running.last_event("checkout.session.completed").await;
    assert_eq!(event["data"]["object"]["payment_status"], "unpaid");
    // The way back takes its time as well.
    let refund = running.made("/v1/refunds", &[("payment_intent", id(&intent))]).await;
    assert_eq!(refund["status"], "pending");
    running.advance(60).await;
    assert_eq!(running.get(&format!("/v1/refunds/{}", id(&refund))).await["status"], "succeeded");
}

async fn fails(storage: Storage) {
    let running = Running::start(storage).await;
    for (number, code) in [("000111111116", "no_account"), ("000222222227", "insufficient_funds")] {
        let session = running.new_session_with(BOTH).await;
        let order = json!({"bank_account": number}).to_string();
        ok(running.pay(&session, &order).send().await.unwrap()).await;
        running.advance(60).await;
        let failed = running.session(&session).await;
        assert_eq!((&failed["status"], &failed["payment_status"]), (&json!("complete"), &json!("unpaid")));
        let intent = intent_of(&running, &session).await;
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["last_payment_error"]["code"], code);
        assert_eq!(intent["latest_charge"]["failure_code"], code);
        let names = running.events().await;
        assert_eq!(
            names[names.len() - 3..],
            ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]
        );
        // Nobody pays with it any more, so it can be cancelled.
        let cancel = format!("/v1/payment_intents/{}/cancel", id(&intent));
        let cancelled = running.made(&cancel, &[("cancellation_reason", "abandoned")]).await;
        assert_eq!(
            (&cancelled["status"], &cancelled["cancellation_reason"]),
            (&json!("canceled"), &json!("abandoned"))
        );
        assert_eq!(running.refused(&cancel, &[]).await.0, 400);
        assert_eq!(error(running.pay(&session, GOOD).send().await.unwrap()).await.0, 400);
    }
}

async fn settled_on_request(storage: Storage) {
    let running = Running::start(storage).await;
    for (outcome, status) in [("succeeded", "paid"), ("failed", "unpaid")] {
        let session = running.new_session_with(BOTH).await;
        let path = format!("sessions/{}/bank", id(&session));
        let order = json!({"outcome": outcome});
        assert_eq!(error(running.steering(&path, &order).send().await.unwrap()).await.0, 400);
        ok(running.pay(&session, GOOD).send().await.unwrap()).await;
        assert_eq!(running.steer(&path, &order).await["session"]["payment_status"], status);
        assert_eq!(error(running.steering(&path, &order).send().await.unwrap()).await.0, 400);
        running.advance(3600).await;
        assert_eq!(running.session(&session).await["payment_status"], status);
    }
    assert_eq!(running.state().await["charges"], json!({"failed": 1, "succeeded": 1}));
}

async fn on_the_page(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session_with(BOTH).await;
    let path = format!("/c/pay/{}", id(&session));
    let page = running.plain(Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(r#"<label for="bank-accountNumber">Account number</label>"#));
    assert!(page.contains("Pay PHP 5.000,00 by bank"));
    let submit = async |account: &str| {
        let fields = [("email", "ana@example.com"), ("accountNumber", account), ("billingName", "Ana Cruz")];
        let request = running.plain(Method::POST, &path).body(encode(&fields));
        let response =
            request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), location, response.text().await.unwrap())
    };
    let (status, _, page) = submit("12").await;
    assert_eq!(status, 422);
    assert!(
        page.contains(
            r#"<p class="mistake" id="bank-accountNumber-error">Your account number is invalid.</p>"#
        )
    );
    assert!(!page.contains("cardNumber-error") && page.contains(r#"value="Ana Cruz""#));
    let (status, location, _) = submit("000 123 456 789").await;
    assert_eq!(status, 303);
    assert!(location.unwrap().starts_with("https://shop.example/back?session=cs_test_"));
    let page = running.plain(Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("This payment is with your bank"));
    assert_eq!(running.session(&session).await["customer_details"]["name"], "Ana Cruz");
}

async fn only_where_it_is_offered(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let path = format!("/c/pay/{}", id(&session));
    let page = running.plain(Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("accountNumber"));
    let (status, refused) = error(running.pay(&session, GOOD).send().await.unwrap()).await;
    assert_eq!((status, &refused["param"]), (400, &json!("bank_account")));
    let fields = [("email", "ana@example.com"), ("accountNumber", "000123456789"), ("billingName", "Ana")];
    let request = running.plain(Method::POST, &path).body(encode(&fields));
    request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(running.session(&session).await["status"], "open");
    for order in
        [r#"{"bank_account": "12"}"#, r#"{"bank_account": "000123456789", "card": "4242424242424242"}"#]
    {
        assert_eq!(error(running.pay(&session, order).send().await.unwrap()).await.0, 400);
    }
    let twice = [("payment_method_types[]", "card"), ("payment_method_types[1]", "card")];
    let params: Vec<_> = support::SESSION.iter().chain(&twice).copied().collect();
    assert_eq!(running.refused("/v1/checkout/sessions", &params).await.0, 400);
    assert_eq!(running.events().await, [""; 0]);
}
