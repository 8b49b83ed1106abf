//! Decisions under the locks of PostgreSQL, on connections that break.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::proxy::{Cut, Proxy};
use common::{
    NOW, ORIGIN, insert_consultations, intends, migrated, migrated_with, new_payment, paid, pay, random,
    settles, terms, text, uuid,
};
use sekali_core::decision::refund::{Wish, wish};
use sekali_core::decision::settle::News;
use sekali_core::domain::{
    ConsultationId, Entry, Fingerprint, Head, IdempotencyKey, Money, PaymentFile, PaymentId, SessionState,
    Status, UserId, What,
};
use sekali_core::ports::{
    ConsultationStore, CreateOutcome, FileStore, Judge, PaymentStore, Remark, StoreError,
};
use sekali_store_postgres::{Options, PostgresStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::NoTls;

/// Every entry follows the one before it, and the file's head is the last.
async fn verify(store: &PostgresStore, file: &PaymentFile) {
    let mut head = Head::default();
    for event in store.record(file.payment.id, 0, 1_000).await.unwrap() {
        assert!(event.follows(head, file.payment.reference), "{event:?}");
        head = event.head();
    }
    assert_eq!(head, file.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unclear_and_the_repeat_finds_its_own_work() {
    for cut in [Cut::Before, Cut::Within, Cut::After] {
        let (database, direct) = migrated().await;
        insert_consultations(&database, 1, 1);
        let payment = pay(&direct, 1).await;
        let proxy = Proxy::start(&database, cut).await;
        let store = PostgresStore::connect(&proxy.url, &Options::default()).unwrap();
        let session = uuid();
        for (judge, status) in [(intends(session), Status::Processing), (paid(session), Status::Completed)] {
            let before = direct.file(payment).await.unwrap().unwrap();
            proxy.arm();
            let lost = store.decide(payment, judge.clone()).await;
            assert!(matches!(lost, Err(StoreError::Unclear(_))), "{cut:?}: {lost:?}");
            assert!(proxy.has_cut());
            // The first attempt's locks make this one wait until its server process has noticed.
            let again = store.decide(payment, judge.clone()).await.unwrap().unwrap();
            assert_eq!(again.changed, cut != Cut::After, "{cut:?}");
            assert_eq!(again.file.payment.status, status);
            assert_eq!(again.file.head.seq, before.head.seq + 1, "{cut:?}: written once");
            assert!(!store.decide(payment, judge).await.unwrap().unwrap().changed);
            assert_eq!(direct.file(payment).await.unwrap().unwrap(), again.file);
            verify(&direct, &again.file).await;
        }
        assert_eq!(text(&direct, "SELECT count(*) FROM captures").await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_finds_another_state_writes_nothing_at_all() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let payment = pay(&store, 1).await;
    let session = uuid();
    store.decide(payment, intends(session)).await.unwrap();
    let before = store.file(payment).await.unwrap().unwrap();
    // It sees the session as something else than it is.
    let inner = settles(session, News::Expired { gateway_id: "cs_1".into() });
    let wrong: Judge = Arc::new(move |file| {
        let mut file = file.clone();
        file.sessions[0].state = SessionState::Open;
        inner(&file)
    });
    let refused = store.decide(payment, wrong).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    assert_eq!(store.file(payment).await.unwrap().unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_panics_is_an_answer_and_writes_nothing() {
    let (database, store) = migrated_with(&Options { connections: 1, ..Options::default() }).await;
    insert_consultations(&database, 1, 1);
    let payment = pay(&store, 1).await;
    let panics: Judge = Arc::new(|_| panic!("a fault in a decision"));
    let refused = store.decide(payment, panics).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    let decided = store.decide(payment, intends(uuid())).await.unwrap().unwrap();
    assert!(decided.changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_not_there_is_none() {
    let (_database, store) = migrated().await;
    assert_eq!(store.decide(PaymentId(7), intends(uuid())).await.unwrap(), None);
    assert_eq!(store.file(PaymentId(7)).await.unwrap(), None);
}

/// Ids can be guessed: a payment that commits between the statements of a decision was not locked by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_appears_during_a_decision_is_never_decided_on_without_its_locks() {
    const PAYMENTS: i64 = 300;
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, PAYMENTS);
    let next = Arc::new(AtomicI64::new(1));
    let guessers: Vec<_> = (0..6)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let id = next.load(Ordering::Relaxed);
                    if id > PAYMENTS {
                        return;
                    }
                    store.decide(PaymentId(id), intends(uuid())).await.unwrap();
                }
            })
        })
        .collect();
    for id in 1..=PAYMENTS {
        next.store(id, Ordering::Relaxed);
        assert_eq!(pay(&store, id).await, PaymentId(id));
        while store.file(PaymentId(id)).await.unwrap().unwrap().sessions.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    next.store(PAYMENTS + 1, Ordering::Relaxed);
    for guesser in guessers {
        guesser.await.unwrap();
    }
    assert_eq!(text(&store, "SELECT count(*) FROM checkout_sessions").await, PAYMENTS.to_string());
}

/// The judge is asked only when the consultation is free, and then sees what was done meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_waits_for_its_consultation_and_then_sees_what_was_committed() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 1);
    let payment = pay(&store, 1).await;
    let (holder, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    holder.batch_execute("BEGIN; SELECT FROM konsultasis WHERE id = 1 FOR NO KEY UPDATE").await.unwrap();
    let deciding = tokio::spawn({
        let store = store.clone();
        async move { store.decide(payment, intends(uuid())).await }
    });
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    while text(&store, blocked).await == "0" {
        tokio::task::yield_now().await;
    }
    holder
        .batch_execute(
            "UPDATE payments SET status = 'cancelled'; UPDATE invoices SET status = 'void'; COMMIT",
        )
        .await
        .unwrap();
    let decided = deciding.await.unwrap().unwrap().unwrap();
    assert_eq!((decided.file.payment.status, decided.changed), (Status::Cancelled, false));
    drop(holder);
    connection.await.unwrap().unwrap();
}

fn refunds(by: i64, key: &str, minor: i64) -> Judge {
    let wished = Wish {
        id: uuid(),
        by: UserId(by),
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: Fingerprint([7; 32]),
        amount: Some(Money::new(minor, terms().fee.currency)),
        reason: None,
        seen: None,
        at: NOW,
    };
    Arc::new(move |file| wish(file, &wished, &ORIGIN, |id, _, _| id.to_string()).0)
}

/// The lock of a consultation does not keep apart two payments of different ones.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_for_refunds_of_two_payments_at_once_makes_one() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 2);
    let mut payments = Vec::new();
    for consultation in [1, 2] {
        let (payment, session) = (pay(&store, consultation).await, uuid());
        store.decide(payment, intends(session)).await.unwrap();
        store.decide(payment, paid(session)).await.unwrap();
        payments.push(payment);
    }
    for round in 0..20 {
        let judge = |by| refunds(by, &format!("k{round}"), 1_000);
        let (one, other) =
            tokio::join!(store.decide(payments[0], judge(1)), store.decide(payments[1], judge(1)));
        let made = [&one, &other].into_iter().filter(|outcome| outcome.is_ok()).count();
        let lost = [&one, &other].into_iter().filter(|o| matches!(o, Err(StoreError::Conflict(_)))).count();
        assert_eq!((made, lost), (1, 1), "{one:?} {other:?}");
    }
    assert_eq!(text(&store, "SELECT count(*) FROM refunds").await, "20");
    assert_eq!(text(&store, "SELECT sum(refunding_minor) FROM captures").await, "20000");
}

/// Who puts the consultation, who pays it, and who decides on its payments, all at once on few
/// consultations: nobody waits in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn writers_of_every_kind_on_the_same_consultations_never_wait_in_a_circle() {
    const CONSULTATIONS: i64 = 3;
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, CONSULTATIONS);
    let until = Instant::now() + Duration::from_secs(4);
    let writers: Vec<_> = (0..15)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0_u32;
                while Instant::now() < until {
                    match writer % 3 {
                        0 => put(&store, CONSULTATIONS).await,
                        1 => create(&store, CONSULTATIONS).await,
                        _ => go_on(&store).await,
                    }
                    done += 1;
                }
                done
            })
        })
        .collect();
    for writer in writers {
        assert!(writer.await.unwrap() > 5, "a writer was kept waiting");
    }
    let ended = text(&store, "SELECT count(*) FROM payments WHERE status = 'expired'").await;
    assert!(ended.parse::<i64>().unwrap() > 20, "only {ended} payments went through their life");
    assert_eq!(
        text(&store, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await,
        "0"
    );
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'sekali' AND pid <> pg_backend_pid() AND state <> 'idle'";
    assert_eq!(text(&store, open).await, "0", "a connection was left in a transaction");
    let orphans = "SELECT count(*) FROM payments p WHERE NOT EXISTS \
                   (SELECT FROM payment_events e WHERE e.payment_id = p.id AND e.seq = 1)";
    assert_eq!(text(&store, orphans).await, "0");
    let findings = sekali_core::audit::verify(&store).await.unwrap();
    let broken: Vec<_> = findings.iter().filter(|finding| !finding.holds()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

fn one_of(count: i64) -> i64 {
    1 + i64::try_from(random() % count.unsigned_abs()).unwrap()
}

async fn put(store: &PostgresStore, consultations: i64) {
    let id = ConsultationId(one_of(consultations));
    store.put_consultation(id, UserId(1), terms().fee, None, NOW).await.unwrap();
}

async fn create(store: &PostgresStore, consultations: i64) {
    let batch: Vec<_> = (1..=consultations).map(|id| new_payment(id, &format!("{:x}", random()))).collect();
    let batch = if random().is_multiple_of(2) { &batch[..1] } else { &batch[..] };
    for outcome in store.create_payments(batch).await.unwrap() {
        assert!(matches!(outcome, CreateOutcome::Created(_) | CreateOutcome::Active(_)), "{outcome:?}");
    }
}

/// Takes one of the newest payments a step further: to a session, and with that to its end.
async fn go_on(store: &PostgresStore) {
    let newest = text(store, "SELECT coalesce(max(id), 0) FROM payments").await.parse::<i64>().unwrap();
    let payment = PaymentId((newest - 3 + one_of(3)).max(1));
    store.decide(payment, intends(uuid())).await.unwrap();
    let Some(file) = store.file(payment).await.unwrap() else { return };
    if let Some(live) = file.live_session() {
        let expired = News::Expired { gateway_id: format!("cs_{}", live.id) };
        store.decide(payment, settles(live.id, expired)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_waits_for_no_decision_and_says_for_which_payments() {
    let (database, store) = migrated().await;
    insert_consultations(&database, 1, 2);
    let (one, other) = (pay(&store, 1).await, pay(&store, 2).await);
    let remarks: Vec<Remark> = futures_util::future::join_all([one, other].map(|id| {
        let store = store.clone();
        async move {
            let payment = store.payment(id).await.unwrap().unwrap().payment;
            let what = What::Duplicate { times: 1, caught: "cache".into(), key_hash: "k".into() };
            Remark {
                payment: id,
                reference: payment.reference,
                at: NOW,
                entry: Entry { what, origin: ORIGIN },
            }
        }
    }))
    .await;
    let (begun, begins) = std::sync::mpsc::channel();
    let (ends, end) = std::sync::mpsc::channel::<()>();
    let end = std::sync::Mutex::new(end);
    let slow: Judge = Arc::new(move |_| {
        begun.send(()).unwrap();
        end.lock().unwrap().recv().unwrap();
        sekali_core::decision::note(NOW, &[])
    });
    let deciding = tokio::spawn({
        let store = store.clone();
        async move { store.decide(one, slow).await }
    });
    tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
    assert_eq!(store.remark(&remarks).await, Ok(vec![one]));
    let length = async |id| store.record(id, 0, 9).await.unwrap().len();
    assert_eq!((length(one).await, length(other).await), (1, 2));
    ends.send(()).unwrap();
    deciding.await.unwrap().unwrap();
    assert_eq!(store.remark(&remarks[..1]).await, Ok(vec![]));
    assert_eq!((length(one).await, length(other).await), (2, 2));
    for id in [one, other] {
        verify(&store, &store.file(id).await.unwrap().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remarks_whose_commit_is_lost_are_unclear_and_whole_or_not_there() {
    for cut in [Cut::Before, Cut::Within, Cut::After] {
        let (database, direct) = migrated().await;
        insert_consultations(&database, 1, 1);
        let id = pay(&direct, 1).await;
        let reference = direct.payment(id).await.unwrap().unwrap().payment.reference;
        let what = What::Duplicate { times: 1, caught: "cache".into(), key_hash: "k".into() };
        let remark = Remark { payment: id, reference, at: NOW, entry: Entry { what, origin: ORIGIN } };
        let proxy = Proxy::start(&database, cut).await;
        let store = PostgresStore::connect(&proxy.url, &Options::default()).unwrap();
        proxy.arm();
        let lost = store.remark(std::slice::from_ref(&remark)).await;
        assert!(matches!(lost, Err(StoreError::Unclear(_))), "{cut:?}: {lost:?}");
        assert!(proxy.has_cut());
        let file = direct.decide(id, Arc::new(|_| sekali_core::decision::note(NOW, &[]))).await;
        let file = file.unwrap().unwrap().file;
        assert_eq!(file.head.seq, if cut == Cut::After { 2 } else { 1 }, "{cut:?}");
        verify(&direct, &file).await;
    }
}
