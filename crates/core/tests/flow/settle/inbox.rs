//! Webhooks: kept once, worked off, and tried again until it is known how the session stands.

use crate::support::stripe::SIGNED;
use crate::support::{Stage, second};
use sekali_core::domain::Status;
use sekali_core::flow::inbox::ReceiveError;
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{GatewayError, Point};
use std::time::Duration;

const COMPLETED: &str = "checkout.session.completed";

/// Attempts, error, when it is due again in microseconds, and whether it is finished, of every event.
async fn events(stage: &Stage) -> Vec<String> {
    stage
        .rows("SELECT attempts, error, due_at, finished_at IS NOT NULL FROM gateway_events ORDER BY id")
        .await
}

#[tokio::test]
async fn an_event_that_comes_twice_is_kept_once_and_answered_both_times() {
    let stage = Stage::set().await;
    assert!(stage.webhook("evt_1", COMPLETED, "cs_1").await);
    assert!(!stage.webhook("evt_1", COMPLETED, "cs_1").await);
    assert_eq!(stage.count("gateway_events").await, 1);
    assert_eq!(stage.journal.points(), [Point::EventReceived, Point::EventReceived]);
    assert_eq!(stage.stripe.asked().len(), 0, "the answer does not wait for Stripe");
}

#[tokio::test]
async fn what_is_not_stripes_is_not_kept() {
    let stage = Stage::set().await;
    let forged = stage.inbox().receive(b"evt_1 checkout.session.completed cs_1", "forged").await;
    assert_eq!(forged, Err(ReceiveError::Webhook(WebhookError::Forged)));
    for odd in [&b"evt_1"[..], b"\xff\xfe"] {
        let received = stage.inbox().receive(odd, SIGNED).await;
        assert_eq!(received, Err(ReceiveError::Webhook(WebhookError::NoEvent)));
    }
    assert_eq!(stage.count("gateway_events").await, 0);
}

#[tokio::test]
async fn an_event_settles_its_payment_and_is_finished() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.webhook("evt_1", COMPLETED, &session).await;
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(events(&stage).await, ["1 |  |  | 1"]);
    assert_eq!(stage.work().await, 0);
}

#[tokio::test]
async fn an_event_that_means_nothing_here_is_finished_without_asking() {
    let stage = Stage::set().await;
    for (event, kind) in [("evt_1", "payment_intent.created"), ("evt_2", "customer.created")] {
        stage.webhook(event, kind, "cs_1").await;
    }
    let no_object = b"evt_3 checkout.session.completed";
    stage.inbox().receive(no_object, SIGNED).await.unwrap();

    assert_eq!(stage.work().await, 3);
    assert_eq!(events(&stage).await, ["1 |  |  | 1", "1 |  |  | 1", "1 |  |  | 1"]);
    assert_eq!(stage.stripe.asked().len(), 0);
}

#[tokio::test]
async fn an_event_of_somebody_elses_session_is_finished() {
    let stage = Stage::set().await;
    stage.webhook("evt_1", COMPLETED, "cs_unknown").await;
    assert_eq!(stage.work().await, 1);
    assert_eq!(events(&stage).await, ["1 |  |  | 1"]);
}

#[tokio::test]
async fn while_stripe_is_down_the_pauses_grow_and_then_it_settles() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.webhook("evt_1", COMPLETED, &session).await;
    let mut due = 0;
    for (attempt, pause) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
        assert_eq!(stage.work().await, 1, "attempt {attempt}");
        due += pause;
        let (error, at) = ("the gateway gave no definite answer: 503", second(due).as_micros());
        assert_eq!(events(&stage).await, [format!("{attempt} | {error} | {at} | 0")]);

        stage.clock.advance(Duration::from_micros(pause.unsigned_abs() * 1_000_000 - 1));
        assert_eq!(stage.work().await, 0, "not before it is due");
        stage.clock.advance(Duration::from_micros(1));
    }
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing, "unknown is a state");
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(stage.rows("SELECT finished_at IS NOT NULL FROM gateway_events").await, ["1"]);
}

#[tokio::test]
async fn an_object_that_makes_no_sense_yet_is_asked_for_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.change(&session, |session| session.payment_intent = None);
    stage.webhook("evt_1", COMPLETED, &session).await;
    assert_eq!(stage.work().await, 1);

    let error = "the gateway's object makes no sense: session cs_1 is paid but has no payment intent";
    assert_eq!(events(&stage).await, [format!("1 | {error} | {} | 0", second(1).as_micros())]);
    stage.stripe.pay(&session);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
}

#[tokio::test]
async fn one_event_that_fails_does_not_hold_up_the_others() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    stage.webhook("evt_1", COMPLETED, &session).await;
    stage.webhook("evt_2", COMPLETED, &session).await;
    assert_eq!(stage.work().await, 2);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(stage.count("gateway_events WHERE finished_at IS NULL").await, 1);
}
