//! Callers that go away, servers that go away, and what is said about it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{
    NOW, insert_consultations, intends, migrated, migrated_with, new_payment, random, terms, text, uuid,
};
use sekali_core::domain::{ConsultationId, PaymentId, UserId};
use sekali_core::ports::{
    AuditStore, ConsultationStore, CreateOutcome, FileStore, NewPayment, PaymentStore, SchemaStore,
    StoreError,
};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::free_port;
use sekali_test_support::postgres::Server;
use std::time::Duration;

const CALLERS: i64 = 200;

fn is_created(outcomes: &[CreateOutcome]) -> bool {
    matches!(outcomes, [CreateOutcome::Created(_)])
}

/// Starts something and drops it after up to 3 ms; tells whether it was answered before.
async fn impatient<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_micros(random() % 3_000), work).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_away_leave_nothing_half_done() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, CALLERS);
    let callers: Vec<_> = (1..=CALLERS)
        .map(|id| {
            let (store, new) = (store.clone(), new_payment(id, &format!("k{id}")));
            tokio::spawn(async move {
                let answered = impatient(store.create_payments(std::slice::from_ref(&new))).await;
                let answered = answered.is_some_and(|answer| is_created(&answer.unwrap()));
                // Work of several statements, and a read in a transaction, dropped half-way too.
                impatient(store.query("SELECT count(*) FROM payments")).await;
                impatient(store.decide(PaymentId(id), intends(uuid()))).await;
                impatient(store.file(PaymentId(id))).await;
                let terms = terms();
                impatient(store.put_consultation(ConsultationId(id), UserId(1), terms.fee, None, NOW)).await;
                (new, answered)
            })
        })
        .collect();
    let mut answered = 0;
    for caller in callers {
        let (new, was_answered) = caller.await.unwrap();
        if was_answered {
            answered += 1;
            assert!(store.key(UserId(1), &new.key).await.unwrap().is_some(), "an answered payment is lost");
        }
        // Written or not: the same write again makes it, or finds that it was made.
        assert!(is_created(&store.create_payments(&[new]).await.unwrap()));
    }
    println!("{answered} of {CALLERS} were answered");
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, CALLERS.to_string());
    assert_no_open_transaction(&store).await;
}

/// What a dropped caller started may still be on its way: it has to come to its end by itself.
async fn assert_no_open_transaction(store: &PostgresStore) {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'sekali' AND pid <> pg_backend_pid() AND state <> 'idle'";
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while text(store, open).await != "0" {
            tokio::task::yield_now().await;
        }
    });
    assert!(ended.await.is_ok(), "a connection was left in a transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_set_up_for_durable_commits_and_bounded_waits() {
    let (_database, store) = migrated().await;
    let settings = [
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "read committed"),
        ("TimeZone", "UTC"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("application_name", "sekali"),
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        ("jit", "off"),
    ];
    for (setting, value) in settings {
        assert_eq!(text(&store, &format!("SELECT current_setting('{setting}')")).await, value, "{setting}");
    }
    let limit = "SELECT reset_val, setting FROM pg_settings WHERE name = 'statement_timeout'";
    assert!(store.query(limit).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_used_again() {
    let server = Server::start();
    let database = server.database();
    let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
    store.migrate().await.unwrap();
    insert_consultations(&database, 1, 20);
    for (id, crash) in [(1, false), (2, true)] {
        // Several connections are open when the server goes.
        let reads = (0..8).map(|_| store.payment(PaymentId(1)));
        futures_util::future::join_all(reads).await;
        if crash {
            server.kill();
        } else {
            server.stop();
        }
        let gone = store.create_payments(&[new_payment(id, "while gone")]).await;
        assert!(matches!(gone, Err(StoreError::Unavailable(_) | StoreError::Unclear(_))), "{gone:?}");
        assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
        server.start_again();
        let new = new_payment(id, &format!("k{id}"));
        let first = store.create_payments(std::slice::from_ref(&new)).await;
        if !matches!(first, Err(StoreError::Unavailable(_) | StoreError::Unclear(_))) {
            assert!(is_created(&first.unwrap()));
        }
        assert!(is_created(&store.create_payments(&[new]).await.unwrap()), "the pool has not recovered");
        assert_eq!(store.ready().await, Ok(()));
    }
}

/// The server ends every session again and again while payments are written.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_terminated_lose_nothing_that_was_answered() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, CALLERS);
    let writers: Vec<_> = (1..=CALLERS)
        .map(|id| {
            let (store, new) = (store.clone(), new_payment(id, &format!("k{id}")));
            tokio::spawn(async move { (store.create_payments(std::slice::from_ref(&new)).await, new) })
        })
        .collect();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'sekali'";
    for _ in 0..10 {
        database.execute(terminate).unwrap();
    }
    let mut failed: Vec<NewPayment> = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (Ok(outcomes), new) => {
                assert!(is_created(&outcomes));
                let found = until_reached(|| store.key(UserId(1), &new.key)).await;
                assert!(found.is_some(), "an answered payment is lost");
            }
            (Err(StoreError::Unavailable(_) | StoreError::Unclear(_)), new) => failed.push(new),
            (Err(error), _) => panic!("{error:?}"),
        }
    }
    println!("{} of {CALLERS} failed", failed.len());
    for new in failed {
        let batch = [new];
        assert!(is_created(&until_reached(|| store.create_payments(&batch)).await), "not to be repeated");
    }
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, CALLERS.to_string());
}

/// A connection that was cut while it lay in the pool costs one failure, not more than there are.
async fn until_reached<T, F: Future<Output = Result<T, StoreError>>>(ask: impl Fn() -> F) -> T {
    for _ in 0..=Options::default().connections {
        match ask().await {
            Ok(answer) => return answer,
            Err(StoreError::Unavailable(_) | StoreError::Unclear(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("out of reach")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_at_once_and_without_the_password() {
    let url = format!("postgres://somebody:hunter2@127.0.0.1:{}/nowhere", free_port());
    let store = PostgresStore::connect(&url, &Options::default()).unwrap();
    let error = store.ready().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?} {store:?}").contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_used_up_is_told_after_a_while() {
    let options = Options { connections: 1, wait: Duration::from_millis(50), ..Options::default() };
    let (_database, store) = migrated_with(&options).await;
    let busy = tokio::spawn({
        let store = store.clone();
        async move { store.query("SELECT pg_sleep(60)").await }
    });
    let refused = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Err(error) = store.payment(PaymentId(1)).await {
                return error;
            }
        }
    });
    assert_eq!(refused.await.unwrap(), StoreError::Unavailable("every connection is in use".into()));
    busy.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_ended() {
    let options = Options { statement_timeout: Duration::from_millis(100), ..Options::default() };
    let (database, store) = migrated_with(&options).await;
    database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                      $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
                      CREATE TRIGGER slow BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION slow()",
        )
        .unwrap();
    insert_consultations(&database, 1, 1);
    let slow = store.create_payments(&[new_payment(1, "k")]).await;
    assert!(matches!(slow, Err(StoreError::Unavailable(_))), "{slow:?}");
    assert_eq!(text(&store, "SELECT count(*) FROM idempotency_keys").await, "0", "rolled back whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_this_programs_is_told() {
    let (database, store) = migrated().await;
    assert_eq!(store.ready().await, Ok(()));
    database.execute("INSERT INTO sekali_migrations (version, name) VALUES (999, 'future')").unwrap();
    assert!(matches!(store.ready().await, Err(StoreError::Broken(text)) if text.contains("newer")));
    assert!(matches!(store.migrate().await, Err(StoreError::Broken(text)) if text.contains("newer")));
    database.execute("DELETE FROM sekali_migrations WHERE version > 1").unwrap();
    assert!(matches!(store.ready().await, Err(StoreError::Broken(text)) if text.contains("migrate")));
}

/// What the database says of a row is about a patient.
#[tokio::test(flavor = "multi_thread")]
async fn errors_hold_no_data() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    database.execute("ALTER TABLE payments ADD CHECK (user_id <> 1)").unwrap();
    let error = store.create_payments(&[new_payment(1, "secret-key")]).await.unwrap_err();
    assert_eq!(error, StoreError::Broken("SQLSTATE 23514 (payments_user_id_check)".into()), "{error}");
}
