//! Finding payments again, and forgetting old keys.

use super::TestDatabase;
use super::ground::{
    consult, count, create, expired, intend, key, later, made, migrated, paying, settle, wish,
};
use crate::domain::{ConsultationId, PaymentId, Receipt, UserId};
use crate::ports::store::{NewPayment, Page, Store};

const ALL: Page = Page { user: None, consultation: None, before: None, limit: 100 };

async fn list(store: &dyn Store, page: Page) -> Vec<Receipt> {
    store.payments(&page).await.expect("payments can be listed")
}

pub async fn a_payment_is_found_or_not(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.payment(PaymentId(1)).await, Ok(None));
    assert_eq!(list(store, ALL).await, []);
    let receipt = paying(store, 5, 1, "k").await;
    assert_eq!(store.payment(receipt.payment.id).await, Ok(Some(receipt.clone())));
    assert_eq!(store.payment(PaymentId(receipt.payment.id.0 + 1)).await, Ok(None));
    assert_eq!(store.payment(PaymentId(i64::MAX)).await, Ok(None));
    assert_eq!(store.payment(PaymentId(-1)).await, Ok(None));
    assert_eq!(store.key(UserId(1), &key("no")).await, Ok(None));
}

pub async fn a_list_goes_on_from_a_cursor(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let mut all = Vec::new();
    for id in 1..=7 {
        all.push(paying(store, id, 1, &format!("k{id}")).await);
    }
    all.reverse();
    assert_eq!(list(store, ALL).await, all, "newest first");
    let mut seen = Vec::new();
    let mut before = None;
    for expected in [3, 3, 1, 0] {
        let page = list(store, Page { before, limit: 3, ..ALL }).await;
        assert_eq!(page.len(), expected);
        before = page.last().map(|receipt| receipt.payment.id).or(before);
        seen.extend(page);
    }
    assert_eq!(seen, all, "nothing twice, nothing left out");
}

pub async fn a_list_is_narrowed_by_user_and_consultation(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let first = paying(store, 5, 1, "a").await;
    let session = intend(store, &first).await;
    settle(store, &first, &expired(session)).await;
    let again = made(create(store, &wish(5, 1, "b")).await);
    let other = paying(store, 6, 1, "c").await;
    let stranger = paying(store, 7, 2, "a").await;
    let ids = async |user: Option<i64>, consultation: Option<i64>, before: Option<PaymentId>| {
        let page = Page {
            user: user.map(UserId),
            consultation: consultation.map(ConsultationId),
            before,
            limit: 100,
        };
        list(store, page).await.iter().map(|receipt| receipt.payment.id).collect::<Vec<_>>()
    };
    let [first, again, other, stranger] = [first, again, other, stranger].map(|receipt| receipt.payment.id);
    assert_eq!(ids(None, None, None).await, [stranger, other, again, first]);
    assert_eq!(ids(Some(1), None, None).await, [other, again, first]);
    assert_eq!(ids(Some(2), None, None).await, [stranger]);
    assert_eq!(ids(Some(3), None, None).await, []);
    assert_eq!(ids(None, Some(5), None).await, [again, first]);
    assert_eq!(ids(Some(1), Some(5), None).await, [again, first]);
    assert_eq!(ids(Some(2), Some(5), None).await, [], "another's consultation shows nothing");
    assert_eq!(ids(Some(1), Some(5), Some(again)).await, [first]);
    assert_eq!(ids(Some(1), None, Some(first)).await, []);
}

pub async fn old_keys_are_forgotten_some_at_a_time(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for id in 1..=5 {
        consult(store, id, 1).await;
        let new = NewPayment { at: later(id), ..wish(id, 1, &format!("k{id}")) };
        made(create(store, &new).await);
    }
    assert_eq!(store.purge_keys(later(1), 100).await, Ok(0), "made before, not at");
    assert_eq!(store.purge_keys(later(5), 3).await, Ok(3));
    assert_eq!(count(store, "idempotency_keys").await, 2);
    assert_eq!(store.purge_keys(later(5), 3).await, Ok(1));
    assert_eq!(store.purge_keys(later(5), 3).await, Ok(0));
    assert_eq!(store.key(UserId(1), &key("k1")).await, Ok(None));
    assert!(store.key(UserId(1), &key("k5")).await.unwrap().is_some(), "the youngest is kept");
    assert_eq!(count(store, "payments").await, 5, "payments are never forgotten");
}
