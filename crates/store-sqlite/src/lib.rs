//! Sekali's embedded default: the store on one SQLite file.
//!
//! One thread writes. It takes whatever writes have queued up, runs each in a savepoint of its own
//! and commits them together, and answers each only after the commit: under load many payments
//! share one `fsync`, and a single one waits for nobody. Reads go over connections of their own.
//! Other processes may open the same file: `BEGIN IMMEDIATE` lets one write at a time.

mod apply;
mod audit;
mod cases;
mod connection;
mod console;
mod consultations;
mod failure;
mod file;
mod functions;
mod inbox;
mod leases;
mod migrations;
mod outbox;
mod payments;
mod readers;
mod reconcile;
mod record;
mod rows;
mod sql;
mod writer;

use connection::Sql;
use readers::Readers;
use sekali_core::ports::StoreError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use writer::Writer;

/// A store on an SQLite file. Dropping it finishes the writes under way, then closes the file.
pub struct SqliteStore {
    // Before the writer, as fields are dropped in their order: the connection that is closed last
    // folds the write-ahead log into the file, and a reader's cannot.
    readers: Readers,
    writer: Writer,
    sent: Arc<AtomicU64>,
}

impl SqliteStore {
    /// Opens the file, and makes an empty one that only this user may read if there is none. The
    /// schema is not looked at: that is `SchemaStore`'s.
    ///
    /// An error's sentence names the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = connection::make_file(path)?;
        let sent = Arc::new(AtomicU64::new(0));
        let writer = Writer::start(connection::open_writer(&path)?, Arc::clone(&sent))?;
        let readers = Readers::start(&path, &sent)?;
        Ok(Self { readers, writer, sent })
    }

    /// Sets the numbers that the next payment, invoice and tax record get: for a test that expects
    /// certain ones.
    #[doc(hidden)]
    pub async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64) -> Result<(), StoreError> {
        let next = [("payments", payment), ("invoices", invoice), ("tax_records", tax)];
        self.write(move |sql| {
            for (table, id) in next {
                sql.run(sql::FORGET_SEQUENCE, [table])?;
                sql.run(sql::SET_SEQUENCE, (table, id - 1))?;
            }
            Ok(())
        })
        .await
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(work).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(work).await
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
