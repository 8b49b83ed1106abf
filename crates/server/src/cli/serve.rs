//! `sekali serve`: the service, until it is told to stop.

use super::stop::Stop;
use super::{block_on, complain};
use crate::server;
use crate::settings::{
    Group, LogFormat, LogSettings, Settings, SimulatorReach, Surroundings, Values, add_flags, flags_given,
};
use crate::start_error::StartError;
use crate::system::{OsRandom, SystemClock};
use crate::telemetry::log::{Format, Sink, subscriber};
use crate::telemetry::metrics::StepDurations;
use crate::telemetry::spool;
use crate::wiring::{Ambient, Between};
use clap::{ArgMatches, Command};
use sekali_core::ports::{Clock, Probe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use tracing_subscriber::EnvFilter;

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("serve")
        .about("Run the service")
        .after_help("Example: SEKALI_JWT_SECRET=… STRIPE_SECRET_KEY=sk_… STRIPE_WEBHOOK_SECRET=whsec_… sekali serve --listen 0.0.0.0:8080 --public-url https://pay.example.org");
    add_flags(command, &[Group::Database, Group::Tokens, Group::Log, Group::Server])
}

/// Serves until SIGTERM or SIGINT.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let settings = Values::gather(&flags_given(matches), surroundings)
        .and_then(|values| values.serve(SimulatorReach::Loopback));
    match settings {
        Ok(settings) => run_with(&settings, Arc::new(StepDurations)),
        Err(error) => complain(&error),
    }
}

/// Serves with a given probe.
pub fn run_with(settings: &Settings, probe: Arc<dyn Probe>) -> ExitCode {
    run_between(settings, probe, &|ports| ports)
}

/// Serves with a given probe, and something between the adapters and the flows.
pub fn run_between(settings: &Settings, probe: Arc<dyn Probe>, between: Between<'_>) -> ExitCode {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (lines, spooler) = match spool::start(std::io::stdout()) {
        Ok(started) => started,
        Err(error) => return complain(&format_args!("the log cannot be written: {error}")),
    };
    log_to(&settings.log, clock.clone(), Arc::new(Mutex::new(lines)));
    let ambient = Ambient { clock, random: Arc::new(OsRandom), probe };
    let ended = block_on(serve(settings, &ambient, between));
    spooler.finish();
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&format_args!("the runtime cannot be started: {error}")),
    }
}

/// For commands whose answer goes to standard output.
pub(crate) fn log_to_stderr(settings: &LogSettings, clock: Arc<dyn Clock>) {
    log_to(settings, clock, Arc::new(Mutex::new(std::io::stderr())));
}

/// Sends this process's log lines to `sink`.
pub(crate) fn log_to(settings: &LogSettings, clock: Arc<dyn Clock>, sink: Sink) {
    let format = match settings.format {
        LogFormat::Json => Format::Json,
        LogFormat::Pretty => Format::Pretty,
    };
    let filter = EnvFilter::new(&settings.filter);
    // Fails only if a subscriber is there already, and then lines go there.
    let _ = tracing::subscriber::set_global_default(subscriber(filter, format, clock, sink));
}

async fn serve(settings: &Settings, ambient: &Ambient, between: Between<'_>) -> Result<(), StartError> {
    let mut stop = Stop::listen();
    let running = tokio::select! {
        running = server::start_between(settings, ambient, between) => running?,
        // A start that waits for a migration, say, holds nobody up.
        () = stop.told() => return Ok(()),
    };
    stop.told().await;
    running.stop().await;
    Ok(())
}
