//! Stripe says no, and for certain.

use crate::support::stripe::Creating;
use crate::support::{Stage, created, duplicate, press};
use sekali_core::domain::{InvoiceStatus, Receipt, Status};
use sekali_core::flow::checkout::Way;
use sekali_core::ports::GatewayError;

fn refusal(status: u16) -> Creating {
    Creating::Fails(GatewayError::Refused { status, message: "no".into() })
}

async fn visit(stage: &Stage, receipt: &Receipt) -> Way {
    stage.checkout().proceed(receipt.payment.id, "id").await.unwrap()
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
async fn a_refused_repeat_proves_nothing_about_the_first_call() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.stripe.creating.push(Creating::AnswerLost);
    visit(&stage, &receipt).await;
    for status in [400, 402] {
        stage.stripe.creating.push(refusal(status));
        let way = visit(&stage, &receipt).await;
        assert!(matches!(way, Way::Later(_)), "{status}: {way:?}");
    }
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
    assert_eq!(visit(&stage, &receipt).await, Way::ToStripe(stage.stripe.only_session().url.unwrap()));
}
