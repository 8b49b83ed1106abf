//! `sekali serve` that kills itself at a named point, for the fault tests.
//!
//! A program of its own, so that nothing of this kind is ever compiled into the service. It takes
//! the settings and flags of `sekali serve`, and `SEKALI_FAILPOINT`: a point's name, or `name:n` for
//! the n-th time that it is passed. Without it nothing dies.

mod failpoint;

use failpoint::Failpoint;
use sekali::cli::serve;
use sekali::settings::{SimulatorReach, Surroundings, Values, flags_given};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// Names the point.
const VARIABLE: &str = "SEKALI_FAILPOINT";

fn main() -> ExitCode {
    let matches = serve::command().get_matches();
    let given = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let failpoint = match given.as_deref().map(Failpoint::parse).transpose() {
        Ok(failpoint) => failpoint,
        Err(error) => return complain(&error),
    };
    let settings = Values::gather(&flags_given(&matches), Surroundings::of_process())
        .and_then(|values| values.serve(SimulatorReach::Loopback));
    match settings {
        Ok(settings) => serve::run_with(&settings, Arc::new(failpoint::Watch::new(failpoint))),
        Err(error) => complain(&error.to_string()),
    }
}

fn complain(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "sekali-failpoints: {error}");
    ExitCode::FAILURE
}
