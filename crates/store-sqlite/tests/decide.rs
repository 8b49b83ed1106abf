//! Deciding, where SQLite has ways of its own: the judge runs on the writing thread, and a row can be
//! replaced without being deleted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use sekali_core::decision::{Change, Decision, note};
use sekali_core::domain::{Actor, Entry, Origin, PaymentId, Timestamp, What};
use sekali_core::ports::{FileStore, Judge, SchemaStore, StoreError};
use sekali_store_sqlite::SqliteStore;
use std::sync::Arc;
use support::{Folder, host};

const AT: Timestamp = Timestamp::from_seconds(1_705_314_600);
const ID: PaymentId = PaymentId(1);

/// A store with one payment that has no record yet, as the version before makes them.
async fn with_payment(folder: &Folder) -> SqliteStore {
    let store = SqliteStore::open(&folder.database()).unwrap();
    store.migrate().await.unwrap();
    let rows = "
        INSERT INTO konsultasis (id, patient_id, fee) VALUES (5, 1, '5000.00');
        INSERT INTO payments (reference, user_id, consultation_id, amount_minor, currency, currency_decimals,
                              payment_method, status, created_at, updated_at)
            VALUES ('6b2b1a58-7c0e-4d0b-9d3f-000000000001', 1, 5, 500000, 'PHP', 2, 'stripe', 'pending',
                    '2024-01-15 10:30:00', '2024-01-15 10:30:00');
        INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status,
                              issued_at, updated_at)
            VALUES (1, 'INV-1', 500000, 'PHP', 2, 'pending', '2024-01-15 10:30:00', '2024-01-15 10:30:00');
    ";
    host(&folder.database()).execute_batch(rows).unwrap();
    store
}

/// Writes one remark.
fn remarking() -> Judge {
    let what = What::Duplicate { times: 1, caught: "cache".into(), key_hash: "k".into() };
    let entry = Entry { what, origin: Origin::of(Actor::Sekali) };
    Arc::new(move |_| note(AT, std::slice::from_ref(&entry)))
}

#[tokio::test]
async fn a_judge_that_panics_harms_nobody_else() {
    let folder = Folder::create();
    let store = with_payment(&folder).await;
    let panicking: Judge = Arc::new(|_| panic!("on purpose"));
    // At once, so that they may share a transaction.
    let (panicked, decided) = tokio::join!(store.decide(ID, panicking), store.decide(ID, remarking()));
    assert!(matches!(panicked, Err(StoreError::Broken(_))), "{panicked:?}");
    assert!(decided.unwrap().unwrap().changed);
    assert!(store.decide(ID, remarking()).await.unwrap().unwrap().changed, "the writer goes on");
    assert_eq!(store.file(ID).await.unwrap().unwrap().head.seq, 2);
}

#[tokio::test]
async fn an_entry_is_not_replaced() {
    let folder = Folder::create();
    let store = with_payment(&folder).await;
    for _ in 0..2 {
        store.decide(ID, remarking()).await.unwrap();
    }
    let before = store.record(ID, 0, 9).await.unwrap();
    let host = host(&folder.database());
    let columns = "payment_id, at_micros, kind, announces, prev_hash, hash";
    for (id, seq) in [("NULL", 2), ("NULL", 1), ("1", 3), ("NULL", 4)] {
        let replace = format!(
            "INSERT OR REPLACE INTO payment_events (id, seq, data, {columns}) \
             SELECT {id}, {seq}, '{{}}', {columns} FROM payment_events WHERE seq = 2"
        );
        let refused = host.execute_batch(&replace).unwrap_err().to_string();
        assert!(refused.contains("the record is append-only"), "{refused}");
    }
    let update = "UPDATE OR REPLACE payment_events SET seq = 1 WHERE seq = 2";
    assert!(host.execute_batch(update).is_err());
    assert_eq!(store.record(ID, 0, 9).await.unwrap(), before);
}

#[tokio::test]
async fn a_moment_is_readable() {
    let folder = Folder::create();
    let store = with_payment(&folder).await;
    let Entry { what, origin } = Entry { what: What::Imported {}, origin: Origin::of(Actor::Sekali) };
    let at = Timestamp::from_micros(AT.as_micros() + 1_234);
    let judge: Judge = Arc::new(move |_| note(at, &[Entry { what: what.clone(), origin: origin.clone() }]));
    store.decide(ID, judge).await.unwrap();
    let printed: String =
        host(&folder.database()).query_row("SELECT at FROM payment_events", (), |row| row.get(0)).unwrap();
    assert_eq!(printed, "2024-01-15 10:30:00.001234");
}

#[tokio::test]
async fn a_cancellation_is_asked_for_once() {
    let folder = Folder::create();
    let store = with_payment(&folder).await;
    let ask: Judge =
        Arc::new(|_| Decision { at: AT, changes: vec![Change::CancelRequested], entries: Vec::new() });
    let asked = store.decide(ID, Arc::clone(&ask)).await.unwrap().unwrap();
    assert!(asked.file.payment.cancel_requested);
    let again = store.decide(ID, ask).await;
    assert!(matches!(again, Err(StoreError::Broken(_))), "{again:?}");
    assert_eq!(store.file(ID).await, Ok(Some(asked.file)));
}
