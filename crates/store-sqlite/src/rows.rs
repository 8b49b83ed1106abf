//! From the database's rows to the domain's values.

use crate::failure::{before_commit, broken};
use rusqlite::Row;
use rusqlite::types::FromSql;
use sekali_core::domain::{
    CheckoutSession, ConsultationId, Currency, Fingerprint, Invoice, InvoiceId, InvoiceStatus, Money,
    Payment, PaymentId, PaymentMethod, Receipt, SessionState, Status, Timestamp, UserId,
};
use sekali_core::ports::StoreError;
use uuid::Uuid;

/// One column.
pub(crate) fn column<T: FromSql>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    row.get(index).map_err(|error| before_commit(&error))
}

/// A column of text that stands for something; `None` from `read` means that it does not.
fn word<T>(row: &Row<'_>, index: usize, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text: String = column(row, index)?;
    read(&text).ok_or_else(|| broken(format!("{text:?} in column {:?}", row.as_ref().column_name(index))))
}

pub(crate) fn uuid(row: &Row<'_>, index: usize) -> Result<Uuid, StoreError> {
    word(row, index, |text| Uuid::parse_str(text).ok())
}

pub(crate) fn fingerprint(row: &Row<'_>, index: usize) -> Result<Fingerprint, StoreError> {
    word(row, index, Fingerprint::from_hex)
}

fn money(row: &Row<'_>, minor: usize, currency: usize) -> Result<Money, StoreError> {
    Ok(Money::new(column(row, minor)?, word(row, currency, Currency::from_code)?))
}

/// The columns of `sql`'s receipts.
pub(crate) fn receipt(row: &Row<'_>) -> Result<Receipt, StoreError> {
    let payment = Payment {
        id: PaymentId(column(row, 0)?),
        reference: uuid(row, 1)?,
        user: UserId(column(row, 2)?),
        consultation: ConsultationId(column(row, 3)?),
        amount: money(row, 4, 5)?,
        method: word(row, 6, PaymentMethod::parse)?,
        status: word(row, 7, Status::parse)?,
        created_at: word(row, 8, Timestamp::from_sql)?,
        updated_at: word(row, 9, Timestamp::from_sql)?,
        submitted: column(row, 10)?,
    };
    let invoice = Invoice {
        id: InvoiceId(column(row, 11)?),
        payment: payment.id,
        number: column(row, 12)?,
        amount: money(row, 13, 14)?,
        status: word(row, 15, InvoiceStatus::parse)?,
        issued_at: word(row, 16, Timestamp::from_sql)?,
    };
    Ok(Receipt { payment, invoice })
}

/// The columns of `sql`'s sessions.
pub(crate) fn session(row: &Row<'_>) -> Result<CheckoutSession, StoreError> {
    Ok(CheckoutSession {
        id: uuid(row, 0)?,
        payment: PaymentId(column(row, 1)?),
        state: word(row, 2, SessionState::parse)?,
        request: column(row, 3)?,
        gateway_id: column(row, 4)?,
        created_at: word(row, 5, Timestamp::from_sql)?,
    })
}
