//! What is set while the simulator runs, shared by every process on the same database.

use super::{StorageError, Tx, Value, exactly_one};

const CLOCK_OFFSET: &str = "clock_offset_ms";

/// How far the simulated clock is ahead of the process's own, in milliseconds.
pub(crate) fn clock_offset(tx: &mut dyn Tx) -> Result<i64, StorageError> {
    let rows = tx.query("SELECT value FROM settings WHERE name = $1", &[Value::from(CLOCK_OFFSET)])?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// Moves the simulated clock.
pub(crate) fn set_clock_offset(tx: &mut dyn Tx, offset_ms: i64) -> Result<(), StorageError> {
    tx.execute("DELETE FROM settings WHERE name = $1", &[Value::from(CLOCK_OFFSET)])?;
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2)";
    exactly_one(
        "setting of the clock",
        tx.execute(sql, &[Value::from(CLOCK_OFFSET), Value::from(offset_ms)])?,
    )
}
