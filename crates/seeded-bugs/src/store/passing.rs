//! What no bug is about.

use super::{Answer, BuggedStore};
use async_trait::async_trait;
use sekali_core::domain::{Consultation, ConsultationId, Money, PaymentId, RecordedEvent, Timestamp, UserId};
use sekali_core::ports::{
    AuditStore, AwaitedRefund, AwaitedSession, Case, CaseKind, CaseStore, ConsultationStore, LeaseStore,
    PutOutcome, ReconcileStore, SchemaState, SchemaStore, StrayCapture, Table,
};
use std::time::Duration;
use uuid::Uuid;

/// A trait whose every method is passed on.
macro_rules! passes_on {
    ($trait:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $trait for BuggedStore {
            $(async fn $name(&self $(, $argument: $type)*) -> Answer<$answer> {
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

passes_on!(ConsultationStore {
    fn put_consultation(id: ConsultationId, patient: UserId, fee: Money, tax_exempt: Option<bool>, at: Timestamp) -> PutOutcome;
    fn consultation(id: ConsultationId) -> Option<Consultation>;
});

passes_on!(ReconcileStore {
    fn overdue_payments(before: Timestamp, after: PaymentId, limit: u32) -> Vec<PaymentId>;
    fn awaited_sessions(after: i64, limit: u32) -> Vec<AwaitedSession>;
    fn awaited_refunds(after: Uuid, limit: u32) -> Vec<AwaitedRefund>;
    fn stray_captures(after: &str, limit: u32) -> Vec<StrayCapture>;
    fn bring_forward(now: Timestamp) -> u64;
    fn automatic_refunds_since(since: Timestamp) -> u64;
    fn sessions_since(since: Timestamp, after: i64, limit: u32) -> Vec<AwaitedSession>;
    fn captures_since(since: Timestamp, after: &str, limit: u32) -> Vec<StrayCapture>;
    fn refunds_since(since: Timestamp, after: Uuid, limit: u32) -> Vec<AwaitedRefund>;
});

passes_on!(CaseStore {
    fn open_case(case: &Case) -> bool;
    fn close_case(kind: CaseKind, object: &str, at: Timestamp) -> bool;
    fn cases(open: bool, limit: u32) -> Vec<Case>;
});

passes_on!(LeaseStore {
    fn acquire_lease(name: &str, holder: Uuid, now: Timestamp, lasts: Duration) -> bool;
    fn release_lease(name: &str, holder: Uuid) -> ();
});

passes_on!(SchemaStore {
    fn schema() -> SchemaState;
    fn migrate() -> Vec<String>;
});

#[async_trait]
impl AuditStore for BuggedStore {
    async fn ready(&self) -> Answer<()> {
        self.inner.ready().await
    }

    async fn installation(&self) -> Answer<Uuid> {
        self.inner.installation().await
    }

    async fn query(&self, sql: &str) -> Answer<Table> {
        self.inner.query(sql).await
    }

    async fn records(&self, after: (PaymentId, i64), limit: u32) -> Answer<Vec<(Uuid, RecordedEvent)>> {
        self.inner.records(after, limit).await
    }

    fn statements(&self) -> u64 {
        self.inner.statements()
    }
}
