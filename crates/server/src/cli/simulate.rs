//! `sekali simulate`: whole histories of payments with everything going wrong, from seeds that repeat them.

use super::{complain, say};
use crate::system::SystemClock;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use sekali_core::ports::Clock;
use sekali_simulate::{
    Guard, Guards, History, MUTATIONS, Many, Plan, Race, Tally, charging_twice, race, run, run_many, shrink,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// Seeds that are tried for one mutation.
const MOST_SEEDS: u64 = 10_000;
/// Seeds that are tried for one guard alone.
const MOST_ALONE: u64 = 500;

/// The command with its flags.
pub fn command() -> Command {
    let number =
        |name: &'static str| Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u64));
    let flag = |name: &'static str, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("simulate")
        .about("Simulate whole histories of payments with everything going wrong; exits 1 when an invariant breaks")
        .after_help(
            "Examples:\n  sekali simulate --seeds 100000\n  sekali simulate --seed 4711          \
             (prints the history; one that fails is shrunk first)\n  \
             sekali simulate --without active-index,consultation-lock\n  \
             sekali simulate --race --seed 0 --without gateway-key    (one race, as the demo shows it)",
        )
        .arg(number("seeds").default_value("10000").help("How many histories"))
        .arg(number("from").default_value("0").help("The first seed"))
        .arg(number("seed").help("Only this one, and print what happens"))
        .arg(flag("whole", "With --seed: do not shrink a history that fails").requires("seed"))
        .arg(
            Arg::new("without")
                .long("without")
                .value_name("GUARD,…")
                .value_delimiter(',')
                .value_parser(guard)
                .help("Take guards of the simulated world away, to see what they are good for"),
        )
        .arg(flag("mutations", "Show that the simulator finds bugs: run the list of them"))
        .arg(flag("race", "With --seed: the small race that the demo shows").requires("seed"))
        .arg(number("threads").help("Threads [default: one a processor]"))
        .arg(flag("json", "Print the result as JSON"))
}

fn guard(word: &str) -> Result<Guard, String> {
    Guard::parse(word).ok_or_else(|| {
        let known: Vec<_> = Guard::ALL.iter().map(|guard| guard.name()).collect();
        format!("there is no such guard; there are {}", known.join(", "))
    })
}

/// Runs histories, and says what they came to.
pub fn run_command(matches: &ArgMatches) -> ExitCode {
    let missing: Vec<Guard> = matches.get_many("without").unwrap_or_default().copied().collect();
    let plan = Plan { guards: Guards::without(&missing), ..Plan::default() };
    if matches.get_flag("mutations") {
        return mutations();
    }
    match matches.get_one::<u64>("seed") {
        Some(seed) if matches.get_flag("race") => one_race(*seed, plan),
        Some(seed) => one(*seed, &plan, matches.get_flag("whole"), matches.get_flag("json")),
        None => many(matches, &plan),
    }
}

/// Every mutation of the list, with the seeds it took to find it.
fn mutations() -> ExitCode {
    let mut missed = 0;
    for mutation in MUTATIONS {
        let found = mutation.find(MOST_SEEDS);
        missed += u32::from(found.is_none());
        say(&match found {
            None => format!("  MISSED  {}\n", mutation.name),
            Some(found) => {
                let shown = found.history.broken.iter().find(|broken| broken.how.contains(mutation.shows));
                let shown = shown.map(ToString::to_string).unwrap_or_default();
                format!("{:>6} seeds  {}\n              {shown}\n", found.seeds, mutation.name)
            }
        });
    }
    say("\nguards that, taken away alone, let a patient be charged twice:\n");
    for (guard, seeds) in charging_twice(MOST_ALONE) {
        say(&format!("{seeds:>6} seeds  {}\n", guard.name()));
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, plan: &Plan, whole: bool, as_json: bool) -> ExitCode {
    let written = Plan { written: true, ..plan.clone() };
    let shrunk = if whole { None } else { shrink(seed, plan) };
    let is_shrunk = shrunk.is_some();
    let history = shrunk.map_or_else(|| run(seed, &written), |(_, history)| history);
    if as_json {
        say(&format!("{:#}\n", json!({ "history": of_history(&history), "lines": lines(&history) })));
    } else {
        let mut text = lines(&history).join("\n") + "\n\n";
        if is_shrunk {
            text += "shrunk: what is not needed to break it is left out; --whole prints all of it\n";
        }
        say(&(text + &verdict(&history, plan)));
    }
    if history.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A race of the demo's, line by line; fails when the patient was charged twice.
fn one_race(seed: u64, plan: Plan) -> ExitCode {
    let race = race(seed, &Plan { written: true, ..plan });
    let mut text = String::new();
    // Writing to a String cannot fail.
    for line in &race.lines {
        let _ = writeln!(text, "{line}");
    }
    let Race { payments, sessions, charges, .. } = &race;
    let _ = writeln!(text, "\n{payments} payments, {sessions} sessions, {charges} charges");
    say(&text);
    if race.charges_twice() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn lines(history: &History) -> Vec<String> {
    history.lines.iter().map(ToString::to_string).collect()
}

/// What broke, and how to see it again.
fn verdict(history: &History, plan: &Plan) -> String {
    if history.broken.is_empty() {
        return format!("seed {}: every invariant holds\n", history.seed);
    }
    let mut text = format!("seed {}: BROKEN\n", history.seed);
    for broken in &history.broken {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {broken}");
    }
    let missing: Vec<_> = plan.guards.missing().map(Guard::name).collect();
    let without =
        if missing.is_empty() { String::new() } else { format!(" --without {}", missing.join(",")) };
    let _ = writeln!(text, "again: sekali simulate --seed {}{without}", history.seed);
    text
}

fn many(matches: &ArgMatches, plan: &Plan) -> ExitCode {
    let number = |name: &str| matches.get_one::<u64>(name).copied();
    let (from, count) = (number("from").unwrap_or(0), number("seeds").unwrap_or(0));
    let Some(end) = from.checked_add(count) else { return complain(&"so many seeds there are not") };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = number("threads").and_then(|threads| usize::try_from(threads).ok()).unwrap_or(processors);
    let clock = SystemClock::new();
    let next = AtomicU64::new(0);
    let progress = |done: u64| {
        let millis = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        let due = next.load(Ordering::Relaxed);
        let after = millis + u64::try_from(PROGRESS.as_millis()).unwrap_or(0);
        if millis >= due && next.compare_exchange(due, after, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = writeln!(std::io::stderr().lock(), "{done} of {count} histories");
        }
    };
    let outcome = run_many(from..end, plan, threads, &progress);
    let took = clock.monotonic();
    if matches.get_flag("json") {
        say(&format!("{:#}\n", of_many(&outcome, from, took)));
    } else {
        say(&summary(&outcome, plan, took));
    }
    if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn summary(outcome: &Many, plan: &Plan, took: Duration) -> String {
    let Tally {
        histories,
        steps,
        presses,
        payments,
        sessions,
        charges,
        refunds,
        disputes,
        surplus,
        messages,
        ..
    } = &outcome.tally;
    let mut text = format!(
        "{histories} histories in {:.1} s, {steps} steps\n\n\
         {presses} presses of BAYAR made {payments} payments; at Stripe {sessions} sessions, {charges} charges, \
         {refunds} refunds, {disputes} disputes; {surplus} charges settled nothing and went back; the host took \
         {messages} messages\n",
        took.as_secs_f64()
    );
    list(&mut text, "how payments stood in the end", &outcome.tally.ends);
    list(&mut text, "faults", &outcome.tally.faults);
    list(&mut text, "points that were passed", &outcome.tally.points);
    text.push('\n');
    if outcome.failures.is_empty() {
        text.push_str("every invariant holds in every history\n");
    }
    for history in &outcome.failures {
        text.push_str(&verdict(history, plan));
    }
    text
}

fn list(text: &mut String, title: &str, counts: &BTreeMap<&'static str, u64>) {
    let _ = writeln!(text, "\n{title}:");
    for (word, count) in counts {
        let _ = writeln!(text, "  {count:>10}  {word}");
    }
}

fn of_history(history: &History) -> Value {
    let broken: Vec<_> = history.broken.iter().map(ToString::to_string).collect();
    json!({ "seed": history.seed, "broken": broken, "trace": format!("{:016x}", history.trace) })
}

fn of_many(outcome: &Many, from: u64, took: Duration) -> Value {
    let Tally {
        histories,
        steps,
        presses,
        payments,
        sessions,
        charges,
        refunds,
        disputes,
        surplus,
        messages,
        ..
    } = &outcome.tally;
    json!({
        "from": from,
        "histories": histories,
        "seconds": took.as_secs_f64(),
        "steps": steps,
        "presses": presses,
        "payments": payments,
        "sessions": sessions,
        "charges": charges,
        "refunds": refunds,
        "disputes": disputes,
        "surplus": surplus,
        "messages": messages,
        "ends": outcome.tally.ends,
        "faults": outcome.tally.faults,
        "points": outcome.tally.points,
        "failures": outcome.failures.iter().map(of_history).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(arguments: &[&str]) -> ArgMatches {
        command().get_matches_from([&["simulate"], arguments].concat())
    }

    #[test]
    fn a_share_of_histories_holds_and_is_summed_up() {
        assert_eq!(run_command(&matches(&["--seeds", "20", "--threads", "2"])), ExitCode::SUCCESS);
        let outcome = run_many(0..20, &Plan::default(), 2, &|_| {});
        let text = summary(&outcome, &Plan::default(), Duration::from_secs(1));
        assert!(text.starts_with("20 histories in 1.0 s"), "{text}");
        assert!(text.contains("every invariant holds in every history"), "{text}");
    }

    #[test]
    fn a_race_fails_when_the_patient_pays_twice() {
        assert_eq!(run_command(&matches(&["--race", "--seed", "0"])), ExitCode::SUCCESS);
        let plan = Plan::without(&[Guard::GatewayKey]);
        let bad = (0..1_000).find(|seed| race(*seed, &plan).charges_twice()).unwrap().to_string();
        let without = ["--race", "--seed", &bad, "--without", "gateway-key"];
        assert_eq!(run_command(&matches(&without)), ExitCode::FAILURE);
    }

    #[test]
    fn without_its_guards_it_fails_and_says_how_to_see_it_again() {
        let without = ["--without", "invoice", "--seeds", "5"];
        assert_eq!(run_command(&matches(&without)), ExitCode::FAILURE);
        let plan = Plan::without(&[Guard::Invoice]);
        let text = verdict(&run(0, &plan), &plan);
        assert!(text.contains("again: sekali simulate --seed 0 --without invoice"), "{text}");
        assert_eq!(run_command(&matches(&["--seed", "0", "--without", "invoice"])), ExitCode::FAILURE);
        assert!(command().try_get_matches_from(["simulate", "--without", "nothing"]).is_err());
    }
}
