//! A charge as Stripe describes it.

use crate::encode::{INSTALLATION, SESSION};
use crate::object::Object;
use sekali_core::ports::GatewayCharge;

/// Stripe's name for the kind.
pub(crate) const KIND: &str = "charge";

/// Reads a charge. An error says what is missing.
pub(crate) fn read(object: &Object<'_>) -> Result<GatewayCharge, String> {
    Ok(GatewayCharge {
        id: object.id().to_owned(),
        captured: is_captured(object)?,
        amount: object.money("amount_captured"),
        payment_intent: object.id_of("payment_intent"),
        session: object.name(SESSION),
        installation: object.name(INSTALLATION),
        created: object.created()?,
    })
}

/// `paid` alone can be an authorisation, and `captured` alone a bank debit that is still on its way.
fn is_captured(object: &Object<'_>) -> Result<bool, String> {
    let succeeded = match object.text("status") {
        Some("succeeded") => true,
        Some("pending" | "failed") => false,
        other => return Err(format!("the charge's status is unheard of: {other:?}")),
    };
    Ok(succeeded && object.flag("paid")? && object.flag("captured")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::{Currency, Money, Timestamp};
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn object() -> Value {
        json!({
            "id": "ch_1", "object": "charge", "status": "succeeded", "paid": true, "captured": true,
            "amount": 500_000, "amount_captured": 400_000, "amount_refunded": 0, "currency": "php",
            "payment_intent": "pi_1", "created": 1_705_314_600,
            "metadata": {"sekali_session": Uuid::from_u128(7), "sekali_installation": Uuid::from_u128(8)},
        })
    }

    fn with(fields: &Value) -> Result<GatewayCharge, String> {
        let mut object = object();
        for (name, value) in fields.as_object().unwrap() {
            object[name] = value.clone();
        }
        read(&Object::of(&object, KIND)?)
    }

    #[test]
    fn a_charge_is_read() {
        let expected = GatewayCharge {
            id: "ch_1".to_owned(),
            captured: true,
            amount: Some(Money::new(400_000, Currency::PHP)),
            payment_intent: Some("pi_1".to_owned()),
            session: Some(Uuid::from_u128(7)),
            installation: Some(Uuid::from_u128(8)),
            created: Timestamp::from_seconds(1_705_314_600),
        };
        assert_eq!(with(&json!({})), Ok(expected));
        let bare = with(&json!({"payment_intent": null, "metadata": {}, "currency": "btc"})).unwrap();
        assert_eq!(
            (bare.payment_intent, bare.session, bare.installation, bare.amount),
            (None, None, None, None)
        );
    }

    #[test]
    fn only_money_that_was_taken_counts_as_captured() {
        for fields in [
            json!({"captured": false}),
            json!({"paid": false}),
            json!({"status": "pending"}),
            json!({"status": "failed", "paid": false}),
        ] {
            assert!(!with(&fields).unwrap().captured, "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for fields in [
            json!({"status": "half"}),
            json!({"status": null}),
            json!({"paid": null}),
            json!({"captured": "yes"}),
            json!({"created": null}),
            json!({"object": "refund"}),
            json!({"id": 5}),
        ] {
            assert!(with(&fields).is_err(), "{fields}");
        }
    }
}
