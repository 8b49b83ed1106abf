//! Databases on PostgreSQL: a fresh one for each test.

mod pooler;
mod programs;
mod server;

pub use pooler::{Pooler, Pooling};
pub use server::Server;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use tokio_postgres::{Config, NoTls};

/// The variable that names a server to use: an address of a superuser.
const GIVEN: &str = "TEST_DATABASE_URL";

/// A database of one test's own, empty at first, dropped with this value.
pub struct TestDatabase {
    /// Its address, for a user who may do anything.
    pub url: String,
    name: String,
    admin: String,
    /// Keeps a private server up as long as one of its databases is in use.
    _server: Option<Arc<Server>>,
}

/// Makes a fresh database: on the server that `TEST_DATABASE_URL` names, or else on a private one
/// that is started for this process and stopped with its last database.
///
/// # Panics
/// When there is neither.
pub fn database() -> TestDatabase {
    match std::env::var(GIVEN) {
        Ok(url) if !url.is_empty() => fresh(&url, None),
        _ => {
            let server = shared_server();
            fresh(&server.url("postgres"), Some(server))
        }
    }
}

impl Server {
    /// Makes a fresh database on this server.
    pub fn database(self: &Arc<Self>) -> TestDatabase {
        fresh(&self.url("postgres"), Some(Arc::clone(self)))
    }
}

fn shared_server() -> Arc<Server> {
    static SHARED: OnceLock<Mutex<Weak<Server>>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Server::start();
        *shared = Arc::downgrade(&server);
        server
    })
}

fn fresh(admin: &str, server: Option<Arc<Server>>) -> TestDatabase {
    let name = format!("sekali_test_{:016x}", RandomState::new().build_hasher().finish());
    execute(admin, &format!("CREATE DATABASE {name}"))
        .unwrap_or_else(|error| panic!("no test database can be made: {error}"));
    TestDatabase { url: with_database(admin, &name), name, admin: admin.to_owned(), _server: server }
}

impl TestDatabase {
    /// Runs SQL on this database, as somebody other than the program under test.
    ///
    /// # Errors
    /// The database's own words.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        execute(&self.url, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A server that the test itself has stopped takes its databases along.
        let _ = execute(&self.admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// The address `url` with another database's name in its path.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, String::new()), |(a, o)| (a, format!("?{o}")));
    let host_at = address.find("://").map_or(0, |at| at + 3);
    let path_at = address[host_at..].find('/').map_or(address.len(), |at| host_at + at);
    format!("{}/{name}{options}", &address[..path_at])
}

fn execute(url: &str, sql: &str) -> Result<(), String> {
    let config: Config = url.parse().map_err(|_| format!("{GIVEN} is no PostgreSQL address"))?;
    let sql = sql.to_owned();
    blocking(async move {
        let (client, connection) = config.connect(NoTls).await.map_err(readable)?;
        let connection = tokio::spawn(connection);
        client.batch_execute(&sql).await.map_err(readable)?;
        drop(client);
        let _ = connection.await;
        Ok(())
    })
}

fn readable(error: impl std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// Runs a future to its end from anywhere, also from inside another runtime and from `drop`.
fn blocking(work: impl Future<Output = Result<(), String>> + Send + 'static) -> Result<(), String> {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime for the test's own queries").block_on(work)
    });
    thread.join().expect("the thread of the test's own queries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_database_is_replaced() {
        let rows = [
            ("postgres://a:b@h:1/x?sslmode=disable", "postgres://a:b@h:1/y?sslmode=disable"),
            ("postgres://h", "postgres://h/y"),
            ("postgres:///x", "postgres:///y"),
        ];
        for (url, expected) in rows {
            assert_eq!(with_database(url, "y"), expected);
        }
    }

    #[test]
    fn a_private_server_goes_with_its_last_database() {
        let server = Server::start();
        let url = server.url("postgres");
        let (one, two) = (server.database(), server.database());
        assert_ne!(one.url, two.url);
        one.execute("CREATE TABLE t (id int)").unwrap();
        two.execute("CREATE TABLE t (id int)").unwrap();
        assert!(two.execute("CREATE TABLE t (id int)").is_err());
        let directory = server.directory().to_owned();
        drop((one, two, server));
        assert!(execute(&url, "SELECT 1").is_err(), "the server still answers");
        assert!(!directory.exists(), "its files are left behind");
    }
}
