//! The results as text for a terminal.

use crate::goals::{Goal, Side, goals};
use crate::load::Scenario;
use crate::machine::Machine;
use crate::plan::{Cell, Contestant, Plan};
use crate::results::Results;
use crate::run::describe;
use crate::sample::Sample;
use std::fmt::Write;

/// Everything that a run has shown.
pub(crate) fn text(plan: &Plan, machine: &Machine, results: &Results) -> String {
    // Writing to a string does not fail.
    let mut text = format!("\n{}\n\n{}\n", self::machine(plan, machine), figures(results));
    for goal in goals(results) {
        let _ = writeln!(text, "{}", goal_line(&goal));
    }
    if let Some(sentence) = cheaper(results) {
        let _ = writeln!(text, "{sentence}");
    }
    if !results.faults.is_empty() {
        text += "\nTHIS RUN IS VOID: payments were lost or made twice.\n";
        for (cell, faults) in &results.faults {
            let _ = writeln!(text, "{}: {} faults, first: {}", describe(*cell), faults.len(), faults[0]);
        }
    }
    text
}

/// What the run was made on, in a paragraph.
pub(super) fn machine(plan: &Plan, machine: &Machine) -> String {
    let settings: Vec<String> =
        machine.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!(
        "Medians of {} interleaved rounds of {} s each, Sekali {}, the load on the same processors. {} × {}, {:.0} GiB, \
         Linux {}; the disk takes 8 KiB for good {:.0} times a second; load average before the run: {:.1}. PostgreSQL: {}.",
        plan.rounds,
        plan.time.as_secs(),
        machine.version,
        machine.processors,
        machine.processor,
        machine.memory,
        machine.kernel,
        machine.syncs,
        machine.load,
        settings.join(", "),
    )
}

/// A cell's rate: the median, and the least and the most of its rounds.
pub(super) fn rate(results: &Results, cell: Cell) -> String {
    let rate = results.median(cell, |sample| sample.throughput).unwrap_or_default();
    let (least, most) = results.range(cell, |sample| sample.throughput).unwrap_or_default();
    let turned_away: usize =
        results.samples.get(&cell).into_iter().flatten().map(|round| round.turned_away).sum();
    let apart = if turned_away > 0 { format!(", {turned_away} turned away") } else { String::new() };
    format!("{rate:.0} ({least:.0}–{most:.0}){apart}")
}

/// How many times cheaper a duplicate is than a first payment.
pub(super) fn cheaper(results: &Results) -> Option<String> {
    let typical = |scenario| results.typical(Cell::new(Contestant::PostgresRedis, scenario, 64));
    let (first, duplicate) = (typical(Scenario::First)?, typical(Scenario::Duplicates)?);
    Some(format!(
        "A duplicate (PostgreSQL + Redis, 64 connections) takes {:.1} times less processor time than a first payment, and is answered \
         {:.1} times as fast (p50).",
        first.cpu.total() / duplicate.cpu.total().max(f64::MIN_POSITIVE),
        first.latency.p50 / duplicate.latency.p50.max(f64::MIN_POSITIVE),
    ))
}

fn figures(results: &Results) -> String {
    let mut text = format!(
        "{:<42} {:>5} {:>21} {:>8} {:>8} {:>8} {:>8} {:>27} {:>8} {:>7} {:>7} {:>7} {:>7}\n",
        "",
        "conn.",
        "/s (least–most)",
        "p50 ms",
        "p99",
        "p99.9",
        "max",
        "CPU ms (serv./db/Redis)",
        "MiB",
        "trips",
        "commits",
        "calls",
        "reads"
    );
    let mut scenario = None;
    for cell in results.samples.keys().copied() {
        if scenario != Some(cell.scenario) {
            let _ = writeln!(text, "{}", cell.scenario.name());
            scenario = Some(cell.scenario);
        }
        if let Some(sample) = results.typical(cell) {
            let rate = rate(results, cell);
            let name = cell.contestant.name();
            let _ = writeln!(text, "  {name:<40} {:>5} {rate:>21} {}", cell.connections, figures_of(&sample));
        }
    }
    text
}

fn figures_of(sample: &Sample) -> String {
    let latency = sample.latency;
    let cpu = sample.cpu;
    let optional = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
    let mut text = format!(
        "{:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>27} {:>8.0} {:>7} {:>7} {:>7} {:>7}",
        latency.p50,
        latency.p99,
        latency.p999,
        latency.max,
        format!("{:.3} ({:.3}/{:.3}/{:.3})", cpu.total(), cpu.service, cpu.database, cpu.redis),
        sample.memory,
        optional(sample.statements),
        optional(sample.commits),
        optional(sample.redis_calls),
        optional(sample.redis_reads),
    );
    if let Some(repeated) = sample.repeated {
        let _ = write!(text, "  again: p50 {:.2} p99 {:.2}", repeated.p50, repeated.p99);
    }
    text
}

fn goal_line(goal: &Goal) -> String {
    let verdict = match goal.reached {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "–",
    };
    let side = if goal.side == Side::AtLeast { "at least" } else { "at most" };
    let value = goal.value.map_or("not measured".to_owned(), |value| format!("{value:.2}"));
    format!("{verdict} {}: {value} ({side} {})", goal.what, goal.limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Fault;
    use std::time::Duration;

    #[test]
    fn a_run_with_a_fault_says_that_it_is_void() {
        let plan = Plan { cells: Vec::new(), rounds: 1, time: Duration::from_secs(1) };
        let machine = Machine::default();
        let cell = Cell::new(Contestant::PostgresRedis, Scenario::First, 64);
        let mut results = Results::default();
        results.add(cell, Sample::default());
        results.fault(cell, Vec::new());
        assert!(!text(&plan, &machine, &results).contains("VOID"));
        results.fault(cell, vec![Fault::Double { consultation: 5 }]);
        let said = text(&plan, &machine, &results);
        assert!(
            said.contains("THIS RUN IS VOID") && said.contains("consultation 5 has several payments"),
            "{said}"
        );
    }
}
