//! Many at once: whatever they do, there is one payment.

use super::TestDatabase;
use super::ground::{
    AT, assert_whole_payments, at_once, consult, count, create, create_at_once, made, migrated, php, wish,
};
use crate::domain::{ConsultationId, Receipt, UserId};
use crate::ports::store::{CreateOutcome, NewPayment, PutOutcome, Store};
use std::sync::Arc;

/// The one receipt that was created, and the other outcomes.
fn one_created(outcomes: Vec<CreateOutcome>) -> (Receipt, Vec<CreateOutcome>) {
    let (created, others): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|outcome| matches!(outcome, CreateOutcome::Created(_)));
    assert_eq!(created.len(), 1, "exactly one is created, but: {created:?}, beside {others:?}");
    (made(created.into_iter().next().unwrap()), others)
}

fn assert_all_active(winner: &Receipt, others: &[CreateOutcome]) {
    for other in others {
        assert_eq!(*other, CreateOutcome::Active(winner.clone()), "the others see the winner");
    }
}

pub async fn fifty_keys_for_one_consultation(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    for round in 1..=4 {
        consult(&*store, round, 1).await;
        let wishes = (0..50).map(|i| wish(round, 1, &format!("{round}-{i}"))).collect();
        let (winner, others) = one_created(create_at_once(&[Arc::clone(&store)], wishes).await);
        assert_all_active(&winner, &others);
    }
    assert_whole_payments(&*store, 4).await;
}

pub async fn one_key_for_fifty_consultations(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    for id in 1..=50 {
        consult(&*store, id, 1).await;
    }
    let wishes: Vec<_> = (1..=50).map(|id| wish(id, 1, "k")).collect();
    let (winner, others) = one_created(create_at_once(&[Arc::clone(&store)], wishes.clone()).await);
    let won = wishes.iter().find(|wish| wish.consultation == winner.payment.consultation).unwrap();
    for other in others {
        let expected = CreateOutcome::KeyUsed { fingerprint: won.fingerprint, receipt: winner.clone() };
        assert_eq!(other, expected, "the others learn what the key stands for");
    }
    assert_whole_payments(&*store, 1).await;
}

pub async fn one_key_for_one_consultation_fifty_times(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    for round in 1..=4 {
        consult(&*store, round, 1).await;
        let key = format!("k{round}");
        let wishes: Vec<_> = (0..50).map(|_| wish(round, 1, &key)).collect();
        let fingerprint = wishes[0].fingerprint;
        let (winner, others) = one_created(create_at_once(&[Arc::clone(&store)], wishes).await);
        for other in others {
            assert_eq!(other, CreateOutcome::KeyUsed { fingerprint, receipt: winner.clone() });
        }
    }
    assert_whole_payments(&*store, 4).await;
}

pub async fn the_same_write_in_parallel(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    consult(&*store, 5, 1).await;
    let new = wish(5, 1, "k");
    let stores = [Arc::clone(&store), database.open().await];
    let outcomes = create_at_once(&stores, vec![new; 20]).await;
    let first = made(outcomes[0].clone());
    for outcome in outcomes {
        assert_eq!(made(outcome), first, "each attempt is told of the one payment");
    }
    assert_whole_payments(&*store, 1).await;
}

pub async fn two_servers_race_two_hundred_times(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    consult(&*store, 5, 1).await;
    let stores = [Arc::clone(&store), database.open().await];
    let wishes = (0..200).map(|i| wish(5, 1, &format!("k{i}"))).collect();
    let (winner, others) = one_created(create_at_once(&stores, wishes).await);
    assert_all_active(&winner, &others);
    assert_whole_payments(&*store, 1).await;
}

/// Either the price changed first and the payment was not made with the old one, or the payment was
/// made first and the price was not changed.
pub async fn a_price_that_changes_while_it_is_paid(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let mut made = 0;
    for id in 1..=30 {
        consult(&*store, id, 1).await;
        let (payer, host) = (Arc::clone(&store), Arc::clone(&store));
        let new = wish(id, 1, &format!("k{id}"));
        let pay = tokio::spawn(async move { create(&*payer, &new).await });
        let dearer = tokio::spawn(async move {
            host.put_consultation(ConsultationId(id), UserId(1), php(600_000), None, AT).await.unwrap()
        });
        match (pay.await.unwrap(), dearer.await.unwrap()) {
            (CreateOutcome::Created(_), PutOutcome::BeingPaid) => made += 1,
            (CreateOutcome::OtherTerms(record), PutOutcome::Updated(_)) => {
                assert_eq!(record.terms.fee, php(600_000));
            }
            other => panic!("consultation {id}: {other:?}"),
        }
    }
    assert_whole_payments(&*store, made).await;
    let odd = "payments p JOIN konsultasis k ON k.id = p.consultation_id WHERE k.fee = '6000.00'";
    assert_eq!(count(&*store, odd).await, 0, "no payment of the old price beside the new one");
}

pub async fn a_caller_that_goes_away_leaves_nothing_half_done(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let mut wishes = Vec::new();
    for id in 1..=60 {
        consult(&*store, id, 1).await;
        wishes.push(wish(id, 1, &format!("k{id}")));
    }
    at_once(wishes.iter().enumerate().map(|(i, new)| gone_after(&store, new, i)).collect()).await;

    // Their repeats, which wait for whatever still goes on, find a whole payment or make one.
    for outcome in create_at_once(&[Arc::clone(&store)], wishes).await {
        made(outcome);
    }
    assert_whole_payments(&*store, 60).await;
}

/// Drops the write after it was polled `polls % 5` times or is done.
fn gone_after(store: &Arc<dyn Store>, new: &NewPayment, polls: usize) -> impl Future<Output = ()> + use<> {
    let (store, new) = (Arc::clone(store), new.clone());
    async move {
        let batch = [new];
        let mut write = store.create_payments(&batch);
        for _ in 0..=polls % 5 {
            let mut once = std::pin::pin!(std::future::poll_fn(|context| {
                std::task::Poll::Ready(write.as_mut().poll(context).is_ready())
            }));
            if once.as_mut().await {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
