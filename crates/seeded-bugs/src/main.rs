//! `sekali serve` with one bug, of those that payment services have had: the fault harness must find each.
//!
//! A program of its own, so that nothing of this kind is ever compiled into the service. It takes the
//! settings and flags of `sekali serve`, and `SEKALI_BUG`, which names the bug.

mod bug;
mod coordination;
mod gateway;
mod schema;
mod store;

use bug::Bug;
use coordination::{BoardThatIsNotTold, CacheOfEverybody, LockThatExpires};
use gateway::BuggedGateway;
use sekali::cli::serve;
use sekali::settings::{SimulatorReach, Surroundings, Values, flags_given};
use sekali::telemetry::metrics::StepDurations;
use sekali::wiring::Ports;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use store::BuggedStore;

fn main() -> ExitCode {
    let matches = serve::command().get_matches();
    let bug = match Bug::parse(&std::env::var(bug::VARIABLE).unwrap_or_default()) {
        Ok(bug) => bug,
        Err(error) => return complain(&error),
    };
    let settings = Values::gather(&flags_given(&matches), Surroundings::of_process())
        .and_then(|values| values.serve(SimulatorReach::Loopback));
    match settings {
        Ok(settings) => serve::run_between(&settings, Arc::new(StepDurations), &|ports| with(bug, ports)),
        Err(error) => complain(&error.to_string()),
    }
}

fn with(bug: Bug, ports: Ports) -> Ports {
    let Ports { store, gateway, mut turnstile, mut board } = ports;
    match bug {
        Bug::NoUniqueIndex => {
            schema::take_the_guards_away();
            turnstile = Arc::new(LockThatExpires(turnstile));
        }
        Bug::KeysOfEverybody => turnstile = Arc::new(CacheOfEverybody(turnstile)),
        Bug::BoardNotTold => board = Arc::new(BoardThatIsNotTold),
        _ => {}
    }
    let store = Arc::new(BuggedStore::new(store, bug));
    Ports { store, gateway: Arc::new(BuggedGateway::new(gateway, bug)), turnstile, board }
}

fn complain(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "sekali-seeded-bugs: {error}");
    ExitCode::FAILURE
}
