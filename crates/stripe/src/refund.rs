//! A refund as Stripe describes it.

use crate::encode::{INSTALLATION, REFUND};
use crate::object::Object;
use sekali_core::domain::RefundState;
use sekali_core::ports::GatewayRefund;

/// Stripe's name for the kind.
pub(crate) const KIND: &str = "refund";

/// Reads a refund. An error says what is missing.
pub(crate) fn read(object: &Object<'_>) -> Result<GatewayRefund, String> {
    Ok(GatewayRefund {
        id: object.id().to_owned(),
        state: state(object.text("status")),
        amount: object.money("amount"),
        payment_intent: object.id_of("payment_intent"),
        failure: object.text("failure_reason").map(str::to_owned),
        refund: object.name(REFUND),
        installation: object.name(INSTALLATION),
        created: object.created()?,
    })
}

/// `requires_action` waits for the payer, who tells Stripe where the money is to go.
///
/// No status, or one that is new to us, is read as under way. Refunds made in the dashboard bear no name of
/// ours, so one that could not be read could be neither passed over (it may be of our money) nor be an
/// error (it may be anybody's on a shared account). Under way, its money counts as going back, and it is asked
/// about until Stripe says how it ended.
fn state(status: Option<&str>) -> RefundState {
    match status {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed") => RefundState::Failed,
        Some("canceled") => RefundState::Canceled,
        _ => RefundState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::{Currency, Money, Timestamp};
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn object() -> Value {
        json!({
            "id": "re_1", "object": "refund", "status": "failed", "amount": 250_000, "currency": "php",
            "payment_intent": {"id": "pi_1", "object": "payment_intent"}, "charge": "ch_1",
            "failure_reason": "lost_or_stolen_card", "created": 1_705_314_600,
            "metadata": {"sekali_refund": Uuid::from_u128(7), "sekali_installation": Uuid::from_u128(8)},
        })
    }

    fn with(name: &str, value: Value) -> Result<GatewayRefund, String> {
        let mut object = object();
        object[name] = value;
        read(&Object::of(&object, KIND)?)
    }

    #[test]
    fn a_refund_is_read() {
        let expected = GatewayRefund {
            id: "re_1".to_owned(),
            state: RefundState::Failed,
            amount: Some(Money::new(250_000, Currency::PHP)),
            payment_intent: Some("pi_1".to_owned()),
            failure: Some("lost_or_stolen_card".to_owned()),
            refund: Some(Uuid::from_u128(7)),
            installation: Some(Uuid::from_u128(8)),
            created: Timestamp::from_seconds(1_705_314_600),
        };
        assert_eq!(read(&Object::of(&object(), KIND).unwrap()), Ok(expected));
    }

    #[test]
    fn states() {
        let rows = [
            (json!("pending"), RefundState::Pending),
            (json!("requires_action"), RefundState::Pending),
            (json!("succeeded"), RefundState::Succeeded),
            (json!("failed"), RefundState::Failed),
            (json!("canceled"), RefundState::Canceled),
            (json!("a word of next year"), RefundState::Pending),
            (json!(null), RefundState::Pending),
        ];
        for (status, state) in rows {
            assert_eq!(with("status", status.clone()).unwrap().state, state, "{status}");
        }
    }

    #[test]
    fn one_made_in_the_dashboard_has_no_name() {
        for metadata in [json!({}), json!(null), json!({"sekali_refund": "no uuid"})] {
            let refund = with("metadata", metadata).unwrap();
            assert_eq!((refund.refund, refund.installation), (None, None));
        }
        assert_eq!(with("failure_reason", json!(null)).unwrap().failure, None);
        assert_eq!(with("payment_intent", json!(null)).unwrap().payment_intent, None);
        assert_eq!(with("currency", json!("btc")).unwrap().amount, None);
    }

    #[test]
    fn other_objects_are_no_refund() {
        assert!(with("object", json!("charge")).is_err());
        assert!(with("id", json!(null)).is_err());
        assert!(with("created", json!("today")).is_err());
    }
}
