//! Two tasks at once in every order, with a crash at every await: nothing breaks in any of them.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it counted"
)]

use sekali_simulate::{Allowed, Explored, Guard, Plan, Scene, explore};

const NOTHING: Allowed = Allowed { crashes: 0, second_holders: 0 };
const A_CRASH: Allowed = Allowed { crashes: 1, second_holders: 0 };
const TWO_HOLDERS: Allowed = Allowed { crashes: 0, second_holders: 1 };

fn holds(scene: Scene, allowed: Allowed, most: u64) -> Explored {
    let explored = explore(scene, &Plan::default(), allowed, most);
    let Explored { ways, is_whole, broken } = &explored;
    println!(
        "{scene:?} with {allowed:?}: {ways} ways, {}",
        if *is_whole { "all there are" } else { "bounded" }
    );
    assert_eq!(*broken, None);
    explored
}

#[test]
fn two_presses_and_a_crash_at_every_await() {
    for scene in [Scene::SameKey, Scene::TwoKeys] {
        assert!(holds(scene, A_CRASH, 100_000).is_whole);
    }
}

#[test]
fn two_presses_and_a_lock_with_two_holders() {
    for scene in [Scene::SameKey, Scene::TwoKeys] {
        assert!(holds(scene, TWO_HOLDERS, 100_000).is_whole);
    }
}

#[test]
fn a_press_and_a_cancellation() {
    holds(Scene::PayAndCancel, NOTHING, 20_000);
}

#[test]
fn callback_webhook_and_reconciler() {
    holds(Scene::CallbackAndWebhook, NOTHING, 10_000);
    holds(Scene::CallbackAndReconciler, NOTHING, 10_000);
}

/// The walk would see it.
#[test]
fn without_the_databases_guards_some_order_makes_two_payments() {
    let plan = Plan::without(&[Guard::ActiveIndex, Guard::ConsultationLock]);
    let explored = explore(Scene::TwoKeys, &plan, TWO_HOLDERS, 100_000);
    let (broken, choices) = explored.broken.expect("two payments");
    assert_eq!(broken[0].invariant, "I1");
    println!("found after {} ways, by the choices {choices:?}", explored.ways);
    let alone = explore(Scene::TwoKeys, &Plan::without(&[Guard::ActiveIndex]), TWO_HOLDERS, 100_000);
    assert_eq!(alone.broken, None, "the row's lock alone is enough");
}
