//! What must hold after every single commit.

use super::{Db, Row};
use sekali_core::domain::{PaymentId, RefundState, SessionState, Status};

impl Db {
    /// After a payment was made.
    pub(super) fn watch_new(&mut self, id: PaymentId) {
        let Some(row) = self.row(id) else { return };
        let consultation = row.file.payment.consultation;
        let active: Vec<i64> = self
            .rows
            .iter()
            .filter(|row| {
                row.file.payment.consultation == consultation && row.file.payment.status.is_active()
            })
            .map(|row| row.file.payment.id.0)
            .collect();
        if active.len() > 1 {
            let how = format!("consultation {consultation} has the active payments {active:?}");
            self.broken.push(("I1", how));
        }
    }

    /// After a payment was changed from `before`.
    pub(super) fn watch_change(&mut self, id: PaymentId, before: &Row) {
        let Some(row) = self.row(id) else { return };
        let mut found = regressions(before, row);
        found.extend(unfit(row));
        let consultation = row.file.payment.consultation;
        let live = self
            .sessions()
            .filter(|(row, session, _)| {
                row.file.payment.consultation == consultation && session.state.is_live()
            })
            .count();
        if live > 1 {
            found.push(("I1", format!("consultation {consultation} has {live} live sessions")));
        }
        self.broken.extend(found);
    }
}

/// I6: what has ended does not go back.
fn regressions(before: &Row, after: &Row) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let (payment, was, is) = (after.file.payment.id, before.file.payment.status, after.file.payment.status);
    if was != is && !was.may_become(is) {
        found.push(("I6", format!("payment {payment} went from {was} to {is}")));
    }
    for (old, new) in before.file.sessions.iter().zip(&after.file.sessions) {
        // Money is proof that a session was paid, whatever was known of it.
        let may = old.state.is_live() || old.state == new.state || new.state == SessionState::Complete;
        if !may {
            let (old, new) = (old.state.as_str(), new.state.as_str());
            found.push(("I6", format!("a session of payment {payment} went from {old} to {new}")));
        }
    }
    for (old, new) in before.file.refunds.iter().zip(&after.file.refunds) {
        // One that was held never to have arrived may turn up after all.
        let found_after_all = old.state == RefundState::Failed && old.gateway_id.is_none();
        if old.state != new.state && !old.state.may_become(new.state) && !found_after_all {
            let (old, new) = (old.state.as_str(), new.state.as_str());
            found.push(("I6", format!("a refund of payment {payment} went from {old} to {new}")));
        }
    }
    if before.record.len() > after.record.len() || after.record[..before.record.len()] != before.record[..] {
        found.push(("I10", format!("the record of payment {payment} was rewritten")));
    }
    found
}

/// Rows that do not fit each other.
fn unfit(row: &Row) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let file = &row.file;
    let payment = file.payment.id;
    for capture in &file.captures {
        let remaining = file.remaining(capture).minor;
        if remaining < 0 {
            let intent = &capture.payment_intent;
            found
                .push(("I2", format!("refunds of {intent} exceed it by {} (payment {payment})", -remaining)));
        }
    }
    let paid = matches!(file.payment.status, Status::Completed | Status::Refunded);
    let settled = file.captures.iter().filter(|c| c.disposition == sekali_core::domain::Disposition::Settled);
    if settled.count() != usize::from(paid) {
        found.push((
            "I8",
            format!("payment {payment} is {} and its captures say otherwise", file.payment.status),
        ));
    }
    if file.payment.status != Status::Processing && file.live_session().is_some() {
        let status = file.payment.status;
        found.push(("I1", format!("payment {payment} is {status} and has a live session")));
    }
    found
}
