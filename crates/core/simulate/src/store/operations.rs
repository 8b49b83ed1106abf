//! What those ask for who work by themselves.

use crate::executor::lock;
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, RecordedEvent, Timestamp};
use sekali_core::ports::{
    AuditStore, AwaitedRefund, AwaitedSession, Case, CaseKind, CaseStore, Delivery, FURTHEST_AHEAD,
    InboxEvent, InboxStore, LeaseStore, OutboxEntry, OutboxQuery, OutboxStore, ReconcileStore, SchemaState,
    SchemaStore, StoreError, StrayCapture, Table,
};
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl InboxStore for Sim {
    async fn receive_event(
        &self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        _: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, kind, object) = (id.to_owned(), kind.to_owned(), object.map(str::to_owned));
        self.write("an event", move |db| db.receive_event(&id, &kind, object.as_deref(), at)).await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<InboxEvent>, StoreError> {
        let claimed = self.write("a claim of events", move |db| db.claim_events(now, lease, limit)).await?;
        self.watch_finished();
        Ok(claimed)
    }

    async fn finish_event(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        let finished = self.write("the end of an event", move |db| db.finish_event(&id, at)).await?;
        self.watch_finished();
        finished
    }

    async fn postpone_event(&self, id: &str, _: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write("that an event waits", move |db| db.postpone_event(&id, next)).await
    }
}

#[async_trait]
impl OutboxStore for Sim {
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.write("a claim of deliveries", move |db| db.claim_deliveries(now, lease, limit)).await?
    }

    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Result<(), StoreError> {
        self.write("a delivery", move |db| db.delivered(payment, seq, now)).await
    }

    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let error = error.to_owned();
        self.write("a failed delivery", move |db| db.not_delivered(payment, seq, &error, now, next)).await
    }

    async fn outbox(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read("deliveries", |db| db.outbox_entries(query, after, limit)).await
    }

    async fn replay(
        &self,
        payment: PaymentId,
        from: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write("a replay", move |db| db.replay(payment, from, now)).await
    }

    async fn outbox_depth(&self) -> Result<(u64, u64), StoreError> {
        self.read("the outbox's depth", crate::db::Db::outbox_depth).await
    }
}

#[async_trait]
impl ReconcileStore for Sim {
    async fn overdue_payments(
        &self,
        before: Timestamp,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaymentId>, StoreError> {
        self.read("overdue payments", |db| db.overdue(before, after, limit)).await
    }

    async fn awaited_sessions(&self, after: i64, limit: u32) -> Result<Vec<AwaitedSession>, StoreError> {
        self.read("awaited sessions", |db| db.awaited_sessions(after, limit)).await
    }

    async fn awaited_refunds(&self, after: Uuid, limit: u32) -> Result<Vec<AwaitedRefund>, StoreError> {
        self.read("awaited refunds", |db| db.awaited_refunds(after, limit)).await
    }

    async fn stray_captures(&self, after: &str, limit: u32) -> Result<Vec<StrayCapture>, StoreError> {
        self.read("money that settles nothing", |db| db.stray_captures(after, limit)).await
    }

    async fn bring_forward(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write("bring forward", move |db| db.bring_forward(now)).await
    }

    async fn automatic_refunds_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.read("automatic refunds", |db| db.automatic_refunds_since(since)).await
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AwaitedSession>, StoreError> {
        self.read("sessions", |db| db.sessions_since(since, after, limit)).await
    }

    async fn captures_since(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StrayCapture>, StoreError> {
        self.read("captures", |db| db.captures_since(since, after, limit)).await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<AwaitedRefund>, StoreError> {
        self.read("refunds", |db| db.refunds_since(since, after, limit)).await
    }
}

#[async_trait]
impl CaseStore for Sim {
    async fn open_case(&self, case: &Case) -> Result<bool, StoreError> {
        let case = case.clone();
        self.write("a case", move |db| db.open_case(case, false)).await
    }

    async fn close_case(&self, kind: CaseKind, object: &str, at: Timestamp) -> Result<bool, StoreError> {
        let object = object.to_owned();
        self.write("the end of a case", move |db| db.close_case(kind, &object, at)).await
    }

    async fn cases(&self, open: bool, limit: u32) -> Result<Vec<Case>, StoreError> {
        let listed = |db: &crate::db::Db| {
            let mut cases: Vec<_> =
                db.cases.iter().filter(|case| !open || case.closed_at.is_none()).cloned().collect();
            cases.sort_by_key(|case| case.opened_at);
            cases.truncate(limit as usize);
            cases
        };
        self.read("cases", listed).await
    }
}

#[async_trait]
impl LeaseStore for Sim {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        let (name, until) = (name.to_owned(), now.plus(lasts));
        self.write("a lease", move |db| {
            let wrong = now.plus(FURTHEST_AHEAD);
            let taken =
                db.leases.get(&name).is_some_and(|(of, ends)| *of != holder && *ends > now && *ends <= wrong);
            if !taken {
                db.leases.insert(name, (holder, until));
            }
            !taken
        })
        .await
    }

    async fn release_lease(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write("the end of a lease", move |db| {
            if db.leases.get(&name).is_some_and(|(of, _)| *of == holder) {
                db.leases.remove(&name);
            }
        })
        .await
    }
}

#[async_trait]
impl AuditStore for Sim {
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn installation(&self) -> Result<Uuid, StoreError> {
        Ok(lock(&self.db).installation)
    }

    /// There is no SQL here: of all queries, counts of the tables that the contract's cases count are answered.
    async fn query(&self, sql: &str) -> Result<Table, StoreError> {
        let counted =
            sql.strip_prefix("SELECT count(*) FROM ").and_then(|table| count(&lock(&self.db), table));
        let counted = counted.ok_or_else(|| StoreError::Broken(format!("no such query here: {sql}")))?;
        Ok(Table { columns: vec!["count".into()], rows: vec![vec![counted.to_string()]] })
    }

    async fn records(
        &self,
        after: (PaymentId, i64),
        limit: u32,
    ) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError> {
        let listed = |db: &crate::db::Db| {
            let all = db
                .rows
                .iter()
                .flat_map(|row| row.record.iter().map(|event| (row.file.payment.reference, event.clone())));
            let after = |(_, event): &(Uuid, RecordedEvent)| (event.payment, event.seq) > after;
            all.filter(after).take(limit as usize).collect()
        };
        self.read("records", listed).await
    }

    fn statements(&self) -> u64 {
        lock(&self.db).statements
    }
}

fn count(db: &crate::db::Db, table: &str) -> Option<usize> {
    let rows = &db.rows;
    Some(match table {
        "payments" => rows.len(),
        "invoices" => rows.iter().map(|row| row.invoices as usize).sum(),
        "tax_records" => rows.iter().map(|row| row.file.taxes.len()).sum(),
        "idempotency_keys" => db.keys.len(),
        "payment_events" => rows.iter().map(|row| row.record.len()).sum(),
        "payment_events WHERE seq = 1 AND kind = 'created'" => {
            let first =
                |row: &&crate::db::Row| row.record.first().is_some_and(|event| event.kind == "created");
            rows.iter().filter(first).count()
        }
        "outbox" => rows.iter().filter(|row| row.outbox.is_some()).count(),
        "refunds" => rows.iter().map(|row| row.file.refunds.len()).sum(),
        "captures" => rows.iter().map(|row| row.file.captures.len()).sum(),
        "checkout_sessions" => rows.iter().map(|row| row.file.sessions.len()).sum(),
        "disputes" => rows.iter().map(|row| row.file.disputes.len()).sum(),
        "cases" => db.cases.len(),
        "gateway_events" => db.events.len(),
        "gateway_events WHERE finished_at IS NOT NULL" => {
            db.events.values().filter(|event| event.finished_at.is_some()).count()
        }
        "gateway_events WHERE due_at IS NULL" => {
            db.events.values().filter(|event| event.due_at.is_none()).count()
        }
        "gateway_events WHERE finished_at IS NOT NULL AND due_at IS NULL" => {
            let done = |event: &&crate::db::Event| event.finished_at.is_some() && event.due_at.is_none();
            db.events.values().filter(done).count()
        }
        _ => return None,
    })
}

#[async_trait]
impl SchemaStore for Sim {
    async fn schema(&self) -> Result<SchemaState, StoreError> {
        Ok(if lock(&self.db).migrated { SchemaState::Current } else { SchemaState::Empty })
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let before = std::mem::replace(&mut lock(&self.db).migrated, true);
        Ok(if before { Vec::new() } else { vec!["tables in memory".into()] })
    }
}
