//! Rows read into the domain's values.

mod file;

pub(crate) use file::{capture, dispute, event, head, refund, session, tax};

use sekali_core::domain::{
    Consultation, ConsultationId, Currency, DisputeState, Fingerprint, Invoice, InvoiceId, InvoiceStatus,
    Money, Payment, PaymentId, PaymentMethod, Receipt, Status, Terms, Timestamp, UserId,
};
use sekali_core::ports::StoreError;
use sekali_core::ports::store::read_fee;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// PostgreSQL counts its microseconds from 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A [`Timestamp`] as `timestamptz`, exact to the microsecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At(pub(crate) Timestamp);

impl ToSql for At {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let micros = self.0.as_micros().saturating_sub(EPOCH_MICROS);
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for At {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(EPOCH_MICROS))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// One value of a row.
pub(crate) fn value<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| StoreError::Broken(format!("column {column}: {error}")))
}

/// A value of which the domain knows every word.
pub(crate) fn word<T>(row: &Row, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let word: &str = value(row, column)?;
    parse(word).ok_or_else(|| StoreError::Broken(format!("column {column} holds the unknown word {word:?}")))
}

fn maybe_word<T>(
    row: &Row,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    value::<Option<&str>>(row, column)?.map(|_| word(row, column, parse)).transpose()
}

/// A point in time.
pub(crate) fn at(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    value::<At>(row, column).map(|at| at.0)
}

/// A point in time that may not have come.
pub(crate) fn maybe_at(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(value::<Option<At>>(row, column)?.map(|at| at.0))
}

/// An amount in the columns `minor` and `currency`.
pub(crate) fn money(row: &Row, minor: &str) -> Result<Money, StoreError> {
    Ok(Money::new(value(row, minor)?, word(row, "currency", Currency::from_code)?))
}

/// 32 bytes: a SHA-256.
fn digest(row: &Row, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = value(row, column)?;
    bytes.try_into().map_err(|_| StoreError::Broken(format!("column {column} has another length")))
}

/// A payment with its invoice.
pub(crate) fn receipt(row: &Row) -> Result<Receipt, StoreError> {
    let id = PaymentId(value(row, "id")?);
    let amount = money(row, "amount_minor")?;
    let invoice = Invoice {
        id: InvoiceId(value(row, "invoice_id")?),
        payment: id,
        number: value(row, "invoice_number")?,
        amount,
        status: word(row, "invoice_status", InvoiceStatus::parse)?,
        issued_at: at(row, "issued_at")?,
    };
    let payment = Payment {
        id,
        reference: value(row, "reference")?,
        user: UserId(value(row, "user_id")?),
        consultation: ConsultationId(value(row, "consultation_id")?),
        amount,
        method: word(row, "payment_method", PaymentMethod::parse)?,
        status: word(row, "status", Status::parse)?,
        submitted: value(row, "submitted")?,
        cancel_requested: value(row, "cancel_requested")?,
        refunded: money(row, "refunded_minor")?,
        dispute: maybe_word(row, "dispute", DisputeState::parse)?,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    };
    Ok(Receipt { payment, invoice })
}

/// The fingerprint of a key.
pub(crate) fn fingerprint(row: &Row) -> Result<Fingerprint, StoreError> {
    digest(row, "fingerprint").map(Fingerprint)
}

/// A consultation.
pub(crate) fn consultation(row: &Row) -> Result<Consultation, StoreError> {
    let fee = read_fee(value(row, "fee")?, value(row, "c_currency")?)?;
    Ok(Consultation {
        id: ConsultationId(value(row, "c_id")?),
        patient: UserId(value(row, "patient_id")?),
        terms: Terms { fee, tax_exempt: value(row, "tax_exempt")? },
    })
}

/// The only row there can be.
pub(crate) fn first<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    rows.first().map(read).transpose()
}
