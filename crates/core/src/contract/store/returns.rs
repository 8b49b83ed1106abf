//! Money that goes back without an operator's wish: made in Stripe's dashboard, bounced, or money that
//! settled nothing. And what the database holds to, whoever writes refunds.

use super::TestDatabase;
use super::ground::{
    FEE, completed, count, decide, expired, file, fresh_uuid, intend, intent_of, later, migrated, now,
    origin, paid, paid_with, paying, php, rows, settle,
};
use super::guards::{accepts, refuses};
use super::refunds::{ask, asked, encode, news_of, record, taken, wish};
use crate::decision::refund::{Recording, RefundNews, Wishing, give_back};
use crate::domain::{PaymentId, Refund, RefundOrigin, RefundState, Status, Timestamp};
use crate::ports::store::{Decided, Store};
use uuid::Uuid;

fn found(payment_intent: &str, name: &str, minor: i64, state: RefundState) -> RefundNews {
    RefundNews {
        gateway_id: name.into(),
        payment_intent: payment_intent.into(),
        refund: None,
        amount: php(minor),
        state,
        failure: None,
        fresh: fresh_uuid(),
        replacement: fresh_uuid(),
        at: later(110),
    }
}

async fn open_cases(store: &dyn Store) -> Vec<String> {
    rows(store, "SELECT kind, object FROM cases WHERE closed_at IS NULL ORDER BY kind, object").await
}

pub async fn one_made_in_the_dashboard_is_recorded(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let news = found(&intent, "re_1", 300_000, RefundState::Succeeded);
    let (decided, outcome) = record(store, id, &news).await;
    assert_eq!((decided.changed, outcome), (true, Recording::Changed));
    let refund = &decided.file.refunds[0];
    assert_eq!((&refund.origin, refund.state), (&RefundOrigin::Dashboard, RefundState::Succeeded));
    assert_eq!((refund.gateway_id.as_deref(), refund.request.as_str()), (Some("re_1"), ""));
    assert_eq!(decided.file.payment.refunded, php(300_000));
    assert_eq!(taken(store).await, "300000");
    let again = RefundNews { fresh: fresh_uuid(), ..news };
    assert_eq!(record(store, id, &again).await.1, Recording::Unchanged);

    asked(store, id, &wish("r", Some(200_000))).await;
    let news = found(&intent, "re_2", 1, RefundState::Pending);
    let (decided, outcome) = record(store, id, &news).await;
    assert_eq!((decided.changed, outcome), (false, Recording::DoesNotFit), "ours may not have arrived");
    let stranger = found("pi_404", "re_3", 1, RefundState::Succeeded);
    assert_eq!(record(store, id, &stranger).await.1, Recording::NoCapture);
    assert_eq!(count(store, "refunds").await, 2);
    let full = ask(store, id, &wish("more", Some(1))).await.1;
    assert_eq!(full, Wishing::NotRefundable(Status::Completed));
}

pub async fn one_that_bounces_is_made_up_for_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, _) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let first = asked(store, id, &wish("r", None)).await;
    record(store, id, &news_of(&first, RefundState::Succeeded)).await;
    assert_eq!(now(store, &receipt).await.payment.status, Status::Refunded);
    let (decided, _) = record(store, id, &news_of(&first, RefundState::Failed)).await;
    assert_eq!(decided.file.payment.status, Status::Refunded, "a terminal state never goes back");
    assert_eq!(decided.file.payment.refunded, php(0));
    assert_eq!(open_cases(store).await, [format!("refund_bounced | {}", first.id)]);
    let again = decided.file.refunds[1].clone();
    assert_eq!((again.replaces, &again.origin), (Some(first.id), &RefundOrigin::Automatic));
    assert_eq!((again.amount, taken(store).await.as_str()), (php(FEE), "500000"));
    let once = record(store, id, &news_of(&first, RefundState::Failed)).await;
    assert_eq!((once.1, count(store, "refunds").await), (Recording::Unchanged, 2));

    let (decided, _) = record(store, id, &news_of(&again, RefundState::Succeeded)).await;
    assert_eq!(decided.file.payment.refunded, php(FEE));
    assert_eq!(open_cases(store).await, [""; 0], "nobody need look at it any more");
    let closed = rows(store, "SELECT payment_id FROM cases WHERE closed_at IS NOT NULL").await;
    assert_eq!(closed, [id.to_string()]);
}

async fn give(
    store: &dyn Store,
    payment: PaymentId,
    intent: &str,
    at: Timestamp,
) -> (Decided, Option<Refund>) {
    let (intent, id) = (intent.to_owned(), fresh_uuid());
    decide(store, payment, move |file| give_back(file, &intent, id, at, &origin(), encode)).await
}

pub async fn money_that_settles_nothing_goes_back_once(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let id = receipt.payment.id;
    let session = intend(store, &receipt).await;
    settle(store, &receipt, &expired(session)).await;
    settle(store, &receipt, &paid(session)).await;
    let intent = intent_of(session);
    assert_eq!(open_cases(store).await, [format!("surplus | {intent}")]);
    let (decided, refund) = give(store, id, &intent, later(100)).await;
    let refund = refund.expect("it is given back");
    assert_eq!((refund.amount, &refund.origin), (php(FEE), &RefundOrigin::Automatic));
    assert_eq!(decided.file.refunds, std::slice::from_ref(&refund));
    let (again, none) = give(store, id, &intent, later(100)).await;
    assert_eq!((again.changed, none), (false, None), "once");
    let (decided, _) = record(store, id, &news_of(&refund, RefundState::Succeeded)).await;
    assert_eq!(decided.file.payment.status, Status::Expired, "as it was");
    assert_eq!(decided.file.payment.refunded, php(0), "it was never the payment's");
    assert_eq!(open_cases(store).await, [""; 0]);
}

pub async fn a_payment_whose_wrong_money_is_back_has_failed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let session = intend(store, &receipt).await;
    let intent = intent_of(session);
    settle(store, &receipt, &paid_with(session, &intent, php(1))).await;
    let refund = give(store, receipt.payment.id, &intent, later(100)).await.1.expect("it is given back");
    let stuck = news_of(&refund, RefundState::Failed);
    record(store, receipt.payment.id, &stuck).await;
    let waiting = [format!("mismatch | {intent}"), format!("refund_stuck | {}", refund.id)];
    assert_eq!(open_cases(store).await, waiting);
    assert_eq!(give(store, receipt.payment.id, &intent, later(200)).await.1, None, "not at once");
    let second = give(store, receipt.payment.id, &intent, later(3_700)).await.1.expect("it is tried again");
    let (decided, _) = record(store, receipt.payment.id, &news_of(&second, RefundState::Succeeded)).await;
    assert_eq!(decided.file.payment.status, Status::Failed);
    assert_eq!(open_cases(store).await, [""; 0]);
    assert_eq!(file(store, receipt.payment.id).await.refunds.len(), 2);
}

/// A refund by hand, of the only capture.
fn by_hand(number: u32, minor: i64, state: &str) -> String {
    format!(
        "INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, currency_decimals, \
         state, origin, request, created_at, updated_at) SELECT 'aaaaaaaa-0000-4000-8000-{number:012}', \
         payment_id, payment_intent, {minor}, currency, 2, '{state}', 'dashboard', '', created_at, created_at \
         FROM captures"
    )
}

fn of(number: u32) -> String {
    format!("WHERE id = 'aaaaaaaa-0000-4000-8000-{number:012}'")
}

pub async fn the_database_refuses_to_give_back_more_than_came(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    completed(store, 5, "k").await;
    for state in ["requested", "pending", "succeeded"] {
        refuses(database, &by_hand(1, 500_001, state)).await;
    }
    accepts(database, &by_hand(1, 300_000, "requested")).await;
    refuses(database, &by_hand(2, 200_001, "succeeded")).await;
    accepts(database, &by_hand(2, 200_000, "pending")).await;
    refuses(database, &by_hand(3, 1, "requested")).await;
    accepts(database, &by_hand(3, 500_000, "failed")).await;
    assert_eq!(taken(store).await, "500000");
    refuses(database, &format!("UPDATE refunds SET state = 'pending' {}", of(3))).await;
    refuses(database, &format!("UPDATE refunds SET amount_minor = 200001 {}", of(2))).await;
    accepts(database, &format!("UPDATE refunds SET amount_minor = 199999 {}", of(2))).await;
    accepts(database, &format!("UPDATE refunds SET state = 'canceled' {}", of(1))).await;
    assert_eq!(taken(store).await, "199999");
    accepts(database, &format!("UPDATE refunds SET state = 'succeeded' {}", of(2))).await;
    accepts(database, &by_hand(4, 300_001, "pending")).await;
    refuses(database, &format!("UPDATE refunds SET state = 'requested' {}", of(1))).await;
    refuses(database, "UPDATE captures SET amount_minor = 499999").await;
    refuses(database, "UPDATE captures SET refunding_minor = -1").await;
    assert_eq!(taken(store).await, "500000");
}

pub async fn the_database_refuses_what_is_no_refund(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let right = by_hand(1, 100, "requested");
    for (what, instead) in [
        ("SELECT 'aaaaaaaa", "SELECT 'aaaaaaa"),
        ("100, currency", "0, currency"),
        ("100, currency", "100, 'IDR'"),
        ("'requested'", "'sent'"),
        ("'dashboard'", "'somebody'"),
        ("'dashboard'", "'operator'"),
        ("payment_intent, 100", "'pi_404', 100"),
    ] {
        assert!(right.contains(what), "{what}");
        refuses(database, &right.replace(what, instead)).await;
    }
    accepts(database, &right).await;
    refuses(database, "UPDATE refunds SET idempotency_key = 'k'").await;
    refuses(database, "UPDATE refunds SET requested_by = 1").await;
    refuses(database, "UPDATE payments SET refunded_minor = 500001").await;
    refuses(database, "UPDATE payments SET refunded_minor = -1").await;
    refuses(database, "UPDATE payments SET refunded = 1").await;
    refuses(database, "UPDATE tax_records SET tax_refunded_minor = tax_amount_minor + 1").await;
    refuses(database, "DELETE FROM captures").await;

    let first = asked(store, receipt.payment.id, &wish("r", Some(1))).await;
    let second = asked(store, receipt.payment.id, &wish("s", Some(1))).await;
    let same_key = format!("UPDATE refunds SET idempotency_key = 'r' WHERE id = '{}'", second.id);
    refuses(database, &same_key).await;
    let replaces = |id: Uuid| format!("UPDATE refunds SET replaces = '{}' WHERE id = '{id}'", first.id);
    accepts(database, &replaces(second.id)).await;
    refuses(database, &replaces(first.id)).await;
    let named = |id: Uuid| format!("UPDATE refunds SET gateway_id = 're_1' WHERE id = '{id}'");
    accepts(database, &named(first.id)).await;
    refuses(database, &named(second.id)).await;
    assert_eq!(count(store, &format!("refunds WHERE payment_intent = '{intent}'")).await, 3);
}
