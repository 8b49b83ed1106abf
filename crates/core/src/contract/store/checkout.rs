//! Opening a Checkout Session: the intent before the call, and at most one that is live.

use super::TestDatabase;
use super::ground::{
    at_once, consult, count, create, expired, gateway_id, intend, later, made, migrated, new_session, now,
    open, opened, origin, paid, paying, rows, settle, submitted, try_decide, wish,
};
use crate::decision::open::{self as opening, NewSession, Opening};
use crate::domain::{CheckoutSession, PaymentFile, PaymentId, SessionState, Status};
use crate::ports::store::Store;
use std::sync::Arc;
use uuid::Uuid;

pub async fn a_session_is_intended_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let new = NewSession { at: later(7), ..new_session() };
    let (decided, outcome) = open(store, receipt.payment.id, new.clone()).await;
    let Opening::Intended(session) = outcome else { panic!("Intended, but: {outcome:?}") };
    assert!(decided.changed);
    let processing = decided.file.receipt();
    assert_eq!(processing.payment.status, Status::Processing);
    assert_eq!(processing.payment.updated_at, later(7), "the status changed then");
    assert_eq!(processing.payment.created_at, receipt.payment.created_at);
    assert_eq!(processing.invoice, receipt.invoice);
    assert!(processing.payment.can_be_paid());
    let expected = CheckoutSession {
        id: new.id,
        payment: receipt.payment.id,
        state: SessionState::Creating,
        request: new.request.clone(),
        gateway_id: None,
        ending: None,
        created_at: later(7),
    };
    assert_eq!(session, expected);
    assert_eq!(decided.file.sessions, std::slice::from_ref(&expected), "it is read as it was intended");
    assert_eq!(now(store, &receipt).await, processing);

    let (decided, mine) = open(store, receipt.payment.id, new).await;
    assert_eq!((decided.changed, mine), (false, Opening::Intended(expected.clone())), "an unclear commit");
    let (decided, again) = open(store, receipt.payment.id, new_session()).await;
    assert_eq!(again, Opening::Live(expected.clone()), "go on with the same bytes");
    assert_eq!((decided.changed, decided.file.receipt()), (false, processing.clone()));
    opened(store, &receipt, session.id, later(8)).await;
    let live =
        CheckoutSession { state: SessionState::Open, gateway_id: Some(gateway_id(session.id)), ..expected };
    let (decided, again) = open(store, receipt.payment.id, new_session()).await;
    assert_eq!((decided.file.receipt(), again), (processing, Opening::Live(live)));
    assert_eq!(count(store, "checkout_sessions").await, 1);
}

pub async fn a_payment_that_cannot_be_paid_gets_no_session(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, news, status) in [
        (1, submitted as fn(Uuid) -> _, Status::Processing),
        (2, paid as fn(Uuid) -> _, Status::Completed),
        (3, expired as fn(Uuid) -> _, Status::Expired),
    ] {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        let session = intend(store, &receipt).await;
        settle(store, &receipt, &news(session)).await;
        let after = now(store, &receipt).await;
        assert_eq!(after.payment.status, status);
        assert!(!after.payment.can_be_paid());
        let (decided, outcome) = open(store, receipt.payment.id, new_session()).await;
        assert_eq!((decided.changed, outcome), (false, Opening::NotPayable));
        assert_eq!(decided.file.receipt(), after);
    }
    for status in ["failed", "cancelled", "refunded"] {
        let id = 10 + i64::try_from(status.len()).unwrap();
        let receipt = paying(store, id, 1, status).await;
        let update = format!("UPDATE payments SET status = '{status}' WHERE id = {}", receipt.payment.id);
        database.execute(&update).await.unwrap();
        let (_, outcome) = open(store, receipt.payment.id, new_session()).await;
        assert_eq!(outcome, Opening::NotPayable, "{status}");
    }
    assert_eq!(count(store, "checkout_sessions").await, 3);
}

pub async fn twenty_who_want_a_session_get_one(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    let receipt = paying(&*store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let racers = (0..20_usize).map(|i| {
        let store = Arc::clone(&stores[i % 2]);
        async move { open(&*store, id, new_session()).await.1 }
    });
    let mut intended = Vec::new();
    let mut live = Vec::new();
    for outcome in at_once(racers.collect()).await {
        match outcome {
            Opening::Intended(session) => intended.push(session),
            Opening::Live(session) => live.push(session),
            Opening::NotPayable => panic!("it can be paid"),
        }
    }
    assert_eq!((intended.len(), live.len()), (1, 19));
    assert!(live.iter().all(|session| *session == intended[0]), "all are led to the same session");
    assert_eq!(count(&*store, "checkout_sessions").await, 1);
}

pub async fn a_session_is_opened_and_found(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = intend(store, &receipt).await;
    assert_eq!(store.session_by_gateway_id("cs_none").await, Ok(None));
    assert_eq!(store.session(Uuid::from_u128(404)).await, Ok(None));
    assert_eq!(state(store, id).await, SessionState::Creating);

    assert!(opened(store, &receipt, id, later(2)).await.changed);
    let open = store.session(id).await.unwrap().unwrap();
    assert_eq!((open.state, open.gateway_id.as_deref()), (SessionState::Open, Some(&*gateway_id(id))));
    assert_eq!(store.session_by_gateway_id(&gateway_id(id)).await, Ok(Some(open.clone())));
    assert!(!opened(store, &receipt, id, later(3)).await.changed);
    assert_eq!(store.session(id).await, Ok(Some(open)), "a repeat does nothing");

    settle(store, &receipt, &submitted(id)).await;
    opened(store, &receipt, id, later(4)).await;
    assert_eq!(state(store, id).await, SessionState::Submitted, "it does not go back");
    let unknown = opened(store, &receipt, Uuid::from_u128(404), later(4)).await;
    assert!(!unknown.changed, "a session without an intent");
    let judge = |file: &PaymentFile| opening::intend(file, &new_session(), &origin());
    assert_eq!(try_decide(store, PaymentId(404), judge).await, Ok(None), "no such payment");
}

pub async fn the_session_made_last_is_found(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.latest_session(PaymentId(1)).await, Ok(None));
    let first = paying(store, 5, 1, "a").await;
    assert_eq!(store.latest_session(first.payment.id).await, Ok(None));
    let old = intend(store, &first).await;
    settle(store, &first, &expired(old)).await;
    let found = store.latest_session(first.payment.id).await.unwrap().unwrap();
    assert_eq!((found.id, found.state), (old, SessionState::Expired), "live or not");
    consult(store, 6, 1).await;
    let second = made(create(store, &wish(5, 1, "b")).await);
    let new = intend(store, &second).await;
    assert_eq!(store.latest_session(second.payment.id).await.unwrap().unwrap().id, new);
    assert_eq!(store.latest_session(first.payment.id).await.unwrap().unwrap().id, old);
    let stored =
        rows(store, "SELECT consultation_id, state FROM checkout_sessions ORDER BY created_at, state").await;
    assert_eq!(stored, ["5 | creating", "5 | expired"]);
}

async fn state(store: &dyn Store, session: Uuid) -> SessionState {
    store.session(session).await.unwrap().expect("the session is there").state
}
