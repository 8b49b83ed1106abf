//! The command line, one file a command.

pub mod config;
pub mod demo;
pub mod migrate;
pub mod outbox;
pub mod reconcile;
pub mod serve;
pub mod simulate;
mod stop;
pub mod stripe_simulator;
pub mod token;
pub mod torture;
pub mod verify;

use crate::settings::{SettingsError, Surroundings};
use crate::system::SystemClock;
use clap::{ArgMatches, Command};
use sekali_core::ports::Clock;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

fn command() -> Command {
    Command::new("sekali")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Charges a patient once, whatever happens")
        .after_help(
            "Example: SEKALI_STRIPE_SIMULATOR=1 SEKALI_JWT_SECRET=$(openssl rand -base64 48) sekali serve",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve::command())
        .subcommand(demo::command())
        .subcommand(migrate::command())
        .subcommand(verify::command())
        .subcommand(reconcile::command())
        .subcommand(outbox::command())
        .subcommand(config::command())
        .subcommand(token::command())
        .subcommand(stripe_simulator::command())
        .subcommand(torture::command())
        .subcommand(simulate::command())
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let surroundings = Surroundings::of_process();
    match matches.subcommand() {
        Some(("serve", given)) => serve::run(given, surroundings),
        Some(("demo", given)) => demo::run(given),
        Some(("migrate", given)) => migrate::run(given, surroundings),
        Some(("verify", given)) => verify::run(given, surroundings),
        Some(("reconcile", given)) => reconcile::run(given, surroundings),
        Some(("outbox", given)) => outbox::run(given, surroundings),
        Some(("stripe-simulator", given)) => stripe_simulator::run(given, surroundings),
        Some(("torture", given)) => torture::run(given, surroundings),
        Some(("simulate", given)) => simulate::run_command(given),
        Some(("config", given)) => finish(config::run(given, surroundings)),
        Some(("token", given)) => finish(token(given, surroundings)),
        _ => ExitCode::FAILURE,
    }
}

fn token(given: &ArgMatches, surroundings: Surroundings<'_>) -> Result<String, SettingsError> {
    let now = u64::try_from(SystemClock::new().now().as_seconds()).unwrap_or_default();
    token::run(given, surroundings, now).map(|token| token + "\n")
}

fn finish(outcome: Result<String, SettingsError>) -> ExitCode {
    match outcome {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error),
    }
}

/// Prints what was asked for. A reader that has gone away is no error of ours.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// One sentence about what is wrong, and the exit code that says so.
pub(crate) fn complain(error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "sekali: {error}");
    ExitCode::FAILURE
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(future);
    // Tasks of clients that have gone away are not waited for: the database decides what became of them.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(outcome)
}
