use super::*;
use sekali_core::domain::{Currency, Money};
use serde_json::{Value, json};
use uuid::Uuid;

fn object() -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "status": "open", "payment_status": "unpaid",
        "url": "https://checkout.stripe.com/c/pay/cs_1", "amount_total": 500_000, "currency": "php",
        "payment_intent": null, "livemode": false, "something_new": {"deep": [1, 2, 3]},
        "metadata": {
            "sekali_session": "00000000-0000-0000-0000-000000000007",
            "sekali_installation": "no uuid", "other": "x"
        }
    })
}

fn read_value(value: &Value) -> Result<GatewaySession, String> {
    read(&Object::of(value, KIND)?)
}

fn with(name: &str, value: Value) -> Result<GatewaySession, String> {
    let mut object = object();
    object[name] = value;
    read_value(&object)
}

#[test]
fn a_session_is_read() {
    let session = read_value(&object()).unwrap();
    assert_eq!(session.id, "cs_1");
    assert_eq!(session.status, GatewayStatus::Open);
    assert_eq!(session.amount, Some(Money::new(500_000, Currency::PHP)));
    assert_eq!((session.session, session.installation), (Some(Uuid::from_u128(7)), None));
    assert_eq!(session.payment_intent, None);
}

#[test]
fn a_payment_intent_is_named_or_whole() {
    for value in [json!("pi_1"), json!({"id": "pi_1", "object": "payment_intent"})] {
        assert_eq!(with("payment_intent", value).unwrap().payment_intent.as_deref(), Some("pi_1"));
    }
    assert_eq!(with("payment_intent", json!(5)).unwrap().payment_intent, None);
}

#[test]
fn odd_fields_are_passed_over() {
    assert_eq!(with("currency", json!("btc")).unwrap().amount, None);
    assert_eq!(with("amount_total", json!(null)).unwrap().amount, None);
    assert_eq!(with("amount_total", json!(1.5)).unwrap().amount, None);
    assert_eq!(with("metadata", json!(null)).unwrap().session, None);
    assert_eq!(with("url", json!(null)).unwrap().url, None);
}

#[test]
fn statuses() {
    let rows = [
        ("open", "unpaid", GatewayStatus::Open),
        ("expired", "unpaid", GatewayStatus::Expired),
        ("complete", "paid", GatewayStatus::Paid),
        ("complete", "unpaid", GatewayStatus::Unpaid),
        ("complete", "no_payment_required", GatewayStatus::Unpaid),
    ];
    for (of_session, of_payment, expected) in rows {
        assert_eq!(status(Some(of_session), Some(of_payment), None), Ok(expected));
    }
    assert!(status(Some("complete"), Some("half"), None).is_err());
    assert!(status(Some("paused"), Some("paid"), None).is_err());
    assert!(status(None, Some("paid"), None).is_err());
}

#[test]
fn the_payment_intent_tells_money_on_its_way_from_money_that_will_not_come() {
    let rows = [
        ("processing", GatewayStatus::Unpaid),
        ("requires_action", GatewayStatus::Unpaid),
        ("requires_confirmation", GatewayStatus::Unpaid),
        ("requires_capture", GatewayStatus::Unpaid),
        ("succeeded", GatewayStatus::Unpaid),
        ("a word of next year", GatewayStatus::Unpaid),
        ("requires_payment_method", GatewayStatus::Failed),
        ("canceled", GatewayStatus::Failed),
    ];
    for (of_intent, expected) in rows {
        let mut confirmed = object();
        confirmed["status"] = json!("complete");
        confirmed["payment_intent"] = json!({"id": "pi_1", "object": "payment_intent", "status": of_intent});
        assert_eq!(read_value(&confirmed).unwrap().status, expected, "{of_intent}");
        confirmed["payment_status"] = json!("paid");
        assert_eq!(read_value(&confirmed).unwrap().status, GatewayStatus::Paid, "{of_intent}");
    }
}

#[test]
fn only_a_confirmed_sessions_intent_decides() {
    let intent = json!({"id": "pi_1", "object": "payment_intent", "status": "requires_payment_method"});
    let declined = with("payment_intent", intent).unwrap();
    assert_eq!(declined.status, GatewayStatus::Open, "a declined card: the same session goes on");
}

#[test]
fn other_objects_are_no_session() {
    assert!(with("object", json!("payment_intent")).is_err());
    assert!(with("id", json!(null)).is_err());
    assert!(read_value(&json!([])).is_err());
}
