//! The database, used with a bug.

mod early;
mod passing;

use crate::bug::Bug;
use async_trait::async_trait;
use early::Early;
use sekali_core::domain::{CheckoutSession, IdempotencyKey, PaymentFile, PaymentId, RecordedEvent, Refund};
use sekali_core::domain::{Fingerprint, Receipt, Timestamp, UserId};
use sekali_core::ports::{
    CreateOutcome, Decided, Delivery, FileStore, InboxEvent, InboxStore, Judge, NewPayment, OutboxEntry,
    OutboxQuery, OutboxStore, Page, PaymentStore, Remark, Store, StoreError,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// How long ago "a moment ago" is.
const A_MOMENT: Duration = Duration::from_millis(20);
/// Every so-manieth commit is unclear.
const UNCLEAR: u64 = 3;

type Answer<T> = Result<T, StoreError>;

/// Passes calls on, but for those that the bug is about.
pub(crate) struct BuggedStore {
    inner: Arc<dyn Store>,
    bug: Bug,
    early: Early,
    commits: AtomicU64,
}

impl BuggedStore {
    pub(crate) fn new(inner: Arc<dyn Store>, bug: Bug) -> Self {
        Self { early: Early::new(inner.clone()), inner, bug, commits: AtomicU64::new(0) }
    }
}

#[async_trait]
impl PaymentStore for BuggedStore {
    async fn create_payments(&self, batch: &[NewPayment]) -> Answer<Vec<CreateOutcome>> {
        if let (Bug::AnswersBeforeCommit, [new]) = (self.bug, batch) {
            return self.early.create(new).await.map(|outcome| vec![outcome]);
        }
        let outcomes = self.inner.create_payments(batch).await?;
        let commit = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        if self.bug == Bug::UnclearIsAnError && commit.is_multiple_of(UNCLEAR) {
            return Err(StoreError::Broken("the connection broke in the commit".into()));
        }
        Ok(outcomes)
    }

    async fn payment(&self, id: PaymentId) -> Answer<Option<Receipt>> {
        self.inner.payment(id).await
    }

    async fn key(&self, user: UserId, key: &IdempotencyKey) -> Answer<Option<(Fingerprint, Receipt)>> {
        self.inner.key(user, key).await
    }

    async fn payments(&self, page: &Page) -> Answer<Vec<Receipt>> {
        self.inner.payments(page).await
    }

    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Answer<u64> {
        self.inner.purge_keys(before, limit).await
    }
}

#[async_trait]
impl FileStore for BuggedStore {
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Answer<Option<Decided>> {
        if self.bug != Bug::StaleFile {
            return self.inner.decide(payment, judge).await;
        }
        let Some(stale) = self.inner.file(payment).await? else { return Ok(None) };
        tokio::time::sleep(A_MOMENT).await;
        let judge: Judge = Arc::new(move |_| judge(&stale));
        self.inner.decide(payment, judge).await
    }

    async fn remark(&self, remarks: &[Remark]) -> Answer<Vec<PaymentId>> {
        self.inner.remark(remarks).await
    }

    async fn file(&self, payment: PaymentId) -> Answer<Option<PaymentFile>> {
        self.inner.file(payment).await
    }

    async fn session(&self, session: Uuid) -> Answer<Option<CheckoutSession>> {
        self.inner.session(session).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Answer<Option<CheckoutSession>> {
        self.inner.session_by_gateway_id(gateway_id).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Answer<Option<CheckoutSession>> {
        self.inner.latest_session(payment).await
    }

    async fn payment_of_intent(&self, payment_intent: &str) -> Answer<Option<PaymentId>> {
        self.inner.payment_of_intent(payment_intent).await
    }

    async fn refund(&self, refund: Uuid) -> Answer<Option<(PaymentId, Refund)>> {
        self.inner.refund(refund).await
    }

    async fn refund_by_key(&self, by: UserId, key: &IdempotencyKey) -> Answer<Option<(PaymentId, Refund)>> {
        self.inner.refund_by_key(by, key).await
    }

    async fn record(&self, payment: PaymentId, after: i64, limit: u32) -> Answer<Vec<RecordedEvent>> {
        self.inner.record(payment, after, limit).await
    }
}

#[async_trait]
impl InboxStore for BuggedStore {
    async fn receive_event(
        &self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        payload: &str,
        at: Timestamp,
    ) -> Answer<bool> {
        if self.bug != Bug::WebhookNotKept {
            return self.inner.receive_event(id, kind, object, payload, at).await;
        }
        let (inner, id, kind) = (self.inner.clone(), id.to_owned(), kind.to_owned());
        let (object, payload) = (object.map(str::to_owned), payload.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(A_MOMENT).await;
            inner.receive_event(&id, &kind, object.as_deref(), &payload, at).await
        });
        Ok(true)
    }

    async fn claim_events(&self, now: Timestamp, lease: Duration, limit: u32) -> Answer<Vec<InboxEvent>> {
        let events = self.inner.claim_events(now, lease, limit).await?;
        if self.bug == Bug::WebhookFinishedFirst {
            for event in &events {
                self.inner.finish_event(&event.id, now).await?;
                // Not for each: events would pile up, and be about what has long been settled otherwise.
                if event.kind.starts_with("checkout.session.") {
                    tokio::time::sleep(A_MOMENT).await;
                }
            }
        }
        Ok(events)
    }

    async fn finish_event(&self, id: &str, at: Timestamp) -> Answer<()> {
        self.inner.finish_event(id, at).await
    }

    async fn postpone_event(&self, id: &str, error: &str, next: Option<Timestamp>) -> Answer<()> {
        self.inner.postpone_event(id, error, next).await
    }
}

#[async_trait]
impl OutboxStore for BuggedStore {
    async fn claim_deliveries(&self, now: Timestamp, lease: Duration, limit: u32) -> Answer<Vec<Delivery>> {
        let due = self.inner.claim_deliveries(now, lease, limit).await?;
        if self.bug == Bug::NotedBeforeTold {
            for delivery in &due {
                self.inner.delivered(delivery.event.payment, delivery.event.seq, now).await?;
            }
        }
        Ok(due)
    }

    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Answer<()> {
        self.inner.delivered(payment, seq, now).await
    }

    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Answer<()> {
        self.inner.not_delivered(payment, seq, error, now, next).await
    }

    async fn outbox(&self, query: OutboxQuery, after: PaymentId, limit: u32) -> Answer<Vec<OutboxEntry>> {
        self.inner.outbox(query, after, limit).await
    }

    async fn replay(&self, payment: PaymentId, from: Option<i64>, now: Timestamp) -> Answer<bool> {
        self.inner.replay(payment, from, now).await
    }

    async fn outbox_depth(&self) -> Answer<(u64, u64)> {
        self.inner.outbox_depth().await
    }
}
