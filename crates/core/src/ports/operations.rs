//! The database as those see it who work by themselves: the reconciler, and the delivery to the host.

use super::StoreError;
use crate::domain::{Capture, CheckoutSession, PaymentId, RecordedEvent, Refund, Timestamp};
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

/// A session whose end is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedSession {
    /// Goes up with each session made: where the next page goes on.
    pub ordinal: i64,
    /// The session.
    pub session: CheckoutSession,
    /// Whether its payment is to be cancelled.
    pub cancel_requested: bool,
}

/// A refund whose end is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedRefund {
    /// Its payment.
    pub payment: PaymentId,
    /// The refund.
    pub refund: Refund,
}

/// Money that settles nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrayCapture {
    /// Its payment.
    pub payment: PaymentId,
    /// The money.
    pub capture: Capture,
}

/// Nothing is leased for longer than this, and no event or delivery is put off for longer: the longest of either is an
/// hour and a quarter.
pub const FURTHEST_AHEAD: Duration = Duration::from_secs(2 * 3600);

/// What the reconciler looks for. Every list is in a fixed order and goes on after its last item.
#[async_trait]
pub trait ReconcileStore: Send + Sync {
    /// Payments that are `pending` and were made before `before`: by id, after `after`.
    async fn overdue_payments(
        &self,
        before: Timestamp,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaymentId>, StoreError>;

    /// Live sessions (creating, open, submitted): by ordinal, after `after`.
    async fn awaited_sessions(&self, after: i64, limit: u32) -> Result<Vec<AwaitedSession>, StoreError>;

    /// Refunds that are requested or pending: by id, after `after`.
    async fn awaited_refunds(&self, after: Uuid, limit: u32) -> Result<Vec<AwaitedRefund>, StoreError>;

    /// Captures that settle nothing and of which something is not taken up by refunds: by payment
    /// intent, after `after`.
    async fn stray_captures(&self, after: &str, limit: u32) -> Result<Vec<StrayCapture>, StoreError>;

    /// Makes every event and delivery due now that is due, or leased, later than [`FURTHEST_AHEAD`] from `now`: it
    /// was dated by a clock that was wrong, and would wait for that. Returns how many.
    async fn bring_forward(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// How many automatic refunds were made at or after `since`.
    async fn automatic_refunds_since(&self, since: Timestamp) -> Result<u64, StoreError>;

    /// Sessions that Stripe has made (with Stripe's name), whose intent was committed at or after
    /// `since`: by ordinal, after `after`.
    async fn sessions_since(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AwaitedSession>, StoreError>;

    /// Captures that we learned of at or after `since`, by payment intent, after `after`.
    async fn captures_since(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StrayCapture>, StoreError>;

    /// Refunds that were made at or after `since`: by id, after `after`.
    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<AwaitedRefund>, StoreError>;
}

/// What an operator has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaseKind {
    /// Money came that was not awaited. Closed when it is back.
    Surplus,
    /// Money came that is not what was awaited. Closed when it is back.
    Mismatch,
    /// Money came that belongs to no payment here: only shown.
    UnknownMoney,
    /// A refund that had succeeded came back.
    RefundBounced,
    /// An automatic refund failed, or never arrived at Stripe.
    RefundStuck,
    /// The cap on automatic refunds was reached.
    RefundCap,
}

impl CaseKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Surplus,
        Self::Mismatch,
        Self::UnknownMoney,
        Self::RefundBounced,
        Self::RefundStuck,
        Self::RefundCap,
    ];

    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Surplus => "surplus",
            Self::Mismatch => "mismatch",
            Self::UnknownMoney => "unknown_money",
            Self::RefundBounced => "refund_bounced",
            Self::RefundStuck => "refund_stuck",
            Self::RefundCap => "refund_cap",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Something that an operator has to look at. There is one for a kind and an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is.
    pub kind: CaseKind,
    /// What it is about: Stripe's id, or our name.
    pub object: String,
    /// The payment, where there is one.
    pub payment: Option<PaymentId>,
    /// A sentence for the operator.
    pub detail: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Cases. Those of a payment are opened and closed by its decisions.
#[async_trait]
pub trait CaseStore: Send + Sync {
    /// Opens a case that belongs to no payment's decision; `false` if it was there. One that somebody has
    /// closed stays closed: what is only shown would come again with each look at Stripe's lists.
    async fn open_case(&self, case: &Case) -> Result<bool, StoreError>;

    /// Closes a case; `false` if none was open.
    async fn close_case(&self, kind: CaseKind, object: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// Cases, oldest first; `open` those only that are not closed.
    async fn cases(&self, open: bool, limit: u32) -> Result<Vec<Case>, StoreError>;
}

/// One at a time for work that two servers must not do at once.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Takes the lease, or makes one's own last longer; `false`: somebody else has it. One that would last longer
    /// than [`FURTHEST_AHEAD`] was taken by a clock that was wrong, and is free.
    async fn acquire_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool, StoreError>;

    /// Gives one's own lease back.
    async fn release_lease(&self, name: &str, holder: Uuid) -> Result<(), StoreError>;
}

/// The next thing to tell the host of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The payment's opaque name.
    pub reference: Uuid,
    /// The entry.
    pub event: RecordedEvent,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// Since when this entry could not be delivered.
    pub failing_since: Option<Timestamp>,
}

/// Where a payment's delivery stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The payment.
    pub payment: PaymentId,
    /// The last entry that the host has taken; 0: none.
    pub delivered_seq: i64,
    /// The last entry that it is to be told of.
    pub last_seq: i64,
    /// How often the next one was tried.
    pub attempts: u32,
    /// When it is tried next; `None`: everything is delivered, or it is parked.
    pub due_at: Option<Timestamp>,
    /// Since when it could not be delivered.
    pub failing_since: Option<Timestamp>,
    /// When it was given up.
    pub parked_at: Option<Timestamp>,
    /// The last failure.
    pub error: Option<String>,
}

/// Which deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxQuery {
    /// Those given up.
    Parked,
    /// Those not finished, parked or not.
    Unfinished,
    /// All.
    All,
}

/// The outbox: for each payment, how far the host was told of its record. Entries go out in order, one
/// at a time for a payment, and at least once.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Takes up to `limit` payments whose next entry is due, for `lease`: nobody else gets them meanwhile.
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// The host has taken entry `seq`: the next announced one is due at once. Does nothing unless that is the
    /// first one that is not delivered: somebody else has come further, or [`Self::replay`] has gone back.
    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Result<(), StoreError>;

    /// Entry `seq` was not taken: due again at `next`; `None`: given up, and parked. A new entry of the
    /// payment, or [`Self::replay`], starts it again. Does nothing if somebody else has come further.
    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// How deliveries stand: by payment, after `after`.
    async fn outbox(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Makes the delivery of a payment due now, from entry `from` on if given (what was delivered is then
    /// sent again). `false`: no such payment.
    async fn replay(&self, payment: PaymentId, from: Option<i64>, now: Timestamp)
    -> Result<bool, StoreError>;

    /// How many payments have something undelivered, and how many of them are parked.
    async fn outbox_depth(&self) -> Result<(u64, u64), StoreError>;
}
