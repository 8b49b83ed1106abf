//! Payment methods: what a payer entered for one payment.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bank::BankAccount;
use super::card::Card;

/// The kinds of payment methods that a session may offer, in Stripe's words.
pub(crate) const CARD: &str = "card";
pub(crate) const US_BANK_ACCOUNT: &str = "us_bank_account";
pub(crate) const KINDS: &[&str] = &[CARD, US_BANK_ACCOUNT];

/// What is paid with; never the full number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Details {
    Card(Card),
    UsBankAccount(BankAccount),
}

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payer {
    pub(crate) email: String,
    pub(crate) name: String,
}

/// A payment method as it was entered for one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) created: i64,
    #[serde(flatten)]
    pub(crate) details: Details,
    pub(crate) payer: Payer,
}

/// Why a payment method was turned down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decline {
    pub(crate) code: String,
    /// Stripe's `decline_code`; none where no bank was asked.
    pub(crate) reason: Option<String>,
    pub(crate) message: String,
}

/// What sessions offered before they could name it.
pub(crate) fn card_only() -> Vec<String> {
    vec![CARD.to_owned()]
}

impl Details {
    /// Stripe's `type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Card(_) => CARD,
            Self::UsBankAccount(_) => US_BANK_ACCOUNT,
        }
    }

    pub(crate) fn is_bank_account(&self) -> bool {
        matches!(self, Self::UsBankAccount(_))
    }
}

impl PaymentMethod {
    /// Stripe's object `payment_method`.
    pub(crate) fn render(&self) -> Value {
        let kind = self.details.kind();
        let details = match &self.details {
            Details::Card(card) => card.render(),
            Details::UsBankAccount(account) => account.render(),
        };
        json!({
            "id": self.id,
            "object": "payment_method",
            "billing_details": self.payer.render(),
            kind: details,
            "created": self.created,
            "customer": null,
            "livemode": false,
            "metadata": {},
            "type": kind,
        })
    }
}

impl Payer {
    /// Stripe's object `billing_details`.
    pub(crate) fn render(&self) -> Value {
        json!({"address": address(), "email": self.email, "name": self.name, "phone": null})
    }
}

/// An address nobody was asked for.
pub(crate) fn address() -> Value {
    json!({
        "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
    })
}
