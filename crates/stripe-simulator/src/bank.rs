//! Payments that take days: a bank account is charged, the session is complete at once, and the outcome comes
//! later.

use crate::api::error::ApiError;
use crate::checkout::{self, Attempt, Outcome};
use crate::failure::Failure;
use crate::model::charge::Charge;
use crate::model::method::Decline;
use crate::model::payment_intent::{IntentStatus, PaymentIntent};
use crate::model::session::{BankDebit, Session, SessionStatus};
use crate::storage::{StorageError, objects};
use crate::work::Work;

/// How long a bank takes, in seconds of the simulated clock.
const SETTLES_AFTER: i64 = 60;

/// Hands the payment to the bank, which will answer with `failure`, or that it went through.
pub(crate) fn submit(
    work: &mut Work<'_>,
    session: &mut Session,
    mut intent: PaymentIntent,
    attempt: Attempt,
    failure: Option<Decline>,
) -> Result<Outcome, Failure> {
    let mut charge = checkout::new_charge(work, &intent, attempt);
    charge.pending = true;
    objects::insert(work.tx, &charge)?;
    intent.latest_charge = Some(charge.id.clone());
    intent.status = IntentStatus::Processing;
    intent.last_error = None;
    session.status = SessionStatus::Complete;
    session.unpaid = true;
    session.debit = Some(BankDebit { settles_at: work.now() + SETTLES_AFTER, failure });
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("charge.pending", charge.render(), &session.id)?;
    work.emit("payment_intent.processing", intent.render(), &session.id)?;
    work.emit("checkout.session.completed", session.render(work.public_base), &session.id)?;
    Ok(Outcome::Submitted)
}

/// The bank's answer, in its own time.
pub(crate) fn settle_as_planned(work: &mut Work<'_>, session: &mut Session) -> Result<(), StorageError> {
    match session.debit.take() {
        Some(debit) => settle(work, session, debit.failure),
        None => Ok(()),
    }
}

/// The bank's answer, now, and whatever was planned.
pub(crate) fn settle_now(
    work: &mut Work<'_>,
    session: &mut Session,
    failure: Option<Decline>,
) -> Result<(), Failure> {
    if session.debit.take().is_none() {
        let message = "Only a Checkout Session whose bank payment is under way can be settled.";
        return Err(ApiError::invalid(message).into());
    }
    Ok(settle(work, session, failure)?)
}

fn settle(work: &mut Work<'_>, session: &mut Session, failure: Option<Decline>) -> Result<(), StorageError> {
    let intent_id = session.payment_intent.as_deref().unwrap_or_default();
    let intent: PaymentIntent = objects::get(work.tx, intent_id)?;
    let mut charge: Charge = objects::get(work.tx, intent.latest_charge.as_deref().unwrap_or_default())?;
    charge.pending = false;
    charge.decline = failure;
    objects::update(work.tx, &charge)?;
    match charge.decline.clone() {
        None => succeed(work, session, intent, &charge),
        Some(decline) => fail(work, session, intent, &charge, &decline),
    }
}

fn succeed(
    work: &mut Work<'_>,
    session: &mut Session,
    mut intent: PaymentIntent,
    charge: &Charge,
) -> Result<(), StorageError> {
    intent.status = IntentStatus::Succeeded;
    session.unpaid = false;
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("charge.succeeded", charge.render(), &session.id)?;
    work.emit("payment_intent.succeeded", intent.render(), &session.id)?;
    work.emit("checkout.session.async_payment_succeeded", session.render(work.public_base), &session.id)
}

fn fail(
    work: &mut Work<'_>,
    session: &Session,
    mut intent: PaymentIntent,
    charge: &Charge,
    decline: &Decline,
) -> Result<(), StorageError> {
    checkout::mark_failed(&mut intent, charge, decline);
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("charge.failed", charge.render(), &session.id)?;
    work.emit("payment_intent.payment_failed", intent.render(), &session.id)?;
    work.emit("checkout.session.async_payment_failed", session.render(work.public_base), &session.id)
}
