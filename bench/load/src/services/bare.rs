//! The bare axum servers, started as processes of their own so that their CPU time can be told apart.

use super::listens;
use crate::place::free_port;
use crate::process::Process;
use crate::trouble::Outcome;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A server that runs.
pub(crate) struct Bare {
    process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts one; with an address of Redis it checks the token and reads one key, else its answer is fixed.
    pub(crate) async fn start(name: &str, redis: Option<&str>, folder: &Path) -> Outcome<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", &address.to_string()]).args(redis);
        let mut process = Process::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        process.wait_until(async || listens(address).await).await?;
        Ok(Self { process, address })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}
