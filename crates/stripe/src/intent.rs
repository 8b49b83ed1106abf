//! A payment intent as Stripe describes it.

use crate::encode::{INSTALLATION, SESSION};
use crate::object::Object;
use sekali_core::ports::GatewayIntent;

/// Stripe's name for the kind.
pub(crate) const KIND: &str = "payment_intent";

/// Reasons of a bank's that Stripe asks not to tell the cardholder, as the card may be in a thief's hands
/// (<https://docs.stripe.com/declines/codes>). The payment's record is read out to patients.
const UNTOLD: [&str; 4] = ["fraudulent", "lost_card", "merchant_blacklist", "stolen_card"];

/// Reads a payment intent.
pub(crate) fn read(object: &Object<'_>) -> GatewayIntent {
    GatewayIntent {
        id: object.id().to_owned(),
        failure: failure(object).map(str::to_owned),
        session: object.name(SESSION),
        installation: object.name(INSTALLATION),
    }
}

/// The bank's reason says more than Stripe's code, which is `card_declined` for most of them. Success leaves no
/// failure standing, even where Stripe still shows it.
fn failure<'v>(object: &Object<'v>) -> Option<&'v str> {
    if object.text("status") == Some("succeeded") {
        return None;
    }
    let error = object.whole("last_payment_error")?;
    let reason = error.text("decline_code").filter(|reason| !UNTOLD.contains(reason));
    reason.or_else(|| error.text("code")).or_else(|| error.text("type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn failure_of(status: &str, error: Value) -> Option<String> {
        let mut intent = json!({"id": "pi_1", "object": "payment_intent", "status": status});
        intent["last_payment_error"] = error;
        read(&Object::of(&intent, KIND).unwrap()).failure
    }

    #[test]
    fn the_most_telling_word_is_taken() {
        let rows = [
            (
                json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}),
                Some("insufficient_funds"),
            ),
            (
                json!({"type": "card_error", "code": "expired_card", "decline_code": null}),
                Some("expired_card"),
            ),
            (json!({"type": "card_error", "code": "card_declined"}), Some("card_declined")),
            (json!({"type": "api_error"}), Some("api_error")),
            (json!({}), None),
            (json!(null), None),
        ];
        for (error, word) in rows {
            let read = failure_of("requires_payment_method", error.clone());
            assert_eq!(read.as_deref(), word, "{error}");
        }
    }

    #[test]
    fn what_must_not_be_told_to_a_thief_is_not_written_down() {
        for reason in UNTOLD {
            let error = json!({"type": "card_error", "code": "card_declined", "decline_code": reason});
            assert_eq!(failure_of("requires_payment_method", error).as_deref(), Some("card_declined"));
        }
    }

    #[test]
    fn success_clears_the_failure() {
        let error = json!({"type": "card_error", "code": "card_declined"});
        assert_eq!(failure_of("succeeded", error.clone()), None);
        assert!(failure_of("canceled", error).is_some());
    }

    #[test]
    fn names_are_read() {
        let intent = json!({"id": "pi_1", "object": "payment_intent", "status": "processing", "metadata": {
            "sekali_session": Uuid::from_u128(7), "sekali_installation": Uuid::from_u128(8)}});
        let read = read(&Object::of(&intent, KIND).unwrap());
        assert_eq!(read.id, "pi_1");
        assert_eq!((read.session, read.installation), (Some(Uuid::from_u128(7)), Some(Uuid::from_u128(8))));
    }
}
