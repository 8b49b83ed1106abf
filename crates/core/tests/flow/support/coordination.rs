//! The coordination in memory, watched, with parts of it that can be down.

use super::journal::{Call, Journal};
use super::script::Queue;
use async_trait::async_trait;
use sekali_coordination::MemoryCoordination;
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, UserId};
use sekali_core::ports::{
    CachedPayment, Clock, CoordinationDown, IdempotencyCache, Lock, LockAttempt, LockName, LockToken, Lookup,
    Rate, RateLimit, StatusBoard, Turnstile,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// What can be out of reach by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Lookup,
    Remember,
    TryAcquire,
    Release,
    Board,
    /// The counter of requests.
    Take,
}

impl Part {
    /// Those that every press goes through.
    pub(crate) const ALL: [Self; 5] =
        [Self::Lookup, Self::Remember, Self::TryAcquire, Self::Release, Self::Board];
}

/// More looks than any test takes.
const PLACES: usize = 1_000_000;

pub(crate) struct WatchedCoordination {
    memory: MemoryCoordination,
    journal: Arc<Journal>,
    down: Mutex<HashSet<Part>>,
    /// What the next looks into the cache find.
    pub(crate) lookups: Queue<Option<Lookup>>,
    /// What comes of the next tries for the lock.
    pub(crate) attempts: Queue<LockAttempt>,
    /// Somebody who holds every lock and never lets go.
    holder: Mutex<Option<LockToken>>,
    /// Each look into the cache takes one.
    places: Semaphore,
}

impl WatchedCoordination {
    pub(crate) fn new(clock: Arc<dyn Clock>, journal: Arc<Journal>) -> Self {
        Self {
            memory: MemoryCoordination::new(clock),
            journal,
            down: Mutex::default(),
            lookups: Queue::default(),
            attempts: Queue::default(),
            holder: Mutex::default(),
            places: Semaphore::new(PLACES),
        }
    }

    pub(crate) fn fail(&self, part: Part) {
        self.down.lock().unwrap().insert(part);
    }

    pub(crate) fn hold_for_ever(&self, token: LockToken) {
        *self.holder.lock().unwrap() = Some(token);
    }

    /// Whoever looks into the cache from now on waits at the door.
    pub(crate) fn shut_the_door(&self) {
        self.places.forget_permits(PLACES);
    }

    /// Lets so many of them in.
    pub(crate) fn let_in(&self, many: usize) {
        self.places.add_permits(many);
    }

    /// What a look into the cache finds, past the watcher.
    pub(crate) async fn found(&self, user: UserId, key: &IdempotencyKey) -> Option<Lookup> {
        self.memory.lookup(user, key).await.unwrap()
    }

    fn reach(&self, part: Part, call: Call) -> Result<(), CoordinationDown> {
        self.journal.note(call);
        let down = self.down.lock().unwrap().contains(&part);
        if down { Err(CoordinationDown(format!("{part:?} is down"))) } else { Ok(()) }
    }
}

#[async_trait]
impl IdempotencyCache for WatchedCoordination {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        self.reach(Part::Lookup, Call::Lookup(user, key.clone()))?;
        self.places.acquire().await.unwrap().forget();
        match self.lookups.pop() {
            Some(found) => Ok(found),
            None => self.memory.lookup(user, key).await,
        }
    }

    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        self.reach(Part::Remember, Call::Remember(user, key.clone(), entry.clone()))?;
        self.memory.store(user, key, entry).await
    }
}

#[async_trait]
impl Lock for WatchedCoordination {
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        self.reach(Part::TryAcquire, Call::TryAcquire(name, token.clone()))?;
        let holder = self.holder.lock().unwrap().clone();
        match self.attempts.pop().or(holder.map(LockAttempt::Held)) {
            Some(attempt) => Ok(attempt),
            None => self.memory.try_acquire(name, token).await,
        }
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        self.reach(Part::Release, Call::Release(name, token.clone()))?;
        self.memory.release(name, token).await
    }
}

#[async_trait]
impl RateLimit for WatchedCoordination {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        self.reach(Part::Take, Call::Take)?;
        self.memory.take(bucket, limit).await
    }
}

/// Each call by itself, so that each can fail, or be answered as the test wants it.
impl Turnstile for WatchedCoordination {}

#[async_trait]
impl StatusBoard for WatchedCoordination {
    async fn changing(&self, payment: PaymentId) -> Result<(), CoordinationDown> {
        self.reach(Part::Board, Call::Changing(payment))?;
        self.memory.changing(payment).await
    }

    async fn publish(&self, payment: &Payment) -> Result<(), CoordinationDown> {
        self.reach(Part::Board, Call::Publish(payment.clone()))?;
        self.memory.publish(payment).await
    }
}
