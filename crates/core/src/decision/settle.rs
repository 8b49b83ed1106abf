//! The one transition that follows from what Stripe says of a session (design, part 1, rule 5, and part 4).

use super::{Change, Decision};
use crate::domain::record::EndReason;
use crate::domain::{
    Capture, CheckoutSession, Disposition, Money, Origin, PaymentFile, SessionState, Status, Timestamp, What,
};
use crate::ports::CaseKind;
use uuid::Uuid;

/// News of a session, after Stripe was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Our session.
    pub session: Uuid,
    /// Now.
    pub at: Timestamp,
    /// What it is.
    pub news: News,
}

/// What Stripe says, with its own name for the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The money is there.
    Paid {
        /// `cs_…`.
        gateway_id: String,
        /// `pi_…`: the capture's key.
        payment_intent: String,
        /// What was captured.
        amount: Money,
    },
    /// Confirmed; the money is on its way.
    Submitted {
        /// `cs_…`.
        gateway_id: String,
    },
    /// Confirmed, and the bank has not paid.
    BankFailed {
        /// `cs_…`.
        gateway_id: String,
    },
    /// It can no longer be paid, and was not.
    Expired {
        /// `cs_…`.
        gateway_id: String,
    },
    /// Stripe has definitely refused to make it, and nothing that was sent before can have made it.
    Refused,
    /// It is not in Stripe's list, and no call that is still under way can make it.
    NeverOpened,
}

/// What became of the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// No such session of this payment.
    NoSession,
    /// The transition was made.
    Changed,
    /// Nothing to do: it was known, or it is older news than what is known.
    Unchanged,
    /// Money was captured that settles nothing; kept, and a case for the operator.
    Stray(Disposition),
}

/// What follows from the news. Asked again, or with older news: nothing.
pub fn settle(file: &PaymentFile, settlement: &Settlement, origin: &Origin) -> (Decision, Settling) {
    let nothing = Decision::at(settlement.at);
    let Some(session) = file.session(settlement.session) else { return (nothing, Settling::NoSession) };
    let step = match &settlement.news {
        News::Paid { gateway_id, payment_intent, amount } => {
            let paid = Paid { session, gateway_id, payment_intent, amount: *amount };
            return paid.decide(file, nothing, origin);
        }
        News::Submitted { gateway_id } => submitted(session, gateway_id, nothing.clone(), origin),
        News::Expired { gateway_id } => {
            let to = if file.payment.cancel_requested { Status::Cancelled } else { Status::Expired };
            let reason = match to {
                Status::Cancelled => EndReason::Cancelled,
                _ => EndReason::SessionExpired,
            };
            let open = matches!(session.state, SessionState::Creating | SessionState::Open);
            let end = End { session, gateway_id: Some(gateway_id), to, reason };
            open.then(|| end.decide(nothing.clone(), origin))
        }
        News::BankFailed { gateway_id } => {
            let end = End {
                session,
                gateway_id: Some(gateway_id),
                to: Status::Failed,
                reason: EndReason::BankFailed,
            };
            session.state.is_live().then(|| end.decide(nothing.clone(), origin))
        }
        News::Refused | News::NeverOpened => {
            let asked = file.payment.cancel_requested;
            let (to, reason) = match settlement.news {
                _ if asked => (Status::Cancelled, EndReason::Cancelled),
                News::Refused => (Status::Failed, EndReason::Refused),
                _ => (Status::Failed, EndReason::NeverOpened),
            };
            let end = End { session, gateway_id: None, to, reason };
            (session.state == SessionState::Creating).then(|| end.decide(nothing.clone(), origin))
        }
    };
    step.map_or((nothing, Settling::Unchanged), |decision| (decision, Settling::Changed))
}

fn submitted(
    session: &CheckoutSession,
    gateway_id: &str,
    nothing: Decision,
    origin: &Origin,
) -> Option<Decision> {
    let open = matches!(session.state, SessionState::Creating | SessionState::Open);
    open.then(|| {
        let what = What::Submitted { session: session.id, gateway_id: gateway_id.to_owned() };
        nothing.change(moved(session, SessionState::Submitted, Some(gateway_id))).note(origin, what)
    })
}

fn moved(session: &CheckoutSession, to: SessionState, gateway_id: Option<&str>) -> Change {
    Change::Session { id: session.id, from: session.state, to, gateway_id: gateway_id.map(str::to_owned) }
}

/// A live session dies, and its payment with it.
struct End<'s> {
    session: &'s CheckoutSession,
    gateway_id: Option<&'s str>,
    to: Status,
    reason: EndReason,
}

impl End<'_> {
    /// The session goes first, as the payment's change makes sure that none is live.
    fn decide(&self, nothing: Decision, origin: &Origin) -> Decision {
        nothing
            .change(moved(self.session, SessionState::Expired, self.gateway_id))
            .change(Change::Status { from: Status::Processing, to: self.to })
            .note(
                origin,
                What::Ended {
                    to: self.to.as_str().to_owned(),
                    reason: self.reason,
                    session: Some(self.session.id),
                    gateway_id: self.gateway_id.map(str::to_owned),
                },
            )
    }
}

/// Money has come.
struct Paid<'s> {
    session: &'s CheckoutSession,
    gateway_id: &'s str,
    payment_intent: &'s str,
    amount: Money,
}

impl Paid<'_> {
    fn decide(&self, file: &PaymentFile, nothing: Decision, origin: &Origin) -> (Decision, Settling) {
        if file.capture(self.payment_intent).is_some() {
            return (nothing, Settling::Unchanged);
        }
        let disposition = self.disposition(file);
        let capture = Capture {
            payment_intent: self.payment_intent.to_owned(),
            session: self.session.id,
            amount: self.amount,
            disposition,
            created_at: nothing.at.whole_second(),
        };
        let mut decision = nothing;
        // From any state: money is proof that it was paid.
        if self.session.state != SessionState::Complete {
            let complete = moved(self.session, SessionState::Complete, Some(self.gateway_id));
            decision = decision.change(complete);
        }
        decision = decision.change(Change::NewCapture(capture)).note(origin, self.entry(disposition));
        let kind = match disposition {
            Disposition::Settled => {
                let paid = Change::Status { from: Status::Processing, to: Status::Completed };
                return (decision.change(paid), Settling::Changed);
            }
            Disposition::Surplus => CaseKind::Surplus,
            Disposition::Mismatch => CaseKind::Mismatch,
        };
        let case = Change::OpenCase {
            kind,
            object: self.payment_intent.to_owned(),
            detail: self.sentence(file, disposition),
        };
        (decision.change(case), Settling::Stray(disposition))
    }

    fn disposition(&self, file: &PaymentFile) -> Disposition {
        if file.payment.status != Status::Processing || !file.captures.is_empty() {
            Disposition::Surplus
        } else if file.payment.amount == self.amount {
            Disposition::Settled
        } else {
            Disposition::Mismatch
        }
    }

    fn entry(&self, disposition: Disposition) -> What {
        let (session, gateway_id) = (self.session.id, self.gateway_id.to_owned());
        let (payment_intent, amount) = (self.payment_intent.to_owned(), self.amount.into());
        match disposition {
            Disposition::Settled => What::Completed { session, gateway_id, payment_intent, amount },
            Disposition::Surplus => What::SurplusCaptured { session, gateway_id, payment_intent, amount },
            Disposition::Mismatch => What::Mismatched { session, gateway_id, payment_intent, amount },
        }
    }

    fn sentence(&self, file: &PaymentFile, disposition: Disposition) -> String {
        let Money { currency, .. } = self.amount;
        let payment = &file.payment;
        match disposition {
            Disposition::Mismatch => format!(
                "{} {currency} came for payment {}, which waits for {} {}",
                self.amount, payment.id, payment.amount, payment.amount.currency
            ),
            _ => format!(
                "{} {currency} came for payment {}, which is {} and waits for no money",
                self.amount, payment.id, payment.status
            ),
        }
    }
}
