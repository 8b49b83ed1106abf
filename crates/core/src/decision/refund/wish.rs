//! The intent to refund, committed before Stripe is called.

use super::requested;
use crate::decision::{Change, Decision};
use crate::domain::{
    Capture, Disposition, Fingerprint, IdempotencyKey, Money, Origin, PaymentFile, Refund, RefundOrigin,
    RefundState, Status, Timestamp, UserId,
};
use std::time::Duration;
use uuid::Uuid;

/// Automatic refunds of one capture, at most: one that Stripe keeps refusing is the operator's.
const AUTOMATIC: usize = 5;
/// Between two of them: what Stripe refuses now (for lack of balance, say) it may take later.
const SPACED: Duration = Duration::from_secs(3600);

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The refund's name, if one is made.
    pub id: Uuid,
    /// Who.
    pub by: UserId,
    /// The client's name for this wish.
    pub key: IdempotencyKey,
    /// What the key stands for.
    pub fingerprint: Fingerprint,
    /// How much; `None`: all that remains.
    pub amount: Option<Money>,
    /// Why.
    pub reason: Option<String>,
    /// What remained to be refunded when the operator decided; `None`: whatever remains. Where something else remains
    /// under the lock, somebody was quicker, and nothing is refunded: of two operators who saw the same, one refunds.
    pub seen: Option<Money>,
    /// Now.
    pub at: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wishing {
    /// The intent is committed.
    Made(Refund),
    /// This key has made this refund before.
    Known(Refund),
    /// This key has stood for another wish.
    KeyReused,
    /// The payment was not captured, or everything is back already.
    NotRefundable(Status),
    /// More than what remains, which is this.
    TooMuch(Money),
    /// Something else remains than was seen.
    Moved {
        /// This.
        remaining: Money,
        /// The refund that was made last, where there is one: it is why.
        latest: Option<Refund>,
    },
}

/// Decides about an operator's wish. `encode` makes the request's bytes: of the refund's name, the payment
/// intent and the amount.
pub fn wish(
    file: &PaymentFile,
    wish: &Wish,
    origin: &Origin,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> (Decision, Wishing) {
    let nothing = Decision::at(wish.at);
    if let Some((refund, fingerprint)) = by_key(file, wish) {
        let same = *fingerprint == wish.fingerprint;
        let made = if refund.id == wish.id { Wishing::Made } else { Wishing::Known };
        return (nothing, if same { made(refund.clone()) } else { Wishing::KeyReused });
    }
    let status = file.payment.status;
    let Some(capture) = file.settled().filter(|_| is_refundable(status, wish)) else {
        return (nothing, Wishing::NotRefundable(status));
    };
    let remaining = file.remaining(capture);
    if wish.seen.is_some_and(|seen| seen != remaining) {
        return (nothing, Wishing::Moved { remaining, latest: latest(file, capture) });
    }
    let amount = wish.amount.unwrap_or(remaining);
    if remaining.minor == 0 {
        return (nothing, Wishing::NotRefundable(status));
    }
    if amount.minor <= 0 || amount.currency != remaining.currency || amount.minor > remaining.minor {
        return (nothing, Wishing::TooMuch(remaining));
    }
    let refund = Refund {
        id: wish.id,
        payment_intent: capture.payment_intent.clone(),
        amount,
        state: RefundState::Requested,
        origin: RefundOrigin::Operator { by: wish.by, key: wish.key.clone(), fingerprint: wish.fingerprint },
        reason: wish.reason.clone(),
        request: encode(wish.id, &capture.payment_intent, amount),
        gateway_id: None,
        replaces: None,
        failure: None,
        created_at: wish.at.whole_second(),
    };
    let decision = nothing.change(Change::NewRefund(refund.clone())).note(origin, requested(&refund));
    (decision, Wishing::Made(refund))
}

/// The last refund that takes something up; failing that, the last one: what it took up is free again.
fn latest(file: &PaymentFile, capture: &Capture) -> Option<Refund> {
    let all = || file.refunds_of(&capture.payment_intent);
    all().filter(|refund| refund.state.counts()).last().or_else(|| all().last()).cloned()
}

/// Who has seen something remain is told what has become of it, also when all of it is back by now.
fn is_refundable(status: Status, wish: &Wish) -> bool {
    status == Status::Completed || (status == Status::Refunded && wish.seen.is_some())
}

fn by_key<'f>(file: &'f PaymentFile, wish: &Wish) -> Option<(&'f Refund, &'f Fingerprint)> {
    file.refunds.iter().find_map(|refund| match &refund.origin {
        RefundOrigin::Operator { by, key, fingerprint } if *by == wish.by && *key == wish.key => {
            Some((refund, fingerprint))
        }
        _ => None,
    })
}

/// Decides to give back what settles nothing: all that remains of a capture that is surplus or a mismatch.
/// `None`: it is on its way, it is back, or it was tried often enough.
pub fn give_back(
    file: &PaymentFile,
    payment_intent: &str,
    id: Uuid,
    at: Timestamp,
    origin: &Origin,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> (Decision, Option<Refund>) {
    let nothing = Decision::at(at);
    if let Some(mine) = file.refund(id) {
        return (nothing, Some(mine.clone()));
    }
    let stray = file.capture(payment_intent).filter(|capture| capture.disposition != Disposition::Settled);
    let Some((capture, remaining)) = stray.and_then(|capture| returnable(file, capture, at)) else {
        return (nothing, None);
    };
    let refund = automatic(capture, remaining, id, None, at, encode);
    let decision = nothing.change(Change::NewRefund(refund.clone())).note(origin, requested(&refund));
    (decision, Some(refund))
}

/// Whether [`give_back`] would make a refund.
pub fn may_be_given_back(file: &PaymentFile, payment_intent: &str, at: Timestamp) -> bool {
    let stray = file.capture(payment_intent).filter(|capture| capture.disposition != Disposition::Settled);
    stray.is_some_and(|capture| returnable(file, capture, at).is_some())
}

/// What of a capture Sekali may still try to give back by itself.
fn returnable<'f>(
    file: &'f PaymentFile,
    capture: &'f Capture,
    at: Timestamp,
) -> Option<(&'f Capture, Money)> {
    let remaining = file.remaining(capture);
    let tried: Vec<_> = file
        .refunds_of(&capture.payment_intent)
        .filter(|refund| refund.origin == RefundOrigin::Automatic)
        .collect();
    let too_soon = tried.last().is_some_and(|last| at < last.created_at.plus(SPACED));
    (remaining.minor > 0 && tried.len() < AUTOMATIC && !too_soon).then_some((capture, remaining))
}

pub(super) fn automatic(
    capture: &Capture,
    amount: Money,
    id: Uuid,
    replaces: Option<Uuid>,
    at: Timestamp,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> Refund {
    Refund {
        id,
        payment_intent: capture.payment_intent.clone(),
        amount,
        state: RefundState::Requested,
        origin: RefundOrigin::Automatic,
        reason: None,
        request: encode(id, &capture.payment_intent, amount),
        gateway_id: None,
        replaces,
        failure: None,
        created_at: at.whole_second(),
    }
}
