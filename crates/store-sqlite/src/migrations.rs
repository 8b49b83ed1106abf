//! The schema's steps, and running those that a database lacks.

use crate::connection::Sql;
use crate::failure::broken;
use crate::rows::column;
use crate::{SqliteStore, sql};
use async_trait::async_trait;
use sekali_core::ports::{Migration, SchemaState, SchemaStore, StoreError};

/// Every step, oldest first.
pub(crate) const ALL: &[Migration] = &[
    Migration { version: 1, name: "initial", sql: include_str!("../migrations/0001_initial.sql") },
    Migration { version: 2, name: "life", sql: include_str!("../migrations/0002_life.sql") },
    Migration { version: 3, name: "console", sql: include_str!("../migrations/0003_console.sql") },
];

#[async_trait]
impl SchemaStore for SqliteStore {
    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.read(|sql| Ok(SchemaState::of(version(sql)?, ALL))).await
    }

    /// Each step is a write like any other: in one transaction with the note that it ran, and under
    /// `BEGIN IMMEDIATE`, which lets several starters through one after the other.
    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let mut ran = Vec::new();
        for migration in ALL {
            if self.write(|sql| step(sql, migration)).await? {
                ran.push(format!("{:04}_{}", migration.version, migration.name));
            }
        }
        Ok(ran)
    }
}

/// The newest step that the database has; 0 for an empty one.
fn version(sql: &Sql<'_>) -> Result<i64, StoreError> {
    if !sql.any(sql::HAS_MIGRATIONS, ())? {
        return Ok(0);
    }
    Ok(sql.row(sql::NEWEST_MIGRATION, (), |row| column(row, 0))?.unwrap_or(0))
}

/// Runs a step unless the database has it; whether it ran.
fn step(sql: &Sql<'_>, migration: &Migration) -> Result<bool, StoreError> {
    let version = version(sql)?;
    if let SchemaState::Newer { version } = SchemaState::of(version, ALL) {
        return Err(broken(format!("a newer program made it: its schema has step {version}")));
    }
    if version >= migration.version {
        return Ok(false);
    }
    sql.run_script(migration.sql)?;
    sql.run_on_one(sql::NOTE_MIGRATION, (migration.version, migration.name))?;
    Ok(true)
}
