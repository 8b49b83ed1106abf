//! The tables and their versions. A migration, once released, never changes: a new one is added behind it.

use super::{StorageError, Tx, Value};

const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_initial.sql"), include_str!("migrations/0002_life_of_a_payment.sql")];

/// Applies the migrations that are missing. `serial` is the database's spelling of a key that counts by
/// itself. The caller holds the write transaction, so that two servers that start at once do not both
/// migrate.
pub(super) fn migrate(tx: &mut dyn Tx, serial: &str) -> Result<(), StorageError> {
    tx.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let found = if let Some(row) = tx.query("SELECT version FROM schema_version", &[])?.first() {
        row.int(0)?
    } else {
        tx.execute("INSERT INTO schema_version (version) VALUES (0)", &[])?;
        0
    };
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let applied = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(applied..) else {
        return Err(StorageError::TooNew { found, known });
    };
    for migration in missing {
        tx.batch(&migration.replace("{serial}", serial))?;
    }
    tx.execute("UPDATE schema_version SET version = $1", &[Value::from(known)])?;
    Ok(())
}
