//! Plays a plan: every round measures each cell once.

use crate::plan::{Cell, Plan};
use crate::results::Results;
use crate::stage::Stage;
use crate::trouble::{Outcome, While};
use std::time::Duration;
use tokio::time::Instant;

/// A rate that is hardly reached by anybody: room for a first round, in payments a second.
const FIRST_GUESS: f64 = 12_000.0;
/// A round may be so many times faster than the one before.
const FASTER: f64 = 2.0;
/// Before anything is measured everybody is pressed for so long: connections are made and code is warm.
const WARM_UP: Duration = Duration::from_millis(500);

/// Measures everything that is planned; `progress` is told what is going on.
pub(crate) async fn play(
    plan: &Plan,
    stage: &mut Stage,
    mut progress: impl FnMut(String),
) -> Outcome<Results> {
    let mut results = Results::default();
    let begun = Instant::now();
    progress(format!("warming up {} contestants", contestants(plan)));
    for cell in warm_ups(plan) {
        let (_, faults) =
            stage.round(cell, WARM_UP, room(None, WARM_UP)).await.while_doing(describe(cell))?;
        results.fault(cell, faults);
    }
    for round in 1..=plan.rounds {
        for cell in &plan.cells {
            let last = results.median(*cell, |sample| sample.throughput);
            let (sample, faults) =
                stage.round(*cell, plan.time, room(last, plan.time)).await.while_doing(describe(*cell))?;
            progress(format!(
                "[{:>4} s] round {round} of {}: {:<58} {:>8.0}/s  p50 {:.2} ms  p99 {:.2} ms",
                begun.elapsed().as_secs(),
                plan.rounds,
                describe(*cell),
                sample.throughput,
                sample.latency.p50,
                sample.latency.p99,
            ));
            for fault in faults.iter().take(5) {
                progress(format!("  WRONG: {fault}"));
            }
            results.add(*cell, sample);
            results.fault(*cell, faults);
        }
    }
    Ok(results)
}

/// A cell in words.
pub(crate) fn describe(cell: Cell) -> String {
    format!("{}, {}, {} connections", cell.contestant.name(), cell.scenario.name(), cell.connections)
}

/// The first cell of each contestant.
fn warm_ups(plan: &Plan) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for cell in &plan.cells {
        if cells.iter().all(|other| other.contestant != cell.contestant) {
            cells.push(*cell);
        }
    }
    cells
}

fn contestants(plan: &Plan) -> usize {
    warm_ups(plan).len()
}

fn room(rate: Option<f64>, time: Duration) -> i64 {
    let payments = rate.map_or(FIRST_GUESS, |rate| rate * FASTER + 500.0) * time.as_secs_f64();
    payments.ceil() as i64
}
