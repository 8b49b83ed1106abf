//! How far the host was told of each payment's record.

use super::{Db, Row};
use crate::plan::Guard;
use sekali_core::domain::{PaymentId, RecordedEvent, Timestamp};
use sekali_core::ports::{Delivery, OutboxEntry, OutboxQuery, StoreError};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct OutboxRow {
    pub(crate) delivered_seq: i64,
    pub(crate) last_seq: i64,
    pub(crate) attempts: u32,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) leased_until: Option<Timestamp>,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) parked_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

impl OutboxRow {
    pub(crate) fn new(last_seq: i64, due_at: Timestamp) -> Self {
        Self {
            delivered_seq: 0,
            last_seq,
            attempts: 0,
            due_at: Some(due_at),
            leased_until: None,
            failing_since: None,
            parked_at: None,
            error: None,
        }
    }

    /// Whatever is under way goes on as it was; a delivery that had come to rest begins anew.
    pub(crate) fn announce(&mut self, seq: i64, at: Timestamp) {
        self.last_seq = seq;
        if self.due_at.is_none() {
            (self.attempts, self.failing_since, self.error) = (0, None, None);
            self.due_at = Some(at);
        }
        self.parked_at = None;
    }
}

impl Row {
    /// The first announced entry after `seq`.
    fn next_announced(&self, seq: i64) -> Option<&RecordedEvent> {
        self.record.iter().find(|event| event.seq > seq && event.announces.is_some())
    }
}

impl Db {
    pub(crate) fn claim_deliveries(
        &mut self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let told_first = self.guards.has(Guard::OutboxTold);
        let is_due = |row: &&mut Row| {
            row.outbox.as_ref().is_some_and(|outbox| {
                outbox.due_at.is_some_and(|due| due <= now)
                    && outbox.leased_until.is_none_or(|until| until <= now)
            })
        };
        let mut due: Vec<&mut Row> = self.rows.iter_mut().filter(is_due).collect();
        due.sort_by_key(|row| row.outbox.as_ref().and_then(|outbox| outbox.due_at));
        let mut claimed = Vec::new();
        for row in due.into_iter().take(limit as usize) {
            let Some(mut outbox) = row.outbox.take() else { continue };
            outbox.leased_until = Some(now.plus(lease));
            outbox.attempts += 1;
            let next = row.next_announced(outbox.delivered_seq).cloned();
            let event =
                next.ok_or_else(|| StoreError::Broken("a delivery is due without an entry".into()))?;
            let (attempts, failing_since) = (outbox.attempts, outbox.failing_since);
            claimed.push(Delivery {
                reference: row.file.payment.reference,
                attempts,
                failing_since,
                event: event.clone(),
            });
            row.outbox = Some(outbox);
            if !told_first {
                delivered(row, event.seq, now);
            }
        }
        Ok(claimed)
    }

    pub(crate) fn delivered(&mut self, payment: PaymentId, seq: i64, now: Timestamp) {
        if let Some(row) = self.row_mut(payment) {
            delivered(row, seq, now);
        }
    }

    pub(crate) fn not_delivered(
        &mut self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) {
        let Some(row) = self.row_mut(payment) else { return };
        let Some(mut outbox) = row.outbox.take() else { return };
        if row.next_announced(outbox.delivered_seq).is_some_and(|event| event.seq == seq) {
            outbox.error = Some(error.to_owned());
            outbox.failing_since = outbox.failing_since.or(Some(now));
            outbox.leased_until = None;
            outbox.due_at = next;
            outbox.parked_at = if next.is_none() { Some(now) } else { None };
        }
        row.outbox = Some(outbox);
    }

    pub(crate) fn replay(&mut self, payment: PaymentId, from: Option<i64>, now: Timestamp) -> bool {
        let Some(outbox) = self.row_mut(payment).and_then(|row| row.outbox.as_mut()) else { return false };
        let before = from.map_or(outbox.delivered_seq, |seq| seq.max(1) - 1);
        outbox.delivered_seq = outbox.delivered_seq.min(before);
        (outbox.attempts, outbox.failing_since, outbox.parked_at, outbox.error) = (0, None, None, None);
        outbox.due_at = (outbox.last_seq > outbox.delivered_seq).then_some(now);
        true
    }

    pub(crate) fn outbox_entries(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Vec<OutboxEntry> {
        let wanted = |entry: &OutboxEntry| match query {
            OutboxQuery::Parked => entry.parked_at.is_some(),
            OutboxQuery::Unfinished => entry.delivered_seq < entry.last_seq,
            OutboxQuery::All => true,
        };
        let rows = self.rows.iter().filter(|row| row.file.payment.id > after);
        rows.filter_map(entry).filter(wanted).take(limit as usize).collect()
    }

    pub(crate) fn outbox_depth(&self) -> (u64, u64) {
        let count = |query| self.outbox_entries(query, PaymentId(0), u32::MAX).len() as u64;
        (count(OutboxQuery::Unfinished), count(OutboxQuery::Parked))
    }
}

fn entry(row: &Row) -> Option<OutboxEntry> {
    let outbox = row.outbox.clone()?;
    Some(OutboxEntry {
        payment: row.file.payment.id,
        delivered_seq: outbox.delivered_seq,
        last_seq: outbox.last_seq,
        attempts: outbox.attempts,
        due_at: outbox.due_at,
        failing_since: outbox.failing_since,
        parked_at: outbox.parked_at,
        error: outbox.error,
    })
}

fn delivered(row: &mut Row, seq: i64, now: Timestamp) {
    let Some(mut outbox) = row.outbox.take() else { return };
    if row.next_announced(outbox.delivered_seq).is_some_and(|event| event.seq == seq) {
        outbox.delivered_seq = seq;
        (outbox.attempts, outbox.failing_since, outbox.error) = (0, None, None);
        (outbox.leased_until, outbox.parked_at) = (None, None);
        outbox.due_at = (outbox.last_seq > seq).then_some(now);
    }
    row.outbox = Some(outbox);
}
