//! The figures as Markdown.

use super::soak::drift;
use super::{Growth, idle::Idle, instances::Instances, rows::Rows, soak::Minute};
use crate::machine::Machine;
use std::fmt::Write;

/// Around the block in docs/performance.md.
pub(super) const MARKS: (&str, &str) =
    ("<!-- measured by ./dev bench grow --publish docs: from here -->", "<!-- growth: to here -->");

/// All parts that were measured.
pub(super) fn text(growth: &Growth) -> String {
    let Growth { rows, instances, idle, soak } = growth;
    let mut text = String::new();
    text += &rows.as_ref().map_or(String::new(), |part| rows_of(&part.figures) + &measured_on(&part.machine));
    text += &instances
        .as_ref()
        .map_or(String::new(), |part| instances_of(&part.figures) + &measured_on(&part.machine));
    text += &idle.as_ref().map_or(String::new(), |part| idle_of(&part.figures) + &measured_on(&part.machine));
    text += &soak.as_ref().map_or(String::new(), |part| soak_of(&part.figures) + &measured_on(&part.machine));
    text
}

fn measured_on(machine: &Machine) -> String {
    format!(
        "\nSekali {}, {} × {}, load average before the run {:.1}, commits durable, PostgreSQL and Redis on the same processors as the load.\n",
        machine.version, machine.processors, machine.processor, machine.load
    )
}

fn rows_of(rows: &[Rows]) -> String {
    let Some(least) = rows.first() else { return String::new() };
    let mut text = "\n### With the payments that are there\n\n\
        First payments at 64 connections, each size of tables once in every round.\n\n\
        | payments in the tables | first payments a second (least–most) | time a payment, times the smallest | p50 ms | p99 | PostgreSQL's CPU ms |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let slowest = row.rounds.iter().copied().fold(f64::MAX, f64::min);
        let fastest = row.rounds.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {} | {:.0} ({slowest:.0}–{fastest:.0}) | {:.2} | {:.2} | {:.2} | {:.3} |",
            row.payments,
            row.throughput,
            least.throughput / row.throughput,
            row.p50,
            row.p99,
            row.database
        );
    }
    text
}

fn instances_of(all: &[Instances]) -> String {
    let mut text = "\n### With servers on one database and one Redis\n\n\
        64 connections spread over the servers, all on the same two processors: this shows what another server costs, not what it brings. The two \
        presses of a double click go to two servers.\n\n\
        | servers | | answers a second | p50 ms | p99 | CPU ms: servers | PostgreSQL + Redis |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in all {
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.2} | {:.2} | {:.3} | {:.3} |",
            row.servers,
            row.scenario.name(),
            row.throughput,
            row.p50,
            row.p99,
            row.service,
            row.others
        );
    }
    text
}

fn idle_of(idle: &Idle) -> String {
    format!(
        "\n### With connections that are idle\n\n\
         {} connections that have asked once and are kept take {:.1} KiB each: {:.1} MiB of resident memory became {:.1}, and {:.1} while 16 others \
         pressed. Those had a p50 of {:.2} ms, and {:.2} ms without the idle ones.\n",
        idle.connections, idle.each, idle.before, idle.with, idle.pressed, idle.p50_with, idle.p50_before
    )
}

fn soak_of(minutes: &[Minute]) -> String {
    let mut text = format!(
        "\n### With time\n\nThe mix at 1,000 presses a second for {} minutes, on 64 connections, one server, rows checked after each minute.",
        minutes.len()
    );
    if let (Some(p50), Some(p99), Some(memory)) = (
        drift(minutes, |minute| minute.p50),
        drift(minutes, |minute| minute.p99),
        drift(minutes, |minute| minute.memory),
    ) {
        let _ = write!(
            text,
            " Medians of the last five minutes, times those of minutes 3 to 7: p50 {p50:.2}, p99 {p99:.2}, memory {memory:.2}."
        );
    }
    text += "\n\n| minute | a second | p50 ms | p99 | max | MiB |\n|---|---|---|---|---|---|\n";
    for (at, minute) in minutes.iter().enumerate() {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | {:.1} | {:.1} |",
            at + 1,
            minute.throughput,
            minute.p50,
            minute.p99,
            minute.max,
            minute.memory
        );
    }
    text
}
