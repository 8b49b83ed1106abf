//! The block of tables in docs/performance.md.

use super::plots::Plot;
use super::{FOLDER, table};
use crate::goals::{Goal, Side, goals};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::results::Results;
use crate::sample::Sample;
use std::fmt::Write;

/// Around the block.
pub(super) const MARKS: (&str, &str) =
    ("<!-- measured by ./dev bench --publish docs: from here -->", "<!-- to here -->");

/// The page with another block; `None` if it has no marks.
pub(super) fn renewed(page: &str, (begin, end): (&str, &str), block: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{block}\n{end}{after}"))
}

/// Goals, figures and plots as Markdown.
pub(super) fn block(plan: &Plan, machine: &Machine, results: &Results, plots: &[Plot]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}\n", table::machine(plan, machine));
    text += "| goal | | reached | value |\n|---|---|---|---|\n";
    for goal in goals(results) {
        let _ = writeln!(text, "{}", goal_row(&goal));
    }
    if let Some(sentence) = table::cheaper(results) {
        let _ = writeln!(text, "\n{sentence}");
    }
    for plot in plots {
        let _ = writeln!(text, "\n![{}]({FOLDER}/{})", plot.title, plot.file);
    }
    let mut scenario = None;
    for cell in results.samples.keys() {
        if scenario != Some(cell.scenario) {
            scenario = Some(cell.scenario);
            let _ = writeln!(text, "\n### {}\n\n{HEAD}", capital(cell.scenario.name()));
        }
        if let Some(sample) = results.typical(*cell) {
            let rate = table::rate(results, *cell);
            let _ = writeln!(
                text,
                "| {} | {} | {rate} |{}",
                cell.contestant.name(),
                cell.connections,
                row(&sample)
            );
        }
    }
    text
}

const HEAD: &str = "| | conn. | a second (least–most) | p50 ms | p99 | p99.9 | max | again: p50, p99 | CPU ms: service + database + Redis | MiB | round trips | commits | Redis calls, reads |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

fn row(sample: &Sample) -> String {
    let (latency, cpu) = (sample.latency, sample.cpu);
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    let again = sample.repeated.map_or(String::new(), |again| format!("{:.2}, {:.2}", again.p50, again.p99));
    let memory = if sample.memory > 0.0 { format!("{:.0}", sample.memory) } else { String::new() };
    let redis = sample.redis_calls.zip(sample.redis_reads);
    format!(
        " {:.2} | {:.2} | {:.2} | {:.1} | {again} | {:.3} + {:.3} + {:.3} | {memory} | {} | {} | {} |",
        latency.p50,
        latency.p99,
        latency.p999,
        latency.max,
        cpu.service,
        cpu.database,
        cpu.redis,
        optional(sample.statements),
        optional(sample.commits),
        redis.map_or(String::new(), |(calls, reads)| format!("{calls:.2}, {reads:.2}")),
    )
}

fn goal_row(goal: &Goal) -> String {
    let side = if goal.side == Side::AtLeast { "at least" } else { "at most" };
    let reached = match goal.reached {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "not measured",
    };
    let value = goal.value.map_or(String::new(), |value| format!("{value:.2}"));
    format!("| {} | {side} {} | {reached} | {value} |", goal.what, goal.limit)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_is_written_anew() {
        let (begin, end) = MARKS;
        let page = format!("before\n{begin}\nold\n{end}\nafter\n");
        let expected = format!("before\n{begin}\n\nnew\n{end}\nafter\n");
        assert_eq!(renewed(&page, MARKS, "new").unwrap(), expected);
        assert_eq!(renewed("no marks", MARKS, "new"), None);
    }
}
