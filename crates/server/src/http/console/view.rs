//! What the console's answers show.

use sekali_core::domain::{
    Capture, Dispute, DisputeState, Money, PaymentFile, Receipt, Refund, RefundOrigin, Timestamp,
};
use sekali_core::ports::console::{FoundAs, KeptEvent};
use sekali_invoice::format_money;
use serde::Serialize;

/// The zone of every time, in pages and exports.
pub(super) const ZONE: &str = "UTC";

/// An amount: for programs, and as it stands on button, page, PDF and export.
#[derive(Clone, Serialize)]
pub(super) struct MoneyView {
    amount: String,
    currency: &'static str,
    text: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.to_string(), currency: money.currency.code(), text: format_money(money) }
    }
}

/// A payment in the list, and at the head of its page.
#[derive(Serialize)]
pub(super) struct Row {
    id: i64,
    reference: String,
    consultation_id: i64,
    user_id: i64,
    status: &'static str,
    amount: MoneyView,
    refunded: Option<MoneyView>,
    dispute: Option<&'static str>,
    cancel_requested: bool,
    invoice_number: String,
    invoice_status: &'static str,
    payment_method: &'static str,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<Vec<&'static str>>,
}

impl Row {
    /// A payment.
    pub(super) fn of(receipt: &Receipt) -> Self {
        let (payment, invoice) = (&receipt.payment, &receipt.invoice);
        Self {
            id: payment.id.0,
            reference: payment.reference.to_string(),
            consultation_id: payment.consultation.0,
            user_id: payment.user.0,
            status: payment.status.as_str(),
            amount: payment.amount.into(),
            refunded: (payment.refunded.minor > 0).then(|| payment.refunded.into()),
            dispute: payment.dispute.map(DisputeState::as_str),
            cancel_requested: payment.cancel_requested,
            invoice_number: invoice.number.clone(),
            invoice_status: invoice.status.as_str(),
            payment_method: payment.method.as_str(),
            created_at: payment.created_at.rfc3339(),
            updated_at: payment.updated_at.rfc3339(),
            matched: None,
        }
    }

    /// With what the id was that was searched for.
    pub(super) fn matched(self, kinds: &[FoundAs]) -> Self {
        Self { matched: Some(kinds.iter().map(|kind| kind.as_str()).collect()), ..self }
    }
}

/// A refund.
#[derive(Serialize)]
pub(super) struct RefundView {
    id: String,
    payment_intent: String,
    amount: MoneyView,
    state: &'static str,
    origin: &'static str,
    by: Option<i64>,
    reason: Option<String>,
    failure: Option<String>,
    stripe_id: Option<String>,
    replaces: Option<String>,
    created_at: String,
}

/// The operator who wanted a refund; `None`: none did.
fn operator(refund: &Refund) -> Option<i64> {
    match &refund.origin {
        RefundOrigin::Operator { by, .. } => Some(by.0),
        RefundOrigin::Automatic | RefundOrigin::Dashboard => None,
    }
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            payment_intent: refund.payment_intent.clone(),
            amount: refund.amount.into(),
            state: refund.state.as_str(),
            origin: refund.origin.as_str(),
            by: operator(refund),
            reason: refund.reason.clone(),
            failure: refund.failure.clone(),
            stripe_id: refund.gateway_id.clone(),
            replaces: refund.replaces.map(|id| id.to_string()),
            created_at: refund.created_at.rfc3339(),
        }
    }
}

/// Who was quicker, for the operator who was not.
#[derive(Serialize)]
pub(super) struct LatestView {
    by: Option<i64>,
    origin: &'static str,
    at: String,
    amount: MoneyView,
    state: &'static str,
    reason: Option<String>,
}

impl LatestView {
    /// The operator's number; `None`: it was no operator.
    pub(super) fn operator(&self) -> Option<i64> {
        self.by
    }
}

impl From<&Refund> for LatestView {
    fn from(refund: &Refund) -> Self {
        Self {
            by: operator(refund),
            origin: refund.origin.as_str(),
            at: refund.created_at.rfc3339(),
            amount: refund.amount.into(),
            state: refund.state.as_str(),
            reason: refund.reason.clone(),
        }
    }
}

/// Money that came.
#[derive(Serialize)]
pub(super) struct CaptureView {
    payment_intent: String,
    disposition: &'static str,
    amount: MoneyView,
    remaining: MoneyView,
    session: String,
    created_at: String,
}

impl CaptureView {
    /// One of a payment's.
    pub(super) fn of(file: &PaymentFile, capture: &Capture) -> Self {
        Self {
            payment_intent: capture.payment_intent.clone(),
            disposition: capture.disposition.as_str(),
            amount: capture.amount.into(),
            remaining: file.remaining(capture).into(),
            session: capture.session.to_string(),
            created_at: capture.created_at.rfc3339(),
        }
    }
}

/// A dispute.
#[derive(Serialize)]
pub(super) struct DisputeView {
    stripe_id: String,
    payment_intent: String,
    amount: MoneyView,
    state: &'static str,
    reason: String,
    created_at: String,
}

impl From<&Dispute> for DisputeView {
    fn from(dispute: &Dispute) -> Self {
        Self {
            stripe_id: dispute.gateway_id.clone(),
            payment_intent: dispute.payment_intent.clone(),
            amount: dispute.amount.into(),
            state: dispute.state.as_str(),
            reason: dispute.reason.clone(),
            created_at: dispute.created_at.rfc3339(),
        }
    }
}

/// A webhook as it is kept.
#[derive(Serialize)]
pub(super) struct EventView {
    id: String,
    kind: String,
    object: Option<String>,
    received_at: String,
    state: &'static str,
    attempts: u32,
    error: Option<String>,
    finished_at: Option<String>,
}

impl From<&KeptEvent> for EventView {
    fn from(event: &KeptEvent) -> Self {
        let state = match (event.finished_at, event.waits) {
            (Some(_), _) => "done",
            (None, true) => "waiting",
            (None, false) => "given_up",
        };
        Self {
            id: event.id.clone(),
            kind: event.kind.clone(),
            object: event.object.clone(),
            received_at: event.received_at.rfc3339(),
            state,
            attempts: event.attempts,
            error: event.error.clone(),
            finished_at: event.finished_at.map(Timestamp::rfc3339),
        }
    }
}
