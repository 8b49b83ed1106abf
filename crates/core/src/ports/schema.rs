//! The database's schema and how it is brought up to this program's.

use super::StoreError;
use async_trait::async_trait;

/// One forward step of the schema. Steps only add before they remove, so that the version before
/// this one still runs on the result.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3 … without gaps.
    pub version: i64,
    /// A few words, as in the file's name.
    pub name: &'static str,
    /// What is executed, in one transaction with the note that it was.
    pub sql: &'static str,
}

/// Where a database stands against this program's migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// It has none of Sekali's tables.
    Empty,
    /// It lacks the steps after `version`.
    Old {
        /// The newest step it has.
        version: i64,
    },
    /// It is this program's.
    Current,
    /// A newer program made it: this one must not touch it.
    Newer {
        /// The newest step it has.
        version: i64,
    },
}

impl SchemaState {
    /// The state of a database whose newest step is `version` (0: none), for a program that knows `known`.
    pub fn of(version: i64, known: &[Migration]) -> Self {
        let newest = known.iter().map(|migration| migration.version).max().unwrap_or(0);
        match version {
            0 => Self::Empty,
            _ if version < newest => Self::Old { version },
            _ if version == newest => Self::Current,
            _ => Self::Newer { version },
        }
    }
}

/// Brings a database up to date.
#[async_trait]
pub trait SchemaStore: Send + Sync {
    /// Where it stands.
    async fn schema(&self) -> Result<SchemaState, StoreError>;

    /// Runs what is missing, each step in a transaction; several servers that start at once do it
    /// one after the other. Returns the names of the steps that ran. Refuses a newer database.
    async fn migrate(&self) -> Result<Vec<String>, StoreError>;
}
