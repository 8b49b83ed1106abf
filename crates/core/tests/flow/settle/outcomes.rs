//! What Stripe says of a session, and what becomes of its payment.

use crate::support::coordination::Part;
use crate::support::journal::Call;
use crate::support::log::Log;
use crate::support::script::Fault;
use crate::support::{Stage, callback, created, duplicate, money, patient, press};
use sekali_core::domain::{InvoiceStatus, PaymentId, Receipt, Status};
use sekali_core::flow::settle::{SettleError, Settled};
use sekali_core::ports::{Current, GatewayError, GatewaySession, GatewayStatus, StoreError};
use std::time::Duration;
use uuid::Uuid;

/// The payment as it stands after the session was settled.
async fn settled(stage: &Stage, session: &str) -> Receipt {
    match stage.settle().settle_session(session, &callback()).await {
        Ok(Settled::Stands(receipt)) => receipt,
        other => panic!("Stands was expected, but: {other:?}"),
    }
}

#[tokio::test]
async fn money_completes_the_payment_and_pays_the_invoice() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let log = Log::listen();
    let paid = settled(&stage, &session).await;

    assert_eq!((paid.payment.status, paid.invoice.status), (Status::Completed, InvoiceStatus::Paid));
    assert_eq!(stage.stored(&receipt).await, paid);
    assert_eq!(log.count("Payment: Outcome recorded"), 1);
    let names = stage.journal.names();
    assert_eq!(names, ["session", "changing", "decide", "publish"], "nobody is told before the commit");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_cached_duplicate_shows_it_at_once() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    settled(&stage, &session).await;
    stage.journal.clear();

    let again = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((again.status, again.can_be_paid), (Status::Completed, false));
    assert_eq!(stage.journal.store_calls().len(), 0, "and the database was not asked");
}

#[tokio::test]
async fn asked_again_nothing_happens() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let first = settled(&stage, &session).await;
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(settled(&stage, &session).await, first);
    assert_eq!((stage.journal.transitions(), stage.count("captures").await), (1, 1));
}

#[tokio::test]
async fn older_news_changes_nothing() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let open = stage.stripe.only_session();
    let submitted = stage.stripe.submit(&session);
    stage.stripe.pay(&session);
    let paid = settled(&stage, &session).await;

    for old in [open, submitted] {
        stage.stripe.answers.push(Ok(old));
        assert_eq!(settled(&stage, &session).await, paid);
    }
    assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["complete"]);
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let before = stage.stored(&receipt).await;
    let paid = stage.stripe.pay(&session);
    let answers = [
        Ok(GatewaySession { installation: Some(Uuid::from_u128(7)), ..paid.clone() }),
        Ok(GatewaySession { installation: None, ..paid.clone() }),
        Ok(GatewaySession { session: None, ..paid.clone() }),
        Ok(GatewaySession { session: Some(Uuid::from_u128(7)), ..paid }),
    ];
    for answer in answers {
        stage.stripe.answers.push(answer.clone());
        let settled = stage.settle().settle_session(&session, &callback()).await;
        assert_eq!(settled, Ok(Settled::NotOurs), "{answer:?}");
    }
    let names = stage.journal.names();
    assert!(names.iter().all(|name| ["session", "open_case"].contains(name)), "{names:?}");
    let cases = stage.rows("SELECT kind, object FROM cases").await;
    assert_eq!(cases, ["unknown_money | pi_1"], "money that names us and nothing of ours is shown, once");
    assert_eq!(stage.stored(&receipt).await, before);
    assert_eq!(stage.count("captures").await, 0);
}

#[tokio::test]
async fn nothing_is_concluded_from_a_session_of_ours_that_stripe_does_not_have() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.answers.push(Err(GatewayError::NotFound));
    let settled = stage.settle().settle_session(&session, &callback()).await;
    assert!(matches!(settled, Err(SettleError::Senseless(_))), "{settled:?}");
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);

    let elsewhere = stage.settle().settle_session("cs_of_another_account", &callback()).await;
    assert_eq!(elsewhere, Ok(Settled::NotOurs));
}

#[tokio::test]
async fn the_end_of_another_session_is_not_the_end_of_ours() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let before = stage.stored(&receipt).await;
    // Made by a repeat after Stripe had forgotten the key: our metadata, another session.
    let twin = GatewaySession { id: "cs_twin".into(), ..stage.stripe.only_session() };
    for status in [GatewayStatus::Expired, GatewayStatus::Unpaid] {
        stage.stripe.answers.push(Ok(GatewaySession { status, ..twin.clone() }));
        assert_eq!(settled(&stage, "cs_twin").await, before, "ours can still be paid");
    }

    // Money is another matter: it is there, wherever it came in.
    let paid = GatewaySession { id: "cs_twin".into(), ..stage.stripe.pay(&session) };
    stage.stripe.answers.push(Ok(paid));
    assert_eq!(settled(&stage, "cs_twin").await.payment.status, Status::Completed);
}

#[tokio::test]
async fn money_of_another_amount_or_currency_is_for_the_operator() {
    for wrong in [money("4999.99", "PHP"), money("5000.01", "PHP"), money("5000", "USD")] {
        let stage = Stage::set().await;
        let (_, session) = stage.at_stripe("k").await;
        stage.stripe.pay(&session);
        stage.stripe.change(&session, |session| session.amount = Some(wrong));
        let log = Log::listen();
        let receipt = settled(&stage, &session).await;

        assert_eq!(
            (receipt.payment.status, receipt.invoice.status),
            (Status::Processing, InvoiceStatus::Pending)
        );
        let captures = stage.rows("SELECT payment_intent, amount_minor, currency, disposition FROM captures");
        assert_eq!(captures.await, [format!("pi_1 | {} | {} | mismatch", wrong.minor, wrong.currency)]);
        let alarm = "Payment: Money was captured that settles no payment; an operator must look at it";
        assert_eq!((log.count(alarm), log.count("Payment: Outcome recorded")), (1, 0));
        assert_eq!(stage.rows("SELECT kind, object FROM cases").await, ["mismatch | pi_1"]);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_paid_object_without_an_intent_or_an_amount_makes_no_sense() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let before = stage.stored(&receipt).await;
    let paid = stage.stripe.pay(&session);
    let odd =
        [GatewaySession { payment_intent: None, ..paid.clone() }, GatewaySession { amount: None, ..paid }];
    for object in odd {
        stage.stripe.answers.push(Ok(object));
        let settled = stage.settle().settle_session(&session, &callback()).await;
        assert!(matches!(settled, Err(SettleError::Senseless(_))), "{settled:?}");
    }
    assert_eq!(stage.stored(&receipt).await, before);
    assert_eq!(stage.count("captures").await, 0);
}

#[tokio::test]
async fn a_commit_that_was_unclear_is_done_again_and_settles_once() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.store.decides.push(Fault::AnswerLost(StoreError::Unclear("connection reset".into())));
    stage.store.decides.push(Fault::Fails(StoreError::Conflict("deadlock detected".into())));
    let paid = settled(&stage, &session).await;

    assert_eq!(paid.payment.status, Status::Completed);
    assert_eq!((stage.journal.transitions(), stage.count("captures").await), (1, 1));
    let published = stage.journal.pick(|call| matches!(call, Call::Publish(_)).then_some(()));
    assert_eq!(published.len(), 1);
}

#[tokio::test]
async fn until_the_outcome_is_known_a_duplicate_asks_the_database() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let down = StoreError::Unavailable("no route".into());
    stage.store.decides.push(Fault::Fails(down.clone()));
    assert_eq!(stage.settle().settle_session(&session, &callback()).await, Err(SettleError::Store(down)));

    let request = press("k");
    let found = stage.coordination.found(request.user.id, &request.key).await.unwrap();
    assert_eq!(found.current, Current::Changing);
}

#[tokio::test]
async fn money_on_its_way_is_no_outcome_yet() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.submit(&session);
    let log = Log::listen();
    let waiting = settled(&stage, &session).await;
    assert_eq!(waiting.payment.status, Status::Processing);
    assert!(!waiting.payment.can_be_paid());
    assert_eq!(log.count("Payment: Outcome recorded"), 0);

    stage.stripe.pay(&session);
    assert_eq!(settled(&stage, &session).await.payment.status, Status::Completed);
    assert_eq!(log.count("Payment: Outcome recorded"), 1);
}

#[tokio::test]
async fn a_bank_that_does_not_pay_fails_the_payment_and_a_new_key_pays_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.submit(&session);
    settled(&stage, &session).await;
    stage.stripe.change(&session, |session| session.status = GatewayStatus::Failed);
    let failed = settled(&stage, &session).await;

    assert_eq!((failed.payment.status, failed.invoice.status), (Status::Failed, InvoiceStatus::Void));
    assert_eq!(stage.stored(&receipt).await, failed);
    created(stage.pay().pay(&press("new")).await);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_decline_is_noted_once_though_its_event_is_worked_on_twice() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let intent = stage.stripe.decline(&session, "insufficient_funds");
    stage.webhook("evt_1", "payment_intent.payment_failed", &intent).await;
    // The decline is in the record by then; how the session stands is not known.
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    assert_eq!(stage.work().await, 1);
    stage.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(stage.work().await, 1, "it is tried again");
    let declines = stage.kinds(&receipt).await.into_iter().filter(|kind| kind == "card_declined");
    assert_eq!(declines.count(), 1);
}

#[tokio::test]
async fn a_declined_card_is_noted_once_and_the_session_goes_on() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let intent = stage.stripe.decline(&session, "insufficient_funds");
    for event in ["evt_1", "evt_1", "evt_2"] {
        stage.webhook(event, "payment_intent.payment_failed", &intent).await;
    }
    assert_eq!(stage.work().await, 2);
    let after = stage.stored(&receipt).await;
    assert!(after.payment.can_be_paid(), "the same session goes on");
    let declines = stage.kinds(&receipt).await.into_iter().filter(|kind| kind == "card_declined");
    assert_eq!(declines.count(), 2, "one for each event");

    stage.stripe.pay(&session);
    assert_eq!(settled(&stage, &session).await.payment.status, Status::Completed);
}

#[tokio::test]
async fn a_board_out_of_reach_keeps_no_payment_from_its_outcome() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.coordination.fail(Part::Board);
    assert_eq!(settled(&stage, &session).await.payment.status, Status::Completed);
}

#[tokio::test]
async fn a_payment_is_settled_by_its_number() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let settle = stage.settle();
    assert_eq!(settle.settle_payment(PaymentId(404), &callback()).await, Ok(None));
    assert_eq!(settle.settle_payment(receipt.payment.id, &callback()).await, Ok(Some(receipt.clone())));
    assert_eq!(stage.stripe.asked().len(), 0, "it has no session yet");

    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    stage.stripe.pay(&stage.stripe.only_session().id);
    let paid = settle.settle_payment(receipt.payment.id, &callback()).await.unwrap().unwrap();
    assert_eq!(paid.payment.status, Status::Completed);
    assert_eq!(settle.settle_payment(receipt.payment.id, &callback()).await, Ok(Some(paid)));
    assert_eq!(stage.stripe.asked().len(), 1, "a session that is over is not asked about again");
}

/// Whoever settles in between is seen then; the other way round, the patient would be shown the payment as
/// it was before, and told that nothing was charged.
#[tokio::test]
async fn a_payment_is_read_after_its_session() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    settled(&stage, &session).await;
    stage.journal.clear();
    let shown = stage.settle().settle_payment(receipt.payment.id, &callback()).await.unwrap().unwrap();
    assert_eq!(shown.payment.status, Status::Completed);
    assert_eq!(stage.journal.names(), ["latest_session", "payment"]);
}
