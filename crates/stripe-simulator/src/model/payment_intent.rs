//! Payment intents: made when the payer of a session confirms for the first time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metadata;
use super::method::{Decline, PaymentMethod, US_BANK_ACCOUNT, card_only};
use crate::storage::objects::Document;

/// The states of Stripe's that a session's intent goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresAction,
    /// A bank is at it.
    Processing,
    Succeeded,
    Canceled,
}

/// Why the last payment method was turned down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentError {
    pub(crate) decline: Decline,
    /// None where the card was never charged.
    pub(crate) charge: Option<String>,
    pub(crate) payment_method: PaymentMethod,
}

/// The intent to take one amount.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) client_secret: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) receipt_email: Option<String>,
    pub(crate) status: IntentStatus,
    pub(crate) latest_charge: Option<String>,
    /// What it is, or was last, to be paid with.
    pub(crate) payment_method: Option<PaymentMethod>,
    pub(crate) last_error: Option<PaymentError>,
    /// Unix seconds.
    pub(crate) canceled_at: Option<i64>,
    /// What the caller said; none where the session ended.
    #[serde(default)]
    pub(crate) cancellation_reason: Option<String>,
    /// The checkout session it belongs to.
    #[serde(default)]
    pub(crate) session: String,
    #[serde(default = "card_only")]
    pub(crate) payment_method_types: Vec<String>,
}

impl Document for PaymentIntent {
    const KIND: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        None
    }
}

impl IntentStatus {
    /// Stripe's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

impl PaymentIntent {
    /// Stripe's object `payment_intent`.
    pub(crate) fn render(&self) -> Value {
        let received = if self.status == IntentStatus::Succeeded { self.amount } else { 0 };
        let next_action = (self.status == IntentStatus::RequiresAction).then(
            || json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}),
        );
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.canceled_at.map(|_| {
                self.cancellation_reason.as_deref().unwrap_or("automatic")
            }),
            "capture_method": "automatic",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "invoice": null,
            "last_payment_error": self.last_error.as_ref().map(PaymentError::render),
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": next_action,
            "on_behalf_of": null,
            "payment_method": self.attached_method(),
            "payment_method_options": self.method_options(),
            "payment_method_types": self.payment_method_types,
            "processing": null,
            "receipt_email": self.receipt_email,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    fn method_options(&self) -> Value {
        let mut options = json!({"card": {
            "installments": null,
            "mandate_options": null,
            "network": null,
            "request_three_d_secure": "automatic",
        }});
        if self.payment_method_types.iter().any(|kind| kind == US_BANK_ACCOUNT) {
            options[US_BANK_ACCOUNT] = json!({"verification_method": "automatic"});
        }
        options
    }

    /// A declined card is detached: Stripe asks for a new payment method then.
    fn attached_method(&self) -> Option<&str> {
        if self.status == IntentStatus::RequiresPaymentMethod {
            return None;
        }
        self.payment_method.as_ref().map(|method| method.id.as_str())
    }
}

impl PaymentError {
    fn render(&self) -> Value {
        let mut error = json!({
            "code": self.decline.code,
            "doc_url": crate::api::error::doc_url(&self.decline.code),
            "message": self.decline.message,
            "payment_method": self.payment_method.render(),
            "type": if self.charge.is_some() { "card_error" } else { "invalid_request_error" },
        });
        if let Some(charge) = &self.charge {
            error["charge"] = json!(charge);
        }
        if let Some(reason) = &self.decline.reason {
            error["decline_code"] = json!(reason);
        }
        error
    }
}
