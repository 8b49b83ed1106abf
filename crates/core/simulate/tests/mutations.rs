//! The simulator finds bugs: each mutation of the list is caught, and by what it breaks.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it counted"
)]

use sekali_simulate::{Guard, MUTATIONS, Mutation, Plan, run};

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

/// Whether some patient is charged for one consultation twice.
fn charges_twice_without(guard: Guard, most: u64) -> bool {
    let plan = Plan::without(&[guard]);
    (0..most).any(|seed| run(seed, &plan).charges_twice())
}

#[test]
fn what_alone_keeps_a_patient_from_paying_twice() {
    for guard in [Guard::GatewayKey, Guard::EndAtGateway, Guard::ExpireByGateway] {
        assert!(charges_twice_without(guard, 800), "{}", guard.name());
    }
    // The database has two guards of which each is enough.
    for guard in [Guard::ActiveIndex, Guard::ConsultationLock] {
        assert!(!charges_twice_without(guard, 150), "{}", guard.name());
    }
}
