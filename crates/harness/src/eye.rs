//! Looks into the database again and again, at little cost.

use crate::database::{Database, client};
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use tokio_postgres::Client;

/// Somebody who looks.
pub enum Eye {
    /// Opens the file for each look and lets go of it: a connection that stays would keep the log of a killed
    /// server usable, and the next one would have nothing to recover.
    Sqlite(PathBuf),
    /// Keeps a connection.
    Postgres(Client),
}

impl Eye {
    /// On this database.
    pub async fn on(database: &Database) -> Self {
        match database {
            Database::Sqlite(folder) => Self::Sqlite(folder.path().join("sekali.db")),
            Database::Postgres(database) => Self::Postgres(client(&database.url).await),
        }
    }

    /// The text of the first row; `None`: there is none, or it cannot be looked up right now.
    pub async fn text(&self, sql: &str) -> Option<String> {
        match self {
            Self::Sqlite(file) => {
                let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
                connection.query_row(sql, (), |row| row.get(0)).ok()
            }
            Self::Postgres(client) => client.query_opt(sql, &[]).await.ok()?.map(|row| row.get(0)),
        }
    }
}
