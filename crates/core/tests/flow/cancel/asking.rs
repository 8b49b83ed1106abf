//! Who may cancel what, and what it answers when asked again.

use crate::support::{Stage, created, duplicate, patient, press};
use sekali_core::domain::{InvoiceStatus, PaymentId, Status};
use sekali_core::flow::cancel::Cancelled;

#[tokio::test]
async fn a_payment_that_never_went_to_stripe_is_cancelled_at_once_and_a_new_key_pays_again() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let cancelled = stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();

    let Cancelled::Done(done) = cancelled else { panic!("Done was expected, but: {cancelled:?}") };
    assert_eq!((done.payment.status, done.invoice.status), (Status::Cancelled, InvoiceStatus::Void));
    assert_eq!(stage.stripe.ended(), [], "there is nothing to end at Stripe");
    let again = stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    assert_eq!(again, Cancelled::Done(done));
    assert_eq!(stage.journal.transitions(), 1);

    let spent = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((spent.status, spent.can_be_paid), (Status::Cancelled, false));
    created(stage.pay().pay(&press("new")).await);
    assert_eq!(stage.kinds(&receipt).await, ["created", "ended"]);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn what_is_paid_or_on_its_way_is_not_cancelled() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let cancelled = stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    assert_eq!(cancelled, Cancelled::Confirmed(receipt));

    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.submit(&session);
    let cancelled = stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Confirmed(ref now) if now.payment.submitted), "{cancelled:?}");
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn what_is_over_is_told_as_it_is() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.expire(&session);
    stage.work().await;
    stage.settle().settle_session(&session, &patient()).await.unwrap();
    let cancelled = stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Over(ref over) if over.payment.status == Status::Expired));
    let none = stage.cancel().cancel(PaymentId(404), &patient()).await.unwrap();
    assert_eq!(none, Cancelled::NoPayment);
}
