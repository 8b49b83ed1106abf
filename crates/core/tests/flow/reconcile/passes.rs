//! A pass asks Stripe about whatever nobody has told of.

use crate::support::log::Log;
use crate::support::script::Fault;
use crate::support::stripe::Creating;
use crate::support::{Stage, created, patient, press};
use sekali_core::domain::{InvoiceStatus, RefundState, Status};
use sekali_core::flow::reconcile::{Pass, Reconcile, Report};
use sekali_core::ports::{GatewayError, LeaseStore, StoreError};
use std::time::Duration;
use uuid::Uuid;

const INTERVAL: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn passed(reconcile: &Reconcile) -> Pass {
    reconcile.pass(&|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn a_session_that_was_paid_is_settled_without_any_webhook() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    assert_eq!(stage.pass().await, Report { sessions: 1, settled: 1, ..Report::default() });
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Completed);
    assert_eq!(stage.pass().await, Report::default());
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_session_that_ran_out_ends_its_payment_by_stripes_word_not_by_the_clock() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.clock.advance(2 * DAY);
    stage.pass().await;
    assert_eq!(
        stage.stored(&receipt).await.payment.status,
        Status::Processing,
        "Stripe says that it is open"
    );
    stage.stripe.expire(&session);
    stage.pass().await;
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Expired);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_payment_that_nobody_went_on_with_expires_and_can_be_made_anew() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.clock.advance(DAY);
    assert_eq!(stage.pass().await.expired, 0);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.pass().await.expired, 1);
    let after = stage.stored(&receipt).await;
    assert_eq!((after.payment.status, after.invoice.status), (Status::Expired, InvoiceStatus::Void));
    assert_eq!(stage.stripe.asked().len(), 0, "it has no session to ask about");
    created(stage.pay().pay(&press("new")).await);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_session_without_an_answer_is_found_out_about_when_its_call_is_over() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.stripe.creating.push(Creating::AnswerLost);
    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert_eq!(stage.pass().await, Report::default(), "the call may still be under way");
    stage.clock.advance(Duration::from_secs(60));
    stage.pass().await;
    assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["open"]);
    assert_eq!(stage.stripe.sessions().len(), 1);
}

#[tokio::test]
async fn without_an_answer_nothing_is_concluded_and_the_rest_goes_on() {
    let stage = Stage::set().await;
    let (first, session) = stage.at_stripe("k").await;
    stage.stripe.pay(&session);
    stage.stripe.answers.push(Err(GatewayError::Unknown("503".into())));
    let report = stage.pass().await;
    assert_eq!((report.unanswered, report.settled), (1, 0));
    // The charge was in Stripe's list all the same.
    assert_eq!(stage.stored(&first).await.payment.status, Status::Completed);
    assert_eq!(report.found, 1);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn one_server_at_a_time_and_one_pass_an_interval() {
    let stage = Stage::set().await;
    let (one, other) = (stage.reconcile(), stage.reconcile());
    assert!(matches!(passed(&one).await, Pass::Made(_)));
    assert_eq!(passed(&other).await, Pass::Elsewhere, "the first one has made this interval's");
    stage.clock.advance(INTERVAL);
    assert!(matches!(passed(&other).await, Pass::Made(_)), "they take turns");
    assert_eq!(passed(&one).await, Pass::Elsewhere);
    other.release().await.unwrap();
    assert!(matches!(passed(&one).await, Pass::Made(_)), "one that stops lets the other go on at once");
}

#[tokio::test]
async fn one_that_died_holds_the_others_up_for_a_minute_at_most() {
    let stage = Stage::set().await;
    let dead = Uuid::from_u128(77);
    let lasts = Duration::from_secs(60);
    let held = stage.store.acquire_lease("reconciler", dead, crate::support::second(0), lasts).await;
    assert_eq!(held, Ok(true));
    assert_eq!(passed(&stage.reconcile()).await, Pass::Elsewhere);
    stage.clock.advance(lasts);
    assert!(matches!(passed(&stage.reconcile()).await, Pass::Made(_)));
}

#[tokio::test]
async fn one_payment_that_cannot_be_dealt_with_holds_up_no_other() {
    for down in [StoreError::Unavailable("lock timeout".into()), StoreError::Broken("odd".into())] {
        let stage = Stage::set().await;
        let (first, session) = stage.at_stripe("k").await;
        stage.stripe.pay(&session);
        let id = sekali_core::domain::ConsultationId(6);
        stage.consult(id, crate::support::PATIENT, crate::support::money("5000", "PHP"), None).await;
        let request = sekali_core::flow::pay::PayRequest { consultation: id, ..press("other") };
        let second = created(stage.pay().pay(&request).await);
        stage.checkout().proceed(second.payment.id, "id", &patient()).await.unwrap();
        stage.stripe.pay("cs_2");
        stage.store.decides.push(Fault::Fails(down));
        let report = stage.pass().await;
        assert_eq!(report.unanswered, 1);
        let settled = [stage.stored(&first).await, stage.stored(&second).await];
        assert!(settled.iter().all(|receipt| receipt.payment.status == Status::Completed), "{settled:?}");
    }
}

#[tokio::test]
async fn a_stripe_that_answers_nobody_is_left_alone_until_the_next_pass() {
    let stage = Stage::set().await;
    stage.many_at_stripe(60).await;
    stage.stripe.answers.extend((0..60).map(|_| Err(GatewayError::Unknown("503".into()))));
    let asked = stage.stripe.asked().len();
    stage.pass().await;
    assert_eq!(stage.stripe.asked().len() - asked, 16);
}

#[tokio::test]
async fn many_sessions_over_many_pages() {
    let stage = Stage::set().await;
    stage.many_at_stripe(450).await;
    for session in stage.stripe.sessions() {
        stage.stripe.pay(&session.id);
    }
    let report = stage.pass().await;
    assert_eq!((report.sessions, report.settled, report.found), (450, 450, 0));
    assert_eq!(stage.count("payments WHERE status = 'completed'").await, 450);
    stage.assert_sound(None).await;
}

/// The pass's only line about sessions without an answer: of how many it says that nobody answered.
fn silent(log: &Log) -> Option<String> {
    let lines = log.lines();
    let mut about = lines.iter().filter(|line| {
        line.message == "Reconciler: Questions have no answer yet"
            && line.fields.get("part").is_some_and(|part| part == "checkout sessions")
    });
    let line = about.next()?;
    assert_eq!(about.next(), None, "one line for all of them");
    line.fields.get("silent").cloned()
}

#[tokio::test]
async fn objects_that_cannot_be_dealt_with_are_no_sign_that_nobody_answers() {
    const MANY: u64 = 20;
    let stage = Stage::set().await;
    stage.many_at_stripe(20).await;
    let log = Log::listen();
    stage.stripe.answers.extend((0..MANY).map(|_| Err(GatewayError::NotFound)));
    let report = stage.pass().await;
    assert_eq!((report.sessions, report.unanswered), (MANY, MANY), "each is asked about");
    assert_eq!(silent(&log).as_deref(), Some("0"));

    let log = Log::listen();
    for session in stage.stripe.sessions() {
        stage.stripe.pay(&session.id);
    }
    stage.store.decides.extend((0..MANY).map(|_| Fault::Fails(StoreError::Broken("odd".into()))));
    let report = stage.pass().await;
    assert_eq!((report.sessions, report.unanswered), (MANY, MANY));
    assert_eq!(silent(&log).as_deref(), Some("0"));
}

#[tokio::test]
async fn an_answer_in_between_gives_new_hope() {
    let stage = Stage::set().await;
    stage.many_at_stripe(40).await;
    let log = Log::listen();
    let open = stage.stripe.sessions().remove(0);
    let mute = || (0..15).map(|_| Err(GatewayError::Unknown("503".into())));
    stage.stripe.answers.extend(mute().chain([Ok(open)]).chain(mute()));
    let report = stage.pass().await;
    assert_eq!((report.sessions, report.unanswered), (40, 30));
    assert_eq!(silent(&log).as_deref(), Some("30"));
}

#[tokio::test]
async fn refunds_that_were_asked_about_and_payments_that_ended_by_that_are_counted() {
    let stage = Stage::set().await;
    let (_, intent) = stage.completed("k").await;
    for amount in ["10", "20"] {
        stage.stripe.refund_in_dashboard(&intent, crate::support::money(amount, "PHP"), RefundState::Pending);
    }
    assert_eq!(stage.pass().await.refunds, 0, "they are found at the end of this pass");
    assert_eq!(stage.pass().await.refunds, 2, "both are awaited");

    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let lost = GatewayError::Unknown("no connection".into());
    stage.stripe.creating.push(Creating::Fails(lost));
    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    stage.clock.advance(DAY);
    let report = stage.pass().await;
    assert_eq!((report.sessions, report.settled), (1, 1), "it was never opened, and is over");
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Failed);
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_had_put_off_is_said_once() {
    const SAID: &str = "Reconciler: What a clock that was ahead had put off is due now";
    let stage = Stage::set().await;
    stage.paying("k").await;
    let log = Log::listen();
    stage.pass().await;
    assert_eq!(log.count(SAID), 0);
    stage.clock.advance(30 * DAY);
    stage.host.refuses.push(true);
    assert_eq!(stage.deliver().await, 1);
    stage.clock.set_back(30 * DAY);
    stage.pass().await;
    let lines = log.lines();
    let line = lines.iter().find(|line| line.message == SAID).expect("it is said");
    assert_eq!(line.fields.get("late").map(String::as_str), Some("1"));
    assert_eq!(stage.deliver().await, 1, "and it is delivered now");
    stage.pass().await;
    assert_eq!(log.count(SAID), 1);
}
