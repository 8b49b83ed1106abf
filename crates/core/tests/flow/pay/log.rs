//! The log lines of the contract, part 7: these messages and fields, at these levels, in this order.

use crate::support::log::{Line, Log};
use crate::support::{PATIENT, Stage, created, decimal, duplicate, money, press};
use sekali_core::domain::ConsultationId;
use sekali_core::flow::pay::PayRequest;
use sekali_core::ports::{LockAttempt, LockToken};
use tracing::Level;

fn processing(consultation: &str, amount: &str) -> Line {
    let fields = [
        ("user_id", "1"),
        ("consultation_id", consultation),
        ("amount", amount),
        ("payment_method", "stripe"),
    ];
    Line::new(Level::INFO, "Payment: Processing payment", &fields)
}

fn lock_acquired(attempts: &str) -> Line {
    let fields = [("lock_key", "payment:lock:5:1"), ("attempts", attempts)];
    Line::new(Level::DEBUG, "Lock acquired", &fields)
}

fn lock_released() -> Line {
    Line::new(Level::DEBUG, "Lock released", &[("lock_key", "payment:lock:5:1")])
}

fn created_line() -> Line {
    let fields = [("payment_id", "100"), ("user_id", "1"), ("amount", "5000.00"), ("method", "stripe")];
    Line::new(Level::INFO, "Payment: New payment created", &fields)
}

fn cached_line() -> Line {
    let fields = [("cache_key", "payment:idempotency:1:k"), ("ttl", "300")];
    Line::new(Level::DEBUG, "Payment result cached", &fields)
}

#[tokio::test]
async fn a_new_payment() {
    let stage = Stage::set().await;
    let log = Log::listen();
    created(stage.pay().pay(&press("k")).await);
    assert_eq!(
        log.lines(),
        [processing("5", "5000.00"), lock_acquired("1"), created_line(), cached_line(), lock_released()]
    );
}

#[tokio::test]
async fn a_duplicate_from_the_cache() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    let log = Log::listen();
    duplicate(stage.pay().pay(&press("k")).await);
    let fields = [("idempotency_key", "k"), ("payment_id", "100")];
    let returning = Line::new(Level::INFO, "Payment: Returning cached response", &fields);
    assert_eq!(log.lines(), [processing("5", "5000.00"), returning]);
}

#[tokio::test]
async fn a_duplicate_from_the_database() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    stage.coordination.lookups.push(None);
    let log = Log::listen();
    duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!(
        log.lines(),
        [processing("5", "5000.00"), lock_acquired("1"), cached_line(), lock_released()],
        "the cache did not answer, and nothing was created"
    );
}

#[tokio::test]
async fn a_lock_that_was_waited_for() {
    let stage = Stage::set().await;
    for _ in 0..2 {
        stage.coordination.attempts.push(LockAttempt::Held(LockToken::new(7, "another")));
    }
    let log = Log::listen();
    created(stage.pay().pay(&press("k")).await);
    assert_eq!(log.lines()[1], lock_acquired("3"));
}

#[tokio::test]
async fn an_amount_is_logged_as_exactly_as_it_came() {
    let stage = Stage::set().await;
    stage.consult(ConsultationId(6), PATIENT, money("5000.125", "KWD"), None).await;
    let log = Log::listen();
    let request = PayRequest { consultation: ConsultationId(6), amount: decimal("5000.125"), ..press("k") };
    created(stage.pay().pay(&request).await);
    assert_eq!(log.lines()[0], processing("6", "5000.125"));
}

#[tokio::test]
async fn a_lock_that_expired_under_its_holder() {
    let stage = Stage::set().await;
    // Taken, and gone before it is given back.
    stage.coordination.attempts.push(LockAttempt::Acquired);
    let log = Log::listen();
    created(stage.pay().pay(&press("k")).await);
    let lost = "Lock had expired before it was released";
    assert_eq!(log.lines()[4], Line::new(Level::WARN, lost, &[("lock_key", "payment:lock:5:1")]));
    assert_eq!(log.count("Lock released"), 0);
}
