//! What is remembered about many payments at once.

use super::TestDatabase;
use super::decide::remark as entry;
use super::ground::{at_once, count, decide, file, later, migrated, paying, rows};
use super::record::assert_follows;
use crate::decision::note;
use crate::domain::{PaymentId, Receipt};
use crate::ports::store::{Remark, Store};
use std::sync::Arc;

fn remark(receipt: &Receipt, times: u64) -> Remark {
    let payment = &receipt.payment;
    Remark { payment: payment.id, reference: payment.reference, at: later(9), entry: entry(times) }
}

async fn kinds(store: &dyn Store, receipt: &Receipt) -> Vec<String> {
    let record = store.record(receipt.payment.id, 0, 1000).await.unwrap();
    assert_follows(&record, receipt.payment.reference);
    record.into_iter().map(|event| event.kind).collect()
}

pub async fn remarks_follow_on_each_payments_record(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.remark(&[]).await, Ok(vec![]));
    let (one, other) = (paying(store, 5, 1, "k").await, paying(store, 6, 2, "k").await);
    let quiet = paying(store, 7, 3, "k").await;
    let outbox = "SELECT payment_id, delivered_seq, last_seq, attempts FROM outbox ORDER BY payment_id";
    let (told, before) = (rows(store, outbox).await, file(store, one.payment.id).await);
    // Not in the order of their numbers, and one of them a second time.
    assert_eq!(store.remark(&[remark(&other, 1), remark(&one, 2)]).await, Ok(vec![]));
    assert_eq!(store.remark(&[remark(&one, 3)]).await, Ok(vec![]));
    assert_eq!(kinds(store, &one).await, ["created", "duplicate", "duplicate"]);
    assert_eq!(kinds(store, &other).await, ["created", "duplicate"]);
    assert_eq!(kinds(store, &quiet).await, ["created"]);
    let last = store.record(one.payment.id, 2, 9).await.unwrap().remove(0);
    assert_eq!((last.at, last.entry(), &last.announces), (later(9), Some(entry(3)), &None));
    assert_eq!(rows(store, outbox).await, told, "the host is told of nothing");
    let after = file(store, one.payment.id).await;
    assert_eq!(after.head, last.head());
    assert_eq!(after.payment, before.payment, "the payment is as it was");

    // And decisions follow on remarks.
    decide(store, one.payment.id, |_| (note(later(10), &[entry(4)]), ())).await;
    assert_eq!(kinds(store, &one).await.len(), 4);
}

pub async fn a_remark_on_no_payment_or_on_another_of_its_number_is_passed_over(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (one, other) = (paying(store, 5, 1, "k").await, paying(store, 6, 2, "k").await);
    let nobody = Remark { payment: PaymentId(404), ..remark(&one, 1) };
    let swapped = Remark { payment: other.payment.id, ..remark(&one, 1) };
    assert_eq!(store.remark(&[nobody.clone(), swapped.clone()]).await, Ok(vec![]));
    assert_eq!(count(store, "payment_events").await, 2);
    assert_eq!(store.remark(&[nobody, swapped, remark(&one, 1)]).await, Ok(vec![]));
    assert_eq!(kinds(store, &one).await.len(), 2, "the others are no hindrance");
    assert_eq!(kinds(store, &other).await.len(), 1);
}

pub async fn remarks_and_decisions_at_once_make_one_record(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let (one, other) = (paying(&*store, 5, 1, "k").await, paying(&*store, 6, 2, "k").await);
    let both = Arc::new([one, other]);
    let work = (0..40_u64).map(|n| {
        let (store, both) = (Arc::clone(&store), Arc::clone(&both));
        async move {
            let [one, other] = &*both;
            if n % 4 == 0 {
                let judge = Arc::new(move |_: &_| note(later(9), &[entry(n)]));
                let decided = store.decide(one.payment.id, judge).await;
                return u64::from(matches!(decided, Ok(Some(_))));
            }
            let batch = if n % 2 == 0 { [one, other] } else { [other, one] };
            match store.remark(&batch.map(|receipt| remark(receipt, n))).await {
                Ok(busy) => 2 - u64::try_from(busy.len()).unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
    });
    let written: u64 = at_once(work.collect()).await.into_iter().sum();
    assert!(written >= 10, "the decisions at least");
    let entries = kinds(&*store, &both[0]).await.len() + kinds(&*store, &both[1]).await.len();
    assert_eq!(u64::try_from(entries).unwrap(), written + 2, "each that was written stands there once");
}
