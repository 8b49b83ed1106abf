//! A dispute as Stripe describes it.

use crate::object::Object;
use sekali_core::domain::DisputeState;
use sekali_core::ports::GatewayDispute;

/// Stripe's name for the kind.
pub(crate) const KIND: &str = "dispute";

/// Reads a dispute. It bears no name of ours, so every status is read, as that of a refund is: no word, and a
/// new one, as open.
pub(crate) fn read(object: &Object<'_>) -> GatewayDispute {
    GatewayDispute {
        id: object.id().to_owned(),
        state: DisputeState::of_stripe(object.text("status").unwrap_or_default()),
        reason: object.text("reason").unwrap_or("unknown").to_owned(),
        amount: object.money("amount"),
        payment_intent: object.id_of("payment_intent"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::{Currency, Money};
    use serde_json::json;

    #[test]
    fn a_dispute_is_read() {
        let object = json!({
            "id": "dp_1", "object": "dispute", "status": "warning_needs_response", "reason": "fraudulent",
            "amount": 500_000, "currency": "php", "charge": "ch_1", "payment_intent": "pi_1",
        });
        let expected = GatewayDispute {
            id: "dp_1".to_owned(),
            state: DisputeState::NeedsResponse,
            reason: "fraudulent".to_owned(),
            amount: Some(Money::new(500_000, Currency::PHP)),
            payment_intent: Some("pi_1".to_owned()),
        };
        assert_eq!(read(&Object::of(&object, KIND).unwrap()), expected);
    }

    #[test]
    fn what_is_missing_leaves_it_open() {
        let object = json!({"id": "du_1", "object": "dispute", "payment_intent": null});
        let read = read(&Object::of(&object, KIND).unwrap());
        assert!(read.state.is_open());
        assert_eq!((read.reason.as_str(), read.amount, read.payment_intent), ("unknown", None, None));
    }
}
