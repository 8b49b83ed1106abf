//! Who wants to know how far a request has come: the metrics, and tests that kill the process at
//! an exact point.

use std::time::Duration;

/// A point between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Step 1 is over: the cache was asked.
    LookedUp,
    /// Step 2 is over: the lock is held, or done without.
    Locked,
    /// Step 3 is over: the transaction is committed, or there was nothing to commit.
    Committed,
    /// Step 4 is over: the answer is cached.
    Cached,
    /// Step 5 is over: the lock is released.
    Unlocked,
    /// The intent to open a Checkout Session is committed; Stripe has not been called.
    CheckoutIntended,
    /// Stripe has answered; its answer is not committed.
    SessionCreated,
    /// Stripe's answer is committed.
    SessionRecorded,
    /// A webhook is in the inbox; nothing was done about it.
    EventReceived,
    /// Stripe was asked how a session stands; nothing is committed.
    SessionAsked,
    /// The outcome is committed; nobody was told.
    Settled,
    /// The wish to cancel is committed; Stripe has not been called.
    CancelIntended,
    /// Stripe was told to end a session; how it stands was not asked yet.
    SessionEnded,
    /// The intent to refund is committed; Stripe has not been called.
    RefundIntended,
    /// Stripe has answered about a refund; its answer is not committed.
    RefundAnswered,
    /// Stripe's answer about a refund is committed.
    RefundRecorded,
    /// The host application has taken a message; that is not committed.
    HostTold,
    /// That the host has taken a message is committed.
    DeliveryRecorded,
}

impl Point {
    /// Every point, in the order of a payment's way.
    pub const ALL: [Self; 18] = [
        Self::LookedUp,
        Self::Locked,
        Self::Committed,
        Self::Cached,
        Self::Unlocked,
        Self::CheckoutIntended,
        Self::SessionCreated,
        Self::SessionRecorded,
        Self::EventReceived,
        Self::SessionAsked,
        Self::Settled,
        Self::CancelIntended,
        Self::SessionEnded,
        Self::RefundIntended,
        Self::RefundAnswered,
        Self::RefundRecorded,
        Self::HostTold,
        Self::DeliveryRecorded,
    ];

    /// A word for metrics and for the fault harness.
    pub fn name(self) -> &'static str {
        match self {
            Self::LookedUp => "idempotency",
            Self::Locked => "lock",
            Self::Committed => "transaction",
            Self::Cached => "cache",
            Self::Unlocked => "unlock",
            Self::CheckoutIntended => "checkout_intent",
            Self::SessionCreated => "session_create",
            Self::SessionRecorded => "session_record",
            Self::EventReceived => "event_receive",
            Self::SessionAsked => "session_ask",
            Self::Settled => "settle",
            Self::CancelIntended => "cancel_intent",
            Self::SessionEnded => "session_end",
            Self::RefundIntended => "refund_intent",
            Self::RefundAnswered => "refund_answer",
            Self::RefundRecorded => "refund_record",
            Self::HostTold => "host_told",
            Self::DeliveryRecorded => "delivery_record",
        }
    }
}

/// Told at each point how long the step before it took. Called by the task that works on the request.
pub trait Probe: Send + Sync {
    /// `point` was reached, `took` after the one before it.
    fn passed(&self, point: Point, took: Duration);

    /// Somebody else holds the lock: `took` was spent on waiting just now, within step 2.
    fn waited(&self, took: Duration) {
        let _ = took;
    }
}

/// Nobody wants to know.
pub struct NoProbe;

impl Probe for NoProbe {
    fn passed(&self, _: Point, _: Duration) {}
}
