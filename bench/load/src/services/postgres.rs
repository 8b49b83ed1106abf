//! A PostgreSQL of the run's own, with the settings that it comes with.

use crate::place::free_port;
use crate::process::{Process, run};
use crate::trouble::{Outcome, While, fail};
use rustix::process::Signal;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio_postgres::{Client, NoTls};

/// The only setting that is not PostgreSQL's own: the default of 100 has no room for all contestants at once.
const CONNECTIONS: &str = "max_connections=500";

/// The settings that are printed with the results.
const SHOWN: [&str; 9] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "wal_sync_method",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "commit_delay",
    "max_connections",
];

/// A server that runs.
pub(crate) struct Postgres {
    process: Process,
    port: u16,
    programs: PathBuf,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts its server.
    pub(crate) async fn start(folder: &Path) -> Outcome<Self> {
        let programs = programs()?;
        let data = folder.join("postgres");
        std::fs::create_dir(&data)?;
        let user = stand_in()?;
        if let Some((uid, gid)) = user {
            chown(&data, Some(uid), Some(gid))?;
        }
        let mut initdb = as_user(&programs.join("initdb"), user);
        initdb.args(["--username=sekali", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        run("PostgreSQL's initdb", initdb.arg("-D").arg(&data).current_dir(&data))?;
        let port = free_port()?;
        let mut server = as_user(&programs.join("postgres"), user);
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", "unix_socket_directories=", "-c", CONNECTIONS]).current_dir(&data);
        // Its data are thrown away: it need not wait for its clients nor write a checkpoint.
        let process = Process::start("PostgreSQL", &mut server, &folder.join("postgres.log"))?;
        let mut postgres = Self { process: process.ended_by(Signal::QUIT), port, programs };
        let url = postgres.url("postgres");
        let ready = async || tokio_postgres::connect(&url, NoTls).await.is_ok();
        postgres.process.wait_until(ready).await?;
        Ok(postgres)
    }

    /// Its first process, whose children serve the connections.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The port on the loopback address.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// One of its own programs, such as `pgbench`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The address of one of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://sekali@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database and returns its address.
    pub(crate) async fn create(&self, database: &str) -> Outcome<String> {
        let admin = connect(&self.url("postgres")).await?;
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.while_doing("making a database")?;
        Ok(self.url(database))
    }

    /// The settings that decide how durable and how fast it is.
    pub(crate) async fn settings(&self) -> Outcome<Vec<(String, String)>> {
        let admin = connect(&self.url("postgres")).await?;
        let mut settings = Vec::new();
        for name in SHOWN {
            let row = admin.query_one(&format!("SHOW {name}"), &[]).await?;
            settings.push((name.to_owned(), row.get(0)));
        }
        Ok(settings)
    }
}

/// A connection that ends with its client.
pub(crate) async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.while_doing("connecting to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

/// The folder of PostgreSQL's programs: of the newest version that has them, or what `PG_BIN` names.
fn programs() -> Outcome<PathBuf> {
    if let Some(given) = std::env::var_os("PG_BIN") {
        return Ok(given.into());
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let version = |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    let complete = folders.filter(|bin| bin.join("pgbench").exists() && bin.join("initdb").exists());
    match complete.max_by_key(version) {
        Some(folder) => Ok(folder),
        None => fail(
            "PostgreSQL is missing, or its pgbench is: install Debian's package postgresql, or set PG_BIN",
        ),
    }
}

/// Who runs the server when root runs the benchmark: PostgreSQL refuses to be run by root.
fn stand_in() -> Outcome<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let id = |name: &str| {
        let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    match id("postgres").or_else(|| id("nobody")) {
        Some(ids) => Ok(Some(ids)),
        None => fail("root cannot run PostgreSQL, and there is neither a user postgres nor nobody"),
    }
}

fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
