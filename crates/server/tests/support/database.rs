//! The database as somebody else sees it: over a connection of the test's own.

use rusqlite::types::ValueRef;
use sekali_store_postgres::{Options, PostgresStore};
use sekali_store_sqlite::SqliteStore;
use sekali_test_support::postgres::{self, TestDatabase};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A database of one test's own.
pub enum Database {
    Sqlite(Folder),
    Postgres(TestDatabase),
}

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sekali-server-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A service that still runs at the end of a failed test may be writing in there.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A transaction of somebody else's that holds what a payment needs.
pub enum Hold {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Hold {
    pub async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").unwrap(),
            Self::Postgres(client) => client.batch_execute("ROLLBACK").await.unwrap(),
        }
    }
}

impl Database {
    pub fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    pub fn postgres() -> Self {
        Self::Postgres(postgres::database())
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.0.join("sekali.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    fn host(folder: &Folder) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(folder.0.join("sekali.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection
    }

    async fn client(database: &TestDatabase) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        // Ends with the client.
        tokio::spawn(connection);
        client
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(folder) => Self::host(folder).execute_batch(sql).map_err(|error| error.to_string()),
            Self::Postgres(database) => {
                let client = Self::client(database).await;
                client.batch_execute(sql).await.map_err(|error| format!("{error:?}"))
            }
        }
    }

    /// Runs one query; every value as text, as the database's own shell prints it.
    pub async fn query(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(folder) => query_sqlite(&Self::host(folder), sql),
            Self::Postgres(database) => {
                let messages = Self::client(database).await.simple_query(sql).await.unwrap();
                messages.iter().filter_map(row).collect()
            }
        }
    }

    /// Holds the write lock (SQLite) or the consultation's row (PostgreSQL) in a transaction.
    pub async fn hold(&self, consultation: i64) -> Hold {
        match self {
            Self::Sqlite(folder) => {
                let connection = Self::host(folder);
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                Hold::Sqlite(connection)
            }
            Self::Postgres(database) => {
                let client = Self::client(database).await;
                let lock = format!("BEGIN; SELECT id FROM konsultasis WHERE id = {consultation} FOR UPDATE");
                client.batch_execute(&lock).await.unwrap();
                Hold::Postgres(client)
            }
        }
    }

    /// The numbers that the next payment, invoice and tax record get.
    pub async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64) {
        match self {
            Self::Sqlite(folder) => {
                let store = SqliteStore::open(&folder.0.join("sekali.db")).unwrap();
                store.set_next_ids(payment, invoice, tax).await.unwrap();
            }
            Self::Postgres(database) => {
                let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
                store.set_next_ids(payment, invoice, tax).await.unwrap();
            }
        }
    }
}

fn query_sqlite(connection: &rusqlite::Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| Ok(shown(row.get_ref(at)?))).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

fn row(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
}

/// Deletes one entry, by Redis' inline form.
pub async fn redis_del(url: &str, key: &str) {
    let (host, number) = url
        .strip_prefix("redis://")
        .unwrap()
        .split_once('/')
        .unwrap_or((url.strip_prefix("redis://").unwrap(), "0"));
    let number = if number.is_empty() { "0" } else { number };
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("SELECT {number}\r\nDEL {key}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\n:1\r\n"), "the entry was there: {answer}");
}
