//! Histories repeat, hold, and shrink when they do not.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it counted"
)]

use sekali_simulate::{Fault, Guard, Plan, run, run_many, shrink};

fn written(seed: u64, plan: &Plan) -> Vec<String> {
    let plan = Plan { written: true, ..plan.clone() };
    run(seed, &plan).lines.iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_seed_gives_the_same_history_byte_for_byte() {
    for seed in 0..20 {
        let (first, again) = (written(seed, &Plan::default()), written(seed, &Plan::default()));
        assert!(first.len() > 20, "seed {seed} has a history");
        assert_eq!(first, again, "seed {seed}");
        let (silent, other) = (run(seed, &Plan::default()), run(seed + 1, &Plan::default()));
        let loud = run(seed, &Plan { written: true, ..Plan::default() });
        assert_eq!(silent.trace, loud.trace, "writing it down changes nothing");
        assert_ne!(silent.trace, other.trace, "another seed is another history");
    }
}

#[test]
fn a_bounded_share_holds_every_invariant_under_every_fault() {
    let outcome = run_many(0..600, &Plan::default(), 2, &|_| {});
    for history in &outcome.failures {
        println!("seed {}: {:?}", history.seed, history.broken);
    }
    assert!(outcome.failures.is_empty());
    let tally = &outcome.tally;
    assert_eq!(tally.histories, 600);
    assert!(tally.charges > 600 && tally.refunds > 100 && tally.disputes > 10, "{tally:?}");
    // Every point that a process can die after is come past, and everything that may go wrong does.
    assert_eq!(tally.points.len(), 18, "{:?}", tally.points);
    for fault in Fault::ALL {
        assert!(tally.faults.contains_key(fault.name()), "{} never happened", fault.name());
    }
}

#[test]
fn a_failing_history_shrinks_and_still_fails_in_the_same_way() {
    let plan = Plan::without(&[Guard::ActiveIndex, Guard::ConsultationLock]);
    let seed = (0..6000).find(|seed| run(*seed, &plan).charges_twice()).expect("two charges");
    let before = run(seed, &plan);
    let whole = written(seed, &plan).len();
    let (less, history) = shrink(seed, &plan).expect("it fails");
    assert_eq!(history.broken[0].invariant, before.broken[0].invariant);
    assert!(history.lines.len() < whole, "{} lines of {whole}", history.lines.len());
    assert_eq!(run(seed, &less).trace, history.trace, "what is left repeats");
    assert!(shrink(seed, &Plan::default()).is_none(), "with its guards it holds");
}
