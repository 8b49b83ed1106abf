//! The race that the demo shows: what makes the patient pay twice, and what does not.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use sekali_simulate::{Guard, Plan, Race, race};

const SEEDS: u64 = 150;
/// The database has two guards, of which each is enough.
const DATABASE: [Guard; 2] = [Guard::ActiveIndex, Guard::ConsultationLock];

fn first_bad(without: &[Guard]) -> Option<Race> {
    let plan = Plan::without(without);
    (0..SEEDS).map(|seed| race(seed, &plan)).find(Race::charges_twice)
}

#[test]
fn with_every_guard_each_race_ends_in_one_charge() {
    for seed in 0..SEEDS {
        let race = race(seed, &Plan::default());
        let counts = (race.lanes.len(), race.payments, race.charges);
        assert_eq!(counts, (3, 1, 1), "seed {seed}: {:?}", race.lanes);
    }
}

#[test]
fn cache_and_lock_only_make_it_fast() {
    for without in [&[Guard::Cache][..], &[Guard::Lock], &[Guard::Cache, Guard::Lock]] {
        assert!(first_bad(without).is_none(), "{without:?}");
    }
}

#[test]
fn without_the_databases_guard_or_the_gateways_key_the_patient_pays_twice() {
    let two_payments = first_bad(&DATABASE).expect("two payments");
    assert!(two_payments.payments > 1, "{two_payments:?}");
    let two_sessions = first_bad(&[Guard::GatewayKey]).expect("two sessions");
    assert_eq!(two_sessions.payments, 1, "the database looks perfect");
    assert!(two_sessions.sessions > 1, "{two_sessions:?}");
    for alone in DATABASE {
        assert!(first_bad(&[alone]).is_none(), "{alone:?} has another one beside it");
    }
}

#[test]
fn a_race_repeats_and_tells_each_step_when_it_is_written() {
    let plan = Plan { written: true, ..Plan::without(&DATABASE) };
    let (first, again) = (race(7, &plan), race(7, &plan));
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    assert!(first.lines.len() > 10);
    for lane in &first.lanes {
        assert!(!lane.steps.is_empty(), "{lane:?}");
        let mut last = lane.sent;
        for (_, (from, to)) in &lane.steps {
            assert!(last <= *from && from <= to, "{lane:?}");
            last = *to;
        }
        assert!(lane.received.is_none_or(|at| at >= last), "{lane:?}");
        // A wait belongs to the step of the lock, or it would not be told apart from work.
        for (from, to) in &lane.waits {
            assert!(lane.steps.iter().any(|(_, step)| step.0 <= *from && *to <= step.1), "{lane:?}");
        }
    }
    assert!(race(7, &Plan::without(&DATABASE)).lines.is_empty(), "unwritten it is only counted");
}
