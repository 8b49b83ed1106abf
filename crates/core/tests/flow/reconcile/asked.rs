//! One payment, because an operator wants to know now.

use crate::support::script::Fault;
use crate::support::stripe::Refunding;
use crate::support::{Stage, money};
use sekali_core::domain::{Actor, Origin, PaymentId, Receipt, RefundState, Status, UserId};
use sekali_core::flow::reconcile::Asked;
use sekali_core::ports::{GatewayError, StoreError};

fn operator() -> Origin {
    Origin::request(Actor::Admin, UserId(9), None)
}

async fn ask(stage: &Stage, receipt: &Receipt) -> Result<Asked, StoreError> {
    stage.reconcile().ask(receipt.payment.id, &operator()).await
}

/// How often the record says that an operator has asked.
async fn noted(stage: &Stage, receipt: &Receipt) -> usize {
    stage.kinds(receipt).await.iter().filter(|kind| *kind == "reconcile_asked").count()
}

#[tokio::test]
async fn what_stripe_says_is_written_and_the_question_stands_before_it() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: false }), "it is still open");
    stage.stripe.pay(&session);
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: true }));
    let kinds = stage.kinds(&receipt).await;
    let expected =
        ["created", "checkout_intended", "session_opened", "reconcile_asked", "reconcile_asked", "completed"];
    assert_eq!(kinds, expected);
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: false }));
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    let unknown = stage.reconcile().ask(PaymentId(404), &operator()).await;
    assert_eq!(unknown, Ok(Asked::NoPayment));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn its_refunds_are_asked_about_too_wherever_they_were_made() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    stage.stripe.refund_in_dashboard(&intent, money("1500", "PHP"), RefundState::Pending);
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: true }));
    assert_eq!(stage.rows("SELECT state FROM refunds").await, ["pending"]);
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: false }));
    stage.stripe.move_refund("re_1", RefundState::Succeeded);
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: true }));
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("1500", "PHP"));
}

#[tokio::test]
async fn one_of_ours_that_stripe_never_had_is_sent_again() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let wish = crate::refund::wishes::wish(&stage, &receipt, "r", Some("1000"));
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("no connection".into())));
    stage.refunds().refund(receipt.payment.id, &wish, &operator()).await.unwrap();
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: true }));
    assert_eq!(stage.rows("SELECT state FROM refunds").await, ["succeeded"]);
    assert_eq!(stage.stripe.sent_refunds().len(), 2);
}

#[tokio::test]
async fn a_stripe_that_does_not_answer_is_said_and_that_somebody_asked_is_known() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    let asked = ask(&stage, &receipt).await.unwrap();
    assert!(matches!(&asked, Asked::Unanswered(why) if why.contains("503")), "{asked:?}");
    assert_eq!(noted(&stage, &receipt).await, 1);
    // A database that fails is another matter: whoever asks is told, and nobody is asked.
    let down = StoreError::Unavailable("down".into());
    stage.store.decides.push(Fault::Fails(down.clone()));
    let questions = stage.stripe.asked().len();
    assert_eq!(ask(&stage, &receipt).await, Err(down));
    assert_eq!((noted(&stage, &receipt).await, stage.stripe.asked().len()), (1, questions));
}

#[tokio::test]
async fn an_unclear_commit_of_the_question_leaves_it_there_once() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    stage.store.decides.push(Fault::AnswerLost(StoreError::Unclear("gone".into())));
    assert_eq!(ask(&stage, &receipt).await, Ok(Asked::Answered { changed: false }));
    assert_eq!(noted(&stage, &receipt).await, 1);
    stage.assert_sound(None).await;
}
