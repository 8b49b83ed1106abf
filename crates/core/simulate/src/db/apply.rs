//! Writing down what was decided, under the constraints that stand in the tables.

use super::outbox::OutboxRow;
use super::{Db, Row, complete};
use crate::plan::Guard;
use sekali_core::decision::{Change, Decision};
use sekali_core::domain::{
    CheckoutSession, Disposition, Dispute, Head, InvoiceStatus, PaymentFile, PaymentId, RecordedEvent,
    Refund, RefundOrigin, RefundState, SessionState, Status, Timestamp,
};
use sekali_core::ports::{Case, CaseKind, StoreError};
use uuid::Uuid;

fn broken(what: impl Into<String>) -> StoreError {
    StoreError::Broken(what.into())
}

fn race(what: &str) -> StoreError {
    StoreError::Conflict(what.into())
}

/// What becomes of cases, once the rest holds.
enum OfCase {
    Open(Case),
    Close(CaseKind, String),
}

/// One decision under way: on a copy of the row, so that what fails leaves nothing.
struct Write<'w> {
    db: &'w Db,
    row: Row,
    at: Timestamp,
    cases: Vec<OfCase>,
    next_session: i64,
}

impl Db {
    /// Writes a decision that was taken about `seen`: all of it or nothing.
    pub(crate) fn apply(
        &mut self,
        seen: &PaymentFile,
        decision: &Decision,
    ) -> Result<PaymentFile, StoreError> {
        let id = seen.payment.id;
        let row = self.row(id).cloned().ok_or_else(|| broken("the payment is gone"))?;
        let mut write = Write {
            db: self,
            row,
            at: decision.at.whole_second(),
            cases: Vec::new(),
            next_session: self.next_session,
        };
        for change in &decision.changes {
            write.change(change)?;
        }
        write.record(&decision.recorded(seen))?;
        let Write { mut row, cases, next_session, .. } = write;
        complete(&mut row.file);
        let file = row.file.clone();
        self.next_session = next_session;
        self.commit(id, row, cases, decision.at);
        Ok(file)
    }

    fn commit(&mut self, id: PaymentId, row: Row, cases: Vec<OfCase>, at: Timestamp) {
        let before = self.row_mut(id).map(|there| std::mem::replace(there, row));
        for case in cases {
            match case {
                OfCase::Open(case) => drop(self.open_case(case, true)),
                OfCase::Close(kind, object) => drop(self.close_case(kind, &object, at.whole_second())),
            }
        }
        if let Some(before) = before {
            self.watch_change(id, &before);
        }
    }
}

impl Write<'_> {
    fn has(&self, guard: Guard) -> bool {
        self.db.guards.has(guard)
    }

    fn change(&mut self, change: &Change) -> Result<(), StoreError> {
        let at = self.at;
        let file = &mut self.row.file;
        match change {
            Change::Status { from, to } => return self.status(*from, *to),
            Change::CancelRequested if file.payment.cancel_requested => {
                return Err(broken("it is to be cancelled already"));
            }
            Change::CancelRequested => file.payment.cancel_requested = true,
            Change::Refunded { minor, taxes } => return self.refunded(*minor, taxes),
            Change::DisputeState(state) => file.payment.dispute = Some(*state),
            Change::NewSession(session) => return self.new_session(session),
            Change::Session { id, from, to, gateway_id } => {
                return self.session(*id, *from, *to, gateway_id.as_ref());
            }
            Change::Ending { id, key } => {
                let session = file.sessions.iter_mut().find(|session| session.id == *id);
                let session = session.filter(|session| session.state != SessionState::Complete);
                session.ok_or_else(|| broken("no session to end"))?.ending = Some(*key);
            }
            Change::NewCapture(_) | Change::NewRefund(_) | Change::Refund { .. } => {
                return self.money(change);
            }
            Change::Dispute(dispute) => return self.dispute(dispute),
            Change::OpenCase { kind: CaseKind::Surplus, .. } if !self.db.guards.has(Guard::StrayKept) => {}
            Change::OpenCase { kind, object, detail } => self.cases.push(OfCase::Open(Case {
                kind: *kind,
                object: object.clone(),
                payment: Some(file.payment.id),
                detail: detail.clone(),
                opened_at: at,
                closed_at: None,
            })),
            Change::CloseCase { kind, object } => self.cases.push(OfCase::Close(*kind, object.clone())),
        }
        self.row.file.payment.updated_at = match change {
            Change::CancelRequested | Change::DisputeState(_) => at,
            _ => self.row.file.payment.updated_at,
        };
        Ok(())
    }

    fn status(&mut self, from: Status, to: Status) -> Result<(), StoreError> {
        let named = self.has(Guard::NamedStates);
        let file = &mut self.row.file;
        let ends = from.is_active() && !to.is_active();
        if named && (file.payment.status != from || (ends && file.live_session().is_some())) {
            return Err(broken(format!("the payment is not {from}, or money can still come")));
        }
        file.payment.status = to;
        file.payment.updated_at = self.at;
        let (before, after) = (InvoiceStatus::of(from), InvoiceStatus::of(to));
        if named && before != after && file.invoice.status != before {
            return Err(broken("the invoice is not what its payment is"));
        }
        file.invoice.status = after;
        Ok(())
    }

    fn refunded(&mut self, minor: i64, taxes: &[i64]) -> Result<(), StoreError> {
        let file = &mut self.row.file;
        if !(0..=file.payment.amount.minor).contains(&minor) || taxes.len() != file.taxes.len() {
            return Err(broken("payments_refunded_check"));
        }
        file.payment.refunded.minor = minor;
        file.payment.updated_at = self.at;
        for (tax, refunded) in file.taxes.iter_mut().zip(taxes) {
            if !(0..=tax.line.amount.minor).contains(refunded) {
                return Err(broken("tax_records_refunded_check"));
            }
            tax.refunded_minor = *refunded;
        }
        Ok(())
    }

    fn new_session(&mut self, session: &CheckoutSession) -> Result<(), StoreError> {
        let consultation = self.row.file.payment.consultation;
        let elsewhere = self.db.sessions().any(|(row, other, _)| {
            row.file.payment.id != self.row.file.payment.id
                && row.file.payment.consultation == consultation
                && other.state.is_live()
        });
        let here = self.row.file.live_session().is_some();
        if self.has(Guard::LiveSession) && session.state.is_live() && (here || elsewhere) {
            return Err(race("checkout_sessions_one_live"));
        }
        self.row.file.sessions.push(session.clone());
        self.row.ordinals.push(self.next_session);
        self.next_session += 1;
        Ok(())
    }

    fn session(
        &mut self,
        id: Uuid,
        from: SessionState,
        to: SessionState,
        gateway_id: Option<&String>,
    ) -> Result<(), StoreError> {
        let named = self.has(Guard::NamedStates);
        let session = self.row.file.sessions.iter_mut().find(|session| session.id == id);
        let session = session.filter(|session| !named || session.state == from);
        let session = session.ok_or_else(|| broken(format!("no session that is {}", from.as_str())))?;
        session.state = to;
        if session.gateway_id.is_none() {
            session.gateway_id = gateway_id.cloned();
        }
        Ok(())
    }

    fn money(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::NewCapture(capture) => {
                let keyed = self.has(Guard::CaptureKey);
                let all =
                    self.db.rows.iter().flat_map(|row| &row.file.captures).chain(&self.row.file.captures);
                if keyed && all.into_iter().any(|other| other.payment_intent == capture.payment_intent) {
                    return Err(race("captures_pkey"));
                }
                let file = &mut self.row.file;
                if keyed && capture.disposition == Disposition::Settled && file.settled().is_some() {
                    return Err(race("captures_one_settled"));
                }
                if file.session(capture.session).is_none() {
                    return Err(broken("captures_session_id_fkey"));
                }
                if capture.disposition != Disposition::Settled && !self.has(Guard::StrayKept) {
                    return Ok(());
                }
                self.row.file.captures.push(capture.clone());
            }
            Change::NewRefund(refund) => {
                self.refund_is_possible(refund)?;
                self.row.file.refunds.push(refund.clone());
            }
            Change::Refund { id, from, to, gateway_id, failure } => {
                self.move_refund(*id, *from, *to, gateway_id.as_ref(), failure.as_ref())?;
            }
            _ => {}
        }
        self.refunds_fit()
    }

    fn refund_is_possible(&self, refund: &Refund) -> Result<(), StoreError> {
        let file = &self.row.file;
        let capture = file.capture(&refund.payment_intent);
        if capture.is_none_or(|capture| capture.amount.currency != refund.amount.currency) {
            return Err(broken("refunds_of_their_capture"));
        }
        if let RefundOrigin::Operator { by, key, .. } = &refund.origin
            && self.db.refund_by_key(*by, key).is_some()
        {
            return Err(race("refunds_one_for_a_key"));
        }
        let others = || self.db.rows.iter().flat_map(|row| &row.file.refunds).chain(&file.refunds);
        if refund.gateway_id.is_some() && others().any(|other| other.gateway_id == refund.gateway_id) {
            return Err(race("refunds_gateway_id_key"));
        }
        if refund.replaces.is_some() && others().any(|other| other.replaces == refund.replaces) {
            return Err(race("refunds_replaces_key"));
        }
        if others().any(|other| other.id == refund.id) {
            return Err(broken("refunds_pkey"));
        }
        Ok(())
    }

    fn move_refund(
        &mut self,
        id: Uuid,
        from: RefundState,
        to: RefundState,
        gateway_id: Option<&String>,
        failure: Option<&String>,
    ) -> Result<(), StoreError> {
        let named = self.has(Guard::NamedStates);
        let taken = |name: &String| {
            let all = self.db.rows.iter().flat_map(|row| &row.file.refunds);
            all.into_iter().any(|other| other.id != id && other.gateway_id.as_ref() == Some(name))
        };
        if gateway_id.is_some_and(taken) {
            return Err(race("refunds_gateway_id_key"));
        }
        let refund = self.row.file.refunds.iter_mut().find(|refund| refund.id == id);
        let refund = refund.filter(|refund| !named || refund.state == from);
        let refund = refund.ok_or_else(|| broken(format!("no refund that is {}", from.as_str())))?;
        refund.state = to;
        if refund.gateway_id.is_none() {
            refund.gateway_id = gateway_id.cloned();
        }
        refund.failure = failure.cloned();
        Ok(())
    }

    fn refunds_fit(&self) -> Result<(), StoreError> {
        let file = &self.row.file;
        let too_much = file.captures.iter().any(|capture| file.remaining(capture).minor < 0);
        if too_much && self.has(Guard::RefundCap) { Err(broken("captures_refunding_check")) } else { Ok(()) }
    }

    fn dispute(&mut self, dispute: &Dispute) -> Result<(), StoreError> {
        let file = &mut self.row.file;
        if file.capture(&dispute.payment_intent).is_none() {
            return Err(broken("disputes_payment_intent_fkey"));
        }
        match file.disputes.iter_mut().find(|known| known.gateway_id == dispute.gateway_id) {
            Some(known) => *known = Dispute { created_at: known.created_at, ..dispute.clone() },
            None => file.disputes.push(dispute.clone()),
        }
        Ok(())
    }

    fn record(&mut self, events: &[RecordedEvent]) -> Result<(), StoreError> {
        for event in events {
            let taken = self.row.record.iter().any(|known| known.seq == event.seq);
            if taken && self.has(Guard::RecordIndex) {
                return Err(race("payment_events_in_order"));
            }
            let mut event = event.clone();
            if !self.has(Guard::RecordHash) {
                event.hash = [0; 32];
            }
            self.row.file.head = Head { seq: event.seq, hash: event.hash };
            if let Some(at) = event.announces.as_ref().map(|_| event.at)
                && self.has(Guard::OutboxWritten)
            {
                match &mut self.row.outbox {
                    Some(outbox) => outbox.announce(event.seq, at),
                    none => *none = Some(OutboxRow::new(event.seq, at)),
                }
            }
            let whole = self.has(Guard::RecordWhole) || !matches!(event.kind.as_str(), "session_opened");
            if whole {
                self.row.record.push(event);
            }
        }
        Ok(())
    }
}
