//! First payments with more and more payments in the tables.

use super::fill::fill;
use crate::load::Scenario;
use crate::stage::Stage;
use crate::stats::median;
use crate::trouble::{Outcome, While};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the goals are.
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
/// Payments a second that no round makes.
const MOST: i64 = 16_000;

/// First payments at 64 connections with so many payments there: medians.
#[derive(Serialize, Deserialize)]
pub(super) struct Rows {
    /// Payments in the tables before.
    pub(super) payments: i64,
    /// First payments a second.
    pub(super) throughput: f64,
    /// Milliseconds.
    pub(super) p50: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    /// Milliseconds of PostgreSQL's processor time a payment.
    pub(super) database: f64,
    /// Of every round, in their order.
    pub(super) rounds: Vec<f64>,
}

/// Ten thousand, then a hundred times as many, as far as `most`; and `most`.
pub(super) fn sizes(most: i64) -> Vec<i64> {
    let mut sizes: Vec<i64> = [10_000, 1_000_000].into_iter().filter(|size| *size < most).collect();
    sizes.push(most);
    sizes
}

pub(super) async fn measure(
    stage: &mut Stage,
    sizes: &[i64],
    rounds: usize,
    time: Duration,
    faults: &mut Vec<String>,
) -> Outcome<Vec<Rows>> {
    let mut services = Vec::new();
    for size in sizes {
        let name = format!("rows_{size}");
        let mut service = stage.sekali(&name, 1, true, true).await?;
        eprintln!("filling a database with {size} payments");
        let url = stage.postgres.url(&name);
        fill(&url, *size).await.while_doing(&name)?;
        service.next = size + 1;
        services.push((*size, service, Vec::new()));
    }
    // Every round measures each database once, so that whatever slows the machine slows them all.
    for round in 0..=rounds {
        for (size, service, samples) in &mut services {
            let time = if round == 0 { WARM_UP } else { time };
            let room = MOST * i64::try_from(time.as_secs())?;
            let (sample, wrong) =
                service.round(Scenario::First, CONNECTIONS, time, room, stage.shared()).await?;
            faults.extend(wrong.iter().map(ToString::to_string));
            eprintln!("round {round} of {rounds}: {size:>10} payments there, {:>6.0}/s", sample.throughput);
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    Ok(services
        .into_iter()
        .map(|(payments, _, samples)| {
            let of = |figure: fn(&crate::sample::Sample) -> f64| {
                median(samples.iter().map(figure)).unwrap_or_default()
            };
            Rows {
                payments,
                throughput: of(|sample| sample.throughput),
                p50: of(|sample| sample.latency.p50),
                p99: of(|sample| sample.latency.p99),
                database: of(|sample| sample.cpu.database),
                rounds: samples.iter().map(|sample| sample.throughput).collect(),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_end_with_the_largest() {
        assert_eq!(sizes(10_000_000), [10_000, 1_000_000, 10_000_000]);
        assert_eq!(sizes(100_000), [10_000, 100_000]);
        assert_eq!(sizes(10_000), [10_000]);
    }
}
