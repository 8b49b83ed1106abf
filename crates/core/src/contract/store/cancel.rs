//! Giving a payment up: at once, or when its session is dead for certain.

use super::TestDatabase;
use super::ground::{
    AT, at_once, count, create, decide, expired, file, intend, later, made, migrated, new_session, now, open,
    opened, origin, paid, paying, settle, submitted, wish,
};
use crate::decision::cancel::{Cancelling, cancel, expire};
use crate::decision::open::Opening;
use crate::decision::settle::Settling;
use crate::domain::{InvoiceStatus, PaymentId, SessionState, Status, Timestamp};
use crate::ports::store::{Decided, Store};
use std::sync::Arc;
use uuid::Uuid;

async fn give_up(store: &dyn Store, payment: PaymentId, key: u128, seconds: i64) -> (Decided, Cancelling) {
    let key = Uuid::from_u128(key);
    decide(store, payment, move |file| cancel(file, key, later(seconds), &origin())).await
}

pub async fn what_has_no_session_is_cancelled_at_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let (decided, outcome) = give_up(store, receipt.payment.id, 1, 10).await;
    assert_eq!((decided.changed, outcome), (true, Cancelling::Cancelled));
    let after = decided.file.receipt();
    assert_eq!((after.payment.status, after.payment.updated_at), (Status::Cancelled, later(10)));
    assert_eq!(after.invoice.status, InvoiceStatus::Void);
    let (again, outcome) = give_up(store, receipt.payment.id, 2, 11).await;
    assert_eq!((again.changed, outcome), (false, Cancelling::Cancelled));
    assert_eq!(again.file, decided.file);
    made(create(store, &wish(5, 1, "again")).await);
}

pub async fn an_open_session_has_to_end_first(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let session = intend(store, &receipt).await;
    let (decided, outcome) = give_up(store, id, 1, 10).await;
    let Cancelling::Ending(creating) = outcome else { panic!("Ending, but: {outcome:?}") };
    assert_eq!((creating.state, creating.ending), (SessionState::Creating, None), "nothing to end yet");
    assert!(decided.file.payment.cancel_requested && !decided.file.payment.can_be_paid());
    assert_eq!(decided.file.payment.status, Status::Processing);
    let (_, refused) = open(store, id, new_session()).await;
    assert_eq!(refused, Opening::NotPayable);

    opened(store, &receipt, session, later(11)).await;
    for key in [2, 3] {
        let (decided, outcome) = give_up(store, id, key, 12).await;
        let ending = decided.file.session(session).unwrap().clone();
        assert_eq!(ending.ending, Some(Uuid::from_u128(key)), "a newer key takes the older one's place");
        assert_eq!(outcome, Cancelling::Ending(ending.clone()));
        assert_eq!(store.session(session).await, Ok(Some(ending)));
    }
    assert!(now(store, &receipt).await.payment.cancel_requested, "told wherever the payment is read");
    assert_eq!(count(store, "payments WHERE cancel_requested_at IS NOT NULL").await, 1);
    let (decided, outcome) = settle(store, &receipt, &expired(session)).await;
    assert_eq!(outcome, Settling::Changed);
    assert_eq!(decided.file.payment.status, Status::Cancelled, "as it was asked for");
    assert_eq!(decided.file.invoice.status, InvoiceStatus::Void);
    let kinds: Vec<_> = store.record(id, 0, 9).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["created", "checkout_intended", "cancel_requested", "session_opened", "ended"]);
    made(create(store, &wish(5, 1, "again")).await);
}

pub async fn money_is_not_cancelled(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, news) in [(1, submitted as fn(Uuid) -> _), (2, paid as fn(Uuid) -> _)] {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        let session = intend(store, &receipt).await;
        settle(store, &receipt, &news(session)).await;
        let before = file(store, receipt.payment.id).await;
        let (decided, outcome) = give_up(store, receipt.payment.id, 1, 80).await;
        assert_eq!((decided.changed, outcome), (false, Cancelling::Confirmed));
        assert_eq!(decided.file, before);
    }
    // Asked for, and then paid after all: the money counts.
    let receipt = paying(store, 3, 1, "k3").await;
    let session = intend(store, &receipt).await;
    opened(store, &receipt, session, later(2)).await;
    give_up(store, receipt.payment.id, 1, 10).await;
    let (decided, _) = settle(store, &receipt, &paid(session)).await;
    assert_eq!(decided.file.payment.status, Status::Completed);
}

pub async fn cancelled_and_opened_at_once_do_not_cross(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for id in 1..=20 {
        let receipt = paying(&*store, id, 1, &format!("k{id}")).await;
        let payment = receipt.payment.id;
        let racers = [false, true].map(|cancels| {
            let store = Arc::clone(&stores[usize::from(cancels)]);
            async move {
                if cancels {
                    Some(give_up(&*store, payment, 1, 10).await.1)
                } else {
                    open(&*store, payment, new_session()).await;
                    None
                }
            }
        });
        let outcome = at_once(racers.into()).await.into_iter().flatten().next().unwrap();
        let after = file(&*store, payment).await;
        match outcome {
            Cancelling::Cancelled => {
                assert_eq!(after.payment.status, Status::Cancelled);
                assert_eq!(after.sessions, [], "no session of a payment that is over");
            }
            Cancelling::Ending(session) => {
                assert_eq!(after.payment.status, Status::Processing);
                assert!(after.payment.cancel_requested);
                assert_eq!(after.live_session(), Some(&session));
            }
            other => panic!("{other:?}"),
        }
    }
}

pub async fn what_nobody_went_on_with_expires(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let run_out = async |payment: PaymentId, deadline: Timestamp| {
        decide(store, payment, move |file| expire(file, deadline, later(500), &origin())).await
    };
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let (decided, expired) = run_out(id, Timestamp::from_seconds(AT.as_seconds() - 1)).await;
    assert!(!decided.changed && !expired, "it is younger than that");
    let (decided, expired) = run_out(id, AT).await;
    assert!(decided.changed && expired);
    let after = decided.file.receipt();
    assert_eq!((after.payment.status, after.invoice.status), (Status::Expired, InvoiceStatus::Void));
    assert_eq!(after.payment.updated_at, later(500));
    assert!(!run_out(id, AT).await.1, "once");

    let moved_on = made(create(store, &wish(5, 1, "again")).await);
    intend(store, &moved_on).await;
    assert!(!run_out(moved_on.payment.id, later(400)).await.1, "Stripe has to be asked first");
}
