//! Money that settles nothing: kept, counted once, and shown to the operator.

use super::TestDatabase;
use super::ground::{
    count, create, expired, file, intend, intent_of, made, migrated, money, new_session, now, open, origin,
    paid, paid_with, paying, php, rows, settle, try_decide, wish,
};
use super::settle::{SURPLUS, session_state};
use crate::decision::open::Opening;
use crate::decision::settle::{self as settling, Settling};
use crate::domain::{Disposition, InvoiceStatus, PaymentFile, SessionState, Status};

pub async fn money_that_does_not_match_is_kept_for_the_operator(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, amount) in [(1, php(499_999)), (2, php(500_001)), (3, money("5000", "IDR"))] {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        let session = intend(store, &receipt).await;
        let mut waits = now(store, &receipt).await;
        waits.payment.submitted = true;
        let news = paid_with(session, &intent_of(session), amount);
        let (decided, outcome) = settle(store, &receipt, &news).await;
        assert_eq!(outcome, Settling::Stray(Disposition::Mismatch), "{amount:?}");
        assert_eq!(decided.file.receipt(), waits);
        assert_eq!(
            now(store, &receipt).await,
            waits,
            "the payment is as it was, but nobody is sent to pay again"
        );
        assert!(!waits.payment.can_be_paid());
        assert_eq!(session_state(store, session).await, SessionState::Complete);
        let sql = format!(
            "SELECT amount_minor, currency, disposition FROM captures WHERE payment_id = {}",
            receipt.payment.id
        );
        assert_eq!(rows(store, &sql).await, [format!("{} | {} | mismatch", amount.minor, amount.currency)]);
        assert_eq!(settle(store, &receipt, &news).await.1, Settling::Unchanged, "known");
        let expiry = settle(store, &receipt, &expired(session)).await.1;
        assert_eq!(expiry, Settling::Unchanged, "not expired after money came");
        let (decided, outcome) = open(store, receipt.payment.id, new_session()).await;
        assert_eq!(outcome, Opening::NotPayable, "no second charge before the case is settled");
        assert_eq!(decided.file.receipt(), waits);
        let open = format!("cases WHERE kind = 'mismatch' AND object = '{}'", intent_of(session));
        assert_eq!(count(store, &open).await, 1, "the operator is told");
    }
}

pub async fn money_after_the_end_is_surplus_and_touches_no_other_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let old = paying(store, 5, 1, "old").await;
    let old_session = intend(store, &old).await;
    settle(store, &old, &expired(old_session)).await;
    let new = made(create(store, &wish(5, 1, "new")).await);
    let new_session = intend(store, &new).await;
    let processing = now(store, &new).await;

    let (decided, outcome) = settle(store, &old, &paid(old_session)).await;
    assert_eq!(outcome, SURPLUS);
    assert_eq!(decided.file.receipt(), now(store, &old).await);
    assert_eq!(now(store, &old).await.payment.status, Status::Expired, "a terminal state never goes back");
    assert_eq!(now(store, &old).await.invoice.status, InvoiceStatus::Void);
    assert_eq!(now(store, &new).await, processing, "the new payment is as it was");
    assert_eq!(settle(store, &new, &paid(new_session)).await.1, Settling::Changed);
    let dispositions = rows(store, "SELECT payment_id, disposition FROM captures ORDER BY payment_id").await;
    let expected = [format!("{} | surplus", old.payment.id), format!("{} | settled", new.payment.id)];
    assert_eq!(dispositions, expected);
}

pub async fn a_second_capture_is_surplus(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    assert_eq!(settle(store, &receipt, &paid(session)).await.1, Settling::Changed);
    let completed = now(store, &receipt).await;
    for (intent, amount) in [("pi_second", php(500_000)), ("pi_third", php(1))] {
        let (decided, outcome) = settle(store, &receipt, &paid_with(session, intent, amount)).await;
        assert_eq!((decided.file.receipt(), outcome), (completed.clone(), SURPLUS));
    }
    assert_eq!(now(store, &receipt).await, completed);
    let sql = "SELECT disposition, count(*) FROM captures GROUP BY disposition ORDER BY disposition";
    assert_eq!(rows(store, sql).await, ["settled | 1", "surplus | 2"]);
}

/// Whoever brings the news looks for the capture's payment first; one who does not is stopped by the
/// database.
pub async fn a_capture_is_counted_once_whatever_session_it_is_said_to_be_of(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let one = paying(store, 5, 1, "a").await;
    let two = paying(store, 6, 1, "b").await;
    let first = intend(store, &one).await;
    let second = intend(store, &two).await;
    settle(store, &one, &paid(first)).await;
    let before = file(store, two.payment.id).await;
    assert_eq!(store.payment_of_intent(&intent_of(first)).await, Ok(Some(one.payment.id)));
    let same_money = paid_with(second, &intent_of(first), php(500_000));
    let judge = move |file: &PaymentFile| settling::settle(file, &same_money, &origin());
    let refused = try_decide(store, two.payment.id, judge).await;
    assert!(refused.is_err(), "one capture settles one payment: {refused:?}");
    assert_eq!(file(store, two.payment.id).await, before, "and nothing of it is left");
    assert_eq!(session_state(store, second).await, SessionState::Creating);
    assert_eq!(count(store, "captures").await, 1);
}
