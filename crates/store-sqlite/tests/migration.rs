//! A database of the version before, with everything in it that could stand in one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use sekali_core::decision::{Change, Decision, refund};
use sekali_core::domain::{
    Actor, Entry, Fingerprint, Head, IdempotencyKey, Origin, PaymentFile, PaymentId, RecordedEvent, Status,
    Timestamp, UserId, What,
};
use sekali_core::ports::{
    AuditStore, FileStore, OutboxStore, PaymentStore, ReconcileStore, SchemaState, SchemaStore,
};
use sekali_store_sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;
use support::{Folder, host};
use uuid::Uuid;

const BEFORE: &str = include_str!("../migrations/0001_initial.sql");
/// One pending, one completed by a capture, one expired with money that came too late.
const ROWS: &str = "
    INSERT INTO sekali_migrations (version, name) VALUES (1, 'initial');
    INSERT INTO konsultasis (id, patient_id, fee) VALUES (1, 1, '5000.00'), (2, 1, '5000.00'), (3, 1, '5000.00');
    INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, currency_decimals,
                          payment_method, status, created_at, updated_at) VALUES
        (7, '6b2b1a58-7c0e-4d0b-9d3f-000000000007', 1, 1, 500000, 'PHP', 2, 'stripe', 'pending',
         '2024-01-15 10:30:00', '2024-01-15 10:30:00'),
        (8, '6b2b1a58-7c0e-4d0b-9d3f-000000000008', 1, 2, 500000, 'PHP', 2, 'stripe', 'completed',
         '2024-01-15 10:30:00', '2024-01-15 10:31:07'),
        (9, '6b2b1a58-7c0e-4d0b-9d3f-000000000009', 1, 3, 500000, 'PHP', 2, 'stripe', 'expired',
         '2024-01-15 10:30:00', '2024-01-16 00:00:00');
    INSERT INTO tax_records (payment_id, tax_type, tax_rate_ppm, tax_amount_minor, currency_decimals)
        SELECT id, 'VAT', 120000, 60000, 2 FROM payments;
    INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status,
                          issued_at, updated_at)
        SELECT id, 'INV-' || id, amount_minor, currency, currency_decimals,
               CASE status WHEN 'pending' THEN 'pending' WHEN 'completed' THEN 'paid' ELSE 'void' END,
               created_at, updated_at FROM payments;
    INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at)
        SELECT user_id, 'k' || id, printf('%064d', id), id, created_at FROM payments;
    INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, created_at,
                                   updated_at)
        SELECT '6b2b1a58-7c0e-4d0b-9d3f-10000000000' || id, id, consultation_id, 'complete', 'mode=payment',
               'cs_' || id, created_at, updated_at FROM payments WHERE id > 7;
    INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, disposition,
                          created_at)
        SELECT 'pi_' || payment_id, payment_id, id, 500000, 'PHP',
               iif(payment_id = 8, 'settled', 'surplus'), updated_at FROM checkout_sessions;
    INSERT INTO gateway_events (id, kind, payload, received_at) VALUES ('evt_1', 'ping', '{}', '2024-01-15 10:30:00');
";

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn origin() -> Origin {
    Origin::of(Actor::Sekali)
}

async fn migrated(folder: &Folder) -> SqliteStore {
    let old = host(&folder.database());
    old.execute_batch(BEFORE).unwrap();
    old.execute_batch(ROWS).unwrap();
    drop(old);
    let store = SqliteStore::open(&folder.database()).unwrap();
    assert_eq!(store.schema().await, Ok(SchemaState::Old { version: 1 }));
    assert_eq!(store.migrate().await, Ok(vec!["0002_life".to_owned(), "0003_console".to_owned()]));
    store
}

async fn file(store: &SqliteStore, id: i64) -> PaymentFile {
    store.file(PaymentId(id)).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_payment_gets_the_first_entry_of_its_record() {
    let folder = Folder::create();
    let store = migrated(&folder).await;
    let records = store.records((PaymentId(0), 0), 100).await.unwrap();
    assert_eq!(records.len(), 3);
    for ((reference, event), (id, at)) in
        records.iter().zip([(7, 1_705_314_600), (8, 1_705_314_667), (9, 1_705_363_200)])
    {
        let entry = Entry { what: What::Imported {}, origin: origin() };
        let at = Timestamp::from_seconds(at);
        let expected = RecordedEvent::after(Head::default(), PaymentId(id), *reference, at, &entry);
        assert_eq!(*event, expected, "as if the program had written it");
        assert!(event.follows(Head::default(), *reference));
        assert_eq!(event.data, r#"{"kind":"imported","origin":{"by":"sekali"}}"#);
        assert_eq!(file(&store, id).await.head, event.head());
    }
    let outbox = store.query("SELECT payment_id FROM outbox").await.unwrap();
    assert_eq!(outbox.rows, Vec::<Vec<String>>::new(), "the host knows them already");
}

#[tokio::test]
async fn what_was_there_is_as_it_was() {
    let folder = Folder::create();
    let store = migrated(&folder).await;
    for (id, status, captures) in
        [(7, Status::Pending, 0), (8, Status::Completed, 1), (9, Status::Expired, 1)]
    {
        let file = file(&store, id).await;
        assert_eq!((file.payment.status, file.captures.len()), (status, captures));
        assert_eq!((file.payment.refunded.minor, file.payment.dispute), (0, None));
        assert!(!file.payment.cancel_requested && file.taxes[0].refunded_minor == 0);
        let key = IdempotencyKey::new(format!("k{id}")).unwrap();
        assert_eq!(store.key(UserId(1), &key).await.unwrap().unwrap().1, file.receipt());
    }
    let check = store.query("PRAGMA integrity_check").await.unwrap();
    assert_eq!(check.rows, [["ok"]]);
    let dangling = store.query("SELECT * FROM pragma_foreign_key_check").await.unwrap();
    assert_eq!(dangling.rows, Vec::<Vec<String>>::new());
    let stray = store.stray_captures("", 9).await.unwrap();
    assert_eq!(stray[0].capture.payment_intent, "pi_9");
    assert_eq!(stray.len(), 1);
}

#[tokio::test]
async fn life_goes_on() {
    let folder = Folder::create();
    let store = migrated(&folder).await;
    let wish = refund::Wish {
        id: Uuid::from_u128(1),
        by: UserId(9),
        key: IdempotencyKey::new("r").unwrap(),
        fingerprint: Fingerprint([1; 32]),
        amount: None,
        reason: None,
        seen: None,
        at: NOW,
    };
    let encode = |_: Uuid, _: &str, _| "bytes".to_owned();
    let decided = store
        .decide(PaymentId(8), Arc::new(move |file| refund::wish(file, &wish, &origin(), encode).0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(decided.file.refunds[0].amount.minor, 500_000, "an old capture can be given back");

    let end = What::Ended {
        to: "expired".into(),
        reason: sekali_core::domain::record::EndReason::NeverStarted,
        session: None,
        gateway_id: None,
    };
    let decision = Decision {
        at: NOW,
        changes: vec![Change::Status { from: Status::Pending, to: Status::Expired }],
        entries: vec![Entry { what: end, origin: origin() }],
    };
    let decided = store.decide(PaymentId(7), Arc::new(move |_| decision.clone())).await.unwrap().unwrap();
    let record = store.record(PaymentId(7), 0, 9).await.unwrap();
    assert!(record[1].follows(record[0].head(), decided.file.payment.reference), "the chain goes on");
    let told = store.claim_deliveries(NOW, Duration::from_secs(30), 9).await.unwrap();
    assert_eq!(told.iter().map(|delivery| delivery.event.seq).collect::<Vec<_>>(), [2]);
}
