//! Entries of many records in one commit.

use crate::pool::Connection;
use crate::rows::{self, At, value};
use crate::sql;
use sekali_core::domain::{Head, PaymentId, RecordedEvent};
use sekali_core::ports::{Remark, StoreError};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;
use uuid::Uuid;

/// Appends what can be appended without waiting for anybody; the payments that are being decided on.
///
/// A decision locks the payment before it reads the record's end, and so does this: no two entries follow on the same
/// one. No payment is waited for, as those locked already would have to wait too.
pub(crate) async fn remark(c: &mut Connection, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError> {
    let ids: Vec<i64> = remarks.iter().map(|remark| remark.payment.0).collect();
    let tx = c.begin().await?;
    // So many payments must not be held by a server that the network has swallowed.
    tx.send(&sql::LET_GO_SOON, &[]).await?;
    let locked = tx.send(&sql::LOCK_IDLE_PAYMENTS, &[&ids]).await?;
    let locked: HashSet<i64> = locked.iter().map(|row| value(row, "id")).collect::<Result<_, _>>()?;
    // Read by a statement that begins only now: the other one could not see what was committed meanwhile.
    let heads = tx.send(&sql::HEADS, &[&ids]).await?;
    let heads: HashMap<i64, (Uuid, Head)> = heads.iter().map(end_of_record).collect::<Result<_, _>>()?;
    let (mut events, mut busy) = (Vec::new(), Vec::new());
    for remark in remarks {
        match heads.get(&remark.payment.0) {
            Some((reference, _)) if *reference != remark.reference => {}
            Some((_, head)) if locked.contains(&remark.payment.0) => events.push(remark.after(*head)),
            Some(_) => busy.push(remark.payment),
            None => {}
        }
    }
    if !events.is_empty() {
        append(&tx, &events).await?;
        tx.commit().await?;
    }
    Ok(busy)
}

fn end_of_record(row: &Row) -> Result<(i64, (Uuid, Head)), StoreError> {
    let is_empty = value::<Option<i64>>(row, "seq")?.is_none();
    let head = if is_empty { Head::default() } else { rows::head(row)? };
    Ok((value(row, "id")?, (value(row, "reference")?, head)))
}

async fn append(tx: &crate::pool::Transaction<'_>, events: &[RecordedEvent]) -> Result<(), StoreError> {
    let payment: Vec<i64> = events.iter().map(|event| event.payment.0).collect();
    let seq: Vec<i64> = events.iter().map(|event| event.seq).collect();
    let at: Vec<At> = events.iter().map(|event| At(event.at)).collect();
    let kind: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    let previous: Vec<&[u8]> = events.iter().map(|event| event.previous.as_slice()).collect();
    let hash: Vec<&[u8]> = events.iter().map(|event| event.hash.as_slice()).collect();
    let written =
        tx.send(&sql::APPEND_REMARKS, &[&payment, &seq, &at, &kind, &data, &previous, &hash]).await?;
    if written.len() == events.len() {
        return Ok(());
    }
    Err(StoreError::Broken("an entry of the record was not written".to_owned()))
}
