//! The simulator's durable state. Two databases, one set of statements: an adapter only knows how to run a
//! transaction and a statement, the tables are written once.
//!
//! Transactions that write run one at a time, over all processes that share the database. A simulator needs
//! no throughput, and what runs alone cannot race.

pub(crate) mod deliveries;
pub(crate) mod keys;
pub(crate) mod objects;
mod postgres;
mod schema;
pub(crate) mod settings;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

use crate::failure::Failure;

/// Where the simulator keeps its state.
#[derive(Debug, Clone)]
pub enum Storage {
    /// A SQLite file, made if it is missing.
    Sqlite {
        /// Path of the file; its folder has to exist.
        path: PathBuf,
    },
    /// The schema `stripe_simulator` of a PostgreSQL database, made if it is missing.
    Postgres {
        /// A `postgres://` address. The connection is not encrypted.
        url: String,
    },
}

/// The database did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// SQLite's own error.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL's own error.
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection to PostgreSQL could be had.
    #[error("PostgreSQL connection: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// A row holds what this program did not write.
    #[error("the simulator's database holds something unexpected: {0}")]
    Corrupt(String),
    /// A statement touched another number of rows than it must.
    #[error("{statement} touched {rows} rows instead of 1")]
    Rows {
        /// Which statement.
        statement: &'static str,
        /// How many rows it touched.
        rows: u64,
    },
    /// The tables were made by a later version of this program.
    #[error("the simulator's database has schema version {found}, newer than this program's {known}")]
    TooNew {
        /// The version in the database.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The thread that ran the transaction panicked or was shut down.
    #[error("the transaction's thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// A value that goes into a statement or comes out of a row: all that the tables are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    /// The integer in `column`, counted from 0.
    pub(crate) fn int(&self, column: usize) -> Result<i64, StorageError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            other => Err(StorageError::Corrupt(format!("column {column} is {other:?}, not an integer"))),
        }
    }

    /// The text in `column`, counted from 0.
    pub(crate) fn text(&self, column: usize) -> Result<&str, StorageError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value),
            other => Err(StorageError::Corrupt(format!("column {column} is {other:?}, not a text"))),
        }
    }

    /// Whether `column`, counted from 0, is NULL.
    pub(crate) fn is_null(&self, column: usize) -> bool {
        matches!(self.0.get(column), Some(Value::Null))
    }
}

/// An open transaction. Statements number their parameters `$1`, `$2`, ….
pub(crate) trait Tx {
    /// Runs one statement and returns how many rows it touched.
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StorageError>;
    /// Runs one statement and returns its rows.
    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError>;
    /// Runs several statements without parameters.
    fn batch(&mut self, sql: &str) -> Result<(), StorageError>;
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads one state of the database and waits for nobody.
    Read,
    /// Runs alone among the writers.
    Write,
}

/// The database in use.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Database {
    /// Opens the storage and brings its tables up to date.
    pub(crate) async fn open(storage: &Storage) -> Result<Self, StorageError> {
        match storage {
            Storage::Sqlite { path } => Ok(Self::Sqlite(Sqlite::open(path.clone()).await?)),
            Storage::Postgres { url } => Ok(Self::Postgres(Postgres::open(url).await?)),
        }
    }

    /// Runs `job` in one transaction, commits if it returns `Ok`, else rolls back. The transaction runs on a
    /// thread of its own to its end, also when the caller goes away meanwhile.
    pub(crate) async fn transact<T, F>(&self, access: Access, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, Failure> + Send + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => sqlite.transact(access, job).await,
            Self::Postgres(postgres) => postgres.transact(access, job).await,
        }
    }
}

/// Turns "touched `rows` rows" into an error unless it was exactly one.
pub(crate) fn exactly_one(statement: &'static str, rows: u64) -> Result<(), StorageError> {
    if rows == 1 { Ok(()) } else { Err(StorageError::Rows { statement, rows }) }
}
