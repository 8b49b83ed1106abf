//! Refunds made in Stripe's own dashboard are recorded as well, however the news comes.

use super::wishes::{admin, wish};
use crate::support::stripe::Refunding;
use crate::support::{Stage, money};
use sekali_core::domain::{RefundState, Status};
use sekali_core::flow::refund::Refunded;
use sekali_core::ports::GatewayError;

#[tokio::test]
async fn by_each_kind_of_event_and_without_any() {
    let news = [
        Some(("charge.refunded", "ch_1")),
        Some(("refund.created", "re_1")),
        Some(("charge.refund.updated", "re_1")),
        None,
    ];
    for event in news {
        let stage = Stage::set().await;
        let (receipt, intent) = stage.completed("k").await;
        stage.stripe.refund_in_dashboard(&intent, money("1500", "PHP"), RefundState::Succeeded);
        if let Some((kind, object)) = event {
            for id in ["evt_1", "evt_1", "evt_2"] {
                stage.webhook(id, kind, object).await;
            }
            stage.work().await;
        }
        let report = stage.pass().await;
        assert_eq!(report.found, u64::from(event.is_none()), "{event:?}");
        assert_eq!(stage.stored(&receipt).await.payment.refunded, money("1500", "PHP"), "{event:?}");
        assert_eq!(stage.rows("SELECT origin, state FROM refunds").await, ["dashboard | succeeded"]);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn news_of_the_refund_may_come_before_news_of_the_money() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let intent = stage.stripe.pay(&session).payment_intent.unwrap();
    stage.stripe.refund_in_dashboard(&intent, money("5000", "PHP"), RefundState::Succeeded);
    stage.webhook("evt_1", "charge.refunded", "ch_1").await;
    stage.work().await;
    assert_eq!(stage.journal.outcomes(), [Status::Completed, Status::Refunded]);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Refunded);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn one_that_does_not_fit_beside_ours_shows_that_ours_was_refused() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    // Ours is asked for and not answered; meanwhile somebody refunds in the dashboard.
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("503".into())));
    let wish = wish(&stage, &receipt, "r", Some("3000"));
    let asked = stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    assert!(matches!(asked, Refunded::Made(..)));
    stage.clock.advance(std::time::Duration::from_secs(61));
    stage.stripe.refund_in_dashboard(&intent, money("4000", "PHP"), RefundState::Succeeded);
    stage.webhook("evt_1", "charge.refunded", "ch_1").await;
    stage.work().await;

    let refunds = stage.rows("SELECT origin, state FROM refunds ORDER BY rowid").await;
    assert_eq!(refunds, ["operator | failed", "dashboard | succeeded"]);
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("4000", "PHP"));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn one_that_fits_after_all_is_no_error_and_one_that_never_can_is() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    stage.stripe.refunding.push(Refunding::Fails(GatewayError::Unknown("503".into())));
    let wish = wish(&stage, &receipt, "r", Some("3000"));
    stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    stage.clock.advance(std::time::Duration::from_secs(61));
    stage.stripe.refund_in_dashboard(&intent, money("4000", "PHP"), RefundState::Succeeded);
    assert_eq!(stage.refunds().take_in_all(&intent, &admin()).await, Ok(true));

    stage.stripe.refund_in_dashboard(&intent, money("1000.01", "PHP"), RefundState::Succeeded);
    let senseless = stage.refunds().take_in_all(&intent, &admin()).await.unwrap_err();
    assert!(senseless.to_string().contains("is more than what remains of its capture"), "{senseless}");
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("4000", "PHP"));
}

#[tokio::test]
async fn a_bounce_that_nobody_told_of_and_what_an_operator_made_of_it() {
    for whole in ["3000", "1000"] {
        let stage = Stage::set().await;
        let (receipt, intent) = stage.completed("k").await;
        let wish = wish(&stage, &receipt, "r", Some(whole));
        stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
        // It comes back from the bank, and is made anew in the dashboard, before any news of either.
        stage.stripe.move_refund("re_1", RefundState::Failed);
        stage.stripe.refund_in_dashboard(&intent, money(whole, "PHP"), RefundState::Succeeded);
        stage.webhook("evt_1", "charge.refunded", "ch_1").await;
        stage.work().await;
        // One that Sekali has begun meanwhile is known to be refused when none of its calls is under way.
        stage.clock.advance(std::time::Duration::from_secs(61));
        stage.work().await;
        stage.pass().await;
        let refunds = stage.rows("SELECT origin, state FROM refunds ORDER BY rowid").await;
        assert_eq!(refunds[0], "operator | failed");
        let automatic = refunds.iter().filter(|refund| refund.starts_with("automatic")).count();
        assert!(automatic <= 1, "{refunds:?}");
        let back = stage.stored(&receipt).await.payment.refunded;
        assert_eq!(back.minor, 500_000 - stage.stripe.balance(), "what is recorded is what Stripe has");
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_refund_that_came_back_is_not_made_again_beside_one_that_made_up_for_it() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    let wish = wish(&stage, &receipt, "r", Some("1000"));
    stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap();
    stage.stripe.refund_in_dashboard(&intent, money("1000", "PHP"), RefundState::Succeeded);
    stage.pass().await;
    stage.stripe.move_refund("re_1", RefundState::Failed);
    stage.webhook("evt_1", "refund.failed", "re_1").await;
    stage.work().await;
    stage.pass().await;
    assert_eq!(stage.stripe.refunds().len(), 2, "the operator has seen to it");
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("1000", "PHP"));
    assert_eq!(stage.count("cases WHERE kind = 'refund_bounced'").await, 1);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn whoever_wishes_for_one_is_told_first_of_those_that_were_not_known() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    // As after a restored backup: Stripe has a refund of which there is no row.
    stage.stripe.refund_in_dashboard(&intent, money("2500", "PHP"), RefundState::Succeeded);
    let first = wish(&stage, &receipt, "r", Some("2500"));
    let told = stage.refunds().refund(receipt.payment.id, &first, &admin()).await.unwrap();
    assert!(matches!(told, Refunded::FoundOthers(ref now) if now.payment.refunded == money("2500", "PHP")));
    assert_eq!(stage.stripe.refunds().len(), 1, "it may be the very one");
    let again = stage.refunds().refund(receipt.payment.id, &first, &admin()).await.unwrap();
    assert!(matches!(again, Refunded::Made(..)), "now it is wished for all the same: {again:?}");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn of_money_that_is_not_ours_nothing_is_kept() {
    let stage = Stage::set().await;
    stage.stripe.refund_in_dashboard("pi_of_another_shop", money("10", "PHP"), RefundState::Succeeded);
    stage.webhook("evt_1", "refund.created", "re_1").await;
    assert_eq!(stage.work().await, 1);
    assert_eq!(stage.count("refunds").await, 0);
    assert_eq!(stage.count("gateway_events WHERE finished_at IS NULL").await, 0);
}
