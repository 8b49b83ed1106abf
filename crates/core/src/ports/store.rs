//! The database: where the guarantee is kept.

use super::SchemaStore;
use super::{CaseStore, LeaseStore, OutboxStore, ReconcileStore};
use crate::decision::Decision;
use crate::domain::{
    CheckoutSession, Consultation, ConsultationId, Decimal, Entry, Fingerprint, Head, IdempotencyKey, Money,
    PaymentFile, PaymentId, PaymentMethod, Receipt, RecordedEvent, Refund, TaxLine, Terms, Timestamp, UserId,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// A serialization failure or a deadlock: rolled back, and worth another attempt.
    #[error("the transaction lost against another one: {0}")]
    Conflict(String),
    /// The connection broke at a moment when the commit may or may not have happened. Resolved by
    /// doing the same write again, not by reading (design, part 1, rule 10).
    #[error("the outcome of the transaction is not known: {0}")]
    Unclear(String),
    /// Out of reach, or busy for too long: certainly nothing was written.
    #[error("the database is out of reach: {0}")]
    Unavailable(String),
    /// The database holds or answered something that cannot be.
    #[error("the database holds something unexpected: {0}")]
    Broken(String),
}

/// A payment to be written with its taxes, invoice and idempotency key, all in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// The payment's opaque name. A repeated write recognises its own earlier attempt by it.
    pub reference: Uuid,
    /// Who pays: must be the consultation's patient.
    pub user: UserId,
    /// For what.
    pub consultation: ConsultationId,
    /// The client's key.
    pub key: IdempotencyKey,
    /// What the key stands for.
    pub fingerprint: Fingerprint,
    /// How it is paid.
    pub method: PaymentMethod,
    /// The terms that `taxes` were worked out from; the write happens only if they still are the
    /// consultation's. The payment's amount is their fee.
    pub terms: Terms,
    /// Recorded beside the payment, in this order.
    pub taxes: Vec<TaxLine>,
    /// The first entry of its record. It names no id of the database's.
    pub created: RecordedEvent,
    /// The moment it is made, in whole seconds.
    pub at: Timestamp,
}

/// What became of one [`NewPayment`]. Looked at in this order, which is the contract's (part 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The key has made a payment before. (If that payment has this write's reference, it is
    /// [`Self::Created`].)
    KeyUsed {
        /// What the key stood for then.
        fingerprint: Fingerprint,
        /// The payment it made, as it is now.
        receipt: Receipt,
    },
    /// No such consultation.
    NoConsultation,
    /// It is another patient's.
    NotThePatient,
    /// Its terms are others: work the payment out again.
    OtherTerms(Consultation),
    /// Its record names a fee that is no amount in its currency: the host application's mistake.
    Unpriced(String),
    /// It has an active payment already.
    Active(Receipt),
    /// Committed.
    Created(Receipt),
}

/// Part of a user's list of payments, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only payments of this user; `None`: everybody's.
    pub user: Option<UserId>,
    /// Only payments for this consultation.
    pub consultation: Option<ConsultationId>,
    /// Only payments older than this one.
    pub before: Option<PaymentId>,
    /// At most so many.
    pub limit: u32,
}

/// Payments.
#[async_trait]
pub trait PaymentStore: Send + Sync {
    /// Writes each payment, or says why not; one outcome per item, in their order, each item's its
    /// own. A batch never holds one consultation or one (user, key) twice.
    ///
    /// An error is of the batch as a whole.
    async fn create_payments(&self, batch: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError>;

    /// A payment with its invoice.
    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, StoreError>;

    /// What a key has made, as it is now.
    async fn key(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Fingerprint, Receipt)>, StoreError>;

    /// Payments by descending id.
    async fn payments(&self, page: &Page) -> Result<Vec<Receipt>, StoreError>;

    /// Forgets keys made before `before`, at most `limit` of them; returns how many.
    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// What became of a consultation that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is new.
    Created(Consultation),
    /// It was there, and is now this.
    Updated(Consultation),
    /// Its patient, fee or currency cannot change: it has an active payment.
    BeingPaid,
}

/// Consultations.
#[async_trait]
pub trait ConsultationStore: Send + Sync {
    /// Makes or replaces a consultation. `tax_exempt` `None` leaves it as it is (not exempt if new).
    async fn put_consultation(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        tax_exempt: Option<bool>,
        at: Timestamp,
    ) -> Result<PutOutcome, StoreError>;

    /// A consultation.
    async fn consultation(&self, id: ConsultationId) -> Result<Option<Consultation>, StoreError>;
}

/// Decides what follows from how a payment stands. Pure: it may be asked again, of a later state.
pub type Judge = Arc<dyn Fn(&PaymentFile) -> Decision + Send + Sync>;

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The payment after it.
    pub file: PaymentFile,
    /// Whether anything was written.
    pub changed: bool,
}

/// Something to be remembered about a payment that changes nothing, and that nobody is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The payment's number ...
    pub payment: PaymentId,
    /// ... and its name, which is never another payment's.
    pub reference: Uuid,
    /// When it was.
    pub at: Timestamp,
    /// What is remembered.
    pub entry: Entry,
}

impl Remark {
    /// As it follows on the record's `head`.
    pub fn after(&self, head: Head) -> RecordedEvent {
        RecordedEvent::after(head, self.payment, self.reference, self.at, &self.entry)
    }
}

/// All that belongs to a payment, and the one way to change it once it is made.
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Locks the consultation, then the payment, reads its file, asks `judge`, and commits what that
    /// decides: all of it, with the entries of the record and what the outbox needs, or nothing. `None`: no
    /// such payment.
    ///
    /// Each change names the state it leaves. One that does not find it is [`StoreError::Broken`]: the
    /// file was read under the lock, so it cannot be.
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Result<Option<Decided>, StoreError>;

    /// Appends each to its payment's record, all in one commit; of a payment there is at most one. A payment that is not
    /// there, or has another reference by now (the database was restored beside a cache that lived on), is
    /// passed over. Answered are those on which something is being decided at this moment: they got none.
    async fn remark(&self, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError>;

    /// All that belongs to a payment, in one consistent reading.
    async fn file(&self, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError>;

    /// A session by our name.
    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError>;

    /// A session by Stripe's name.
    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError>;

    /// The session made last for a payment, live or not.
    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError>;

    /// The payment that a capture came for.
    async fn payment_of_intent(&self, payment_intent: &str) -> Result<Option<PaymentId>, StoreError>;

    /// A refund by our name, with its payment.
    async fn refund(&self, refund: Uuid) -> Result<Option<(PaymentId, Refund)>, StoreError>;

    /// A refund by its requester and key, with its payment.
    async fn refund_by_key(
        &self,
        by: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(PaymentId, Refund)>, StoreError>;

    /// A payment's record, from entry number `after` on (0: from the beginning), at most `limit`.
    async fn record(
        &self,
        payment: PaymentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError>;
}

/// An event from the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEvent {
    /// Stripe's id.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// The object it is about.
    pub object: Option<String>,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// Webhooks, kept before they are answered.
#[async_trait]
pub trait InboxStore: Send + Sync {
    /// Keeps an event; `false` if its id was there already. One that was given up is due again: somebody
    /// has sent it once more on purpose.
    async fn receive_event(
        &self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        payload: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes up to `limit` events that are due, for `lease`: nobody else gets them meanwhile.
    async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<InboxEvent>, StoreError>;

    /// The event is dealt with.
    async fn finish_event(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;

    /// The event could not be dealt with: kept with its error, due again at `next`, or never.
    async fn postpone_event(&self, id: &str, error: &str, next: Option<Timestamp>) -> Result<(), StoreError>;
}

/// Rows as text, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows; NULL is an empty text.
    pub rows: Vec<Vec<String>>,
}

/// Looking at the database as a whole.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Whether the database answers and has this program's schema.
    async fn ready(&self) -> Result<(), StoreError>;

    /// This installation's random name, made with the database.
    async fn installation(&self) -> Result<Uuid, StoreError>;

    /// Runs one query in a read-only transaction.
    async fn query(&self, sql: &str) -> Result<Table, StoreError>;

    /// Every payment's record, by payment and number, after `after`: each entry with its payment's
    /// reference. At most `limit`.
    async fn records(
        &self,
        after: (PaymentId, i64),
        limit: u32,
    ) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError>;

    /// How many statements this store has sent since it was opened (that a cached duplicate sends
    /// none is counted, not assumed).
    fn statements(&self) -> u64;
}

/// All of the database.
pub trait Store:
    PaymentStore
    + ConsultationStore
    + FileStore
    + InboxStore
    + OutboxStore
    + ReconcileStore
    + CaseStore
    + LeaseStore
    + AuditStore
    + SchemaStore
{
}
impl<T> Store for T where
    T: PaymentStore
        + ConsultationStore
        + FileStore
        + InboxStore
        + OutboxStore
        + ReconcileStore
        + CaseStore
        + LeaseStore
        + AuditStore
        + SchemaStore
{
}

/// Reads a fee that a host application wrote: an exact decimal in a known currency.
pub fn read_fee(fee: &str, currency: &str) -> Result<Money, StoreError> {
    let broken =
        || StoreError::Broken(format!("a consultation costs {fee:?} {currency:?}, which is no amount"));
    let decimal = Decimal::parse_digits(fee).map_err(|_| broken())?;
    let currency = crate::domain::Currency::from_code(currency).ok_or_else(broken)?;
    Money::from_decimal(decimal, currency).map_err(|_| broken())
}
