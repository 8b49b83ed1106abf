//! The function in the database that makes payments, in each of its branches: its body is checked
//! by nothing but its execution.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{NOW, insert_consultations, migrated, migrated_with, new_payment, terms, text};
use sekali_core::domain::{
    Currency, IdempotencyKey, Money, PaymentId, Receipt, Status, Timestamp, UserId, invoice_number,
};
use sekali_core::ports::{AuditStore, CreateOutcome, NewPayment, PaymentStore, StoreError};
use sekali_store_postgres::{Options, PostgresStore};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::NoTls;

/// What each outcome is called, for comparing.
fn name(outcome: &CreateOutcome) -> &'static str {
    match outcome {
        CreateOutcome::KeyUsed { .. } => "key used",
        CreateOutcome::NoConsultation => "no consultation",
        CreateOutcome::NotThePatient => "not the patient",
        CreateOutcome::OtherTerms(_) => "other terms",
        CreateOutcome::Unpriced(_) => "unpriced",
        CreateOutcome::Active(_) => "active",
        CreateOutcome::Created(_) => "created",
    }
}

async fn one(store: &PostgresStore, new: NewPayment) -> CreateOutcome {
    store.create_payments(&[new]).await.unwrap().remove(0)
}

fn created(outcome: CreateOutcome) -> Receipt {
    match outcome {
        CreateOutcome::Created(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

/// Another client, which holds consultation 1 until it is told to let go.
async fn hold(url: &str) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(async move { connection.await.unwrap() });
    client.batch_execute("BEGIN; SELECT FROM konsultasis WHERE id = 1 FOR NO KEY UPDATE").await.unwrap();
    (client, connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_one_statement_and_reads_back_as_answered() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let before = store.statements();
    let receipt = created(one(&store, new_payment(1, "k")).await);
    assert_eq!(store.statements() - before, 1);
    assert_eq!(store.payment(receipt.payment.id).await.unwrap(), Some(receipt));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_branch_alone_and_in_a_batch_with_and_without_a_pooler() {
    for pooled in [false, true] {
        let (database, store) = migrated_with(&Options { pooled, ..Options::default() }).await;
        insert_consultations(&database, 1, 40);
        database
            .execute(
                "UPDATE konsultasis SET fee = 5000.001 WHERE id IN (5, 15); \
                 UPDATE konsultasis SET fee = 6000 WHERE id IN (6, 16); \
                 UPDATE konsultasis SET tax_exempt = true WHERE id IN (7, 17); \
                 UPDATE konsultasis SET fee = 0 WHERE id IN (8, 18); \
                 UPDATE konsultasis SET currency = 'XXX' WHERE id IN (9, 19);",
            )
            .unwrap();
        for offset in [0, 10] {
            let spent = new_payment(21 + offset, &format!("spent{offset}"));
            created(one(&store, spent.clone()).await);
            created(one(&store, new_payment(22 + offset, &format!("other{offset}"))).await);
            let items = branches(offset, &spent);
            let expected: Vec<_> = items.iter().map(|(expected, _)| *expected).collect();
            let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
            let mut outcomes = Vec::new();
            if offset == 0 {
                for item in items {
                    outcomes.push(one(&store, item).await);
                }
            } else {
                outcomes = store.create_payments(&items).await.unwrap();
            }
            assert_eq!(outcomes.iter().map(name).collect::<Vec<_>>(), expected, "offset {offset}");
        }
        // 2 spent, 2 active, 2 new; nothing of those that were refused.
        for (table, rows) in [
            ("payments", "6"),
            ("invoices", "6"),
            ("tax_records", "12"),
            ("idempotency_keys", "6"),
            ("payment_events", "6"),
            ("outbox", "6"),
        ] {
            assert_eq!(text(&store, &format!("SELECT count(*) FROM {table}")).await, rows, "{table}");
        }
    }
}

fn branches(offset: i64, spent: &NewPayment) -> Vec<(&'static str, NewPayment)> {
    let new = |consultation: i64| new_payment(consultation, &format!("key{consultation}"));
    let of_another = NewPayment { user: UserId(2), ..new(2 + offset) };
    let free = Money::new(0, Currency::PHP);
    let for_nothing =
        NewPayment { terms: sekali_core::domain::Terms { fee: free, ..terms() }, ..new(8 + offset) };
    let spent_elsewhere = NewPayment { key: spent.key.clone(), ..new(3 + offset) };
    vec![
        ("created", new(1 + offset)),
        ("not the patient", of_another),
        ("key used", spent_elsewhere),
        ("created", spent.clone()),
        ("no consultation", new(1_000 + offset)),
        ("unpriced", new(5 + offset)),
        ("other terms", new(6 + offset)),
        ("other terms", new(7 + offset)),
        ("unpriced", for_nothing),
        ("unpriced", new(9 + offset)),
        ("active", new(22 + offset)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_consultation_is_waited_for_alone_and_the_rest_of_the_batch_is_committed_before() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 3);
    let (holder, connection) = hold(&database.url).await;
    let batch: Vec<_> = (1..=3).map(|id| new_payment(id, &format!("k{id}"))).collect();
    let writing = tokio::spawn({
        let (store, batch) = (store.clone(), batch.clone());
        async move { store.create_payments(&batch).await }
    });
    let others = "SELECT count(*) FROM payments WHERE consultation_id IN (2, 3)";
    tokio::time::timeout(Duration::from_secs(5), async {
        while text(&store, others).await != "2" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the held consultation stalls its neighbours");
    assert!(!writing.is_finished());
    holder.batch_execute("COMMIT").await.unwrap();
    drop(holder);
    connection.await.unwrap();
    let outcomes = writing.await.unwrap().unwrap();
    assert_eq!(outcomes.iter().map(name).collect::<Vec<_>>(), ["created"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waited_sees_what_the_winner_committed() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let (holder, connection) = hold(&database.url).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.create_payments(&[new_payment(1, "k")]).await }
    });
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    while text(&store, blocked).await == "0" {
        tokio::task::yield_now().await;
    }
    let winner = "INSERT INTO payments (reference, user_id, consultation_id, amount_minor, currency, \
                  currency_decimals, payment_method, status, created_at, updated_at) \
                  VALUES (gen_random_uuid(), 1, 1, 500000, 'PHP', 2, 'stripe', 'pending', now(), now()); \
                  INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, \
                  currency_decimals, status, issued_at, updated_at) \
                  SELECT id, 'INV-1', 500000, 'PHP', 2, 'pending', now(), now() FROM payments; COMMIT";
    holder.batch_execute(winner).await.unwrap();
    drop(holder);
    connection.await.unwrap();
    assert_eq!(name(&waiting.await.unwrap().unwrap()[0]), "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_never_comes_is_an_answer() {
    let options = Options { lock_timeout: Duration::from_millis(50), ..Options::default() };
    let (database, store) = migrated_with(&options).await;
    insert_consultations(&database, 1, 2);
    let (holder, _connection) = hold(&database.url).await;
    let single = store.create_payments(&[new_payment(1, "k")]).await;
    assert!(matches!(single, Err(StoreError::Unavailable(_))), "{single:?}");
    let batch = [new_payment(1, "k1"), new_payment(2, "k2")];
    let part = store.create_payments(&batch).await;
    assert!(matches!(part, Err(StoreError::Unclear(_))), "one of the two was written: {part:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    let again = store.create_payments(&batch).await.unwrap();
    assert_eq!(again.iter().map(name).collect::<Vec<_>>(), ["created"; 2], "the same write again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_prints_invoice_numbers_as_core_does() {
    let (database, store) = migrated().await;
    let rows = [
        (1, 0),
        (99_999, 1_705_314_600),
        (999_999, 951_782_399),
        (1_000_000, 4_102_444_799),
        (12_345_678, 253_370_764_800),
        (9_000_000_000_000_000_000, -1),
    ];
    insert_consultations(&database, 1, 6);
    for (consultation, (id, seconds)) in (1..).zip(rows) {
        store.set_next_ids(id, consultation, 2 * consultation).await.unwrap();
        let at_time = Timestamp::from_seconds(seconds);
        let new = NewPayment { at: at_time, ..new_payment(consultation, &format!("k{id}")) };
        let receipt = created(one(&store, new).await);
        assert_eq!(receipt.payment.id, PaymentId(id));
        let stored = store.payment(PaymentId(id)).await.unwrap().unwrap();
        assert_eq!(stored.invoice.number, invoice_number(at_time, PaymentId(id)));
        assert_eq!(stored, receipt);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_amounts_are_printed_exactly() {
    let (database, store) = migrated().await;
    database
        .execute(
            "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES \
             (1, 1, 92233720368547758.07, 'PHP'), (2, 1, 9223372036854775807, 'JPY'), (3, 1, 0.001, 'KWD')",
        )
        .unwrap();
    for (consultation, minor, code) in [(1, i64::MAX, "PHP"), (2, i64::MAX, "JPY"), (3, 1, "KWD")] {
        let fee = Money::new(minor, Currency::from_code(code).unwrap());
        let terms = sekali_core::domain::Terms { fee, ..terms() };
        created(one(&store, NewPayment { terms, ..new_payment(consultation, code) }).await);
    }
    let printed = store.query("SELECT amount FROM payments ORDER BY id").await.unwrap().rows.concat();
    assert_eq!(printed, ["92233720368547758.07", "9223372036854775807", "0.001"]);
    let rates =
        store.query("SELECT tax_rate FROM tax_records WHERE payment_id = 1 ORDER BY id").await.unwrap();
    assert_eq!(rates.rows.concat(), ["12", "15"]);
}

/// Sixteen writers with batches that overlap in consultations and in keys, each in an order of its own.
#[tokio::test(flavor = "multi_thread")]
async fn overlapping_batches_make_each_payment_once() {
    const WRITERS: usize = 16;
    const CONSULTATIONS: i64 = 2_000;
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, CONSULTATIONS);
    let next = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            // A server for each: a store writes one batch after the other.
            let options = Options { connections: 2, ..Options::default() };
            let store = PostgresStore::connect(&database.url, &options).unwrap();
            let next = next.clone();
            tokio::spawn(async move {
                let (mut outcomes, mut made) = (0_usize, Vec::new());
                while tokio::time::Instant::now() < until {
                    let from = next.fetch_add(3, std::sync::atomic::Ordering::Relaxed) % CONSULTATIONS;
                    let batch = overlapping(writer, from, CONSULTATIONS);
                    let answers = store.create_payments(&batch).await.unwrap();
                    outcomes += answers.len();
                    made.extend(answers.into_iter().filter_map(|answer| match answer {
                        CreateOutcome::Created(receipt) => Some(receipt.payment.id),
                        CreateOutcome::Active(_) | CreateOutcome::KeyUsed { .. } => None,
                        other => panic!("{other:?}"),
                    }));
                }
                (outcomes, made)
            })
        })
        .collect();
    let (mut outcomes, mut made) = (0, Vec::new());
    for writer in writers {
        let (more, ids) = writer.await.unwrap();
        outcomes += more;
        made.extend(ids);
    }
    println!("{outcomes} outcomes, {} payments", made.len());
    check_counts(&store, made).await;
}

/// Ten neighbours, in an order that differs from writer to writer, with keys that are shared by
/// every second writer.
fn overlapping(writer: usize, from: i64, consultations: i64) -> Vec<NewPayment> {
    let mut batch: Vec<_> = (0..10)
        .map(|step| {
            let consultation = 1 + (from + step) % consultations;
            // The key of the next consultation: so the same key comes with different ones, too.
            let shift = i64::from(writer % 4 == 3);
            new_payment(consultation, &format!("k{}-{}", writer % 2, consultation + shift))
        })
        .collect();
    batch.rotate_left(writer % 10);
    if writer % 2 == 1 {
        batch.reverse();
    }
    batch
}

/// The same keys for different consultations, in opposite orders, at the same time: no consultation
/// keeps the two batches apart.
#[tokio::test(flavor = "multi_thread")]
async fn keys_in_opposite_orders_never_wait_for_each_other_in_a_circle() {
    const ROUNDS: i64 = 100;
    const BATCH: i64 = 60;
    let (database, store) = migrated().await;
    // One store writes one batch after the other: these two are two servers.
    let rival = PostgresStore::connect(&database.url, &Options::default()).unwrap();
    insert_consultations(&database, 1, 2 * ROUNDS * BATCH);
    for round in 0..ROUNDS {
        let first = 1 + 2 * round * BATCH;
        let batch = |from: i64| -> Vec<_> {
            (0..BATCH).map(|step| new_payment(from + step, &format!("k{round}-{step}"))).collect()
        };
        let (forwards, mut backwards) = (batch(first), batch(first + BATCH));
        backwards.reverse();
        let (one, other) = tokio::join!(store.create_payments(&forwards), rival.create_payments(&backwards));
        let outcomes = [one.unwrap(), other.unwrap()].concat();
        let made = outcomes.iter().filter(|outcome| name(outcome) == "created").count();
        let lost = outcomes.iter().filter(|outcome| name(outcome) == "key used").count();
        assert_eq!((made, lost), (60, 60));
    }
}

async fn check_counts(store: &PostgresStore, mut made: Vec<PaymentId>) {
    let total = made.len();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), total, "one payment was told to two");
    assert!(total > 0);
    let twice = "SELECT consultation_id FROM payments GROUP BY consultation_id HAVING count(*) > 1";
    assert!(store.query(twice).await.unwrap().rows.is_empty());
    for (table, share) in [
        ("payments", 1),
        ("invoices", 1),
        ("tax_records", 2),
        ("idempotency_keys", 1),
        ("payment_events", 1),
        ("outbox", 1),
    ] {
        let count = text(store, &format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(count, (share * total).to_string(), "{table}");
    }
}

/// How many entries of indexes, and rows of tables read from end to end, this store has looked at. It
/// has one connection, whose statistics are what counts.
async fn rows_looked_at(store: &PostgresStore) -> i64 {
    store.query("SELECT pg_stat_force_next_flush()").await.unwrap();
    let indexes = text(store, "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes").await;
    let tables = text(store, "SELECT sum(seq_tup_read) FROM pg_stat_user_tables").await;
    indexes.parse::<i64>().unwrap() + tables.parse::<i64>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_made_on_empty_tables_stay_good_when_they_have_grown() {
    let (database, store) = migrated_with(&Options { connections: 1, ..Options::default() }).await;
    database.execute("ALTER TABLE payments SET (autovacuum_enabled = off)").unwrap();
    database.execute("ALTER TABLE konsultasis SET (autovacuum_enabled = off)").unwrap();
    insert_consultations(&database, 1, 1);
    // Each statement is planned now, on tables of one row.
    for _ in 0..3 {
        one(&store, new_payment(1, "k1")).await;
        let other = store.create_payments(&[new_payment(1, "k2"), new_payment(9_999, "k3")]).await.unwrap();
        assert_eq!(other.iter().map(name).collect::<Vec<_>>(), ["active", "no consultation"]);
    }
    insert_consultations(&database, 2, 1_000);
    for from in (2..900).step_by(100) {
        let batch: Vec<_> = (from..from + 100).map(|id| new_payment(id, &format!("k{id}"))).collect();
        assert!(store.create_payments(&batch).await.unwrap().iter().all(|one| name(one) == "created"));
    }
    let before = rows_looked_at(&store).await;
    let batch: Vec<_> = (951..956).map(|id| new_payment(id, &format!("k{id}"))).collect();
    store.create_payments(&batch).await.unwrap();
    one(&store, new_payment(951, "k951")).await;
    one(&store, new_payment(952, "another")).await;
    one(&store, new_payment(960, "k960")).await;
    let looked_at = rows_looked_at(&store).await - before;
    assert!(looked_at < 250, "{looked_at} rows for 8 payments");
    let key = IdempotencyKey::new("k951").unwrap();
    let (_, receipt) = store.key(UserId(1), &key).await.unwrap().unwrap();
    assert_eq!((receipt.payment.status, receipt.payment.created_at), (Status::Pending, NOW));
}
