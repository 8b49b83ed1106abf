//! What the migrations need and SQLite does not have.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use sekali_core::domain::Fingerprint;
use sha2::{Digest, Sha256};

/// `sha256_hex(text)`: 64 lower-case hexadecimal digits.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("sha256_hex", 1, flags, |call| {
        let text: String = call.get(0)?;
        Ok(Fingerprint(Sha256::digest(text.as_bytes()).into()).to_hex())
    })
}
