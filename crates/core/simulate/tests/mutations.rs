//! The simulator finds bugs: each mutation of the list is caught, and by what it breaks.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it counted"
)]

use sekali_simulate::{Guard, MUTATIONS, Mutation, charging_twice};

/// Seeds that are tried for one mutation.
const MOST: u64 = 6000;

/// Those of one share that are not caught.
fn missed(mutations: &[Mutation]) -> Vec<&'static str> {
    let missed = |mutation: &&Mutation| {
        let Some(found) = mutation.find(MOST) else { return true };
        let shown = found.history.broken.iter().find(|broken| broken.how.contains(mutation.shows));
        println!("{:>5} seeds  {}: {}", found.seeds, mutation.name, shown.expect("what it shows as"));
        false
    };
    mutations.iter().filter(missed).map(|mutation| mutation.name).collect()
}

#[test]
fn every_mutation_is_caught() {
    assert!(MUTATIONS.len() >= 20);
    let (some, others) = MUTATIONS.split_at(MUTATIONS.len() / 2);
    let not_caught = std::thread::scope(|scope| {
        let half = scope.spawn(|| missed(some));
        [missed(others), half.join().expect("the other half")].concat()
    });
    assert_eq!(not_caught, [""; 0], "not caught");
}

#[test]
fn what_alone_keeps_a_patient_from_paying_twice() {
    let alone = charging_twice(300);
    for (guard, seeds) in &alone {
        println!("{:>5} seeds  without {} alone a patient pays twice", seeds, guard.name());
    }
    let alone: Vec<_> = alone.into_iter().map(|(guard, _)| guard).collect();
    assert!(alone.contains(&Guard::GatewayKey), "{alone:?}");
    // The database has two guards of which each is enough.
    assert!(!alone.contains(&Guard::ActiveIndex) && !alone.contains(&Guard::ConsultationLock), "{alone:?}");
}
