//! Payments that arrive together are written together: one statement and one commit for all of them.
//!
//! There is no timer: whatever has queued up while a writer was busy goes with its next batch, so a payment
//! that comes alone waits for nobody. The line is first come, first served, and bounded: who would wait
//! for too long is turned down while that is still the truth (nothing was written).
//!
//! One batch is written after the other, on the session that was given back last, which has everything at hand. Two at a
//! time are half as large each, and together cost more: what a statement costs besides its items is paid twice. Only beside
//! one that is slow does another begin, so that what holds up one batch does not hold up all.
//!
//! What must hold: each caller gets an outcome of its own, and no neighbour's trouble. Hence a batch never waits for a
//! consultation (for a key that another server is just writing it does, as long as that takes); what it could not write
//! because somebody holds the consultation, or because the batch as a whole was refused, is written again alone. If it
//! dies in its commit, each caller is told that the outcome is unclear, and finds its payment, if it is there, by its
//! reference and key when it asks again.

use super::{attempt, create_one};
use crate::pool::{Pool, work};
use futures_util::FutureExt;
use sekali_core::domain::{ConsultationId, IdempotencyKey, UserId};
use sekali_core::ports::{CreateOutcome, NewPayment, StoreError};
use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// At most so many are written by one statement: more gain little, and the first of them waits for the last.
const BATCH: usize = 64;
/// Batches under way at once, of which one at most is not slow.
const WRITERS: usize = 2;
/// A batch that takes longer is slow: twice what 64 payments take on two processors.
const SLOW: Duration = Duration::from_millis(20);
/// At most so many wait in line.
const LINE: usize = 1024;

type Answer = Result<CreateOutcome, StoreError>;

/// The line of payments to be written; clones share it.
#[derive(Clone)]
pub(crate) struct Queue {
    pool: Pool,
    /// Who has waited for longer is turned down.
    patience: Duration,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    writers: usize,
    /// So many of the writers are busy with a batch that is slow: nobody need wait for those.
    slow: usize,
}

struct Waiting {
    new: NewPayment,
    since: Instant,
    caller: oneshot::Sender<Answer>,
}

impl Queue {
    pub(crate) fn new(pool: Pool, patience: Duration) -> Self {
        Self { pool, patience, line: Arc::default() }
    }

    /// Writes each payment, or says why not; in their order.
    ///
    /// # Errors
    /// That of the first one that has none; [`StoreError::Unclear`] if others of them may be written.
    pub(crate) async fn write(&self, items: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError> {
        let answers = self.line_up(items);
        let (mut outcomes, mut failed) = (Vec::with_capacity(items.len()), None);
        for answer in answers {
            let cut_off = |_| Err(StoreError::Unclear("the batch was cut off".to_owned()));
            match answer.await.unwrap_or_else(cut_off) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        match failed {
            None => Ok(outcomes),
            // Part of it is committed: "nothing was written" would be a lie.
            Some(error) if !outcomes.is_empty() => Err(StoreError::Unclear(error.to_string())),
            Some(error) => Err(error),
        }
    }

    fn line_up(&self, items: &[NewPayment]) -> Vec<oneshot::Receiver<Answer>> {
        let since = Instant::now();
        let mut line = self.line();
        let answers = items.iter().map(|new| {
            let (caller, answer) = oneshot::channel();
            if line.waiting.len() < LINE {
                line.waiting.push_back(Waiting { new: new.clone(), since, caller });
            } else {
                let _ = caller.send(Err(busy()));
            }
            answer
        });
        let answers = answers.collect();
        self.send_writer(&mut line);
        answers
    }

    /// Sends a writer, unless there is one who will come by, or as many as there may be, or nothing to write.
    fn send_writer(&self, line: &mut Line) {
        if line.writers == line.slow && line.writers < WRITERS && !line.waiting.is_empty() {
            line.writers += 1;
            tokio::spawn(self.clone().serve());
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer: it comes when there is something to write, and goes when there is nothing left.
    async fn serve(self) {
        loop {
            // Whoever has only to be let run to stand in line is let run: one batch for all of them.
            tokio::task::yield_now().await;
            let Some(batch) = self.next() else { break };
            // A panic drops the batch, which tells its callers; those behind it must not wait for ever.
            self.beside_others(AssertUnwindSafe(self.settle(batch)).catch_unwind()).await;
        }
    }

    /// Waits for a batch; if it is slow, others go on meanwhile.
    async fn beside_others<T>(&self, written: impl Future<Output = T>) {
        let mut written = pin!(written);
        if tokio::time::timeout(SLOW, &mut written).await.is_ok() {
            return;
        }
        {
            let mut line = self.line();
            line.slow += 1;
            self.send_writer(&mut line);
        }
        written.await;
        self.line().slow -= 1;
    }

    /// The next batch; `None` sends the writer home.
    fn next(&self) -> Option<Batch> {
        let mut line = self.line();
        // Another one has come while this one was slow.
        let is_relieved = line.writers - line.slow > 1;
        let batch = if is_relieved { None } else { line.take(self.patience) };
        if batch.is_none() {
            line.writers -= 1;
        }
        batch
    }

    async fn settle(&self, batch: Batch) {
        let batch = Arc::new(batch);
        let several = batch.items.len() > 1;
        let shared = Arc::clone(&batch);
        let written = self.pool.run(work(move |c| {
            Box::pin(async move {
                attempt(c, &shared.items, &mut |at, outcome| shared.answer(at, Ok(outcome))).await
            })
        }));
        match written.await {
            // One of them is what the database does not take; the others must not suffer for it.
            Err(StoreError::Broken(_) | StoreError::Conflict(_)) if several => self.each_alone(&batch),
            Err(error) => batch.fail(&error),
            Ok(()) => self.each_alone(&batch),
        }
    }

    /// Writes those that have no outcome yet, each by itself, and waiting for whoever holds its consultation.
    fn each_alone(&self, batch: &Arc<Batch>) {
        for at in batch.open() {
            let (pool, batch) = (self.pool.clone(), Arc::clone(batch));
            tokio::spawn(async move {
                let shared = Arc::clone(&batch);
                let written =
                    pool.run(work(move |c| Box::pin(async move { create_one(c, &shared.items[at]).await })));
                batch.answer(at, written.await);
            });
        }
    }
}

impl Line {
    /// The next ones that may be written by one statement: it cannot hold a consultation, or a user's key, twice.
    /// Who has to stay for that goes first next time.
    fn take(&mut self, patience: Duration) -> Option<Batch> {
        let (mut batch, mut stay) = (Batch::default(), VecDeque::new());
        let mut taken = Taken::default();
        while batch.items.len() < BATCH {
            let Some(next) = self.waiting.pop_front() else { break };
            if next.since.elapsed() > patience {
                let _ = next.caller.send(Err(busy()));
            } else if taken.add(&next.new) {
                batch.push(next);
            } else {
                stay.push_back(next);
            }
        }
        stay.append(&mut self.waiting);
        self.waiting = stay;
        (!batch.items.is_empty()).then_some(batch)
    }
}

/// What a batch holds already.
#[derive(Default)]
struct Taken {
    consultations: HashSet<ConsultationId>,
    keys: HashSet<(UserId, IdempotencyKey)>,
}

impl Taken {
    fn add(&mut self, new: &NewPayment) -> bool {
        let key = (new.user, new.key.clone());
        if self.consultations.contains(&new.consultation) || self.keys.contains(&key) {
            return false;
        }
        self.consultations.insert(new.consultation) && self.keys.insert(key)
    }
}

/// Payments that are written together, and who waits for each; who has been answered waits no more.
#[derive(Default)]
struct Batch {
    items: Vec<NewPayment>,
    callers: Mutex<Vec<Option<oneshot::Sender<Answer>>>>,
}

impl Batch {
    fn push(&mut self, waiting: Waiting) {
        self.items.push(waiting.new);
        self.callers.get_mut().unwrap_or_else(PoisonError::into_inner).push(Some(waiting.caller));
    }

    fn callers(&self) -> MutexGuard<'_, Vec<Option<oneshot::Sender<Answer>>>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A caller that went away wants no answer; its payment stands or not, whole either way.
    fn answer(&self, at: usize, answer: Answer) {
        if let Some(caller) = self.callers()[at].take() {
            let _ = caller.send(answer);
        }
    }

    /// Those without an outcome.
    fn open(&self) -> Vec<usize> {
        let callers = self.callers();
        (0..self.items.len()).filter(|&at| callers[at].is_some()).collect()
    }

    fn fail(&self, error: &StoreError) {
        for at in self.open() {
            self.answer(at, Err(error.clone()));
        }
    }
}

fn busy() -> StoreError {
    StoreError::Unavailable("too many payments wait to be written".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use sekali_core::domain::{
        Actor, Currency, Decimal, Entry, Fingerprint, Head, Money, Origin, PaymentId, PaymentMethod,
        RecordedEvent, Terms, Timestamp, What,
    };
    use uuid::Uuid;

    fn in_line() -> VecDeque<Waiting> {
        let (reference, at) = (Uuid::from_u128(1), Timestamp::from_seconds(1_705_314_600));
        let (consultation, method) = (ConsultationId(1), PaymentMethod::Stripe);
        let entry = Entry { what: What::Imported {}, origin: Origin::of(Actor::Sekali) };
        let new = NewPayment {
            reference,
            user: UserId(1),
            consultation,
            key: IdempotencyKey::new("k").unwrap(),
            fingerprint: Fingerprint::of(consultation, Decimal::new(5, 3), method),
            method,
            terms: Terms { fee: Money::new(500_000, Currency::PHP), tax_exempt: false },
            taxes: Vec::new(),
            created: RecordedEvent::after(Head::default(), PaymentId(0), reference, at, &entry),
            at,
        };
        VecDeque::from([Waiting { new, since: Instant::now(), caller: oneshot::channel().0 }])
    }

    /// Two writers with a batch each, of which `slow` are slow: what the other one does when its batch is written.
    fn next_of_two(slow: usize) -> (bool, usize) {
        let options = Options::default();
        let pool = Pool::new("postgres://nobody@127.0.0.1:1/none", &options).unwrap();
        let queue = Queue::new(pool, Duration::from_secs(60));
        *queue.line() = Line { waiting: in_line(), writers: 2, slow };
        let takes = queue.next().is_some();
        let writers = queue.line().writers;
        (takes, writers)
    }

    #[tokio::test]
    async fn a_writer_that_was_slow_goes_home_when_another_has_come() {
        assert_eq!(next_of_two(0), (false, 1), "the other one goes on");
        assert_eq!(next_of_two(1), (true, 2), "the other one is busy");
    }
}
