//! Several servers on one database and one Redis.

use crate::load::Scenario;
use crate::sample::Sample;
use crate::stage::Stage;
use crate::stats::median;
use crate::trouble::Outcome;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SERVERS: [usize; 3] = [1, 2, 4];
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MOST: i64 = 16_000;

/// So many servers, 64 connections spread over them: medians.
#[derive(Serialize, Deserialize)]
pub(super) struct Instances {
    /// Servers.
    pub(super) servers: usize,
    /// What was pressed.
    pub(super) scenario: Scenario,
    /// Answers a second. The two presses of a double click go to two servers, if there are two.
    pub(super) throughput: f64,
    /// Milliseconds; of double clicks, of the first press.
    pub(super) p50: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    /// Milliseconds of the servers' processor time a request.
    pub(super) service: f64,
    /// The same of PostgreSQL and Redis.
    pub(super) others: f64,
}

pub(super) async fn measure(
    stage: &mut Stage,
    rounds: usize,
    time: Duration,
    faults: &mut Vec<String>,
) -> Outcome<Vec<Instances>> {
    let mut services = Vec::new();
    for servers in SERVERS {
        services.push((servers, stage.sekali(&format!("instances_{servers}"), servers, true, true).await?));
    }
    let mut samples: Vec<(Scenario, usize, Sample)> = Vec::new();
    for round in 0..=rounds {
        for scenario in [Scenario::First, Scenario::DoubleClicks] {
            for (servers, service) in &mut services {
                let time = if round == 0 { WARM_UP } else { time };
                let room = MOST * i64::try_from(time.as_secs())?;
                let (sample, wrong) =
                    service.round(scenario, CONNECTIONS, time, room, stage.shared()).await?;
                faults.extend(wrong.iter().map(ToString::to_string));
                let (name, rate) = (scenario.name(), sample.throughput);
                eprintln!("round {round} of {rounds}: {servers} servers, {name:<15} {rate:>6.0}/s");
                if round > 0 {
                    samples.push((scenario, *servers, sample));
                }
            }
        }
    }
    let rows = [Scenario::First, Scenario::DoubleClicks].into_iter();
    let rows = rows.flat_map(|scenario| SERVERS.map(|servers| (scenario, servers)));
    Ok(rows.map(|(scenario, servers)| typical(&samples, scenario, servers)).collect())
}

fn typical(samples: &[(Scenario, usize, Sample)], scenario: Scenario, servers: usize) -> Instances {
    let of = |figure: fn(&Sample) -> f64| {
        let those = samples.iter().filter(|(what, many, _)| (*what, *many) == (scenario, servers));
        median(those.map(|(_, _, sample)| figure(sample))).unwrap_or_default()
    };
    Instances {
        servers,
        scenario,
        throughput: of(|sample| sample.throughput),
        p50: of(|sample| sample.latency.p50),
        p99: of(|sample| sample.latency.p99),
        service: of(|sample| sample.cpu.service),
        others: of(|sample| sample.cpu.database + sample.cpu.redis),
    }
}
