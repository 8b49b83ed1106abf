//! Asking a decision under the payment's lock.

use crate::decision::Decision;
use crate::domain::{PaymentFile, PaymentId, Status};
use crate::ports::{Judge, Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};

/// Attempts on conflicts and unclear commits.
const ATTEMPTS: u32 = 3;

/// What became of a decision.
pub(crate) struct Outcome<T> {
    /// The payment after it.
    pub(crate) file: PaymentFile,
    /// Its status before it.
    pub(crate) before: Status,
    /// Whether something was written.
    pub(crate) changed: bool,
    /// What the decision said of itself.
    pub(crate) verdict: T,
}

/// Asks `judge`, and writes what it decides. Asked again after a conflict, or when nobody knows whether
/// the commit happened: it then finds its own work. `None`: no such payment.
pub(crate) async fn decide<T, J>(
    store: &dyn Store,
    payment: PaymentId,
    judge: J,
) -> Result<Option<Outcome<T>>, StoreError>
where
    T: Send + 'static,
    J: Fn(&PaymentFile) -> (Decision, T) + Send + Sync + 'static,
{
    let said = Arc::new(Mutex::new(None));
    let says = Arc::clone(&said);
    let judge: Judge = Arc::new(move |file| {
        let (decision, verdict) = judge(file);
        *says.lock().unwrap_or_else(PoisonError::into_inner) = Some((file.payment.status, verdict));
        decision
    });
    let mut attempt = 1;
    let decided = loop {
        match store.decide(payment, Arc::clone(&judge)).await {
            Err(StoreError::Conflict(_) | StoreError::Unclear(_)) if attempt < ATTEMPTS => attempt += 1,
            outcome => break outcome?,
        }
    };
    let Some(decided) = decided else { return Ok(None) };
    let verdict = said.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (before, verdict) =
        verdict.ok_or_else(|| StoreError::Broken("a payment was decided on by nobody".into()))?;
    Ok(Some(Outcome { file: decided.file, before, changed: decided.changed, verdict }))
}
