//! Disputes are recorded as Stripe has them, and change nothing else.

use crate::support::{Stage, money};
use sekali_core::domain::{DisputeState, Status};
use sekali_core::ports::GatewayDispute;

fn dispute(intent: &str, state: DisputeState) -> GatewayDispute {
    GatewayDispute {
        id: "dp_1".into(),
        state,
        reason: "fraudulent".into(),
        amount: Some(money("5000", "PHP")),
        payment_intent: Some(intent.to_owned()),
    }
}

#[tokio::test]
async fn it_is_opened_goes_on_and_is_decided() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    let states = [DisputeState::NeedsResponse, DisputeState::UnderReview, DisputeState::Lost];
    for (n, state) in states.into_iter().enumerate() {
        stage.stripe.dispute_with(dispute(&intent, state));
        for event in [format!("evt_{n}"), format!("evt_{n}"), format!("evt_{n}b")] {
            stage.webhook(&event, "charge.dispute.updated", "dp_1").await;
        }
        stage.work().await;
        let after = stage.stored(&receipt).await;
        assert_eq!((after.payment.status, after.payment.dispute), (Status::Completed, Some(state)));
    }
    let told = stage.kinds(&receipt).await.into_iter().filter(|kind| kind == "disputed");
    assert_eq!(told.count(), 3, "one for each change");

    // Older news than the decision.
    stage.stripe.dispute_with(dispute(&intent, DisputeState::NeedsResponse));
    stage.webhook("evt_late", "charge.dispute.created", "dp_1").await;
    stage.work().await;
    assert_eq!(stage.stored(&receipt).await.payment.dispute, Some(DisputeState::Lost));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn only_news_of_disputes_is_taken_for_it() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    stage.stripe.dispute_with(dispute(&intent, DisputeState::NeedsResponse));
    stage.webhook("evt_1", "radar.early_fraud_warning.created", "dp_1").await;
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.count("disputes").await, 0, "what means nothing here is not asked about");
}

#[tokio::test]
async fn without_webhooks_the_reconciler_finds_it() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    stage.stripe.dispute_with(dispute(&intent, DisputeState::NeedsResponse));
    stage.pass().await;
    assert_eq!(stage.stored(&receipt).await.payment.dispute, Some(DisputeState::NeedsResponse));
}
