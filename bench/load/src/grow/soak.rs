//! The same load for a long time.

use crate::load::{Scenario, paced};
use crate::stage::Stage;
use crate::stats::median;
use crate::trouble::Outcome;
use crate::usage;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Presses a second: a fifth of what a small machine can, so that a queue that grows is a fault of the service.
const RATE: u32 = 1000;
const CONNECTIONS: usize = 64;
const MINUTE: Duration = Duration::from_secs(60);
/// The first minutes fill caches and pools.
const WARM_UP: usize = 2;
/// So many minutes are compared, of the beginning and of the end.
const COMPARED: usize = 5;

/// A minute of the mix.
#[derive(Serialize, Deserialize)]
pub(super) struct Minute {
    /// Answers a second.
    pub(super) throughput: f64,
    /// Of first presses, milliseconds.
    pub(super) p50: f64,
    /// The same.
    pub(super) p99: f64,
    /// The same.
    pub(super) max: f64,
    /// The server's resident memory after it, in MiB.
    pub(super) memory: f64,
}

pub(super) async fn measure(
    stage: &mut Stage,
    minutes: usize,
    faults: &mut Vec<String>,
) -> Outcome<Vec<Minute>> {
    let mut service = stage.sekali("soak", 1, true, true).await?;
    service.pace = Some(paced(CONNECTIONS, RATE));
    let process = service.processes[0];
    let room = i64::from(RATE) * i64::try_from(MINUTE.as_secs())?;
    let mut all = Vec::new();
    for minute in 1..=minutes {
        let (sample, wrong) = service.round(Scenario::Mix, CONNECTIONS, MINUTE, room, stage.shared()).await?;
        faults.extend(wrong.iter().map(ToString::to_string));
        let (throughput, latency) = (sample.throughput, sample.latency);
        let memory = usage::resident_memory(process);
        eprintln!(
            "minute {minute} of {minutes}: {throughput:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {memory:.1} MiB",
            latency.p50, latency.p99
        );
        all.push(Minute { throughput, p50: latency.p50, p99: latency.p99, max: latency.max, memory });
    }
    Ok(all)
}

/// The median of the last minutes over that of the first ones after the warm-up; `None` if there are too few.
pub(super) fn drift(soak: &[Minute], figure: fn(&Minute) -> f64) -> Option<f64> {
    let steady = soak.get(WARM_UP..).filter(|steady| steady.len() >= 2 * COMPARED)?;
    let of = |minutes: &[Minute]| median(minutes.iter().map(figure));
    Some(of(&steady[steady.len() - COMPARED..])? / of(&steady[..COMPARED])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_compares_the_end_with_the_beginning() {
        let minute = |memory| Minute { throughput: 1.0, p50: 1.0, p99: 1.0, max: 1.0, memory };
        let soak: Vec<Minute> =
            [1.0, 9.0].into_iter().chain([10.0; 5]).chain([12.0; 5]).map(minute).collect();
        assert_eq!(drift(&soak, |minute| minute.memory), Some(1.2));
        assert_eq!(drift(&soak[1..], |minute| minute.memory), None);
    }
}
