//! All samples of a run, and what they say together.

use crate::plan::Cell;
use crate::rows::Fault;
use crate::sample::{Cpu, Sample};
use crate::stats::{Latency, median};
use std::collections::BTreeMap;

/// What a run has shown.
#[derive(Default)]
pub(crate) struct Results {
    /// Each cell's rounds.
    pub(crate) samples: BTreeMap<Cell, Vec<Sample>>,
    /// What the rows showed to be wrong: the run is void.
    pub(crate) faults: Vec<(Cell, Vec<Fault>)>,
}

impl Results {
    /// Notes a round.
    pub(crate) fn add(&mut self, cell: Cell, sample: Sample) {
        self.samples.entry(cell).or_default().push(sample);
    }

    /// Notes what the rows showed to be wrong, if anything.
    pub(crate) fn fault(&mut self, cell: Cell, faults: Vec<Fault>) {
        if !faults.is_empty() {
            self.faults.push((cell, faults));
        }
    }

    /// The median over a cell's rounds.
    pub(crate) fn median(&self, cell: Cell, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples.get(&cell)?.iter().map(figure))
    }

    /// The largest of a cell's rounds.
    pub(crate) fn worst(&self, cell: Cell, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        self.samples.get(&cell)?.iter().map(figure).max_by(f64::total_cmp)
    }

    /// The smallest and the largest of a cell's rounds.
    pub(crate) fn range(&self, cell: Cell, figure: impl Fn(&Sample) -> f64) -> Option<(f64, f64)> {
        let values: Vec<f64> = self.samples.get(&cell)?.iter().map(figure).collect();
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        Some((least, values.iter().copied().max_by(f64::total_cmp)?))
    }

    /// Each figure's own median over a cell's rounds; of the slowest answers the slowest of all rounds.
    pub(crate) fn typical(&self, cell: Cell) -> Option<Sample> {
        let samples = self.samples.get(&cell)?;
        let of = |figure: fn(&Sample) -> Option<f64>| median(samples.iter().filter_map(figure));
        let plain = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure)).unwrap_or_default();
        let repeated = samples.iter().filter_map(|sample| sample.repeated).collect::<Vec<_>>();
        Some(Sample {
            answers: samples.iter().map(|sample| sample.answers).sum(),
            turned_away: samples.iter().map(|sample| sample.turned_away).sum(),
            throughput: plain(|sample| sample.throughput),
            latency: typical_latency(&samples.iter().map(|sample| sample.latency).collect::<Vec<_>>()),
            repeated: (!repeated.is_empty()).then(|| typical_latency(&repeated)),
            cpu: Cpu {
                service: plain(|sample| sample.cpu.service),
                database: plain(|sample| sample.cpu.database),
                redis: plain(|sample| sample.cpu.redis),
                load: plain(|sample| sample.cpu.load),
            },
            memory: plain(|sample| sample.memory),
            commits: of(|sample| sample.commits),
            statements: of(|sample| sample.statements),
            redis_calls: of(|sample| sample.redis_calls),
            redis_reads: of(|sample| sample.redis_reads),
            from_cache: of(|sample| sample.from_cache),
            statuses: summed(samples),
        })
    }
}

fn typical_latency(all: &[Latency]) -> Latency {
    let of = |figure: fn(&Latency) -> f64| median(all.iter().map(figure)).unwrap_or_default();
    let max = all.iter().map(|latency| latency.max).fold(0.0, f64::max);
    Latency { p50: of(|l| l.p50), p99: of(|l| l.p99), p999: of(|l| l.p999), max }
}

fn summed(samples: &[Sample]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for (status, count) in samples.iter().flat_map(|sample| &sample.statuses) {
        *statuses.entry(*status).or_default() += count;
    }
    statuses
}
