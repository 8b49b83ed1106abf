//! Looking at the database as a whole.

use crate::connection::Sql;
use crate::failure::{before_commit, broken};
use crate::{SqliteStore, record, rows, sql};
use async_trait::async_trait;
use rusqlite::types::ValueRef;
use sekali_core::domain::{PaymentId, RecordedEvent};
use sekali_core::ports::{AuditStore, SchemaState, SchemaStore, StoreError, Table};
use uuid::Uuid;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn ready(&self) -> Result<(), StoreError> {
        match self.schema().await? {
            SchemaState::Current => Ok(()),
            state => Err(broken(format!("the schema is not this program's: {state:?}"))),
        }
    }

    async fn installation(&self) -> Result<Uuid, StoreError> {
        let found = self.read(|sql| sql.row(sql::INSTALLATION, (), |row| rows::uuid(row, 0))).await?;
        found.ok_or_else(|| broken("the installation has no name"))
    }

    async fn query(&self, sql: &str) -> Result<Table, StoreError> {
        let query = sql.to_owned();
        self.read(move |sql| table(sql, &query)).await
    }

    async fn records(
        &self,
        after: (PaymentId, i64),
        limit: u32,
    ) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError> {
        self.read(move |sql| record::of_all(sql, after, limit)).await
    }

    fn statements(&self) -> u64 {
        self.sent()
    }
}

/// A single statement is a transaction of its own, and a reader's connection cannot write.
fn table(sql: &Sql<'_>, query: &str) -> Result<Table, StoreError> {
    let failed = |error| before_commit(&error);
    let mut statement = sql.by_hand().prepare(query).map_err(failed)?;
    let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(()).map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let texts = (0..columns.len()).map(|index| Ok(text(row.get_ref(index).map_err(failed)?)));
        rows.push(texts.collect::<Result<_, StoreError>>()?);
    }
    drop(found);
    Ok(Table { columns, rows })
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
