//! The record of a payment: complete, in order, and chained.

use crate::support::{Stage, callback, duplicate, press};
use sekali_core::domain::{Actor, What};
use sekali_core::flow::pay::{PayRequest, Twin};
use sekali_core::ports::FileStore;

#[tokio::test]
async fn a_payments_whole_way() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.webhook("evt_1", "checkout.session.completed", &session).await;
    stage.work().await;
    let record = stage.store.record(receipt.payment.id, 0, 100).await.unwrap();
    let entries: Vec<_> = record.iter().map(|event| event.entry().unwrap()).collect();
    let actors: Vec<_> = entries.iter().map(|entry| entry.origin.by).collect();
    assert_eq!(actors, [Actor::Patient, Actor::Patient, Actor::Patient, Actor::Webhook]);
    assert_eq!(entries[3].origin.event.as_deref(), Some("evt_1"));
    let What::Completed { gateway_id, payment_intent, .. } = &entries[3].what else { panic!("{entries:?}") };
    assert_eq!((gateway_id.as_str(), payment_intent.as_str()), ("cs_1", "pi_1"));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn duplicates_are_noted_by_the_worker_once_a_round_and_cost_their_request_nothing() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    for n in 0..3 {
        let request = PayRequest { request_id: Some(format!("r{n}")), ..press("k") };
        duplicate(stage.pay().pay(&request).await);
    }
    assert_eq!(stage.journal.store_calls().len(), 0, "answered by the cache, they wrote nothing");
    stage.duplicates.record(&*stage.store).await.unwrap();
    stage.duplicates.record(&*stage.store).await.unwrap();
    let record = stage.store.record(receipt.payment.id, 0, 100).await.unwrap();
    assert_eq!(record.len(), 2);
    let entry = record[1].entry().unwrap();
    assert!(
        matches!(entry.what, What::Duplicate { times: 3, ref caught, .. } if caught == "cache"),
        "{entry:?}"
    );
    assert_eq!(entry.origin.request_id.as_deref(), Some("r2"), "of the last one");
    assert_eq!(record[1].announces, None);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_key_that_lost_is_a_duplicate_of_the_active_payment() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    duplicate(stage.pay().pay(&PayRequest { twin: Twin::Refuse, ..press("other") }).await);
    stage.duplicates.record(&*stage.store).await.unwrap();
    assert_eq!(stage.kinds(&receipt).await, ["created", "duplicate"]);
}

#[tokio::test]
async fn a_record_that_was_tampered_with_is_found() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.tamper("DROP TRIGGER payment_events_keep");
    let id = receipt.payment.id;
    let sql = format!(
        "UPDATE payment_events SET data = replace(data, '5000', '4000') WHERE payment_id = {id} AND seq = 1"
    );
    stage.tamper(&sql);
    let records = stage.verify_records().await;
    assert_eq!(records.broken, [(id, 1)]);
}
