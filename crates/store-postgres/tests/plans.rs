//! Every statement finds its rows by an index, also with plans that were made while the tables were empty.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{NOW, insert_consultations, intends, migrated_with, paid, pay, text, uuid};
use sekali_core::domain::{IdempotencyKey, PaymentId, UserId};
use sekali_core::ports::{
    AuditStore, CaseStore, FileStore, InboxStore, OutboxQuery, OutboxStore, ReconcileStore, SchemaStore,
    StoreError,
};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{Server, TestDatabase};
use std::time::Duration;
use uuid::Uuid;

/// What has come to its end long ago, in every table.
const OLD: i64 = 3_000;
const LONG_AGO: &str = "'2020-01-01 00:00:00Z'";

fn insert_old_rows(database: &TestDatabase) {
    insert_consultations(database, 1_000, 1_000 + OLD);
    let rows = format!(
        "INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, \
         currency_decimals, payment_method, status, created_at, updated_at) \
         SELECT id, gen_random_uuid(), 1, id, 500000, 'PHP', 2, 'stripe', 'refunded', at, at \
           FROM generate_series(1000, 1000 + {OLD}) AS id, (VALUES (timestamptz {LONG_AGO})) AS t (at); \
         INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, \
         status, issued_at, updated_at) \
         SELECT id, 'INV-' || id, 500000, 'PHP', 2, 'refunded', created_at, updated_at \
           FROM payments WHERE id >= 1000; \
         INSERT INTO tax_records (payment_id, tax_type, tax_rate_ppm, tax_amount_minor, currency_decimals) \
         SELECT id, 'VAT', 120000, 60000, 2 FROM payments WHERE id >= 1000; \
         INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, \
         created_at, updated_at) \
         SELECT gen_random_uuid(), id, id, 'complete', 'r', 'cs_old_' || id, created_at, updated_at \
           FROM payments WHERE id >= 1000; \
         INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, \
         disposition, created_at, refunding_minor) \
         SELECT 'pi_' || payment_id || kind, payment_id, id, 500000, 'PHP', kind, created_at, 500000 \
           FROM checkout_sessions, unnest('{{settled,surplus}}'::text[]) AS kind WHERE payment_id >= 1000; \
         ALTER TABLE refunds DISABLE TRIGGER USER; \
         INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, currency_decimals, \
         state, origin, request, created_at, updated_at) \
         SELECT gen_random_uuid(), payment_id, payment_intent, amount_minor, 'PHP', 2, 'succeeded', \
                'automatic', 'r', created_at, created_at FROM captures WHERE payment_id >= 1000; \
         ALTER TABLE refunds ENABLE TRIGGER USER; \
         INSERT INTO payment_events (payment_id, seq, at, kind, data, announces, prev_hash, hash) \
         SELECT id, seq, created_at, 'created', '{{}}', 'payment.created', sha256(''), sha256('') \
           FROM payments, generate_series(1, 5) AS seq WHERE id >= 1000; \
         INSERT INTO outbox (payment_id, delivered_seq, last_seq) \
         SELECT id, 5, 5 FROM payments WHERE id >= 1000; \
         INSERT INTO cases (kind, object, payment_id, detail, opened_at, closed_at) \
         SELECT 'surplus', id::text, id, '', created_at, created_at FROM payments WHERE id >= 1000; \
         INSERT INTO gateway_events (id, kind, payload, received_at, finished_at) \
         SELECT id::text, 'k', '', created_at, created_at FROM payments WHERE id >= 1000;"
    );
    database.execute(&rows).unwrap();
}

/// How many entries of indexes, and rows of tables read from end to end, this store has looked at. It
/// has one connection, whose statistics are what counts.
async fn rows_looked_at(store: &PostgresStore) -> i64 {
    store.query("SELECT pg_stat_force_next_flush()").await.unwrap();
    let indexes = text(store, "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes").await;
    let tables = text(store, "SELECT sum(seq_tup_read) FROM pg_stat_user_tables").await;
    indexes.parse::<i64>().unwrap() + tables.parse::<i64>().unwrap()
}

/// Runs each piece of work, and tells how many rows it looked at.
macro_rules! looked_at {
    ($store:ident; $($name:literal => $work:expr,)+) => {{
        let mut counts = Vec::new();
        $(
            let before = rows_looked_at($store).await;
            let result: Result<_, StoreError> = $work.await;
            result.unwrap();
            counts.push(($name, rows_looked_at($store).await - before));
        )+
        counts
    }};
}

/// Everything that is asked while the service runs, but payments being made, which has a test of its own.
async fn use_all(store: &PostgresStore, payment: PaymentId) -> Vec<(&'static str, i64)> {
    let (lease, key) = (Duration::from_secs(60), IdempotencyKey::new("none").unwrap());
    let (later, first) = (NOW.plus(lease), PaymentId(0));
    looked_at! { store;
        "decide" => store.decide(payment, intends(uuid())),
        "file" => store.file(payment),
        "session" => store.session(uuid()),
        "session_by_gateway_id" => store.session_by_gateway_id("cs_none"),
        "latest_session" => store.latest_session(payment),
        "payment_of_intent" => store.payment_of_intent("pi_none"),
        "refund" => store.refund(uuid()),
        "refund_by_key" => store.refund_by_key(UserId(1), &key),
        "record" => store.record(payment, 1, 10),
        "records" => store.records((payment, 1), 10),
        "claim_deliveries" => store.claim_deliveries(later, lease, 10),
        "not_delivered" => store.not_delivered(payment, 1, "e", NOW, None),
        "outbox parked" => store.outbox(OutboxQuery::Parked, first, 10),
        "outbox unfinished" => store.outbox(OutboxQuery::Unfinished, first, 10),
        "outbox all" => store.outbox(OutboxQuery::All, first, 10),
        "outbox_depth" => store.outbox_depth(),
        "replay" => store.replay(payment, None, NOW),
        "delivered" => store.delivered(payment, 1, NOW),
        "overdue_payments" => store.overdue_payments(later, first, 10),
        "awaited_sessions" => store.awaited_sessions(0, 10),
        "awaited_refunds" => store.awaited_refunds(Uuid::nil(), 10),
        "stray_captures" => store.stray_captures("", 10),
        "bring_forward" => store.bring_forward(NOW),
        "automatic_refunds_since" => store.automatic_refunds_since(NOW),
        "sessions_since" => store.sessions_since(NOW, 0, 10),
        "captures_since" => store.captures_since(NOW, "", 10),
        "refunds_since" => store.refunds_since(NOW, Uuid::nil(), 10),
        "cases" => store.cases(false, 10),
        "open cases" => store.cases(true, 10),
        "claim_events" => store.claim_events(NOW, lease, 10),
        "receive_event" => store.receive_event("evt_1", "k", None, "", NOW),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_made_on_empty_tables_stay_good_when_they_have_grown() {
    // Of its own: as long as another test's transaction might still see them, entries of rows that are gone would stay
    // in the indexes, and be counted.
    let server = Server::start();
    let database = server.database();
    let options = Options { connections: 1, ..Options::default() };
    let store = PostgresStore::connect(&database.url, &options).unwrap();
    store.migrate().await.unwrap();
    // Only so do the plans stay those of the empty tables.
    let tables = store.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await.unwrap();
    for table in tables.rows.concat() {
        database.execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).unwrap();
    }
    insert_consultations(&database, 1, 20);
    for _ in 0..2 {
        use_all(&store, PaymentId(1)).await;
    }
    insert_old_rows(&database);
    for grown in [false, true] {
        if grown {
            // And the plans that are made once the tables are known to be large.
            database.execute("ANALYZE").unwrap();
        }
        let first = if grown { 11 } else { 1 };
        let payment = pay(&store, first).await;
        for consultation in first + 1..first + 5 {
            let (other, session) = (pay(&store, consultation).await, uuid());
            store.decide(other, intends(session)).await.unwrap();
            store.decide(other, paid(session)).await.unwrap();
        }
        let mut counts = use_all(&store, payment).await;
        println!("analyzed: {grown}: {counts:?}");
        counts.retain(|(_, rows)| *rows > 60);
        assert_eq!(counts, [], "too many rows are looked at (analyzed: {grown})");
    }
}

/// As behind a pooler that hands each transaction to another connection.
#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_sent_through_a_pooler() {
    let (database, store) = migrated_with(&Options { pooled: true, ..Options::default() }).await;
    insert_consultations(&database, 1, 1);
    let payment = pay(&store, 1).await;
    use_all(&store, payment).await;
    let file = store.file(payment).await.unwrap().unwrap();
    assert_eq!((file.sessions.len(), file.head.seq), (1, 2));
}
