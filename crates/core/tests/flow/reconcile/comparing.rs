//! Stripe's lists beside the database, both ways.

use crate::refund::wishes::{admin, wish};
use crate::support::stripe::Refunding;
use crate::support::{Stage, money, second};
use sekali_core::domain::{RefundState, Status};
use sekali_core::flow::compare::{Comparison, compare};
use sekali_core::ports::{GatewayError, GatewaySession, GatewayStatus};
use uuid::Uuid;

async fn compared(stage: &Stage) -> Comparison {
    compare(&stage.settle(), second(-3600), &|_, _| {}).await.unwrap()
}

fn said(compared: &Comparison) -> Vec<String> {
    let differences = compared.differences.iter();
    differences.map(|d| format!("{} {}: {} / {}", d.kind, d.object, d.stripe, d.database)).collect()
}

#[tokio::test]
async fn what_agrees_is_counted_and_nothing_else_said() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    stage.stripe.refund_in_dashboard(&intent, money("10", "PHP"), RefundState::Succeeded);
    stage.pass().await;
    let compared = compared(&stage).await;
    assert_eq!(said(&compared), [""; 0]);
    assert_eq!((compared.at_stripe, compared.of_others, compared.in_database), (3, 0, 3));
}

#[tokio::test]
async fn what_differs_is_told_from_both_sides_and_left_as_it_is() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    let paid = stage.stripe.only_session();
    let (lost, other) = (Some(Uuid::from_u128(404)), Some(Uuid::from_u128(405)));
    stage.stripe.add(GatewaySession {
        id: "cs_7".into(),
        payment_intent: Some("pi_7".into()),
        session: lost,
        ..paid.clone()
    });
    stage.stripe.add(GatewaySession {
        id: "cs_8".into(),
        payment_intent: Some("pi_8".into()),
        installation: other,
        ..paid.clone()
    });
    stage.stripe.refund_in_dashboard(&intent, money("10", "PHP"), RefundState::Pending);
    let compared = compared(&stage).await;
    assert_eq!(
        said(&compared),
        [
            "checkout session cs_7: paid / is not there",
            "charge ch_7: 5000.00 PHP / is not there",
            "refund re_1: pending 10.00 PHP / is not there",
        ]
    );
    assert_eq!(compared.of_others, 2);
    assert_eq!(stage.count("refunds").await, 0, "nothing is changed");
}

#[tokio::test]
async fn what_stripe_does_not_have_or_has_otherwise() {
    let stage = Stage::set().await;
    stage.completed("k").await;
    stage.stripe.forget("cs_1");
    let told = said(&compared(&stage).await);
    assert_eq!(
        told,
        ["checkout session cs_1: is not there / complete", "charge pi_1: is not there / 5000.00 PHP"]
    );

    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    stage.stripe.change(&session, |session| session.status = GatewayStatus::Expired);
    assert_eq!(said(&compared(&stage).await), ["checkout session cs_1: expired / open"]);
}

#[tokio::test]
async fn what_the_lists_do_not_show_is_asked_about_one_by_one() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    stage.stripe.refund_in_dashboard(&intent, money("10", "PHP"), RefundState::Pending);
    stage.pass().await;
    for hidden in ["cs_1", "ch_1", "re_1"] {
        stage.stripe.hide(hidden);
    }
    let compared = compared(&stage).await;
    assert_eq!(said(&compared), [""; 0], "all of it is there, and agrees");
    assert_eq!((compared.at_stripe, compared.of_others, compared.in_database), (0, 0, 3));

    stage.stripe.change("cs_1", |session| session.status = GatewayStatus::Unpaid);
    stage.stripe.move_refund("re_1", RefundState::Succeeded);
    let told = said(&self::compared(&stage).await);
    assert_eq!(
        told,
        ["checkout session cs_1: confirmed, not paid yet / complete", "refund re_1: succeeded / pending",]
    );
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
}

#[tokio::test]
async fn a_refund_that_stripe_has_not_answered_for_is_named_by_our_own_name() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    for (name, failure) in [
        ("r1", GatewayError::Unknown("no answer".into())),
        ("r2", GatewayError::Refused { status: 400, message: "no".into() }),
    ] {
        stage.stripe.refunding.push(Refunding::Fails(failure));
        let wish = wish(&stage, &receipt, name, Some("10"));
        stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    }
    let refunds = stage.file(&receipt).await.refunds;
    let waits = refunds.iter().find(|refund| refund.state == RefundState::Requested).unwrap();
    let told = said(&compared(&stage).await);
    assert_eq!(told, [format!("refund {}: has not answered for it / requested", waits.id)]);
}

#[tokio::test]
async fn another_amount_another_session_and_a_refund_of_nobodys_money() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    let paid = stage.stripe.only_session();
    stage.stripe.refund_in_dashboard(&intent, money("10", "PHP"), RefundState::Succeeded);
    stage.pass().await;
    stage.stripe.change("cs_1", |session| session.amount = None);
    // A second one under our name, which came through the same list.
    stage.stripe.add(GatewaySession {
        id: "cs_2".into(),
        status: GatewayStatus::Open,
        payment_intent: None,
        ..paid.clone()
    });
    stage.stripe.refund_in_dashboard("pi_404", money("7", "PHP"), RefundState::Succeeded);
    let compared = compared(&stage).await;
    assert_eq!(
        said(&compared),
        [
            "checkout session cs_2: open / knows another session, cs_1",
            "charge ch_1: an unknown amount / 5000.00 PHP",
        ]
    );
    // Two sessions, a charge and a refund of ours; a refund of money that is not.
    assert_eq!((compared.at_stripe, compared.of_others), (4, 1));
    // The same refund in our name is one that we should know.
    stage.stripe.name_refund("re_2", stage.installation);
    let told = said(&self::compared(&stage).await);
    assert!(told.contains(&"refund re_2: succeeded / is not there".to_owned()), "{told:?}");
}

#[tokio::test]
async fn each_page_is_told_of_as_it_is_compared() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    stage.stripe.refund_in_dashboard(&intent, money("10", "PHP"), RefundState::Succeeded);
    stage.pass().await;
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |part: &str, so_far: &Comparison| {
        told.lock().unwrap().push((part.to_owned(), so_far.at_stripe, so_far.in_database));
    };
    compare(&stage.settle(), second(0), &tell).await.unwrap();
    let expected = [
        ("Stripe's checkout sessions", 1, 0),
        ("Stripe's charges", 2, 0),
        ("Stripe's refunds", 3, 0),
        ("the database's checkout sessions", 3, 1),
        ("the database's captures", 3, 2),
        ("the database's refunds", 3, 3),
    ];
    assert_eq!(*told.lock().unwrap(), expected.map(|(part, theirs, ours)| (part.to_owned(), theirs, ours)));
    // What was made at the very edge is on both sides: Stripe's clock may be ten minutes ahead.
    assert_eq!(stage.stripe.listed_since("sessions"), Some(second(-600)));
}

#[tokio::test]
async fn a_stripe_that_does_not_answer_ends_it() {
    let stage = Stage::set().await;
    stage.at_stripe("k").await;
    stage.stripe.hide("cs_1");
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    let failed = compare(&stage.settle(), second(-3600), &|_, _| {}).await;
    assert!(failed.is_err_and(|error| error.to_string().contains("503")));
}
