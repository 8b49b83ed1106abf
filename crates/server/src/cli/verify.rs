//! `sekali verify`: asks the database whether every invariant holds that SQL can state.

use super::{block_on, complain, say};
use crate::notes;
use crate::settings::{DatabaseSettings, Group, Surroundings, Values, add_flags, flags_given};
use crate::start_error::StartError;
use crate::system::SystemClock;
use crate::wiring::{Opened, open_store};
use clap::{ArgMatches, Command};
use sekali_core::audit::{self, Finding, Records};
use sekali_core::ports::{Case, Clock, SchemaState, Table};
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::process::ExitCode;

/// Rows shown of each broken invariant.
const SHOWN: usize = 20;
/// Cases shown.
const MOST_CASES: u32 = 500;
/// Entries between two lines of progress.
const PROGRESS: u64 = 100_000;

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
        Ok(Ok(Verified { findings, records, cases })) => {
            say(&report(&findings, &records));
            say(&shown_cases(&cases));
            let holds = findings.iter().all(Finding::holds) && records.broken.is_empty();
            if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}

/// What the database was asked.
struct Verified {
    findings: Vec<Finding>,
    records: Records,
    cases: Vec<Case>,
}

/// Changes nothing but the note that it leaves for operators: an old database is named, not migrated.
async fn verify(settings: &DatabaseSettings) -> Result<Verified, StartError> {
    let Opened { store, console } = open_store(settings)?;
    match store.schema().await? {
        SchemaState::Current => {
            let findings = audit::verify(&*store).await?;
            let records = audit::verify_records(&*store, &progress).await?;
            let note = notes::of_verify(&findings, &records, SystemClock::new().now());
            // A database that this role may only read is verified all the same.
            if let Err(error) = console.leave_note(notes::VERIFY, &note).await {
                let _ = writeln!(std::io::stderr().lock(), "the console is not told of this: {error}");
            }
            Ok(Verified { findings, records, cases: store.cases(true, MOST_CASES).await? })
        }
        SchemaState::Empty => Err(StartError::EmptyDatabase),
        SchemaState::Old { version } => Err(StartError::OldDatabase(version)),
        SchemaState::Newer { version } => Err(StartError::NewerDatabase(version)),
    }
}

/// Long records take a while; that goes where it does not mix with the answer.
fn progress(entries: u64) {
    if entries.is_multiple_of(PROGRESS) {
        let _ = writeln!(std::io::stderr().lock(), "{entries} entries of the record read");
    }
}

/// Cases are no broken invariants, but somebody has to look at them.
fn shown_cases(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let payment = case.payment.map(|id| format!(" (payment {id})")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(
            &mut text,
            format_args!("LOOK AT {} {}{payment}: {}\n", case.kind.as_str(), case.object, case.detail),
        );
    }
    text
}

fn report(findings: &[Finding], records: &Records) -> String {
    let mut text = String::new();
    for finding in findings {
        let verdict = if finding.holds() { "ok    " } else { "BROKEN" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{verdict}  {:<3}  {}", finding.check.part_of, finding.check.invariant);
        if !finding.holds() {
            text.push_str(&rows(&finding.rows));
        }
    }
    let verdict = if records.broken.is_empty() { "ok    " } else { "BROKEN" };
    let _ = writeln!(text, "{verdict}  I10  the record of each payment is as it was written, entry by entry");
    for (payment, seq) in records.broken.iter().take(SHOWN) {
        let _ = writeln!(text, "          payment {payment}: entry {seq} does not follow, or was changed");
    }
    let all = findings.len() + 1;
    let broken =
        findings.iter().filter(|finding| !finding.holds()).count() + usize::from(!records.broken.is_empty());
    let _ = match broken {
        0 => writeln!(text, "\nall {all} invariants hold"),
        _ => writeln!(text, "\n{broken} of {all} invariants are broken"),
    };
    let _ = writeln!(text, "{} entries in the records of {} payments", records.entries, records.payments);
    text
}

/// The offending rows, indented, in columns; not more of them than one looks at.
pub(crate) fn rows(table: &Table) -> String {
    shown_rows(table, SHOWN)
}

/// Every row.
pub(crate) fn all_rows(table: &Table) -> String {
    shown_rows(table, table.rows.len())
}

fn shown_rows(table: &Table, most: usize) -> String {
    let mut widths: Vec<usize> = table.columns.iter().map(|name| name.chars().count()).collect();
    let shown = &table.rows[..table.rows.len().min(most)];
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
    if table.rows.len() > most {
        let _ = writeln!(text, "          … and {} more", table.rows.len() - most);
    }
    text
}
