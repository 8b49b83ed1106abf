//! From a history that breaks something to the least of it that still does.

use crate::plan::Plan;
use crate::run::{History, run};

/// Runs that are made to shrink one history, at most.
const MOST_RUNS: u32 = 400;

/// Tries what can be left out.
struct Shrink {
    seed: u64,
    invariant: &'static str,
    plan: Plan,
    history: History,
    runs: u32,
}

impl Shrink {
    /// Leaves it out for good if the same invariant is still broken.
    fn try_without(&mut self, plan: Plan) -> bool {
        if self.runs >= MOST_RUNS {
            return false;
        }
        self.runs += 1;
        let history = run(self.seed, &plan);
        let same = history.broken.iter().any(|broken| broken.invariant == self.invariant);
        if same {
            (self.plan, self.history) = (plan, history);
        }
        same
    }

    fn patients(&mut self) {
        for patient in 1..=self.history.patients {
            let mut plan = self.plan.clone();
            plan.no_patients.insert(patient);
            self.try_without(plan);
        }
    }

    fn wishes(&mut self) {
        for wish in self.history.wishes.clone() {
            let mut plan = self.plan.clone();
            plan.no_wishes.insert(wish);
            self.try_without(plan);
        }
    }

    /// All of them, then halves, quarters, and so on to single ones.
    fn faults(&mut self) {
        let mut size = self.history.faults.len().max(1);
        loop {
            let mut begin = 0;
            while begin < self.history.faults.len() {
                let end = (begin + size).min(self.history.faults.len());
                let mut plan = self.plan.clone();
                plan.no_faults.extend(self.history.faults[begin..end].iter().map(|(id, _)| *id));
                if !self.try_without(plan) {
                    begin += size;
                }
            }
            if size == 1 || self.runs >= MOST_RUNS {
                return;
            }
            size /= 2;
        }
    }
}

/// The least that still breaks the first invariant that a history broke: what is left out, and the history written
/// down. `None`: it breaks none.
pub fn shrink(seed: u64, plan: &Plan) -> Option<(Plan, History)> {
    let history = run(seed, plan);
    let invariant = history.broken.first()?.invariant;
    let mut shrink = Shrink { seed, invariant, plan: plan.clone(), history, runs: 0 };
    shrink.patients();
    shrink.wishes();
    shrink.faults();
    let plan = Plan { written: true, ..shrink.plan };
    let history = run(seed, &plan);
    Some((plan, history))
}
