//! The store's port: every call is a message there and a message back, transactions hold their consultation's row,
//! and a commit's answer can be lost either way.

mod operations;
mod payments;
mod rows;

use crate::db::Db;
use crate::executor::{Process, Who, lock};
use crate::plan::Fault;
use crate::world::Sim;
use sekali_core::ports::StoreError;
use std::time::Duration;

pub(crate) use rows::HeldRow;

/// What becomes of one commit.
pub(crate) enum Fate {
    /// It happens, and is answered.
    Answered,
    /// It happens, and the answer is lost.
    Lost,
    /// It happens later; the caller is told that it is unclear.
    Later(Duration),
    /// It does not happen; the caller is told that it is unclear.
    Never,
}

pub(crate) fn unclear() -> StoreError {
    StoreError::Unclear("the connection broke at the commit".into())
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("the connection is refused".into())
}

impl Sim {
    pub(crate) fn fate(&self) -> Fate {
        if self.fault(Fault::UnclearDone) {
            Fate::Lost
        } else if self.fault(Fault::UnclearLater) {
            Fate::Later(Duration::from_micros(1000 + self.executor.below(2_000_000)))
        } else if self.fault(Fault::UnclearNever) {
            Fate::Never
        } else {
            Fate::Answered
        }
    }

    /// A query.
    pub(crate) async fn read<T>(&self, what: &str, ask: impl FnOnce(&Db) -> T) -> Result<T, StoreError> {
        self.travel().await;
        if self.fault(Fault::DatabaseDown) {
            self.note(|| (format!("asks the database for {what}"), "out of reach".into()));
            return Err(unavailable());
        }
        let answer = {
            let mut db = lock(&self.db);
            db.statements += 1;
            ask(&db)
        };
        self.travel_back().await;
        Ok(answer)
    }

    /// A statement that writes, and commits by itself.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        change: impl FnOnce(&mut Db) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.travel().await;
        if self.fault(Fault::DatabaseDown) {
            self.note(|| (format!("writes {what}"), "out of reach".into()));
            return Err(unavailable());
        }
        let answer = match self.fate() {
            Fate::Never => Err(unclear()),
            Fate::Lost => {
                self.commit(what, change);
                Err(unclear())
            }
            Fate::Later(after) => {
                self.later(after, what, move |sim| drop(sim.commit(what, change)));
                Err(unclear())
            }
            Fate::Answered => Ok(self.commit(what, change)),
        };
        self.travel_back().await;
        answer
    }

    /// A commit: what must hold after each is looked at.
    pub(crate) fn commit<T>(&self, what: &str, change: impl FnOnce(&mut Db) -> T) -> T {
        let (answer, broken) = {
            let mut db = lock(&self.db);
            db.statements += 1;
            let answer = change(&mut db);
            (answer, std::mem::take(&mut db.broken))
        };
        self.note(|| (format!("commits {what}"), String::new()));
        for (invariant, how) in broken {
            self.broken(invariant, how);
        }
        answer
    }

    /// The database goes on by itself, whoever has died or gone meanwhile.
    pub(crate) fn later(
        &self,
        after: Duration,
        what: &'static str,
        work: impl FnOnce(&Sim) + Send + 'static,
    ) {
        let sim = self.arc();
        let name = [0xdb, self.executor.draw()];
        self.note(|| (format!("the database goes on with {what} later"), format!("in {after:?}")));
        let run = async move {
            sim.executor.sleep(after).await;
            work(&sim);
        };
        self.spawn(Process::World, Who::Database, &name, run);
    }
}
