//! Outcomes are counted and logged once each, and only outcomes are.

use crate::support::counters::Counters;
use crate::support::log::Log;
use crate::support::{Stage, callback, money};
use sekali_core::domain::{DisputeState, Receipt, RefundState};
use sekali_core::ports::{GatewayDispute, GatewayError};
use uuid::Uuid;

const OUTCOME: &str = "Payment: Outcome recorded";

fn outcome(status: &str) -> String {
    format!("sekali_payments_total outcome={status}")
}

#[tokio::test]
async fn an_outcome_once_however_often_it_is_told() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let (counters, log) = (Counters::default(), Log::listen());
    let _counted = metrics::set_default_local_recorder(&counters);
    stage.stripe.submit(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    assert_eq!((counters.moved(), log.count(OUTCOME)), (Vec::new(), 0), "the money is on its way");
    stage.stripe.pay(&session);
    for _ in 0..3 {
        stage.settle().settle_session(&session, &callback()).await.unwrap();
    }
    assert_eq!(counters.moved(), [(outcome("completed"), 1)]);
    assert_eq!(log.count(OUTCOME), 1);
}

/// A payment that ended, and whose session is paid all the same.
async fn paid_too_late(stage: &Stage) -> (Receipt, String) {
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.expire(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.stripe.pay(&session);
    (receipt, session)
}

#[tokio::test]
async fn money_that_settles_nothing_and_its_way_back() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    let (_, session) = paid_too_late(&stage).await;
    let log = Log::listen();
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    assert_eq!(counters.of("sekali_surplus_captures_total"), 1);
    let lines = log.lines();
    let said = "Payment: Money was captured that settles no payment; an operator must look at it";
    let line = lines.iter().find(|line| line.message == said).unwrap();
    assert_eq!(line.fields.get("payment_intent").map(String::as_str), Some("pi_1"));
    assert_eq!(counters.of(&outcome("expired")), 1);
    stage.pass().await;
    assert_eq!(counters.of("sekali_automatic_refunds_total"), 1);
    assert_eq!(counters.of("sekali_automatic_refunds_capped_total"), 0);
}

#[tokio::test]
async fn a_cap_that_holds_money_back() {
    let stage = Stage::set().await;
    paid_too_late(&stage).await;
    // Stripe's list has told of it; the hour's only refund is another's.
    let (_, session) = stage.at_stripe("k2").await;
    stage.stripe.expire(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.stripe.pay(&session);
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    stage.reconcile_within(1).pass_now(&|_, _| {}).await.unwrap();
    assert_eq!(counters.of("sekali_automatic_refunds_total"), 1);
    assert_eq!(counters.of("sekali_automatic_refunds_capped_total"), 1);
    assert_eq!(stage.stripe.refunds().len(), 1);
}

#[tokio::test]
async fn money_for_a_session_that_nobody_knows() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let mut stranger = stage.stripe.pay(&session);
    stranger.session = Some(Uuid::from_u128(404));
    stranger.id = "cs_stranger".into();
    stranger.payment_intent = Some("pi_stranger".into());
    stage.stripe.add(stranger);
    let (counters, log) = (Counters::default(), Log::listen());
    let _counted = metrics::set_default_local_recorder(&counters);
    for _ in 0..2 {
        stage.settle().settle_session("cs_stranger", &callback()).await.unwrap();
    }
    assert_eq!(counters.of("sekali_unknown_money_total"), 1, "shown once");
    let said = "Payment: Money was captured for a session that this database does not know; an operator must look at it";
    assert_eq!(log.count(said), 1);
    let cases = stage.rows("SELECT kind, object, detail FROM cases").await;
    let expected = "unknown_money | pi_stranger | 5000.00 PHP came through Stripe's session cs_stranger, which this database does not know";
    assert_eq!(cases, [expected]);
}

#[tokio::test]
async fn questions_that_stripe_does_not_answer() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    stage.settle().settle_session(&session, &callback()).await.unwrap_err();
    assert_eq!(counters.of("sekali_gateway_errors_total"), 1);
    // Another account's session is an answer.
    stage.settle().settle_session("cs_404", &callback()).await.unwrap();
    assert_eq!(counters.of("sekali_gateway_errors_total"), 1);
}

#[tokio::test]
async fn webhooks_and_disputes() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    for _ in 0..3 {
        stage.webhook("evt_1", "charge.dispute.created", "dp_1").await;
    }
    assert_eq!(counters.of("sekali_webhooks_total new=yes"), 1);
    assert_eq!(counters.of("sekali_webhooks_total new=no"), 2);
    let dispute = GatewayDispute {
        id: "dp_1".into(),
        payment_intent: Some(intent.clone()),
        amount: Some(money("5000", "PHP")),
        state: DisputeState::NeedsResponse,
        reason: "fraudulent".into(),
    };
    stage.stripe.dispute_with(dispute);
    for _ in 0..2 {
        stage.refunds().take_in_dispute("dp_1", &callback()).await.unwrap();
    }
    assert_eq!(counters.of("sekali_disputes_total state=needs_response"), 1);
    // A refund that was made elsewhere is an outcome of its payment.
    let log = Log::listen();
    stage.stripe.refund_in_dashboard(&intent, money("5000", "PHP"), RefundState::Succeeded);
    for _ in 0..2 {
        stage.refunds().take_in_all(&intent, &callback()).await.unwrap();
    }
    assert_eq!((log.count("Refund: Outcome recorded"), log.count(OUTCOME)), (1, 1));
    assert_eq!(counters.of(&outcome("refunded")), 1);
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("5000", "PHP"));
}
