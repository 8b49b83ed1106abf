//! `sekali verify`: asks the database whether every invariant holds that SQL can state.

use super::{block_on, complain, say};
use crate::settings::{DatabaseSettings, Group, Surroundings, Values, add_flags, flags_given};
use crate::start_error::StartError;
use crate::wiring::open_store;
use clap::{ArgMatches, Command};
use sekali_core::audit::{self, Finding};
use sekali_core::ports::{SchemaState, Table};
use std::fmt::Write;
use std::process::ExitCode;

/// Rows shown of each broken invariant.
const SHOWN: usize = 20;

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("verify")
        .about("Check every invariant in the database; exits 1 and shows the rows when one is broken")
        .after_help("Example: sekali verify --database-url sqlite://sekali.db");
    add_flags(command, &[Group::Database])
}

/// Verifies, and prints a table.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let settings = Values::gather(&flags_given(matches), surroundings).and_then(|values| values.database());
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return complain(&error),
    };
    match block_on(verify(&settings)) {
        Ok(Ok(findings)) => {
            say(&report(&findings));
            if findings.iter().all(Finding::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}

/// Never changes the database: an old one is named, not migrated.
async fn verify(settings: &DatabaseSettings) -> Result<Vec<Finding>, StartError> {
    let store = open_store(settings)?;
    match store.schema().await? {
        SchemaState::Current => Ok(audit::verify(&*store).await?),
        SchemaState::Empty => Err(StartError::EmptyDatabase),
        SchemaState::Old { version } => Err(StartError::OldDatabase(version)),
        SchemaState::Newer { version } => Err(StartError::NewerDatabase(version)),
    }
}

fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let verdict = if finding.holds() { "ok    " } else { "BROKEN" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{verdict}  {}", finding.check.invariant);
        if !finding.holds() {
            text.push_str(&rows(&finding.rows));
        }
    }
    let broken = findings.iter().filter(|finding| !finding.holds()).count();
    let _ = match broken {
        0 => writeln!(text, "\nall {} invariants hold", findings.len()),
        _ => writeln!(text, "\n{broken} of {} invariants are broken", findings.len()),
    };
    text
}

/// The offending rows, indented, in columns.
pub(crate) fn rows(table: &Table) -> String {
    let mut widths: Vec<usize> = table.columns.iter().map(|name| name.chars().count()).collect();
    let shown = &table.rows[..table.rows.len().min(SHOWN)];
    for row in shown {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("          {}\n", padded.join(" | ").trim_end())
    };
    let mut text = line(&table.columns);
    for row in shown {
        text.push_str(&line(row));
    }
    if table.rows.len() > SHOWN {
        let _ = writeln!(text, "          … and {} more", table.rows.len() - SHOWN);
    }
    text
}
