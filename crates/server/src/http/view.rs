//! What answers show of a payment: names and forms are the contract's (part 3).

use super::openapi::values::{ExistingWord, InvoiceStatusWord, NewWord, StatusWord};
use crate::capability::Capabilities;
use sekali_core::domain::{
    DisputeState, Invoice, InvoiceStatus, Money, Payment, PaymentId, Receipt, Refund, Status,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A payment.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentView {
    /// Its number.
    #[schema(example = 100)]
    id: i64,
    /// Who pays.
    #[schema(example = 1)]
    user_id: i64,
    /// For which consultation.
    #[schema(example = 5)]
    consultation_id: i64,
    /// Exact decimal in whole units, with the currency's own number of decimals.
    #[schema(example = "5000.00")]
    amount: String,
    /// How.
    #[schema(example = "stripe")]
    payment_method: &'static str,
    /// Where it stands.
    #[schema(value_type = StatusWord, example = "pending")]
    status: &'static str,
    /// ISO 4217.
    #[schema(example = "PHP")]
    currency: &'static str,
    /// RFC 3339, UTC, whole seconds.
    #[schema(example = "2024-01-15T10:30:00Z")]
    created_at: String,
    /// RFC 3339, UTC, whole seconds.
    #[schema(example = "2024-01-15T10:30:00Z")]
    updated_at: String,
    /// What of it was refunded for certain; only where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1000.00")]
    refunded_amount: Option<String>,
    /// Where its dispute stands (`needs_response`, `under_review`, `won`, `lost`, `closed`); only where there
    /// is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute: Option<&'static str>,
    /// It is to be cancelled, and Stripe has not yet said that its session is dead; only where that is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancel_requested: bool,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        Self {
            id: payment.id.0,
            user_id: payment.user.0,
            consultation_id: payment.consultation.0,
            amount: payment.amount.to_string(),
            payment_method: payment.method.as_str(),
            status: payment.status.as_str(),
            currency: payment.amount.currency.code(),
            created_at: payment.created_at.rfc3339(),
            updated_at: payment.updated_at.rfc3339(),
            refunded_amount: (payment.refunded.minor > 0).then(|| payment.refunded.to_string()),
            dispute: payment.dispute.map(DisputeState::as_str),
            cancel_requested: payment.cancel_requested && payment.status == Status::Processing,
        }
    }
}

/// A refund.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundView {
    /// Its name.
    #[schema(example = "0d1f5c1e-7a52-4c4e-9f0e-0f6d2b1f9a77")]
    id: String,
    /// The payment it is of.
    #[schema(example = 100)]
    payment_id: i64,
    /// Exact decimal in whole units.
    #[schema(example = "1000.00")]
    amount: String,
    /// ISO 4217.
    #[schema(example = "PHP")]
    currency: &'static str,
    /// `requested`, `pending`, `succeeded`, `failed` or `canceled`.
    #[schema(example = "succeeded")]
    status: &'static str,
    /// Who wanted it: `operator`, `automatic` or `dashboard` (Stripe's).
    #[schema(example = "operator")]
    origin: &'static str,
    /// Why, in the operator's words; for the roles `service` and `admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why it failed, in Stripe's; for the same roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    /// Stripe's name for it; for the same roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_refund: Option<String>,
    /// RFC 3339, UTC, whole seconds.
    #[schema(example = "2024-01-15T10:30:00Z")]
    created_at: String,
}

impl RefundView {
    /// As it stands now; `whole`: with what is not for the payer to read.
    pub(super) fn of(payment: PaymentId, refund: &Refund, whole: bool) -> Self {
        Self {
            id: refund.id.to_string(),
            payment_id: payment.0,
            amount: refund.amount.to_string(),
            currency: refund.amount.currency.code(),
            status: refund.state.as_str(),
            origin: refund.origin.as_str(),
            reason: refund.reason.clone().filter(|_| whole),
            failure_reason: refund.failure.clone().filter(|_| whole),
            stripe_refund: refund.gateway_id.clone().filter(|_| whole),
            created_at: refund.created_at.rfc3339(),
        }
    }
}

/// An invoice.
#[derive(Serialize, ToSchema)]
pub(super) struct InvoiceView {
    /// Its row.
    #[schema(example = 50)]
    id: i64,
    /// The payment it is for.
    #[schema(example = 100)]
    payment_id: i64,
    /// What is printed on it.
    #[schema(example = "INV-20240115103000-000100")]
    invoice_number: String,
    /// The payment's amount.
    #[schema(example = "5000.00")]
    amount: String,
    /// Follows the payment's.
    #[schema(value_type = InvoiceStatusWord, example = "pending")]
    status: &'static str,
    /// RFC 3339, UTC, whole seconds.
    #[schema(example = "2024-01-15T10:30:00Z")]
    issued_at: String,
}

impl From<&Invoice> for InvoiceView {
    fn from(invoice: &Invoice) -> Self {
        Self {
            id: invoice.id.0,
            payment_id: invoice.payment.0,
            invoice_number: invoice.number.clone(),
            amount: invoice.amount.to_string(),
            status: invoice.status.as_str(),
            issued_at: invoice.issued_at.rfc3339(),
        }
    }
}

/// A payment with its invoice, and the way to pay it while there is one.
#[derive(Serialize, ToSchema)]
pub(super) struct ReceiptView {
    payment: PaymentView,
    invoice: InvoiceView,
    /// Where the patient goes on to pay; only while the payment can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
}

impl ReceiptView {
    /// As it stands now.
    pub(super) fn of(receipt: &Receipt, capabilities: &Capabilities) -> Self {
        let payable = receipt.payment.can_be_paid();
        Self {
            payment: (&receipt.payment).into(),
            invoice: (&receipt.invoice).into(),
            checkout_url: payable.then(|| capabilities.checkout_url(&receipt.payment)),
        }
    }
}

/// The answer 201.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedView {
    data: CreatedData,
    #[schema(example = "Pembayaran berhasil dibuat")]
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
struct CreatedData {
    #[schema(value_type = NewWord)]
    r#type: &'static str,
    #[schema(example = 100)]
    payment_id: i64,
    #[serde(flatten)]
    receipt: ReceiptView,
}

impl CreatedView {
    /// The first answer; a replay is the same, with the address only while it leads somewhere.
    pub(super) fn first(receipt: &Receipt, can_be_paid: bool, capabilities: &Capabilities) -> Self {
        let first = as_first_answered(receipt);
        let mut view = ReceiptView::of(&first, capabilities);
        view.checkout_url = view.checkout_url.filter(|_| can_be_paid);
        let data = CreatedData { r#type: "new", payment_id: first.payment.id.0, receipt: view };
        Self { data, message: "Pembayaran berhasil dibuat" }
    }
}

/// A payment at the moment it was made, whatever has become of it.
fn as_first_answered(receipt: &Receipt) -> Receipt {
    let mut first = receipt.clone();
    first.payment.status = Status::Pending;
    first.payment.submitted = false;
    first.payment.cancel_requested = false;
    first.payment.refunded = Money::new(0, first.payment.amount.currency);
    first.payment.dispute = None;
    first.payment.updated_at = first.payment.created_at;
    first.invoice.status = InvoiceStatus::Pending;
    first
}

/// The answer 409 about a payment that exists.
#[derive(Serialize, ToSchema)]
pub(super) struct DuplicateView {
    data: DuplicateData,
    #[schema(example = "Duplicate payment request detected")]
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
struct DuplicateData {
    #[schema(value_type = ExistingWord)]
    r#type: &'static str,
    #[schema(example = 100)]
    payment_id: i64,
    /// The payment's current status.
    #[schema(value_type = StatusWord, example = "pending")]
    status: &'static str,
    #[schema(example = "Pembayaran sudah dibuat sebelumnya")]
    message: &'static str,
    /// Where the patient goes on to pay; only while the payment can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
}

impl DuplicateView {
    /// About `payment`, which now has this status.
    pub(super) fn of(
        payment: &Payment,
        status: Status,
        can_be_paid: bool,
        capabilities: &Capabilities,
    ) -> Self {
        let data = DuplicateData {
            r#type: "existing",
            payment_id: payment.id.0,
            status: status.as_str(),
            message: "Pembayaran sudah dibuat sebelumnya",
            checkout_url: can_be_paid.then(|| capabilities.checkout_url(payment)),
        };
        Self { data, message: "Duplicate payment request detected" }
    }
}
