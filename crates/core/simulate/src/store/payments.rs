//! Payments, consultations and files.

use super::{Fate, HeldRow, unavailable, unclear};
use crate::db::{Consulted, Db, Look};
use crate::executor::{Process, Who, lock};
use crate::plan::{Fault, Guard, Guards};
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::decision::{Change, Decision, note};
use sekali_core::domain::{
    CheckoutSession, Consultation, ConsultationId, Fingerprint, IdempotencyKey, Money, PaymentFile,
    PaymentId, Receipt, RecordedEvent, Refund, SessionState, Status, Terms, Timestamp, UserId,
};
use sekali_core::ports::{
    ConsultationStore, CreateOutcome, Decided, FileStore, Judge, NewPayment, Page, PaymentStore, PutOutcome,
    Remark, StoreError,
};
use std::sync::Arc;
use uuid::Uuid;

#[async_trait]
impl PaymentStore for Sim {
    async fn create_payments(&self, batch: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for new in batch {
            outcomes.push(self.create_and_witness(new).await?);
        }
        Ok(outcomes)
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, StoreError> {
        self.read("a payment", |db| db.row(id).map(|row| row.file.receipt())).await
    }

    async fn key(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Fingerprint, Receipt)>, StoreError> {
        self.read("a key", |db| by_key(db, user, key)).await
    }

    async fn payments(&self, page: &Page) -> Result<Vec<Receipt>, StoreError> {
        self.read("payments", |db| db.page(page)).await
    }

    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write("that old keys are forgotten", move |db| {
            let mut old: Vec<_> = db.keys.iter().filter(|(_, row)| row.created_at < before).collect();
            old.sort_by_key(|(_, row)| row.created_at);
            let old: Vec<_> = old.into_iter().take(limit as usize).map(|(key, _)| key.clone()).collect();
            for key in &old {
                db.keys.remove(key);
            }
            old.len() as u64
        })
        .await
    }
}

fn by_key(db: &Db, user: UserId, key: &IdempotencyKey) -> Option<(Fingerprint, Receipt)> {
    let known = db.keys.get(&(user, key.clone()))?;
    Some((known.fingerprint, db.row(known.payment)?.file.receipt()))
}

impl Sim {
    /// What the port has promised is remembered: where it says that nothing was written, nothing must be found.
    async fn create_and_witness(&self, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
        lock(&self.presses).tries(new.reference);
        let outcome = match self.create(new).await {
            Err(StoreError::Unclear(why)) if !self.has(Guard::UnclearIsUnclear) => {
                Err(StoreError::Unavailable(why))
            }
            Err(StoreError::Unclear(_)) if !self.has(Guard::UnclearRepeated) => {
                self.resolve_by_reading(new).await
            }
            outcome => outcome,
        };
        let told = match &outcome {
            Ok(outcome) => word(outcome),
            Err(error) => error.to_string(),
        };
        self.note(|| (format!("create_payments {}", new.key), told));
        lock(&self.presses).witness(new.reference, &outcome);
        outcome
    }

    async fn resolve_by_reading(&self, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
        let found = self.read("what became of it", |db| by_key(db, new.user, &new.key)).await?;
        match found {
            Some((_, receipt)) if receipt.payment.reference == new.reference => {
                Ok(CreateOutcome::Created(receipt))
            }
            _ => Err(unavailable()),
        }
    }

    async fn create(&self, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
        self.travel().await;
        if self.fault(Fault::DatabaseDown) {
            return Err(unavailable());
        }
        let inside = self.executor.is_inside();
        let locked = inside && self.has(Guard::ConsultationLock);
        let held = if locked { Some(self.hold(new.consultation).await) } else { None };
        if self.fault(Fault::Conflict) {
            return Err(StoreError::Conflict("could not serialize access".into()));
        }
        let look = lock(&self.db).look(new);
        let Look::Go = look else {
            let Look::No(outcome) = look else { return Err(unavailable()) };
            return Ok(outcome);
        };
        if self.model.is_none() || !self.has(Guard::ConsultationLock) {
            // Between looking and writing somebody else goes on, if the lock lets them.
            self.travel().await;
        }
        let written = self.write_payment(new, held);
        self.travel_back().await;
        written
    }

    fn write_payment(&self, new: &NewPayment, held: Option<HeldRow>) -> Result<CreateOutcome, StoreError> {
        let again = new.clone();
        if !self.has(Guard::CommitFirst) {
            return Ok(self.answer_before_commit(again));
        }
        match self.fate() {
            Fate::Never => Err(unclear()),
            Fate::Lost => {
                drop(self.insert(new));
                Err(unclear())
            }
            Fate::Later(after) => {
                // A statement that commits by itself: the row is let go of, and looked at again.
                drop(held);
                self.later(after, "a payment", move |sim| {
                    let go = matches!(lock(&sim.db).look(&again), Look::Go);
                    if go {
                        drop(sim.insert(&again));
                    }
                });
                Err(unclear())
            }
            Fate::Answered => self.insert(new).map(CreateOutcome::Created),
        }
    }

    fn insert(&self, new: &NewPayment) -> Result<Receipt, StoreError> {
        let whole = self.has(Guard::OneTransaction);
        let made = self.commit("a payment", |db| db.insert(new));
        if let Ok(receipt) = &made
            && !whole
        {
            self.invoice_afterwards(receipt.payment.id);
        }
        made
    }

    /// For a guard that is taken away: the invoice is another transaction, of the same process.
    fn invoice_afterwards(&self, id: PaymentId) {
        if let Some(row) = lock(&self.db).row_mut(id) {
            row.invoices = 0;
        }
        let sim = self.arc();
        let process = self.executor.server().map_or(Process::World, Process::Server);
        let write = async move {
            sim.travel().await;
            sim.travel().await;
            if let Some(row) = lock(&sim.db).row_mut(id) {
                row.invoices = 1;
            }
        };
        self.spawn(process, Who::Worker("invoice"), &[0x1f, self.executor.draw()], write);
    }

    /// For a guard that is taken away: what is answered is only about to be committed, by the same process.
    fn answer_before_commit(&self, new: NewPayment) -> CreateOutcome {
        let receipt = {
            let mut db = lock(&self.db);
            let guards = db.guards.clone();
            let (next_payment, next_invoice) = (db.next_payment, db.next_invoice);
            let mut copy = Db::new(&guards);
            (copy.next_payment, copy.next_invoice) = (next_payment, next_invoice);
            let made = copy.insert(&new);
            db.statements += 1;
            made
        };
        let sim = self.arc();
        let process = self.executor.server().map_or(Process::World, Process::Server);
        let write = async move {
            sim.travel().await;
            sim.travel().await;
            drop(sim.insert(&new));
        };
        self.spawn(process, Who::Worker("commit"), &[0xc0, self.executor.draw()], write);
        receipt.map_or(CreateOutcome::NoConsultation, CreateOutcome::Created)
    }

    /// The transaction of [`FileStore::decide`].
    async fn decide_once(&self, payment: PaymentId, judge: &Judge) -> Result<Option<Decided>, StoreError> {
        self.travel().await;
        if self.fault(Fault::DatabaseDown) {
            return Err(unavailable());
        }
        let consultation = lock(&self.db).row(payment).map(|row| row.file.payment.consultation);
        let Some(consultation) = consultation else { return Ok(None) };
        let locked = self.executor.is_inside() && self.has(Guard::PaymentLock);
        let held = if locked { Some(self.hold(consultation).await) } else { None };
        let Some(file) = lock(&self.db).file(payment) else { return Ok(None) };
        let decision = self.judged(judge, &file);
        if decision.is_empty() {
            drop(held);
            self.travel_back().await;
            return Ok(Some(Decided { file, changed: false }));
        }
        if self.model.is_none() || !locked {
            self.travel().await;
        }
        if self.fault(Fault::Conflict) {
            return Err(StoreError::Conflict("deadlock detected".into()));
        }
        let decided = self.write_decision(file, decision, held);
        self.travel_back().await;
        decided
    }

    /// Asks the judge; without their guards it is shown something else than what is there.
    fn judged(&self, judge: &Judge, file: &PaymentFile) -> Decision {
        if self.plan.guards == Guards::all() {
            return judge(file);
        }
        if !self.has(Guard::LiveSession) && !file.sessions.is_empty() && file.captures.is_empty() {
            let mut unopened = file.clone();
            unopened.sessions.clear();
            unopened.payment.status = Status::Pending;
            let opening = judge(&unopened);
            if opening.changes.iter().any(|change| matches!(change, Change::NewSession(_))) {
                return opening;
            }
        }
        let mut shown = file.clone();
        if !self.has(Guard::RefundCap) {
            shown.refunds.clear();
        }
        let ended = matches!(file.payment.status, Status::Failed | Status::Cancelled | Status::Expired);
        if !self.has(Guard::Ended) && ended {
            shown.payment.status = Status::Processing;
            shown.sessions.iter_mut().for_each(|session| session.state = SessionState::Open);
        }
        judge(&shown)
    }

    /// For a guard that is taken away: a refund is about to be committed, and taken for committed.
    fn answer_refund_early(&self, mut file: PaymentFile, decision: Decision) -> Decided {
        let seen = file.clone();
        for change in &decision.changes {
            if let Change::NewRefund(refund) = change {
                file.refunds.push(refund.clone());
            }
        }
        let sim = self.arc();
        let process = self.executor.server().map_or(Process::World, Process::Server);
        let write = async move {
            sim.travel().await;
            sim.travel().await;
            drop(sim.commit("a decision", |db| db.apply(&seen, &decision)));
        };
        self.spawn(process, Who::Worker("commit"), &[0xc1, self.executor.draw()], write);
        Decided { file, changed: true }
    }

    fn write_decision(
        &self,
        file: PaymentFile,
        decision: Decision,
        held: Option<HeldRow>,
    ) -> Result<Option<Decided>, StoreError> {
        let refunds = decision.changes.iter().any(|change| matches!(change, Change::NewRefund(_)));
        if refunds && !self.has(Guard::RefundCommitted) {
            return Ok(Some(self.answer_refund_early(file, decision)));
        }
        let what = entries(&decision);
        let apply = move |sim: &Sim| sim.commit("a decision", |db| db.apply(&file, &decision));
        self.note(|| ("decides".into(), what));
        match self.fate() {
            Fate::Never => Err(unclear()),
            Fate::Lost => {
                let applied = apply(self);
                drop(held);
                // A refusal would have come before the commit.
                applied.and_then(|_| Err(unclear()))
            }
            Fate::Later(after) => {
                // COMMIT was sent, and the backend holds the row until it comes to it.
                self.later(after, "a decision", move |sim| {
                    drop(apply(sim));
                    drop(held);
                });
                Err(unclear())
            }
            Fate::Answered => {
                let file = apply(self)?;
                drop(held);
                Ok(Some(Decided { file, changed: true }))
            }
        }
    }
}

fn entries(decision: &Decision) -> String {
    let kinds = decision.entries.iter().map(|entry| entry.what.kind());
    kinds.collect::<Vec<_>>().join(", ")
}

fn word(outcome: &CreateOutcome) -> String {
    match outcome {
        CreateOutcome::Created(receipt) => format!("created payment {}", receipt.payment.id),
        CreateOutcome::Active(receipt) => format!("payment {} is active", receipt.payment.id),
        CreateOutcome::KeyUsed { receipt, .. } => format!("the key has made payment {}", receipt.payment.id),
        CreateOutcome::NoConsultation => "no such consultation".into(),
        CreateOutcome::NotThePatient => "not the patient".into(),
        CreateOutcome::OtherTerms(_) => "other terms".into(),
        CreateOutcome::Unpriced(_) => "unpriced".into(),
    }
}

#[async_trait]
impl ConsultationStore for Sim {
    async fn put_consultation(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        tax_exempt: Option<bool>,
        _: Timestamp,
    ) -> Result<PutOutcome, StoreError> {
        let held = if self.executor.is_inside() { Some(self.hold(id).await) } else { None };
        let put = self.write("a consultation", move |db| put(db, id, patient, fee, tax_exempt)).await;
        drop(held);
        put
    }

    async fn consultation(&self, id: ConsultationId) -> Result<Option<Consultation>, StoreError> {
        let found = |db: &Db| {
            let record = db.consultations.get(&id)?;
            Some(Consultation { id, patient: record.patient, terms: record.terms })
        };
        self.read("a consultation", found).await
    }
}

fn put(db: &mut Db, id: ConsultationId, patient: UserId, fee: Money, tax_exempt: Option<bool>) -> PutOutcome {
    let old = db.consultations.get(&id).cloned();
    let same = old.as_ref().is_some_and(|old| old.patient == patient && old.terms.fee == fee);
    let active =
        db.rows.iter().any(|row| row.file.payment.consultation == id && row.file.payment.status.is_active());
    if old.is_some() && !same && active {
        return PutOutcome::BeingPaid;
    }
    let kept = old.as_ref().is_some_and(|old| old.terms.tax_exempt);
    let terms = Terms { fee, tax_exempt: tax_exempt.unwrap_or(kept) };
    db.consultations.insert(id, Consulted { patient, terms });
    let consultation = Consultation { id, patient, terms };
    if old.is_some() { PutOutcome::Updated(consultation) } else { PutOutcome::Created(consultation) }
}

#[async_trait]
impl FileStore for Sim {
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Result<Option<Decided>, StoreError> {
        self.decide_once(payment, &judge).await
    }

    /// One after the other: of those before a failure it is then not known what became of them.
    async fn remark(&self, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError> {
        for (before, remark) in remarks.iter().enumerate() {
            let (reference, at, entry) = (remark.reference, remark.at, remark.entry.clone());
            let judge: Judge = Arc::new(move |file| {
                let same = file.payment.reference == reference;
                note(at, if same { std::slice::from_ref(&entry) } else { &[] })
            });
            if let Err(error) = self.decide_once(remark.payment, &judge).await {
                return Err(if before == 0 { error } else { StoreError::Unclear(error.to_string()) });
            }
        }
        Ok(Vec::new())
    }

    async fn file(&self, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError> {
        self.read("a file", |db| db.file(payment)).await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        let found = |db: &Db| {
            db.sessions().find(|(_, known, _)| known.id == session).map(|(_, known, _)| known.clone())
        };
        self.read("a session", found).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        let found = |db: &Db| {
            let mine = |known: &CheckoutSession| known.gateway_id.as_deref() == Some(gateway_id);
            db.sessions().find(|(_, known, _)| mine(known)).map(|(_, known, _)| known.clone())
        };
        self.read("a session", found).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.read("the latest session", |db| db.row(payment)?.file.sessions.last().cloned()).await
    }

    async fn payment_of_intent(&self, payment_intent: &str) -> Result<Option<PaymentId>, StoreError> {
        let found = |db: &Db| {
            db.rows
                .iter()
                .find(|row| row.file.capture(payment_intent).is_some())
                .map(|row| row.file.payment.id)
        };
        self.read("the payment of an intent", found).await
    }

    async fn refund(&self, refund: Uuid) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        let found = |db: &Db| {
            let mut found = db.rows.iter().filter_map(|row| {
                row.file.refund(refund).map(|refund| (row.file.payment.id, refund.clone()))
            });
            found.next()
        };
        self.read("a refund", found).await
    }

    async fn refund_by_key(
        &self,
        by: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        let found = |db: &Db| db.refund_by_key(by, key).map(|(payment, refund)| (payment, refund.clone()));
        self.read("a refund by its key", found).await
    }

    async fn record(
        &self,
        payment: PaymentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let found = |db: &Db| {
            let record = db.row(payment).map(|row| row.record.as_slice()).unwrap_or_default();
            record.iter().filter(|event| event.seq > after).take(limit as usize).cloned().collect()
        };
        self.read("a record", found).await
    }
}
