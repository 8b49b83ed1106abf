//! Lists in fixed orders, for the reconciler and for people.

use super::{Db, Row};
use crate::plan::Guard;
use sekali_core::domain::{
    Capture, Disposition, PaymentFile, PaymentId, Receipt, RefundOrigin, Status, Timestamp,
};
use sekali_core::ports::{AwaitedRefund, AwaitedSession, FURTHEST_AHEAD, Page, StrayCapture};
use uuid::Uuid;

impl Db {
    /// A payment's file as a transaction reads it.
    pub(crate) fn file(&self, id: PaymentId) -> Option<PaymentFile> {
        self.row(id).map(|row| row.file.clone())
    }

    pub(crate) fn page(&self, page: &Page) -> Vec<Receipt> {
        let wanted = |row: &&Row| {
            let payment = &row.file.payment;
            page.user.is_none_or(|user| payment.user == user)
                && page.consultation.is_none_or(|id| payment.consultation == id)
                && page.before.is_none_or(|before| payment.id < before)
        };
        let mut found: Vec<_> = self.rows.iter().filter(wanted).map(|row| row.file.receipt()).collect();
        found.sort_by_key(|receipt| std::cmp::Reverse(receipt.payment.id));
        found.truncate(page.limit as usize);
        found
    }

    pub(crate) fn overdue(&self, before: Timestamp, after: PaymentId, limit: u32) -> Vec<PaymentId> {
        let payments = self.rows.iter().map(|row| &row.file.payment);
        let overdue = payments.filter(|payment| {
            payment.status == Status::Pending && payment.created_at < before && payment.id > after
        });
        overdue.map(|payment| payment.id).take(limit as usize).collect()
    }

    fn listed(
        &self,
        after: i64,
        limit: u32,
        wanted: impl Fn(&AwaitedSession) -> bool,
    ) -> Vec<AwaitedSession> {
        let mut found: Vec<_> = self
            .sessions()
            .filter(|(_, _, ordinal)| *ordinal > after)
            .map(|(row, session, ordinal)| AwaitedSession {
                ordinal,
                session: session.clone(),
                cancel_requested: row.file.payment.cancel_requested,
            })
            .filter(wanted)
            .collect();
        found.sort_by_key(|awaited| awaited.ordinal);
        found.truncate(limit as usize);
        found
    }

    pub(crate) fn awaited_sessions(&self, after: i64, limit: u32) -> Vec<AwaitedSession> {
        self.listed(after, limit, |awaited| awaited.session.state.is_live())
    }

    pub(crate) fn sessions_since(&self, since: Timestamp, after: i64, limit: u32) -> Vec<AwaitedSession> {
        let made = |awaited: &AwaitedSession| {
            awaited.session.gateway_id.is_some() && awaited.session.created_at >= since
        };
        self.listed(after, limit, made)
    }

    fn refunds_listed(
        &self,
        after: Uuid,
        limit: u32,
        wanted: impl Fn(&AwaitedRefund) -> bool,
    ) -> Vec<AwaitedRefund> {
        let all = self.rows.iter().flat_map(|row| {
            row.file
                .refunds
                .iter()
                .map(|refund| AwaitedRefund { payment: row.file.payment.id, refund: refund.clone() })
        });
        let mut found: Vec<_> = all.filter(|awaited| awaited.refund.id > after && wanted(awaited)).collect();
        found.sort_by_key(|awaited| awaited.refund.id);
        found.truncate(limit as usize);
        found
    }

    pub(crate) fn awaited_refunds(&self, after: Uuid, limit: u32) -> Vec<AwaitedRefund> {
        self.refunds_listed(after, limit, |awaited| awaited.refund.state.is_awaited())
    }

    pub(crate) fn refunds_since(&self, since: Timestamp, after: Uuid, limit: u32) -> Vec<AwaitedRefund> {
        self.refunds_listed(after, limit, |awaited| awaited.refund.created_at >= since)
    }

    /// Events and deliveries that a clock which was ahead had put off are due now.
    pub(crate) fn bring_forward(&mut self, now: Timestamp) -> u64 {
        let wrong = now.plus(FURTHEST_AHEAD);
        let late = |due: Option<Timestamp>, leased: Option<Timestamp>| {
            due.is_some_and(|due| due > wrong || leased.is_some_and(|leased| leased > wrong))
        };
        let mut brought = 0;
        for event in self.events.values_mut().filter(|event| late(event.due_at, event.leased_until)) {
            (event.due_at, event.leased_until) = (Some(now), None);
            brought += 1;
        }
        let outboxes = self.rows.iter_mut().filter_map(|row| row.outbox.as_mut());
        for outbox in outboxes.filter(|outbox| late(outbox.due_at, outbox.leased_until)) {
            (outbox.due_at, outbox.leased_until) = (Some(now), None);
            brought += 1;
        }
        brought
    }

    pub(crate) fn automatic_refunds_since(&self, since: Timestamp) -> u64 {
        let refunds = self.rows.iter().flat_map(|row| &row.file.refunds);
        let automatic = |refund: &&sekali_core::domain::Refund| {
            refund.origin == RefundOrigin::Automatic && refund.created_at >= since
        };
        refunds.filter(automatic).count() as u64
    }

    fn captures_listed(
        &self,
        after: &str,
        limit: u32,
        wanted: impl Fn(&Row, &Capture) -> bool,
    ) -> Vec<StrayCapture> {
        let mut found = Vec::new();
        for row in &self.rows {
            let captures = row.file.captures.iter().filter(|capture| capture.payment_intent.as_str() > after);
            found.extend(
                captures
                    .filter(|capture| wanted(row, capture))
                    .map(|capture| StrayCapture { payment: row.file.payment.id, capture: capture.clone() }),
            );
        }
        found.sort_by(|a, b| a.capture.payment_intent.cmp(&b.capture.payment_intent));
        found.truncate(limit as usize);
        found
    }

    pub(crate) fn stray_captures(&self, after: &str, limit: u32) -> Vec<StrayCapture> {
        if !self.guards.has(Guard::StrayReturned) {
            return Vec::new();
        }
        self.captures_listed(after, limit, |row, capture| {
            capture.disposition != Disposition::Settled && row.file.remaining(capture).minor > 0
        })
    }

    pub(crate) fn captures_since(&self, since: Timestamp, after: &str, limit: u32) -> Vec<StrayCapture> {
        self.captures_listed(after, limit, |_, capture| capture.created_at >= since)
    }
}
