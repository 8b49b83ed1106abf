//! News of a session: whoever brings it, in whatever order and however often, the payment makes one
//! transition, and money that settles nothing is kept.

use super::TestDatabase;
use super::ground::{
    at_once, count, create, expired, file, gateway_id, intend, intent_of, later, made, migrated, now, opened,
    paid, paying, php, rows, settle, submitted, wish,
};
use crate::decision::settle::{News, Settlement, Settling};
use crate::domain::{Disposition, InvoiceStatus, SessionState, Status};
use crate::ports::store::{CreateOutcome, Store};
use std::sync::Arc;
use uuid::Uuid;

async fn captures(store: &dyn Store) -> Vec<String> {
    rows(store, "SELECT payment_intent, payment_id, amount_minor, currency, disposition FROM captures ORDER BY created_at, payment_intent").await
}

pub(super) async fn session_state(store: &dyn Store, session: Uuid) -> SessionState {
    store.session(session).await.unwrap().expect("the session is there").state
}

pub(super) const SURPLUS: Settling = Settling::Stray(Disposition::Surplus);

pub async fn news_of_an_unknown_session_does_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let other = paying(store, 6, 1, "other").await;
    let before = file(store, receipt.payment.id).await;
    for unknown in [Uuid::from_u128(404), intend(store, &other).await] {
        for news in [paid(unknown), submitted(unknown), expired(unknown)] {
            let (decided, outcome) = settle(store, &receipt, &news).await;
            assert_eq!((decided.changed, outcome), (false, Settling::NoSession));
            assert_eq!(decided.file, before);
        }
    }
    assert_eq!(count(store, "captures").await, 0);
}

pub async fn money_completes_the_payment_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    opened(store, &receipt, session, later(2)).await;
    let (decided, outcome) = settle(store, &receipt, &paid(session)).await;
    assert_eq!((decided.changed, outcome), (true, Settling::Changed));
    let completed = decided.file.receipt();
    assert_eq!(completed.payment.status, Status::Completed);
    assert_eq!(completed.payment.updated_at, later(60));
    assert_eq!(completed.invoice.status, InvoiceStatus::Paid);
    assert!(!completed.payment.submitted && !completed.payment.can_be_paid());
    assert_eq!(now(store, &receipt).await, completed);
    assert_eq!(session_state(store, session).await, SessionState::Complete);
    let row = format!("{} | {} | 500000 | PHP | settled", intent_of(session), receipt.payment.id);
    assert_eq!(captures(store).await, std::slice::from_ref(&row));
    let capture = decided.file.settled().expect("the capture is in the file");
    assert_eq!((capture.session, capture.amount, capture.created_at), (session, php(500_000), later(60)));
    assert_eq!(store.payment_of_intent(&intent_of(session)).await, Ok(Some(receipt.payment.id)));
    assert_eq!(store.payment_of_intent("pi_404").await, Ok(None));

    for _ in 0..2 {
        let (again, outcome) = settle(store, &receipt, &paid(session)).await;
        assert_eq!((again.changed, outcome), (false, Settling::Unchanged));
        assert_eq!(again.file, decided.file);
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
            let (store, receipt) = (Arc::clone(&stores[i % 2]), receipt.clone());
            async move { settle(&*store, &receipt, &news(session)).await }
        });
        let outcomes = at_once(racers.collect()).await;
        let changed = outcomes.iter().filter(|(decided, _)| decided.changed).count();
        assert_eq!(changed, 1, "{outcomes:?}");
        for (decided, outcome) in &outcomes {
            let expected = if decided.changed { Settling::Changed } else { Settling::Unchanged };
            assert_eq!(*outcome, expected);
            assert_eq!(decided.file, outcomes[0].0.file, "each is shown the payment as it is now");
        }
    }
    assert_eq!(count(&*store, "captures").await, 1);
}

pub async fn paid_and_expired_at_once_make_one_transition(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    for id in 1..=20 {
        let receipt = paying(&*store, id, 1, &format!("k{id}")).await;
        let session = intend(&*store, &receipt).await;
        let racers = [paid(session), expired(session)].map(|news| {
            let (store, receipt) = (Arc::clone(&store), receipt.clone());
            async move { settle(&*store, &receipt, &news).await.1 }
        });
        let outcomes = at_once(racers.into()).await;
        let status = now(&*store, &receipt).await.payment.status;
        match (outcomes[0], outcomes[1]) {
            (Settling::Changed, Settling::Unchanged) => assert_eq!(status, Status::Completed),
            (SURPLUS, Settling::Changed) => assert_eq!(status, Status::Expired),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count(&*store, "captures").await, 20, "money is never forgotten");
}

/// O: Stripe has made it, S: submitted, P: paid, E: expired; what each answers (+ changed, = unchanged,
/// ! surplus, nothing for O), and how it ends.
pub async fn news_in_every_order(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let table = [
        ("P", "+", Status::Completed, SessionState::Complete),
        ("OP", "+", Status::Completed, SessionState::Complete),
        ("PO", "+", Status::Completed, SessionState::Complete),
        ("OSP", "++", Status::Completed, SessionState::Complete),
        ("OPS", "+=", Status::Completed, SessionState::Complete),
        ("SOP", "++", Status::Completed, SessionState::Complete),
        ("SPO", "++", Status::Completed, SessionState::Complete),
        ("POS", "+=", Status::Completed, SessionState::Complete),
        ("PSO", "+=", Status::Completed, SessionState::Complete),
        ("SSP", "+=+", Status::Completed, SessionState::Complete),
        ("E", "+", Status::Expired, SessionState::Expired),
        ("OEE", "+=", Status::Expired, SessionState::Expired),
        ("EO", "+", Status::Expired, SessionState::Expired),
        ("ES", "+=", Status::Expired, SessionState::Expired),
        ("SE", "+=", Status::Processing, SessionState::Submitted),
        ("EP", "+!", Status::Expired, SessionState::Complete),
        ("EPP", "+!=", Status::Expired, SessionState::Complete),
        ("PE", "+=", Status::Completed, SessionState::Complete),
    ];
    for (row, (order, expected, status, state)) in table.into_iter().enumerate() {
        let id = i64::try_from(row).unwrap() + 1;
        let receipt = paying(store, id, 1, order).await;
        let session = intend(store, &receipt).await;
        let mut answers = String::new();
        for news in order.chars() {
            let news = match news {
                'O' => {
                    opened(store, &receipt, session, later(2)).await;
                    continue;
                }
                'S' => submitted(session),
                'P' => paid(session),
                _ => expired(session),
            };
            let (decided, outcome) = settle(store, &receipt, &news).await;
            answers.push(sign(outcome));
            let shown = decided.file.receipt();
            assert_eq!(shown, now(store, &receipt).await, "{order}: the payment is shown as it is now");
        }
        let after = now(store, &receipt).await;
        assert_eq!(answers, expected, "{order}");
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

fn sign(outcome: Settling) -> char {
    match outcome {
        Settling::Changed => '+',
        Settling::Unchanged => '=',
        Settling::Stray(_) => '!',
        Settling::NoSession => panic!("the session is there"),
    }
}

pub async fn a_confirmed_session_awaits_its_money(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let (decided, outcome) = settle(store, &receipt, &submitted(session)).await;
    assert_eq!(outcome, Settling::Changed);
    let waiting = decided.file.receipt();
    assert_eq!((waiting.payment.status, waiting.payment.submitted), (Status::Processing, true));
    assert_eq!(waiting.invoice.status, InvoiceStatus::Pending);
    let by_key = store.key(receipt.payment.user, &super::ground::key("k")).await.unwrap().unwrap();
    assert_eq!(by_key.1, waiting, "told wherever the payment is read");
    let page = crate::ports::store::Page { user: None, consultation: None, before: None, limit: 9 };
    assert_eq!(store.payments(&page).await, Ok(vec![waiting.clone()]));
    assert_eq!(create(store, &wish(5, 1, "other")).await, CreateOutcome::Active(waiting));
}

pub async fn a_refused_session_fails_its_payment_unless_stripe_has_made_it(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let refused = Settlement { session, at: later(60), news: News::Refused };
    let (decided, outcome) = settle(store, &receipt, &refused).await;
    assert_eq!(outcome, Settling::Changed);
    let failed = decided.file.receipt();
    assert_eq!((failed.payment.status, failed.payment.submitted), (Status::Failed, false));
    assert_eq!((failed.payment.updated_at, failed.invoice.status), (later(60), InvoiceStatus::Void));
    assert_eq!(session_state(store, session).await, SessionState::Expired);
    let (again, outcome) = settle(store, &receipt, &refused).await;
    assert_eq!((again.changed, outcome, again.file), (false, Settling::Unchanged, decided.file));

    let again = made(create(store, &wish(5, 1, "new")).await);
    let session = intend(store, &again).await;
    opened(store, &again, session, later(61)).await;
    let open = now(store, &again).await;
    for news in [News::Refused, News::NeverOpened] {
        let (decided, outcome) = settle(store, &again, &Settlement { session, at: later(62), news }).await;
        assert_eq!((decided.file.receipt(), outcome), (open.clone(), Settling::Unchanged), "it can be paid");
    }
    assert_eq!(session_state(store, session).await, SessionState::Open);
}

pub async fn a_bank_that_does_not_pay_fails_the_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    settle(store, &receipt, &submitted(session)).await;
    let news = News::BankFailed { gateway_id: gateway_id(session) };
    let failed = Settlement { session, at: later(80), news };
    let (decided, outcome) = settle(store, &receipt, &failed).await;
    assert_eq!((decided.changed, outcome), (true, Settling::Changed));
    let after = decided.file.receipt();
    assert_eq!((after.payment.status, after.invoice.status), (Status::Failed, InvoiceStatus::Void));
    assert_eq!(session_state(store, session).await, SessionState::Expired);
    made(create(store, &wish(5, 1, "again")).await);
}
