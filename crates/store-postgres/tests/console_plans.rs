//! What an operator asks is answered from indexes, however many payments there are.
//!
//! The usual run fills the tables with fewer rows than the requirement's million; `SEKALI_ROWS=1000000` plays it whole,
//! and then holds each answer to 50 ms as well. How many rows are looked at does not depend on it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{NOW, text, uuid};
use sekali_core::domain::{Currency, IdempotencyKey, PaymentId, Status};
use sekali_core::ports::console::{ConsoleStore, Filter, Needle, Note, Place};
use sekali_core::ports::{AuditStore, FileStore, SchemaStore, StoreError};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{Server, TestDatabase};
use std::time::Duration;
use tokio::time::Instant;

/// Payments, unless `SEKALI_ROWS` says how many.
const ROWS: i64 = 20_000;
/// Index entries and rows that one answer may look at: a page of 25 with all that a row shows.
const LOOKED_AT: i64 = 400;
/// On an idle machine (issue 7), for the whole of it.
const WITHIN: Duration = Duration::from_millis(50);

/// One payment a minute up to now, all but the newest hundred ended long ago in one way or another, ten for a patient.
fn fill(database: &TestDatabase, rows: i64) {
    let newest = NOW.sql();
    let at = format!("timestamptz '{newest}Z' - ({rows} - id) * interval '1 minute'");
    let statements = [
        "SET synchronous_commit = off; SET maintenance_work_mem = '256MB'".to_owned(),
        format!(
            "INSERT INTO konsultasis (id, patient_id, fee) SELECT id, 5000000 + id / 10, '5000.00' \
             FROM generate_series(1, {rows}) AS id"
        ),
        format!(
            "INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, \
             currency_decimals, payment_method, status, created_at, updated_at) \
             SELECT id, gen_random_uuid(), 5000000 + id / 10, id, 500000 + id % 1000, 'PHP', 2, 'stripe', \
             CASE WHEN id > {rows} - 100 THEN 'pending' WHEN id % 1000 = 0 THEN 'failed' \
             WHEN id % 10 < 2 THEN 'expired' ELSE 'completed' END, {at}, {at} \
             FROM generate_series(1, {rows}) AS id"
        ),
        "INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status, \
         issued_at, updated_at) \
         SELECT id, 'INV-' || to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS') || '-' || \
         lpad(id::text, greatest(6, length(id::text)), '0'), amount_minor, currency, 2, 'paid', created_at, \
         created_at FROM payments"
            .to_owned(),
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at) \
         SELECT user_id, 'payment-' || (extract(epoch FROM created_at) * 1000)::bigint || '-' || reference, \
         sha256(''), id, created_at FROM payments"
            .to_owned(),
        "INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, created_at, \
         updated_at) SELECT gen_random_uuid(), id, id, 'complete', 'r', 'cs_' || id, created_at, created_at \
         FROM payments WHERE status <> 'pending'"
            .to_owned(),
        "INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, disposition, \
         created_at) SELECT 'pi_' || payment_id, payment_id, id, 500000, 'PHP', 'settled', created_at \
         FROM checkout_sessions"
            .to_owned(),
        "INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, currency_decimals, state, \
         origin, request, gateway_id, created_at, updated_at) \
         SELECT gen_random_uuid(), payment_id, payment_intent, 1, 'PHP', 2, 'succeeded', 'automatic', 'r', \
         're_' || payment_id, created_at, created_at FROM captures WHERE payment_id % 20 = 0"
            .to_owned(),
        "INSERT INTO payment_events (payment_id, seq, at, kind, data, announces, prev_hash, hash) \
         SELECT id, seq, created_at, CASE seq WHEN 2 THEN 'duplicate' ELSE 'created' END, '{}', NULL, sha256(''), \
         sha256('') FROM payments, generate_series(1, 2) AS seq WHERE seq = 1 OR id % 10 = 0"
            .to_owned(),
        "INSERT INTO gateway_events (id, kind, object, payload, received_at, finished_at) \
         SELECT 'evt_' || payment_id, 'k', gateway_id, '', created_at, created_at FROM checkout_sessions"
            .to_owned(),
        "INSERT INTO cases (kind, object, payment_id, detail, opened_at, closed_at) \
         SELECT 'surplus', id::text, id, '', created_at, created_at FROM payments WHERE id % 100 = 0"
            .to_owned(),
    ];
    for statement in statements {
        database.execute(&statement).unwrap();
    }
}

/// How many entries of indexes, and rows of tables read from end to end, this store has looked at. It has one
/// connection, whose statistics are what counts.
async fn rows_looked_at(store: &PostgresStore) -> i64 {
    store.query("SELECT pg_stat_force_next_flush()").await.unwrap();
    let indexes = text(store, "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes").await;
    let tables = text(store, "SELECT sum(seq_tup_read) FROM pg_stat_user_tables").await;
    indexes.parse::<i64>().unwrap() + tables.parse::<i64>().unwrap()
}

/// Runs each question; its name, how many rows it looked at, and how long it took.
macro_rules! asked {
    ($store:ident; $($name:literal => $work:expr,)+) => {{
        let mut asked = Vec::new();
        $(
            let before = rows_looked_at($store).await;
            let begun = Instant::now();
            let answer: Result<_, StoreError> = $work.await;
            let took = begun.elapsed();
            answer.unwrap();
            asked.push(($name, rows_looked_at($store).await - before, took));
        )+
        asked
    }};
}

async fn ask_all(store: &PostgresStore, rows: i64) -> Vec<(&'static str, i64, Duration)> {
    let middle = PaymentId(rows / 2);
    let place = Place { at: NOW.minus(Duration::from_secs(60 * (rows / 2).unsigned_abs())), payment: middle };
    let any = Filter::default;
    let of = |statuses: &[Status]| Filter { statuses: statuses.to_vec(), ..any() };
    let within = |filter: Filter| Filter {
        from: Some(place.at.minus(Duration::from_secs(3600 * 10))),
        to: Some(place.at),
        ..filter
    };
    let day = NOW.minus(Duration::from_secs(3600));
    let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let key = "payment-1705314600000-nobodys";
    let known = text(store, "SELECT key FROM idempotency_keys WHERE payment_id = 77").await;
    let invoice = text(store, "SELECT invoice_number FROM invoices WHERE payment_id = 77").await;
    let [key, known] = [key, &known].map(|key| Needle::Key(IdempotencyKey::new(key).unwrap()));
    let note = Note { at: NOW, text: "{}".to_owned() };
    let dear = Filter { least: Some(51_000_000), ..any() };
    asked! { store;
        "the list" => store.search(&any(), None, 25),
        "the list from the middle" => store.search(&any(), Some(place), 25),
        "the list of a time" => store.search(&within(any()), None, 25),
        "completed" => store.search(&of(&[Status::Completed]), None, 25),
        "completed from the middle" => store.search(&of(&[Status::Completed]), Some(place), 25),
        "completed of a time" => store.search(&within(of(&[Status::Completed])), None, 25),
        "pending" => store.search(&of(&[Status::Pending]), None, 25),
        "rare ones" => store.search(&of(&[Status::Failed, Status::Refunded]), None, 25),
        "rare ones of a time" => store.search(&within(of(&[Status::Failed])), None, 25),
        "none at all" => store.search(&of(&[Status::Cancelled]), None, 25),
        "two states" => store.search(&of(&[Status::Completed, Status::Expired]), None, 25),
        "a number" => store.find(&Needle::Number(77), 25),
        "a patient" => store.find(&Needle::Number(5_000_007), 25),
        "no number" => store.find(&Needle::Number(9_000_000_000), 25),
        "an invoice" => store.find(&Needle::Invoice(invoice), 25),
        "a name" => store.find(&Needle::Name(uuid()), 25),
        "a session" => store.find(&Needle::Session("cs_77".into()), 25),
        "an intent" => store.find(&Needle::Intent("pi_77".into()), 25),
        "a refund" => store.find(&Needle::Refund("re_80".into()), 25),
        "a dispute" => store.find(&Needle::Dispute("dp_none".into()), 25),
        "a key" => store.find(&known, 25),
        "no key" => store.find(&key, 25),
        "receipts" => store.receipts(&[PaymentId(77), middle]),
        "a payment's file" => store.file(PaymentId(80)),
        "a payment's record" => store.record(PaymentId(80), 0, 500),
        "a payment's keys" => store.keys_of(PaymentId(80)),
        "a payment's events" => store.kept_events(&texts(&["evt_80"]), &texts(&["cs_80", "pi_80"]), 25),
        "a payment's cases" => store.cases_of(PaymentId(100)),
        "an hour" => store.made_since(day, 100, 20),
        "its duplicates" => store.duplicates_since(day, 100),
        "the inbox" => store.inbox_depth(20),
        "the newest entry" => store.newest_entry(),
        "what is new" => store.entries_after(rows, 25),
        "a note" => store.leave_note("verify", &note),
        "the note" => store.note("verify"),
        "an amount, so far" => store.search(&Filter { currency: Some(Currency::PHP), ..dear }, None, 25),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_questions_are_answered_from_indexes() {
    let rows = std::env::var("SEKALI_ROWS").map_or(ROWS, |text| text.parse().unwrap());
    let server = Server::start();
    let database = server.database();
    let options = Options { connections: 1, ..Options::default() };
    let store = &PostgresStore::connect(&database.url, &options).unwrap();
    store.migrate().await.unwrap();
    fill(&database, rows);
    for analyzed in [false, true] {
        if analyzed {
            database.execute("VACUUM ANALYZE").unwrap();
        }
        // Once to make the plans and warm the pages, once to be counted.
        ask_all(store, rows).await;
        let asked = ask_all(store, rows).await;
        println!("{rows} payments, analyzed: {analyzed}");
        for (name, looked, took) in &asked {
            println!("{name:<28} {looked:>7} looked at  {:>8.2} ms", took.as_secs_f64() * 1000.0);
        }
        let mut many = asked.clone();
        // An amount stands in no index: so many rows are looked at, and no more.
        many.retain(|(name, looked, _)| {
            *looked > if name.starts_with("an amount") { 5_400 } else { LOOKED_AT }
        });
        assert!(many.is_empty(), "too many rows are looked at (analyzed: {analyzed}): {many:?}");
        if rows >= 1_000_000 {
            let slow: Vec<_> = asked.iter().filter(|(_, _, took)| *took > WITHIN).collect();
            assert!(slow.is_empty(), "not within {WITHIN:?}: {slow:?}");
        }
    }
}
