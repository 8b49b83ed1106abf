//! The life of a Checkout Session once it is made: paid, declined, challenged, expired. Every function here
//! runs in one write transaction, so that of two submits of one page the second finds what the first one did.

use crate::failure::Failure;
use crate::model::aftermath::Aftermath;
use crate::model::card::{self, Behaviour};
use crate::model::charge::Charge;
use crate::model::method::{Decline, Details, Payer, PaymentMethod};
use crate::model::payment_intent::{IntentStatus, PaymentError, PaymentIntent};
use crate::model::session::{Challenge, Session, SessionStatus};
use crate::storage::{StorageError, objects};
use crate::work::Work;
use crate::{bank, disputes};

/// What the payer entered. It exists only while the request lasts.
pub(crate) struct Entry {
    pub(crate) details: Details,
    pub(crate) behaviour: Behaviour,
    pub(crate) aftermath: Aftermath,
    pub(crate) payer: Payer,
}

/// How an attempt to pay ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Paid,
    /// A bank has the payment; the session is complete, and unpaid so far.
    Submitted,
    Declined {
        decline: Decline,
        /// None where the card was never charged.
        charge: Option<String>,
    },
    /// The payer has to pass a 3-D Secure challenge first.
    Challenged {
        challenge_id: String,
    },
    /// Nothing was attempted: the session is complete or expired, or the challenge is not the current one.
    Refused,
}

/// A payment method that is about to be charged.
pub(crate) struct Attempt {
    pub(crate) method: PaymentMethod,
    pub(crate) aftermath: Aftermath,
    /// Whether the payer passed a 3-D Secure challenge.
    pub(crate) authenticated: bool,
}

/// Confirms an open session.
pub(crate) fn pay(work: &mut Work<'_>, session: &mut Session, entry: Entry) -> Result<Outcome, Failure> {
    if !session.is_open() {
        return Ok(Outcome::Refused);
    }
    let method = PaymentMethod {
        id: work.new_id("pm_1", 23),
        created: work.now(),
        details: entry.details,
        payer: entry.payer,
    };
    session.payer = Some(method.payer.clone());
    session.challenge = None;
    let mut intent = open_intent(work, session)?;
    intent.payment_method = Some(method.clone());
    let attempt = Attempt { method, aftermath: entry.aftermath, authenticated: false };
    match entry.behaviour {
        Behaviour::Succeeds => charge(work, session, intent, attempt, None),
        Behaviour::Declines(decline) => charge(work, session, intent, attempt, Some(decline)),
        Behaviour::Delayed(failure) => bank::submit(work, session, intent, attempt, failure),
        Behaviour::Challenges(then) => {
            let decline = match *then {
                Behaviour::Declines(decline) => Some(decline),
                Behaviour::Succeeds | Behaviour::Challenges(_) | Behaviour::Delayed(_) => None,
            };
            challenge(work, session, intent, attempt.method, decline)
        }
    }
}

/// Opens a session again that ran out, as if it had never: Stripe itself would not, but money that comes in
/// through an old session is what tests have to see. The intent that ended with the session is left behind.
pub(crate) fn reopen(session: &mut Session) {
    if session.status == SessionStatus::Expired {
        session.status = SessionStatus::Open;
        session.payment_intent = None;
    }
}

/// Ends the challenge `challenge_id`, passed or not.
pub(crate) fn answer_challenge(
    work: &mut Work<'_>,
    session: &mut Session,
    challenge_id: &str,
    passed: bool,
) -> Result<Outcome, Failure> {
    let current = session.challenge.take_if(|challenge| challenge.id == challenge_id);
    let (true, Some(challenge)) = (session.is_open(), current) else {
        return Ok(Outcome::Refused);
    };
    let intent = open_intent(work, session)?;
    if passed {
        let method = challenge.payment_method;
        let attempt = Attempt { method, aftermath: Aftermath::default(), authenticated: true };
        charge(work, session, intent, attempt, challenge.decline)
    } else {
        fail_authentication(work, session, intent, challenge.payment_method)
    }
}

/// Ends an open session unpaid, and with it the intent to pay.
pub(crate) fn expire(work: &mut Work<'_>, session: &mut Session) -> Result<(), StorageError> {
    session.status = SessionStatus::Expired;
    session.challenge = None;
    objects::update(work.tx, session)?;
    if let Some(id) = &session.payment_intent {
        let mut intent: PaymentIntent = objects::get(work.tx, id)?;
        intent.status = IntentStatus::Canceled;
        intent.canceled_at = Some(work.now());
        objects::update(work.tx, &intent)?;
        work.emit("payment_intent.canceled", intent.render(), &session.id)?;
    }
    work.emit("checkout.session.expired", session.render(work.public_base), &session.id)
}

/// The session's payment intent, made now if the payer confirms for the first time.
fn open_intent(work: &mut Work<'_>, session: &mut Session) -> Result<PaymentIntent, StorageError> {
    if let Some(id) = &session.payment_intent {
        return objects::get(work.tx, id);
    }
    let id = work.new_id("pi_3", 23);
    let intent = PaymentIntent {
        client_secret: work.new_id(&format!("{id}_secret_"), 25),
        id,
        created: work.now(),
        amount: session.amount_total,
        currency: session.currency.clone(),
        description: session.intent_data.description.clone(),
        metadata: session.intent_data.metadata.clone(),
        receipt_email: session.intent_data.receipt_email.clone(),
        status: IntentStatus::RequiresPaymentMethod,
        latest_charge: None,
        payment_method: None,
        last_error: None,
        canceled_at: None,
        cancellation_reason: None,
        session: session.id.clone(),
        payment_method_types: session.payment_method_types.clone(),
    };
    objects::insert(work.tx, &intent)?;
    session.payment_intent = Some(intent.id.clone());
    work.emit("payment_intent.created", intent.render(), &session.id)?;
    Ok(intent)
}

fn challenge(
    work: &mut Work<'_>,
    session: &mut Session,
    mut intent: PaymentIntent,
    payment_method: PaymentMethod,
    decline: Option<Decline>,
) -> Result<Outcome, Failure> {
    let challenge_id = work.new_id("", 24);
    session.challenge = Some(Challenge { id: challenge_id.clone(), payment_method, decline });
    intent.status = IntentStatus::RequiresAction;
    intent.last_error = None;
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("payment_intent.requires_action", intent.render(), &session.id)?;
    Ok(Outcome::Challenged { challenge_id })
}

fn fail_authentication(
    work: &mut Work<'_>,
    session: &Session,
    mut intent: PaymentIntent,
    payment_method: PaymentMethod,
) -> Result<Outcome, Failure> {
    let decline = card::authentication_failure();
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.last_error = Some(PaymentError { decline: decline.clone(), charge: None, payment_method });
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("payment_intent.payment_failed", intent.render(), &session.id)?;
    Ok(Outcome::Declined { decline, charge: None })
}

/// The charge that an attempt makes, not kept yet.
pub(crate) fn new_charge(work: &Work<'_>, intent: &PaymentIntent, attempt: Attempt) -> Charge {
    let prefix = if attempt.method.details.is_bank_account() { "py_3" } else { "ch_3" };
    Charge {
        id: work.new_id(prefix, 23),
        created: work.now(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        payment_intent: intent.id.clone(),
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
        receipt_email: intent.receipt_email.clone(),
        payment_method: attempt.method,
        authenticated: attempt.authenticated,
        decline: None,
        pending: false,
        session: intent.session.clone(),
        amount_refunded: 0,
        dispute: None,
        aftermath: attempt.aftermath,
    }
}

fn charge(
    work: &mut Work<'_>,
    session: &mut Session,
    mut intent: PaymentIntent,
    attempt: Attempt,
    decline: Option<Decline>,
) -> Result<Outcome, Failure> {
    let mut charge = new_charge(work, &intent, attempt);
    charge.decline.clone_from(&decline);
    objects::insert(work.tx, &charge)?;
    intent.latest_charge = Some(charge.id.clone());
    match decline {
        None => settle(work, session, intent, charge),
        Some(decline) => turn_down(work, session, intent, charge, decline),
    }
}

fn settle(
    work: &mut Work<'_>,
    session: &mut Session,
    mut intent: PaymentIntent,
    mut charge: Charge,
) -> Result<Outcome, Failure> {
    intent.status = IntentStatus::Succeeded;
    intent.last_error = None;
    session.status = SessionStatus::Complete;
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("charge.succeeded", charge.render(), &session.id)?;
    work.emit("payment_intent.succeeded", intent.render(), &session.id)?;
    work.emit("checkout.session.completed", session.render(work.public_base), &session.id)?;
    if let Some(grounds) = charge.aftermath.dispute {
        disputes::open(work, &mut charge, grounds)?;
    }
    Ok(Outcome::Paid)
}

fn turn_down(
    work: &mut Work<'_>,
    session: &Session,
    mut intent: PaymentIntent,
    charge: Charge,
    decline: Decline,
) -> Result<Outcome, Failure> {
    mark_failed(&mut intent, &charge, &decline);
    objects::update(work.tx, &intent)?;
    objects::update(work.tx, session)?;
    work.emit("charge.failed", charge.render(), &session.id)?;
    work.emit("payment_intent.payment_failed", intent.render(), &session.id)?;
    Ok(Outcome::Declined { decline, charge: Some(charge.id) })
}

/// Has the intent ask for another payment method, and say why.
pub(crate) fn mark_failed(intent: &mut PaymentIntent, charge: &Charge, decline: &Decline) {
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.last_error = Some(PaymentError {
        decline: decline.clone(),
        charge: Some(charge.id.clone()),
        payment_method: charge.payment_method.clone(),
    });
}
