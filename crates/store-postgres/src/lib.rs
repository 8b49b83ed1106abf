//! Sekali's store on PostgreSQL.
//!
//! The guarantee lives in the schema (`migrations/`): a partial unique index lets a consultation have
//! one active payment. A payment is made by one function in the database, called in one round trip
//! (`create`), and changed by one transaction (`decide`) that locks its consultation, then itself, and
//! writes what core decides.
//!
//! Every write runs in a task of its own (`pool`): a caller that goes away, as an HTTP handler does
//! when its client hangs up, never leaves one half-way.

mod apply;
mod audit;
mod console;
mod consultations;
mod create;
mod decide;
mod errors;
mod file;
mod inbox;
mod migrations;
mod operations;
mod outbox;
mod payments;
mod pool;
mod reconcile;
mod remark;
mod rows;
mod single;
mod sql;
mod tls;

use create::Queue;
use pool::Pool;
use sekali_core::ports::StoreError;
use std::time::Duration;

pub use migrations::MIGRATIONS;

/// How the database is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most connections at a time. A small pool wins: 64 connections are slower than 16.
    pub connections: usize,
    /// Longest time for opening a connection, authentication included.
    pub connect_timeout: Duration,
    /// Longest wait for a connection to become free.
    pub wait: Duration,
    /// Longest wait for a row that another transaction holds.
    pub lock_timeout: Duration,
    /// Longest time for one statement, its waits included.
    pub statement_timeout: Duration,
    /// Whether a pooler stands in between that hands each transaction to another session (PgBouncer in
    /// transaction mode). Nothing is then left in a session, nor expected there: statements are sent whole each time
    /// and not prepared, and every transaction is told by itself, with `SET LOCAL`, what a session
    /// is told otherwise. A statement that commits by itself becomes a transaction, which costs it
    /// three round trips more.
    pub pooled: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            connect_timeout: Duration::from_secs(3),
            wait: Duration::from_secs(2),
            lock_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(15),
            pooled: false,
        }
    }
}

/// A database on PostgreSQL 14 or newer. Clones share its connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    queue: Queue,
}

impl PostgresStore {
    /// Reads the address, `postgres://user:password@host:port/database?sslmode=…`, and gets ready to
    /// connect when the first statement is sent.
    ///
    /// `sslmode` is `disable`, `prefer` (the default: encrypted if the server can), `require`
    /// (encrypted; as in libpq the server's certificate is not checked) or `verify-full` (checked
    /// against the public authorities, or those in the PEM file that `sslrootcert` names).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with a sentence about what is wrong with the address; it never
    /// holds the password.
    pub fn connect(url: &str, options: &Options) -> Result<Self, StoreError> {
        let pool = Pool::new(url, options)?;
        Ok(Self { queue: Queue::new(pool.clone(), options.wait), pool })
    }

    /// Makes the next payment, invoice and tax record have these numbers. For tests that compare
    /// whole answers.
    #[doc(hidden)]
    pub async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64) -> Result<(), StoreError> {
        let work = pool::work(move |connection| {
            Box::pin(async move {
                connection.write(&sql::SET_NEXT_IDS, &[&payment, &invoice, &tax]).await.map(|_| ())
            })
        });
        self.pool.write(work).await
    }
}

impl std::fmt::Debug for PostgresStore {
    /// Without the address: it holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}
