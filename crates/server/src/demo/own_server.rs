//! A server of the demo's own: the same program as the one that shows the page, on another database.

use super::Told;
use super::client::Client;
use super::kept::Kept;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;

/// It starts within this time, or the run comes to nothing.
const STARTS: Duration = Duration::from_secs(20);

/// It ends with this value.
pub(super) struct OwnServer {
    process: Kept,
    /// Talks to it.
    pub client: Client,
}

impl OwnServer {
    /// Starts one on a free port, with the simulated Stripe and `settings`: pairs of variables and values.
    pub(super) async fn start(secret: &str, settings: &[(&str, &str)]) -> Told<Self> {
        let program = std::env::current_exe()?;
        let program = program.to_str().ok_or("the demo's own program has a name that is no text")?;
        let mut process = Kept::run(&[program, "serve"], |command| {
            command
                .env("SEKALI_LISTEN", "127.0.0.1:0")
                .env("SEKALI_JWT_SECRET", secret)
                .env("SEKALI_STRIPE_SIMULATOR", "1")
                .env("SEKALI_DEMO", "1")
                .envs(settings.iter().copied())
                .stdout(Stdio::piped());
        })?;
        let output = process.output().ok_or("its output cannot be read")?;
        let mut lines = BufReader::new(ChildStdout::from_std(output)?).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let ("Listening", Some(address)) =
                    (line["message"].as_str().unwrap_or_default(), line["address"].as_str())
                {
                    return Ok(address.to_owned());
                }
            }
            Told::Err("a server of the demo's own did not start".into())
        };
        let address = tokio::time::timeout(STARTS, listening).await??;
        // It must never wait for somebody to read its log.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, client: Client::new(&format!("http://{address}"))? })
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }
}
