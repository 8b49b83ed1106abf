//! What the service has answered, and so promised: compared with the database and with the gateway's books
//! when everything is over.

use crate::violation::Violation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// "What was answered is what a later answer says."
const NO_WAY_BACK: &str = "a state that is an end never changes back";
/// Ends of a payment, and what each may still become.
const ENDS: [(&str, &[&str]); 5] = [
    ("completed", &["completed", "refunded"]),
    ("refunded", &["refunded"]),
    ("failed", &["failed"]),
    ("cancelled", &["cancelled"]),
    ("expired", &["expired"]),
];

/// What was acknowledged so far, by whoever asked.
#[derive(Default)]
pub struct Answered(Mutex<Promises>);

/// What was promised.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// Payments that were named by 201 or 409, with their consultations.
    pub payments: BTreeMap<i64, i64>,
    /// Payments that were shown at an end, with the status, and the how-manieth answer showed it first.
    pub ends: BTreeMap<i64, (String, u64)>,
    /// Refunds that were answered 2xx: the payment and the operator's key.
    pub refunds: BTreeSet<(i64, String)>,
    /// Webhooks that were answered 200, by Stripe's name.
    pub events: BTreeSet<String>,
    violations: Vec<Violation>,
    clock: u64,
}

impl Answered {
    fn with<T>(&self, work: impl FnOnce(&mut Promises) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A moment, to be handed back with the answer to what is asked now.
    pub fn now(&self) -> u64 {
        self.with(|promises| {
            promises.clock += 1;
            promises.clock
        })
    }

    /// An answer has named this payment for this consultation.
    pub fn payment(&self, payment: i64, consultation: i64) {
        self.with(|promises| {
            if let Some(other) =
                promises.payments.insert(payment, consultation).filter(|other| *other != consultation)
            {
                let detail =
                    format!("payment {payment} was answered for consultations {other} and {consultation}");
                promises.violations.push(Violation::of("nobody sees another user's payment", detail));
            }
        });
    }

    /// Whether some answer has named a payment of this consultation.
    pub fn knows(&self, consultation: i64) -> bool {
        self.with(|promises| promises.payments.values().any(|known| *known == consultation))
    }

    /// An answer to a question of the moment `asked` shows a payment in this status. What somebody had
    /// seen at its end before the question was asked must not be shown as anything else.
    pub fn status(&self, payment: i64, status: &str, asked: u64) {
        self.with(|promises| {
            if let Some((end, seen)) = promises.ends.get(&payment).filter(|(_, seen)| *seen < asked)
                && !may_follow(end, status)
            {
                let detail = format!(
                    "payment {payment} was {end} in answer {seen}, and is {status} to question {asked}"
                );
                promises.violations.push(Violation::of(NO_WAY_BACK, detail));
            }
            if ENDS.iter().any(|(end, _)| *end == status) {
                promises.clock += 1;
                let at = promises.clock;
                let known = promises.ends.entry(payment).or_insert_with(|| (status.to_owned(), at));
                if known.0 != status && may_follow(&known.0, status) {
                    *known = (status.to_owned(), at);
                }
            }
        });
    }

    /// An operator's refund was taken.
    pub fn refund(&self, payment: i64, key: &str) {
        self.with(|promises| promises.refunds.insert((payment, key.to_owned())));
    }

    /// A webhook was taken.
    pub fn event(&self, id: &str) {
        self.with(|promises| promises.events.insert(id.to_owned()));
    }

    /// An answer was none that may come.
    pub fn odd(&self, detail: String) {
        self.with(|promises| {
            promises.violations.push(Violation::of("only the contract's answers are given", detail));
        });
    }

    /// All of it, and what was wrong in itself already.
    pub fn take(&self) -> (Promises, Vec<Violation>) {
        self.with(|promises| (promises.clone(), std::mem::take(&mut promises.violations)))
    }
}

/// Whether a payment that had come to the end `end` may be shown as `later`.
pub fn may_follow(end: &str, later: &str) -> bool {
    ENDS.iter().any(|(known, next)| *known == end && next.contains(&later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_changes_back_is_found() {
        let answered = Answered::default();
        let before = answered.now();
        answered.status(7, "completed", before);
        answered.status(7, "processing", before);
        assert!(answered.take().1.is_empty(), "asked before anybody knew");
        let after = answered.now();
        answered.status(7, "refunded", after);
        assert!(answered.take().1.is_empty(), "it may follow");
        let later = answered.now();
        answered.status(7, "completed", later);
        let found = answered.take().1;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].invariant, NO_WAY_BACK);
    }

    #[test]
    fn a_payment_answered_for_two_consultations_is_found() {
        let answered = Answered::default();
        answered.payment(7, 1);
        answered.payment(7, 1);
        assert!(answered.take().1.is_empty());
        answered.payment(7, 2);
        assert_eq!(answered.take().1.len(), 1);
    }
}
