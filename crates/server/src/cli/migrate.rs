//! `sekali migrate`: brings the database's tables up to this program.

use super::{block_on, complain, say};
use crate::settings::{DatabaseSettings, Group, Surroundings, Values, add_flags, flags_given};
use crate::start_error::StartError;
use crate::wiring::open_store;
use clap::{ArgMatches, Command};
use sekali_core::ports::SchemaState;
use std::process::ExitCode;

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("migrate")
        .about("Bring the database's tables up to date; safe to run again, and by several at once")
        .after_help("Example: DATABASE_URL=postgres://sekali@db.example.org/sekali sekali migrate");
    add_flags(command, &[Group::Database])
}

/// Migrates, and says which steps ran.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let settings = Values::gather(&flags_given(matches), surroundings).and_then(|values| values.database());
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return complain(&error),
    };
    match block_on(migrate(&settings)) {
        Ok(Ok(steps)) => {
            for step in &steps {
                say(&format!("ran {step}\n"));
            }
            say(if steps.is_empty() {
                "the database is up to date\n"
            } else {
                "the database is up to date now\n"
            });
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}

async fn migrate(settings: &DatabaseSettings) -> Result<Vec<String>, StartError> {
    let store = open_store(settings)?.store;
    if let SchemaState::Newer { version } = store.schema().await? {
        return Err(StartError::NewerDatabase(version));
    }
    Ok(store.migrate().await?)
}
