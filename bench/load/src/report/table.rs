//! The results as text for a terminal.

use crate::goals::{Goal, Side, goals};
use crate::plan::Plan;
use crate::results::Results;
use crate::sample::Sample;
use std::fmt::Write;

/// Everything that a run has shown.
pub(crate) fn text(plan: &Plan, settings: &[(String, String)], results: &Results) -> String {
    let mut text = String::new();
    let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "\nPostgreSQL: {}", settings.join(", "));
    let _ = writeln!(text, "medians of {} rounds of {:?} each\n", plan.rounds, plan.time);
    text += &figures(plan, results);
    text += "\n";
    for goal in goals(results) {
        let _ = writeln!(text, "{}", goal_line(&goal));
    }
    if !results.faults.is_empty() {
        text += "\nTHIS RUN IS VOID: payments were lost or made twice.\n";
        for (cell, faults) in &results.faults {
            let _ = writeln!(text, "{}: {} faults, first {}", crate::run::describe(*cell), faults.len(), faults[0]);
        }
    }
    text
}

fn figures(plan: &Plan, results: &Results) -> String {
    let mut text = format!(
        "{:<42} {:>5} {:>9} {:>8} {:>8} {:>8} {:>8} {:>27} {:>8} {:>7} {:>7} {:>7}\n",
        "", "conn.", "/s", "p50 ms", "p99", "p99.9", "max", "CPU ms (serv./db/Redis)", "MiB", "commits", "calls", "reads"
    );
    let mut cells = plan.cells.clone();
    cells.sort();
    let mut scenario = None;
    for cell in cells {
        if scenario != Some(cell.scenario) {
            let _ = writeln!(text, "{}", cell.scenario.name());
            scenario = Some(cell.scenario);
        }
        if let Some(sample) = results.typical(cell) {
            let _ = writeln!(text, "  {:<40} {:>5} {}", cell.contestant.name(), cell.connections, figures_of(&sample));
        }
    }
    text
}

fn figures_of(sample: &Sample) -> String {
    let latency = sample.latency;
    let cpu = sample.cpu;
    let optional = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
    let mut text = format!(
        "{:>9.0} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>27} {:>8.0} {:>7} {:>7} {:>7}",
        sample.throughput,
        latency.p50,
        latency.p99,
        latency.p999,
        latency.max,
        format!("{:.3} ({:.3}/{:.3}/{:.3})", cpu.total(), cpu.service, cpu.database, cpu.redis),
        sample.memory,
        optional(sample.commits),
        optional(sample.redis_calls),
        optional(sample.redis_reads),
    );
    if let Some(repeated) = sample.repeated {
        let _ = write!(text, "  again: p50 {:.2} p99 {:.2}", repeated.p50, repeated.p99);
    }
    if sample.turned_away > 0 {
        let _ = write!(text, "  {} turned away", sample.turned_away);
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
