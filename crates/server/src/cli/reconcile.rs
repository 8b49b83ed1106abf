//! `sekali reconcile`: one pass of the reconciler now, or a comparison with Stripe's lists.

use super::serve::log_to_stderr;
use super::{block_on, complain, say};
use crate::settings::{
    Group, Settings, SettingsError, SimulatorReach, Surroundings, Values, add_flags, flags_given,
};
use crate::start_error::StartError;
use crate::system::{OsRandom, SystemClock};
use crate::wiring::{Ambient, wire_reconciler};
use clap::{Arg, ArgMatches, Command};
use sekali_core::domain::Timestamp;
use sekali_core::flow::compare::{Comparison, compare};
use sekali_core::flow::reconcile::Report;
use sekali_core::ports::{Clock, NoProbe};
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("reconcile")
        .about("Ask Stripe now about every payment whose end is not known; with --since, compare Stripe's lists with the database")
        .after_help(
            "Takes the settings of serve. Examples:\n  sekali reconcile\n  sekali reconcile --since 48h\n  \
             sekali reconcile --since 2026-01-31\n\nWith --since nothing is changed, and the exit code is 1 if something differs.",
        )
        .arg(
            Arg::new("since")
                .long("since")
                .value_name("TIME")
                .help("Compare what was made since then: 30m, 48h, 7d, 2026-01-31 or 2026-01-31T10:30:00Z"),
        );
    add_flags(command, &[Group::Database, Group::Tokens, Group::Log, Group::Server])
}

/// Makes a pass, or compares.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (settings, since) = match read(matches, surroundings, clock.now()) {
        Ok(read) => read,
        Err(error) => return complain(&error),
    };
    log_to_stderr(&settings.log, clock.clone());
    let ambient = Ambient { clock, random: Arc::new(OsRandom), probe: Arc::new(NoProbe) };
    let outcome = block_on(async {
        match since {
            None => pass(&settings, &ambient).await,
            Some(since) => comparison(&settings, &ambient, since).await,
        }
    });
    match outcome {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}

fn read(
    matches: &ArgMatches,
    surroundings: Surroundings<'_>,
    now: Timestamp,
) -> Result<(Settings, Option<Timestamp>), SettingsError> {
    let since = matches.get_one::<String>("since").map(|text| {
        moment(text, now).ok_or_else(|| {
            SettingsError::new(format!(
                "--since is {text:?}, which is no time: give for example 48h, 2026-01-31 or 2026-01-31T10:30:00Z"
            ))
        })
    });
    let since = since.transpose()?;
    let settings = Values::gather(&flags_given(matches), surroundings)?.serve(SimulatorReach::Loopback)?;
    if settings.listen.port() == 0 && settings.public_url.is_none() {
        return Err(SettingsError::new(
            "SEKALI_LISTEN has port 0 and SEKALI_PUBLIC_URL is not set: give SEKALI_PUBLIC_URL, under which the \
             running service is reached",
        ));
    }
    Ok((settings, since))
}

/// So long ago, or a point in UTC time.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds = |unit: &str, factor: u64| {
        let number = text.strip_suffix(unit)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse::<u64>().ok()?.checked_mul(factor)).flatten()
    };
    let ago = seconds("s", 1)
        .or_else(|| seconds("m", 60))
        .or_else(|| seconds("h", 3600))
        .or_else(|| seconds("d", 86_400));
    match ago {
        Some(ago) => Some(now.minus(Duration::from_secs(ago))),
        None => Timestamp::from_rfc3339(text),
    }
}

async fn pass(settings: &Settings, ambient: &Ambient) -> Result<bool, StartError> {
    let reconcile = wire_reconciler(settings, ambient).await?;
    if settings.redis_url.is_none() {
        say(
            "REDIS_URL is not set: a running server may show the old status of what moves on now, in its answers 409, for up to 300 s.\n",
        );
    }
    let told = |part: &str, _: &Report| say(&format!("looked at {part}\n"));
    let report = reconcile.pass_now(&told).await.map_err(|error| StartError::Reconcile(error.to_string()))?;
    say(&summary(&report));
    Ok(report.unanswered == 0)
}

fn summary(report: &Report) -> String {
    let rows = [
        (report.expired, "payments expired that nobody went on to pay"),
        (report.sessions, "checkout sessions were asked about"),
        (report.settled, "payments moved on by that"),
        (report.refunds, "refunds were asked about"),
        (report.found, "charges and refunds at Stripe were new to the database"),
        (report.given_back, "amounts were given back that settled no payment"),
        (report.unanswered, "questions have no answer yet"),
    ];
    let mut text = String::from("\n");
    for (count, what) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{count:>8}  {what}");
    }
    text
}

async fn comparison(settings: &Settings, ambient: &Ambient, since: Timestamp) -> Result<bool, StartError> {
    let reconcile = wire_reconciler(settings, ambient).await?;
    say(&format!("Comparing Stripe with the database since {}\n", since.rfc3339()));
    let told = |part: &str, so_far: &Comparison| {
        let seen = so_far.at_stripe + so_far.of_others + so_far.in_database;
        say(&format!("looked at {part} ({seen} objects so far)\n"));
    };
    let compared = compare(&reconcile.cancel.checkout.settle, since, &told).await;
    let compared = compared.map_err(|error| StartError::Reconcile(error.to_string()))?;
    say(&report(&compared));
    Ok(compared.differences.is_empty())
}

fn report(compared: &Comparison) -> String {
    let mut text = format!(
        "\n{} objects at Stripe, {} of others, {} rows in the database\n",
        compared.at_stripe, compared.of_others, compared.in_database
    );
    for difference in &compared.differences {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "DIFFERS  {} {}: Stripe {}; the database {}",
            difference.kind,
            difference.object,
            said(&difference.stripe),
            said(&difference.database)
        );
    }
    let _ = match compared.differences.len() {
        0 => writeln!(text, "\nnothing differs"),
        one @ 1 => writeln!(text, "\n{one} thing differs"),
        many => writeln!(text, "\n{many} things differ"),
    };
    text
}

/// "is not there" stays; a state is said.
fn said(what: &str) -> String {
    let sentence = ["is ", "has ", "knows "].iter().any(|verb| what.starts_with(verb));
    if sentence { what.to_owned() } else { format!("says {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let now = Timestamp::from_seconds(1_705_314_600);
        let seconds = |text| moment(text, now).map(|at| at.as_seconds() - 1_705_314_600);
        assert_eq!([seconds("30s"), seconds("2h"), seconds("1d")], [Some(-30), Some(-7200), Some(-86_400)]);
        assert_eq!(seconds("2024-01-15T10:30:00Z"), Some(0));
        assert_eq!(seconds("2024-01-15"), Some(-37_800));
        for wrong in ["", "h", "-1h", "yesterday", "2024-13-01", "99999999999999999999d"] {
            assert_eq!(moment(wrong, now), None, "{wrong}");
        }
    }
}
