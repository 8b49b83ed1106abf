//! What an error of SQLite's means for the one who asked.

use rusqlite::{Error, ErrorCode};
use sekali_core::ports::StoreError;

/// For an error before the commit: nothing was written, for certain, as the transaction is rolled back.
pub(crate) fn before_commit(error: &Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => StoreError::Unavailable(text),
        _ => StoreError::Broken(text),
    }
}

/// For an error of COMMIT. Only a commit that had to wait certainly did not begin; after any other
/// error its record may stand in the write-ahead log, and a crash before the next commit would bring
/// it to life.
pub(crate) fn of_commit(error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Unclear(error.to_string()),
    }
}

/// Something in the database that Sekali did not put there.
pub(crate) fn broken(what: impl Into<String>) -> StoreError {
    StoreError::Broken(what.into())
}
