//! The service's database, as the test sees it: from outside.

use rusqlite::OpenFlags;
use sekali_test_support::postgres::{self, TestDatabase};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// How long the test's own statement waits for the server's.
const BUSY: Duration = Duration::from_secs(20);

/// A database of one test's own.
pub enum Database {
    /// A file in a folder of its own.
    Sqlite(Folder),
    /// A fresh one on the PostgreSQL of the tests.
    Postgres(TestDatabase),
}

/// A folder that goes with this value.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sekali-harness-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder in the system's temporary folder");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted is left to the system's own cleaning of temporary folders.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run has left in the tables of the contract.
#[derive(Debug, PartialEq, Eq)]
pub struct Rows {
    /// In `payments`.
    pub payments: i64,
    /// In `invoices`.
    pub invoices: i64,
    /// In `tax_records`.
    pub tax_records: i64,
    /// In `idempotency_keys`.
    pub keys: i64,
    /// What the contract's last verification query finds: it must be nothing.
    pub doubled: i64,
}

impl Rows {
    /// What `payments` payments leave, each made by a key of its own.
    pub fn of(payments: i64) -> Self {
        Self { payments, invoices: payments, tax_records: 2 * payments, keys: payments, doubled: 0 }
    }
}

impl Database {
    /// An embedded one.
    pub fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    /// One on PostgreSQL.
    pub fn postgres() -> Self {
        Self::Postgres(postgres::database())
    }

    /// Its address, as `DATABASE_URL` has it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", file(folder).display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    /// The one number that a query returns.
    pub async fn number(&self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(folder) => {
                let connection = open(&file(folder), OpenFlags::SQLITE_OPEN_READ_ONLY);
                connection.query_row(sql, (), |row| row.get(0)).expect("a query of the test's own")
            }
            Self::Postgres(database) => {
                let row = client(&database.url).await.query_one(sql, &[]).await;
                row.expect("a query of the test's own").get(0)
            }
        }
    }

    /// The transitions that the host is to be told of, in order: of each payment the entries' numbers and
    /// the messages' types.
    pub async fn announced(&self) -> BTreeMap<i64, Vec<(i64, String)>> {
        let sql = "SELECT payment_id, CAST(seq AS bigint), announces FROM payment_events
             WHERE announces IS NOT NULL ORDER BY payment_id, seq";
        let mut all: BTreeMap<i64, Vec<(i64, String)>> = BTreeMap::new();
        for (payment, seq, kind) in self.triples(sql).await {
            all.entry(payment).or_default().push((seq, kind));
        }
        all
    }

    /// Rows of two numbers and a text.
    pub async fn triples(&self, sql: &str) -> Vec<(i64, i64, String)> {
        const OWN: &str = "a query of the test's own";
        match self {
            Self::Sqlite(folder) => {
                let connection = open(&file(folder), OpenFlags::SQLITE_OPEN_READ_ONLY);
                let mut statement = connection.prepare(sql).expect(OWN);
                let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
                rows.expect(OWN).map(|row| row.expect(OWN)).collect()
            }
            Self::Postgres(database) => {
                let rows = client(&database.url).await.query(sql, &[]).await.expect(OWN);
                rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
            }
        }
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let connection = open(&file(folder), OpenFlags::SQLITE_OPEN_READ_WRITE);
                connection.execute_batch(sql).expect("a statement of the test's own");
            }
            Self::Postgres(database) => {
                let done = client(&database.url).await.batch_execute(sql).await;
                done.expect("a statement of the test's own");
            }
        }
    }

    /// Makes consultations 1 to `last`, as a host application does that shares the database; each is
    /// the patient's whom `patient` names.
    pub async fn seed(&self, last: i64, patient: impl Fn(i64) -> i64) {
        let rows: Vec<String> =
            (1..=last).map(|id| format!("({id}, {}, '5000.00', 'PHP')", patient(id))).collect();
        for some in rows.chunks(1000) {
            let rows = some.join(", ");
            self.execute(&format!("INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES {rows}"))
                .await;
        }
    }

    /// A copy, as a backup of a database that nobody uses at the moment.
    pub async fn copy(&self) -> Self {
        match self {
            Self::Sqlite(folder) => {
                let copy = Folder::new();
                let connection = open(&file(folder), OpenFlags::SQLITE_OPEN_READ_WRITE);
                let path = file(&copy).display().to_string();
                connection.execute("VACUUM INTO ?1", [path]).expect("a copy");
                Self::Sqlite(copy)
            }
            Self::Postgres(database) => {
                let copy = postgres::database();
                let (from, to) = (name(&database.url), name(&copy.url));
                // Whoever was killed may not be gone yet, and a template must have no connections.
                let leave = format!(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname IN ('{from}', '{to}')"
                );
                let admin = client(&copy.url.replace(to, "postgres")).await;
                for sql in [
                    leave.as_str(),
                    &format!("DROP DATABASE {to}"),
                    &format!("CREATE DATABASE {to} TEMPLATE {from}"),
                ] {
                    admin.batch_execute(sql).await.expect("a copy");
                }
                Self::Postgres(copy)
            }
        }
    }

    /// Counts.
    pub async fn rows(&self) -> Rows {
        let count = async |table: &str| self.number(&format!("SELECT count(*) FROM {table}")).await;
        // The query of the contract, part 8, word for word, with its rows counted.
        let doubled = "(SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments
             WHERE status IN ('pending', 'processing', 'completed')
             GROUP BY consultation_id, user_id HAVING COUNT(*) > 1) AS doubled";
        Rows {
            payments: count("payments").await,
            invoices: count("invoices").await,
            tax_records: count("tax_records").await,
            keys: count("idempotency_keys").await,
            doubled: count(doubled).await,
        }
    }

    /// Checks what `payments` payments must have left, and that every payment has one invoice and two
    /// tax records (sums alone could hide one too many beside one too few).
    pub async fn holds(&self, payments: i64) -> Rows {
        let rows = self.rows().await;
        assert_eq!(rows, Rows::of(payments));
        let uneven = "SELECT count(*) FROM payments p
             WHERE (SELECT count(*) FROM invoices i WHERE i.payment_id = p.id) <> 1
                OR (SELECT count(*) FROM tax_records t WHERE t.payment_id = p.id) <> 2";
        assert_eq!(self.number(uneven).await, 0, "payments without their one invoice and two tax records");
        rows
    }

    /// Checks that payments that were answered are there: each a payment's number and its consultation's.
    pub async fn stores(&self, answered: &[(i64, i64)]) {
        for some in answered.chunks(500) {
            let rows: Vec<String> = some.iter().map(|(payment, id)| format!("({payment}, {id})")).collect();
            let rows = rows.join(", ");
            let sql = format!("SELECT count(*) FROM payments WHERE (id, consultation_id) IN (VALUES {rows})");
            let found = usize::try_from(self.number(&sql).await);
            assert_eq!(found, Ok(some.len()), "what was answered is there");
        }
    }

    /// Keeps the service from writing a payment for consultations 1 to `last` until it is let go: on
    /// PostgreSQL by their rows, on SQLite, which knows no such thing, by the whole file.
    pub async fn hold(&self, last: i64) -> Hold {
        match self {
            Self::Sqlite(folder) => {
                let connection = open(&file(folder), OpenFlags::SQLITE_OPEN_READ_WRITE);
                connection.execute_batch("BEGIN IMMEDIATE").expect("the right to write");
                Hold::Sqlite(connection)
            }
            Self::Postgres(database) => {
                let client = client(&database.url).await;
                let sql = format!("BEGIN; SELECT 1 FROM konsultasis WHERE id <= {last} FOR UPDATE");
                client.batch_execute(&sql).await.expect("the consultations' rows");
                Hold::Postgres(client)
            }
        }
    }
}

/// What keeps the service waiting.
pub enum Hold {
    /// The right to write.
    Sqlite(rusqlite::Connection),
    /// Rows.
    Postgres(Client),
}

impl Hold {
    /// Lets go.
    pub async fn let_go(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").expect("an end"),
            Self::Postgres(client) => client.batch_execute("ROLLBACK").await.expect("an end"),
        }
    }
}

/// The database's name in its address.
fn name(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

fn file(folder: &Folder) -> PathBuf {
    folder.0.join("sekali.db")
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_with_flags(path, access).expect("the service's file");
    connection.busy_timeout(BUSY).expect("a time-out");
    connection
}

/// A connection of the test's own to PostgreSQL.
pub async fn client(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("a connection of the test's own");
    // It ends with the client.
    tokio::spawn(connection);
    client
}
