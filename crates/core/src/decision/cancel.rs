//! A payment is given up: by the patient, by an operator, or because nobody went on with it.

use super::{Change, Decision};
use crate::domain::record::EndReason;
use crate::domain::{CheckoutSession, Origin, PaymentFile, SessionState, Status, Timestamp, What};
use uuid::Uuid;

/// What became of the wish to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// It is cancelled, now or before.
    Cancelled,
    /// Its session has to be dead first: this one. If it is open, the call that ends it has the key in
    /// [`CheckoutSession::ending`].
    Ending(CheckoutSession),
    /// The patient has confirmed, and the money is on its way or here: it cannot be cancelled.
    Confirmed,
    /// It is over in another way.
    Over(Status),
}

/// Cancels what has no session; asks for the end of a session otherwise. `key` is for the call that ends it.
pub fn cancel(file: &PaymentFile, key: Uuid, at: Timestamp, origin: &Origin) -> (Decision, Cancelling) {
    let nothing = Decision::at(at);
    match file.payment.status {
        Status::Pending => {
            (end(nothing, Status::Cancelled, EndReason::Cancelled, origin), Cancelling::Cancelled)
        }
        Status::Processing => cancel_session(file, key, nothing, origin),
        Status::Cancelled => (nothing, Cancelling::Cancelled),
        Status::Completed => (nothing, Cancelling::Confirmed),
        over @ (Status::Failed | Status::Expired | Status::Refunded) => (nothing, Cancelling::Over(over)),
    }
}

fn cancel_session(
    file: &PaymentFile,
    key: Uuid,
    nothing: Decision,
    origin: &Origin,
) -> (Decision, Cancelling) {
    let live = file.live_session().filter(|session| session.state != SessionState::Submitted);
    let Some(session) = live else { return (nothing, Cancelling::Confirmed) };
    let mut decision = nothing;
    if !file.payment.cancel_requested {
        let what = What::CancelRequested { session: Some(session.id) };
        decision = decision.change(Change::CancelRequested).note(origin, what);
    }
    let mut ending = session.clone();
    if session.state == SessionState::Open {
        // A new key each time: a failure stored under the last one would be answered for a day.
        decision = decision.change(Change::Ending { id: session.id, key });
        ending.ending = Some(key);
    }
    (decision, Cancelling::Ending(ending))
}

/// A payment that nobody went on to pay, made at or before `deadline`. `false`: it moved on meanwhile.
pub fn expire(file: &PaymentFile, deadline: Timestamp, at: Timestamp, origin: &Origin) -> (Decision, bool) {
    let nothing = Decision::at(at);
    if file.payment.status != Status::Pending || file.payment.created_at > deadline {
        return (nothing, false);
    }
    (end(nothing, Status::Expired, EndReason::NeverStarted, origin), true)
}

/// A payment without a session ends.
fn end(nothing: Decision, to: Status, reason: EndReason, origin: &Origin) -> Decision {
    let what = What::Ended { to: to.as_str().to_owned(), reason, session: None, gateway_id: None };
    nothing.change(Change::Status { from: Status::Pending, to }).note(origin, what)
}
