//! What follows from how a payment stands: pure functions, asked under the payment's lock.
//!
//! All branching about a payment that is made already lives here, once; the stores only lock, read the
//! file, and write the changes that come back. Each function may be asked again after a commit that was
//! unclear: it then finds its own work done, and changes nothing.

pub mod cancel;
pub mod decline;
pub mod dispute;
pub mod open;
pub mod refund;
pub mod settle;

use crate::domain::{
    Capture, CheckoutSession, Dispute, DisputeState, Entry, Money, Origin, PaymentFile, RecordedEvent,
    Refund, RefundState, SessionState, Status, Timestamp, What,
};
use crate::ports::CaseKind;
use uuid::Uuid;

/// One change of the rows that belong to a payment. Each names the state it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The payment's status, and its invoice's with it. One that leaves the active states makes sure
    /// that no live session is left.
    Status {
        /// Before.
        from: Status,
        /// After.
        to: Status,
    },
    /// The payment is to be cancelled, if it was not before.
    CancelRequested,
    /// What of the payment is back with the payer, and of each of its taxes, in their order; minor units.
    Refunded {
        /// Of the payment.
        minor: i64,
        /// Of each tax record.
        taxes: Vec<i64>,
    },
    /// Where the payment's dispute stands.
    DisputeState(DisputeState),
    /// A session that was not there.
    NewSession(CheckoutSession),
    /// A session moves on.
    Session {
        /// Our name for it.
        id: Uuid,
        /// Before.
        from: SessionState,
        /// After.
        to: SessionState,
        /// Stripe's name for it; kept if it was known before.
        gateway_id: Option<String>,
    },
    /// The key of the call that ends a session; a newer one takes an older one's place.
    Ending {
        /// Our name for the session.
        id: Uuid,
        /// The call's idempotency key.
        key: Uuid,
    },
    /// Money that was not there.
    NewCapture(Capture),
    /// A refund that was not there.
    NewRefund(Refund),
    /// A refund moves on.
    Refund {
        /// Our name for it.
        id: Uuid,
        /// Before.
        from: RefundState,
        /// After.
        to: RefundState,
        /// Stripe's name for it; kept if it was known before.
        gateway_id: Option<String>,
        /// Why it failed.
        failure: Option<String>,
    },
    /// A dispute as it is now, whether it was there or not.
    Dispute(Dispute),
    /// Something that an operator has to look at, if it is not there.
    OpenCase {
        /// What it is.
        kind: CaseKind,
        /// What it is about.
        object: String,
        /// A sentence for the operator.
        detail: String,
    },
    /// That was dealt with.
    CloseCase {
        /// What it was.
        kind: CaseKind,
        /// What it was about.
        object: String,
    },
}

/// What is to be written, all in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When: the rows are given this moment in whole seconds, the record exactly.
    pub at: Timestamp,
    /// The changes, in the order in which they are written.
    pub changes: Vec<Change>,
    /// The entries of the record.
    pub entries: Vec<Entry>,
}

impl Decision {
    /// Nothing, so far.
    pub(crate) fn at(at: Timestamp) -> Self {
        Self { at, changes: Vec::new(), entries: Vec::new() }
    }

    pub(crate) fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    pub(crate) fn changes(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    pub(crate) fn note(mut self, origin: &Origin, what: What) -> Self {
        self.entries.push(Entry { what, origin: origin.clone() });
        self
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.entries.is_empty()
    }

    /// The entries as they follow on the file's record.
    pub fn recorded(&self, file: &PaymentFile) -> Vec<RecordedEvent> {
        let mut head = file.head;
        let after = |entry| {
            let payment = &file.payment;
            let event = RecordedEvent::after(head, payment.id, payment.reference, self.at, entry);
            head = event.head();
            event
        };
        self.entries.iter().map(after).collect()
    }
}

/// An entry alone: something to remember that changes nothing.
pub fn note(at: Timestamp, entries: &[Entry]) -> Decision {
    Decision { at, changes: Vec::new(), entries: entries.to_vec() }
}

/// What of the payment is back when refunds of its settled capture come to `minor`: of the payment, and
/// of each tax.
fn refunded(file: &PaymentFile, minor: i64) -> Change {
    let back = Money::new(minor, file.payment.amount.currency);
    let taxes = file.taxes.iter().map(|tax| tax.line.refunded(back).minor).collect();
    Change::Refunded { minor, taxes }
}
