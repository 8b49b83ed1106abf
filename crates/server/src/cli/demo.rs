//! `sekali demo`: a service of its own, the whole story against it, and then the page to try.

use super::serve::log_to;
use super::stop::Stop;
use super::{block_on, complain, say};
use crate::demo::{Folder, Story, qr, tell};
use crate::server::{self, Running};
use crate::settings::{
    Flags, Key, Settings, SettingsError, SimulatorReach, Surroundings, Values, is_private,
};
use crate::system::{OsRandom, SystemClock};
use crate::telemetry::metrics::StepDurations;
use crate::wiring::{Ambient, open_store};
use clap::{Arg, ArgAction, ArgMatches, Command};
use sekali_core::ports::{Clock, Random};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Where the demo listens if nobody says otherwise.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// And the port, if it is free.
const USUAL: u16 = 8080;
/// An address outside every private network, kept for documentation (RFC 5737).
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

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
            Arg::new("lan")
                .long("lan")
                .action(ArgAction::SetTrue)
                .help("Let phones of the same private network in, with a QR code: there is play money only, and no lock"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .help(
                    "Where to listen; a loopback address, with --lan one of a private network \
                     [default: 127.0.0.1:8080, with --lan this machine's own address; or a free port]",
                ),
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
    let lan = matches.get_flag("lan");
    let listen = match matches.get_one::<String>("listen") {
        Some(given) => given.clone(),
        None => usual_or_free(if lan { own_address()? } else { LOOPBACK }),
    };
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
    let reach = if lan { SimulatorReach::PrivateNetwork } else { SimulatorReach::Loopback };
    Values::gather(&flags, nothing)?.serve(reach)
}

fn usual_or_free(ip: IpAddr) -> String {
    let usual = SocketAddr::new(ip, USUAL);
    let port = if TcpListener::bind(usual).is_ok() { USUAL } else { 0 };
    SocketAddr::new(ip, port).to_string()
}

/// The address by which this machine is known in its network: the one that packets to elsewhere would come from.
/// None is sent.
fn own_address() -> Result<IpAddr, SettingsError> {
    let address = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(ELSEWHERE)?;
        Ok(socket.local_addr()?.ip())
    });
    let trouble = match address {
        Ok(ip) if is_private(ip) => return Ok(ip),
        Ok(ip) => format!("this machine is known as {ip}, which is no private network's address"),
        Err(error) => format!("this machine's address in its network cannot be told ({error})"),
    };
    Err(SettingsError::new(format!(
        "{trouble}: give the one that phones reach with --listen, as in --lan --listen 192.168.1.5:8080"
    )))
}

/// For phones of the same network.
fn invitation(address: &str) -> String {
    let warning = "Whoever reaches this address can pay with play money and read everything in this demo.";
    match qr::text(&format!("{address}/")) {
        Ok(code) => format!("\nWith a phone of the same network:\n\n{code}\n\n{warning}\n"),
        Err(_) => format!("\n{warning}\n"),
    }
}

type Outcome = Result<bool, Box<dyn std::error::Error + Send + Sync>>;

async fn demo(settings: &Settings, ambient: &Ambient, folder: &Folder, exit: bool) -> Outcome {
    let mut stop = Stop::listen();
    let running = server::start(settings, ambient).await?;
    let told = tokio::select! {
        outcome = story(settings, ambient, &running, running.address) => Some(outcome),
        () = stop.told() => None,
    };
    let Some(outcome) = told else {
        running.stop().await;
        return Ok(true);
    };
    if !exit && matches!(outcome, Ok(true)) {
        say(&format!(
            "\nOpen {} and try to pay twice. Log: {}. Ctrl-C stops the demo.\n",
            running.public_url,
            folder.path().join("sekali.log").display()
        ));
        if !running.address.ip().is_loopback() {
            say(&invitation(&running.public_url));
        }
        stop.told().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Result<Settings, SettingsError> {
        let folder = Folder::named("settings").unwrap();
        let matches = command().try_get_matches_from([&["demo"], arguments].concat()).unwrap();
        settings(&matches, &folder)
    }

    #[test]
    fn only_with_lan_does_the_demo_leave_this_machine_and_then_stays_in_a_private_network() {
        let usual = asked(&[]).unwrap();
        assert!(usual.listen.ip().is_loopback());
        assert!(asked(&["--listen", "192.168.1.5:8080"]).is_err());
        let shared = asked(&["--lan", "--listen", "192.168.1.5:8080"]).unwrap();
        assert_eq!(shared.listen.to_string(), "192.168.1.5:8080");
        for public in ["0.0.0.0:8080", "203.0.113.5:8080"] {
            let error = asked(&["--lan", "--listen", public]).unwrap_err();
            assert!(error.to_string().contains("private network"), "{error}");
        }
    }

    #[test]
    fn the_invitation_has_a_code_to_scan_and_says_who_can_come() {
        let text = invitation("http://192.168.1.5:8080");
        assert!(text.contains("Whoever reaches this address"));
        let code: Vec<_> = text.lines().filter(|line| line.contains('█')).collect();
        // Two rows of dots a line, and a margin that cameras need.
        assert!(
            code.len() >= 12 && code.iter().all(|line| line.chars().count() == code[0].chars().count()),
            "{text}"
        );
    }
}
