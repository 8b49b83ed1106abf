//! What the flow under test asked of its ports, in order.

use sekali_core::decision::Change;
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, Status, UserId};
use sekali_core::ports::{CachedPayment, LockName, LockToken, NewPayment, Point, Probe};
use std::sync::Mutex;
use std::time::Duration;

/// One call of a port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Lookup(UserId, IdempotencyKey),
    Remember(UserId, IdempotencyKey, CachedPayment),
    TryAcquire(LockName, LockToken),
    Release(LockName, LockToken),
    Changing(PaymentId),
    Publish(Payment),
    /// A request is counted.
    Take,
    Sleep(Duration),
    Create(NewPayment),
    Decide(PaymentId),
    /// What was written by [`Call::Decide`].
    Decided(Vec<Change>),
    /// Any other call of the store.
    Store(&'static str),
    Passed(Point),
}

impl Call {
    fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Lookup(..) => "lookup",
            Self::Remember(..) => "remember",
            Self::TryAcquire(..) => "try_acquire",
            Self::Release(..) => "release",
            Self::Changing(_) => "changing",
            Self::Publish(_) => "publish",
            Self::Take => "take",
            Self::Sleep(_) => "sleep",
            Self::Create(_) => "create",
            Self::Decide(_) => "decide",
            Self::Store(name) => name,
            Self::Decided(_) | Self::Passed(_) => return None,
        })
    }

    fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Decide(_) | Self::Store(_))
    }
}

/// The calls so far.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<Call>>);

impl Journal {
    pub(crate) fn note(&self, call: Call) {
        self.0.lock().unwrap().push(call);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What `pick` finds in the calls, in their order.
    pub(crate) fn pick<T>(&self, pick: impl Fn(&Call) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter_map(pick).collect()
    }

    /// The calls by name.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.pick(Call::name)
    }

    /// The calls of the store by name.
    pub(crate) fn store_calls(&self) -> Vec<&'static str> {
        self.pick(|call| call.name().filter(|_| call.is_of_the_store()))
    }

    pub(crate) fn points(&self) -> Vec<Point> {
        self.pick(|call| if let Call::Passed(point) = call { Some(*point) } else { None })
    }

    pub(crate) fn creates(&self) -> Vec<NewPayment> {
        self.pick(|call| if let Call::Create(new) = call { Some(new.clone()) } else { None })
    }

    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.pick(|call| if let Call::Sleep(pause) = call { Some(*pause) } else { None })
    }

    pub(crate) fn acquired_with(&self) -> Vec<(LockName, LockToken)> {
        self.pick(
            |call| {
                if let Call::TryAcquire(name, token) = call { Some((*name, token.clone())) } else { None }
            },
        )
    }

    pub(crate) fn released_with(&self) -> Vec<(LockName, LockToken)> {
        self.pick(
            |call| {
                if let Call::Release(name, token) = call { Some((*name, token.clone())) } else { None }
            },
        )
    }

    /// What was put into the cache, and for which user and key.
    pub(crate) fn remembered(&self) -> Vec<(UserId, IdempotencyKey, CachedPayment)> {
        self.pick(|call| match call {
            Call::Remember(user, key, entry) => Some((*user, key.clone(), entry.clone())),
            _ => None,
        })
    }

    /// The outcomes that the database has written, in order.
    pub(crate) fn outcomes(&self) -> Vec<Status> {
        let changes =
            self.pick(|call| if let Call::Decided(changes) = call { Some(changes.clone()) } else { None });
        let statuses = changes.into_iter().flatten().filter_map(|change| match change {
            Change::Status { to, .. } if to != Status::Processing => Some(to),
            _ => None,
        });
        statuses.collect()
    }

    /// How many of them.
    pub(crate) fn transitions(&self) -> usize {
        self.outcomes().len()
    }
}

impl Probe for Journal {
    fn passed(&self, point: Point, _: Duration) {
        self.note(Call::Passed(point));
    }
}
