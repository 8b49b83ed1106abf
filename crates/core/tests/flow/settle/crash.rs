//! A process that dies while it settles, and what the next one makes of it.

use crate::support::death::{DiesAt, dies};
use crate::support::stripe::SIGNED;
use crate::support::{Stage, callback, duplicate, press};
use sekali_core::domain::Status;
use sekali_core::flow::inbox::Inbox;
use sekali_core::flow::pay::Caught;
use sekali_core::ports::{Current, Point};
use std::sync::Arc;
use std::time::Duration;

const COMPLETED: &str = "checkout.session.completed";
/// How long the dead have their events to themselves.
const LEASE: Duration = Duration::from_secs(30);

fn inbox_that_dies_at(stage: &Stage, point: Point) -> Inbox {
    Inbox { settle: stage.settle_watched_by(Arc::new(DiesAt(point))) }
}

#[tokio::test]
async fn an_event_that_was_kept_but_not_answered_comes_again_and_counts_once() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let (inbox, event) =
        (inbox_that_dies_at(&stage, Point::EventReceived), format!("evt_1 {COMPLETED} {session}"));
    dies(async move { inbox.receive(event.as_bytes(), SIGNED).await }).await;

    assert!(!stage.webhook("evt_1", COMPLETED, &session).await, "Stripe sends it again");
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
}

#[tokio::test]
async fn whoever_takes_the_event_after_the_lease_finishes_it() {
    for (point, written) in [(Point::SessionAsked, Status::Processing), (Point::Settled, Status::Completed)] {
        let stage = Stage::set().await;
        let (receipt, session) = stage.at_stripe("k").await;
        stage.stripe.pay(&session);
        stage.webhook("evt_1", COMPLETED, &session).await;
        let inbox = inbox_that_dies_at(&stage, point);
        dies(async move { inbox.work().await }).await;
        assert_eq!(stage.stored(&receipt).await.payment.status, written, "{point:?}");
        assert_eq!(stage.work().await, 0, "{point:?}: it is still the dead one's");

        stage.clock.advance(LEASE);
        assert_eq!(stage.work().await, 1, "{point:?}");
        assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
        assert_eq!((stage.journal.transitions(), stage.count("captures").await), (1, 1), "{point:?}");
        assert_eq!(stage.count("gateway_events WHERE finished_at IS NULL").await, 0);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_before_it_told_anybody_leaves_no_old_status() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let settle = stage.settle_watched_by(Arc::new(DiesAt(Point::Settled)));
    dies(async move { settle.settle_session(&session, &callback()).await }).await;

    let request = press("k");
    let found = stage.coordination.found(request.user.id, &request.key).await.unwrap();
    assert_eq!(found.current, Current::Changing);
    let again = duplicate(stage.pay().pay(&request).await);
    assert_eq!((again.status, again.caught), (Status::Completed, Caught::Database));
}
