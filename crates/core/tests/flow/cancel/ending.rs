//! A payment is cancelled only when Stripe has said that its session is dead.

use crate::support::death::{DiesAt, dies};
use crate::support::stripe::{Creating, Ending};
use crate::support::{Stage, created, patient, press};
use sekali_core::domain::{Receipt, Status};
use sekali_core::flow::cancel::{Cancel, Cancelled};
use sekali_core::flow::checkout::Way;
use sekali_core::ports::{GatewayError, GatewayStatus, Point};
use std::sync::Arc;

async fn cancelled(stage: &Stage, receipt: &Receipt) -> Cancelled {
    stage.cancel().cancel(receipt.payment.id, &patient()).await.unwrap()
}

#[tokio::test]
async fn an_open_session_is_ended_first() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let outcome = cancelled(&stage, &receipt).await;

    assert!(
        matches!(outcome, Cancelled::Done(ref done) if done.payment.status == Status::Cancelled),
        "{outcome:?}"
    );
    assert_eq!(stage.stripe.only_session().status, GatewayStatus::Expired);
    let [(key, ended)] = stage.stripe.ended().try_into().unwrap();
    assert_eq!(ended, session);
    let committed = stage.rows("SELECT ending FROM checkout_sessions").await;
    assert_eq!(committed, [key.to_string()], "the call's key was committed before it");
    let kinds = stage.kinds(&receipt).await;
    assert_eq!(kinds, ["created", "checkout_intended", "session_opened", "cancel_requested", "ended"]);
    created(stage.pay().pay(&press("new")).await);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_patient_who_was_quicker_has_paid() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.stripe.ending.push(Ending::PaidFirst);
    let outcome = cancelled(&stage, &receipt).await;
    let Cancelled::Confirmed(paid) = outcome else { panic!("Confirmed was expected, but: {outcome:?}") };
    assert_eq!(paid.payment.status, Status::Completed);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn without_stripes_word_it_is_only_requested_and_nobody_pays_meanwhile() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.stripe.ending.push(Ending::Fails(GatewayError::Unknown("503".into())));
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    let outcome = cancelled(&stage, &receipt).await;

    let Cancelled::Requested(waiting) = outcome else { panic!("Requested was expected, but: {outcome:?}") };
    assert_eq!(waiting.payment.status, Status::Processing);
    assert!(waiting.payment.cancel_requested && !waiting.payment.can_be_paid());
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(way, Way::Stands(_)), "nobody is sent to a page that is being closed: {way:?}");

    let report = stage.pass().await;
    assert_eq!(report.settled, 1, "the reconciler goes on with it");
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Cancelled);
    let keys: std::collections::BTreeSet<_> = stage.stripe.ended().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2, "a failure may be stored under the first key");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn while_stripe_says_that_the_session_is_open_it_is_only_requested() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.stripe.ending.push(Ending::Fails(GatewayError::Unknown("503".into())));
    let outcome = cancelled(&stage, &receipt).await;
    let Cancelled::Requested(waiting) = outcome else { panic!("Requested was expected, but: {outcome:?}") };
    assert!(waiting.payment.cancel_requested && waiting.payment.status == Status::Processing);
    assert!(matches!(cancelled(&stage, &receipt).await, Cancelled::Done(_)), "and asked again it is done");
}

#[tokio::test]
async fn an_answer_that_was_lost_changes_nothing() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.stripe.ending.push(Ending::AnswerLost);
    assert!(matches!(cancelled(&stage, &receipt).await, Cancelled::Done(_)));
}

#[tokio::test]
async fn a_session_whose_making_was_not_answered_is_found_out_about_first() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.stripe.creating.push(Creating::AnswerLost);
    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(cancelled(&stage, &receipt).await, Cancelled::Done(_)));
    assert_eq!(stage.stripe.only_session().status, GatewayStatus::Expired);
    let sent = stage.stripe.sent();
    assert!(sent.len() == 2 && sent[0] == sent[1], "by the same key and bytes");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn whoever_dies_on_the_way_leaves_it_to_the_reconciler() {
    for point in [Point::CancelIntended, Point::SessionEnded, Point::SessionAsked, Point::Settled] {
        let stage = Stage::set().await;
        let (receipt, _) = stage.at_stripe("k").await;
        let cancel = Cancel { checkout: stage.checkout_watched_by(Arc::new(DiesAt(point))) };
        let id = receipt.payment.id;
        dies(async move { cancel.cancel(id, &patient()).await }).await;

        stage.pass().await;
        assert_eq!(stage.stored(&receipt).await.payment.status, Status::Cancelled, "{point:?}");
        assert_eq!(stage.journal.transitions(), 1, "{point:?}");
        stage.assert_sound(None).await;
    }
}
