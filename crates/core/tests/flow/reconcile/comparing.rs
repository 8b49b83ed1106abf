//! Stripe's lists beside the database, both ways.

use crate::support::{Stage, money, second};
use sekali_core::domain::RefundState;
use sekali_core::flow::compare::{Comparison, compare};
use sekali_core::ports::{GatewaySession, GatewayStatus};
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
