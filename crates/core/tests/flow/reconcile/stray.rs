//! Money that arrives where it should not is shown, and given back once, within limits.

use crate::support::{Stage, callback, money};
use sekali_core::domain::{InvoiceStatus, Receipt, RefundState, Status};
use sekali_core::ports::{GatewaySession, GatewayStatus};
use std::time::Duration;
use uuid::Uuid;

/// A payment that ended, and whose old session is paid all the same.
async fn paid_after_the_end(stage: &Stage, name: &str) -> Receipt {
    let (receipt, session) = stage.at_stripe(name).await;
    stage.stripe.expire(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.stripe.pay(&session);
    receipt
}

#[tokio::test]
async fn an_old_session_that_is_paid_beside_a_new_one_is_refunded_once() {
    let stage = Stage::set().await;
    let old = paid_after_the_end(&stage, "old").await;
    let (new, session) = stage.at_stripe("new").await;
    stage.stripe.pay(&session);
    for _ in 0..3 {
        stage.pass().await;
    }
    assert_eq!(stage.stored(&old).await.payment.status, Status::Expired, "it never regresses");
    assert_eq!(stage.stored(&new).await.payment.status, Status::Completed);
    let captures = stage.rows("SELECT payment_id, disposition FROM captures ORDER BY payment_id").await;
    assert_eq!(captures, ["100 | surplus", "101 | settled"]);
    let refunds = stage.stripe.refunds();
    assert_eq!((refunds.len(), refunds[0].payment_intent.as_deref()), (1, Some("pi_1")));
    assert_eq!(stage.stripe.balance(), 500_000, "one charge is left");
    let cases = stage.rows("SELECT kind, object, payment_id, closed_at IS NOT NULL FROM cases").await;
    assert_eq!(cases, ["surplus | pi_1 | 100 | 1"], "the operator was told, and sees that it is dealt with");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn money_that_does_not_match_goes_back_and_the_payment_has_failed() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.change(&session, |session| session.amount = Some(money("4000", "PHP")));
    stage.pass().await;
    let after = stage.stored(&receipt).await;
    assert_eq!((after.payment.status, after.invoice.status), (Status::Failed, InvoiceStatus::Void));
    assert_eq!(stage.stripe.balance(), 0);
    let kinds = stage.kinds(&receipt).await;
    assert_eq!(kinds[3..], ["mismatched", "refund_requested", "refund_succeeded", "ended"]);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_session_made_twice_under_our_name_is_found_in_stripes_list() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.pass().await;
    let ours = stage.stripe.only_session();
    stage.stripe.add(GatewaySession { id: "cs_twin".into(), payment_intent: Some("pi_twin".into()), ..ours });
    let report = stage.pass().await;
    assert_eq!((report.found, report.given_back), (1, 1));
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(stage.stripe.balance(), 500_000);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn money_of_a_payment_that_is_not_here_is_only_shown() {
    let stage = Stage::set().await;
    let (_, session) = stage.at_stripe("k").await;
    let ours = stage.stripe.only_session();
    let paid = GatewaySession { status: GatewayStatus::Paid, url: None, ..ours };
    let unknown = Some(Uuid::from_u128(404));
    let lost = GatewaySession {
        id: "cs_7".into(),
        payment_intent: Some("pi_7".into()),
        session: unknown,
        ..paid.clone()
    };
    let shared = GatewaySession {
        id: "cs_8".into(),
        payment_intent: Some("pi_8".into()),
        installation: unknown,
        ..paid
    };
    stage.stripe.add(lost);
    stage.stripe.add(shared);
    for _ in 0..2 {
        assert_eq!(stage.pass().await.given_back, 0);
    }
    assert_eq!(stage.stripe.refunds(), []);
    assert_eq!(stage.rows("SELECT kind, object FROM cases").await, ["unknown_money | pi_7"]);
    assert_eq!(stage.count("captures").await, 0);
    assert_eq!(stage.stripe.only_session_of(&session).status, GatewayStatus::Open);
}

#[tokio::test]
async fn a_cap_an_hour_holds_the_rest_back_and_raises_an_alarm() {
    let stage = Stage::set().await;
    for n in 0..4 {
        paid_after_the_end(&stage, &format!("k{n}")).await;
    }
    let reconcile = stage.reconcile_within(2);
    for _ in 0..2 {
        reconcile.pass_now(&|_, _| {}).await.unwrap();
    }
    assert_eq!(stage.stripe.refunds().len(), 2);
    assert_eq!(stage.count("cases WHERE kind = 'refund_cap'").await, 1);
    assert_eq!(stage.count("cases WHERE kind = 'surplus' AND closed_at IS NULL").await, 2);

    stage.clock.advance(Duration::from_secs(3601));
    reconcile.pass_now(&|_, _| {}).await.unwrap();
    assert_eq!((stage.stripe.refunds().len(), stage.stripe.balance()), (4, 0));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn with_a_cap_of_nought_it_is_only_shown() {
    let stage = Stage::set().await;
    paid_after_the_end(&stage, "k").await;
    stage.reconcile_within(0).pass_now(&|_, _| {}).await.unwrap();
    assert_eq!(stage.stripe.refunds(), []);
    assert_eq!(
        stage.rows("SELECT kind FROM cases").await,
        ["surplus"],
        "no cap is reached where there is none"
    );
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn an_automatic_refund_that_keeps_failing_is_left_to_the_operator() {
    let stage = Stage::set().await;
    paid_after_the_end(&stage, "k").await;
    for hour in 0..12 {
        for _ in 0..3 {
            stage.pass().await;
            for refund in stage.stripe.refunds() {
                stage.stripe.move_refund(&refund.id, RefundState::Failed);
            }
        }
        let tried = stage.stripe.refunds().len();
        assert!(tried <= 2 * (hour + 1), "{tried} after {hour} h: what is refused now may be taken later");
        stage.clock.advance(Duration::from_secs(3601));
    }
    let tried = stage.stripe.refunds().len();
    assert!((3..=6).contains(&tried), "{tried}: it is not tried for ever");
    assert_ne!(stage.count("cases WHERE closed_at IS NULL").await, 0);
    stage.assert_sound(None).await;
}
