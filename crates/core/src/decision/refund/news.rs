//! What Stripe says of a refund, wherever it was made.

use super::requested;
use super::wish::automatic;
use crate::decision::{Change, Decision, refunded};
use crate::domain::record::EndReason;
use crate::domain::{
    Capture, Disposition, Money, Origin, PaymentFile, Refund, RefundOrigin, RefundState, Status, Timestamp,
    What,
};
use crate::ports::CaseKind;
use uuid::Uuid;

/// A refund as Stripe has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundNews {
    /// `re_…`.
    pub gateway_id: String,
    /// The capture: `pi_…`.
    pub payment_intent: String,
    /// Our name for it, if its metadata has one of this installation.
    pub refund: Option<Uuid>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
    /// Why it failed.
    pub failure: Option<String>,
    /// The name it gets here if it was made elsewhere.
    pub fresh: Uuid,
    /// The name of the refund that makes up for it, if it bounces.
    pub replacement: Uuid,
    /// Now.
    pub at: Timestamp,
}

/// What became of the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// It was written.
    Changed,
    /// It was known, or is older than what is known.
    Unchanged,
    /// There is no such capture of this payment.
    NoCapture,
    /// It does not fit beside refunds of ours whose outcome is not known yet: Stripe cannot have both, so
    /// ask about those first.
    DoesNotFit,
}

/// Records what Stripe says of a refund.
pub fn record(
    file: &PaymentFile,
    news: &RefundNews,
    origin: &Origin,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> (Decision, Recording) {
    let nothing = Decision::at(news.at);
    let Some(capture) = file.capture(&news.payment_intent) else { return (nothing, Recording::NoCapture) };
    match known(file, news) {
        Some(refund) if refund.state.may_become(news.state) => {
            (moved(file, capture, refund, news, origin, encode), Recording::Changed)
        }
        Some(refund) if was_written_off(refund) && news.state.counts() => {
            if refund.amount.minor > file.remaining(capture).minor {
                return (nothing, Recording::DoesNotFit);
            }
            (moved(file, capture, refund, news, origin, encode), Recording::Changed)
        }
        Some(_) => (nothing, Recording::Unchanged),
        None => found(file, capture, news, nothing, origin),
    }
}

/// Ours by the name in its metadata, and any by Stripe's name.
fn known<'f>(file: &'f PaymentFile, news: &RefundNews) -> Option<&'f Refund> {
    let ours = |refund: &&Refund| {
        refund.gateway_id.as_ref() == Some(&news.gateway_id)
            || (refund.gateway_id.is_none() && news.refund == Some(refund.id))
    };
    file.refunds_of(&news.payment_intent).find(ours)
}

/// We held that Stripe has never had it, and it has: after a stored failure Stripe may finish later what it
/// had begun.
fn was_written_off(refund: &Refund) -> bool {
    refund.state == RefundState::Failed && refund.gateway_id.is_none()
}

/// One that was made elsewhere is seen for the first time.
fn found(
    file: &PaymentFile,
    capture: &Capture,
    news: &RefundNews,
    nothing: Decision,
    origin: &Origin,
) -> (Decision, Recording) {
    if news.state.counts() && news.amount.minor > file.remaining(capture).minor {
        return (nothing, Recording::DoesNotFit);
    }
    let refund = Refund {
        id: news.fresh,
        payment_intent: news.payment_intent.clone(),
        amount: news.amount,
        state: news.state,
        origin: RefundOrigin::Dashboard,
        reason: None,
        request: String::new(),
        gateway_id: Some(news.gateway_id.clone()),
        replaces: None,
        failure: news.failure.clone(),
        created_at: news.at.whole_second(),
    };
    let mut after = file.clone();
    after.refunds.push(refund.clone());
    let (changes, status) = follow(file, &after, capture);
    let decision = nothing
        .change(Change::NewRefund(refund.clone()))
        .changes(changes)
        .note(origin, requested(&refund))
        .note(origin, entry(&after, capture, &refund, status, false));
    (ended(decision, file, &after, capture, origin), Recording::Changed)
}

/// One that is known moves on.
fn moved(
    file: &PaymentFile,
    capture: &Capture,
    refund: &Refund,
    news: &RefundNews,
    origin: &Origin,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> Decision {
    let bounced = refund.state == RefundState::Succeeded;
    let mut after = file.clone();
    for row in after.refunds.iter_mut().filter(|row| row.id == refund.id) {
        row.state = news.state;
        row.gateway_id = Some(news.gateway_id.clone());
        row.failure.clone_from(&news.failure);
    }
    let (changes, status) = follow(file, &after, capture);
    let mut decision = Decision::at(news.at)
        .change(Change::Refund {
            id: refund.id,
            from: refund.state,
            to: news.state,
            gateway_id: Some(news.gateway_id.clone()),
            failure: news.failure.clone(),
        })
        .changes(changes)
        .note(origin, entry(&after, capture, refund, status, bounced));
    if bounced {
        decision = bounce(file, decision, capture, refund, news, origin, encode);
    } else if news.state == RefundState::Failed {
        // Whoever asked for it was told that it is under way.
        decision = decision.change(stuck(refund, news.failure.as_deref()));
    }
    ended(decision, file, &after, capture, origin)
}

/// What a change of refunds means for the payment: what is back of it, and whether that is all.
fn follow(file: &PaymentFile, after: &PaymentFile, capture: &Capture) -> (Vec<Change>, Status) {
    let status = file.payment.status;
    if capture.disposition != Disposition::Settled {
        return (stray(after, capture), status);
    }
    let back = after.given_back(capture);
    let more = back.minor > file.given_back(capture).minor;
    let mut changes = if more { dealt_with(after, capture) } else { Vec::new() };
    if back != file.given_back(capture) {
        changes.push(refunded(file, back.minor));
    }
    if status == Status::Completed && back == capture.amount {
        changes.push(Change::Status { from: Status::Completed, to: Status::Refunded });
        return (changes, Status::Refunded);
    }
    (changes, status)
}

/// Money that settled nothing is back: nobody need look at it any more.
fn stray(after: &PaymentFile, capture: &Capture) -> Vec<Change> {
    if after.given_back(capture) != capture.amount {
        return Vec::new();
    }
    let mut changes = dealt_with(after, capture);
    changes.push(Change::CloseCase { kind: case_of(capture), object: capture.payment_intent.clone() });
    changes
}

/// Money went back after all: refunds of it that had failed need nobody's look any more.
fn dealt_with(after: &PaymentFile, capture: &Capture) -> Vec<Change> {
    let refunds = after.refunds_of(&capture.payment_intent);
    let kinds = [CaseKind::RefundStuck, CaseKind::RefundBounced];
    refunds
        .flat_map(|refund| kinds.map(|kind| Change::CloseCase { kind, object: refund.id.to_string() }))
        .collect()
}

/// The case that money is that settles nothing.
fn case_of(capture: &Capture) -> CaseKind {
    match capture.disposition {
        Disposition::Mismatch => CaseKind::Mismatch,
        Disposition::Settled | Disposition::Surplus => CaseKind::Surplus,
    }
}

/// A payment whose wrong money is back has failed: nothing more can come for it.
fn ended(
    decision: Decision,
    file: &PaymentFile,
    after: &PaymentFile,
    capture: &Capture,
    origin: &Origin,
) -> Decision {
    let over = capture.disposition == Disposition::Mismatch
        && file.payment.status == Status::Processing
        && file.live_session().is_none()
        && after.given_back(capture) == capture.amount;
    if !over {
        return decision;
    }
    let what = What::Ended {
        to: Status::Failed.as_str().to_owned(),
        reason: EndReason::WrongMoneyReturned,
        session: Some(capture.session),
        gateway_id: None,
    };
    decision.change(Change::Status { from: Status::Processing, to: Status::Failed }).note(origin, what)
}

/// A refund that had succeeded is back: shown to the operator, and made again once.
fn bounce(
    file: &PaymentFile,
    decision: Decision,
    capture: &Capture,
    refund: &Refund,
    news: &RefundNews,
    origin: &Origin,
    encode: impl Fn(Uuid, &str, Money) -> String,
) -> Decision {
    let made_again = refund.replaces.is_none() && !is_made_up_for(file, refund);
    let case = Change::OpenCase {
        kind: CaseKind::RefundBounced,
        object: refund.id.to_string(),
        detail: format!(
            "the refund of {} {} came back from the payer's bank ({}); {}",
            refund.amount,
            refund.amount.currency,
            news.failure.as_deref().unwrap_or("no reason given"),
            if made_again { "it is being made again" } else { "it is not made again by itself" }
        ),
    };
    let mut decision = decision.change(case);
    if capture.disposition != Disposition::Settled {
        // The money is here again, and settles nothing as before.
        decision = decision.change(Change::OpenCase {
            kind: case_of(capture),
            object: capture.payment_intent.clone(),
            detail: format!("{} {} that settle no payment came back", refund.amount, refund.amount.currency),
        });
    }
    if !made_again {
        return decision;
    }
    let again = automatic(capture, refund.amount, news.replacement, Some(refund.id), news.at, encode);
    decision.change(Change::NewRefund(again.clone())).note(origin, requested(&again))
}

/// Somebody has refunded more of the same money since: perhaps because they knew that this one came back.
fn is_made_up_for(file: &PaymentFile, refund: &Refund) -> bool {
    let mut later = file.refunds_of(&refund.payment_intent).skip_while(|other| other.id != refund.id).skip(1);
    later.any(|other| other.state.counts())
}

fn stuck(refund: &Refund, failure: Option<&str>) -> Change {
    Change::OpenCase {
        kind: CaseKind::RefundStuck,
        object: refund.id.to_string(),
        detail: format!(
            "the refund of {} {} of {} failed ({})",
            refund.amount,
            refund.amount.currency,
            refund.payment_intent,
            failure.unwrap_or("no reason given")
        ),
    }
}

fn entry(after: &PaymentFile, capture: &Capture, refund: &Refund, status: Status, bounced: bool) -> What {
    let now = after.refund(refund.id).unwrap_or(refund);
    let (refund, gateway_id, amount) = (now.id, now.gateway_id.clone(), now.amount.into());
    match now.state {
        RefundState::Succeeded => What::RefundSucceeded {
            refund,
            gateway_id,
            amount,
            refunded: (capture.disposition == Disposition::Settled).then(|| after.given_back(capture).into()),
            status: status.as_str().to_owned(),
        },
        RefundState::Failed | RefundState::Canceled => {
            let bounced = bounced && capture.disposition == Disposition::Settled;
            What::RefundFailed {
                refund,
                gateway_id,
                amount,
                reason: now.failure.clone(),
                refunded: bounced.then(|| after.given_back(capture).into()),
                status: status.as_str().to_owned(),
            }
        }
        RefundState::Requested | RefundState::Pending => What::RefundPending { refund, gateway_id, amount },
    }
}

/// `told`: whoever asked for it hears of it at once. Stripe has certainly never had it (it refused, or it is not in its list and its key is too old to be
/// repeated): it takes up no money any more.
pub fn never_arrived(
    file: &PaymentFile,
    refund: Uuid,
    failure: &str,
    told: bool,
    at: Timestamp,
    origin: &Origin,
) -> (Decision, Recording) {
    let nothing = Decision::at(at);
    let Some(refund) = file.refund(refund).filter(|refund| refund.state == RefundState::Requested) else {
        return (nothing, Recording::Unchanged);
    };
    let mut decision = nothing
        .change(Change::Refund {
            id: refund.id,
            from: RefundState::Requested,
            to: RefundState::Failed,
            gateway_id: None,
            failure: Some(failure.to_owned()),
        })
        .note(
            origin,
            What::RefundFailed {
                refund: refund.id,
                gateway_id: None,
                amount: refund.amount.into(),
                reason: Some(failure.to_owned()),
                refunded: None,
                status: file.payment.status.as_str().to_owned(),
            },
        );
    if !told {
        decision = decision.change(stuck(refund, Some(failure)));
    }
    (decision, Recording::Changed)
}
