//! Looking at the database as a whole.

use crate::pool::{Connection, work};
use crate::rows::{self, first, value};
use crate::single::values;
use crate::{PostgresStore, migrations, sql};
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, RecordedEvent};
use sekali_core::ports::{AuditStore, SchemaState, StoreError, Table};
use tokio_postgres::{Row, SimpleQueryMessage, SimpleQueryRow};
use uuid::Uuid;

/// What is asked here may look at every row there is, and is planned accordingly.
const PATIENT: &str = "SET LOCAL statement_timeout = '10min'; \
                       SET LOCAL enable_seqscan = on; \
                       SET LOCAL enable_hashjoin = on; \
                       SET LOCAL enable_mergejoin = on";

#[async_trait]
impl AuditStore for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.pool.read(work(|c| Box::pin(ready(c)))).await
    }

    async fn installation(&self) -> Result<Uuid, StoreError> {
        let work = work(|c| {
            Box::pin(async move {
                let found = c.read(&sql::INSTALLATION, &[]).await?;
                let id = first(&found, |row| value(row, "id"))?;
                id.ok_or_else(|| StoreError::Broken("the installation has lost its name".to_owned()))
            })
        });
        self.pool.read(work).await
    }

    async fn query(&self, sql: &str) -> Result<Table, StoreError> {
        let sql = sql.to_owned();
        let work = work(move |c| {
            Box::pin(async move {
                let tx = c.begin_read_only().await?;
                tx.script(PATIENT).await?;
                let answer = tx.text(&sql).await?;
                Ok(table(&answer))
            })
        });
        self.pool.read(work).await
    }

    async fn records(
        &self,
        (payment, seq): (PaymentId, i64),
        limit: u32,
    ) -> Result<Vec<(Uuid, RecordedEvent)>, StoreError> {
        let read = |row: &Row| Ok((value(row, "reference")?, rows::event(row)?));
        self.pool.list(&sql::RECORDS, values![payment.0, seq, i64::from(limit)], read).await
    }

    fn statements(&self) -> u64 {
        self.pool.statements()
    }
}

async fn ready(connection: &mut Connection) -> Result<(), StoreError> {
    match migrations::state(connection).await? {
        SchemaState::Current => {}
        SchemaState::Empty => return Err(StoreError::Broken("it is empty: run `sekali migrate`".to_owned())),
        SchemaState::Old { version } => {
            return Err(StoreError::Broken(format!("its schema is old ({version}): run `sekali migrate`")));
        }
        SchemaState::Newer { version } => {
            return Err(StoreError::Broken(format!("its schema ({version}) is newer than this program")));
        }
    }
    let found = connection.read(&sql::CAN_WRITE, &[]).await?;
    match first(&found, |row| value(row, "writable"))? {
        Some(true) => Ok(()),
        _ => Err(StoreError::Unavailable("it is read-only, as a standby is".to_owned())),
    }
}

fn table(answer: &[SimpleQueryMessage]) -> Table {
    let mut table = Table { columns: Vec::new(), rows: Vec::new() };
    for message in answer {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => table.rows.push(texts(row)),
            _ => {}
        }
    }
    table
}

fn texts(row: &SimpleQueryRow) -> Vec<String> {
    (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect()
}
