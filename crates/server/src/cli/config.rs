//! `sekali config`: what is in force, where each value came from, and whether `serve` would start.

use crate::settings::{
    Group, Listed, SettingsError, SimulatorReach, Surroundings, Values, add_flags, flags_given, listing,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use std::fmt::Write;

/// What stands for a value that is unset.
const UNSET: &str = "-";

/// The command with its flags: all settings, so that a command line can be tried out.
pub fn command() -> Command {
    let command = Command::new("config")
        .about("Print every setting in force, with where it came from; secrets are masked")
        .after_help("Example: sekali config --config /etc/sekali.toml --json")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON instead of a table"));
    add_flags(command, &[Group::Database, Group::Tokens, Group::Log, Group::Server])
}

/// The text to print. An error only when the settings cannot be collected at all; what would keep
/// `serve` from starting is part of the text.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> Result<String, SettingsError> {
    let values = Values::gather(&flags_given(matches), surroundings)?;
    let problem = values.serve(SimulatorReach::Loopback).err();
    let rows = listing(&values);
    Ok(if matches.get_flag("json") {
        as_json(&rows, problem.as_ref())
    } else {
        as_table(&rows, problem.as_ref())
    })
}

fn as_json(rows: &[Listed], problem: Option<&SettingsError>) -> String {
    let settings: Vec<Value> = rows
        .iter()
        .map(|row| json!({ "name": row.name, "value": row.value, "source": row.source.as_str(), "meaning": row.meaning }))
        .collect();
    let document = json!({ "settings": settings, "problem": problem.map(ToString::to_string) });
    format!("{document:#}\n")
}

fn as_table(rows: &[Listed], problem: Option<&SettingsError>) -> String {
    let value = |row: &Listed| row.value.clone().unwrap_or_else(|| UNSET.into());
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let names = widest(&mut rows.iter().map(|row| row.name.len()));
    let values = widest(&mut rows.iter().map(|row| value(row).chars().count()));
    let mut table = String::new();
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:names$}  {:values$}  {}", row.name, value(row), row.source.as_str());
    }
    let verdict = problem
        .map_or_else(|| "serve would start".into(), |problem| format!("serve would not start: {problem}"));
    table + "\n" + &verdict + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::path::Path;

    fn printed(arguments: &[&str]) -> String {
        let env = |name: &str| -> Option<OsString> {
            match name {
                "SEKALI_JWT_SECRET" => Some("0123456789abcdef0123456789abcdef".into()),
                "DATABASE_URL" => Some("postgres://sekali:hunter2@127.0.0.1/sekali".into()),
                _ => None,
            }
        };
        let read = |_: &Path| Ok("stripe_secret_key = \"sk_test_hidden\"\nrate_limit = 7\n".to_owned());
        let command_line = ["config", "--config", "sekali.toml"].iter().chain(arguments);
        let matches = command().get_matches_from(command_line);
        run(&matches, Surroundings { env: &env, read: &read }).unwrap()
    }

    #[test]
    fn the_table_names_every_source_and_no_secret() {
        let text = printed(&["--listen", "127.0.0.1:9000"]);
        let row = |name: &str| {
            let line = text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("SEKALI_LISTEN"), ["127.0.0.1:9000", "flag"]);
        assert_eq!(row("SEKALI_PUBLIC_URL"), ["http://127.0.0.1:9000", "default"]);
        assert_eq!(row("DATABASE_URL"), ["postgres://sekali:***@127.0.0.1/sekali", "environment"]);
        assert_eq!(row("SEKALI_AUTO_MIGRATE"), ["0", "default"]);
        assert_eq!(row("SEKALI_JWT_SECRET"), ["***", "environment"]);
        assert_eq!(row("STRIPE_SECRET_KEY"), ["***", "file"]);
        assert_eq!(row("SEKALI_RATE_LIMIT"), ["7", "file"]);
        assert_eq!(row("REDIS_URL"), ["-", "default"]);
        for secret in ["0123456789abcdef", "hunter2", "sk_test_hidden"] {
            assert!(!text.contains(secret), "{secret}");
        }
        assert!(text.contains("serve would not start: STRIPE_WEBHOOK_SECRET is not set"), "{text}");
    }

    #[test]
    fn json_says_the_same() {
        let document: Value = serde_json::from_str(&printed(&["--json"])).unwrap();
        let rows = document["settings"].as_array().unwrap();
        let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row("SEKALI_JWT_SECRET")["value"], "***");
        assert_eq!(row("REDIS_URL")["value"], Value::Null);
        assert_eq!(row("SEKALI_RATE_LIMIT")["source"], "file");
        assert!(document["problem"].as_str().unwrap().starts_with("STRIPE_WEBHOOK_SECRET"));
    }
}
