//! A Redis of the run's own. It keeps nothing on disk: it speeds up, and the guarantee is the database's.

use crate::place::free_port;
use crate::process::Process;
use crate::trouble::{Outcome, While};
use redis::Connection;
use std::path::Path;
use std::process::Command;

/// A Redis that runs.
pub(crate) struct Redis {
    process: Process,
    port: u16,
}

impl Redis {
    /// Starts one.
    pub(crate) async fn start(folder: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(program);
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        // Each contestant has a database of its own. A title would be written over the environment.
        command.args(["--databases", "32", "--set-proc-title", "no", "--dir"]).arg(folder);
        let process = Process::start("Redis", &mut command, &folder.join("redis.log"))
            .while_doing("Redis is needed: install redis-server, or set REDIS_SERVER")?;
        let mut redis = Self { process, port };
        let url = redis.url(0);
        redis.process.wait_until(async || open(&url).is_ok()).await?;
        Ok(redis)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The address of one of its databases.
    pub(crate) fn url(&self, database: u8) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }
}

/// A connection.
pub(crate) fn open(url: &str) -> Outcome<Connection> {
    redis::Client::open(url)?.get_connection().while_doing("connecting to Redis")
}
