//! The table as flags of the command line.

use super::{Fallback, Flags, Group, SETTINGS, Setting};
use clap::{Arg, ArgMatches, Command};

/// Adds the flags of `groups` to `command`, and `--config`, which all commands have.
pub fn add_flags(command: Command, groups: &[Group]) -> Command {
    let wanted = |setting: &&Setting| setting.group == Group::File || groups.contains(&setting.group);
    command.args(SETTINGS.iter().filter(wanted).map(flag))
}

/// Those of the flags that were given.
pub fn flags_given(matches: &ArgMatches) -> Flags {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            // A command that does not have the flag is no error: it was not given.
            let text = matches.try_get_one::<String>(setting.flag).ok().flatten()?;
            Some((setting.key, text.clone()))
        })
        .collect()
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(value_name(setting))
        .help(help(setting))
        .help_heading("Settings");
    if setting.switch { arg.num_args(0..=1).require_equals(true).default_missing_value("1") } else { arg }
}

fn value_name(setting: &Setting) -> &'static str {
    match (setting.group, setting.switch) {
        (Group::File, _) => "FILE",
        (_, true) => "0|1",
        (_, false) => "VALUE",
    }
}

fn help(setting: &Setting) -> String {
    let default = match setting.fallback {
        Fallback::Value(text) | Fallback::Computed(text) => format!(" [default: {text}]"),
        Fallback::Unset => String::new(),
    };
    format!("{} [env: {}]{default}", setting.meaning, setting.env)
}
