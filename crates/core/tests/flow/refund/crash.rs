//! A process that dies while it refunds, answers that are lost, and what the reconciler makes of it.

use super::wishes::{admin, wish};
use crate::support::death::{DiesAt, dies};
use crate::support::stripe::Refunding;
use crate::support::{Stage, money};
use sekali_core::domain::{Receipt, RefundState, Status};
use sekali_core::flow::refund::{Refunded, Refunds};
use sekali_core::ports::{GatewayError, Point};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

async fn is_refunded_once(stage: &Stage, receipt: &Receipt) {
    assert_eq!(stage.stored(receipt).await.payment.status, Status::Refunded);
    assert_eq!((stage.stripe.refunds().len(), stage.stripe.balance()), (1, 0));
    let sent = stage.stripe.sent_refunds();
    assert!(sent.iter().all(|call| *call == sent[0]), "the same key and bytes");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn the_reconciler_goes_on_with_the_same_refund() {
    for point in [Point::RefundIntended, Point::RefundAnswered, Point::RefundRecorded] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        let refunds = Refunds { settle: stage.settle_watched_by(Arc::new(DiesAt(point))) };
        let (id, wish) = (receipt.payment.id, wish(&stage, &receipt, "r", None));
        let asked = wish.clone();
        dies(async move { refunds.refund(id, &asked, &admin()).await }).await;

        stage.pass().await;
        is_refunded_once(&stage, &receipt).await;
        let again = stage.refunds().refund(id, &wish, &admin()).await.unwrap();
        assert!(matches!(again, Refunded::Made(..) | Refunded::Known(..)), "{point:?}: {again:?}");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again() {
    for later in [Duration::ZERO, HOUR, 24 * HOUR] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        stage.stripe.refunding.push(Refunding::AnswerLost);
        let wish = wish(&stage, &receipt, "r", None);
        let asked = stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
        assert!(matches!(asked, Refunded::Made(_, ref refund) if refund.gateway_id.is_none()), "{asked:?}");

        stage.clock.advance(later);
        stage.pass().await;
        is_refunded_once(&stage, &receipt).await;
    }
}

/// Taken for somebody else's it does not fit beside the one that was asked for; that is no reason to ask for
/// ever. Once the request is too old to be repeated, what Stripe has is what counts.
#[tokio::test]
async fn an_answer_that_does_not_name_our_refund_is_no_answer() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    stage.stripe.refunding.push(Refunding::Nameless);
    let wish = wish(&stage, &receipt, "r", None);
    let asked = stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    assert!(matches!(asked, Refunded::Made(_, ref refund) if refund.gateway_id.is_none()), "{asked:?}");
    stage.pass().await;
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(stage.rows("SELECT state FROM refunds").await, ["requested"]);

    stage.clock.advance(24 * HOUR);
    stage.pass().await;
    stage.pass().await;
    assert_eq!(
        stage.rows("SELECT state, origin FROM refunds").await,
        ["failed | operator", "succeeded | dashboard"]
    );
    is_refunded_once(&stage, &receipt).await;
}

#[tokio::test]
async fn one_that_never_arrived_is_sent_again_until_its_key_is_too_old() {
    let moment = Duration::from_micros(1);
    for (later, sent, status) in [
        (HOUR, 2, Status::Refunded),
        (23 * HOUR, 2, Status::Refunded),
        (23 * HOUR + moment, 1, Status::Completed),
        (24 * HOUR, 1, Status::Completed),
    ] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("no connection".into())));
        let wish = wish(&stage, &receipt, "r", None);
        stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();

        stage.clock.advance(later);
        stage.pass().await;
        assert_eq!(stage.stripe.sent_refunds().len(), sent);
        assert_eq!(stage.stored(&receipt).await.payment.status, status);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn one_that_was_written_off_and_that_stripe_has_after_all_counts() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("500".into())));
    let wish = wish(&stage, &receipt, "r", Some("2000"));
    stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    stage.clock.advance(Duration::from_secs(61));
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Spent("500".into())));
    stage.pass().await;
    assert_eq!(stage.rows("SELECT state FROM refunds").await, ["failed"]);
    assert_eq!(stage.count("cases WHERE kind = 'refund_stuck' AND closed_at IS NULL").await, 1);

    // Stripe finishes later what it had begun, and tells of it.
    let file = stage.file(&receipt).await;
    stage.stripe.finish_refund(&file.refunds[0]);
    stage.webhook("evt_1", "refund.created", "re_1").await;
    stage.work().await;
    assert_eq!(stage.rows("SELECT state FROM refunds").await, ["succeeded"]);
    assert_eq!(stage.stored(&receipt).await.payment.refunded.minor, 200_000);
    assert_eq!(stage.count("cases WHERE closed_at IS NULL").await, 0);
    stage.assert_sound(None).await;
}

/// A refusal, too, may be of the repeat alone: the money that it asks for went back with the first call.
#[tokio::test]
async fn a_failure_stored_under_the_key_or_of_its_repeat_is_looked_up() {
    let refused = |status| GatewayError::Refused { status, message: "it is refunded already".into() };
    for failure in [GatewayError::Spent("500".into()), refused(400), refused(402)] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        stage.stripe.refunding.push(Refunding::AnswerLost);
        let wish = wish(&stage, &receipt, "r", None);
        stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
        stage.stripe.refunding.push(Refunding::Fails(failure));
        let ours = stage.file(&receipt).await.refunds.remove(0);
        // Asked about by itself: a pass would find it in Stripe's lists afterwards.
        stage.refunds().follow(receipt.payment.id, &ours, &admin()).await.unwrap();
        assert_eq!(stage.stored(&receipt).await.payment.status, Status::Refunded);
        assert_eq!(stage.kinds(&receipt).await.last().unwrap(), "refund_succeeded");
        assert_eq!(stage.stripe.refunds().len(), 1);
    }
}

#[tokio::test]
async fn what_is_not_in_stripes_list_may_still_be_on_its_way_for_a_minute() {
    let minute = Duration::from_secs(60);
    for (later, state) in [
        (Duration::ZERO, "requested"),
        (Duration::from_micros(59_999_999), "requested"),
        (minute, "failed"),
        (HOUR, "failed"),
    ] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("no answer".into())));
        let wish = wish(&stage, &receipt, "r", None);
        stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
        stage.clock.advance(later);
        stage.stripe.refunding.push(Refunding::Fails(GatewayError::Spent("500".into())));
        stage.pass().await;
        assert_eq!(stage.rows("SELECT state FROM refunds").await, [state], "{later:?}");
    }
}

#[tokio::test]
async fn the_list_that_tells_of_ours_is_taken_in_whole() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("no answer".into())));
    let wish = wish(&stage, &receipt, "r", Some("1000"));
    stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    stage.clock.advance(Duration::from_secs(61));
    stage.stripe.refund_in_dashboard(&intent, money("4000", "PHP"), RefundState::Succeeded);
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Spent("500".into())));
    let ours = stage.file(&receipt).await.refunds.remove(0);
    // Only this one is asked about.
    stage.refunds().follow(receipt.payment.id, &ours, &admin()).await.unwrap();
    let refunds = stage.rows("SELECT origin, state FROM refunds ORDER BY rowid").await;
    assert_eq!(refunds, ["operator | failed", "dashboard | succeeded"]);
}
