//! The reconciler's lists: each in its order, going on after its last item.

use super::TestDatabase;
use super::ground::{
    AT, completed, consult, create, decide, expired, fresh_uuid, intend, intent_of, later, made, migrated,
    opened, origin, paid, paid_with, paying, php, settle, submitted,
};
use super::refunds::{asked, encode, news_of, record, wish};
use crate::decision::cancel::cancel;
use crate::decision::refund::{RefundNews, give_back};
use crate::domain::{PaymentId, Receipt, RefundOrigin, RefundState, SessionState, Timestamp};
use crate::ports::store::{NewPayment, Store};
use crate::ports::{AwaitedRefund, AwaitedSession, StrayCapture};
use uuid::Uuid;

/// Walks a list two by two; `after` is what the next page comes after.
macro_rules! walk {
    ($start:expr, |$after:ident| $page:expr, |$last:ident| $next:expr) => {{
        let mut seen = Vec::new();
        let mut $after = $start;
        loop {
            let page = $page.await.expect("the list can be read");
            assert!(page.len() <= 2, "no more than the limit");
            let Some($last) = page.last() else { break seen };
            $after = $next;
            seen.extend(page);
        }
    }};
}

pub async fn payments_that_nobody_goes_on_with(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let mut made_at = Vec::new();
    for id in 1..=6 {
        consult(store, id, 1).await;
        let new = super::ground::wish(id, 1, &format!("k{id}"));
        made_at.push(made(create(store, &NewPayment { at: later(id), ..new }).await));
    }
    intend(store, &made_at[1]).await;
    let ids: Vec<_> = made_at.iter().map(|receipt| receipt.payment.id).collect();
    let overdue = async |seconds: i64| {
        walk!(PaymentId(0), |after| store.overdue_payments(later(seconds), after, 2), |last| *last)
    };
    assert_eq!(overdue(1).await, [], "made before, not at");
    assert_eq!(overdue(5).await, [ids[0], ids[2], ids[3]], "pending ones only");
    let just_after = Timestamp::from_micros(later(1).as_micros() + 1);
    assert_eq!(store.overdue_payments(just_after, PaymentId(0), 2).await, Ok(vec![ids[0]]));
    assert_eq!(overdue(99).await, [ids[0], ids[2], ids[3], ids[4], ids[5]]);
}

async fn awaited(store: &dyn Store) -> Vec<AwaitedSession> {
    walk!(0, |after| store.awaited_sessions(after, 2), |last| last.ordinal)
}

pub async fn sessions_whose_end_is_awaited(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let mut all = Vec::new();
    for id in 1..=6 {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        let session = intend(store, &receipt).await;
        all.push((receipt, session));
    }
    let (receipt, session) = &all[1];
    opened(store, receipt, *session, later(2)).await;
    let key = Uuid::from_u128(9);
    decide(store, receipt.payment.id, move |file| cancel(file, key, later(3), &origin())).await;
    settle(store, &all[2].0, &submitted(all[2].1)).await;
    settle(store, &all[3].0, &expired(all[3].1)).await;
    settle(store, &all[4].0, &paid(all[4].1)).await;

    let found = awaited(store).await;
    let names: Vec<_> = found.iter().map(|item| item.session.id).collect();
    assert_eq!(names, [all[0].1, all[1].1, all[2].1, all[5].1], "in the order in which they were made");
    let wanted: Vec<_> = found.iter().map(|item| item.cancel_requested).collect();
    assert_eq!(wanted, [false, true, false, false]);
    assert_eq!(found[1].session.ending, Some(key));
    for item in &found {
        assert_eq!(store.session(item.session.id).await, Ok(Some(item.session.clone())));
    }

    let since = async |seconds| {
        let list = walk!(0, |after| store.sessions_since(later(seconds), after, 2), |last| last.ordinal);
        list.into_iter().map(|item| item.session.id).collect::<Vec<_>>()
    };
    assert_eq!(since(1).await, [all[1].1, all[2].1, all[3].1, all[4].1], "those that Stripe has made");
    assert!(since(2).await.is_empty());
}

pub async fn refunds_whose_end_is_awaited(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let mut all = Vec::new();
    for number in 0..6 {
        let mut wish = wish(&format!("r{number}"), Some(1000));
        // Not in the order in which they are made.
        wish.id = Uuid::from_u128(0x1000 - number);
        wish.at = later(100 + i64::try_from(number).unwrap());
        all.push(asked(store, id, &wish).await);
    }
    record(store, id, &news_of(&all[1], RefundState::Pending)).await;
    record(store, id, &news_of(&all[2], RefundState::Succeeded)).await;
    record(store, id, &news_of(&all[3], RefundState::Failed)).await;
    let found = walk!(Uuid::nil(), |after| store.awaited_refunds(after, 2), |last| last.refund.id);
    let names: Vec<_> = found.iter().map(|item| item.refund.id).collect();
    assert_eq!(names, [all[5].id, all[4].id, all[1].id, all[0].id], "by name");
    for AwaitedRefund { payment, refund } in found {
        assert_eq!(store.refund(refund.id).await, Ok(Some((payment, refund))));
    }

    let since = async |seconds| {
        let list =
            walk!(Uuid::nil(), |after| store.refunds_since(later(seconds), after, 2), |last| last.refund.id);
        list.into_iter().map(|item| item.refund.id).collect::<Vec<_>>()
    };
    let by_name: Vec<_> = all.iter().rev().map(|refund| refund.id).collect();
    assert_eq!(since(100).await, by_name);
    assert_eq!(since(104).await, by_name[..2], "at or after");
    assert!(since(106).await.is_empty());
    let news = RefundNews { at: later(200), ..news_of(&all[0], RefundState::Failed) };
    let found = RefundNews { gateway_id: "re_1".into(), refund: None, payment_intent: intent, ..news };
    record(store, id, &found).await;
    assert_eq!(since(200).await, [found.fresh], "those that were made elsewhere as well");
}

async fn surplus(store: &dyn Store, receipt: &Receipt, session: Uuid, intent: &str, minor: i64) {
    settle(store, receipt, &paid_with(session, intent, php(minor))).await;
}

pub async fn money_that_is_to_go_back(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let session = intend(store, &receipt).await;
    settle(store, &receipt, &paid(session)).await;
    for intent in ["pi_e", "pi_c", "pi_a", "pi_b", "pi_d"] {
        surplus(store, &receipt, session, intent, 700).await;
    }
    let list = async || {
        let list = walk!(String::new(), |after| store.stray_captures(&after, 2), |last| last
            .capture
            .payment_intent
            .clone());
        list.into_iter()
            .map(|StrayCapture { payment, capture }| {
                assert_eq!(payment, id);
                capture.payment_intent
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(list().await, ["pi_a", "pi_b", "pi_c", "pi_d", "pi_e"], "not what settled the payment");
    let back = async |intent: &'static str, seconds: i64| {
        let name = fresh_uuid();
        let judge = move |file: &crate::domain::PaymentFile| {
            give_back(file, intent, name, later(seconds), &origin(), encode)
        };
        decide(store, id, judge).await.1.expect("it is given back")
    };
    let refund = back("pi_b", 100).await;
    assert_eq!(refund.origin, RefundOrigin::Automatic);
    assert_eq!(list().await, ["pi_a", "pi_c", "pi_d", "pi_e"], "all of it is on its way");
    record(store, id, &news_of(&refund, RefundState::Failed)).await;
    assert_eq!(list().await, ["pi_a", "pi_b", "pi_c", "pi_d", "pi_e"], "and free again");

    back("pi_c", 101).await;
    asked(store, id, &wish("r", Some(1))).await;
    for (since, expected) in [(100, 2), (101, 1), (102, 0)] {
        assert_eq!(store.automatic_refunds_since(later(since)).await, Ok(expected), "since {since}");
    }
}

pub async fn money_that_came_since(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    settle(store, &receipt, &paid(session)).await;
    for intent in ["pi_x", "pi_z", "pi_y"] {
        let mut news = paid_with(session, intent, php(700));
        news.at = later(90);
        settle(store, &receipt, &news).await;
    }
    let since = async |seconds| {
        let list = walk!(String::new(), |after| store.captures_since(later(seconds), &after, 2), |last| last
            .capture
            .payment_intent
            .clone());
        list.into_iter().map(|item| item.capture.payment_intent).collect::<Vec<_>>()
    };
    let mut all = vec![intent_of(session), "pi_x".into(), "pi_y".into(), "pi_z".into()];
    assert_eq!(since(90).await, all[1..], "at or after, by payment intent");
    let just_after = Timestamp::from_micros(later(90).as_micros() + 1);
    assert_eq!(store.captures_since(just_after, "", 9).await, Ok(vec![]), "to the fraction of a second");
    all.sort();
    assert_eq!(since(60).await, all, "whatever it settles");
    assert_eq!(since(91).await, [""; 0]);
    let file = store.file(receipt.payment.id).await.unwrap().unwrap();
    assert_eq!(file.captures.len(), 4);
    assert_eq!(file.sessions[0].state, SessionState::Complete);
    assert!(AT < file.captures[0].created_at);
}
