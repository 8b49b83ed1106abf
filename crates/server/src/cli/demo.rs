//! `sekali demo`: a service of its own, the whole story against it, and then the page to try.

use super::serve::{log_to, told_to_stop};
use super::{block_on, complain, say};
use crate::demo::{Folder, Story, tell};
use crate::server::{self, Running};
use crate::settings::{Flags, Key, Settings, SettingsError, SimulatorReach, Surroundings, Values};
use crate::system::{OsRandom, SystemClock};
use crate::telemetry::metrics::StepDurations;
use crate::wiring::{Ambient, open_store};
use clap::{Arg, ArgAction, ArgMatches, Command};
use sekali_core::ports::{Clock, Random};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Where the demo listens if nobody says otherwise and it is free.
const USUAL: &str = "127.0.0.1:8080";

/// The command with its flags.
pub fn command() -> Command {
    Command::new("demo")
        .about("Play the whole story against a service of its own, then stay up to be tried in a browser")
        .after_help(
            "The page tries to pay twice in every way, draws what the service measured of it, and takes guards away in a\n\
             simulated world (docs/demo.md).\n\nExample: sekali demo --exit",
        )
        .arg(
            Arg::new("exit")
                .long("exit")
                .action(ArgAction::SetTrue)
                .help("Stop after the story; exit code 0 only if every line held"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .help("Where to listen; a loopback address [default: 127.0.0.1:8080, or a free port]"),
        )
}

/// Tells the story; stays up unless told otherwise.
pub fn run(matches: &ArgMatches) -> ExitCode {
    let folder = match Folder::make() {
        Ok(folder) => folder,
        Err(error) => return complain(&format_args!("the demo's folder cannot be made: {error}")),
    };
    let settings = match settings(matches, &folder) {
        Ok(settings) => settings,
        Err(error) => return complain(&error),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    match File::create(folder.path().join("sekali.log")) {
        Ok(file) => log_to(&settings.log, clock.clone(), Arc::new(Mutex::new(file))),
        Err(error) => return complain(&format_args!("the demo's log cannot be written: {error}")),
    }
    let ambient = Ambient { clock, random: Arc::new(OsRandom), probe: Arc::new(StepDurations) };
    match block_on(demo(&settings, &ambient, &folder, matches.get_flag("exit"))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => complain(&"a line of the story did not hold"),
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&format_args!("the runtime cannot be started: {error}")),
    }
}

/// The demo's own settings: nothing of the environment is taken, so that it touches no real database
/// and no real gateway.
fn settings(matches: &ArgMatches, folder: &Folder) -> Result<Settings, SettingsError> {
    let listen = matches.get_one::<String>("listen").cloned().unwrap_or_else(usual_or_free);
    let database = format!("sqlite://{}", folder.path().join("sekali.db").display());
    let secret = format!("{}{}", OsRandom.uuid().simple(), OsRandom.uuid().simple());
    let flags = Flags::from([
        (Key::Listen, listen),
        (Key::DatabaseUrl, database),
        (Key::JwtSecret, secret),
        (Key::StripeSimulator, "1".into()),
        (Key::Demo, "1".into()),
    ]);
    let nothing = Surroundings { env: &|_| None, read: &|_| Err(std::io::ErrorKind::NotFound.into()) };
    Values::gather(&flags, nothing)?.serve(SimulatorReach::Loopback)
}

fn usual_or_free() -> String {
    match TcpListener::bind(USUAL) {
        Ok(_) => USUAL.into(),
        Err(_) => "127.0.0.1:0".into(),
    }
}

type Outcome = Result<bool, Box<dyn std::error::Error + Send + Sync>>;

async fn demo(settings: &Settings, ambient: &Ambient, folder: &Folder, exit: bool) -> Outcome {
    let running = server::start(settings, ambient).await?;
    let outcome = tokio::select! {
        outcome = story(settings, ambient, &running, running.address) => outcome,
        () = told_to_stop() => Ok(true),
    };
    if !exit && matches!(outcome, Ok(true)) {
        say(&format!(
            "\nOpen {} and try to pay twice. Log: {}. Ctrl-C stops the demo.\n",
            running.public_url,
            folder.path().join("sekali.log").display()
        ));
        told_to_stop().await;
    }
    running.stop().await;
    outcome
}

async fn story(settings: &Settings, ambient: &Ambient, running: &Running, address: SocketAddr) -> Outcome {
    say(&format!(
        "Sekali on {}: SQLite, memory, and a simulated Stripe. No real money moves.\n\n",
        running.public_url
    ));
    let store = open_store(&settings.database)?.store;
    let origin = format!("http://{address}");
    let mut teller = Story::new(&origin, store, ambient.clock.clone(), settings.tokens.clone())?;
    let held = tell(&mut teller).await?;
    say(if held { "\nOne charge, and every line held.\n" } else { "\nNot every line held.\n" });
    Ok(held)
}
