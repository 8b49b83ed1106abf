//! Telling the host of each payment: in order, at least once, one at a time.

use super::TestDatabase;
use super::decide::remark;
use super::ground::{AT, at_once, completed, decide, intend, later, migrated, paid, paying, settle};
use crate::decision::note;
use crate::domain::{PaymentId, Timestamp};
use crate::ports::store::Store;
use crate::ports::{Delivery, OutboxEntry, OutboxQuery};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

async fn claim(store: &dyn Store, now: Timestamp, limit: u32) -> Vec<Delivery> {
    store.claim_deliveries(now, LEASE, limit).await.expect("deliveries can be claimed")
}

/// The kinds of what is claimed, with its number and how often it was tried.
async fn claimed(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let deliveries = claim(store, now, 100).await;
    deliveries.iter().map(|d| format!("{} {} {}", d.event.seq, d.event.kind, d.attempts)).collect()
}

async fn entry(store: &dyn Store, payment: PaymentId) -> OutboxEntry {
    let before = PaymentId(payment.0 - 1);
    store.outbox(OutboxQuery::All, before, 1).await.expect("the outbox can be read").remove(0)
}

/// Everything was delivered up to `seq`.
fn idle(payment: PaymentId, seq: i64) -> OutboxEntry {
    OutboxEntry {
        payment,
        delivered_seq: seq,
        last_seq: seq,
        attempts: 0,
        due_at: None,
        failing_since: None,
        parked_at: None,
        error: None,
    }
}

pub async fn the_host_is_told_in_order(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let session = intend(store, &receipt).await;
    let quiet = note(later(2), &[remark(1)]);
    decide(store, id, move |_| (quiet.clone(), ())).await;
    settle(store, &receipt, &paid(session)).await;
    assert_eq!(
        entry(store, id).await,
        OutboxEntry { delivered_seq: 0, last_seq: 4, due_at: Some(AT), ..idle(id, 0) }
    );
    assert_eq!(claim(store, Timestamp::from_seconds(AT.as_seconds() - 1), 9).await, [], "not due yet");

    let first = claim(store, AT, 9).await;
    let record = store.record(id, 0, 9).await.unwrap();
    let expected = Delivery {
        reference: receipt.payment.reference,
        event: record[0].clone(),
        attempts: 1,
        failing_since: None,
    };
    assert_eq!(first, [expected]);
    assert_eq!(claimed(store, later(29)).await, [""; 0], "it is somebody's");
    store.delivered(id, 1, later(80)).await.unwrap();
    assert_eq!(entry(store, id).await.due_at, Some(later(80)), "the next one, at once");
    assert_eq!(claimed(store, later(80)).await, ["2 checkout_intended 1"]);
    store.delivered(id, 2, later(81)).await.unwrap();
    assert_eq!(claimed(store, later(81)).await, ["4 completed 1"], "the remark is nothing to tell");
    store.delivered(id, 4, later(82)).await.unwrap();
    assert_eq!(entry(store, id).await, idle(id, 4));
    store.delivered(id, 2, later(83)).await.unwrap();
    let late = store.not_delivered(id, 4, "late", later(83), Some(later(84))).await;
    assert_eq!((late, entry(store, id).await), (Ok(()), idle(id, 4)), "somebody else has come further");
    assert_eq!(claimed(store, later(9_999)).await, [""; 0]);
}

pub async fn a_claimed_delivery_is_leased(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    assert_eq!(claimed(store, AT).await, ["1 created 1"]);
    // What comes meanwhile does not end the lease.
    intend(store, &receipt).await;
    assert_eq!(claimed(store, later(29)).await, [""; 0]);
    assert_eq!(claimed(store, later(30)).await, ["1 created 2"], "who took it has died");
    assert_eq!(claim(store, later(70), 0).await, []);
}

pub async fn a_delivery_that_was_put_off_by_a_clock_ahead_is_brought_forward(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let id = paying(store, 5, 1, "k").await.payment.id;
    claim(store, AT, 1).await;
    store.not_delivered(id, 1, "status 500", later(1), Some(later(86_400))).await.unwrap();
    assert_eq!(claimed(store, later(2)).await, [""; 0]);
    assert_eq!(store.bring_forward(later(2)).await, Ok(1));
    assert_eq!(claimed(store, later(2)).await, ["1 created 2"]);
    store.not_delivered(id, 1, "status 500", later(3), Some(later(3_600))).await.unwrap();
    assert_eq!(store.bring_forward(later(3)).await, Ok(0), "a pause of usual length stays");
    assert_eq!(claimed(store, later(3)).await, [""; 0]);
}

pub async fn a_delivery_that_fails_is_tried_again_and_parked(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    claim(store, later(1), 1).await;
    let half = Timestamp::from_micros(later(3).as_micros() + 500_000);
    store.not_delivered(id, 1, "status 500", later(2), Some(half)).await.unwrap();
    let failing = OutboxEntry {
        last_seq: 1,
        attempts: 1,
        due_at: Some(half),
        failing_since: Some(later(2)),
        error: Some("status 500".into()),
        ..idle(id, 0)
    };
    assert_eq!(entry(store, id).await, failing);
    // Something new does not hurry what is being retried.
    intend(store, &receipt).await;
    assert_eq!(entry(store, id).await, OutboxEntry { last_seq: 2, ..failing.clone() });
    assert_eq!(claim(store, later(3), 9).await, []);
    let again = claim(store, half, 9).await;
    assert_eq!((again[0].attempts, again[0].failing_since, again[0].event.seq), (2, Some(later(2)), 1));

    store.not_delivered(id, 1, "status 410", later(5), None).await.unwrap();
    let parked = OutboxEntry {
        last_seq: 2,
        attempts: 2,
        due_at: None,
        parked_at: Some(later(5)),
        error: Some("status 410".into()),
        ..failing
    };
    assert_eq!(entry(store, id).await, parked);
    assert_eq!(claim(store, later(9_999), 9).await, [], "nobody tries any more");
    assert_eq!(store.outbox_depth().await, Ok((1, 1)));
}

pub async fn something_new_revives_a_parked_delivery(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    claim(store, AT, 1).await;
    store.not_delivered(id, 1, "status 500", later(1), None).await.unwrap();
    let quiet = note(later(1), &[remark(1)]);
    decide(store, id, move |_| (quiet.clone(), ())).await;
    assert_eq!(entry(store, id).await.parked_at, Some(later(1)), "not by what the host is not told");
    intend(store, &receipt).await;
    let revived = OutboxEntry { last_seq: 3, due_at: Some(later(1)), ..idle(id, 0) };
    assert_eq!(entry(store, id).await, revived);
    assert_eq!(claimed(store, later(1)).await, ["1 created 1"], "from the first that the host has not");
}

pub async fn a_delivery_is_replayed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, _) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    assert_eq!(store.replay(PaymentId(404), None, later(90)).await, Ok(false));
    claim(store, later(60), 1).await;
    store.not_delivered(id, 1, "status 500", later(61), None).await.unwrap();
    assert_eq!(store.replay(id, None, later(90)).await, Ok(true));
    let due = OutboxEntry { last_seq: 3, due_at: Some(later(90)), ..idle(id, 0) };
    assert_eq!(entry(store, id).await, due);
    for (seq, now) in [(1, 90), (2, 91), (3, 92)] {
        assert_eq!(claim(store, later(now), 1).await[0].event.seq, seq);
        store.delivered(id, seq, later(now)).await.unwrap();
    }
    for nothing_left in [None, Some(100)] {
        assert_eq!(store.replay(id, nothing_left, later(100)).await, Ok(true));
        assert_eq!(entry(store, id).await, idle(id, 3), "everything is delivered");
    }
    assert_eq!(store.replay(id, Some(2), later(101)).await, Ok(true));
    assert_eq!(claimed(store, later(101)).await, ["2 checkout_intended 1"], "sent again from there");
    store.delivered(id, 2, later(102)).await.unwrap();
    assert_eq!(store.replay(id, Some(-7), later(103)).await, Ok(true));
    assert_eq!(entry(store, id).await.delivered_seq, 0, "from the beginning");
    assert_eq!(claimed(store, later(103)).await, ["1 created 1"]);
}

pub async fn a_replay_during_a_delivery_is_not_lost(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    intend(store, &receipt).await;
    assert_eq!(claimed(store, AT).await, ["1 created 1"]);
    store.delivered(id, 1, later(1)).await.unwrap();
    assert_eq!(claimed(store, later(1)).await, ["2 checkout_intended 1"]);
    assert!(store.replay(id, Some(1), later(2)).await.unwrap());
    store.delivered(id, 2, later(3)).await.unwrap();
    assert_eq!(entry(store, id).await.delivered_seq, 0, "the first one is to be told again");
    assert_eq!(claimed(store, later(60)).await, ["1 created 1"], "when the lease is over");
}

pub async fn claimers_never_share_a_payment(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for id in 1..=40 {
        let receipt = paying(&*store, id, 1, &format!("k{id}")).await;
        intend(&*store, &receipt).await;
    }
    let racers = (0..12_usize).map(|i| {
        let store = Arc::clone(&stores[i % 2]);
        async move {
            let mut mine = Vec::new();
            loop {
                let deliveries = claim(&*store, later(1), 3).await;
                assert!(deliveries.len() <= 3, "no more than the limit");
                if deliveries.is_empty() {
                    return mine;
                }
                mine.extend(deliveries);
            }
        }
    });
    let claimed: Vec<_> = at_once(racers.collect()).await.into_iter().flatten().collect();
    let different: HashSet<_> = claimed.iter().map(|delivery| delivery.event.payment).collect();
    assert_eq!((claimed.len(), different.len()), (40, 40), "each went to one claimer, none was left out");
    assert!(claimed.iter().all(|delivery| delivery.event.seq == 1 && delivery.attempts == 1));
}

pub async fn deliveries_are_listed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.outbox_depth().await, Ok((0, 0)));
    let mut ids = Vec::new();
    for id in 1..=6 {
        ids.push(paying(store, id, 1, &format!("k{id}")).await.payment.id);
    }
    claim(store, AT, 9).await;
    store.delivered(ids[1], 1, later(1)).await.unwrap();
    for parked in [ids[2], ids[4]] {
        store.not_delivered(parked, 1, "status 500", later(1), None).await.unwrap();
    }
    assert_eq!(store.outbox_depth().await, Ok((5, 2)));
    let unfinished = [ids[0], ids[2], ids[3], ids[4], ids[5]];
    for (query, expected) in [
        (OutboxQuery::All, &ids[..]),
        (OutboxQuery::Unfinished, &unfinished[..]),
        (OutboxQuery::Parked, &[ids[2], ids[4]][..]),
    ] {
        let mut seen = Vec::new();
        let mut after = PaymentId(0);
        loop {
            let page = store.outbox(query, after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            after = last.payment;
            seen.extend(page.into_iter().map(|entry| entry.payment));
        }
        assert_eq!(seen, expected, "{query:?}");
    }
}
