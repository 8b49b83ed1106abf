//! A payment is paid through its old session though it was cancelled and a new one exists: that money goes
//! back once, and the new payment is left alone.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, cancel, cases, goes_to_stripe, look, status};
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use tokio::time::Instant;

const FEE: i64 = 500_000;

/// How the new payment stands when money comes through the old session.
#[derive(Clone, Copy, Debug)]
enum New {
    /// There is none yet.
    Missing,
    /// It waits at Stripe's page.
    Waiting,
    /// It is paid.
    Paid,
}

/// A payment that was cancelled, so that nobody expects money from it, with its session's name.
async fn cancelled(stage: &Stage) -> OnTheWay {
    let mut connection = stage.servers[0].connect();
    let old = goes_to_stripe(&mut connection, &Press::own(1, "old")).await.expect("an answer");
    let answer = connection.call(&cancel(1, old.payment)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    old
}

async fn completes(stage: &Stage, new: &OnTheWay) {
    stage.stripe.pay(&new.session).await;
    let sql = format!("SELECT count(*) FROM payments WHERE id = {} AND status = 'completed'", new.payment);
    stage.comes_to(&sql, 1).await;
}

async fn paid_twice(combination: Combination, webhooks: Webhooks<'_>, then: New) {
    let begun = Instant::now();
    let stage = Stage::set(combination, webhooks, 1, &[("SEKALI_RECONCILE_INTERVAL", "1")]).await;
    let old = cancelled(&stage).await;
    if matches!(then, New::Missing) {
        stage.stripe.pay_by_force(&old.session).await;
        given_back_once(&stage, &old).await;
    }
    let mut connection = stage.servers[0].connect();
    let new = goes_to_stripe(&mut connection, &Press::own(1, "new")).await.expect("an answer");
    assert_ne!((new.payment, &new.session), (old.payment, &old.session));
    match then {
        New::Waiting => {
            stage.stripe.pay_by_force(&old.session).await;
            given_back_once(&stage, &old).await;
            completes(&stage, &new).await;
        }
        New::Paid => {
            completes(&stage, &new).await;
            stage.stripe.pay_by_force(&old.session).await;
            given_back_once(&stage, &old).await;
        }
        New::Missing => completes(&stage, &new).await,
    }
    stage.rests().await;
    let books = stage.stripe.books().await;
    assert_eq!((books.captured, books.refunded), (2 * FEE, FEE), "{books:?}");
    let look_at = |id| look(1, id);
    for (payment, wanted) in [(old.payment, "cancelled"), (new.payment, "completed")] {
        let answer = connection.call(&look_at(payment)).await.expect("an answer");
        assert_eq!(status(&answer), wanted, "{}", answer.body);
    }
    stage.is_in_order(&format!("{then:?}")).await;
    println!(
        "{combination:?}, webhooks {webhooks:?}, {then:?}: two charges, one of them refunded; a case was opened and \
         closed; {:.1?}",
        begun.elapsed()
    );
}

/// The money of the old session is back, and the operator was told.
async fn given_back_once(stage: &Stage, old: &OnTheWay) {
    let back = format!(
        "SELECT count(*) FROM refunds WHERE payment_id = {} AND origin = 'automatic' AND state = 'succeeded'",
        old.payment
    );
    stage.comes_to(&back, 1).await;
    let cases = cases(&mut stage.servers[0].connect()).await;
    let [case] = &cases[..] else { panic!("one case, and not {cases:?}") };
    assert_eq!(
        (&case["kind"], case["payment_id"].as_i64()),
        (&"surplus".into(), Some(old.payment)),
        "{case}"
    );
    assert!(case["closed_at"].is_string(), "{case}");
    let errors = stage.servers[0].count_logged("Money was captured that settles no payment");
    assert_eq!(errors, 1, "{}", stage.said());
}

async fn whenever(combination: Combination) {
    for then in [New::Waiting, New::Paid, New::Missing] {
        paid_twice(combination, Webhooks::On, then).await;
    }
    paid_twice(combination, Webhooks::Off, New::Waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_is_paid_on_sqlite() {
    whenever(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_is_paid_on_postgres() {
    whenever(Combination::PostgresMemory).await;
}
