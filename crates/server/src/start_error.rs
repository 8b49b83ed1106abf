//! Why the service did not start: one sentence each, naming what to change.

use crate::settings::SettingsError;
use sekali_core::ports::StoreError;
use std::net::SocketAddr;
use thiserror::Error;

/// Why the service did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting is missing, wrong or contradicts another.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address cannot be listened on.
    #[error("{setting} is {address}, which cannot be listened on: {error}")]
    Listen {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The database.
    #[error("DATABASE_URL cannot be used: {0}")]
    Store(#[from] StoreError),
    /// It has no tables.
    #[error("DATABASE_URL names a database without Sekali's tables: run `sekali migrate` first")]
    EmptyDatabase,
    /// Its tables are old.
    #[error(
        "DATABASE_URL names a database at step {0}, which is older than this program: run `sekali migrate` first"
    )]
    OldDatabase(i64),
    /// Its tables are newer.
    #[error(
        "DATABASE_URL names a database at step {0}, which is newer than this program: run a newer sekali"
    )]
    NewerDatabase(i64),
    /// Redis' address.
    #[error("REDIS_URL cannot be used: {0}")]
    Redis(String),
    /// Stripe or the database, while it was being worked.
    #[error("it could not be finished: {0}")]
    Reconcile(String),
    /// The host application's address or secrets.
    #[error("SEKALI_HOST_WEBHOOK_URL and SEKALI_HOST_WEBHOOK_SECRET cannot be used: {0}")]
    Host(String),
    /// The gateway.
    #[error("the payment gateway cannot be set up: {0}")]
    Gateway(String),
}
