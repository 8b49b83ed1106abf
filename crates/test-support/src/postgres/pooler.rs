//! A connection pooler before a PostgreSQL: PgBouncer, on a port of its own.

use super::programs::stand_in;
use super::{GIVEN, execute};
use crate::free_port;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// Names the program; else it is where Debian puts it.
const PROGRAM: &str = "PGBOUNCER";
const DEBIAN: &str = "/usr/sbin/pgbouncer";
/// How often, and how long apart, it is asked whether it is there: ten seconds.
const ASKED: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);
/// Attempts to find a port that nobody else takes between our looking and its listening.
const PORTS_TRIED: usize = 5;

/// To whom a session of PostgreSQL's is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// To a client, as long as it stays.
    Session,
    /// To each transaction: so few sessions that everybody meets everybody's.
    Transaction,
}

/// A PgBouncer that runs before a server; it knows all of the server's databases. It is killed with this value.
pub struct Pooler {
    /// What it hands out.
    pub pooling: Pooling,
    port: u16,
    folder: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Pooler {
    /// Starts one before the server of this address.
    ///
    /// # Panics
    /// When it cannot be started: the test that wanted it has then failed.
    pub fn start(server: &str, pooling: Pooling) -> Self {
        for _ in 0..PORTS_TRIED {
            let port = free_port();
            let folder = std::env::temp_dir().join(format!("sekali-pgbouncer-{}-{port}", std::process::id()));
            write_files(&folder, port, server, pooling);
            let pooler = Self { pooling, port, folder, process: Mutex::default() };
            if pooler.run() {
                return pooler;
            }
        }
        panic!("PgBouncer does not start");
    }

    /// The same database through it.
    pub fn through(&self, url: &str) -> String {
        let (before, behind) = split(url);
        format!("{}127.0.0.1:{}{behind}", before.unwrap_or_default(), self.port)
    }

    /// Its address, for what is asked of the server behind it.
    fn console(&self, url: &str) -> String {
        super::with_database(&self.through(url), "pgbouncer")
    }

    /// Says something to it as its operator: `PAUSE`, `RESUME`, `RECONNECT`, `KILL` and the like. `url` is the
    /// address of a database behind it.
    ///
    /// # Errors
    /// Its own words.
    pub fn tell(&self, url: &str, words: &str) -> Result<(), String> {
        execute(&self.console(url), words)
    }

    /// Ends it at once (`kill -9`): whoever is connected loses the connection, and nobody is there.
    pub fn kill(&self) {
        if let Some(mut process) = self.lock().take() {
            // Either fails only because it has ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        assert!(self.run(), "PgBouncer does not start again");
    }

    fn run(&self) -> bool {
        let mut process = command(&self.folder).spawn().expect("PgBouncer can be started");
        for _ in 0..ASKED {
            if process.try_wait().expect("our own process").is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                *self.lock() = Some(process);
                return true;
            }
            sleep(PAUSE);
        }
        panic!("PgBouncer does not listen");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
        // What cannot be deleted is left to the system's own cleaning of temporary folders.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What stands before the host and port of an address, and behind them.
fn split(url: &str) -> (Option<&str>, &str) {
    let host = url.rfind('@').map_or_else(|| url.find("://").map_or(0, |at| at + 3), |at| at + 1);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    (url.get(..host), &url[path..])
}

/// A session waits for no client longer than a test does, and a server that was away is asked again at once.
fn write_files(folder: &Path, port: u16, server: &str, pooling: Pooling) {
    let config: tokio_postgres::Config =
        server.parse().unwrap_or_else(|_| panic!("{GIVEN} is no PostgreSQL address"));
    let user = config.get_user().expect("an address with a user");
    let behind = config.get_ports().first().copied().unwrap_or(5432);
    let (mode, size) = match pooling {
        Pooling::Session => ("session", 60),
        Pooling::Transaction => ("transaction", 4),
    };
    fs::create_dir_all(folder).expect("a folder in the system's temporary folder");
    let users = folder.join("users");
    let configuration = format!(
        "[databases]\n* = host=127.0.0.1 port={behind}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = trust\nauth_file = {}\nadmin_users = {user}\n\
         pool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 300\n\
         server_login_retry = 0.1\nquery_wait_timeout = 10\n",
        users.display()
    );
    for (name, text) in [("users", format!("\"{user}\" \"\"\n")), ("pgbouncer.ini", configuration)] {
        fs::write(folder.join(name), text).expect("a file of the test's own");
    }
}

/// As a user whom PgBouncer accepts: it refuses to run as root.
fn command(folder: &Path) -> Command {
    let given = std::env::var_os(PROGRAM).filter(|given| !given.is_empty()).map(PathBuf::from);
    let program = given.unwrap_or_else(|| DEBIAN.into());
    assert!(
        program.is_file(),
        "this test needs PgBouncer, and {} is not there: install Debian's package pgbouncer, or name it in {PROGRAM}",
        program.display()
    );
    let mut command = Command::new(program);
    command.arg("-q").arg(folder.join("pgbouncer.ini")).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = stand_in().and_then(ids) {
        command.uid(user).gid(group);
    }
    command
}

/// A user's number and the group's.
fn ids(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
