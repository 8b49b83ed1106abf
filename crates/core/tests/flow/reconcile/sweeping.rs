//! How far back Stripe's lists are read.

use crate::support::{Stage, second};
use sekali_core::domain::Timestamp;
use sekali_core::flow::reconcile::Reconcile;
use sekali_core::ports::{Clock, GatewayError};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const OVERLAP: Duration = Duration::from_secs(600);

/// From when on charges, refunds and disputes are listed by a pass.
async fn swept(stage: &Stage, reconcile: &Reconcile) -> [Timestamp; 3] {
    reconcile.pass_now(&|_, _| {}).await.unwrap();
    ["charges", "refunds", "disputes"].map(|kind| stage.stripe.listed_since(kind).unwrap())
}

/// What a process reads that has read nothing before: charges of a day and an hour, the others of eight days.
fn from_the_beginning(now: Timestamp) -> [Timestamp; 3] {
    let long = now.minus(8 * 24 * HOUR);
    [now.minus(25 * HOUR), long, long]
}

#[tokio::test]
async fn the_first_time_far_and_then_from_a_little_before_the_last_time() {
    let stage = Stage::set().await;
    let reconcile = stage.reconcile();
    assert_eq!(swept(&stage, &reconcile).await, from_the_beginning(second(0)));
    stage.clock.advance(HOUR);
    assert_eq!(swept(&stage, &reconcile).await, [second(0).minus(OVERLAP); 3]);
    stage.clock.advance(HOUR);
    assert_eq!(swept(&stage, &reconcile).await, [second(3600).minus(OVERLAP); 3]);
    // Another process has read nothing.
    assert_eq!(swept(&stage, &stage.reconcile()).await, from_the_beginning(stage.clock.now()));
}

#[tokio::test]
async fn at_the_very_moment_of_the_last_time_it_goes_on_and_before_it_it_begins_anew() {
    let stage = Stage::set().await;
    let reconcile = stage.reconcile();
    swept(&stage, &reconcile).await;
    assert_eq!(swept(&stage, &reconcile).await, [second(0).minus(OVERLAP); 3]);
    stage.clock.set_back(Duration::from_micros(1));
    let now = stage.clock.now();
    assert_eq!(swept(&stage, &reconcile).await, from_the_beginning(now), "a clock that was set back");
}

#[tokio::test]
async fn what_was_not_answered_is_read_again() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let reconcile = stage.reconcile();
    swept(&stage, &reconcile).await;
    stage.clock.advance(HOUR);
    stage.stripe.pay(&session);
    // The sweep cannot settle it either.
    let mute = || Err(GatewayError::Unknown("503".into()));
    stage.stripe.answers.push(mute());
    let down = sekali_core::ports::StoreError::Unavailable("down".into());
    stage.store.decides.push(crate::support::script::Fault::Fails(down));
    swept(&stage, &reconcile).await;
    stage.clock.advance(HOUR);
    assert_eq!(swept(&stage, &reconcile).await, [second(0).minus(OVERLAP); 3]);
    assert_eq!(swept(&stage, &reconcile).await, [second(7200).minus(OVERLAP); 3]);
}

#[tokio::test]
async fn money_of_another_installation_is_not_even_looked_for() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let mut theirs = stage.stripe.pay(&session);
    theirs.id = "cs_7".into();
    theirs.payment_intent = Some("pi_7".into());
    theirs.installation = Some(uuid::Uuid::from_u128(404));
    stage.stripe.add(theirs);
    stage.stripe.hide("ch_1");
    stage.journal.clear();
    stage.pass().await;
    assert!(!stage.journal.names().contains(&"payment_of_intent"), "{:?}", stage.journal.names());
}
