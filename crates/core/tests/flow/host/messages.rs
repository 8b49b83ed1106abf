//! What stands in a message beside the payment: the entry's own part of it.

use crate::support::{Stage, second};
use sekali_core::domain::record::{Amount, EndReason, Head};
use sekali_core::domain::{Actor, Currency, Entry, Money, Origin, Receipt, RecordedEvent, What};
use sekali_core::flow::outbox::message;
use sekali_core::ports::Delivery;
use serde_json::{Value, json};
use uuid::Uuid;

fn pesos(minor: i64) -> Amount {
    Money::new(minor, Currency::PHP).into()
}

/// The message of this entry, and its body.
fn told(receipt: &Receipt, what: What) -> (String, Value) {
    let (payment, at) = (&receipt.payment, second(3));
    let entry = Entry { what, origin: Origin::of(Actor::Sekali) };
    let event =
        RecordedEvent::after(Head { seq: 4, hash: [7; 32] }, payment.id, payment.reference, at, &entry);
    let id = format!("msg_{}", &event.hash_hex()[..32]);
    let delivery = Delivery { reference: payment.reference, event, attempts: 1, failing_since: None };
    let message = message(receipt, &delivery, second(60));
    assert_eq!((message.id, message.at), (id, second(60)));
    let body: Value = serde_json::from_str(&message.body).unwrap();
    (body["type"].as_str().unwrap().to_owned(), body)
}

/// All that stands in `data` and is not the payment's own.
fn added(receipt: &Receipt, what: What) -> (String, Value) {
    let (kind, body) = told(receipt, what);
    let mut data = body["data"].as_object().unwrap().clone();
    let payment = &receipt.payment;
    for (name, value) in [
        ("payment_id", json!(payment.id.0)),
        ("reference", json!(payment.reference)),
        ("sequence", json!(5)),
        ("consultation_id", json!(5)),
        ("user_id", json!(1)),
        ("amount", json!("5000.00")),
        ("currency", json!("PHP")),
        ("payment_method", json!("stripe")),
        ("invoice_number", json!(receipt.invoice.number)),
    ] {
        assert_eq!(data.remove(name), Some(value), "{name}");
    }
    assert_eq!(body["timestamp"], "2024-01-15T10:30:03.000000Z");
    (kind, data.into())
}

#[tokio::test]
async fn each_kind_with_what_it_adds() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let (refund, session) = (Uuid::from_u128(8), Uuid::from_u128(9));
    let succeeded = |refunded: Option<Amount>, status: &str| What::RefundSucceeded {
        refund,
        gateway_id: Some("re_1".into()),
        amount: pesos(100_000),
        refunded,
        status: status.into(),
    };
    let rows = [
        (
            What::Created { amount: pesos(500_000), method: "stripe".into(), key_hash: "ab".into() },
            "payment.created",
            json!({ "status": "pending" }),
        ),
        (What::CheckoutIntended { session }, "payment.processing", json!({ "status": "processing" })),
        (
            What::Completed {
                session,
                gateway_id: "cs_1".into(),
                payment_intent: "pi_1".into(),
                amount: pesos(500_000),
            },
            "payment.completed",
            json!({ "status": "completed" }),
        ),
        (
            What::Ended {
                to: "expired".into(),
                reason: EndReason::SessionExpired,
                session: Some(session),
                gateway_id: None,
            },
            "payment.expired",
            json!({ "status": "expired", "reason": "session_expired" }),
        ),
        (
            succeeded(Some(pesos(400_000)), "completed"),
            "payment.refunded",
            json!({ "status": "completed", "refund": { "id": refund, "amount": "1000.00" },
                "refunded_amount": "4000.00", "fully_refunded": false }),
        ),
        (
            succeeded(Some(pesos(500_000)), "refunded"),
            "payment.refunded",
            json!({ "status": "refunded", "refund": { "id": refund, "amount": "1000.00" },
                "refunded_amount": "5000.00", "fully_refunded": true }),
        ),
        (
            What::RefundFailed {
                refund,
                gateway_id: Some("re_1".into()),
                amount: pesos(100_000),
                reason: Some("declined".into()),
                refunded: Some(pesos(0)),
                status: "completed".into(),
            },
            "payment.refunded",
            json!({ "status": "completed", "refund": { "id": refund, "amount": "1000.00", "bounced": true },
                "refunded_amount": "0.00", "fully_refunded": false }),
        ),
        (
            What::Disputed {
                dispute: "dp_1".into(),
                payment_intent: "pi_1".into(),
                amount: pesos(500_000),
                state: "lost".into(),
                reason: "fraudulent".into(),
                status: "completed".into(),
            },
            "payment.disputed",
            json!({ "status": "completed", "dispute": { "id": "dp_1", "amount": "5000.00", "currency": "PHP",
                "status": "lost", "reason": "fraudulent" } }),
        ),
    ];
    for (what, kind, expected) in rows {
        assert_eq!(added(&receipt, what.clone()), (kind.to_owned(), expected), "{what:?}");
    }
}
