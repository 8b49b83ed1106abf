//! The patient comes back to the way to pay, and something has happened meanwhile.

use crate::support::log::Log;
use crate::support::{Stage, created, duplicate, money, patient, press};
use sekali_core::domain::{InvoiceStatus, Receipt, Status};
use sekali_core::flow::checkout::Way;

/// What a visit finds that sends nobody to Stripe.
async fn stands(stage: &Stage, receipt: &Receipt) -> Receipt {
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    let Way::Stands(receipt) = way else { panic!("Stands was expected, but: {way:?}") };
    receipt
}

#[tokio::test]
async fn a_session_that_was_paid_completes_the_payment() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    let paid = stands(&stage, &receipt).await;

    assert_eq!(paid.payment.status, Status::Completed);
    assert_eq!(paid.invoice.status, InvoiceStatus::Paid);
    assert_eq!(stage.rows("SELECT payment_intent, disposition FROM captures").await, ["pi_1 | settled"]);
    stage.assert_sound(None).await;

    // A visit after that neither asks Stripe nor writes anything.
    let asked = stage.stripe.asked();
    stage.journal.clear();
    assert_eq!(stands(&stage, &receipt).await, paid);
    assert_eq!(stage.stripe.asked(), asked);
    assert_eq!(stage.journal.names(), ["payment"]);
}

#[tokio::test]
async fn a_confirmed_session_awaits_its_money_and_is_not_paid_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.submit(&session);
    let waiting = stands(&stage, &receipt).await;

    assert_eq!(waiting.payment.status, Status::Processing);
    assert!(waiting.payment.submitted && !waiting.payment.can_be_paid());
    assert_eq!(stands(&stage, &receipt).await, waiting);
    assert_eq!(stage.stripe.sessions().len(), 1);
}

#[tokio::test]
async fn an_expired_session_ends_the_payment_and_a_new_key_pays_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.expire(&session);
    let expired = stands(&stage, &receipt).await;
    assert_eq!((expired.payment.status, expired.invoice.status), (Status::Expired, InvoiceStatus::Void));

    let spent = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((spent.same_key, spent.status, spent.can_be_paid), (true, Status::Expired, false));
    let again = created(stage.pay().pay(&press("new")).await);
    assert_ne!(again.payment.id, receipt.payment.id);
    let way = stage.checkout().proceed(again.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(way, Way::ToStripe(ref url) if url.ends_with("cs_2")), "{way:?}");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn money_of_another_amount_sends_nobody_to_pay_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.change(&session, |session| session.amount = Some(money("4999", "PHP")));

    for _ in 0..2 {
        let after = stands(&stage, &receipt).await;
        assert_eq!(after.payment.status, Status::Processing, "an operator has to look at it");
        assert!(!after.payment.can_be_paid());
    }
    assert_eq!(stage.stripe.sessions().len(), 1);
}

#[tokio::test]
async fn an_object_that_makes_no_sense_is_said_aloud_and_asked_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.change(&session, |session| session.payment_intent = None);
    let log = Log::listen();

    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(way, Way::Later(_)), "{way:?}");
    assert_eq!(log.count("Checkout: the session cannot be used"), 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
}
