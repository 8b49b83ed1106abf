//! Stripe's test cards. A number lives only as long as the request that carries it: what is kept of a card is
//! its brand and its last four digits.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::aftermath::{Aftermath, Grounds, Refunding};
use super::method::Decline;

/// What is kept of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) brand: String,
    pub(crate) last4: String,
    pub(crate) exp_month: i64,
    pub(crate) exp_year: i64,
}

/// What a payment method does when it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Succeeds,
    Declines(Decline),
    /// A bank answers later, with a failure if there is one here.
    Delayed(Option<Decline>),
    /// Asks for 3-D Secure; the inner behaviour follows once the payer has authenticated.
    Challenges(Box<Behaviour>),
}

/// Stripe's table, <https://docs.stripe.com/testing>.
const SUCCEEDING: &[&str] = &[
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
];
const CHALLENGING: &[&str] =
    &["4000002500003155", "4000002760003184", "4000000000003220", "4000000000003063"];
const CHALLENGING_THEN_DECLINING: &str = "4000008400001629";

/// Cards that are charged like any other; what they are for comes later.
const REFUND_PENDING: &str = "4000000000007726";
const REFUND_BOUNCING: &str = "4000000000005126";
const DISPUTED: &[(&str, Grounds)] = &[
    ("4000000000000259", Grounds::Fraudulent),
    ("4000000000002685", Grounds::ProductNotReceived),
    ("4000000000001976", Grounds::Inquiry),
];

const DECLINED: &str = "Your card was declined.";

/// What the card with this number does. A number that is no test card is declined, as Stripe does in test
/// mode.
pub(crate) fn behaviour(number: &str) -> Behaviour {
    if SUCCEEDING.contains(&number) || aftermath(number) != Aftermath::default() {
        return Behaviour::Succeeds;
    }
    if CHALLENGING.contains(&number) {
        return Behaviour::Challenges(Box::new(Behaviour::Succeeds));
    }
    if number == CHALLENGING_THEN_DECLINING {
        let after = decline("card_declined", "generic_decline", DECLINED);
        return Behaviour::Challenges(Box::new(Behaviour::Declines(after)));
    }
    Behaviour::Declines(match number {
        "4000000000000002" => decline("card_declined", "generic_decline", DECLINED),
        "4000000000009995" => {
            decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
        }
        "4000000000009987" => decline("card_declined", "lost_card", DECLINED),
        "4000000000009979" => decline("card_declined", "stolen_card", DECLINED),
        "4100000000000019" => decline("card_declined", "fraudulent", DECLINED),
        "4000000000000069" => decline("expired_card", "expired_card", "Your card has expired."),
        "4000000000000127" => {
            decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
        }
        "4000000000000119" => decline(
            "processing_error",
            "processing_error",
            "The card could not be processed just now. Try again in a little while.",
        ),
        _ => decline(
            "card_declined",
            "test_mode_live_card",
            "Your card was declined: this is a test, and the number is not one of the test cards.",
        ),
    })
}

/// What happens to the payments of the card with this number after they succeeded.
pub(crate) fn aftermath(number: &str) -> Aftermath {
    let refunding = match number {
        REFUND_PENDING => Refunding::Pending,
        REFUND_BOUNCING => Refunding::Bouncing,
        _ => Refunding::AtOnce,
    };
    let dispute = DISPUTED.iter().find(|(other, _)| *other == number).map(|(_, grounds)| *grounds);
    Aftermath { refunding, dispute }
}

fn decline(code: &str, reason: &str, message: &str) -> Decline {
    Decline { code: code.to_owned(), reason: Some(reason.to_owned()), message: message.to_owned() }
}

/// The decline of a payer who did not pass 3-D Secure.
pub(crate) fn authentication_failure() -> Decline {
    Decline {
        code: "payment_intent_authentication_failure".to_owned(),
        reason: None,
        message: "Your card could not be authenticated. Try again, or use another card.".to_owned(),
    }
}

/// Whether the digits have a card number's length and check digit (ISO/IEC 7812).
pub(crate) fn is_valid_number(digits: &str) -> bool {
    if !(12..=19).contains(&digits.len()) {
        return false;
    }
    let mut sum = 0;
    for (place, digit) in digits.chars().rev().enumerate() {
        let Some(digit) = digit.to_digit(10) else { return false };
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    sum % 10 == 0
}

/// The brand, from the number's first digits.
pub(crate) fn brand(digits: &str) -> &'static str {
    let first = |count: usize| digits.get(..count).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    match (first(1), first(2), first(4)) {
        (4, ..) => "visa",
        (_, 34 | 37, _) => "amex",
        (_, 51..=55, _) | (_, _, 2221..=2720) => "mastercard",
        (_, 30 | 36 | 38 | 39, _) => "diners",
        (_, 35, _) => "jcb",
        (_, 60 | 64 | 65, _) => "discover",
        (_, 62 | 81, _) => "unionpay",
        _ => "unknown",
    }
}

impl Card {
    /// The part of a payment method that tells the card.
    pub(crate) fn render(&self) -> Value {
        json!({
            "brand": self.brand,
            "checks": checks("unchecked"),
            "country": "US",
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "fingerprint": null,
            "funding": "credit",
            "generated_from": null,
            "last4": self.last4,
            "networks": {"available": [self.brand], "preferred": null},
            "three_d_secure_usage": {"supported": true},
            "wallet": null,
        })
    }
}

/// What the bank said about the details: `cvc_check` is Stripe's word for how the security code fared.
pub(crate) fn checks(cvc_check: &str) -> Value {
    json!({"address_line1_check": null, "address_postal_code_check": null, "cvc_check": cvc_check})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_card_is_a_valid_number() {
        let others = [
            CHALLENGING_THEN_DECLINING,
            "4000000000000002",
            "4000000000009995",
            "4000000000009987",
            "4000000000009979",
            "4100000000000019",
            "4000000000000069",
            "4000000000000127",
            "4000000000000119",
        ];
        let later = [REFUND_PENDING, REFUND_BOUNCING];
        let disputed = DISPUTED.iter().map(|(number, _)| number);
        for number in SUCCEEDING.iter().chain(CHALLENGING).chain(&others).chain(&later).chain(disputed) {
            assert!(is_valid_number(number), "{number}");
            assert_ne!(brand(number), "unknown", "{number}");
        }
    }

    #[test]
    fn numbers_that_are_none() {
        for number in ["", "4242424242424241", "42424242424", "4242 4242 4242 4242", "00000000000000000000"] {
            assert!(!is_valid_number(number), "{number}");
        }
    }

    #[test]
    fn brands() {
        for (number, name) in [
            ("4242424242424242", "visa"),
            ("2223003122003222", "mastercard"),
            ("5555555555554444", "mastercard"),
            ("378282246310005", "amex"),
            ("6011111111111117", "discover"),
            ("3056930009020004", "diners"),
            ("3566002020360505", "jcb"),
            ("6200000000000005", "unionpay"),
            ("9999999999999995", "unknown"),
        ] {
            assert_eq!(brand(number), name);
        }
    }

    #[test]
    fn a_number_that_is_no_test_card_is_declined() {
        let Behaviour::Declines(decline) = behaviour("4111111111111111") else { panic!("not declined") };
        assert_eq!(decline.reason.as_deref(), Some("test_mode_live_card"));
    }
}
