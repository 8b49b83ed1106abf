//! The peers of `bench/peers`, as their READMEs start them.

use super::{SECRET, listens};
use crate::place::free_port;
use crate::process::Process;
use crate::trouble::{Outcome, fail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A peer that runs.
pub(crate) struct Peer {
    process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Peer {
    /// Starts the peer `name` on a database that has its tables.
    pub(crate) async fn start(name: &str, database: &str, redis: &str, folder: &Path) -> Outcome<Self> {
        let home = std::path::absolute(Path::new("bench/peers").join(name))?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let port = address.port().to_string();
        let mut command = if name == "fastapi" { uvicorn(&home, &port)? } else { node(&home)? };
        command.current_dir(&home).envs([
            ("NODE_ENV", "production"),
            ("PORT", &port),
            ("JWT_SECRET", SECRET),
            ("DATABASE_URL", database),
            ("REDIS_URL", redis),
        ]);
        for unwanted in ["PEER_TRUST", "POOL", "WORKERS"] {
            command.env_remove(unwanted);
        }
        let mut process = Process::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        process.wait_until(async || listens(address).await).await?;
        Ok(Self { process, address })
    }

    /// The first of its processes.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

fn node(home: &Path) -> Outcome<Command> {
    installed(home.join("node_modules"))?;
    let mut command = Command::new("node");
    command.arg("server.mjs");
    Ok(command)
}

fn uvicorn(home: &Path, port: &str) -> Outcome<Command> {
    let program = installed(home.join(".venv/bin/uvicorn"))?;
    let mut command = Command::new(program);
    command.args(["app:app", "--host", "127.0.0.1", "--port", port, "--workers", "2"]);
    command.args(["--log-level", "warning", "--no-access-log"]);
    Ok(command)
}

fn installed(path: PathBuf) -> Outcome<PathBuf> {
    if path.exists() {
        return Ok(path);
    }
    fail(format!("{} is missing: ./dev bench installs the peers", path.display()))
}
