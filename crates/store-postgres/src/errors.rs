//! What an error of the driver means for the caller.

use sekali_core::ports::StoreError;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What a lost connection means at the moment it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenLost {
    /// Nothing was asked for that would last: a query, or a transaction before its COMMIT is sent.
    NothingWritten,
    /// What was sent commits by itself; whether it did, nobody here knows.
    Unclear,
}

/// Indexes that decide races. Whoever loses one looks again and then sees what the winner wrote.
const RACES: [&str; 8] = [
    "payments_one_active",
    "checkout_sessions_one_live",
    "captures_pkey",
    "captures_one_settled",
    "refunds_one_for_a_key",
    "refunds_gateway_id_key",
    "refunds_replaces_key",
    "payment_events_in_order",
];

/// Sorts an error into the four that the flows tell apart.
pub(crate) fn classify(error: &Error, when_lost: WhenLost) -> StoreError {
    let text = describe(error);
    match error.as_db_error() {
        Some(reported) => classify_reported(reported, text, when_lost),
        // An answer that makes no sense to the driver leaves a write just as open as none.
        None if is_lost(error) || when_lost == WhenLost::Unclear => lost(text, when_lost),
        None => StoreError::Broken(text),
    }
}

/// The connection is gone, or nothing came in time.
pub(crate) fn lost(text: String, when_lost: WhenLost) -> StoreError {
    match when_lost {
        WhenLost::NothingWritten => StoreError::Unavailable(text),
        WhenLost::Unclear => StoreError::Unclear(text),
    }
}

/// An error on the way to a connection: nothing was sent.
pub(crate) fn unreachable(error: &deadpool_postgres::PoolError) -> StoreError {
    use deadpool_postgres::{HookError, PoolError, TimeoutType};
    StoreError::Unavailable(match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => describe(error),
        PoolError::Timeout(TimeoutType::Wait) => "every connection is in use".to_owned(),
        PoolError::Timeout(_) => "connecting took too long".to_owned(),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            "the connection pool is closed".to_owned()
        }
    })
}

fn classify_reported(error: &DbError, text: String, when_lost: WhenLost) -> StoreError {
    let code = error.code();
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        return StoreError::Conflict(text);
    }
    if *code == SqlState::UNIQUE_VIOLATION {
        let race = error.constraint().is_some_and(|constraint| RACES.contains(&constraint));
        return if race { StoreError::Conflict(text) } else { StoreError::Broken(text) };
    }
    match code.code() {
        // The server ends or loses the session, or does not know itself (statement_completion_unknown).
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "40003" => lost(text, when_lost),
        // Rolled back: a lock or the statement took too long; the server has become a standby; or what
        // was prepared no longer fits, as the schema has moved on (a new connection will do); or one of
        // these has happened to an earlier statement of the same transaction.
        "55P03" | "57014" | "25006" | "25P02" | "0A000" | "26000" => StoreError::Unavailable(text),
        code if code.starts_with("08") => lost(text, when_lost),
        // Out of connections, memory or disk; or the system below has failed.
        code if code.starts_with("53") || code.starts_with("58") => StoreError::Unavailable(text),
        _ => StoreError::Broken(text),
    }
}

/// The driver's own errors with a cause in the network carry that as an I/O error.
fn is_lost(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// An error in words that hold no row's data. PostgreSQL quotes values in its details always, and in
/// the messages of some classes: of those only the code and the constraint's name are told.
fn describe(error: &Error) -> String {
    let Some(reported) = error.as_db_error() else {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        return cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    };
    let code = reported.code().code();
    let constraint = reported.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
    if ["22", "23", "P0"].iter().any(|class| code.starts_with(class)) {
        format!("SQLSTATE {code}{constraint}")
    } else {
        format!("{} (SQLSTATE {code})", reported.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::NoTls;

    #[derive(Debug, PartialEq, Eq)]
    enum Kind {
        Conflict,
        Unclear,
        Unavailable,
        Broken,
    }

    fn kind(error: &StoreError) -> Kind {
        match error {
            StoreError::Conflict(_) => Kind::Conflict,
            StoreError::Unclear(_) => Kind::Unclear,
            StoreError::Unavailable(_) => Kind::Unavailable,
            StoreError::Broken(_) => Kind::Broken,
        }
    }

    /// The database itself raises each code.
    #[tokio::test]
    async fn codes_are_sorted() {
        use Kind::{Broken, Conflict, Unavailable, Unclear};
        let rows = [
            (&["40001", "40P01"][..], Conflict, Conflict),
            (&["55P03", "57014", "25006", "25P02", "0A000", "26000"], Unavailable, Unavailable),
            (&["53100", "53200", "53300", "58030"], Unavailable, Unavailable),
            (&["57P01", "57P02", "57P03", "25P03", "40003", "08006", "08000"], Unavailable, Unclear),
            (&["23505", "23514", "22003", "42P01", "XX000", "P0001"], Broken, Broken),
        ];
        let database = sekali_test_support::postgres::database();
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        for (codes, reading, writing) in rows {
            for code in codes {
                let raise = format!("DO $$ BEGIN RAISE SQLSTATE '{code}' USING MESSAGE = 'said'; END $$");
                let error = client.batch_execute(&raise).await.unwrap_err();
                assert_eq!(kind(&classify(&error, WhenLost::NothingWritten)), reading, "{code}");
                assert_eq!(kind(&classify(&error, WhenLost::Unclear)), writing, "{code}");
                let quotes = code.starts_with("22") || code.starts_with("23") || code.starts_with("P0");
                assert_eq!(describe(&error).contains("said"), !quotes, "{code}");
            }
        }
        drop(client);
        connection.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_loses_a_race_by_an_index_may_try_again() {
        let database = sekali_test_support::postgres::database();
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        for race in RACES {
            let raise = format!("DO $$ BEGIN RAISE unique_violation USING CONSTRAINT = '{race}'; END $$");
            let error = client.batch_execute(&raise).await.unwrap_err();
            assert_eq!(kind(&classify(&error, WhenLost::Unclear)), Kind::Conflict, "{race}");
        }
        let terminate =
            client.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
        assert_eq!(kind(&classify(&terminate, WhenLost::Unclear)), Kind::Unclear);
        let _ = connection.await.unwrap();
        let closed = client.batch_execute("SELECT 1").await.unwrap_err();
        assert_eq!(kind(&classify(&closed, WhenLost::Unclear)), Kind::Unclear);
        assert_eq!(kind(&classify(&closed, WhenLost::NothingWritten)), Kind::Unavailable);
    }
}
