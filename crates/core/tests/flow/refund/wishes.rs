//! An operator gives money back: once for each key, never more than there is.

use crate::support::script::Fault;
use crate::support::stripe::Refunding;
use crate::support::{Stage, key, money};
use sekali_core::decision::refund::Wish;
use sekali_core::domain::{
    Actor, Fingerprint, InvoiceStatus, Origin, PaymentId, Receipt, Refund, RefundState, Status, UserId,
};
use sekali_core::flow::refund::Refunded;
use sekali_core::ports::{Clock, GatewayError, Random, StoreError};

const ADMIN: UserId = UserId(9);

pub(crate) fn admin() -> Origin {
    Origin::request(Actor::Admin, ADMIN, None)
}

/// So much of the payment back; `None`: all that remains.
pub(crate) fn wish(stage: &Stage, receipt: &Receipt, name: &str, amount: Option<&str>) -> Wish {
    let amount = amount.map(|amount| money(amount, "PHP"));
    Wish {
        id: stage.random.uuid(),
        by: ADMIN,
        key: key(name),
        fingerprint: Fingerprint::of_refund(receipt.payment.id, amount, None),
        amount,
        reason: None,
        seen: None,
        at: stage.clock.now(),
    }
}

async fn refund(stage: &Stage, receipt: &Receipt, name: &str, amount: Option<&str>) -> Refunded {
    let wish = wish(stage, receipt, name, amount);
    stage.refunds().refund(receipt.payment.id, &wish, &admin()).await.unwrap()
}

#[track_caller]
fn made(refunded: Refunded) -> (Receipt, Refund) {
    match refunded {
        Refunded::Made(receipt, refund) => (receipt, refund),
        other => panic!("Made was expected, but: {other:?}"),
    }
}

#[tokio::test]
async fn a_part_and_then_the_rest() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    let (after, part) = made(refund(&stage, &receipt, "r1", Some("1000.00")).await);
    assert_eq!((part.state, part.payment_intent.as_str()), (RefundState::Succeeded, intent.as_str()));
    assert_eq!((after.payment.status, after.payment.refunded), (Status::Completed, money("1000", "PHP")));
    assert_eq!(after.invoice.status, InvoiceStatus::Paid);
    let taxes = stage.rows("SELECT tax_type, tax_refunded FROM tax_records ORDER BY id").await;
    assert_eq!(taxes, ["VAT | 120.00", "PPh | 150.00"], "the taxes follow");
    stage.assert_sound(None).await;

    let (after, rest) = made(refund(&stage, &receipt, "r2", None).await);
    assert_eq!(rest.amount, money("4000", "PHP"));
    assert_eq!((after.payment.status, after.payment.refunded), (Status::Refunded, money("5000", "PHP")));
    assert_eq!(after.invoice.status, InvoiceStatus::Refunded);
    let taxes = stage.rows("SELECT tax_refunded FROM tax_records ORDER BY id").await;
    assert_eq!(taxes, ["600.00", "750.00"]);
    assert_eq!(stage.stripe.balance(), 0);
    stage.assert_sound(None).await;

    let nothing = refund(&stage, &receipt, "r3", Some("0.01")).await;
    assert!(matches!(nothing, Refunded::NotRefundable(_)), "{nothing:?}");
}

#[tokio::test]
async fn the_same_key_makes_it_once() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let (_, first) = made(refund(&stage, &receipt, "r", Some("1000.00")).await);
    let again = refund(&stage, &receipt, "r", Some("1000")).await;
    assert!(matches!(again, Refunded::Known(_, ref known) if known.id == first.id), "{again:?}");
    assert_eq!(refund(&stage, &receipt, "r", Some("999.00")).await, Refunded::KeyReused);
    assert_eq!(stage.stripe.refunds().len(), 1);

    // Two refunds of one amount are two refunds: the key tells them apart, not the amount.
    let (after, _) = made(refund(&stage, &receipt, "other", Some("1000.00")).await);
    assert_eq!(after.payment.refunded, money("2000", "PHP"));
}

#[tokio::test]
async fn a_key_belongs_to_the_refund_of_one_payment_also_when_two_are_quick() {
    let stage = Stage::set().await;
    let (one, _) = stage.completed("k").await;
    let id = sekali_core::domain::ConsultationId(6);
    stage.consult(id, crate::support::PATIENT, money("5000", "PHP"), None).await;
    let request = sekali_core::flow::pay::PayRequest { consultation: id, ..crate::support::press("k6") };
    let other = crate::support::created(stage.pay().pay(&request).await);
    stage.checkout().proceed(other.payment.id, "id", &crate::support::patient()).await.unwrap();
    for session in stage.stripe.sessions() {
        stage.stripe.pay(&session.id);
    }
    stage.pass().await;
    let (first, second) = (wish(&stage, &one, "r", None), wish(&stage, &other, "r", None));
    let (a, b) = (stage.refunds(), stage.refunds());
    let (x, y) = (admin(), admin());
    let both = futures_util::future::join(
        a.refund(one.payment.id, &first, &x),
        b.refund(other.payment.id, &second, &y),
    );
    let (a, b) = both.await;
    let outcomes = [a.unwrap(), b.unwrap()];
    let reused = outcomes.iter().filter(|outcome| **outcome == Refunded::KeyReused).count();
    assert_eq!((reused, stage.stripe.refunds().len()), (1, 1), "{outcomes:?}");
}

#[tokio::test]
async fn a_database_that_fails_is_no_sign_that_the_key_was_used() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let wish = wish(&stage, &receipt, "r", None);
    let odd = StoreError::Broken("odd".into());
    stage.store.decides.push(Fault::Fails(odd.clone()));
    let refunds = stage.refunds();
    assert_eq!(refunds.refund(receipt.payment.id, &wish, &admin()).await, Err(odd));
    assert_eq!(stage.stripe.sent_refunds().len(), 0);
}

#[tokio::test]
async fn more_than_what_remains_is_refused_before_stripe_is_asked() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    made(refund(&stage, &receipt, "r1", Some("3000")).await);
    let too_much = refund(&stage, &receipt, "r2", Some("2000.01")).await;
    assert_eq!(too_much, Refunded::TooMuch { remaining: money("2000", "PHP") });
    assert_eq!(stage.stripe.sent_refunds().len(), 1);
}

#[tokio::test]
async fn what_was_not_captured_is_not_refunded() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    assert!(matches!(refund(&stage, &receipt, "r", None).await, Refunded::NotRefundable(_)));
    let wish = wish(&stage, &receipt, "r", None);
    let none = stage.refunds().refund(PaymentId(404), &wish, &admin()).await.unwrap();
    assert_eq!(none, Refunded::NoPayment);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_parallel_refunds_of_sixty_percent_one_is_made() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let wishes = (0..100).map(|n| {
        let (refunds, wish) = (stage.refunds(), wish(&stage, &receipt, &format!("r{n}"), Some("3000")));
        let id = receipt.payment.id;
        tokio::spawn(async move { refunds.refund(id, &wish, &admin()).await })
    });
    let wishes: Vec<_> = wishes.collect();
    let mut made = 0;
    for wish in wishes {
        match wish.await.unwrap().unwrap() {
            Refunded::Made(..) => made += 1,
            Refunded::TooMuch { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made, stage.stripe.refunds().len(), stage.stripe.balance()), (1, 1, 200_000));
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn stripes_refusal_makes_nothing_and_frees_the_money() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.completed("k").await;
    let refused = GatewayError::Refused { status: 400, message: "the charge is disputed".into() };
    stage.stripe.refunding.push(Refunding::Fails(refused));
    let (after, failed) = made(refund(&stage, &receipt, "r1", None).await);
    assert_eq!(
        (failed.state, failed.failure.as_deref()),
        (RefundState::Failed, Some("the charge is disputed"))
    );
    assert_eq!(after.payment.refunded.minor, 0);
    let (after, _) = made(refund(&stage, &receipt, "r2", None).await);
    assert_eq!(after.payment.status, Status::Refunded);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_refund_that_is_pending_is_followed_to_its_end() {
    for (end, status) in
        [(RefundState::Succeeded, Status::Refunded), (RefundState::Failed, Status::Completed)]
    {
        let stage = Stage::set().await;
        let (receipt, _) = stage.completed("k").await;
        stage.stripe.refunding.push(Refunding::As(RefundState::Pending));
        let (waiting, pending) = made(refund(&stage, &receipt, "r", None).await);
        assert_eq!((pending.state, waiting.payment.status), (RefundState::Pending, Status::Completed));
        assert_eq!(waiting.payment.refunded.minor, 0, "only what succeeded is back");

        stage.stripe.move_refund(&pending.gateway_id.unwrap(), end);
        stage.pass().await;
        assert_eq!(stage.stored(&receipt).await.payment.status, status, "{end:?}");
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn a_refund_that_bounces_is_shown_and_made_again_once() {
    let stage = Stage::set().await;
    let (receipt, intent) = stage.completed("k").await;
    let (_, first) = made(refund(&stage, &receipt, "r", None).await);
    stage.stripe.move_refund(&first.gateway_id.unwrap(), RefundState::Failed);
    stage.webhook("evt_1", "refund.failed", "re_1").await;
    stage.work().await;

    let after = stage.stored(&receipt).await;
    assert_eq!(after.payment.status, Status::Refunded, "a terminal state never goes back");
    let cases = stage.rows("SELECT kind, object, closed_at IS NULL FROM cases").await;
    assert_eq!(cases, [format!("refund_bounced | {} | 1", first.id)]);
    stage.assert_sound(None).await;

    stage.pass().await;
    let refunds = stage.rows("SELECT state, origin, replaces IS NOT NULL FROM refunds ORDER BY rowid").await;
    assert_eq!(refunds, ["failed | operator | 0", "succeeded | automatic | 1"]);
    assert_eq!(stage.rows("SELECT closed_at IS NULL FROM cases").await, ["0"], "it is back");
    assert_eq!(stage.stored(&receipt).await.payment.refunded, money("5000", "PHP"));

    // The second one bounces as well: from here on it is the operator's.
    stage.stripe.move_refund("re_2", RefundState::Failed);
    stage.refunds().take_in_all(&intent, &admin()).await.unwrap();
    stage.pass().await;
    assert_eq!(stage.stripe.refunds().len(), 2);
    stage.assert_sound(None).await;
}
