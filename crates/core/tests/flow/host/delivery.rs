//! The host application is told of each transition: at least once, and in order for each payment.

use crate::support::death::{DiesAt, dies};
use crate::support::host::field;
use crate::support::script::Fault;
use crate::support::store::CONNECTIONS;
use crate::support::{CONSULTATION, PATIENT, Stage, callback, created, patient, press, second};
use sekali_core::domain::{ConsultationId, PaymentId};
use sekali_core::flow::pay::PayRequest;
use sekali_core::ports::{ConsultationStore, OutboxQuery, OutboxStore, Point, StoreError};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn each_transition_in_order() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    assert_eq!(stage.deliver().await, 3);
    assert_eq!(stage.host.types(), ["payment.created", "payment.processing", "payment.completed"]);
    let messages = stage.host.messages();
    let statuses: Vec<_> = messages.iter().map(|message| field(message, "data")["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "processing", "completed"], "as it was then, not as it is now");
    let sequence: Vec<_> = messages.iter().map(|m| field(m, "data")["sequence"].as_i64().unwrap()).collect();
    assert!(sequence.is_sorted(), "{sequence:?}");
    assert_eq!(stage.deliver().await, 0);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn every_kind_of_end_is_told() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    stage.deliver().await;
    assert_eq!(stage.host.types().last().unwrap(), "payment.cancelled");

    let (_, session) = stage.at_stripe("again").await;
    stage.stripe.expire(&session);
    stage.pass().await;
    stage.deliver().await;
    assert_eq!(stage.host.types().last().unwrap(), "payment.expired");
}

#[tokio::test]
async fn a_host_that_is_down_is_told_later_in_the_same_order_under_the_same_ids() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.host.refuses.extend([true, true]);
    assert_eq!(stage.deliver().await, 1);
    stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    assert_eq!(stage.deliver().await, 0, "what comes after waits for what comes before");
    stage.clock.advance(Duration::from_secs(7));
    assert_eq!(stage.deliver().await, 1, "five seconds and up to a quarter more");
    stage.clock.advance(Duration::from_secs(13));
    assert_eq!(stage.deliver().await, 2);
    assert_eq!(stage.host.types(), ["payment.created", "payment.cancelled"]);
}

#[tokio::test]
async fn after_three_days_it_is_parked_and_replayed_or_revived_by_what_is_new() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.host.refuses.extend(std::iter::repeat_n(true, 200));
    let mut attempts = 0;
    for _ in 0..100 {
        attempts += stage.deliver().await;
        stage.clock.advance(HOUR + HOUR / 4);
    }
    assert!((50..=80).contains(&attempts), "{attempts} attempts in three days");
    let parked = stage.store.outbox(OutboxQuery::Parked, PaymentId(0), 10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].error.as_deref(), parked[0].due_at), (Some("503"), None));

    while stage.host.refuses.pop().is_some() {}
    assert!(stage.store.replay(receipt.payment.id, None, crate::support::second(0)).await.unwrap());
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.host.types(), ["payment.created"]);
}

#[tokio::test]
async fn what_is_new_starts_a_parked_delivery_again() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.host.refuses.extend(std::iter::repeat_n(true, 200));
    for _ in 0..100 {
        stage.deliver().await;
        stage.clock.advance(HOUR + HOUR / 4);
    }
    while stage.host.refuses.pop().is_some() {}
    assert_eq!(stage.deliver().await, 0);
    stage.pass().await;
    stage.deliver().await;
    assert_eq!(stage.host.types(), ["payment.created", "payment.expired"]);
    assert_eq!(stage.stored(&receipt).await.payment.status, sekali_core::domain::Status::Expired);
}

#[tokio::test]
async fn a_process_that_dies_before_it_noted_the_receipt_tells_again_under_the_same_id() {
    for (point, told) in [(Point::HostTold, 2), (Point::DeliveryRecorded, 1)] {
        let stage = Stage::set().await;
        stage.paying("k").await;
        let outbox = stage.outbox_watched_by(Arc::new(DiesAt(point)));
        dies(async move { outbox.work().await }).await;
        stage.clock.advance(Duration::from_secs(60));
        stage.deliver().await;
        let messages = stage.host.messages();
        assert_eq!(messages.len(), told, "{point:?}");
        assert!(
            messages.iter().all(|message| message.id == messages[0].id && message.body == messages[0].body)
        );
    }
}

const SEVERAL: usize = 5;

/// So many payments, each of a consultation of its own.
async fn payments(stage: &Stage, many: usize) {
    for id in (10..).map(ConsultationId).take(many) {
        let fee = stage.store.consultation(CONSULTATION).await.unwrap().unwrap().terms.fee;
        stage.store.put_consultation(id, PATIENT, fee, None, second(0)).await.unwrap();
        let press = PayRequest { consultation: id, ..press(&format!("k{}", id.0)) };
        created(stage.pay().pay(&press).await);
    }
}

#[tokio::test]
async fn a_single_connection_to_the_database_is_enough_for_many_messages() {
    let stage = Stage::set().await;
    payments(&stage, SEVERAL).await;
    // All but one are somebody else's.
    let _others = stage.store.connections.acquire_many(CONNECTIONS - 1).await.unwrap();
    let delivered = tokio::time::timeout(Duration::from_secs(10), stage.deliver()).await;
    assert_eq!(delivered, Ok(SEVERAL), "a message waits for the connection that is its own");
}

#[tokio::test]
async fn what_cannot_be_noted_at_once_is_noted_before_the_lease_is_over() {
    for told in [true, false] {
        let stage = Stage::set().await;
        stage.paying("k").await;
        stage.host.refuses.extend((!told).then_some(true));
        let busy = || StoreError::Unavailable("every connection is in use".into());
        stage.store.noted.extend([Fault::Fails(busy()), Fault::AnswerLost(busy()), Fault::Fails(busy())]);
        assert_eq!(stage.deliver().await, 1);
        stage.clock.advance(Duration::from_secs(8));
        assert_eq!(stage.deliver().await, usize::from(!told), "told: {told}");
        assert_eq!(stage.host.messages().len(), 1, "and the host is told once");
    }
}

#[tokio::test]
async fn one_message_that_fails_leaves_none_of_the_others_half_way() {
    let stage = Stage::set().await;
    payments(&stage, SEVERAL).await;
    let broken = StoreError::Broken("a row that cannot be".into());
    stage.store.payments.push(Fault::Fails(broken.clone()));
    assert_eq!(stage.outbox().work().await, Err(broken));
    assert_eq!(stage.host.messages().len(), SEVERAL - 1);
    stage.clock.advance(Duration::from_secs(61));
    assert_eq!(stage.deliver().await, 1, "only the one that failed is left");
}

#[tokio::test]
async fn after_one_that_failed_no_more_is_taken() {
    let stage = Stage::set().await;
    payments(&stage, 20).await;
    let broken = StoreError::Broken("a row that cannot be".into());
    stage.store.payments.push(Fault::Fails(broken.clone()));
    assert_eq!(stage.outbox().work().await, Err(broken));
    assert_eq!(stage.host.messages().len(), 15, "sixteen were under way");
    assert!(stage.deliver().await >= 4, "the others were left to whoever comes next");
}

#[tokio::test]
async fn what_cannot_be_noted_within_its_lease_is_given_up_and_told_again() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    let busy = || StoreError::Unavailable("every connection is in use".into());
    // Every quarter of a second for half a minute, at most (this clock goes on while others are polled, too).
    let faults = 200;
    stage.store.noted.extend((0..faults).map(|_| Fault::Fails(busy())));
    assert_eq!(stage.outbox().work().await, Err(busy()));
    let left = std::iter::from_fn(|| stage.store.noted.pop()).count();
    let tries = faults - left;
    assert!((2..=122).contains(&tries), "{tries} tries");
    stage.clock.advance(Duration::from_secs(61));
    assert_eq!(stage.deliver().await, 1);
    let ids: Vec<_> = stage.host.messages().into_iter().map(|message| message.id).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}
