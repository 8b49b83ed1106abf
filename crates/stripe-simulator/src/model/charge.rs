//! Charges: one for each time a payment method was charged, successfully or not.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metadata;
use super::aftermath::Aftermath;
use super::card::{Card, checks};
use super::method::{Decline, Details, PaymentMethod};
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
    /// Why it failed; `None` is a success, unless it is pending.
    pub(crate) decline: Option<Decline>,
    /// Whether its outcome is still to come.
    #[serde(default)]
    pub(crate) pending: bool,
    /// The checkout session it belongs to.
    #[serde(default)]
    pub(crate) session: String,
    /// What its refunds sum up to, those that failed or were cancelled left out.
    #[serde(default)]
    pub(crate) amount_refunded: i64,
    /// The dispute that was opened about it.
    #[serde(default)]
    pub(crate) dispute: Option<String>,
    #[serde(default)]
    pub(crate) aftermath: Aftermath,
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
    pub(crate) fn succeeded(&self) -> bool {
        self.decline.is_none() && !self.pending
    }

    /// What has not been refunded.
    pub(crate) fn unrefunded(&self) -> i64 {
        if self.succeeded() { self.amount - self.amount_refunded } else { 0 }
    }

    fn status(&self) -> &'static str {
        match (&self.decline, self.pending) {
            (_, true) => "pending",
            (None, false) => "succeeded",
            (Some(_), false) => "failed",
        }
    }

    /// Stripe's object `charge`.
    pub(crate) fn render(&self) -> Value {
        let succeeded = self.succeeded();
        let kind = self.payment_method.details.kind();
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if succeeded { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
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
            "disputed": self.dispute.is_some(),
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
            "payment_method_details": {kind: self.method_details(), "type": kind},
            "receipt_email": self.receipt_email,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": succeeded && self.amount_refunded == self.amount,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    fn outcome(&self) -> Value {
        if self.pending {
            return Value::Null;
        }
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

    fn method_details(&self) -> Value {
        match &self.payment_method.details {
            Details::Card(card) => self.card_details(card),
            Details::UsBankAccount(account) => account.render_charged(),
        }
    }

    fn card_details(&self, card: &Card) -> Value {
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

#[cfg(test)]
mod tests {
    use super::Charge;
    use serde_json::json;

    /// A charge as it was kept before there were bank accounts, refunds and disputes.
    #[test]
    fn charges_of_an_earlier_version_are_read() {
        let kept = json!({
            "id": "ch_1", "created": 1, "amount": 500, "currency": "php", "payment_intent": "pi_1",
            "description": null, "metadata": {}, "receipt_email": null, "authenticated": false, "decline": null,
            "payment_method": {
                "id": "pm_1", "created": 1, "payer": {"email": "a@b.co", "name": "Ana"},
                "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
            },
        });
        let charge: Charge = serde_json::from_value(kept).unwrap();
        assert_eq!((charge.succeeded(), charge.unrefunded()), (true, 500));
        assert_eq!(charge.render()["payment_method_details"]["card"]["last4"], "4242");
    }
}
