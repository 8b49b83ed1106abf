//! Rows of what belongs to a payment.

use super::{at, digest, fingerprint, money, value, word};
use sekali_core::domain::file::TaxRecord;
use sekali_core::domain::{
    Capture, CheckoutSession, Disposition, Dispute, DisputeState, Head, IdempotencyKey, PaymentId,
    RecordedEvent, Refund, RefundOrigin, RefundState, SessionState, TaxLine, UserId,
};
use sekali_core::ports::StoreError;
use tokio_postgres::Row;

/// A Checkout Session.
pub(crate) fn session(row: &Row) -> Result<CheckoutSession, StoreError> {
    Ok(CheckoutSession {
        id: value(row, "id")?,
        payment: PaymentId(value(row, "payment_id")?),
        state: word(row, "state", SessionState::parse)?,
        request: value(row, "request")?,
        gateway_id: value(row, "gateway_id")?,
        ending: value(row, "ending")?,
        created_at: at(row, "created_at")?,
    })
}

/// A tax as it is recorded.
pub(crate) fn tax(row: &Row) -> Result<TaxRecord, StoreError> {
    let line = TaxLine {
        name: value(row, "tax_type")?,
        rate_ppm: value(row, "tax_rate_ppm")?,
        amount: money(row, "tax_amount_minor")?,
    };
    Ok(TaxRecord { line, refunded_minor: value(row, "tax_refunded_minor")? })
}

/// Money that came.
pub(crate) fn capture(row: &Row) -> Result<Capture, StoreError> {
    Ok(Capture {
        payment_intent: value(row, "payment_intent")?,
        session: value(row, "session_id")?,
        amount: money(row, "amount_minor")?,
        disposition: word(row, "disposition", Disposition::parse)?,
        created_at: at(row, "created_at")?,
    })
}

/// Money that goes back.
pub(crate) fn refund(row: &Row) -> Result<Refund, StoreError> {
    Ok(Refund {
        id: value(row, "id")?,
        payment_intent: value(row, "payment_intent")?,
        amount: money(row, "amount_minor")?,
        state: word(row, "state", RefundState::parse)?,
        origin: origin(row)?,
        reason: value(row, "reason")?,
        request: value(row, "request")?,
        gateway_id: value(row, "gateway_id")?,
        replaces: value(row, "replaces")?,
        failure: value(row, "failure")?,
        created_at: at(row, "created_at")?,
    })
}

fn origin(row: &Row) -> Result<RefundOrigin, StoreError> {
    match value(row, "origin")? {
        "operator" => {
            let key: &str = value(row, "idempotency_key")?;
            let key = IdempotencyKey::new(key).map_err(|error| StoreError::Broken(error.to_string()))?;
            let (by, fingerprint) = (UserId(value(row, "requested_by")?), fingerprint(row)?);
            Ok(RefundOrigin::Operator { by, key, fingerprint })
        }
        "automatic" => Ok(RefundOrigin::Automatic),
        "dashboard" => Ok(RefundOrigin::Dashboard),
        other => Err(StoreError::Broken(format!("column origin holds the unknown word {other:?}"))),
    }
}

/// A dispute.
pub(crate) fn dispute(row: &Row) -> Result<Dispute, StoreError> {
    Ok(Dispute {
        gateway_id: value(row, "gateway_id")?,
        payment_intent: value(row, "payment_intent")?,
        amount: money(row, "amount_minor")?,
        state: word(row, "state", DisputeState::parse)?,
        reason: value(row, "reason")?,
        created_at: at(row, "created_at")?,
    })
}

/// Where a record ends.
pub(crate) fn head(row: &Row) -> Result<Head, StoreError> {
    Ok(Head { seq: value(row, "seq")?, hash: digest(row, "hash")? })
}

/// An entry of a record.
pub(crate) fn event(row: &Row) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        payment: PaymentId(value(row, "payment_id")?),
        seq: value(row, "seq")?,
        at: at(row, "at")?,
        kind: value(row, "kind")?,
        data: value(row, "data")?,
        announces: value(row, "announces")?,
        previous: digest(row, "prev_hash")?,
        hash: digest(row, "hash")?,
    })
}
