//! The embedded store, watched, with faults where a flow has to cope with them.

use super::journal::{Call, Journal};
use super::script::{Fault, Queue};
use async_trait::async_trait;
use sekali_core::domain::{
    CheckoutSession, Consultation, ConsultationId, Fingerprint, IdempotencyKey, Money, PaymentId, Receipt,
    Timestamp, UserId,
};
use sekali_core::ports::{
    AuditStore, CheckoutStore, ConsultationStore, CreateOutcome, InboxEvent, InboxStore, NewPayment,
    NewSession, OpenOutcome, Page, PaymentStore, PutOutcome, SchemaState, SchemaStore, SettleOutcome,
    Settlement, StoreError, Table,
};
use sekali_store_sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(crate) struct WatchedStore {
    sqlite: Arc<SqliteStore>,
    journal: Arc<Journal>,
    pub(crate) creates: Queue<Fault<Vec<CreateOutcome>>>,
    pub(crate) payments: Queue<Fault<Option<Receipt>>>,
    pub(crate) intends: Queue<Fault<OpenOutcome>>,
    pub(crate) settles: Queue<Fault<SettleOutcome>>,
}

impl WatchedStore {
    pub(crate) fn new(sqlite: Arc<SqliteStore>, journal: Arc<Journal>) -> Self {
        Self {
            sqlite,
            journal,
            creates: Queue::default(),
            payments: Queue::default(),
            intends: Queue::default(),
            settles: Queue::default(),
        }
    }

    fn at(&self, call: &'static str) -> &SqliteStore {
        self.journal.note(Call::Store(call));
        &self.sqlite
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
impl CheckoutStore for WatchedStore {
    async fn intend_session(&self, payment: PaymentId, new: &NewSession) -> Result<OpenOutcome, StoreError> {
        self.intends.or(self.at("intend_session").intend_session(payment, new)).await
    }

    async fn session_opened(&self, session: Uuid, gateway_id: &str, at: Timestamp) -> Result<(), StoreError> {
        self.at("session_opened").session_opened(session, gateway_id, at).await
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

    async fn settle(&self, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        self.journal.note(Call::Settle(settlement.clone()));
        let work = async {
            let outcome = self.sqlite.settle(settlement).await?;
            self.journal.note(Call::Settled(outcome.clone()));
            Ok(outcome)
        };
        self.settles.or(work).await
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
