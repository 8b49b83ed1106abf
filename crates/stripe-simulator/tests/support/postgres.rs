//! A PostgreSQL for tests: the one of `TEST_DATABASE_URL` (a superuser's address), or one started for this
//! test in a temporary folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server in which tests make databases of their own.
pub struct Server {
    /// Address of a database that is always there.
    admin_url: String,
    /// Folder of a server that was started here, and is stopped in the end.
    started_in: Option<PathBuf>,
    /// Databases made on a server of somebody else's, to be dropped in the end.
    made: Mutex<Vec<String>>,
}

impl Server {
    pub fn start() -> Self {
        if let Ok(admin_url) = std::env::var("TEST_DATABASE_URL") {
            return Self { admin_url, started_in: None, made: Mutex::default() };
        }
        let folder = output(as_postgres("mktemp").args(["-d", "/tmp/simulator-postgres.XXXXXXXX"]));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        output(as_postgres(&format!("{PROGRAMS}/initdb")).args([
            "--pgdata",
            &folder,
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--no-sync",
        ]));
        let options = format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off");
        let log = format!("{folder}/log");
        output(as_postgres(&format!("{PROGRAMS}/pg_ctl")).args([
            "--pgdata",
            &folder,
            "--log",
            &log,
            "--options",
            &options,
            "--wait",
            "--silent",
            "start",
        ]));
        let admin_url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        Self { admin_url, started_in: Some(PathBuf::from(folder)), made: Mutex::default() }
    }

    /// Makes an empty database and returns its address.
    pub async fn new_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).unwrap();
        let name = format!("simulator_{}_{number}", u64::from_le_bytes(random));
        administer(&self.admin_url, &format!("CREATE DATABASE {name}")).await;
        self.made.lock().unwrap().push(name.clone());
        let (address, query) = match self.admin_url.split_once('?') {
            Some((address, query)) => (address, format!("?{query}")),
            None => (self.admin_url.as_str(), String::new()),
        };
        let (server, _) = address.rsplit_once('/').unwrap();
        format!("{server}/{name}{query}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(folder) = &self.started_in {
            let stop = ["--pgdata", folder.to_str().unwrap(), "--mode", "immediate", "--silent", "stop"];
            output(as_postgres(&format!("{PROGRAMS}/pg_ctl")).args(stop));
            std::fs::remove_dir_all(folder).unwrap();
            return;
        }
        let (admin_url, made) = (self.admin_url.clone(), std::mem::take(&mut *self.made.lock().unwrap()));
        // The test's own runtime cannot wait for it from here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for name in made {
                let statement = format!("DROP DATABASE {name} WITH (FORCE)");
                runtime.block_on(administer(&admin_url, &statement));
            }
        });
        dropping.join().unwrap();
    }
}

async fn administer(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

/// PostgreSQL's programs refuse to run as root.
fn as_postgres(program: &str) -> Command {
    assert!(
        !program.starts_with('/') || Path::new(program).exists(),
        "{program} is missing: install PostgreSQL 15, or set TEST_DATABASE_URL"
    );
    if output(Command::new("id").arg("-u")) == "0" {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        return command;
    }
    Command::new(program)
}

fn output(command: &mut Command) -> String {
    // A server that keeps the pipe open would hold up whoever reads it to its end: its log goes to a file.
    let output = command.current_dir("/").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
