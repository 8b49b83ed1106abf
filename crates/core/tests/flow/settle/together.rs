//! Several bring the same news, or news in any order: one transition, one final state.

use crate::support::{Stage, callback};
use sekali_core::domain::Status;
use sekali_core::ports::GatewaySession;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhook_callback_and_a_third_settle_once() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.webhook("evt_1", "checkout.session.completed", &session).await;
    // All three have Stripe's answer in hand before anybody writes.
    stage.stripe.answer_together(3);
    let (inbox, page, third) = (stage.inbox(), stage.settle(), stage.settle());
    let (id, name) = (receipt.payment.id, session.clone());
    let webhook = tokio::spawn(async move { inbox.work().await });
    let page = tokio::spawn(async move { page.settle_payment(id, &callback()).await });
    let third = tokio::spawn(async move { third.settle_session(&name, &callback()).await });

    assert_eq!(webhook.await.unwrap(), Ok(1));
    let shown = page.await.unwrap().unwrap().unwrap();
    third.await.unwrap().unwrap();
    assert_eq!(shown.payment.status, Status::Completed);
    assert_eq!(stage.journal.transitions(), 1);
    assert_eq!(stage.rows("SELECT payment_intent, disposition FROM captures").await, ["pi_1 | settled"]);
    assert_eq!(stage.rows("SELECT status FROM invoices").await, ["paid"]);
    stage.assert_sound(None).await;
}

/// News of one session, as Stripe tells it at different times, with the event that comes with each.
fn history(stage: &Stage, session: &str) -> [(&'static str, GatewaySession); 3] {
    let open = stage.stripe.only_session();
    let submitted = stage.stripe.submit(session);
    let paid = stage.stripe.pay(session);
    [
        ("checkout.session.created", open),
        ("checkout.session.completed", submitted),
        ("checkout.session.async_payment_succeeded", paid),
    ]
}

#[tokio::test]
async fn events_in_every_order_each_doubled_end_in_the_same_state() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let stage = Stage::set().await;
        let (receipt, session) = stage.at_stripe("k").await;
        let news = history(&stage, &session);
        for at in order {
            let (kind, snapshot) = &news[at];
            // Once more under the same id, and once under another.
            let new = [format!("evt_{at}"), format!("evt_{at}"), format!("evt_{at}_again")];
            let mut kept = Vec::new();
            for event in new {
                kept.push(stage.webhook(&event, kind, &session).await);
            }
            assert_eq!(kept, [true, false, true]);
            stage.stripe.answers.extend((0..2).map(|_| Ok(snapshot.clone())));
            assert_eq!(stage.work().await, 2);
        }
        let last = stage.stored(&receipt).await;
        assert_eq!(last.payment.status, Status::Completed, "{order:?}");
        assert!(!last.payment.submitted);
        assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["complete"], "{order:?}");
        assert_eq!(stage.count("captures").await, 1);
        assert_eq!(stage.rows("SELECT id FROM gateway_events WHERE finished_at IS NULL").await.len(), 0);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_payment_that_expired_stays_expired_and_late_money_is_surplus() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.expire(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();
    stage.stripe.pay(&session);
    stage.settle().settle_session(&session, &callback()).await.unwrap();

    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Expired);
    assert_eq!(stage.rows("SELECT disposition FROM captures").await, ["surplus"]);
}
