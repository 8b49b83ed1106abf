//! The invariants, held against the database, against Stripe's own books, and against what clients were answered.

mod books;
mod rows;
mod while_running;

use crate::executor::lock;
use crate::world::Sim;

impl Sim {
    /// Everything that must hold when a history has ended.
    pub(crate) fn check_all(&self) {
        let found = {
            let db = lock(&self.db);
            let presses = lock(&self.presses);
            let stripe = lock(&self.stripe);
            let mut found = rows::check(&db);
            found.extend(rows::check_answers(&db, &presses));
            found.extend(books::check_money(&db, &stripe));
            found.extend(books::check_refunds(&db, &stripe));
            found.extend(books::check_host(&db, &lock(&self.host).taken));
            if self.is_strict() {
                found.extend(books::check_no_surplus(&db));
            }
            found
        };
        for (invariant, how) in found {
            self.broken(invariant, how);
        }
    }

    /// Where no clock jumps by a day, Stripe's memory of keys outlasts ours: then not even a surplus may come, that
    /// would be given back.
    pub(crate) fn is_strict(&self) -> bool {
        self.setting.rate(crate::plan::Fault::ClockJumpDay) == 0
    }
}

/// What an invariant that does not hold is called, and how it does not.
pub(crate) type Found = Vec<(&'static str, String)>;
