//! Duplicates are remembered without writing anything in their request: counted here, and put into the
//! record by the worker. A crash, or a commit of which nobody hears, may lose what was counted since, and nothing else.

use super::{Caught, Duplicate, PayRequest};
use crate::domain::record::key_hash;
use crate::domain::{Actor, Entry, Origin, PaymentId, Timestamp, What};
use crate::ports::{Clock, Remark, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Payments whose duplicates are counted at once; beyond that some go uncounted until the next round.
const MOST: usize = 10_000;
/// At the end: a second in all.
const LAST_ATTEMPTS: u32 = 20;
const LAST_PAUSE: Duration = Duration::from_millis(50);
/// So many payments get their entries in one commit.
const AT_ONCE: usize = 100;
/// A payment whose duplicates were noted is not noted again before this (design, part 6) ...
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// ... and twice as long after each further note while they go on, up to this: somebody who knocks
/// without end must not make the database write without end.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What was counted of one payment since the last round.
struct Tally {
    reference: Uuid,
    times: u64,
    caught: Caught,
    key_hash: String,
    origin: Origin,
    at: Timestamp,
}

/// When a payment's duplicates were noted, and for how long they are not noted again; by the monotonic clock.
#[derive(Clone, Copy)]
struct Noted {
    at: Duration,
    pause: Duration,
}

impl Noted {
    fn is_over(self, now: Duration) -> bool {
        now >= self.at + self.pause
    }

    /// Nobody has knocked for so long that the next one is a first one again.
    fn is_forgotten(self, now: Duration) -> bool {
        now >= self.at + 2 * self.pause
    }
}

/// The duplicates since they were noted last, by payment.
#[derive(Default)]
pub struct Duplicates {
    counted: Mutex<BTreeMap<PaymentId, Tally>>,
    noted: Mutex<BTreeMap<PaymentId, Noted>>,
}

impl Duplicates {
    /// Counts one.
    pub(super) fn count(&self, request: &PayRequest, duplicate: &Duplicate, at: Timestamp) {
        let (payment, reference) = (duplicate.receipt.payment.id, duplicate.receipt.payment.reference);
        let mut tallies = lock(&self.counted);
        if tallies.len() >= MOST && !tallies.contains_key(&payment) {
            metrics::counter!("sekali_duplicates_unrecorded_total").increment(1);
            return;
        }
        let times = tallies.get(&payment).map_or(0, |tally| tally.times) + 1;
        let origin = Origin::request(Actor::Patient, request.user.id, request.request_id.clone());
        let key_hash = key_hash(&request.key);
        tallies.insert(payment, Tally { reference, times, caught: duplicate.caught, key_hash, origin, at });
    }

    /// Puts into the record what was counted of those payments that were not noted just now: one entry a payment, of
    /// the last duplicate, with how many there were. What cannot be recorded now is counted with what comes next;
    /// the first failure is returned.
    pub async fn record_due(&self, store: &dyn Store, now: Duration) -> Result<(), StoreError> {
        let due = self.take_due(now);
        self.note(store, due, AT_ONCE).await
    }

    /// Puts all that was counted into the record, as [`Self::record_due`] does.
    pub async fn record(&self, store: &dyn Store) -> Result<(), StoreError> {
        let all = std::mem::take(&mut *lock(&self.counted));
        self.note(store, all, AT_ONCE).await
    }

    /// The same before the end, when there is no next time: a payment on which something is being decided is waited for,
    /// a second in all. Returns the last failure, or that some payments stayed busy.
    pub async fn record_last(&self, store: &dyn Store, clock: &dyn Clock) -> Result<(), StoreError> {
        let mut recorded = Ok(());
        for _ in 0..LAST_ATTEMPTS {
            recorded = self.record(store).await;
            if lock(&self.counted).is_empty() || matches!(recorded, Err(StoreError::Unavailable(_))) {
                return recorded;
            }
            clock.sleep(LAST_PAUSE).await;
        }
        recorded.and(Err(StoreError::Conflict("something is being decided on some payments".to_owned())))
    }

    fn take_due(&self, now: Duration) -> BTreeMap<PaymentId, Tally> {
        let (mut counted, mut noted) = (lock(&self.counted), lock(&self.noted));
        noted.retain(|_, noted| !noted.is_forgotten(now));
        let is_due = |payment: &PaymentId| noted.get(payment).is_none_or(|last| last.is_over(now));
        let (due, rest) = std::mem::take(&mut *counted).into_iter().partition(|(payment, _)| is_due(payment));
        *counted = rest;
        let due: BTreeMap<PaymentId, Tally> = due;
        for payment in due.keys() {
            let pause = noted.get(payment).map_or(FIRST_PAUSE, |last| (2 * last.pause).min(LONGEST_PAUSE));
            noted.insert(*payment, Noted { at: now, pause });
        }
        due
    }

    /// So many at a time.
    async fn note(
        &self,
        store: &dyn Store,
        counted: impl IntoIterator<Item = (PaymentId, Tally)>,
        at_once: usize,
    ) -> Result<(), StoreError> {
        let (mut failed, mut left) = (None, counted.into_iter());
        loop {
            let some: Vec<_> = left.by_ref().take(at_once).collect();
            if some.is_empty() {
                return failed.map_or(Ok(()), Err);
            }
            match self.note_some(store, some).await {
                Ok(()) => {}
                // There is nobody to ask.
                Err(error @ StoreError::Unavailable(_)) => {
                    self.put_back(left);
                    return Err(error);
                }
                // What is wrong with one payment is no other's trouble.
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
    }

    /// In one commit; if the database does not take them together, each by itself, so that none suffers for another.
    async fn note_some(&self, store: &dyn Store, some: Vec<(PaymentId, Tally)>) -> Result<(), StoreError> {
        let remarks: Vec<Remark> = some.iter().map(|(payment, tally)| tally.remark(*payment)).collect();
        match store.remark(&remarks).await {
            Ok(busy) => {
                self.put_back(some.into_iter().filter(|(payment, _)| busy.contains(payment)));
                Ok(())
            }
            // They may be there: rather once too few than twice.
            Err(StoreError::Unclear(_)) => Ok(()),
            Err(StoreError::Broken(_) | StoreError::Conflict(_)) if some.len() > 1 => {
                Box::pin(self.note(store, some, 1)).await
            }
            Err(error) => {
                self.put_back(some);
                Err(error)
            }
        }
    }

    fn put_back(&self, kept: impl IntoIterator<Item = (PaymentId, Tally)>) {
        let mut tallies = lock(&self.counted);
        for (payment, kept) in kept {
            match tallies.get_mut(&payment) {
                Some(newer) => newer.times += kept.times,
                None => drop(tallies.insert(payment, kept)),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn remark(&self, payment: PaymentId) -> Remark {
        let (times, caught) = (self.times, self.caught.name().to_owned());
        let what = What::Duplicate { times, caught, key_hash: self.key_hash.clone() };
        let entry = Entry { what, origin: self.origin.clone() };
        Remark { payment, reference: self.reference, at: self.at, entry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ConsultationId, Currency, Decimal, IdempotencyKey, Invoice, InvoiceId, InvoiceStatus, Money, Payment,
        PaymentMethod, Receipt, Role, Status, User, UserId,
    };
    use crate::flow::pay::Twin;

    const AT: Timestamp = Timestamp::from_seconds(1_705_314_600);

    fn request() -> PayRequest {
        PayRequest {
            user: User { id: UserId(1), role: Role::Patient },
            key: IdempotencyKey::new("k").unwrap(),
            consultation: ConsultationId(5),
            amount: Decimal::new(5, 3),
            method: PaymentMethod::Stripe,
            twin: Twin::Await,
            request_id: None,
        }
    }

    fn duplicate_of(payment: i64) -> Duplicate {
        let (id, amount) = (PaymentId(payment), Money::new(500_000, Currency::PHP));
        let payment = Payment {
            id,
            reference: Uuid::from_u128(7),
            user: UserId(1),
            consultation: ConsultationId(5),
            amount,
            method: PaymentMethod::Stripe,
            status: Status::Pending,
            submitted: false,
            cancel_requested: false,
            refunded: Money::new(0, Currency::PHP),
            dispute: None,
            created_at: AT,
            updated_at: AT,
        };
        let status = InvoiceStatus::Pending;
        let invoice =
            Invoice { id: InvoiceId(1), payment: id, number: "INV".into(), amount, status, issued_at: AT };
        Duplicate::of_key(Receipt { payment, invoice })
    }

    fn times(duplicates: &Duplicates, payment: i64) -> Option<u64> {
        lock(&duplicates.counted).get(&PaymentId(payment)).map(|tally| tally.times)
    }

    #[test]
    fn what_comes_back_is_added_to_what_came_meanwhile() {
        let duplicates = Duplicates::default();
        let count = |many: usize| {
            (0..many).for_each(|_| duplicates.count(&request(), &duplicate_of(1), AT));
        };
        count(3);
        let kept = lock(&duplicates.counted).remove(&PaymentId(1)).unwrap();
        count(2);
        duplicates.put_back([(PaymentId(1), kept)]);
        assert_eq!(times(&duplicates, 1), Some(5));
    }

    #[test]
    fn beyond_so_many_payments_only_those_that_are_counted_already_go_on_being_counted() {
        let (duplicates, request) = (Duplicates::default(), request());
        let most = i64::try_from(MOST).unwrap();
        for payment in (0..most).chain([0, most, most + 1]) {
            duplicates.count(&request, &duplicate_of(payment), AT);
        }
        let times = |payment| times(&duplicates, payment);
        assert_eq!([times(0), times(1), times(most - 1)], [Some(2), Some(1), Some(1)]);
        assert_eq!([times(most), times(most + 1)], [None, None]);
    }

    /// Seconds at which a payment is noted whose duplicates come at these.
    fn noted_at(seconds: impl Fn(u64) -> bool) -> Vec<u64> {
        let duplicates = Duplicates::default();
        let notes = |second: &u64| {
            if seconds(*second) {
                duplicates.count(&request(), &duplicate_of(1), AT);
            }
            !duplicates.take_due(Duration::from_secs(*second)).is_empty()
        };
        (0..60).filter(notes).collect()
    }

    #[test]
    fn who_knocks_without_end_is_noted_less_and_less_often_and_others_at_once() {
        assert_eq!(noted_at(|second| second < 20), [0, 1, 3, 7, 12, 17, 22]);
        assert_eq!(noted_at(|second| [0, 1, 30].contains(&second)), [0, 1, 30]);
        // Two that are further apart than the pause is long begin anew.
        assert_eq!(noted_at(|second| second % 10 == 0), [0, 10, 20, 30, 40, 50]);
    }
}
