//! On to Stripe: a session is intended, and then open.

use super::{Change, Decision};
use crate::domain::{CheckoutSession, Origin, PaymentFile, SessionState, Status, Timestamp, What};
use uuid::Uuid;

/// A session to be opened: the intent, committed before Stripe is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Our name for it.
    pub id: Uuid,
    /// The exact encoded request.
    pub request: String,
    /// Now.
    pub at: Timestamp,
}

/// What became of the wish to open a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The payment cannot be paid (any more), or the patient has confirmed already.
    NotPayable,
    /// This intent was committed; the payment is `processing` now.
    Intended(CheckoutSession),
    /// There is a live session already (`creating` or `open`): go on with that.
    Live(CheckoutSession),
}

/// Intends a session, unless there is a live one.
pub fn intend(file: &PaymentFile, new: &NewSession, origin: &Origin) -> (Decision, Opening) {
    let nothing = Decision::at(new.at);
    if !file.payment.can_be_paid() {
        return (nothing, Opening::NotPayable);
    }
    if let Some(live) = file.live_session() {
        // Its own, when the commit before this was answered by nothing.
        let opening = if live.id == new.id { Opening::Intended } else { Opening::Live };
        return (nothing, opening(live.clone()));
    }
    if file.payment.status != Status::Pending {
        return (nothing, Opening::NotPayable);
    }
    let session = CheckoutSession {
        id: new.id,
        payment: file.payment.id,
        state: SessionState::Creating,
        request: new.request.clone(),
        gateway_id: None,
        ending: None,
        created_at: new.at.whole_second(),
    };
    let decision = nothing
        .change(Change::NewSession(session.clone()))
        .change(Change::Status { from: Status::Pending, to: Status::Processing })
        .note(origin, What::CheckoutIntended { session: new.id });
    (decision, Opening::Intended(session))
}

/// Stripe has made the session. Does nothing if it is past that. `false`: it was given up meanwhile, without
/// a name at Stripe; `key` is then committed for the call that ends it.
pub fn opened(
    file: &PaymentFile,
    session: Uuid,
    gateway_id: &str,
    key: Uuid,
    at: Timestamp,
    origin: &Origin,
) -> (Decision, bool) {
    let nothing = Decision::at(at);
    let Some(known) = file.session(session) else { return (nothing, true) };
    if known.state == SessionState::Expired && known.gateway_id.as_deref() != Some(gateway_id) {
        return (nothing.change(Change::Ending { id: session, key }), false);
    }
    if known.state != SessionState::Creating {
        return (nothing, true);
    }
    let decision = nothing
        .change(Change::Session {
            id: known.id,
            from: SessionState::Creating,
            to: SessionState::Open,
            gateway_id: Some(gateway_id.to_owned()),
        })
        .note(origin, What::SessionOpened { session, gateway_id: gateway_id.to_owned() });
    (decision, true)
}
