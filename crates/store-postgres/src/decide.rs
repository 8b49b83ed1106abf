//! The one way to change a payment once it is made.

use crate::pool::{Connection, Transaction};
use crate::rows::At;
use crate::{apply, file, sql};
use sekali_core::decision::Decision;
use sekali_core::domain::{PaymentFile, PaymentId, RecordedEvent};
use sekali_core::ports::{Decided, Judge, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Asks the judge under the locks of the consultation and the payment, and commits what it decides.
///
/// Sessions, captures, refunds and disputes are changed here alone, and so need no locks of their own.
pub(crate) async fn decide(
    connection: &mut Connection,
    payment: PaymentId,
    judge: &Judge,
) -> Result<Option<Decided>, StoreError> {
    let tx = connection.begin().await?;
    // A payment that commits only after this was asked is not there yet: nothing would be locked, and a
    // later statement would still find it.
    for lock in [&sql::LOCK_CONSULTATION_OF_PAYMENT, &sql::LOCK_PAYMENT] {
        if tx.send(lock, &[&payment.0]).await?.is_empty() {
            return Ok(None);
        }
    }
    // Read by statements that begin only now: one that had waited for a lock could still see what was
    // there before.
    let Some(before) = file::read(&tx, payment).await? else { return Ok(None) };
    let decision = ask(judge, &before)?;
    if decision.is_empty() {
        return Ok(Some(Decided { file: before, changed: false }));
    }
    apply::apply(&tx, &before, &decision).await?;
    record(&tx, payment, &decision.recorded(&before)).await?;
    let after = file::read(&tx, payment).await?;
    let after = after.ok_or_else(|| StoreError::Broken(format!("payment {payment} is gone")))?;
    tx.commit().await?;
    Ok(Some(Decided { file: after, changed: true }))
}

/// A judge that panics has decided nothing: that is certain, and no reason to ask again.
fn ask(judge: &Judge, file: &PaymentFile) -> Result<Decision, StoreError> {
    catch_unwind(AssertUnwindSafe(|| judge(file)))
        .map_err(|_| StoreError::Broken(format!("the decision about payment {} panicked", file.payment.id)))
}

/// Appends the entries, and sees to it that the host is told of those that are announced.
async fn record(
    tx: &Transaction<'_>,
    payment: PaymentId,
    events: &[RecordedEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = events.iter().map(|event| event.seq).collect();
    let at: Vec<At> = events.iter().map(|event| At(event.at)).collect();
    let kind: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    let announces: Vec<Option<&str>> = events.iter().map(|event| event.announces.as_deref()).collect();
    let previous: Vec<&[u8]> = events.iter().map(|event| event.previous.as_slice()).collect();
    let hash: Vec<&[u8]> = events.iter().map(|event| event.hash.as_slice()).collect();
    let appended = tx
        .send(&sql::APPEND_EVENTS, &[&payment.0, &seq, &at, &kind, &data, &announces, &previous, &hash])
        .await?;
    if appended.len() != events.len() {
        return Err(StoreError::Broken("an entry of the record was not written".to_owned()));
    }
    match events.iter().rev().find(|event| event.announces.is_some()) {
        Some(last) => tx.change(&sql::ANNOUNCE, &[&payment.0, &last.seq, &At(last.at)]).await,
        None => Ok(()),
    }
}
