//! One server makes a pass at a time, however long it takes.

use crate::support::{Stage, second};
use sekali_core::flow::reconcile::{Pass, Reconcile, Report};
use sekali_core::ports::{LeaseStore, StoreError};
use std::time::Duration;
use uuid::Uuid;

const RENEWED: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_micros(1);

/// Nine sessions at Stripe: they are asked about in two goes, before each of which the lease is looked at.
async fn two_goes() -> Stage {
    let stage = Stage::set().await;
    stage.many_at_stripe(9).await;
    stage
}

/// A pass in which this happens before the sessions are asked about.
async fn pass_with(
    stage: &Stage,
    reconcile: &Reconcile,
    happens: impl Fn(&Stage) + Sync,
) -> Result<Pass, StoreError> {
    let told = |part: &str, _: &Report| {
        if part == "payments that nobody went on to pay" {
            happens(stage);
        }
    };
    reconcile.pass(&told).await
}

/// How often the lease was taken since the journal was cleared.
fn taken(stage: &Stage) -> usize {
    stage.journal.names().iter().filter(|name| **name == "acquire_lease").count()
}

#[tokio::test]
async fn it_is_made_to_last_longer_once_when_a_third_of_it_is_over() {
    for (passes, times) in
        [(Duration::ZERO, 2), (RENEWED.saturating_sub(MOMENT), 2), (RENEWED, 3), (RENEWED * 2, 3)]
    {
        let stage = two_goes().await;
        let made = pass_with(&stage, &stage.reconcile(), |stage| stage.clock.advance(passes)).await;
        assert!(matches!(made, Ok(Pass::Made(Report { sessions: 9, .. }))), "{made:?}");
        assert_eq!(taken(&stage), times, "{passes:?}: at the beginning, at the end, and in between");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_no_reason_to_let_it_run_out() {
    let stage = two_goes().await;
    pass_with(&stage, &stage.reconcile(), |stage| stage.clock.set_back(MOMENT)).await.unwrap();
    assert_eq!(taken(&stage), 3);
}

#[tokio::test]
async fn whoever_has_lost_it_ends_its_pass() {
    let stage = two_goes().await;
    let taken_over = |stage: &Stage| {
        stage.clock.advance(Duration::from_secs(31));
        let until = second(200).as_micros();
        stage.tamper(&format!("UPDATE leases SET holder = '{}', until = {until}", Uuid::from_u128(77)));
    };
    let asked = stage.stripe.asked().len();
    let made = pass_with(&stage, &stage.reconcile(), taken_over).await;
    let why = "another server has taken the reconciler's lease of 2024-01-15T10:30:00Z";
    assert_eq!(made, Err(StoreError::Conflict(why.into())));
    assert_eq!(stage.stripe.asked().len(), asked, "it asks nothing more");
}

#[tokio::test]
async fn a_pass_that_was_made_at_once_takes_no_lease() {
    let stage = two_goes().await;
    let held = stage.store.acquire_lease("reconciler", Uuid::from_u128(77), second(0), RENEWED * 9).await;
    assert_eq!(held, Ok(true));
    stage.journal.clear();
    let reconcile = stage.reconcile();
    let told = |_: &str, _: &Report| stage.clock.advance(RENEWED);
    assert_eq!(reconcile.pass_now(&told).await.unwrap().sessions, 9);
    assert_eq!(taken(&stage), 0);
}
