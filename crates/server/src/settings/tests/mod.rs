//! The settings as a user gives them: texts in, typed values or one sentence out.

mod sources;
mod typed;
mod wrong;

use super::{
    Flags, Group, Settings, SettingsError, SimulatorReach, Surroundings, Values, add_flags, flags_given,
};
use std::ffi::OsString;
use std::io;
use std::path::Path;

const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Enough for `serve` with the simulator.
const SIMULATOR: &[(&str, &str)] = &[("SEKALI_JWT_SECRET", JWT_SECRET), ("SEKALI_STRIPE_SIMULATOR", "1")];

/// Enough for `serve` with Stripe.
const STRIPE: &[(&str, &str)] = &[
    ("SEKALI_JWT_SECRET", JWT_SECRET),
    ("STRIPE_SECRET_KEY", "sk_test_hidden"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_hidden"),
];

/// What the values of `flags`, `env` and the file `sekali.toml` are; the last of two variables of
/// the same name counts.
fn gather(flags: &[&str], env: &[(&str, &str)], file: Option<&str>) -> Result<Values, SettingsError> {
    let variable =
        |name: &str| env.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value));
    let read = |path: &Path| match (path.to_str(), file) {
        (Some("sekali.toml"), Some(text)) => Ok(text.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    Values::gather(&parsed(flags), Surroundings { env: &variable, read: &read })
}

fn parsed(flags: &[&str]) -> Flags {
    let groups = [Group::Database, Group::Tokens, Group::Log, Group::Server];
    let command = add_flags(clap::Command::new("serve"), &groups);
    flags_given(&command.get_matches_from(["serve"].iter().chain(flags)))
}

fn serve(flags: &[&str], env: &[(&str, &str)], file: Option<&str>) -> Result<Settings, String> {
    let settings = gather(flags, env, file).and_then(|values| values.serve(SimulatorReach::Loopback));
    settings.map_err(|error| error.to_string())
}

/// `serve` with `base` and further variables.
fn serve_with(base: &[(&str, &str)], more: &[(&str, &str)]) -> Result<Settings, String> {
    serve(&[], &[base, more].concat(), None)
}
