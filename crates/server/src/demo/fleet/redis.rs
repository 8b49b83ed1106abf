//! A Redis of the demo's own, which can be killed.

use super::super::Told;
use super::super::kept::Kept;
use super::{Missing, find, free_port, until};
use sekali_core::ports::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// It ends with this value.
pub(super) struct Redis {
    program: String,
    port: u16,
    /// `None` while it is dead.
    process: Option<Kept>,
}

impl Redis {
    /// Starts one that keeps nothing on the disk.
    pub(super) async fn start(clock: &dyn Clock) -> Told<Self> {
        let missing = || Missing { program: "Redis", package: "redis-server" };
        let program = find("redis-server", []).ok_or_else(missing)?;
        let program = program.to_str().ok_or("Redis' program has a name that is no text")?.to_owned();
        let mut redis = Self { program, port: free_port()?, process: None };
        redis.start_again(clock).await?;
        Ok(redis)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it on its port if it is dead.
    pub(super) async fn start_again(&mut self, clock: &dyn Clock) -> Told<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let port = self.port.to_string();
        let arguments = [self.program.as_str(), "--port", &port, "--bind", "127.0.0.1", "--save", ""];
        self.process = Some(Kept::run(&arguments, |_| {})?);
        until(clock, "the demo's Redis does not start", || answers(self.port)).await
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }
}

/// Asked in the inline form of its protocol.
async fn answers(port: u16) -> bool {
    let asked = async {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        connection.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer).await.map(|_| answer)
    };
    asked.await.is_ok_and(|answer| answer == *b"+PONG\r\n")
}
