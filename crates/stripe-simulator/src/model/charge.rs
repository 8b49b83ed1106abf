//! Charges: one for each time a card was charged, successfully or not.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metadata;
use super::card::{Decline, PaymentMethod, checks};
use crate::storage::objects::Document;

/// One attempt to take the money.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) payment_intent: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) receipt_email: Option<String>,
    pub(crate) payment_method: PaymentMethod,
    /// Whether the payer passed a 3-D Secure challenge for it.
    pub(crate) authenticated: bool,
    /// Why it failed; `None` is a success.
    pub(crate) decline: Option<Decline>,
}

impl Document for Charge {
    const KIND: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        Some(&self.payment_intent)
    }
}

impl Charge {
    /// Stripe's object `charge`.
    pub(crate) fn render(&self) -> Value {
        let succeeded = self.decline.is_none();
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if succeeded { self.amount } else { 0 },
            "amount_refunded": 0,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": self.payment_method.payer.render(),
            "calculated_statement_descriptor": "SEKALI TEST",
            "captured": succeeded,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": self.decline.as_ref().map(|decline| &decline.code),
            "failure_message": self.decline.as_ref().map(|decline| &decline.message),
            "fraud_details": {},
            "invoice": null,
            "livemode": false,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": self.outcome(),
            "paid": succeeded,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method.id,
            "payment_method_details": {"card": self.card_details(), "type": "card"},
            "receipt_email": self.receipt_email,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": false,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": if succeeded { "succeeded" } else { "failed" },
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    fn outcome(&self) -> Value {
        match &self.decline {
            None => json!({
                "network_status": "approved_by_network",
                "reason": null,
                "risk_level": "normal",
                "risk_score": 10,
                "seller_message": "Payment complete.",
                "type": "authorized",
            }),
            Some(decline) => json!({
                "network_status": "declined_by_network",
                "reason": decline.reason.as_ref().unwrap_or(&decline.code),
                "risk_level": "normal",
                "risk_score": 10,
                "seller_message": "The bank did not authorize this payment.",
                "type": "issuer_declined",
            }),
        }
    }

    fn card_details(&self) -> Value {
        let card = &self.payment_method.card;
        let wrong_cvc = self.decline.as_ref().is_some_and(|decline| decline.code == "incorrect_cvc");
        let three_d_secure = self.authenticated.then(|| {
            json!({
                "authentication_flow": "challenge",
                "result": "authenticated",
                "result_reason": null,
                "version": "2.2.0",
            })
        });
        json!({
            "brand": card.brand,
            "checks": checks(if wrong_cvc { "fail" } else { "pass" }),
            "country": "US",
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": null,
            "funding": "credit",
            "installments": null,
            "last4": card.last4,
            "mandate": null,
            "network": card.brand,
            "network_token": {"used": false},
            "three_d_secure": three_d_secure,
            "wallet": null,
        })
    }
}

/// An address nobody was asked for.
pub(crate) fn address() -> Value {
    json!({
        "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
    })
}
