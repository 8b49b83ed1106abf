//! The record: what was decided stands in it in order, and stays as it was written.

use super::TestDatabase;
use super::decide::remark;
use super::ground::{
    AT, consult, count, create, create_all, decide, file, intend, later, made, migrated, opened, paid,
    paying, rows, settle, wish,
};
use super::guards::refuses;
use crate::decision::note;
use crate::domain::{Head, PaymentId, RecordedEvent};
use crate::ports::store::{NewPayment, Store};
use uuid::Uuid;

/// Asserts that the entries are a payment's whole record, each as it was written.
pub(super) fn assert_follows(record: &[RecordedEvent], reference: Uuid) {
    let mut head = Head::default();
    for event in record {
        assert!(event.follows(head, reference), "{event:?} does not follow {head:?}");
        head = event.head();
    }
}

async fn record(store: &dyn Store, payment: PaymentId) -> Vec<RecordedEvent> {
    store.record(payment, 0, 1000).await.expect("a record can be read")
}

pub async fn a_record_begins_with_the_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    let new = wish(5, 1, "k");
    let receipt = made(create(store, &new).await);
    let id = receipt.payment.id;
    let first = RecordedEvent { payment: id, ..new.created.clone() };
    assert_eq!(record(store, id).await, std::slice::from_ref(&first));
    assert_follows(std::slice::from_ref(&first), receipt.payment.reference);
    assert_eq!(first.announces.as_deref(), Some("payment.created"));
    assert_eq!(file(store, id).await.head, first.head());

    made(create(store, &new).await);
    create(store, &wish(5, 1, "other")).await;
    create(store, &wish(404, 1, "nothing")).await;
    assert_eq!(count(store, "payment_events").await, 1, "what makes no payment leaves no entry");
    let outbox = "SELECT payment_id, delivered_seq, last_seq, attempts FROM outbox WHERE due_at IS NOT NULL";
    assert_eq!(rows(store, outbox).await, [format!("{id} | 0 | 1 | 0")], "the host is to be told");
    assert_eq!(store.record(PaymentId(404), 0, 9).await, Ok(vec![]));
}

pub async fn a_record_begins_with_each_payment_of_a_batch(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let mut batch = Vec::new();
    for id in 1..=20 {
        consult(store, id, 1).await;
        let mut new = wish(id, 1, &format!("k{id}"));
        if id % 2 == 0 {
            // Nobody waits for it: in the record, and not in the outbox.
            new.created.announces = None;
        }
        batch.push(new);
    }
    let outcomes = create_all(store, &batch).await;
    for (new, outcome) in batch.iter().zip(outcomes) {
        let NewPayment { created, reference, .. } = new;
        let receipt = made(outcome);
        assert_eq!(receipt.payment.reference, *reference);
        let expected = RecordedEvent { payment: receipt.payment.id, ..created.clone() };
        assert_eq!(record(store, receipt.payment.id).await, [expected]);
    }
    assert_eq!(count(store, "outbox").await, 10);
}

pub async fn entries_follow_one_another(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let session = intend(store, &receipt).await;
    opened(store, &receipt, session, later(2)).await;
    settle(store, &receipt, &paid(session)).await;
    let two = note(later(70), &[remark(1), remark(2)]);
    decide(store, id, move |_| (two.clone(), ())).await;
    let all = record(store, id).await;
    let kinds: Vec<_> = all.iter().map(|event| event.kind.as_str()).collect();
    let expected = ["created", "checkout_intended", "session_opened", "completed", "duplicate", "duplicate"];
    assert_eq!(kinds, expected);
    assert_follows(&all, receipt.payment.reference);
    assert!(all.iter().all(|event| event.payment == id && event.entry().is_some()));
    let moments: Vec<_> = all.iter().map(|event| event.at).collect();
    assert_eq!(moments, [AT, later(1), later(2), later(60), later(70), later(70)]);
    assert_eq!(file(store, id).await.head, all[5].head());

    assert_eq!(store.record(id, 2, 3).await.unwrap(), all[2..5], "some, after the second");
    assert_eq!(store.record(id, 6, 3).await, Ok(vec![]));
    let kept = "SELECT seq, kind, data FROM payment_events ORDER BY seq";
    let printed: Vec<_> = all.iter().map(|e| format!("{} | {} | {}", e.seq, e.kind, e.data)).collect();
    assert_eq!(rows(store, kept).await, printed, "the text that was hashed is what is kept");
}

pub async fn the_record_is_never_changed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    intend(store, &receipt).await;
    let before = record(store, receipt.payment.id).await;
    for sql in [
        "DELETE FROM payment_events",
        "DELETE FROM payment_events WHERE seq = 2",
        "UPDATE payment_events SET data = '{}'",
        "UPDATE payment_events SET kind = kind",
        "UPDATE payment_events SET announces = NULL WHERE seq = 1",
        "UPDATE payment_events SET seq = seq + 1",
        "UPDATE payment_events SET hash = prev_hash",
    ] {
        refuses(database, sql).await;
    }
    let columns: Vec<_> = ["payment_id", "kind", "data", "announces", "prev_hash", "hash"].into();
    let moment = store.query("SELECT * FROM payment_events").await.unwrap().columns;
    // The exact moment's column is each database's own.
    let moment = if moment.iter().any(|column| column == "at_micros") { "at_micros" } else { "at" };
    let columns = columns.join(", ");
    for seq in [-1, 0, 1, 2] {
        let again = format!(
            "INSERT INTO payment_events (seq, {moment}, {columns}) SELECT {seq}, {moment}, {columns} \
             FROM payment_events WHERE seq = 2"
        );
        refuses(database, &again).await;
    }
    assert_eq!(record(store, receipt.payment.id).await, before);
    super::guards::accepts(
        database,
        &format!(
            "INSERT INTO payment_events (seq, {moment}, {columns}) SELECT 3, {moment}, {columns} \
             FROM payment_events WHERE seq = 2"
        ),
    )
    .await;
    let forged = record(store, receipt.payment.id).await;
    assert!(!forged[2].follows(before[1].head(), receipt.payment.reference), "a forgery does not follow");
}

pub async fn every_record_is_read_page_by_page(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.records((PaymentId(0), 0), 5).await, Ok(vec![]));
    let mut expected = Vec::new();
    for id in 1..=4 {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        if id != 2 {
            intend(store, &receipt).await;
        }
        let record = record(store, receipt.payment.id).await;
        expected.extend(record.into_iter().map(|event| (receipt.payment.reference, event)));
    }
    let mut seen = Vec::new();
    let mut after = (PaymentId(0), 0);
    loop {
        let page = store.records(after, 2).await.expect("records can be read");
        assert!(page.len() <= 2);
        let Some((_, last)) = page.last() else { break };
        after = (last.payment, last.seq);
        seen.extend(page);
    }
    assert_eq!(seen, expected, "by payment and number, nothing twice, nothing left out");
}
