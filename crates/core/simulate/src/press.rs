//! What was asked, what was answered, and what the store's port has promised: to be held against the books at the end.

use sekali_core::domain::{ConsultationId, Fingerprint, IdempotencyKey, Money, Receipt, UserId};
use sekali_core::flow::pay::{Answer, PayError};
use sekali_core::ports::{CreateOutcome, StoreError};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// One press of BAYAR, as its client knows it.
pub(crate) struct Press {
    pub(crate) user: UserId,
    pub(crate) key: IdempotencyKey,
    pub(crate) consultation: ConsultationId,
    pub(crate) amount: Money,
    /// `None`: no answer ever reached the client.
    pub(crate) answer: Option<Result<Answer, PayError>>,
}

#[derive(Default)]
pub(crate) struct Presses {
    pub(crate) all: Vec<Press>,
    fingerprints: HashMap<(UserId, IdempotencyKey), Fingerprint>,
    unclear: BTreeSet<Uuid>,
    /// Of these the store has said that nothing is written.
    pub(crate) not_written: BTreeSet<Uuid>,
    /// Of these the store has said that they are committed.
    pub(crate) committed: BTreeSet<Uuid>,
    /// Receipts that were shown, and to whom.
    pub(crate) shown: Vec<(UserId, Receipt)>,
}

impl Presses {
    pub(crate) fn add(&mut self, press: Press, fingerprint: Fingerprint) -> usize {
        self.fingerprints.insert((press.user, press.key.clone()), fingerprint);
        self.all.push(press);
        self.all.len() - 1
    }

    /// What a user asked last under a key.
    pub(crate) fn asked(&self, user: UserId, key: &IdempotencyKey) -> Option<Fingerprint> {
        self.fingerprints.get(&(user, key.clone())).copied()
    }

    /// A write is tried, perhaps again: whoever dies in it learns nothing of it.
    pub(crate) fn tries(&mut self, reference: Uuid) {
        self.not_written.remove(&reference);
    }

    /// What the store's port says of a write. As long as one attempt is unclear, nothing is certain of the others.
    pub(crate) fn witness(&mut self, reference: Uuid, outcome: &Result<CreateOutcome, StoreError>) {
        match outcome {
            Err(StoreError::Unclear(_)) => {
                self.unclear.insert(reference);
                self.not_written.remove(&reference);
            }
            Err(StoreError::Unavailable(_) | StoreError::Conflict(_))
                if !self.unclear.contains(&reference) =>
            {
                self.not_written.insert(reference);
            }
            Ok(CreateOutcome::Created(receipt)) => {
                self.not_written.remove(&reference);
                self.committed.insert(receipt.payment.reference);
            }
            _ => {}
        }
    }
}

/// The receipt that an answer shows.
pub(crate) fn receipt(answer: &Answer) -> &Receipt {
    match answer {
        Answer::Created(receipt) => receipt,
        Answer::Duplicate(duplicate) => &duplicate.receipt,
    }
}
