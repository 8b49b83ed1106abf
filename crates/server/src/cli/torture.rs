//! `sekali torture`: attacks a service that takes payments, Sekali or another, and reports what was right.

use super::token::mint;
use super::{block_on, complain, say};
use crate::settings::{
    Group, Key, SettingsError, Surroundings, TokenSettings, Values, add_flags, flags_given,
};
use crate::system::SystemClock;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use sekali_core::domain::{Role, User, UserId};
use sekali_core::ports::Clock;
use sekali_torture::{
    Bounds, Finding, Mint, Plan, Progress, Report, RequestFile, SEKALI, Strength, Target, Verdict,
};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Something was wrong.
const WRONG: u8 = 1;
/// The attacks could not be made, or not all of them.
const NOT_RUN: u8 = 2;
/// Tokens outlive the longest run.
const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// The longest run, in seconds.
const LONGEST: u64 = 3600;

const EXAMPLES: &str = "\
Examples:
  sekali torture http://127.0.0.1:8080 --jwt-secret \"$SEKALI_JWT_SECRET\"
  sekali torture --print-request > mine.toml
  sekali torture http://127.0.0.1:3000 --request mine.toml --json report.json
  sekali torture https://pay.test.example --i-own-this-test-deployment pay.test.example

It makes payments. Point it at this machine or at a test deployment, never at a service in use.
Exit codes: 0 all was right, 1 something was wrong, 2 the attacks could not be made, or not all of them.";

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("torture")
        .about("Attack a service's idempotency, Sekali's or another's, and report what was right and wrong")
        .after_help(EXAMPLES)
        .arg(
            Arg::new("url")
                .value_name("URL")
                .required_unless_present_any(["print-request", "list"])
                .help("Where the service is: http://127.0.0.1:8080"),
        )
        .arg(text("request", "FILE", "Describes another service's request, in TOML [default: Sekali's own]"))
        .arg(text("json", "FILE", "Write the report as JSON, too").value_parser(value_parser!(PathBuf)))
        .arg(
            text("only", "NAME", "Only attacks whose name holds this; may be given again")
                .action(ArgAction::Append),
        )
        .arg(number("rounds", "N", "20", 1..=1000, "Rounds of each attack on a race"))
        .arg(number("storm", "N", "100", 2..=500, "Requests at once in a storm"))
        .arg(number("limit", "N", "5000", 1..=1_000_000, "Requests in all, at most"))
        .arg(number("time", "SECONDS", "600", 1..=LONGEST, "How long it may take"))
        .arg(text(
            "i-own-this-test-deployment",
            "HOST",
            "Attack this host although it is not this machine; the exact host of URL",
        ))
        .arg(switch("print-request", "Print Sekali's request file, with comments, as an example"))
        .arg(switch("list", "List the attacks"));
    add_flags(command, &[Group::Tokens])
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn number(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    range: std::ops::RangeInclusive<u64>,
    help: &'static str,
) -> Arg {
    text(name, value, help).default_value(default).value_parser(value_parser!(u64).range(range))
}

/// Attacks, and prints the report.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    if matches.get_flag("print-request") {
        say(SEKALI);
        return ExitCode::SUCCESS;
    }
    if matches.get_flag("list") {
        let lines: Vec<String> =
            sekali_torture::attacks().map(|(id, title)| format!("{id:<28}{title}\n")).collect();
        say(&lines.concat());
        return ExitCode::SUCCESS;
    }
    match report(matches, surroundings) {
        Ok(report) => {
            say(&report.text());
            ExitCode::from(code(&report))
        }
        Err(sentence) => {
            complain(&sentence);
            ExitCode::from(NOT_RUN)
        }
    }
}

fn code(report: &Report) -> u8 {
    let totals = report.totals;
    match (totals.wrong, totals.not_finished) {
        (0, 0) => 0,
        (0, _) => NOT_RUN,
        _ => WRONG,
    }
}

fn report(matches: &ArgMatches, surroundings: Surroundings<'_>) -> Result<Report, String> {
    let file = read_file(matches, surroundings)?;
    refuse_live_mode(surroundings)?;
    let mint = minting(matches, surroundings).map_err(|error| error.to_string())?;
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let url = given("url").unwrap_or_default();
    let numbered = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or_default();
    let small = |name: &str| u32::try_from(numbered(name)).unwrap_or(u32::MAX);
    let strength = Strength { rounds: small("rounds"), storm: small("storm") as usize };
    let bounds = Bounds { requests: numbered("limit"), time: Duration::from_secs(numbered("time")) };
    let only = matches.get_many::<String>("only").unwrap_or_default().cloned().collect();
    let outcome = block_on(async {
        let target = Target::find(url, given("i-own-this-test-deployment")).await;
        let target = target.map_err(|refusal| refusal.to_string())?;
        let plan = Plan { target, file, mint, strength, bounds, only };
        sekali_torture::torture(plan, &Told).await.map_err(|halt| halt.to_string())
    });
    let report = outcome.map_err(|error| error.to_string())??;
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        let json = report.json().map_err(|error| error.to_string())?;
        let cannot = |error| format!("--json is {}: {error}", path.display());
        std::fs::write(path, json).map_err(cannot)?;
    }
    Ok(report)
}

fn read_file(matches: &ArgMatches, surroundings: Surroundings<'_>) -> Result<RequestFile, String> {
    let text = match matches.get_one::<String>("request") {
        None => SEKALI.to_owned(),
        Some(path) => {
            let read = (surroundings.read)(path.as_ref());
            read.map_err(|error| format!("--request is {path}: {error}"))?
        }
    };
    RequestFile::parse(&text).map_err(|error| error.to_string())
}

/// Whoever has a live key at hand may be about to attack what it belongs to.
fn refuse_live_mode(surroundings: Surroundings<'_>) -> Result<(), String> {
    let key = (surroundings.env)("STRIPE_SECRET_KEY").unwrap_or_default();
    let key = key.to_string_lossy();
    if key.starts_with("sk_live_") || key.starts_with("rk_live_") {
        return Err(
            "STRIPE_SECRET_KEY in this environment is a live key: attacks are for test deployments, so run \
                    them where no live key is at hand"
                .into(),
        );
    }
    Ok(())
}

/// Signs tokens, if there is a secret; a request file may do without.
fn minting(matches: &ArgMatches, surroundings: Surroundings<'_>) -> Result<Option<Mint>, SettingsError> {
    let values = Values::gather(&flags_given(matches), surroundings)?;
    if values.text(Key::JwtSecret).is_none() {
        return Ok(None);
    }
    let settings = values.token()?;
    Ok(Some(Box::new(move |user, role| signed(&settings, user, role))))
}

fn signed(settings: &TokenSettings, user: i64, role: Option<&str>) -> String {
    let role = role.map_or(Role::Patient, Role::parse);
    let now = u64::try_from(SystemClock::new().now().as_seconds()).unwrap_or_default();
    mint(settings, User { id: UserId(user), role }, now, TOKEN_LIFE)
}

/// Progress, where it does not mix with the report.
struct Told;

impl Progress for Told {
    fn begins(&self, number: usize, all: usize, id: &str) {
        let _ = write!(std::io::stderr().lock(), "[{number}/{all}] {id} … ");
    }

    fn ends(&self, finding: &Finding) {
        let word = match finding.verdict {
            Verdict::Right => "right",
            Verdict::Wrong => "WRONG",
            Verdict::NotApplicable => "not applicable",
            Verdict::NotFinished => "not finished",
        };
        let _ = writeln!(std::io::stderr().lock(), "{word} ({} requests)", finding.requests);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn refused(arguments: &[&str], env: &[(&str, &str)]) -> String {
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
        let read = |path: &Path| match path.to_str() {
            Some("wrong.toml") => Ok("[request]\nmethod = 1".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        let command_line = ["torture"].iter().chain(arguments);
        let matches = command().try_get_matches_from(command_line).unwrap();
        report(&matches, Surroundings { env: &env, read: &read }).err().unwrap()
    }

    #[test]
    fn what_cannot_be_attacked_is_said_in_one_sentence() {
        let secret = ("SEKALI_JWT_SECRET", SECRET);
        let here = "http://127.0.0.1:9";
        for (arguments, env, words) in [
            (&["http://192.0.2.7"][..], &[secret][..], "--i-own-this-test-deployment 192.0.2.7"),
            (&["elsewhere"], &[secret], "elsewhere is not an address"),
            (&[here, "--request", "gone.toml"], &[secret], "--request is gone.toml"),
            (&[here, "--request", "wrong.toml"], &[secret], "the request file is not understood"),
            (&[here], &[secret, ("STRIPE_SECRET_KEY", "sk_live_123456")], "is a live key"),
            (&[here], &[secret, ("STRIPE_SECRET_KEY", "rk_live_123456")], "is a live key"),
            (&[here], &[("SEKALI_JWT_SECRET", "short")], "SEKALI_JWT_SECRET"),
            (&[here], &[], "there are no tokens"),
        ] {
            let sentence = refused(arguments, env);
            assert!(sentence.contains(words), "{sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains("123456"), "{sentence}");
        }
    }

    #[test]
    fn an_address_is_needed_and_numbers_have_bounds() {
        for arguments in
            [&[][..], &["http://127.0.0.1", "--storm", "501"], &["http://127.0.0.1", "--rounds", "0"]]
        {
            let command_line = ["torture"].iter().chain(arguments);
            assert!(command().try_get_matches_from(command_line).is_err(), "{arguments:?}");
        }
        assert!(command().try_get_matches_from(["torture", "--print-request"]).is_ok());
    }

    #[test]
    fn a_role_stands_in_the_token_and_a_patients_has_none() {
        let settings =
            TokenSettings { secret: crate::settings::Secret::new(SECRET), issuer: None, audience: None };
        let lengths = [None, Some("service")].map(|role| signed(&settings, 1, role).len());
        assert!(lengths[0] < lengths[1], "{lengths:?}");
    }
}
