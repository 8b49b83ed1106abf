//! Payments that arrive together: one statement for all, an outcome for each.
//!
//! The tests run on one thread, so that what is asked together stands in line before a writer looks.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{insert_consultations, migrated, new_payment, text};
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use sekali_core::domain::{IdempotencyKey, UserId};
use sekali_core::ports::{AuditStore, CreateOutcome, NewPayment, PaymentStore, StoreError};
use sekali_store_postgres::{Options, PostgresStore};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

type Answer = Result<CreateOutcome, StoreError>;

/// As so many callers would, each with one payment.
async fn each(store: &PostgresStore, items: &[NewPayment]) -> Vec<Answer> {
    join_all(items.iter().map(|new| one(store, new))).await
}

async fn one(store: &PostgresStore, new: &NewPayment) -> Answer {
    store.create_payments(std::slice::from_ref(new)).await.map(|mut outcomes| outcomes.remove(0))
}

fn payments(ids: impl Iterator<Item = i64>) -> Vec<NewPayment> {
    ids.map(|id| new_payment(id, &format!("k{id}"))).collect()
}

fn is_created(answer: &Answer) -> bool {
    matches!(answer, Ok(CreateOutcome::Created(_)))
}

#[tokio::test]
async fn what_has_queued_up_is_written_by_one_statement() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 64);
    let (items, before) = (payments(1..=64), store.statements());
    let answers = each(&store, &items).await;
    assert_eq!(store.statements() - before, 1);
    for (new, answer) in items.iter().zip(answers) {
        let Ok(CreateOutcome::Created(receipt)) = answer else { panic!("{answer:?}") };
        assert_eq!(receipt.payment.reference, new.reference, "each caller got its own payment");
    }
    let commits = "SELECT count(DISTINCT xmin::text) FROM payments";
    assert_eq!(text(&store, commits).await, "1");
}

/// Who holds this key, not yet committed, makes a batch wait that writes it.
async fn hold_key(holder: &Client, key: &str) {
    let writes = format!(
        "BEGIN; INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at)
         SELECT user_id, '{key}', fingerprint, payment_id, created_at FROM idempotency_keys LIMIT 1"
    );
    holder.batch_execute(&writes).await.unwrap();
}

/// It is sent alone, and waits for its key.
async fn sent<'a>(
    store: &'a PostgresStore,
    new: &'a NewPayment,
) -> Pin<Box<impl Future<Output = Answer> + 'a>> {
    let before = store.statements();
    let mut first = Box::pin(one(store, new));
    assert!(first.as_mut().now_or_never().is_none());
    let statement = async {
        while store.statements() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), statement).await.expect("a statement");
    first
}

/// A batch that takes longer is slow, which is another case: a second writer goes on beside it.
const SLOW: Duration = Duration::from_millis(20);

/// Twenty consultations for each attempt at what has to be over before a batch is slow, until a machine that stood still
/// meanwhile has let one be in time. `attempt` says whether it was; returned is how many statements it took.
async fn in_time(attempt: impl AsyncFn(&PostgresStore, &Client, Vec<NewPayment>) -> bool) -> u64 {
    let (database, store) = migrated().await;
    let (holder, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    insert_consultations(&database, 1, 1);
    assert!(is_created(&one(&store, &new_payment(1, "k1")).await));
    for round in 0..20 {
        let from = 2 + 20 * round;
        insert_consultations(&database, from, from + 19);
        hold_key(&holder, &format!("k{from}")).await;
        let before = store.statements();
        if attempt(&store, &holder, payments(from..=from + 19)).await {
            connection.abort();
            return store.statements() - before;
        }
    }
    panic!("this machine stands still all the time");
}

/// Those who come while a batch is written go with the next one, all of them, however they come.
#[tokio::test]
async fn what_comes_while_a_batch_is_written_goes_together() {
    let statements = in_time(async |store, holder, items| {
        let begun = Instant::now();
        let first = sent(store, &items[0]).await;
        let mut others: Vec<_> = items[1..].iter().map(|new| Box::pin(one(store, new))).collect();
        for other in &mut others {
            assert!(other.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        holder.batch_execute("ROLLBACK").await.unwrap();
        let in_time = begun.elapsed() < SLOW;
        let (first, others) = join(first, join_all(others)).await;
        assert!(is_created(&first) && others.iter().all(is_created));
        in_time
    })
    .await;
    assert_eq!(statements, 2);
}

/// Those whom a batch has answered, and who come again at once, go with those who are in line already.
#[tokio::test]
async fn whoever_is_about_to_stand_in_line_is_let_run_first() {
    let statements = in_time(async |store, holder, items| {
        let (now, later) = items.split_at(10);
        let begun = Instant::now();
        let first = sent(store, &now[0]).await;
        let in_line = one(store, &now[1]);
        let mut in_line = Box::pin(in_line);
        assert!(in_line.as_mut().now_or_never().is_none());
        holder.batch_execute("ROLLBACK").await.unwrap();
        let in_time = begun.elapsed() < SLOW;
        let again = async {
            assert!(is_created(&first.await));
            one(store, &later[0]).await
        };
        let (again, in_line) = join(again, in_line).await;
        assert!(is_created(&again) && is_created(&in_line));
        in_time
    })
    .await;
    assert_eq!(statements, 2);
}

/// A batch can wait, as for a key that somebody else is about to write; those who come meanwhile need not.
#[tokio::test]
async fn nobody_waits_for_a_batch_that_is_slow() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 4);
    let (holder, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    assert!(is_created(&one(&store, &new_payment(4, "k4")).await));
    hold_key(&holder, "k1").await;
    let items = payments(1..=3);
    let mut slow = sent(&store, &items[0]).await;
    // One after the other: the line moves on, and not only once.
    for new in &items[1..] {
        let answer = tokio::time::timeout(Duration::from_secs(5), one(&store, new)).await;
        assert!(is_created(&answer.expect("the slow batch holds up those behind it")));
    }
    assert!(slow.as_mut().now_or_never().is_none());
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert!(is_created(&slow.await));
    // And the one that was slow is a writer like any other.
    insert_consultations(&database, 5, 70);
    let (items, before) = (payments(5..=68), store.statements());
    assert!(each(&store, &items).await.iter().all(is_created));
    assert_eq!(store.statements() - before, 1);
    connection.abort();
}

#[tokio::test]
async fn rivals_for_a_consultation_or_a_key_are_not_written_together() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 3);
    let items = [new_payment(1, "a"), new_payment(1, "b"), new_payment(2, "a"), new_payment(3, "c")];
    let answers = each(&store, &items).await;
    assert!(is_created(&answers[0]) && is_created(&answers[3]), "{answers:?}");
    assert!(matches!(answers[1], Ok(CreateOutcome::Active(_))), "{answers:?}");
    assert!(matches!(answers[2], Ok(CreateOutcome::KeyUsed { .. })), "{answers:?}");
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, "2");
}

#[tokio::test]
async fn what_the_database_refuses_harms_no_neighbour() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 20);
    database.execute("ALTER TABLE payments ADD CHECK (consultation_id <> 7)").unwrap();
    let answers = each(&store, &payments(1..=20)).await;
    for (id, answer) in (1..).zip(&answers) {
        match id {
            7 => assert!(matches!(answer, Err(StoreError::Broken(_))), "{answer:?}"),
            _ => assert!(is_created(answer), "{id}: {answer:?}"),
        }
    }
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, "19");
    assert_eq!(text(&store, "SELECT count(*) FROM idempotency_keys").await, "19");
}

#[tokio::test]
async fn neighbours_are_answered_while_one_waits_for_whoever_holds_its_consultation() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 3);
    let (holder, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    holder.batch_execute("BEGIN; SELECT FROM konsultasis WHERE id = 1 FOR NO KEY UPDATE").await.unwrap();
    let items = payments(1..=3);
    let held = one(&store, &items[0]);
    tokio::pin!(held);
    assert!(held.as_mut().now_or_never().is_none());
    let neighbours = tokio::time::timeout(Duration::from_secs(5), each(&store, &items[1..])).await;
    assert!(neighbours.expect("the held consultation stalls its neighbours").iter().all(is_created));
    assert!(held.as_mut().now_or_never().is_none());
    // And so are those who come while it waits.
    insert_consultations(&database, 4, 4);
    let later = tokio::time::timeout(Duration::from_secs(5), one(&store, &new_payment(4, "k4"))).await;
    assert!(is_created(&later.unwrap()));
    holder.batch_execute("COMMIT").await.unwrap();
    assert!(is_created(&held.await));
    connection.abort();
}

#[tokio::test]
async fn whoever_finds_the_line_full_is_turned_down_at_once_and_nobody_else() {
    const LINE: i64 = 1024;
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, LINE + 5);
    let answers = each(&store, &payments(1..=LINE + 5)).await;
    let (served, refused) = answers.split_at(usize::try_from(LINE).unwrap());
    assert!(served.iter().all(is_created));
    assert!(refused.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, LINE.to_string());
}

#[tokio::test]
async fn whoever_has_waited_for_too_long_is_turned_down_and_not_written() {
    let (database, migrated) = migrated().await;
    insert_consultations(&database, 1, 3);
    let store =
        PostgresStore::connect(&database.url, &Options { wait: Duration::ZERO, ..Options::default() });
    let answers = each(&store.unwrap(), &payments(1..=3)).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{answers:?}");
    assert_eq!(text(&migrated, "SELECT count(*) FROM payments").await, "0");
}

#[tokio::test]
async fn a_payment_whose_caller_has_gone_is_written_whole() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 2);
    let items = payments(1..=2);
    assert!(one(&store, &items[0]).now_or_never().is_none(), "and is dropped");
    assert!(is_created(&one(&store, &items[1]).await));
    let key = IdempotencyKey::new("k1").unwrap();
    let (_, receipt) = store.key(UserId(1), &key).await.unwrap().expect("it was in the same batch");
    assert_eq!(receipt.payment.reference, items[0].reference);
}

#[tokio::test]
async fn a_batch_that_is_lost_in_its_commit_is_found_by_its_keys() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 8);
    // The session ends itself as the very last act of its commit: nobody hears whether it was one.
    let dies = "CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; \
        CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON payments DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW WHEN (NEW.consultation_id = 5) EXECUTE FUNCTION dies()";
    database.execute(dies).unwrap();
    let items = payments(1..=8);
    let answers = each(&store, &items).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unclear(_)))), "{answers:?}");
    database.execute("DROP TRIGGER dies ON payments").unwrap();
    let again = each(&store, &items).await;
    assert!(again.iter().all(is_created), "{again:?}");
    assert_eq!(text(&store, "SELECT count(*) FROM payments").await, "8");
}
