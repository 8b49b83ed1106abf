//! The ratios that Sekali is to reach, each within one run.

use crate::load::Scenario;
use crate::plan::{Cell, Contestant};
use crate::results::Results;
use crate::sample::Sample;
use serde::Serialize;

/// No request of a run without faults may take longer, in milliseconds.
const LONGEST: f64 = 250.0;
/// Of 100 duplicates in the mix, so many at least come from the cache.
const FROM_CACHE: f64 = 0.9;

/// On which side of its limit a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// No less than the limit.
    AtLeast,
    /// No more than the limit.
    AtMost,
}

/// A goal, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Goal {
    /// What is compared with what.
    pub(crate) what: &'static str,
    /// On which side of the limit the value has to be.
    pub(crate) side: Side,
    /// The limit.
    pub(crate) limit: f64,
    /// The figure of this run; `None` where the run did not measure what it needs.
    pub(crate) value: Option<f64>,
    /// Whether it was reached, if it was measured.
    pub(crate) reached: Option<bool>,
}

impl Goal {
    fn new(what: &'static str, side: Side, limit: f64, value: Option<f64>) -> Self {
        let reached = value.map(|value| match side {
            Side::AtLeast => value >= limit,
            Side::AtMost => value <= limit,
        });
        Self { what, side, limit, value, reached }
    }
}

/// All goals, by the medians of the run.
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    use Contestant as C;
    use Scenario::{Duplicates, First, Mix};
    use Side::{AtLeast, AtMost};
    let first = |who, connections| Cell::new(who, First, connections);
    let rate = |cell| results.median(cell, |sample| sample.throughput);
    let p50 = |cell| results.median(cell, |sample| sample.latency.p50);
    let cpu = |cell| results.median(cell, |sample| sample.cpu.total());
    let sekali = first(C::PostgresRedis, 64);
    let peers = [first(C::Express, 64), first(C::Fastapi, 64)];
    let best_peer = peers.into_iter().filter_map(rate).max_by(f64::total_cmp);
    let cheapest_peer = peers.into_iter().filter_map(cpu).min_by(f64::total_cmp);
    let embedded = rate(first(C::SqliteMemory, 64));
    let duplicates = rate(Cell::new(C::PostgresRedis, Duplicates, 64));
    let spread = results.median(sekali, |sample| sample.latency.p99 / sample.latency.p50);
    let from_cache =
        results.median(Cell::new(C::PostgresRedis, Mix, 64), |sample| sample.from_cache.unwrap_or(0.0));
    vec![
        Goal::new(
            "first payments at 64 connections, PostgreSQL + Redis: times pgbench with the original's SQL at 64",
            AtLeast,
            3.0,
            ratio(rate(sekali), rate(first(C::Original, 64))),
        ),
        Goal::new(
            "the same: times pgbench at its best, 16",
            AtLeast,
            2.2,
            ratio(rate(sekali), rate(first(C::Original, 16))),
        ),
        Goal::new("the same: times the best peer at 64", AtLeast, 10.0, ratio(rate(sekali), best_peer)),
        Goal::new(
            "first payments at 64 connections, SQLite: times the SQLite loop",
            AtLeast,
            3.0,
            ratio(embedded, rate(first(C::SqliteLoop, 1))),
        ),
        Goal::new(
            "first payment at 1 connection, p50, PostgreSQL + Redis: times pgbench's one statement",
            AtMost,
            2.2,
            ratio(p50(first(C::PostgresRedis, 1)), p50(first(C::OneStatement, 1))),
        ),
        Goal::new(
            "duplicates at 64 connections: times bare axum with JWT and a Redis GET",
            AtLeast,
            1.2,
            ratio(duplicates, rate(Cell::new(C::BareRedis, Duplicates, 64))),
        ),
        Goal::new("p99 of first payments at 64 connections: times their p50", AtMost, 3.0, spread),
        Goal::new(
            "the slowest first payment at 64 connections, in ms",
            AtMost,
            LONGEST,
            results.worst(sekali, |sample: &Sample| sample.latency.max),
        ),
        Goal::new(
            "CPU of a first payment: times the best peer's",
            AtMost,
            0.25,
            ratio(cpu(sekali), cheapest_peer),
        ),
        Goal::new("duplicates in the mix that the cache answered", AtLeast, FROM_CACHE, from_cache),
    ]
}

fn ratio(value: Option<f64>, of: Option<f64>) -> Option<f64> {
    Some(value? / of.filter(|of| *of > 0.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Latency;

    fn results(rows: &[(Contestant, Scenario, usize, f64, f64)]) -> Results {
        let mut results = Results::default();
        for (who, scenario, connections, throughput, p50) in rows {
            let latency = Latency { p50: *p50, p99: p50 * 2.0, p999: p50 * 3.0, max: p50 * 4.0 };
            let sample = Sample { throughput: *throughput, latency, ..Sample::default() };
            results.add(Cell::new(*who, *scenario, *connections), sample);
        }
        results
    }

    #[test]
    fn ratios_are_of_medians_and_judged_on_their_side() {
        use Contestant::{Express, Fastapi, OneStatement, Original, PostgresRedis};
        let goals = goals(&results(&[
            (PostgresRedis, Scenario::First, 64, 8000.0, 10.0),
            (PostgresRedis, Scenario::First, 64, 9000.0, 10.0),
            (PostgresRedis, Scenario::First, 64, 100.0, 100.0),
            (Original, Scenario::First, 64, 2000.0, 1.0),
            (Original, Scenario::First, 16, 4000.0, 1.0),
            (Express, Scenario::First, 64, 500.0, 1.0),
            (Fastapi, Scenario::First, 64, 1000.0, 1.0),
            (PostgresRedis, Scenario::First, 1, 1.0, 0.66),
            (OneStatement, Scenario::First, 1, 1.0, 0.33),
        ]));
        let seen: Vec<_> = goals.iter().map(|goal| (goal.value, goal.reached)).collect();
        assert_eq!(seen[0], (Some(4.0), Some(true)));
        assert_eq!(seen[1], (Some(2.0), Some(false)));
        assert_eq!(seen[2], (Some(8.0), Some(false)), "the better of the peers");
        assert_eq!(seen[3], (None, None), "nothing on SQLite was measured");
        assert_eq!(seen[4], (Some(2.0), Some(true)));
        assert_eq!(seen[6], (Some(2.0), Some(true)));
        assert_eq!(seen[7], (Some(400.0), Some(false)), "the slowest of all rounds");
    }
}
