//! Programs that run beside the load, each stopped by its process id.

use crate::trouble::{Outcome, While, fail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a start may take on a laden machine.
const START: Duration = Duration::from_secs(60);
/// How long an orderly end may take, before it is made short.
const END: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(20);

/// A program that runs. It is ended when this value goes.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    farewell: Signal,
}

impl Process {
    /// Starts `command`; what it says goes to the file `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log).while_doing(format!("making {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().while_doing(format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), farewell: Signal::TERM })
    }

    /// The same, ended by another signal than `TERM`.
    pub(crate) fn ended_by(mut self, farewell: Signal) -> Self {
        self.farewell = farewell;
        self
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so.
    pub(crate) async fn wait_until(&mut self, mut ready: impl AsyncFnMut() -> bool) -> Outcome<()> {
        let begun = Instant::now();
        while !ready().await {
            if let Some(status) = self.child.try_wait()? {
                return fail(format!("{} ended ({status}): {}", self.name, self.last_words()));
            }
            if begun.elapsed() > START {
                return fail(format!("{} is not ready after {START:?}: {}", self.name, self.last_words()));
            }
            sleep(STEP).await;
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.farewell);
        let begun = Instant::now();
        while begun.elapsed() < END {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(STEP);
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn run(name: &str, command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output().while_doing(format!("starting {name}"))?;
    if !output.status.success() {
        return fail(format!(
            "{name} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
