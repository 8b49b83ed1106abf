//! The program itself, as a process.

use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The program with nothing in its environment but what is given.
pub fn program(arguments: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekali"));
    command.args(arguments).env_clear().envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end; one that goes on running did start, which is then the failure.
pub async fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let output = tokio::time::timeout(Duration::from_secs(30), program(arguments, env).output()).await;
    output.unwrap_or_else(|_| panic!("{arguments:?} with {env:?} does not end")).unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A service that runs, and what it has logged so far.
pub struct Started {
    pub child: Child,
    pub address: String,
    pub log: String,
}

/// Starts and reads on to the line that says where it listens.
pub async fn started(env: &[(&str, &str)]) -> Started {
    let mut child = program(&["serve"], env).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut log = String::new();
    loop {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        let line = line.expect("it does not start in time").unwrap();
        let Some(line) = line else {
            panic!("it did not start: {}", text(&child.wait_with_output().await.unwrap().stderr));
        };
        log.push_str(&line);
        log.push('\n');
        let entry: serde_json::Value = serde_json::from_str(&line).expect("log lines are JSON on stdout");
        if entry["message"] == "Listening" {
            let address = entry["address"].as_str().unwrap().to_owned();
            // Read on, or the service would stand still when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Started { child, address, log };
        }
    }
}
