//! A process that dies on the way to Stripe, and the patient who comes back.

use crate::support::death::{DiesAt, dies};
use crate::support::{Stage, patient};
use sekali_core::domain::{Receipt, Status};
use sekali_core::flow::checkout::Way;
use sekali_core::ports::Point;
use std::sync::Arc;

/// Visits in a process that dies at the point.
async fn visit_and_die(stage: &Stage, receipt: &Receipt, point: Point) {
    let (checkout, id) = (stage.checkout_watched_by(Arc::new(DiesAt(point))), receipt.payment.id);
    dies(async move { checkout.proceed(id, "id", &patient()).await }).await;
}

#[tokio::test]
async fn the_next_visit_goes_on_with_one_session() {
    for point in [Point::CheckoutIntended, Point::SessionCreated, Point::SessionRecorded] {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        visit_and_die(&stage, &receipt, point).await;
        assert_eq!(stage.count("checkout_sessions").await, 1, "{point:?}");

        let way = stage.checkout().proceed(receipt.payment.id, "en", &patient()).await.unwrap();
        assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()), "{point:?}");
        assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["open"], "{point:?}");
        let sent = stage.stripe.sent();
        assert!(sent.iter().all(|call| *call == sent[0]), "{point:?}: the same key and bytes");
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_payment_that_was_paid_is_settled_by_the_next_visit() {
    for point in [Point::SessionAsked, Point::Settled] {
        let stage = Stage::set().await;
        let (receipt, session) = stage.at_stripe("k").await;
        stage.stripe.pay(&session);
        visit_and_die(&stage, &receipt, point).await;

        let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert!(matches!(way, Way::Stands(ref paid) if paid.payment.status == Status::Completed), "{way:?}");
        assert_eq!(stage.journal.transitions(), 1, "{point:?}");
        stage.assert_sound(None).await;
    }
}
