//! A server as a process of its own.

use crate::http::{Connection, Request};
use crate::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The key of every token in these tests.
pub const SECRET: &str = "a secret of the fault harness, long enough";
/// Warnings, and the line that tells the address.
pub const QUIET: &str = "warn,sekali::server=info";
/// Quiet, but for the steps' own lines.
pub const STEPS: &str = "info,sekali_core=debug";

/// How long a start may take on a laden machine, migrations included.
const START: Duration = Duration::from_secs(60);

/// A server that runs. It is killed, by its process id, when this value goes.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    lines: Lines,
}

/// What it has said so far, on both its outputs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Server {
    /// Starts `program` with nothing but these settings, and waits until it listens.
    pub async fn start(mut program: Command, settings: &[(String, String)]) -> Self {
        program.env_clear().envs(settings.iter().cloned());
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            program.spawn().unwrap_or_else(|error| panic!("{program:?} cannot be started: {error}"));
        let lines = Lines::default();
        // Drained for as long as it lives: a full pipe would stop it.
        lines.drain(child.stdout.take());
        lines.drain(child.stderr.take());
        let mut server = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child, lines };
        server.address = until("the server listens", START, async || {
            assert!(server.child.try_wait().is_ok_and(|end| end.is_none()), "it ended: {}", server.said());
            server.field("Listening", "address").and_then(|text| text.parse().ok())
        })
        .await;
        server
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// Its process id.
    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("our own process takes signals");
    }

    /// Whether it has ended.
    pub fn is_dead(&mut self) -> bool {
        self.child.try_wait().expect("our own process").is_some()
    }

    /// Waits for its end.
    pub async fn ended(&mut self, deadline: Duration) -> ExitStatus {
        let child = &mut self.child;
        until("the server has ended", deadline, async || child.try_wait().expect("our own process")).await
    }

    /// Waits until it has logged `message` at least `times` times.
    pub async fn logged(&self, message: &str, times: usize, deadline: Duration) {
        let wanted = format!(r#""message":"{message}""#);
        let what = format!("{times} times in the log: {message}");
        until(&what, deadline, async || (self.lines.count(&wanted) >= times).then_some(())).await;
    }

    /// How often `text` stands in the log so far.
    pub fn count_logged(&self, text: &str) -> usize {
        self.lines.count(text)
    }

    /// Everything it has said.
    pub fn said(&self) -> String {
        self.lines.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// A metric's value, its labels as they are printed; 0 if it is not there yet.
    pub async fn metric(&self, name: &str) -> u64 {
        let answer = self.connect().call(&Request::get("/metrics")).await.expect("metrics");
        let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a whole number"))
    }

    fn field(&self, message: &str, field: &str) -> Option<String> {
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let object = objects.find(|object| object["message"] == message)?;
        object[field].as_str().map(str::to_owned)
    }
}

/// A file of its own in the folder that `./dev test` looks through for secrets at its end, if there is one.
fn kept() -> Option<File> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::var_os("SEKALI_TEST_LOGS")?;
    let name = format!("server-{}-{}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Some(File::create(Path::new(&folder).join(name)).expect("a log can be kept"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either fails only because the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    fn drain(&self, output: Option<impl Read + Send + 'static>) {
        let (output, lines) = (output.expect("a piped output"), self.clone());
        std::thread::spawn(move || {
            let mut kept = kept();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(file) = &mut kept {
                    writeln!(file, "{line}").expect("a log can be kept");
                }
                lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    fn count(&self, text: &str) -> usize {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(text)).count()
    }
}
