//! Single objects: looked up, ended, made.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::domain::{Currency, DisputeState, Money, RefundState};
use sekali_core::ports::{Gateway, GatewayError, GatewayStatus};
use sekali_stripe::StripeGateway;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Answer, Server, answer, cut, gateway, object, ok, refund_draft, with};
use uuid::Uuid;

const KEY: Uuid = Uuid::from_u128(9);
const REFUSAL: &str = r#"{"error":{"type":"invalid_request_error","message":"No."}}"#;

/// What an error has to be.
type Expected = fn(&GatewayError) -> bool;

async fn against(answers: Vec<Answer>) -> (Server, StripeGateway) {
    let server = Server::answering(answers).await;
    let gateway = gateway(&server.base, Arc::default());
    (server, gateway)
}

fn line(request: &str) -> &str {
    request.split(" HTTP/1.1").next().unwrap()
}

fn missing(parameter: &str) -> String {
    json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": parameter,
        "message": "No such thing"}})
    .to_string()
}

#[tokio::test]
async fn each_kind_is_looked_up_where_it_is() {
    let kinds = ["payment_intent", "charge", "refund", "dispute"];
    let answers = kinds.iter().map(|kind| ok(&object(kind, "x_1"))).collect();
    let (mut server, gateway) = against(answers).await;
    let intent = gateway.intent("x_1").await.unwrap();
    let charge = gateway.charge("x_1").await.unwrap();
    let refund = gateway.refund("x_1").await.unwrap();
    let dispute = gateway.dispute("x_1").await.unwrap();

    let seen = server.seen();
    let lines: Vec<_> = seen.iter().map(|request| line(request)).collect();
    let base = "GET /stripe-simulator/v1";
    let expected =
        ["payment_intents", "charges", "refunds", "disputes"].map(|path| format!("{base}/{path}/x_1"));
    assert_eq!(lines, expected);

    assert_eq!((intent.failure, intent.installation), (None, Some(Uuid::from_u128(3))));
    assert_eq!((charge.captured, charge.session), (true, Some(Uuid::from_u128(1))));
    assert_eq!((refund.state, refund.refund), (RefundState::Pending, Some(Uuid::from_u128(4))));
    assert_eq!(refund.amount, Some(Money::new(250_000, Currency::PHP)));
    assert_eq!((dispute.state, dispute.reason.as_str()), (DisputeState::UnderReview, "duplicate"));
    for found in [charge.payment_intent, refund.payment_intent, dispute.payment_intent] {
        assert_eq!(found.as_deref(), Some("pi_1"));
    }
}

#[tokio::test]
async fn another_object_is_no_answer() {
    for wrong in [object("charge", "x_2"), object("refund", "x_1"), json!({}), json!({"object": "charge"})] {
        let (_server, gateway) = against(vec![ok(&wrong)]).await;
        let outcome = gateway.charge("x_1").await;
        assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "{wrong}: {outcome:?}");
    }
    let (_server, gateway) = against(vec![answer(404, "", &missing("id"))]).await;
    assert_eq!(gateway.dispute("dp_1").await, Err(GatewayError::NotFound));
}

#[tokio::test]
async fn an_id_that_is_none_is_not_asked_for() {
    let (mut server, gateway) = against(vec![answer(200, "", "{}")]).await;
    for id in ["", "..", "../../v1/charges", "x_1?expand=x", "x 1", "x%2f1", "é", &"x".repeat(256)] {
        let told = [
            gateway.session(id).await.err(),
            gateway.intent(id).await.err(),
            gateway.charge(id).await.err(),
            gateway.refund(id).await.err(),
            gateway.dispute(id).await.err(),
            gateway.expire_session(KEY, id).await.err(),
            gateway.refunds_of(id).await.err(),
        ];
        assert!(told.iter().all(|told| *told == Some(GatewayError::NotFound)), "{id}: {told:?}");
        assert_eq!(gateway.session_of_intent(id).await, Ok(None), "{id}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_confirmed_session_is_asked_for_with_its_intent() {
    let rows = [("processing", GatewayStatus::Unpaid), ("requires_payment_method", GatewayStatus::Failed)];
    for (status, expected) in rows {
        let intent = with(object("payment_intent", "pi_1"), &json!({"status": status}));
        let session = with(object("checkout.session", "cs_1"), &json!({"payment_intent": intent}));
        let (_server, gateway) = against(vec![ok(&session)]).await;
        let found = gateway.session("cs_1").await.unwrap();
        assert_eq!((found.status, found.payment_intent.as_deref()), (expected, Some("pi_1")), "{status}");
    }
}

#[tokio::test]
async fn a_session_is_ended() {
    let ended =
        with(object("checkout.session", "cs_1"), &json!({"status": "expired", "payment_intent": null}));
    let (mut server, gateway) = against(vec![answer(500, "", "{}"), ok(&ended)]).await;
    let session = gateway.expire_session(KEY, "cs_1").await.unwrap();
    assert_eq!((session.id.as_str(), session.status), ("cs_1", GatewayStatus::Expired));
    let seen = server.seen();
    assert_eq!(line(&seen[0]), "POST /stripe-simulator/v1/checkout/sessions/cs_1/expire");
    for request in &seen {
        assert!(request.contains(&format!("idempotency-key: {KEY}\r\n")), "{request}");
        assert!(request.ends_with("\r\n\r\n"), "without parameters: {request}");
    }

    let cases: [(Vec<Answer>, Expected); 4] = [
        (vec![answer(400, "", REFUSAL)], |told| matches!(told, GatewayError::Refused { status: 400, .. })),
        (vec![answer(404, "", &missing("session"))], |told| *told == GatewayError::NotFound),
        (vec![cut("{"), answer(400, "", REFUSAL)], |told| matches!(told, GatewayError::Unknown(_))),
        (vec![ok(&object("checkout.session", "cs_2"))], |told| matches!(told, GatewayError::Unknown(_))),
    ];
    for (answers, expected) in cases {
        let (_server, gateway) = against(answers).await;
        let told = gateway.expire_session(KEY, "cs_1").await.unwrap_err();
        assert!(expected(&told), "{told:?}");
    }
}

#[tokio::test]
async fn a_refund_is_made() {
    let (mut server, gateway) = against(vec![answer(500, "", "{}"), ok(&object("refund", "re_1"))]).await;
    let request = gateway.encode_refund(&refund_draft(250_000, "PHP"));
    let made = gateway.create_refund(KEY, &request).await.unwrap();
    assert_eq!((made.id.as_str(), made.state), ("re_1", RefundState::Pending));
    let seen = server.seen();
    assert_eq!(line(&seen[0]), "POST /stripe-simulator/v1/refunds");
    for sent in &seen {
        assert!(sent.contains(&format!("idempotency-key: {KEY}\r\n")), "{sent}");
        assert!(sent.ends_with(&format!("\r\n\r\n{request}")), "the very bytes: {sent}");
    }
}

/// Making a refund against these answers ends in an error.
async fn refund_error(answers: Vec<Answer>) -> GatewayError {
    let (_server, gateway) = against(answers).await;
    gateway.create_refund(KEY, "payment_intent=pi_1&amount=1").await.unwrap_err()
}

#[tokio::test]
async fn money_that_stripe_does_not_have_is_a_definite_refusal() {
    let told = refund_error(vec![answer(404, "", &missing("payment_intent"))]).await;
    assert_eq!(told, GatewayError::Refused { status: 400, message: "No such thing".to_owned() });

    let doubtful = vec![cut("{"), answer(404, "", &missing("payment_intent"))];
    assert!(matches!(refund_error(doubtful).await, GatewayError::Unknown(_)), "the first may have made it");
    for body in [REFUSAL.to_owned(), missing("id"), "<html>".to_owned()] {
        let told = refund_error(vec![answer(404, "", &body)]).await;
        assert!(matches!(told, GatewayError::Unknown(_)), "not about the payment intent: {told:?}");
    }
}

#[tokio::test]
async fn what_each_answer_to_a_refund_proves() {
    let used = r#"{"error":{"type":"idempotency_error","message":"Another request"}}"#;
    let rows: [(u16, &str, &str, Expected); 9] = [
        (400, "", REFUSAL, |told| matches!(told, GatewayError::Refused { status: 400, .. })),
        (402, "", REFUSAL, |told| matches!(told, GatewayError::Refused { status: 402, .. })),
        (403, "", REFUSAL, |told| matches!(told, GatewayError::Refused { status: 403, .. })),
        (403, "", "<html>", is_unknown),
        (400, "", used, is_unknown),
        (409, "", REFUSAL, is_unknown),
        (429, "", REFUSAL, is_unknown),
        (503, "", REFUSAL, is_unknown),
        (500, "idempotent-replayed: true\r\n", "{}", |told| matches!(told, GatewayError::Spent(_))),
    ];
    for (status, headers, body, expected) in rows {
        let told = refund_error((0..3).map(|_| answer(status, headers, body)).collect()).await;
        assert!(expected(&told), "{status}: {told:?}");
    }
    for body in [object("charge", "ch_1"), Value::Null, json!({"object": "refund", "id": "re_1"})] {
        let told = refund_error(vec![ok(&body)]).await;
        assert!(is_unknown(&told), "{body}: {told:?}");
    }
}

fn is_unknown(told: &GatewayError) -> bool {
    matches!(told, GatewayError::Unknown(_))
}
