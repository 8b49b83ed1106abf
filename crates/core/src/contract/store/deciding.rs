//! What becomes of a payment, step by step.

use super::ground::{FEE, fresh_uuid, later, origin, paying, php};
use crate::decision::Decision;
use crate::decision::open::{self, NewSession, Opening};
use crate::decision::settle::{self, News, Settlement, Settling};
use crate::domain::{Money, PaymentFile, PaymentId, Receipt, Timestamp};
use crate::ports::store::{Decided, Store, StoreError};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Asks `judge` of a payment's file under its lock, going on after a conflict as the flow does; what was
/// decided, and what the judge said of it.
pub(super) async fn decide<T, J>(store: &dyn Store, payment: PaymentId, judge: J) -> (Decided, T)
where
    T: Send + 'static,
    J: Fn(&PaymentFile) -> (Decision, T) + Send + Sync + 'static,
{
    let decided = try_decide(store, payment, judge).await.expect("it can be decided on");
    decided.unwrap_or_else(|| panic!("payment {payment} is not there"))
}

/// Likewise, with whatever comes of it.
pub(super) async fn try_decide<T, J>(
    store: &dyn Store,
    payment: PaymentId,
    judge: J,
) -> Result<Option<(Decided, T)>, StoreError>
where
    T: Send + 'static,
    J: Fn(&PaymentFile) -> (Decision, T) + Send + Sync + 'static,
{
    let said = Arc::new(Mutex::new(None));
    let says = Arc::clone(&said);
    let judge: crate::ports::Judge = Arc::new(move |file| {
        let (decision, verdict) = judge(file);
        *says.lock().unwrap() = Some(verdict);
        decision
    });
    let mut decided = store.decide(payment, Arc::clone(&judge)).await;
    for _ in 0..2 {
        if matches!(decided, Err(StoreError::Conflict(_))) {
            decided = store.decide(payment, Arc::clone(&judge)).await;
        }
    }
    let verdict = said.lock().unwrap().take();
    Ok(decided?.map(|decided| (decided, verdict.expect("the judge was asked"))))
}

pub(super) fn new_session() -> NewSession {
    let id = fresh_uuid();
    NewSession { id, request: format!("mode=payment&client_reference_id={id}"), at: later(1) }
}

/// Wants to open this session for the payment.
pub(super) async fn open(store: &dyn Store, payment: PaymentId, new: NewSession) -> (Decided, Opening) {
    decide(store, payment, move |file| open::intend(file, &new, &origin())).await
}

/// Commits the intent to open a session for the payment.
pub(super) async fn intend(store: &dyn Store, receipt: &Receipt) -> Uuid {
    match open(store, receipt.payment.id, new_session()).await {
        (_, Opening::Intended(session)) => session.id,
        other => panic!("Intended was expected, but: {other:?}"),
    }
}

/// Stripe has made the session.
pub(super) async fn opened(store: &dyn Store, receipt: &Receipt, session: Uuid, at: Timestamp) -> Decided {
    let judge = move |file: &PaymentFile| {
        open::opened(file, session, &gateway_id(session), fresh_uuid(), at, &origin())
    };
    decide(store, receipt.payment.id, judge).await.0
}

/// Brings news of a session of the payment.
pub(super) async fn settle(
    store: &dyn Store,
    receipt: &Receipt,
    settlement: &Settlement,
) -> (Decided, Settling) {
    let settlement = settlement.clone();
    decide(store, receipt.payment.id, move |file| settle::settle(file, &settlement, &origin())).await
}

/// A payment whose money is there, and the payment intent of that.
pub(super) async fn completed(store: &dyn Store, consultation: i64, name: &str) -> (Receipt, String) {
    let receipt = paying(store, consultation, 1, name).await;
    let session = intend(store, &receipt).await;
    let (decided, settling) = settle(store, &receipt, &paid(session)).await;
    assert_eq!(settling, Settling::Changed);
    (decided.file.receipt(), intent_of(session))
}

/// The name that Stripe gives a session.
pub(super) fn gateway_id(session: Uuid) -> String {
    format!("cs_{}", session.simple())
}

/// The payment intent that belongs to a session.
pub(super) fn intent_of(session: Uuid) -> String {
    format!("pi_{}", session.simple())
}

/// 5000.00 PHP were paid.
pub(super) fn paid(session: Uuid) -> Settlement {
    paid_with(session, &intent_of(session), php(FEE))
}

pub(super) fn paid_with(session: Uuid, payment_intent: &str, amount: Money) -> Settlement {
    let (gateway_id, payment_intent) = (gateway_id(session), payment_intent.to_owned());
    Settlement { session, at: later(60), news: News::Paid { gateway_id, payment_intent, amount } }
}

pub(super) fn submitted(session: Uuid) -> Settlement {
    Settlement { session, at: later(50), news: News::Submitted { gateway_id: gateway_id(session) } }
}

pub(super) fn expired(session: Uuid) -> Settlement {
    Settlement { session, at: later(70), news: News::Expired { gateway_id: gateway_id(session) } }
}

/// All that belongs to the payment.
pub(super) async fn file(store: &dyn Store, payment: PaymentId) -> PaymentFile {
    let found = store.file(payment).await.expect("a file can be read");
    found.unwrap_or_else(|| panic!("payment {payment} is gone"))
}
