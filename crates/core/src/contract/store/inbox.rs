//! Webhooks between their arrival and their end.

use super::TestDatabase;
use super::ground::{AT, at_once, count, later, migrated, rows};
use crate::domain::Timestamp;
use crate::ports::store::{InboxEvent, Store};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

async fn receive(store: &dyn Store, id: &str, at: Timestamp) -> bool {
    let kind = "checkout.session.completed";
    store.receive_event(id, kind, Some("cs_1"), "{}", at).await.expect("an event can be kept")
}

async fn claim(store: &dyn Store, now: Timestamp, limit: u32) -> Vec<InboxEvent> {
    store.claim_events(now, LEASE, limit).await.expect("events can be claimed")
}

async fn claimed_ids(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let mut ids: Vec<_> = claim(store, now, 100).await.into_iter().map(|event| event.id).collect();
    ids.sort();
    ids
}

pub async fn an_event_is_kept_once(database: &dyn TestDatabase) {
    let racing = migrated(database).await;
    let store = &*racing;
    assert!(receive(store, "evt_1", AT).await);
    assert!(!receive(store, "evt_1", later(1)).await, "Stripe delivers again");
    let without = store.receive_event("evt_2", "ping", None, r#"{"a":"é"}"#, later(1)).await;
    assert_eq!(without, Ok(true));
    let kept =
        rows(store, "SELECT id, kind, object, payload, attempts FROM gateway_events ORDER BY id").await;
    assert_eq!(
        kept,
        ["evt_1 | checkout.session.completed | cs_1 | {} | 0", r#"evt_2 | ping |  | {"a":"é"} | 0"#]
    );

    let racers = (0..20).map(|_| {
        let store: Arc<dyn Store> = Arc::clone(&racing);
        async move { receive(&*store, "evt_3", AT).await }
    });
    let kept = at_once(racers.collect()).await.into_iter().filter(|kept| *kept).count();
    assert_eq!(kept, 1, "one of twenty deliveries at once is the first");
}

pub async fn a_claimed_event_is_leased(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    receive(store, "evt_1", later(10)).await;
    assert_eq!(claim(store, later(9), 10).await, [], "not due before it came");
    let event = InboxEvent {
        id: "evt_1".into(),
        kind: "checkout.session.completed".into(),
        object: Some("cs_1".into()),
        attempts: 1,
    };
    assert_eq!(claim(store, later(10), 10).await, std::slice::from_ref(&event));
    assert_eq!(claim(store, later(39), 10).await, [], "leased to the first one");
    let again = InboxEvent { attempts: 2, ..event };
    assert_eq!(claim(store, later(40), 10).await, [again], "who took it has died");
    assert_eq!(claim(store, later(41), 0).await, []);
}

pub async fn an_event_that_was_put_off_by_a_clock_ahead_is_brought_forward(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    receive(store, "evt_ahead", later(86_400)).await;
    receive(store, "evt_leased", AT).await;
    receive(store, "evt_soon", later(3_600)).await;
    assert_eq!(claimed_ids(store, AT).await, ["evt_leased"]);
    assert_eq!(store.bring_forward(AT).await, Ok(1));
    assert_eq!(claimed_ids(store, AT).await, ["evt_ahead"], "a lease and a pause of usual length stay");

    let server_ahead = later(2 * 86_400);
    assert_eq!(claimed_ids(store, server_ahead).await.len(), 3);
    assert_eq!(claimed_ids(store, later(4_000)).await, [""; 0], "leased for two days");
    assert_eq!(store.bring_forward(later(4_000)).await, Ok(3));
    assert_eq!(claimed_ids(store, later(4_000)).await.len(), 3);
    store.finish_event("evt_soon", later(4_001)).await.unwrap();
    assert_eq!(store.bring_forward(AT).await, Ok(0), "what is finished stays so");
}

pub async fn claimers_never_share_an_event(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for i in 0..60 {
        receive(&*store, &format!("evt_{i}"), AT).await;
    }
    let racers = (0..12_usize).map(|i| {
        let store = Arc::clone(&stores[i % 2]);
        async move {
            let mut mine = Vec::new();
            loop {
                let events = claim(&*store, later(1), 3).await;
                assert!(events.len() <= 3, "no more than the limit");
                if events.is_empty() {
                    return mine;
                }
                mine.extend(events);
            }
        }
    });
    let claimed: Vec<_> = at_once(racers.collect()).await.into_iter().flatten().collect();
    let different: HashSet<_> = claimed.iter().map(|event| &event.id).collect();
    assert_eq!(
        (claimed.len(), different.len()),
        (60, 60),
        "each event went to one claimer, none was left out"
    );
    assert!(claimed.iter().all(|event| event.attempts == 1));
}

pub async fn an_event_is_postponed_given_up_and_finished(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for id in ["evt_again", "evt_done", "evt_never"] {
        receive(store, id, AT).await;
    }
    assert_eq!(claimed_ids(store, AT).await.len(), 3);
    store.postpone_event("evt_again", "Stripe was away", Some(later(5))).await.unwrap();
    store.postpone_event("evt_never", "no such session", None).await.unwrap();
    store.finish_event("evt_done", later(1)).await.unwrap();

    assert_eq!(claimed_ids(store, later(4)).await, [""; 0]);
    assert_eq!(claimed_ids(store, later(5)).await, ["evt_again"], "due again before the old lease is over");
    assert_eq!(claimed_ids(store, later(1_000_000)).await, ["evt_again"], "and nothing else, ever");
    let errors =
        rows(store, "SELECT id, error FROM gateway_events WHERE error IS NOT NULL ORDER BY id").await;
    assert_eq!(errors, ["evt_again | Stripe was away", "evt_never | no such session"]);
    assert_eq!(count(store, "gateway_events WHERE finished_at IS NOT NULL").await, 1);
    assert_eq!(count(store, "gateway_events WHERE due_at IS NULL").await, 2);
    assert!(!receive(store, "evt_done", later(9)).await);
    assert_eq!(count(store, "gateway_events WHERE due_at IS NULL").await, 2, "a redelivery wakes nothing");
}

/// Somebody has sent it once more on purpose, from Stripe's dashboard.
pub async fn an_event_that_was_given_up_is_due_again_when_it_is_sent_again(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    receive(store, "evt_1", AT).await;
    claim(store, AT, 1).await;
    store.postpone_event("evt_1", "no such session", None).await.unwrap();
    assert_eq!(claim(store, later(100), 1).await, []);
    assert!(!receive(store, "evt_1", later(200)).await, "it was there");
    assert_eq!(claim(store, later(199), 1).await, []);
    let again = claim(store, later(200), 1).await;
    assert_eq!(again.iter().map(|event| event.attempts).collect::<Vec<_>>(), [1], "counted from the start");

    // One that is tried already goes on as it was.
    store.postpone_event("evt_1", "Stripe was away", Some(later(300))).await.unwrap();
    assert!(!receive(store, "evt_1", later(250)).await);
    assert_eq!(claim(store, later(299), 1).await, []);
    assert_eq!(claim(store, later(300), 1).await[0].attempts, 2);
    store.finish_event("evt_1", later(301)).await.unwrap();
    assert!(!receive(store, "evt_1", later(400)).await);
    assert_eq!(claim(store, later(9_999), 1).await, [], "finished is finished");
}

/// Two hold it one after the other, as the lease of the first ran out; the second finishes it.
pub async fn a_finished_event_does_not_come_back(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    receive(store, "evt_1", AT).await;
    claim(store, AT, 1).await;
    claim(store, later(60), 1).await;
    store.finish_event("evt_1", later(61)).await.unwrap();
    store.postpone_event("evt_1", "the first one is late", Some(later(62))).await.unwrap();
    assert_eq!(claim(store, later(1000), 1).await, []);
    store.finish_event("evt_1", later(63)).await.unwrap();
    assert_eq!(count(store, "gateway_events WHERE finished_at IS NOT NULL AND due_at IS NULL").await, 1);
}
