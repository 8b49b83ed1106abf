//! The embedded store, watched, with faults where a flow has to cope with them.

use super::journal::{Call, Journal};
use super::script::{Fault, Queue};
use async_trait::async_trait;
use sekali_core::domain::{
    CheckoutSession, Consultation, ConsultationId, Fingerprint, IdempotencyKey, Money, PaymentFile,
    PaymentId, Receipt, RecordedEvent, Refund, Timestamp, UserId,
};
use sekali_core::ports::{
    AuditStore, AwaitedRefund, AwaitedSession, Case, CaseKind, CaseStore, ConsultationStore, CreateOutcome,
    Decided, Delivery, FileStore, InboxEvent, InboxStore, Judge, LeaseStore, NewPayment, OutboxEntry,
    OutboxQuery, OutboxStore, Page, PaymentStore, PutOutcome, ReconcileStore, Remark, SchemaState,
    SchemaStore, StoreError, StrayCapture, Table,
};
use sekali_store_sqlite::SqliteStore;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

/// To the database.
pub(crate) const CONNECTIONS: u32 = 16;

pub(crate) struct WatchedStore {
    sqlite: Arc<SqliteStore>,
    journal: Arc<Journal>,
    pub(crate) creates: Queue<Fault<Vec<CreateOutcome>>>,
    pub(crate) payments: Queue<Fault<Option<Receipt>>>,
    pub(crate) decides: Queue<Fault<Option<Decided>>>,
    pub(crate) noted: Queue<Fault<()>>,
    pub(crate) remarks: Queue<Fault<Vec<PaymentId>>>,
    /// Of which each call of the outbox needs one; who gets none waits in line.
    pub(crate) connections: Semaphore,
}

impl WatchedStore {
    pub(crate) fn new(sqlite: Arc<SqliteStore>, journal: Arc<Journal>) -> Self {
        Self {
            sqlite,
            journal,
            creates: Queue::default(),
            payments: Queue::default(),
            decides: Queue::default(),
            noted: Queue::default(),
            remarks: Queue::default(),
            connections: Semaphore::new(CONNECTIONS as usize),
        }
    }

    fn at(&self, call: &'static str) -> &SqliteStore {
        self.journal.note(Call::Store(call));
        &self.sqlite
    }

    /// Holds a connection, as one of a real database is held, for longer than one look at the future.
    async fn connection(&self) -> SemaphorePermit<'_> {
        let permit = self.connections.acquire().await.unwrap();
        tokio::task::yield_now().await;
        permit
    }
}

#[async_trait]
impl PaymentStore for WatchedStore {
    async fn create_payments(&self, batch: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError> {
        for new in batch {
            self.journal.note(Call::Create(new.clone()));
        }
        self.creates.or(self.sqlite.create_payments(batch)).await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, StoreError> {
        let _held = self.connection().await;
        self.payments.or(self.at("payment").payment(id)).await
    }

    async fn key(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Fingerprint, Receipt)>, StoreError> {
        self.at("key").key(user, key).await
    }

    async fn payments(&self, page: &Page) -> Result<Vec<Receipt>, StoreError> {
        self.at("payments").payments(page).await
    }

    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.at("purge_keys").purge_keys(before, limit).await
    }
}

#[async_trait]
impl ConsultationStore for WatchedStore {
    async fn put_consultation(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        tax_exempt: Option<bool>,
        at: Timestamp,
    ) -> Result<PutOutcome, StoreError> {
        self.at("put_consultation").put_consultation(id, patient, fee, tax_exempt, at).await
    }

    async fn consultation(&self, id: ConsultationId) -> Result<Option<Consultation>, StoreError> {
        self.at("consultation").consultation(id).await
    }
}

#[async_trait]
impl FileStore for WatchedStore {
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Result<Option<Decided>, StoreError> {
        self.journal.note(Call::Decide(payment));
        let decided = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&decided);
        let noting: Judge = Arc::new(move |file| {
            let decision = judge(file);
            decision.changes.clone_into(&mut notes.lock().unwrap());
            decision
        });
        let work = async {
            let outcome = self.sqlite.decide(payment, noting).await?;
            if outcome.as_ref().is_some_and(|outcome| outcome.changed) {
                self.journal.note(Call::Decided(decided.lock().unwrap().clone()));
            }
            Ok(outcome)
        };
        self.decides.or(work).await
    }

    async fn remark(&self, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError> {
        self.journal.note(Call::Store("remark"));
        self.remarks.or(self.sqlite.remark(remarks)).await
    }

    async fn file(&self, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError> {
        self.at("file").file(payment).await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        self.at("session").session(session).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        self.at("session_by_gateway_id").session_by_gateway_id(gateway_id).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.at("latest_session").latest_session(payment).await
    }

    async fn payment_of_intent(&self, payment_intent: &str) -> Result<Option<PaymentId>, StoreError> {
        self.at("payment_of_intent").payment_of_intent(payment_intent).await
    }

    async fn refund(&self, refund: Uuid) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        self.at("refund").refund(refund).await
    }

    async fn refund_by_key(
        &self,
        by: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        self.at("refund_by_key").refund_by_key(by, key).await
    }

    async fn record(
        &self,
        payment: PaymentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.at("record").record(payment, after, limit).await
    }
}

#[async_trait]
impl ReconcileStore for WatchedStore {
    async fn overdue_payments(
        &self,
        before: Timestamp,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaymentId>, StoreError> {
        self.at("overdue_payments").overdue_payments(before, after, limit).await
    }

    async fn awaited_sessions(&self, after: i64, limit: u32) -> Result<Vec<AwaitedSession>, StoreError> {
        self.at("awaited_sessions").awaited_sessions(after, limit).await
    }

    async fn awaited_refunds(&self, after: Uuid, limit: u32) -> Result<Vec<AwaitedRefund>, StoreError> {
        self.at("awaited_refunds").awaited_refunds(after, limit).await
    }

    async fn stray_captures(&self, after: &str, limit: u32) -> Result<Vec<StrayCapture>, StoreError> {
        self.at("stray_captures").stray_captures(after, limit).await
    }

    async fn bring_forward(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.at("bring_forward").bring_forward(now).await
    }

    async fn automatic_refunds_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.at("automatic_refunds_since").automatic_refunds_since(since).await
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AwaitedSession>, StoreError> {
        self.at("sessions_since").sessions_since(since, after, limit).await
    }

    async fn captures_since(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StrayCapture>, StoreError> {
        self.at("captures_since").captures_since(since, after, limit).await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<AwaitedRefund>, StoreError> {
        self.at("refunds_since").refunds_since(since, after, limit).await
    }
}

#[async_trait]
impl CaseStore for WatchedStore {
    async fn open_case(&self, case: &Case) -> Result<bool, StoreError> {
        self.at("open_case").open_case(case).await
    }

    async fn close_case(&self, kind: CaseKind, object: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.at("close_case").close_case(kind, object, at).await
    }

    async fn cases(&self, open: bool, limit: u32) -> Result<Vec<Case>, StoreError> {
        self.at("cases").cases(open, limit).await
    }
}

#[async_trait]
impl LeaseStore for WatchedStore {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        self.at("acquire_lease").acquire_lease(name, holder, now, lasts).await
    }

    async fn release_lease(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        self.at("release_lease").release_lease(name, holder).await
    }
}

#[async_trait]
impl OutboxStore for WatchedStore {
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let _held = self.connection().await;
        self.at("claim_deliveries").claim_deliveries(now, lease, limit).await
    }

    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Result<(), StoreError> {
        let _held = self.connection().await;
        self.noted.or(self.at("delivered").delivered(payment, seq, now)).await
    }

    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.noted.or(self.at("not_delivered").not_delivered(payment, seq, error, now, next)).await
    }

    async fn outbox(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.at("outbox").outbox(query, after, limit).await
    }

    async fn replay(
        &self,
        payment: PaymentId,
        from: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.at("replay").replay(payment, from, now).await
    }

    async fn outbox_depth(&self) -> Result<(u64, u64), StoreError> {
        self.at("outbox_depth").outbox_depth().await
    }
}

#[async_trait]
impl InboxStore for WatchedStore {
    async fn receive_event(
        &self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        payload: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.at("receive_event").receive_event(id, kind, object, payload, at).await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<InboxEvent>, StoreError> {
        self.at("claim_events").claim_events(now, lease, limit).await
    }

    async fn finish_event(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        self.at("finish_event").finish_event(id, at).await
    }

    async fn postpone_event(&self, id: &str, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        self.at("postpone_event").postpone_event(id, error, next).await
    }
}

#[async_trait]
impl AuditStore for WatchedStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.at("ready").ready().await
    }

    async fn installation(&self) -> Result<Uuid, StoreError> {
        self.at("installation").installation().await
    }

    async fn query(&self, sql: &str) -> Result<Table, StoreError> {
        self.at("query").query(sql).await
    }

    async fn records(
        &self,
        after: (PaymentId, i64),
        limit: u32,
    ) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError> {
        self.at("records").records(after, limit).await
    }

    fn statements(&self) -> u64 {
        self.sqlite.statements()
    }
}

#[async_trait]
impl SchemaStore for WatchedStore {
    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.at("schema").schema().await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.at("migrate").migrate().await
    }
}
