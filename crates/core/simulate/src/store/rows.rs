//! Row locks: a transaction holds its consultation until it ends, however it ends.

use crate::executor::lock;
use crate::world::Sim;
use sekali_core::domain::ConsultationId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A consultation's row, held. Dropping it ends the transaction: a connection that is gone is rolled back.
pub(crate) struct HeldRow {
    sim: Arc<Sim>,
    row: ConsultationId,
}

impl Drop for HeldRow {
    fn drop(&mut self) {
        let waiting = {
            let mut db = lock(&self.sim.db);
            db.locks.held.remove(&self.row);
            let (mine, others) =
                std::mem::take(&mut db.locks.waiting).into_iter().partition(|(row, _)| *row == self.row);
            db.locks.waiting = others;
            let mine: Vec<_> = mine;
            mine
        };
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

/// Waits for the row.
pub(crate) struct HoldRow<'s> {
    sim: &'s Sim,
    row: ConsultationId,
}

impl Sim {
    pub(crate) fn hold(&self, row: ConsultationId) -> HoldRow<'_> {
        HoldRow { sim: self, row }
    }
}

impl Future for HoldRow<'_> {
    type Output = HeldRow;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HeldRow> {
        let mut db = lock(&self.sim.db);
        if db.locks.held.insert(self.row) {
            drop(db);
            return Poll::Ready(HeldRow { sim: self.sim.arc(), row: self.row });
        }
        db.locks.waiting.push((self.row, context.waker().clone()));
        Poll::Pending
    }
}
