//! `sekali outbox`: what the host application was told, what it was not, and telling it again.

use super::{block_on, complain, say, verify};
use crate::settings::{DatabaseSettings, Group, Surroundings, Values, add_flags, flags_given};
use crate::start_error::StartError;
use crate::system::SystemClock;
use crate::wiring::{open_store, prepare_schema};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{Clock, OutboxEntry, OutboxQuery, Store, Table};
use std::process::ExitCode;

/// Rows of one page.
const PAGE: u32 = 500;

/// The command with its flags.
pub fn command() -> Command {
    let list = Command::new("list")
        .about("List payments whose events the host application was not told yet")
        .after_help("Example: sekali outbox list --parked")
        .arg(flag("parked", "Only those that were given up after three days"))
        .arg(flag("all", "Also those that are wholly delivered"));
    let replay = Command::new("replay")
        .about("Make deliveries due now; a running server sends them")
        .after_help(
            "Examples:\n  sekali outbox replay --payment 100 --from 1\n  sekali outbox replay --parked",
        )
        .arg(
            Arg::new("payment")
                .long("payment")
                .value_name("ID")
                .value_parser(value_parser!(i64).range(1..))
                .required_unless_present("parked")
                .help("The payment whose delivery goes on"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("SEQUENCE")
                .value_parser(value_parser!(i64).range(1..))
                .requires("payment")
                .help(
                    "Send again from this entry of its record on [default: the first that was not delivered]",
                ),
        )
        .arg(flag("parked", "Every delivery that was given up").conflicts_with("payment"));
    Command::new("outbox")
        .about("List what the host application was not told, and tell it again")
        .after_help("Example: sekali outbox list")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(add_flags(list, &[Group::Database]))
        .subcommand(add_flags(replay, &[Group::Database]))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Lists or replays.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let Some((name, given)) = matches.subcommand() else { return ExitCode::FAILURE };
    let settings = Values::gather(&flags_given(given), surroundings).and_then(|values| values.database());
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return complain(&error),
    };
    let outcome = block_on(async {
        match name {
            "list" => list(&settings, given).await,
            _ => replay(&settings, given).await,
        }
    });
    match outcome {
        Ok(Ok(text)) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}

async fn store(settings: &DatabaseSettings) -> Result<std::sync::Arc<dyn Store>, StartError> {
    let store = open_store(settings)?.store;
    prepare_schema(&*store, false).await?;
    Ok(store)
}

async fn entries(store: &dyn Store, query: OutboxQuery) -> Result<Vec<OutboxEntry>, StartError> {
    let (mut all, mut after) = (Vec::new(), PaymentId(0));
    loop {
        let page = store.outbox(query, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.payment;
        all.extend(page);
    }
}

async fn list(settings: &DatabaseSettings, given: &ArgMatches) -> Result<String, StartError> {
    let query = match (given.get_flag("parked"), given.get_flag("all")) {
        (true, _) => OutboxQuery::Parked,
        (false, true) => OutboxQuery::All,
        (false, false) => OutboxQuery::Unfinished,
    };
    let entries = entries(&*store(settings).await?, query).await?;
    if entries.is_empty() {
        return Ok("The host application was told everything.\n".into());
    }
    let columns = ["payment", "delivered", "last", "attempts", "due", "parked", "error"];
    let table =
        Table { columns: columns.map(str::to_owned).to_vec(), rows: entries.iter().map(row).collect() };
    Ok(verify::all_rows(&table))
}

fn row(entry: &OutboxEntry) -> Vec<String> {
    let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    vec![
        entry.payment.to_string(),
        entry.delivered_seq.to_string(),
        entry.last_seq.to_string(),
        entry.attempts.to_string(),
        at(entry.due_at),
        at(entry.parked_at),
        entry.error.clone().unwrap_or_default(),
    ]
}

async fn replay(settings: &DatabaseSettings, given: &ArgMatches) -> Result<String, StartError> {
    let (store, now) = (store(settings).await?, SystemClock::new().now());
    if let Some(id) = given.get_one::<i64>("payment") {
        let from = given.get_one::<i64>("from").copied();
        return Ok(if store.replay(PaymentId(*id), from, now).await? {
            format!("The delivery of payment {id} is due now; a running server sends it.\n")
        } else {
            format!("There is no payment {id} with anything to tell.\n")
        });
    }
    let parked = entries(&*store, OutboxQuery::Parked).await?;
    for entry in &parked {
        store.replay(entry.payment, None, now).await?;
    }
    Ok(format!("{} parked deliveries are due now; a running server sends them.\n", parked.len()))
}
