//! Disputes: a payer who tells the bank that a charge was wrong.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::aftermath::Grounds;
use crate::storage::objects::Document;

/// Stripe's states of a dispute, and of an inquiry, whose words begin with `warning_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeStatus {
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
}

/// Money that a dispute moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Movement {
    pub(crate) id: String,
    pub(crate) created: i64,
    /// Negative: it was taken from the account.
    pub(crate) amount: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) charge: String,
    pub(crate) payment_intent: String,
    /// The checkout session that was paid.
    pub(crate) session: String,
    /// The brand of the card it is about; none where a bank account was charged.
    pub(crate) brand: Option<String>,
    pub(crate) grounds: Grounds,
    pub(crate) status: DisputeStatus,
    /// Unix seconds until which the evidence has to be there.
    pub(crate) due_by: i64,
    pub(crate) movements: Vec<Movement>,
}

impl Document for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        Some(&self.payment_intent)
    }

    fn second(&self) -> Option<&str> {
        Some(&self.charge)
    }
}

impl Grounds {
    /// Stripe's `reason`.
    fn reason(self) -> &'static str {
        match self {
            Self::Fraudulent | Self::Inquiry => "fraudulent",
            Self::ProductNotReceived => "product_not_received",
        }
    }

    /// The networks' own code for it, Visa's here.
    fn network_reason_code(self) -> &'static str {
        match self {
            Self::Fraudulent | Self::Inquiry => "10.4",
            Self::ProductNotReceived => "13.1",
        }
    }
}

impl DisputeStatus {
    /// Stripe's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
        }
    }

    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Won | Self::Lost | Self::WarningClosed)
    }

    /// Whether the bank only asks, and no money has moved.
    pub(crate) fn is_inquiry(self) -> bool {
        matches!(self, Self::WarningNeedsResponse | Self::WarningUnderReview | Self::WarningClosed)
    }
}

/// What a merchant can show, in Stripe's words; the simulator takes no evidence.
const EVIDENCE: &[&str] = &[
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

impl Dispute {
    /// Stripe's object `dispute`.
    pub(crate) fn render(&self) -> Value {
        let evidence: serde_json::Map<String, Value> =
            EVIDENCE.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        let movements: Vec<Value> = self.movements.iter().map(|movement| self.movement(movement)).collect();
        let submitted = matches!(
            self.status,
            DisputeStatus::UnderReview | DisputeStatus::WarningUnderReview | DisputeStatus::Won
        );
        let mut dispute = json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": movements,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "evidence": evidence,
            "evidence_details": {
                "due_by": self.due_by,
                "has_evidence": submitted,
                "past_due": false,
                "submission_count": i32::from(submitted),
            },
            "is_charge_refundable": self.status.is_inquiry(),
            "livemode": false,
            "metadata": {},
            "payment_intent": self.payment_intent,
            "reason": self.grounds.reason(),
            "status": self.status,
        });
        if let Some(brand) = &self.brand {
            let card = json!({"brand": brand, "network_reason_code": self.grounds.network_reason_code()});
            dispute["payment_method_details"] = json!({"card": card, "type": "card"});
        }
        dispute
    }

    /// Stripe's object `balance_transaction`.
    fn movement(&self, movement: &Movement) -> Value {
        let reversal = movement.amount > 0;
        let word = if reversal { "dispute_reversal" } else { "dispute" };
        json!({
            "id": movement.id,
            "object": "balance_transaction",
            "amount": movement.amount,
            "available_on": movement.created,
            "created": movement.created,
            "currency": self.currency,
            "description": format!("Chargeback {}for {}", if reversal { "reversal " } else { "" }, self.charge),
            "exchange_rate": null,
            "fee": 0,
            "fee_details": [],
            "net": movement.amount,
            "reporting_category": word,
            "source": self.id,
            "status": "available",
            "type": "adjustment",
        })
    }
}
