//! The server is killed under a request, and asked again when it is back. The server that dies is one of the
//! demo's own, the same program on a database of its own: the one that shows the page goes on.

use super::client::Client;
use super::race::{self, Press};
use super::runs::Ended;
use super::{Demo, Folder, Told};
use sekali_core::ports::{Clock, Random};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// It starts within this time, or the run comes to nothing.
const STARTS: Duration = Duration::from_secs(10);
/// It dies at some moment of this time after the press was sent: before its commit, in it, or after it.
const DIES_WITHIN: Duration = Duration::from_millis(6);

pub(super) async fn run(demo: &Demo, run: &str, clock: &dyn Clock, random: &dyn Random) -> Told<Ended> {
    let folder = Folder::named(&format!("crash-{run}"))?;
    let secret = demo.tokens.secret.expose();
    let mut first = Server::start(folder.path(), secret).await?;
    let visitor = race::visitor(&first.client).await?;

    let lost = Press::unanswered(run, 1, "A", demo.trace.at());
    let key = race::key(run, "A");
    let connection = first.client.press_only(&visitor.token, visitor.consultation, &key, &lost.id).await?;
    clock.sleep(random.jitter(DIES_WITHIN)).await;
    first.process.kill().await?;
    drop(connection);
    let died = demo.trace.at();

    let second = Server::start(folder.path(), secret).await?;
    let again = race::press(&second.client, &demo.trace, run, 2, "A", &visitor).await?;
    let presses = vec![lost, again];
    let mut ended = Ended::of(&second.client, clock, run, visitor.consultation, presses).await?;
    ended.died = Some(died);
    Ok(ended)
}

/// A server of the demo's own; it ends with this value.
struct Server {
    process: Child,
    client: Client,
}

impl Server {
    async fn start(folder: &Path, secret: &str) -> Told<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            // Nothing of the environment: it must touch no real database and no real gateway.
            .env_clear()
            .env("SEKALI_LISTEN", "127.0.0.1:0")
            .env("DATABASE_URL", format!("sqlite://{}", folder.join("sekali.db").display()))
            .env("SEKALI_JWT_SECRET", secret)
            .env("SEKALI_STRIPE_SIMULATOR", "1")
            .env("SEKALI_DEMO", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or("its output cannot be read")?;
        let mut lines = BufReader::new(output).lines();
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
}
