//! News of a session: whoever brings it, in whatever order and however often, the payment makes one
//! transition, and money that settles nothing is kept.

use super::TestDatabase;
use super::ground::{
    at_once, count, create, expired, gateway_id, intend, intent_of, later, made, migrated, money, now, paid,
    paid_with, paying, php, rows, submitted, wish,
};
use crate::domain::{InvoiceStatus, Receipt, SessionState, Status};
use crate::ports::store::{CreateOutcome, NewSession, OpenOutcome, SettleOutcome, Settlement, Store};
use std::sync::Arc;
use uuid::Uuid;

async fn settle(store: &dyn Store, news: &Settlement) -> SettleOutcome {
    store.settle(news).await.expect("news can be written")
}

fn word(outcome: &SettleOutcome) -> &'static str {
    match outcome {
        SettleOutcome::NoSession => "NoSession",
        SettleOutcome::Changed(_) => "Changed",
        SettleOutcome::Unchanged(_) => "Unchanged",
        SettleOutcome::Surplus(_) => "Surplus",
    }
}

async fn captures(store: &dyn Store) -> Vec<String> {
    rows(store, "SELECT payment_intent, payment_id, amount_minor, currency, disposition FROM captures ORDER BY created_at, payment_intent").await
}

async fn session_state(store: &dyn Store, session: Uuid) -> SessionState {
    store.session(session).await.unwrap().expect("the session is there").state
}

pub async fn news_of_an_unknown_session_does_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let unknown = Uuid::from_u128(404);
    for news in [paid(unknown), submitted(unknown), expired(unknown)] {
        assert_eq!(settle(store, &news).await, SettleOutcome::NoSession);
    }
    assert_eq!(count(store, "captures").await, 0);
}

pub async fn money_completes_the_payment_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    store.session_opened(session, &gateway_id(session), later(2)).await.unwrap();
    let outcome = settle(store, &paid(session)).await;
    let SettleOutcome::Changed(completed) = outcome else { panic!("Changed, but: {outcome:?}") };
    assert_eq!(completed.payment.status, Status::Completed);
    assert_eq!(completed.payment.updated_at, later(60));
    assert_eq!(completed.invoice.status, InvoiceStatus::Paid);
    assert!(!completed.payment.submitted && !completed.payment.can_be_paid());
    assert_eq!(now(store, &receipt).await, completed);
    assert_eq!(session_state(store, session).await, SessionState::Complete);
    let row = format!("{} | {} | 500000 | PHP | settled", intent_of(session), receipt.payment.id);
    assert_eq!(captures(store).await, std::slice::from_ref(&row));

    for _ in 0..2 {
        assert_eq!(settle(store, &paid(session)).await, SettleOutcome::Unchanged(completed.clone()));
    }
    assert_eq!(captures(store).await, [row]);
    let active = create(store, &wish(5, 1, "again")).await;
    assert_eq!(active, CreateOutcome::Active(completed), "a completed payment blocks another");
}

pub async fn twenty_who_bring_the_same_news_change_it_once(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for (id, news) in
        [(1, paid as fn(Uuid) -> _), (2, submitted as fn(Uuid) -> _), (3, expired as fn(Uuid) -> _)]
    {
        let receipt = paying(&*store, id, 1, &format!("k{id}")).await;
        let session = intend(&*store, &receipt).await;
        let racers = (0..20_usize).map(|i| {
            let store = Arc::clone(&stores[i % 2]);
            async move { settle(&*store, &news(session)).await }
        });
        let outcomes = at_once(racers.collect()).await;
        let changed = outcomes.iter().filter(|outcome| word(outcome) == "Changed").count();
        let unchanged = outcomes.iter().filter(|outcome| word(outcome) == "Unchanged").count();
        assert_eq!((changed, unchanged), (1, 19), "{outcomes:?}");
    }
    assert_eq!(count(&*store, "captures").await, 1);
}

pub async fn paid_and_expired_at_once_make_one_transition(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    for id in 1..=20 {
        let receipt = paying(&*store, id, 1, &format!("k{id}")).await;
        let session = intend(&*store, &receipt).await;
        let racers = [paid(session), expired(session)].map(|news| {
            let store = Arc::clone(&store);
            async move { settle(&*store, &news).await }
        });
        let outcomes = at_once(racers.into()).await;
        let status = now(&*store, &receipt).await.payment.status;
        match (word(&outcomes[0]), word(&outcomes[1])) {
            ("Changed", "Unchanged") => assert_eq!(status, Status::Completed),
            ("Surplus", "Changed") => assert_eq!(status, Status::Expired),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count(&*store, "captures").await, 20, "money is never forgotten");
}

/// O: Stripe has made it, S: submitted, P: paid, E: expired; what each answers, and how it ends.
pub async fn news_in_every_order(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let table: [(&str, &[&str], Status, SessionState); 18] = [
        ("P", &["Changed"], Status::Completed, SessionState::Complete),
        ("OP", &["Changed"], Status::Completed, SessionState::Complete),
        ("PO", &["Changed"], Status::Completed, SessionState::Complete),
        ("OSP", &["Changed", "Changed"], Status::Completed, SessionState::Complete),
        ("OPS", &["Changed", "Unchanged"], Status::Completed, SessionState::Complete),
        ("SOP", &["Changed", "Changed"], Status::Completed, SessionState::Complete),
        ("SPO", &["Changed", "Changed"], Status::Completed, SessionState::Complete),
        ("POS", &["Changed", "Unchanged"], Status::Completed, SessionState::Complete),
        ("PSO", &["Changed", "Unchanged"], Status::Completed, SessionState::Complete),
        ("SSP", &["Changed", "Unchanged", "Changed"], Status::Completed, SessionState::Complete),
        ("E", &["Changed"], Status::Expired, SessionState::Expired),
        ("OEE", &["Changed", "Unchanged"], Status::Expired, SessionState::Expired),
        ("EO", &["Changed"], Status::Expired, SessionState::Expired),
        ("ES", &["Changed", "Unchanged"], Status::Expired, SessionState::Expired),
        ("SE", &["Changed", "Unchanged"], Status::Processing, SessionState::Submitted),
        ("EP", &["Changed", "Surplus"], Status::Expired, SessionState::Complete),
        ("EPP", &["Changed", "Surplus", "Unchanged"], Status::Expired, SessionState::Complete),
        ("PE", &["Changed", "Unchanged"], Status::Completed, SessionState::Complete),
    ];
    for (row, (order, expected, status, state)) in table.into_iter().enumerate() {
        let id = i64::try_from(row).unwrap() + 1;
        let receipt = paying(store, id, 1, order).await;
        let session = intend(store, &receipt).await;
        let mut words = Vec::new();
        for news in order.chars() {
            let news = match news {
                'O' => {
                    store.session_opened(session, &gateway_id(session), later(2)).await.unwrap();
                    continue;
                }
                'S' => submitted(session),
                'P' => paid(session),
                _ => expired(session),
            };
            let outcome = settle(store, &news).await;
            words.push(word(&outcome));
            assert_eq!(
                shown(outcome),
                now(store, &receipt).await,
                "{order}: the payment is shown as it is now"
            );
        }
        let after = now(store, &receipt).await;
        assert_eq!(words, expected, "{order}");
        assert_eq!(
            (after.payment.status, after.invoice.status),
            (status, InvoiceStatus::of(status)),
            "{order}"
        );
        assert_eq!(after.payment.submitted, state == SessionState::Submitted, "{order}");
        let found = store.session(session).await.unwrap().unwrap();
        assert_eq!((found.state, found.gateway_id), (state, Some(gateway_id(session))), "{order}");
    }
}

fn shown(outcome: SettleOutcome) -> Receipt {
    match outcome {
        SettleOutcome::Changed(receipt)
        | SettleOutcome::Unchanged(receipt)
        | SettleOutcome::Surplus(receipt) => receipt,
        SettleOutcome::NoSession => panic!("the session is there"),
    }
}

pub async fn a_confirmed_session_awaits_its_money(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let outcome = settle(store, &submitted(session)).await;
    let SettleOutcome::Changed(waiting) = outcome else { panic!("Changed, but: {outcome:?}") };
    assert_eq!((waiting.payment.status, waiting.payment.submitted), (Status::Processing, true));
    assert_eq!(waiting.invoice.status, InvoiceStatus::Pending);
    let by_key = store.key(receipt.payment.user, &super::ground::key("k")).await.unwrap().unwrap();
    assert_eq!(by_key.1, waiting, "told wherever the payment is read");
    let page = crate::ports::store::Page { user: None, consultation: None, before: None, limit: 9 };
    assert_eq!(store.payments(&page).await, Ok(vec![waiting.clone()]));
    assert_eq!(create(store, &wish(5, 1, "other")).await, CreateOutcome::Active(waiting));
}

pub async fn money_that_does_not_match_is_kept_for_the_operator(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, amount) in [(1, php(499_999)), (2, php(500_001)), (3, money("5000", "IDR"))] {
        let receipt = paying(store, id, 1, &format!("k{id}")).await;
        let session = intend(store, &receipt).await;
        let before = now(store, &receipt).await;
        let news = paid_with(session, &intent_of(session), amount);
        let mut waits = before.clone();
        waits.payment.submitted = true;
        assert_eq!(settle(store, &news).await, SettleOutcome::Surplus(waits.clone()), "{amount:?}");
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
        assert_eq!(word(&settle(store, &news).await), "Unchanged", "known");
        assert_eq!(
            word(&settle(store, &expired(session)).await),
            "Unchanged",
            "not expired after money came"
        );
        let new = NewSession { id: Uuid::from_u128(1), request: String::new(), at: later(90) };
        let outcome = store.intend_session(receipt.payment.id, &new).await.unwrap();
        assert_eq!(outcome, OpenOutcome::NotPayable(waits), "no second charge before the case is settled");
    }
}

pub async fn a_refused_session_fails_its_payment_unless_stripe_has_made_it(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let refused = Settlement::Refused { session, at: later(60) };
    let SettleOutcome::Changed(failed) = settle(store, &refused).await else { panic!("it fails") };
    assert_eq!((failed.payment.status, failed.payment.submitted), (Status::Failed, false));
    assert_eq!((failed.payment.updated_at, failed.invoice.status), (later(60), InvoiceStatus::Void));
    assert_eq!(session_state(store, session).await, SessionState::Expired);
    assert_eq!(settle(store, &refused).await, SettleOutcome::Unchanged(failed), "asked again");

    let again = made(create(store, &wish(5, 1, "new")).await);
    let session = intend(store, &again).await;
    store.session_opened(session, &gateway_id(session), later(61)).await.unwrap();
    let open = now(store, &again).await;
    let refused = Settlement::Refused { session, at: later(62) };
    assert_eq!(settle(store, &refused).await, SettleOutcome::Unchanged(open), "it can be paid");
    assert_eq!(session_state(store, session).await, SessionState::Open);
}

pub async fn money_after_the_end_is_surplus_and_touches_no_other_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let old = paying(store, 5, 1, "old").await;
    let old_session = intend(store, &old).await;
    settle(store, &expired(old_session)).await;
    let new = made(create(store, &wish(5, 1, "new")).await);
    let new_session = intend(store, &new).await;
    let processing = now(store, &new).await;

    let outcome = settle(store, &paid(old_session)).await;
    assert_eq!(outcome, SettleOutcome::Surplus(now(store, &old).await));
    assert_eq!(now(store, &old).await.payment.status, Status::Expired, "a terminal state never goes back");
    assert_eq!(now(store, &old).await.invoice.status, InvoiceStatus::Void);
    assert_eq!(now(store, &new).await, processing, "the new payment is as it was");
    assert_eq!(word(&settle(store, &paid(new_session)).await), "Changed");
    let dispositions = rows(store, "SELECT payment_id, disposition FROM captures ORDER BY payment_id").await;
    let expected = [format!("{} | surplus", old.payment.id), format!("{} | settled", new.payment.id)];
    assert_eq!(dispositions, expected);
}

pub async fn a_second_capture_is_surplus(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    assert_eq!(word(&settle(store, &paid(session)).await), "Changed");
    let completed = now(store, &receipt).await;
    let second = paid_with(session, "pi_second", php(500_000));
    assert_eq!(settle(store, &second).await, SettleOutcome::Surplus(completed.clone()));
    let odd = paid_with(session, "pi_third", php(1));
    assert_eq!(settle(store, &odd).await, SettleOutcome::Surplus(completed.clone()));
    assert_eq!(now(store, &receipt).await, completed);
    let sql = "SELECT disposition, count(*) FROM captures GROUP BY disposition ORDER BY disposition";
    assert_eq!(rows(store, sql).await, ["settled | 1", "surplus | 2"]);
}

pub async fn a_capture_is_counted_once_whatever_session_it_is_said_to_be_of(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let one = paying(store, 5, 1, "a").await;
    let two = paying(store, 6, 1, "b").await;
    let first = intend(store, &one).await;
    let second = intend(store, &two).await;
    settle(store, &paid(first)).await;
    let processing = now(store, &two).await;
    let same_money = paid_with(second, &intent_of(first), php(500_000));
    assert_eq!(settle(store, &same_money).await, SettleOutcome::Unchanged(processing.clone()));
    assert_eq!(now(store, &two).await, processing, "one capture settles one payment");
    assert_eq!(session_state(store, second).await, SessionState::Creating);
    assert_eq!(count(store, "captures").await, 1);
}
