//! The record of payments, and what of it the host is to be told.

use crate::connection::Sql;
use crate::sql::operations;
use crate::{rows, sql};
use sekali_core::domain::{Fingerprint, PaymentId, RecordedEvent};
use sekali_core::ports::StoreError;
use uuid::Uuid;

/// Appends an entry to the payment's record, and makes its delivery due if the host is told of it.
pub(crate) fn append(sql: &Sql<'_>, payment: PaymentId, event: &RecordedEvent) -> Result<(), StoreError> {
    let hex = |digest| Fingerprint(digest).to_hex();
    let (previous, hash, at) = (hex(event.previous), hex(event.hash), event.at.as_micros());
    sql.run_on_one(
        sql::INSERT_EVENT,
        (payment.0, event.seq, at, &event.kind, &event.data, &event.announces, previous, hash),
    )?;
    match event.announces {
        Some(_) => sql.run_on_one(operations::ANNOUNCE, (payment.0, event.seq, at)),
        None => Ok(()),
    }
}

/// A payment's entries after number `after`.
pub(crate) fn of_payment(
    sql: &Sql<'_>,
    payment: PaymentId,
    after: i64,
    limit: u32,
) -> Result<Vec<RecordedEvent>, StoreError> {
    sql.rows(sql::RECORD, (payment.0, after, limit), rows::event)
}

/// Every payment's entries after `after`, with the payment's reference.
pub(crate) fn of_all(
    sql: &Sql<'_>,
    after: (PaymentId, i64),
    limit: u32,
) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError> {
    sql.rows(sql::RECORDS, (after.0.0, after.1, limit), |row| {
        Ok((rows::uuid(row, rows::AFTER_EVENT)?, rows::event(row)?))
    })
}
