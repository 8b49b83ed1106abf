//! What an operator has to look at: one case for a kind and an object.

use super::TestDatabase;
use super::ground::{later, migrated, paying};
use crate::domain::{PaymentId, Timestamp};
use crate::ports::store::Store;
use crate::ports::{Case, CaseKind};

fn case(kind: CaseKind, object: &str, payment: Option<PaymentId>, opened_at: Timestamp) -> Case {
    let detail = format!("{} of {object}", kind.as_str());
    Case { kind, object: object.into(), payment, detail, opened_at, closed_at: None }
}

async fn all(store: &dyn Store, open: bool) -> Vec<Case> {
    store.cases(open, 100).await.expect("cases can be read")
}

pub async fn a_case_is_opened_once_and_closed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let payment = paying(store, 5, 1, "k").await.payment.id;
    assert_eq!(all(store, false).await, []);
    let surplus = case(CaseKind::Surplus, "pi_1", Some(payment), later(1));
    let cap = case(CaseKind::RefundCap, "pi_1", None, later(2));
    assert_eq!(store.open_case(&surplus).await, Ok(true));
    let later_one = Case { opened_at: later(9), detail: "again".into(), ..surplus.clone() };
    assert_eq!(store.open_case(&later_one).await, Ok(false), "it is there");
    assert_eq!(store.open_case(&cap).await, Ok(true), "another kind of the same object");
    assert_eq!(all(store, true).await, [surplus.clone(), cap.clone()], "as it was first seen");

    assert_eq!(store.close_case(CaseKind::Surplus, "pi_1", later(5)).await, Ok(true));
    assert_eq!(store.close_case(CaseKind::Surplus, "pi_1", later(6)).await, Ok(false), "none is open");
    assert_eq!(store.close_case(CaseKind::Mismatch, "pi_1", later(6)).await, Ok(false), "none was");
    let closed = Case { closed_at: Some(later(5)), ..surplus };
    assert_eq!(all(store, true).await, std::slice::from_ref(&cap));
    assert_eq!(all(store, false).await, [closed, cap.clone()]);

    assert_eq!(store.open_case(&later_one).await, Ok(false), "somebody has looked at it");
    assert_eq!(all(store, true).await, [cap]);
}

pub async fn cases_are_listed_oldest_first(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let mut expected = Vec::new();
    for (number, kind) in (0..).zip(CaseKind::ALL) {
        expected.push(case(kind, &format!("o{number}"), None, later(10 - number)));
    }
    for case in &expected {
        assert_eq!(store.open_case(case).await, Ok(true));
    }
    expected.reverse();
    assert_eq!(all(store, true).await, expected, "by the moment in which they were opened");
    assert_eq!(store.cases(true, 2).await.unwrap(), expected[..2]);
    assert_eq!(store.cases(false, 3).await.unwrap(), expected[..3]);
}
