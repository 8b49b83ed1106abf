//! A Checkout Session as Stripe describes it.

use crate::encode::{INSTALLATION, SESSION};
use crate::money::from_stripe;
use sekali_core::ports::{GatewaySession, GatewayStatus};
use serde_json::Value;
use uuid::Uuid;

/// Reads what is needed and passes over the rest, so that a field Stripe adds or widens does no
/// harm. An error says what is missing.
pub(crate) fn read(object: &Value) -> Result<GatewaySession, String> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let id = text("id").filter(|_| text("object") == Some("checkout.session"));
    let id = id.ok_or("the answer is no Checkout Session")?;
    let metadata = |name: &str| {
        let value = object.get("metadata")?.get(name)?.as_str()?;
        Uuid::parse_str(value).ok()
    };
    let amount = object.get("amount_total").and_then(Value::as_i64).zip(text("currency"));
    Ok(GatewaySession {
        id: id.to_owned(),
        status: status(text("status"), text("payment_status"))?,
        url: text("url").map(str::to_owned),
        amount: amount.and_then(|(amount, currency)| from_stripe(amount, currency)),
        payment_intent: object.get("payment_intent").and_then(id_of),
        session: metadata(SESSION),
        installation: metadata(INSTALLATION),
    })
}

/// `no_payment_required` is no money, and so is not `paid`: none of our sessions is for nothing.
fn status(status: Option<&str>, payment: Option<&str>) -> Result<GatewayStatus, String> {
    match (status, payment) {
        (Some("open"), _) => Ok(GatewayStatus::Open),
        (Some("expired"), _) => Ok(GatewayStatus::Expired),
        (Some("complete"), Some("paid")) => Ok(GatewayStatus::Paid),
        (Some("complete"), Some("unpaid" | "no_payment_required")) => Ok(GatewayStatus::Unpaid),
        _ => Err(format!("the session's status is unheard of: {status:?}, {payment:?}")),
    }
}

/// The id of something that Stripe names, or puts there whole.
fn id_of(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("id")?.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::{Currency, Money};
    use serde_json::json;

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

    fn with(name: &str, value: Value) -> Value {
        let mut object = object();
        object[name] = value;
        object
    }

    #[test]
    fn a_session_is_read() {
        let session = read(&object()).unwrap();
        assert_eq!(session.id, "cs_1");
        assert_eq!(session.status, GatewayStatus::Open);
        assert_eq!(session.amount, Some(Money::new(500_000, Currency::PHP)));
        assert_eq!((session.session, session.installation), (Some(Uuid::from_u128(7)), None));
        assert_eq!(session.payment_intent, None);
    }

    #[test]
    fn a_payment_intent_is_named_or_whole() {
        for value in [json!("pi_1"), json!({"id": "pi_1", "object": "payment_intent"})] {
            assert_eq!(read(&with("payment_intent", value)).unwrap().payment_intent.as_deref(), Some("pi_1"));
        }
        assert_eq!(read(&with("payment_intent", json!(5))).unwrap().payment_intent, None);
    }

    #[test]
    fn odd_fields_are_passed_over() {
        assert_eq!(read(&with("currency", json!("btc"))).unwrap().amount, None);
        assert_eq!(read(&with("amount_total", json!(null))).unwrap().amount, None);
        assert_eq!(read(&with("amount_total", json!(1.5))).unwrap().amount, None);
        assert_eq!(read(&with("metadata", json!(null))).unwrap().session, None);
        assert_eq!(read(&with("url", json!(null))).unwrap().url, None);
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
            assert_eq!(status(Some(of_session), Some(of_payment)), Ok(expected));
        }
        assert!(status(Some("complete"), Some("half")).is_err());
        assert!(status(Some("paused"), Some("paid")).is_err());
        assert!(status(None, Some("paid")).is_err());
    }

    #[test]
    fn other_objects_are_no_session() {
        assert!(read(&with("object", json!("payment_intent"))).is_err());
        assert!(read(&with("id", json!(null))).is_err());
        assert!(read(&json!([])).is_err());
    }
}
