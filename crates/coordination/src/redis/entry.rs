//! An answer as it stands in Redis.

use sekali_core::domain::{
    ConsultationId, Currency, Fingerprint, Invoice, InvoiceId, InvoiceStatus, Money, Payment, PaymentId,
    PaymentMethod, Receipt, Status, Timestamp, UserId,
};
use sekali_core::ports::CachedPayment;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// The contract's `{type:"new", payment_id, status}` and what else the answer needs. Times are
/// microseconds since 1970, amounts minor units.
#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    #[serde(borrow)]
    kind: Cow<'a, str>,
    payment_id: PaymentId,
    #[serde(borrow)]
    status: Cow<'a, str>,
    submitted: bool,
    #[serde(borrow)]
    fingerprint: Cow<'a, str>,
    reference: Uuid,
    user_id: UserId,
    consultation_id: ConsultationId,
    amount_minor: i64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    payment_method: Cow<'a, str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    invoice_id: InvoiceId,
    #[serde(borrow)]
    invoice_number: Cow<'a, str>,
    #[serde(borrow)]
    invoice_status: Cow<'a, str>,
    invoice_issued_at: Timestamp,
    /// When it was stored; the script adds it.
    #[serde(skip_serializing)]
    stamp: String,
}

/// The JSON object that the storing script completes with its stamp.
pub(super) fn encode(cached: &CachedPayment) -> Result<String, serde_json::Error> {
    let Receipt { payment, invoice } = &cached.receipt;
    serde_json::to_string(&Entry {
        kind: "new".into(),
        payment_id: payment.id,
        status: payment.status.as_str().into(),
        submitted: payment.submitted,
        fingerprint: cached.fingerprint.to_hex().into(),
        reference: payment.reference,
        user_id: payment.user,
        consultation_id: payment.consultation,
        amount_minor: payment.amount.minor,
        currency: payment.amount.currency.code().into(),
        payment_method: payment.method.as_str().into(),
        created_at: payment.created_at,
        updated_at: payment.updated_at,
        invoice_id: invoice.id,
        invoice_number: invoice.number.as_str().into(),
        invoice_status: invoice.status.as_str().into(),
        invoice_issued_at: invoice.issued_at,
        stamp: String::new(),
    })
}

/// The answer and its stamp; `None` for anything that we have not written, or that a version of
/// ours with another form has.
pub(super) fn decode(bytes: &[u8]) -> Option<(CachedPayment, String)> {
    let entry: Entry<'_> = serde_json::from_slice(bytes).ok()?;
    let amount = Money::new(entry.amount_minor, Currency::from_code(&entry.currency)?);
    let payment = Payment {
        id: entry.payment_id,
        reference: entry.reference,
        user: entry.user_id,
        consultation: entry.consultation_id,
        amount,
        method: PaymentMethod::parse(&entry.payment_method)?,
        status: Status::parse(&entry.status)?,
        submitted: entry.submitted,
        // What changes later is not cached.
        cancel_requested: false,
        refunded: Money::new(0, amount.currency),
        dispute: None,
        created_at: entry.created_at,
        updated_at: entry.updated_at,
    };
    let invoice = Invoice {
        id: entry.invoice_id,
        payment: entry.payment_id,
        number: entry.invoice_number.into_owned(),
        amount,
        status: InvoiceStatus::parse(&entry.invoice_status)?,
        issued_at: entry.invoice_issued_at,
    };
    let cached = CachedPayment {
        fingerprint: Fingerprint::from_hex(&entry.fingerprint)?,
        receipt: Receipt { payment, invoice },
    };
    Some((cached, entry.stamp))
}
