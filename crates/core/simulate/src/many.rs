//! Many histories: each thread has its share of the seeds.

use crate::log::Tally;
use crate::plan::Plan;
use crate::run::{History, run};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What many histories came to.
#[derive(Clone, Debug, Default)]
pub struct Many {
    /// All of it together.
    pub tally: Tally,
    /// Those in which something broke, by their seeds; not more than [`MOST_FAILURES`].
    pub failures: Vec<History>,
}

/// After so many failures the rest is left.
pub const MOST_FAILURES: usize = 10;
/// A thread takes so many seeds at a time.
const SHARE: u64 = 64;

/// Runs every seed of the range on so many threads. `progress` is told how many histories there were so far.
pub fn run_many(seeds: Range<u64>, plan: &Plan, threads: usize, progress: &(dyn Fn(u64) + Sync)) -> Many {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let done = AtomicU64::new(0);
    let together = Mutex::new(Many::default());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let first = next.fetch_add(SHARE, Ordering::Relaxed);
            if first >= seeds.end {
                return;
            }
            let share = first..seeds.end.min(first + SHARE);
            let count = share.end - share.start;
            let part = run_share(share, plan);
            let mut all = together.lock().unwrap_or_else(PoisonError::into_inner);
            all.tally.add(&part.tally);
            all.failures.extend(part.failures);
            if all.failures.len() >= MOST_FAILURES {
                stop.store(true, Ordering::Relaxed);
            }
            progress(done.fetch_add(count, Ordering::Relaxed) + count);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let mut all = together.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.failures.sort_by_key(|history| history.seed);
    all.failures.truncate(MOST_FAILURES);
    all
}

fn run_share(seeds: Range<u64>, plan: &Plan) -> Many {
    let mut part = Many::default();
    for seed in seeds {
        let history = run(seed, plan);
        part.tally.add(&history.tally);
        if !history.broken.is_empty() {
            part.failures.push(history);
        }
    }
    part
}
