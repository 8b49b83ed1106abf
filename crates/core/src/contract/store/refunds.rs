//! Refunds by an operator: wished for once, within what was captured, and followed to their end.

use super::TestDatabase;
use super::ground::{
    FEE, at_once, completed, consult, count, decide, fresh_uuid, key, later, made, migrated, now, origin,
    php, rows,
};
use crate::decision::refund::{self, Recording, RefundNews, Wish, Wishing};
use crate::domain::{
    ConsultationId, Decimal, Fingerprint, InvoiceStatus, Money, PaymentFile, PaymentId, PaymentMethod,
    Refund, RefundOrigin, RefundState, Status, UserId,
};
use crate::ports::store::{Decided, Store};
use std::sync::Arc;
use uuid::Uuid;

/// The operator.
const BY: UserId = UserId(900);

/// A wish under a name of its own; `None`: all that remains.
pub(super) fn wish(name: &str, minor: Option<i64>) -> Wish {
    let amount = minor.map(php);
    Wish {
        id: fresh_uuid(),
        by: BY,
        key: key(name),
        fingerprint: Fingerprint::of(
            ConsultationId(minor.unwrap_or(0)),
            Decimal::new(0, 0),
            PaymentMethod::Stripe,
        ),
        amount,
        reason: Some("the visit was called off – ä".into()),
        seen: None,
        at: later(100),
    }
}

pub(super) fn encode(id: Uuid, payment_intent: &str, amount: Money) -> String {
    format!("payment_intent={payment_intent}&amount={}&metadata[refund]={id}", amount.minor)
}

pub(super) async fn ask(store: &dyn Store, payment: PaymentId, wish: &Wish) -> (Decided, Wishing) {
    let wish = wish.clone();
    decide(store, payment, move |file| refund::wish(file, &wish, &origin(), encode)).await
}

/// The refund that the wish has made.
pub(super) async fn asked(store: &dyn Store, payment: PaymentId, wish: &Wish) -> Refund {
    match ask(store, payment, wish).await {
        (_, Wishing::Made(refund)) => refund,
        other => panic!("Made was expected, but: {other:?}"),
    }
}

/// What Stripe says of one of ours.
pub(super) fn news_of(refund: &Refund, state: RefundState) -> RefundNews {
    let failed = matches!(state, RefundState::Failed | RefundState::Canceled);
    RefundNews {
        gateway_id: format!("re_{}", refund.id.simple()),
        payment_intent: refund.payment_intent.clone(),
        refund: Some(refund.id),
        amount: refund.amount,
        state,
        failure: failed.then(|| "expired_or_canceled_card".to_owned()),
        fresh: fresh_uuid(),
        replacement: fresh_uuid(),
        at: later(110),
    }
}

pub(super) async fn record(store: &dyn Store, payment: PaymentId, news: &RefundNews) -> (Decided, Recording) {
    let news = news.clone();
    decide(store, payment, move |file| refund::record(file, &news, &origin(), encode)).await
}

/// What refunds take up of the only capture, as the database keeps it.
pub(super) async fn taken(store: &dyn Store) -> String {
    rows(store, "SELECT refunding_minor FROM captures").await.join(", ")
}

pub async fn a_wish_is_one_refund(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let first = wish("r", Some(200_000));
    let (decided, outcome) = ask(store, id, &first).await;
    let expected = Refund {
        id: first.id,
        payment_intent: intent.clone(),
        amount: php(200_000),
        state: RefundState::Requested,
        origin: RefundOrigin::Operator { by: BY, key: key("r"), fingerprint: first.fingerprint },
        reason: first.reason.clone(),
        request: encode(first.id, &intent, php(200_000)),
        gateway_id: None,
        replaces: None,
        failure: None,
        created_at: later(100),
    };
    assert_eq!((decided.changed, outcome), (true, Wishing::Made(expected.clone())));
    assert_eq!(decided.file.refunds, std::slice::from_ref(&expected), "it is read as it was written");
    assert_eq!(decided.file.receipt(), receipt, "nothing is back yet");
    assert_eq!(store.refund(first.id).await, Ok(Some((id, expected.clone()))));
    assert_eq!(store.refund_by_key(BY, &key("r")).await, Ok(Some((id, expected.clone()))));

    assert_eq!(ask(store, id, &first).await.1, Wishing::Made(expected.clone()), "an unclear commit");
    let (again, known) = ask(store, id, &Wish { id: fresh_uuid(), ..first.clone() }).await;
    assert_eq!((again.changed, known), (false, Wishing::Known(expected)), "the same wish again");
    assert_eq!(ask(store, id, &wish("r", Some(1))).await.1, Wishing::KeyReused);
    let others = Wish { by: UserId(901), ..wish("r", Some(1)) };
    asked(store, id, &others).await;
    assert_eq!(count(store, "refunds").await, 2, "a key belongs to its requester");
    for (by, name) in [(BY, "R"), (UserId(1), "r")] {
        assert_eq!(store.refund_by_key(by, &key(name)).await, Ok(None));
    }
    assert_eq!(store.refund(Uuid::from_u128(404)).await, Ok(None));
}

pub async fn what_was_not_captured_is_not_refunded(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    let receipt = made(super::ground::create(store, &super::ground::wish(5, 1, "k")).await);
    let (decided, outcome) = ask(store, receipt.payment.id, &wish("r", None)).await;
    assert_eq!((decided.changed, outcome), (false, Wishing::NotRefundable(Status::Pending)));
    let (paid, _) = completed(store, 6, "six").await;
    for amount in [500_001, 0, -1] {
        let outcome = ask(store, paid.payment.id, &wish("r", Some(amount))).await.1;
        assert_eq!(outcome, Wishing::TooMuch(php(FEE)), "{amount}");
    }
    assert_eq!(asked(store, paid.payment.id, &wish("all", None)).await.amount, php(FEE));
    let more = ask(store, paid.payment.id, &wish("more", None)).await.1;
    assert_eq!(more, Wishing::NotRefundable(Status::Completed), "it is all on its way");
    assert_eq!(count(store, "refunds").await, 1);
}

pub async fn a_hundred_who_want_sixty_percent_get_one(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    let (receipt, _) = completed(&*store, 5, "k").await;
    let id = receipt.payment.id;
    let racers = (0..100_usize).map(|i| {
        let store = Arc::clone(&stores[i % 2]);
        let wish = wish(&format!("r{i}"), Some(300_000));
        async move { ask(&*store, id, &wish).await.1 }
    });
    let outcomes = at_once(racers.collect()).await;
    let made = outcomes.iter().filter(|outcome| matches!(outcome, Wishing::Made(_))).count();
    let too_much = outcomes.iter().filter(|outcome| **outcome == Wishing::TooMuch(php(200_000))).count();
    assert_eq!((made, too_much), (1, 99), "{outcomes:?}");
    assert_eq!((count(&*store, "refunds").await, taken(&*store).await.as_str()), (1, "300000"));
}

pub async fn one_key_at_once_is_one_refund(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    let (receipt, _) = completed(&*store, 5, "k").await;
    let id = receipt.payment.id;
    let racers = (0..20_usize).map(|i| {
        let (store, wish) = (Arc::clone(&stores[i % 2]), wish("r", Some(100)));
        async move { ask(&*store, id, &wish).await.1 }
    });
    let outcomes = at_once(racers.collect()).await;
    let made = outcomes.iter().filter(|outcome| matches!(outcome, Wishing::Made(_))).count();
    let known = outcomes.iter().filter(|outcome| matches!(outcome, Wishing::Known(_))).count();
    assert_eq!((made, known), (1, 19), "{outcomes:?}");
    assert_eq!(count(&*store, "refunds").await, 1);
}

pub async fn refunds_are_followed_to_their_end(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, _) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let part = asked(store, id, &wish("part", Some(123_456))).await;
    let (decided, outcome) = record(store, id, &news_of(&part, RefundState::Pending)).await;
    assert_eq!((decided.changed, outcome), (true, Recording::Changed));
    let pending = decided.file.refund(part.id).unwrap();
    assert_eq!((pending.state, &pending.gateway_id), (RefundState::Pending, &Some(gateway_id(&part))));
    assert_eq!(decided.file.payment.refunded, php(0), "not certain yet");

    let (decided, _) = record(store, id, &news_of(&part, RefundState::Succeeded)).await;
    let payment = &decided.file.payment;
    assert_eq!((payment.status, payment.refunded), (Status::Completed, php(123_456)));
    assert_eq!(payment.updated_at, later(110));
    assert_eq!(taxes(&decided.file), [14_815, 18_518], "in step, rounded like the taxes themselves");
    for older in [RefundState::Pending, RefundState::Succeeded] {
        let (again, outcome) = record(store, id, &news_of(&part, older)).await;
        assert_eq!((again.changed, outcome), (false, Recording::Unchanged));
    }
    let printed = rows(store, "SELECT refunded, amount FROM payments").await;
    assert_eq!(printed, ["1234.56 | 5000.00"], "for people to read");
    let printed = rows(store, "SELECT tax_type, tax_refunded FROM tax_records ORDER BY id").await;
    assert_eq!(printed, ["VAT | 148.15", "PPh | 185.18"]);

    let rest = asked(store, id, &wish("rest", None)).await;
    assert_eq!(rest.amount, php(FEE - 123_456));
    let (decided, _) = record(store, id, &news_of(&rest, RefundState::Succeeded)).await;
    let after = decided.file.receipt();
    assert_eq!((after.payment.status, after.payment.refunded), (Status::Refunded, php(FEE)));
    assert_eq!(after.invoice.status, InvoiceStatus::Refunded);
    assert_eq!(taxes(&decided.file), [60_000, 75_000], "all of them");
    assert_eq!(now(store, &receipt).await, after);
    let order: Vec<_> = decided.file.refunds.iter().map(|refund| refund.id).collect();
    assert_eq!(order, [part.id, rest.id], "oldest first");
    let amounts = rows(store, "SELECT amount, state FROM refunds ORDER BY amount_minor").await;
    assert_eq!(amounts, ["1234.56 | succeeded", "3765.44 | succeeded"]);
    let end = ask(store, id, &wish("more", None)).await.1;
    assert_eq!(end, Wishing::NotRefundable(Status::Refunded));
    made(super::ground::create(store, &super::ground::wish(5, 1, "again")).await);
}

fn gateway_id(refund: &Refund) -> String {
    format!("re_{}", refund.id.simple())
}

fn taxes(file: &PaymentFile) -> Vec<i64> {
    file.taxes.iter().map(|tax| tax.refunded_minor).collect()
}

pub async fn a_refund_that_fails_frees_its_money(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, _) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    for (round, state) in [RefundState::Failed, RefundState::Canceled].into_iter().enumerate() {
        let refund = asked(store, id, &wish(&format!("r{round}"), Some(300_000))).await;
        assert_eq!(taken(store).await, "300000");
        record(store, id, &news_of(&refund, RefundState::Pending)).await;
        assert_eq!(taken(store).await, "300000");
        let (decided, _) = record(store, id, &news_of(&refund, state)).await;
        assert_eq!(taken(store).await, "0", "{state:?}");
        let after = decided.file.refund(refund.id).unwrap();
        assert_eq!(after.failure.as_deref(), Some("expired_or_canceled_card"));
        assert_eq!((decided.file.payment.status, decided.file.payment.refunded), (Status::Completed, php(0)));
    }
    let lost = asked(store, id, &wish("lost", Some(300_000))).await;
    let judge = move |file: &PaymentFile| {
        refund::never_arrived(file, lost.id, "Stripe refused", true, later(120), &origin())
    };
    let (decided, outcome) = decide(store, id, judge).await;
    assert_eq!((outcome, taken(store).await.as_str()), (Recording::Changed, "0"));
    assert_eq!(decided.file.refunds.last().unwrap().failure.as_deref(), Some("Stripe refused"));
    asked(store, id, &wish("at last", Some(FEE))).await;
}

/// What the console relies on: whoever saw what remained before somebody else's refund is told of that, and refunds
/// nothing.
pub async fn of_two_who_saw_the_same_one_refunds(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let (receipt, _) = completed(&*store, 5, "k").await;
    let id = receipt.payment.id;
    let seeing = |name: &str, by: i64, minor, seen| Wish {
        by: UserId(by),
        seen: Some(php(seen)),
        ..wish(name, minor)
    };
    let asking = (0..20).map(|operator| {
        let (store, asked) = (Arc::clone(&store), seeing("r", operator, Some(100_000), FEE));
        async move { ask(&*store, id, &asked).await.1 }
    });
    let outcomes = at_once(asking.collect::<Vec<_>>()).await;
    let made: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, Wishing::Made(_))).collect();
    let [Wishing::Made(first)] = made[..] else { panic!("one refunds: {outcomes:?}") };
    let moved = Wishing::Moved { remaining: php(FEE - 100_000), latest: Some(first.clone()) };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == moved).count(), 19, "{outcomes:?}");
    assert_eq!((count(&*store, "refunds").await, taken(&*store).await), (1, "100000".into()));

    let again = Wish { id: fresh_uuid(), ..seeing("r", first_by(first), Some(100_000), FEE) };
    assert_eq!(
        ask(&*store, id, &again).await.1,
        Wishing::Known(first.clone()),
        "the same wish again is known"
    );
    let all = asked(&*store, id, &seeing("all", 30, None, FEE - 100_000)).await;
    assert_eq!(all.amount, php(FEE - 100_000), "who has looked again refunds");
    let late = ask(&*store, id, &seeing("late", 31, Some(1), FEE)).await.1;
    assert_eq!(late, Wishing::Moved { remaining: php(0), latest: Some(all.clone()) });

    record(&*store, id, &news_of(&all, RefundState::Failed)).await;
    let now = ask(&*store, id, &seeing("now", 32, Some(1), 0)).await.1;
    let moved = Wishing::Moved { remaining: php(FEE - 100_000), latest: Some(first.clone()) };
    assert_eq!(now, moved, "what failed takes nothing up");
}

fn first_by(refund: &Refund) -> i64 {
    match &refund.origin {
        RefundOrigin::Operator { by, .. } => by.0,
        other => panic!("an operator's was expected: {other:?}"),
    }
}
