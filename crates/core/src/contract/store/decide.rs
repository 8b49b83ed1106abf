//! The one way to change a payment: whole or not at all, one after the other, and seen in one piece.

use super::TestDatabase;
use super::ground::{
    at_once, completed, count, decide, file, intend, later, migrated, opened, origin, paying, php, try_decide,
};
use crate::decision::{Change, Decision, note};
use crate::domain::record::Actor;
use crate::domain::{
    Capture, CheckoutSession, Disposition, Dispute, DisputeState, Entry, Origin, PaymentFile, PaymentId,
    RecordedEvent, Refund, RefundOrigin, RefundState, SessionState, Status, Timestamp, What,
};
use crate::ports::CaseKind;
use crate::ports::store::{Store, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// Something to remember, told apart by its number.
pub(super) fn remark(times: u64) -> Entry {
    let what = What::Duplicate { times, caught: "cache".into(), key_hash: "k".into() };
    Entry { what, origin: origin() }
}

pub async fn a_judge_that_decides_nothing_writes_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let before = file(store, receipt.payment.id).await;
    let (decided, seen) = decide(store, receipt.payment.id, |file| (note(later(9), &[]), file.clone())).await;
    assert!(!decided.changed);
    assert_eq!((&decided.file, &seen), (&before, &before), "the judge saw what there is");
    assert_eq!(file(store, receipt.payment.id).await, before);
    assert_eq!(before.receipt(), receipt);
    assert_eq!(before.taxes.len(), 2);
    assert_eq!(store.file(PaymentId(404)).await, Ok(None));
    let nobody = try_decide(store, PaymentId(404), |_| (note(later(9), &[remark(1)]), ())).await;
    assert_eq!(nobody, Ok(None), "no such payment");
    assert_eq!(count(store, "payment_events").await, 1);
}

/// Each stands between a case, which would be written before it, and an entry, which would come after.
async fn refused(store: &dyn Store, payment: PaymentId, bad: Change) -> StoreError {
    let before = file(store, payment).await;
    let case = Change::OpenCase { kind: CaseKind::RefundCap, object: "o".into(), detail: "d".into() };
    let decision = Decision { at: later(99), changes: vec![case, bad.clone()], entries: vec![remark(1)] };
    let judge = move |_: &PaymentFile| (decision.clone(), ());
    let error = match try_decide(store, payment, judge).await {
        Err(error) => error,
        decided => panic!("{bad:?} is impossible, but: {decided:?}"),
    };
    assert_eq!(file(store, payment).await, before, "nothing is left of {bad:?}");
    for (table, rows) in [("cases", 0), ("payment_events", u64::try_from(before.head.seq).unwrap())] {
        let rows_now = count(store, table).await;
        assert_eq!(rows_now, rows, "nothing is left of {bad:?} in {table}");
    }
    error
}

pub async fn a_change_that_does_not_find_its_state_leaves_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    opened(store, &receipt, session, later(2)).await;
    let moved = |id, from, to| Change::Session { id, from, to, gateway_id: None };
    let status = |from, to| Change::Status { from, to };
    let stale = [
        status(Status::Pending, Status::Processing),
        status(Status::Pending, Status::Cancelled),
        status(Status::Completed, Status::Refunded),
        // It is processing, but money can still come through its session.
        status(Status::Processing, Status::Expired),
        moved(session, SessionState::Creating, SessionState::Open),
        moved(Uuid::from_u128(404), SessionState::Open, SessionState::Expired),
        Change::Ending { id: Uuid::from_u128(404), key: Uuid::from_u128(1) },
        refund_moved(Uuid::from_u128(404)),
        Change::Refunded { minor: 1, taxes: vec![0] },
    ];
    for bad in stale {
        let error = refused(store, receipt.payment.id, bad.clone()).await;
        assert!(matches!(error, StoreError::Broken(_)), "{bad:?}: {error:?}");
    }
}

pub async fn a_change_that_the_database_refuses_leaves_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let payment = receipt.payment.id;
    let second = CheckoutSession { id: Uuid::from_u128(2), ..file(store, payment).await.sessions[0].clone() };
    let impossible = [
        Change::NewSession(second),
        Change::Refunded { minor: 500_001, taxes: vec![0, 0] },
        Change::Refunded { minor: 1, taxes: vec![60_001, 0] },
        Change::NewCapture(surplus("pi_1", Uuid::from_u128(404))),
        Change::NewRefund(refund("pi_404")),
        Change::Dispute(Dispute {
            gateway_id: "dp_1".into(),
            payment_intent: "pi_404".into(),
            amount: php(1),
            state: DisputeState::Won,
            reason: "fraudulent".into(),
            created_at: later(1),
        }),
    ];
    for bad in impossible {
        refused(store, payment, bad).await;
    }
    // Not because of anything else: the same, right.
    let right = Decision {
        at: later(99),
        changes: vec![
            Change::NewCapture(surplus("pi_1", session)),
            Change::NewRefund(refund("pi_1")),
            Change::Refunded { minor: 500_000, taxes: vec![60_000, 75_000] },
        ],
        entries: vec![],
    };
    let (decided, ()) = decide(store, payment, move |_| (right.clone(), ())).await;
    assert!(decided.changed, "changes without an entry are written, too");
    assert_eq!(decided.file.refunds, [refund("pi_1")]);
    assert_eq!(decided.file.captures, [surplus("pi_1", session)]);
}

fn refund_moved(id: Uuid) -> Change {
    let (from, to) = (RefundState::Requested, RefundState::Pending);
    Change::Refund { id, from, to, gateway_id: None, failure: None }
}

fn surplus(payment_intent: &str, session: Uuid) -> Capture {
    Capture {
        payment_intent: payment_intent.into(),
        session,
        amount: php(7),
        disposition: Disposition::Surplus,
        created_at: later(3),
    }
}

fn refund(payment_intent: &str) -> Refund {
    Refund {
        id: Uuid::from_u128(77),
        payment_intent: payment_intent.into(),
        amount: php(7),
        state: RefundState::Requested,
        origin: RefundOrigin::Automatic,
        reason: None,
        request: "amount=7".into(),
        gateway_id: None,
        replaces: None,
        failure: None,
        created_at: later(4),
    }
}

/// The rows are given the decision's moment in whole seconds, the record exactly.
pub async fn a_decision_is_written_with_its_moment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, _) = completed(store, 5, "k").await;
    let at = Timestamp::from_micros(later(90).as_micros() + 123_456);
    let by =
        Origin { event: Some("evt_1".into()), ..Origin::request(Actor::Admin, receipt.payment.user, None) };
    let entry = Entry { origin: by, ..remark(3) };
    let changes = vec![Change::DisputeState(DisputeState::UnderReview)];
    let decision = Decision { at, changes, entries: vec![entry.clone()] };
    let (decided, ()) = decide(store, receipt.payment.id, move |_| (decision.clone(), ())).await;
    let payment = decided.file.payment;
    assert_eq!((payment.dispute, payment.updated_at), (Some(DisputeState::UnderReview), later(90)));
    let record = store.record(receipt.payment.id, decided.file.head.seq - 1, 9).await.unwrap();
    assert_eq!(record.len(), 1);
    assert_eq!((record[0].at, record[0].entry()), (at, Some(entry)));
    assert_eq!(record[0].head(), decided.file.head);
}

pub async fn fifty_deciders_at_once_take_turns(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    let receipt = paying(&*store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let racers = (0..50_u64).map(|i| {
        let store = Arc::clone(&stores[usize::from(i % 2 == 0)]);
        let judge = move |file: &PaymentFile| (note(later(9), &[remark(i)]), file.head.seq);
        async move { decide(&*store, id, judge).await.1 }
    });
    let seen: HashSet<_> = at_once(racers.collect()).await.into_iter().collect();
    assert_eq!(seen, (1..=50).collect(), "each saw all that was decided before it");
    let record = store.record(id, 0, 100).await.unwrap();
    assert_eq!(record.len(), 51);
    super::record::assert_follows(&record, receipt.payment.reference);
    let times = |event: &RecordedEvent| match event.entry()?.what {
        What::Duplicate { times, .. } => Some(times),
        _ => None,
    };
    let remarks: HashSet<_> = record.iter().filter_map(times).collect();
    assert_eq!(remarks, (0..50).collect(), "each has written its own");
}

/// While decisions each add a capture and an entry, nobody ever sees one without the other.
pub async fn a_file_is_seen_in_one_piece(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let receipt = paying(&*store, 5, 1, "k").await;
    let session = intend(&*store, &receipt).await;
    let id = receipt.payment.id;
    let before = file(&*store, id).await.head.seq;
    let done = Arc::new(AtomicBool::new(false));
    let (reader, over) = (Arc::clone(&store), Arc::clone(&done));
    let looking = tokio::spawn(async move {
        let mut looks = 0;
        while !over.load(Ordering::Relaxed) || looks == 0 {
            let file = file(&*reader, id).await;
            let captures = i64::try_from(file.captures.len()).unwrap();
            assert_eq!(captures, file.head.seq - before, "a capture and its entry are seen together");
            looks += 1;
            tokio::task::yield_now().await;
        }
    });
    for i in 0..40_u64 {
        let judge = move |_: &PaymentFile| {
            let capture = Change::NewCapture(surplus(&format!("pi_{i}"), session));
            (Decision { at: later(9), changes: vec![capture], entries: vec![remark(i)] }, ())
        };
        decide(&*store, id, judge).await;
    }
    done.store(true, Ordering::Relaxed);
    looking.await.expect("the reader saw whole files only");
    let intents: Vec<_> = file(&*store, id).await.captures.into_iter().map(|c| c.payment_intent).collect();
    assert_eq!(intents, (0..40).map(|i| format!("pi_{i}")).collect::<Vec<_>>(), "oldest first");
}
