//! An operator has a kept event worked off once more.

use crate::support::{Stage, second};
use sekali_core::domain::{Actor, Origin, PaymentId, Status, UserId};
use sekali_core::ports::GatewayError;
use sekali_core::ports::console::KeptEvent;

const COMPLETED: &str = "checkout.session.completed";

fn operator() -> Origin {
    Origin::request(Actor::Admin, UserId(9), None)
}

/// An event about this object, as the console finds it.
fn kept(object: &str) -> KeptEvent {
    KeptEvent {
        id: "evt_1".into(),
        kind: COMPLETED.into(),
        object: Some(object.to_owned()),
        received_at: second(0),
        attempts: 60,
        waits: false,
        finished_at: None,
        error: Some("503".into()),
    }
}

/// Whether the event is done with, and its error.
async fn event(stage: &Stage) -> Vec<String> {
    stage.rows("SELECT finished_at IS NOT NULL, error FROM gateway_events").await
}

#[tokio::test]
async fn one_that_succeeds_is_done_with_and_names_who_wanted_it() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.webhook("evt_1", COMPLETED, &session).await;
    stage.stripe.pay(&session);
    let inbox = stage.inbox();
    assert_eq!(inbox.note_replay(receipt.payment.id, &kept(&session), &operator()).await, Ok(true));
    inbox.replay(&kept(&session), &operator()).await.unwrap();
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(event(&stage).await, ["1 | "]);
    let record = stage.rows("SELECT data FROM payment_events ORDER BY seq").await;
    assert!(
        record[3]
            .contains(r#""kind":"event_replayed","event":"evt_1","event_kind":"checkout.session.completed""#)
    );
    assert!(record[4].contains(r#""by":"admin","user":9,"event":"evt_1""#), "{}", record[4]);
    // And again: nothing more.
    inbox.replay(&kept(&session), &operator()).await.unwrap();
    assert_eq!(stage.kinds(&receipt).await.len(), 5);
    let unknown = inbox.note_replay(PaymentId(404), &kept(&session), &operator()).await;
    assert_eq!(unknown, Ok(false));
}

#[tokio::test]
async fn one_that_fails_is_left_as_it_was() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.webhook("evt_1", COMPLETED, &session).await;
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    let failed = stage.inbox().replay(&kept(&session), &operator()).await;
    assert!(failed.is_err());
    assert_eq!(event(&stage).await, ["0 | "]);
    assert_eq!(stage.work().await, 1, "its own time to be tried has stayed");
    assert_eq!(event(&stage).await, ["1 | "]);
}
