//! Bringing a database up to this program's schema.

use crate::pool::{Connection, work};
use crate::rows::{first, value};
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::ports::{Migration, SchemaState, SchemaStore, StoreError};

/// The steps, in their order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "initial", sql: include_str!("../migrations/0001_initial.sql") },
    Migration {
        version: 2,
        name: "create_payments",
        sql: include_str!("../migrations/0002_create_payments.sql"),
    },
    Migration { version: 3, name: "life", sql: include_str!("../migrations/0003_life.sql") },
    Migration {
        version: 4,
        name: "create_payments_with_record",
        sql: include_str!("../migrations/0004_create_payments_with_record.sql"),
    },
    Migration { version: 5, name: "console", sql: include_str!("../migrations/0005_console.sql") },
];

/// Servers that start together go one after the other, held by a lock that ends with its
/// transaction (the number is arbitrary); a step may take as long as it needs.
const PREPARE: &str = "
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = '60s';
    SELECT pg_advisory_xact_lock(8316295172);
    CREATE TABLE IF NOT EXISTS sekali_migrations (
        version bigint PRIMARY KEY,
        name text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )";

#[async_trait]
impl SchemaStore for PostgresStore {
    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.pool.read(work(|c| Box::pin(state(c)))).await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let work = work(|c| {
            Box::pin(async move {
                let mut ran = Vec::new();
                while let Some(migration) = next(c).await? {
                    ran.push(migration.name.to_owned());
                }
                Ok(ran)
            })
        });
        self.pool.write(work).await
    }
}

/// Where the database stands.
pub(crate) async fn state(connection: &mut Connection) -> Result<SchemaState, StoreError> {
    let found = connection.read(&sql::HAS_MIGRATIONS, &[]).await?;
    if first(&found, |row| value(row, "found"))? != Some(true) {
        return Ok(SchemaState::Empty);
    }
    let version = connection.read(&sql::SCHEMA_VERSION, &[]).await?;
    let version = first(&version, |row| value(row, "version"))?.unwrap_or(0);
    Ok(SchemaState::of(version, MIGRATIONS))
}

/// Runs the first step that is missing.
async fn next(connection: &mut Connection) -> Result<Option<Migration>, StoreError> {
    let tx = connection.begin().await?;
    tx.script(PREPARE).await?;
    let version = tx.send(&sql::SCHEMA_VERSION, &[]).await?;
    let version: i64 = first(&version, |row| value(row, "version"))?.unwrap_or(0);
    if let SchemaState::Newer { version } = SchemaState::of(version, MIGRATIONS) {
        return Err(StoreError::Broken(format!(
            "its schema (version {version}) was made by a newer program: this one must not touch it"
        )));
    }
    let Some(migration) = MIGRATIONS.iter().find(|migration| migration.version > version) else {
        return Ok(None);
    };
    tx.script(migration.sql).await?;
    tx.change(&sql::INSERT_MIGRATION, &[&migration.version, &migration.name]).await?;
    tx.commit().await?;
    Ok(Some(*migration))
}
