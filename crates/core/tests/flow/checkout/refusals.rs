//! Stripe says no, and for certain.

use crate::support::stripe::Creating;
use crate::support::{Stage, created, duplicate, patient, press};
use sekali_core::domain::{InvoiceStatus, Receipt, Status};
use sekali_core::flow::checkout::Way;
use sekali_core::ports::{GatewayError, GatewayStatus};

fn refusal(status: u16) -> Creating {
    Creating::Fails(GatewayError::Refused { status, message: "no".into() })
}

async fn visit(stage: &Stage, receipt: &Receipt) -> Way {
    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap()
}

#[tokio::test]
async fn a_payment_that_stripe_does_not_take_has_failed_and_a_new_key_pays_again() {
    for status in [400, 402] {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        stage.stripe.creating.push(refusal(status));
        let way = visit(&stage, &receipt).await;

        let Way::Stands(failed) = way else { panic!("{status}: Stands was expected, but: {way:?}") };
        assert_eq!((failed.payment.status, failed.invoice.status), (Status::Failed, InvoiceStatus::Void));
        assert_eq!(stage.stored(&receipt).await, failed);
        stage.assert_sound(None).await;

        let spent = duplicate(stage.pay().pay(&press("k")).await);
        assert_eq!((spent.status, spent.can_be_paid), (Status::Failed, false));
        created(stage.pay().pay(&press("new")).await);
    }
}

#[tokio::test]
async fn a_session_that_a_slower_visit_gets_after_a_refusal_is_ended_and_nobody_is_sent_there() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let (go, id) = (std::sync::Arc::new(tokio::sync::Notify::new()), receipt.payment.id);
    // The first visit commits the intent and is refused while the second one's call is under way.
    stage.stripe.creating.push(Creating::RefusedAfter(go.clone()));
    let first = stage.checkout();
    let first = tokio::spawn(async move { first.proceed(id, "id", &patient()).await });
    stage.stripe.arrived.notified().await;
    let slow = std::sync::Arc::new(tokio::sync::Notify::new());
    stage.stripe.creating.push(Creating::Waits(slow.clone()));
    let second = stage.checkout();
    let second = tokio::spawn(async move { second.proceed(id, "id", &patient()).await });
    stage.stripe.arrived.notified().await;
    go.notify_one();
    let refused = first.await.unwrap().unwrap();
    assert!(matches!(refused, Way::Stands(ref over) if over.payment.status == Status::Failed), "{refused:?}");
    slow.notify_one();
    let way = second.await.unwrap().unwrap();

    assert!(matches!(way, Way::Stands(ref over) if over.payment.status == Status::Failed), "{way:?}");
    assert_eq!(stage.stripe.only_session().status, GatewayStatus::Expired, "nothing can be paid there");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_refusal_of_our_key_is_not_about_the_payment() {
    for status in [401, 403, 404] {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        stage.stripe.creating.push(refusal(status));
        let way = visit(&stage, &receipt).await;

        assert!(matches!(way, Way::Later(_)), "{status}: {way:?}");
        assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
        assert!(matches!(visit(&stage, &receipt).await, Way::ToStripe(_)), "{status}");
    }
}

#[tokio::test]
async fn a_refused_repeat_proves_nothing_about_the_first_call_so_the_list_decides() {
    for status in [400, 402] {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        stage.stripe.creating.push(Creating::AnswerLost);
        visit(&stage, &receipt).await;
        stage.stripe.creating.push(refusal(status));
        let way = visit(&stage, &receipt).await;
        assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()), "{status}");
        assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
    }
}

#[tokio::test]
async fn a_refused_repeat_of_a_call_that_never_arrived_fails_when_none_can_be_under_way() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.stripe.creating.push(Creating::Fails(GatewayError::Unknown("no answer".into())));
    visit(&stage, &receipt).await;
    stage.stripe.creating.push(refusal(400));
    assert!(matches!(visit(&stage, &receipt).await, Way::Later(_)), "the first call may still be under way");
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);

    stage.clock.advance(std::time::Duration::from_secs(61));
    stage.stripe.creating.push(refusal(400));
    let way = visit(&stage, &receipt).await;
    assert!(matches!(way, Way::Stands(ref over) if over.payment.status == Status::Failed), "{way:?}");
    stage.assert_sound(None).await;
}
