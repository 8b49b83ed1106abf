//! Opening the file, and the counted way to send statements to it.

use crate::failure::{before_commit, broken};
use crate::{functions, sql};
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, Params, Row};
use sekali_core::ports::StoreError;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a write waits for another process's.
const BUSY: Duration = Duration::from_secs(5);
/// Room for every statement of [`sql`].
pub(crate) const CACHED_STATEMENTS: usize = 160;
/// What the writer keeps of the file in memory, in KiB: pages for which there is no room are written before their commit,
/// and may be again with it. The 500 that SQLite has room for by itself are about what a group of payments changes whose
/// patients come in no order.
const CACHE_KIB: i64 = 16_000;
/// How many pages gather in the write-ahead log before they are brought into the file. Most groups change the same ones
/// (the ends of tables): the longer that waits, the less is written; the log takes 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_000;
/// How often the change to WAL is tried, each time after [`WAL_PAUSE`]: [`BUSY`] in all.
const WAL_ATTEMPTS: u32 = 250;
const WAL_PAUSE: Duration = Duration::from_millis(20);

/// Makes the file if there is none, and returns where it is from the root on: `:memory:` is then a
/// file's name like any other, and a later change of directory changes nothing.
pub(crate) fn make_file(path: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(path).map_err(|error| cannot_open(path, &error))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    // Payments and health-related numbers are nobody else's; SQLite gives its side files the same mode.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&absolute) {
        Ok(_) => Ok(absolute),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(absolute),
        Err(error) => Err(cannot_open(path, &error)),
    }
}

pub(crate) fn cannot_open(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("the database file {} cannot be opened: {error}", path.display()))
}

pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        use_wal(&connection)?;
        // With NORMAL an acknowledged commit can be lost when the power goes.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        functions::register(&connection)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| cannot_open(path, &error))
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| cannot_open(path, &error))
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection stays with its thread, so SQLite need not guard it.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // Otherwise a statement whose plan might depend on a value (there are indexes on a part of a table) is prepared
    // anew each time that it is given another one, which took more than half of a payment's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// The change to WAL asks for the file alone and does not wait for it: servers that start together
/// on a new file are in each other's way for a moment.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempt < WAL_ATTEMPTS =>
            {
                std::thread::sleep(WAL_PAUSE);
            }
            changed => break changed?,
        }
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    // A file system without shared memory, such as a network drive, on which two servers would not
    // see each other's locks.
    let reason = "its file system does not support the write-ahead log".to_owned();
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(reason),
    ))
}

/// A connection whose statements are counted and stay prepared.
pub(crate) struct Sql<'c> {
    connection: &'c Connection,
    sent: &'c AtomicU64,
}

impl<'c> Sql<'c> {
    pub(crate) fn new(connection: &'c Connection, sent: &'c AtomicU64) -> Self {
        Self { connection, sent }
    }

    fn prepared(&self, statement: &'static str) -> rusqlite::Result<CachedStatement<'c>> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.connection.prepare_cached(statement)
    }

    /// Runs a statement; how many rows it changed. SQLite's own error, for who has to tell them apart.
    pub(crate) fn try_run(&self, statement: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepared(statement)?.execute(params)
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn run(&self, statement: &'static str, params: impl Params) -> Result<usize, StoreError> {
        self.try_run(statement, params).map_err(|error| before_commit(&error))
    }

    /// Runs a statement that has to change exactly one row.
    pub(crate) fn run_on_one(&self, statement: &'static str, params: impl Params) -> Result<(), StoreError> {
        match self.run(statement, params)? {
            1 => Ok(()),
            rows => Err(broken(format!("{rows} rows instead of one were changed by: {statement}"))),
        }
    }

    /// Inserts a row; its number.
    pub(crate) fn insert(&self, statement: &'static str, params: impl Params) -> Result<i64, StoreError> {
        self.run_on_one(statement, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Every row that a statement returns.
    pub(crate) fn rows<T>(
        &self,
        statement: &'static str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let failed = |error| before_commit(&error);
        let mut prepared = self.prepared(statement).map_err(failed)?;
        let mut rows = prepared.query(params).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// The first row, if there is one.
    pub(crate) fn row<T>(
        &self,
        statement: &'static str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(statement, params, read)?.into_iter().next())
    }

    /// Whether a statement returns anything.
    pub(crate) fn any(&self, statement: &'static str, params: impl Params) -> Result<bool, StoreError> {
        Ok(self.row(statement, params, |_| Ok(()))?.is_some())
    }

    /// Does `work` on one picture of the database, whatever is committed meanwhile. Only where nothing is
    /// written: it is rolled back.
    pub(crate) fn snapshot<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.run(sql::BEGIN_READING, ())?;
        let result = work();
        self.roll_back();
        result
    }

    /// Runs one migration's statements.
    pub(crate) fn run_script(&self, script: &str) -> Result<(), StoreError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.connection.execute_batch(script).map_err(|error| before_commit(&error))
    }

    /// Counts a statement that somebody wrote by hand, and hands out the connection to run it.
    pub(crate) fn by_hand(&self) -> &'c Connection {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.connection
    }

    /// Whether a transaction is open. SQLite closes one by itself on some errors.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Gives up the transaction, if one is open. When even that fails the connection is left in it,
    /// and the next group's BEGIN fails until SQLite lets go.
    pub(crate) fn roll_back(&self) {
        if self.in_transaction() {
            let _ = self.try_run(sql::ROLLBACK, ());
        }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
