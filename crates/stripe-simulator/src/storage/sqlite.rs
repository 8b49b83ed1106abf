//! SQLite behind the storage: one connection that writes, one that reads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use super::{Access, Row, StorageError, Tx, Value, schema};
use crate::failure::Failure;

/// How long to wait for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf) -> Result<Self, StorageError> {
        tokio::task::spawn_blocking(move || {
            let mut writer = connect(&path)?;
            migrate(&mut writer)?;
            let reader = connect(&path)?;
            Ok(Self { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)) })
        })
        .await?
    }

    pub(super) async fn transact<T, F>(&self, access: Access, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, Failure> + Send + 'static,
    {
        let (connection, behavior) = match access {
            Access::Read => (Arc::clone(&self.reader), TransactionBehavior::Deferred),
            // A deferred transaction that upgrades fails past the busy time-out.
            Access::Write => (Arc::clone(&self.writer), TransactionBehavior::Immediate),
        };
        tokio::task::spawn_blocking(move || {
            // A panic in a job rolled its transaction back, so the connection is as good as before.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(behavior).map_err(StorageError::from)?;
            let outcome = job(&mut SqliteTx(&transaction))?;
            transaction.commit().map_err(StorageError::from)?;
            Ok(outcome)
        })
        .await
        .map_err(StorageError::from)?
    }
}

fn connect(path: &Path) -> Result<Connection, StorageError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // With NORMAL an acknowledged commit can be lost when the power goes.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StorageError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    schema::migrate(&mut SqliteTx(&transaction), "INTEGER PRIMARY KEY AUTOINCREMENT")?;
    transaction.commit()?;
    Ok(())
}

struct SqliteTx<'a>(&'a rusqlite::Transaction<'a>);

/// SQLite reads `$1` as a name, `?1` as a number.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

impl Tx for SqliteTx<'_> {
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
        let mut statement = self.0.prepare_cached(&numbered(sql))?;
        let rows = statement.execute(params_from_iter(params))?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        let mut statement = self.0.prepare_cached(&numbered(sql))?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| value(row.get_ref(column)?)).collect::<Result<_, _>>()?;
            found.push(Row(values));
        }
        Ok(found)
    }

    fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        Ok(self.0.execute_batch(sql)?)
    }
}

fn value(read: ValueRef<'_>) -> Result<Value, StorageError> {
    match read {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(text)),
            Err(error) => Err(StorageError::Corrupt(error.to_string())),
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(StorageError::Corrupt("a column is neither integer nor text".to_owned()))
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
