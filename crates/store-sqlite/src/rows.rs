//! From the database's rows to the domain's values.

use crate::failure::{before_commit, broken};
use rusqlite::Row;
use rusqlite::types::FromSql;
use sekali_core::domain::file::TaxRecord;
use sekali_core::domain::{
    Capture, CheckoutSession, ConsultationId, Currency, Disposition, Dispute, DisputeState, Fingerprint,
    Head, IdempotencyKey, Invoice, InvoiceId, InvoiceStatus, Money, Payment, PaymentId, PaymentMethod,
    Receipt, RecordedEvent, Refund, RefundOrigin, RefundState, SessionState, Status, TaxLine, Timestamp,
    UserId,
};
use sekali_core::ports::console::{KeptEvent, KeptKey};
use sekali_core::ports::{Case, CaseKind, OutboxEntry, StoreError};
use uuid::Uuid;

/// One column.
pub(crate) fn column<T: FromSql>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    row.get(index).map_err(|error| before_commit(&error))
}

/// A number of rows.
pub(crate) fn count(row: &Row<'_>, index: usize) -> Result<u64, StoreError> {
    let count: i64 = column(row, index)?;
    u64::try_from(count).map_err(|_| broken(format!("{count} rows")))
}

/// A column of text that stands for something; `None` from `read` means that it does not.
fn word<T>(row: &Row<'_>, index: usize, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text: String = column(row, index)?;
    read(&text).ok_or_else(|| broken(format!("{text:?} in column {:?}", row.as_ref().column_name(index))))
}

/// Like [`word`], of a column that may be empty.
fn some_word<T>(
    row: &Row<'_>,
    index: usize,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    match column::<Option<String>>(row, index)? {
        None => Ok(None),
        Some(_) => word(row, index, read).map(Some),
    }
}

pub(crate) fn uuid(row: &Row<'_>, index: usize) -> Result<Uuid, StoreError> {
    word(row, index, |text| Uuid::parse_str(text).ok())
}

pub(crate) fn fingerprint(row: &Row<'_>, index: usize) -> Result<Fingerprint, StoreError> {
    word(row, index, Fingerprint::from_hex)
}

/// SHA-256, kept in the form of a fingerprint.
fn digest(row: &Row<'_>, index: usize) -> Result<[u8; 32], StoreError> {
    fingerprint(row, index).map(|Fingerprint(bytes)| bytes)
}

/// A moment kept in microseconds.
pub(crate) fn micros(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(column::<Option<i64>>(row, index)?.map(Timestamp::from_micros))
}

pub(crate) fn payment_id(row: &Row<'_>, index: usize) -> Result<PaymentId, StoreError> {
    column(row, index).map(PaymentId)
}

pub(crate) fn money(row: &Row<'_>, minor: usize, currency: usize) -> Result<Money, StoreError> {
    Ok(Money::new(column(row, minor)?, word(row, currency, Currency::from_code)?))
}

/// A moment kept as text.
pub(crate) fn second(row: &Row<'_>, index: usize) -> Result<Timestamp, StoreError> {
    word(row, index, Timestamp::from_sql)
}

/// A payment's state.
pub(crate) fn status(row: &Row<'_>, index: usize) -> Result<Status, StoreError> {
    word(row, index, Status::parse)
}

/// The columns of `sql`'s receipts.
pub(crate) fn receipt(row: &Row<'_>) -> Result<Receipt, StoreError> {
    let amount = money(row, 4, 5)?;
    let payment = Payment {
        id: payment_id(row, 0)?,
        reference: uuid(row, 1)?,
        user: UserId(column(row, 2)?),
        consultation: ConsultationId(column(row, 3)?),
        amount,
        method: word(row, 6, PaymentMethod::parse)?,
        status: word(row, 7, Status::parse)?,
        created_at: word(row, 8, Timestamp::from_sql)?,
        updated_at: word(row, 9, Timestamp::from_sql)?,
        submitted: column(row, 10)?,
        cancel_requested: column(row, 11)?,
        refunded: Money::new(column(row, 12)?, amount.currency),
        dispute: some_word(row, 13, DisputeState::parse)?,
    };
    let invoice = Invoice {
        id: InvoiceId(column(row, 14)?),
        payment: payment.id,
        number: column(row, 15)?,
        amount: money(row, 16, 17)?,
        status: word(row, 18, InvoiceStatus::parse)?,
        issued_at: word(row, 19, Timestamp::from_sql)?,
    };
    Ok(Receipt { payment, invoice })
}

/// The first column after a receipt's.
pub(crate) const AFTER_RECEIPT: usize = 20;

/// The columns of the tax records, of a payment in this currency.
pub(crate) fn tax(row: &Row<'_>, currency: Currency) -> Result<TaxRecord, StoreError> {
    let line = TaxLine {
        name: column(row, 0)?,
        rate_ppm: column(row, 1)?,
        amount: Money::new(column(row, 2)?, currency),
    };
    Ok(TaxRecord { line, refunded_minor: column(row, 3)? })
}

/// The columns of `sql`'s sessions.
pub(crate) fn session(row: &Row<'_>) -> Result<CheckoutSession, StoreError> {
    Ok(CheckoutSession {
        id: uuid(row, 0)?,
        payment: payment_id(row, 1)?,
        state: word(row, 2, SessionState::parse)?,
        request: column(row, 3)?,
        gateway_id: column(row, 4)?,
        ending: some_word(row, 5, |text| Uuid::parse_str(text).ok())?,
        created_at: word(row, 6, Timestamp::from_sql)?,
    })
}

/// The first column after a session's.
pub(crate) const AFTER_SESSION: usize = 7;

/// The columns of `sql`'s captures.
pub(crate) fn capture(row: &Row<'_>) -> Result<Capture, StoreError> {
    Ok(Capture {
        payment_intent: column(row, 0)?,
        session: uuid(row, 1)?,
        amount: money(row, 2, 3)?,
        disposition: word(row, 4, Disposition::parse)?,
        created_at: word(row, 5, Timestamp::from_sql)?,
    })
}

/// The first column after a capture's.
pub(crate) const AFTER_CAPTURE: usize = 6;

/// The columns of `sql`'s refunds.
pub(crate) fn refund(row: &Row<'_>) -> Result<Refund, StoreError> {
    Ok(Refund {
        id: uuid(row, 0)?,
        payment_intent: column(row, 1)?,
        amount: money(row, 2, 3)?,
        state: word(row, 4, RefundState::parse)?,
        origin: refund_origin(row)?,
        reason: column(row, 9)?,
        request: column(row, 10)?,
        gateway_id: column(row, 11)?,
        replaces: some_word(row, 12, |text| Uuid::parse_str(text).ok())?,
        failure: column(row, 13)?,
        created_at: word(row, 14, Timestamp::from_sql)?,
    })
}

fn refund_origin(row: &Row<'_>) -> Result<RefundOrigin, StoreError> {
    let origin: String = column(row, 5)?;
    match origin.as_str() {
        "operator" => Ok(RefundOrigin::Operator {
            by: UserId(column(row, 6)?),
            key: word(row, 7, |text| IdempotencyKey::new(text).ok())?,
            fingerprint: fingerprint(row, 8)?,
        }),
        "automatic" => Ok(RefundOrigin::Automatic),
        "dashboard" => Ok(RefundOrigin::Dashboard),
        _ => Err(broken(format!("a refund of {origin:?}"))),
    }
}

/// The first column after a refund's.
pub(crate) const AFTER_REFUND: usize = 15;

pub(crate) fn dispute(row: &Row<'_>) -> Result<Dispute, StoreError> {
    Ok(Dispute {
        gateway_id: column(row, 0)?,
        payment_intent: column(row, 1)?,
        amount: money(row, 2, 3)?,
        state: word(row, 4, DisputeState::parse)?,
        reason: column(row, 5)?,
        created_at: word(row, 6, Timestamp::from_sql)?,
    })
}

pub(crate) fn head(row: &Row<'_>) -> Result<Head, StoreError> {
    Ok(Head { seq: column(row, 0)?, hash: digest(row, 1)? })
}

/// The columns of `sql`'s entries of the record.
pub(crate) fn event(row: &Row<'_>) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        payment: payment_id(row, 0)?,
        seq: column(row, 1)?,
        at: Timestamp::from_micros(column(row, 2)?),
        kind: column(row, 3)?,
        data: column(row, 4)?,
        announces: column(row, 5)?,
        previous: digest(row, 6)?,
        hash: digest(row, 7)?,
    })
}

/// The first column after an entry's.
pub(crate) const AFTER_EVENT: usize = 8;

/// The columns of `sql`'s deliveries.
pub(crate) fn outbox_entry(row: &Row<'_>) -> Result<OutboxEntry, StoreError> {
    Ok(OutboxEntry {
        payment: payment_id(row, 0)?,
        delivered_seq: column(row, 1)?,
        last_seq: column(row, 2)?,
        attempts: column(row, 3)?,
        due_at: micros(row, 4)?,
        failing_since: micros(row, 5)?,
        parked_at: micros(row, 6)?,
        error: column(row, 7)?,
    })
}

/// The columns of `sql`'s cases.
pub(crate) fn case(row: &Row<'_>) -> Result<Case, StoreError> {
    Ok(Case {
        kind: word(row, 0, CaseKind::parse)?,
        object: column(row, 1)?,
        payment: column::<Option<i64>>(row, 2)?.map(PaymentId),
        detail: column(row, 3)?,
        opened_at: word(row, 4, Timestamp::from_sql)?,
        closed_at: some_word(row, 5, Timestamp::from_sql)?,
    })
}

/// The columns of `sql`'s keys of a payment.
pub(crate) fn kept_key(row: &Row<'_>) -> Result<KeptKey, StoreError> {
    Ok(KeptKey {
        user: UserId(column(row, 0)?),
        key: word(row, 1, |text| IdempotencyKey::new(text).ok())?,
        at: second(row, 2)?,
    })
}

/// The columns of `sql`'s webhooks.
pub(crate) fn kept_event(row: &Row<'_>) -> Result<KeptEvent, StoreError> {
    Ok(KeptEvent {
        id: column(row, 0)?,
        kind: column(row, 1)?,
        object: column(row, 2)?,
        received_at: second(row, 3)?,
        attempts: column(row, 4)?,
        waits: column(row, 5)?,
        finished_at: some_word(row, 6, Timestamp::from_sql)?,
        error: column(row, 7)?,
    })
}
