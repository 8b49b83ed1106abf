//! What only the schema can hold to, and how a database of the version before gets there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{insert_consultations, intends, migrated, paid, pay, text, uuid};
use sekali_core::domain::{Head, PaymentId, Status, Timestamp};
use sekali_core::ports::{AuditStore, FileStore, OutboxQuery, OutboxStore, SchemaStore};
use sekali_store_postgres::{MIGRATIONS, Options, PostgresStore};
use sekali_test_support::postgres::{self, TestDatabase};

/// A database as the version before left it: a payment that waits, one that is paid, and money that
/// came too late for a third.
fn of_the_version_before() -> TestDatabase {
    let database = postgres::database();
    let notes = "CREATE TABLE sekali_migrations (version bigint PRIMARY KEY, name text NOT NULL, \
                 applied_at timestamptz NOT NULL DEFAULT now())";
    database.execute(notes).unwrap();
    for migration in &MIGRATIONS[..2] {
        database.execute(migration.sql).unwrap();
        let (version, name) = (migration.version, migration.name);
        let note = format!("INSERT INTO sekali_migrations (version, name) VALUES ({version}, '{name}')");
        database.execute(&note).unwrap();
    }
    insert_consultations(&database, 1, 3);
    database
        .execute(
            "INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, \
             currency_decimals, payment_method, status, created_at, updated_at) \
             SELECT id, gen_random_uuid(), 1, id, 500000, 'PHP', 2, 'stripe', \
                    (ARRAY['pending', 'completed', 'expired'])[id], '2024-01-15 10:30:00Z', \
                    '2024-01-15 10:30:59.999999Z' FROM generate_series(1, 3) AS id; \
             SELECT setval('payments_id_seq', 3); \
             INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, \
             currency_decimals, status, issued_at, updated_at) \
             SELECT id, 'INV-' || id, 500000, 'PHP', 2, (ARRAY['pending', 'paid', 'void'])[id], \
                    created_at, updated_at FROM payments; \
             INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, \
             created_at, updated_at) \
             SELECT gen_random_uuid(), id, id, 'complete', 'r', 'cs_' || id, created_at, updated_at \
             FROM payments WHERE id > 1; \
             INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, \
             disposition, created_at) \
             SELECT 'pi_' || payment_id, payment_id, id, 500000, 'PHP', \
                    CASE payment_id WHEN 2 THEN 'settled' ELSE 'surplus' END, created_at \
             FROM checkout_sessions",
        )
        .unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_of_the_version_before_get_a_record_that_can_be_checked_and_goes_on() {
    let database = of_the_version_before();
    let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
    let ran = store.migrate().await.unwrap();
    assert_eq!(ran, ["life", "create_payments_with_record", "console"]);
    let records = store.records((PaymentId(0), 0), 10).await.unwrap();
    assert_eq!(records.len(), 3);
    for (reference, event) in records {
        assert!(event.follows(Head::default(), reference), "{event:?}");
        assert_eq!((event.kind.as_str(), event.announces), ("imported", None));
        assert_eq!(event.data, r#"{"kind":"imported","origin":{"by":"sekali"}}"#);
        assert_eq!(event.at, Timestamp::from_seconds(1_705_314_659), "in whole seconds");
    }
    assert!(store.outbox(OutboxQuery::All, PaymentId(0), 10).await.unwrap().is_empty());
    let file = store.file(PaymentId(2)).await.unwrap().unwrap();
    assert_eq!((file.payment.refunded.minor, file.payment.dispute), (0, None));
    assert_eq!((file.captures.len(), file.remaining(file.settled().unwrap()).minor), (1, 500_000));

    let decided = store.decide(PaymentId(1), intends(uuid())).await.unwrap().unwrap();
    assert_eq!((decided.file.payment.status, decided.file.head.seq), (Status::Processing, 2));
    let outbox = store.outbox(OutboxQuery::All, PaymentId(0), 10).await.unwrap();
    assert_eq!(outbox.iter().map(|entry| (entry.payment.0, entry.last_seq)).collect::<Vec<_>>(), [(1, 2)]);
    let new = pay(&store, 3).await;
    assert_eq!(store.file(new).await.unwrap().unwrap().head.seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_cannot_be_rewritten() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let payment = pay(&store, 1).await;
    for rewriting in [
        "UPDATE payment_events SET data = '{}'",
        "DELETE FROM payment_events",
        "TRUNCATE payment_events CASCADE",
        "INSERT INTO payment_events (payment_id, seq, at, kind, data, prev_hash, hash) \
         SELECT payment_id, seq, at, kind, data, prev_hash, hash FROM payment_events \
         ON CONFLICT (payment_id, seq) DO UPDATE SET data = '{}'",
    ] {
        let refused = database.execute(rewriting).unwrap_err();
        assert!(refused.contains("append-only"), "{rewriting}: {refused}");
    }
    let numbered_from_nought = "INSERT INTO payment_events (payment_id, seq, at, kind, data, prev_hash, hash) \
                                SELECT payment_id, 0, at, kind, data, prev_hash, hash FROM payment_events";
    assert!(database.execute(numbered_from_nought).unwrap_err().contains("seq_check"));
    assert_eq!(store.record(payment, 0, 10).await.unwrap().len(), 1);
}

/// A refund's row; the rest of it is as it has to be.
fn insert_refund(id: u128, minor: i64, state: &str, currency: &str) -> String {
    format!(
        "INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, currency_decimals, \
         state, origin, request, created_at, updated_at) \
         SELECT '{}', payment_id, payment_intent, {minor}, '{currency}', 2, '{state}', 'automatic', 'r', \
         now(), now() FROM captures",
        uuid::Uuid::from_u128(id)
    )
}

/// Whoever writes them, and in whatever order the states change.
#[tokio::test(flavor = "multi_thread")]
async fn refunds_never_exceed_their_capture() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let (payment, session) = (pay(&store, 1).await, uuid());
    store.decide(payment, intends(session)).await.unwrap();
    store.decide(payment, paid(session)).await.unwrap();
    let refused = |sql: &str, by: &str| {
        let error = database.execute(sql).expect_err(sql);
        assert!(error.contains(by), "{sql}: {error}");
    };
    refused(&insert_refund(1, 500_001, "requested", "PHP"), "captures_refunding_check");
    refused(&insert_refund(1, 1, "requested", "USD"), "refunds_of_their_capture");
    database.execute(&insert_refund(1, 300_000, "requested", "PHP")).unwrap();
    refused(&insert_refund(2, 200_001, "succeeded", "PHP"), "captures_refunding_check");
    database.execute(&insert_refund(2, 200_001, "failed", "PHP")).unwrap();
    refused("UPDATE refunds SET state = 'pending' WHERE state = 'failed'", "captures_refunding_check");
    refused("UPDATE refunds SET amount_minor = 500001 WHERE state = 'requested'", "captures_refunding_check");
    let taken = "SELECT refunding_minor FROM captures";
    database.execute("UPDATE refunds SET state = 'succeeded' WHERE state = 'requested'").unwrap();
    assert_eq!(text(&store, taken).await, "300000", "it moves on, and takes up what it did");
    database.execute("UPDATE refunds SET state = 'failed'").unwrap();
    assert_eq!(text(&store, taken).await, "0", "it bounced");
    database.execute("UPDATE refunds SET state = 'pending' WHERE amount_minor = 200001").unwrap();
    database.execute("DELETE FROM refunds").unwrap();
    assert_eq!(text(&store, taken).await, "0");
    let keyless = insert_refund(3, 1, "requested", "PHP").replace("'automatic'", "'operator'");
    refused(&keyless, "refunds_key_check");
}
