//! The demo: the contract's story, told in the terminal against a service of its own; and the runs of the page that
//! tries to pay twice.

mod books;
mod client;
mod command;
mod costs;
mod crash;
mod fleet;
mod folder;
mod kept;
mod own_server;
mod progress;
pub(crate) mod qr;
mod race;
mod runs;
pub(crate) mod sandbox;
mod story;
mod trace;

pub(crate) use books::Books;
pub(crate) use client::Client;
pub(crate) use fleet::Missing;
pub(crate) use folder::Folder;
pub(crate) use progress::{Progress, Stage};
pub(crate) use runs::{Runs, Way};
pub(crate) use story::{Story, tell};
pub(crate) use trace::{Trace, Traced};

use self::fleet::Fleet;
use crate::settings::TokenSettings;
use sekali_core::domain::ConsultationId;
use sekali_core::ports::Clock;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The verification queries of the contract, part 8, for a payment.
const QUERIES: [&str; 4] = [
    "SELECT p.id, p.user_id, p.consultation_id, p.amount, p.status, p.created_at FROM payments p WHERE p.id = {id}",
    "SELECT id, payment_id, invoice_number, status FROM invoices WHERE payment_id = {id}",
    "SELECT id, payment_id, tax_type, tax_amount FROM tax_records WHERE payment_id = {id}",
    "SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments\n WHERE status IN ('pending', 'processing', 'completed')\n GROUP BY consultation_id, user_id HAVING COUNT(*) > 1",
];
/// How many rows each of them brings when all is well.
const EXPECTED_ROWS: [usize; 4] = [1, 1, 2, 0];

/// What a part of the demo comes to.
pub(crate) type Told<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a service has only when its demo is on.
pub struct Demo {
    /// What the demo's tokens are signed with.
    pub(crate) tokens: TokenSettings,
    /// Where this very server is reached from this machine, without a slash at the end.
    pub(crate) origin: String,
    /// What became of the requests of runs.
    pub(crate) trace: Arc<Trace>,
    /// The runs so far.
    pub(crate) runs: Runs,
    /// What the run that goes on is at.
    pub(crate) progress: Progress,
    /// The consultations that this demo has made: tokens are for their patients, and for nobody else's.
    pub(crate) made: std::sync::Mutex<std::collections::BTreeSet<ConsultationId>>,
    /// PostgreSQL, Redis and two servers, once a run has needed them.
    fleet: Mutex<Option<Fleet>>,
}

impl Demo {
    /// For a server that is reached at `origin`.
    pub(crate) fn new(tokens: TokenSettings, origin: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            tokens,
            origin,
            trace: Arc::new(Trace::new(clock)),
            runs: Runs::default(),
            progress: Progress::default(),
            made: std::sync::Mutex::default(),
            fleet: Mutex::default(),
        }
    }
}
