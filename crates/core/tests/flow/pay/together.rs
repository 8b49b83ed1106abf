//! Presses of one button that are here at once.

use crate::support::log::Log;
use crate::support::{PATIENT, Stage, created, decimal, duplicate, key, press};
use async_trait::async_trait;
use sekali_core::domain::{ConsultationId, Status, Timestamp};
use sekali_core::flow::pay::{Answer, Caught, Pay, PayError, PayRequest, Toll, Twin};
use sekali_core::ports::{Clock, LockToken, Point, Rate, StatusBoard};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

type Outcome = (Option<Rate>, Result<Answer, PayError>);

/// Whoever sleeps, sleeps until a test wakes him.
struct UntilTold(Arc<dyn Clock>, Arc<tokio::sync::Notify>);

#[async_trait]
impl Clock for UntilTold {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    async fn sleep(&self, _: Duration) {
        self.1.notified().await;
    }
}

/// Nobody's patience ends.
fn patient(stage: &Stage) -> Pay {
    Pay { clock: Arc::new(UntilTold(stage.clock.clone(), Arc::default())), ..stage.pay() }
}

/// Whoever can come any further has.
async fn all_wait() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// Presses, as far as it comes; requests are counted up to `limit`.
async fn pressed(stage: &Stage, pay: Pay, request: PayRequest, limit: u32) -> JoinHandle<Outcome> {
    let own = stage.coordination.clone();
    let pressing = tokio::spawn(async move {
        let toll = Toll { bucket: "user:1", limit, otherwise: &*own };
        pay.pay_counted(&request, Some(&toll)).await
    });
    all_wait().await;
    pressing
}

/// With a limit that nobody reaches.
async fn waits(stage: &Stage, request: PayRequest) -> JoinHandle<Outcome> {
    pressed(stage, patient(stage), request, 1000).await
}

fn times(stage: &Stage, call: &str) -> usize {
    stage.journal.names().iter().filter(|name| **name == call).count()
}

#[tokio::test]
async fn a_storm_of_clicks_asks_twice_and_makes_one_payment() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let log = Log::listen();
    let mut clicks = Vec::new();
    for _ in 0..100 {
        clicks.push(waits(&stage, press("k")).await);
    }
    assert_eq!(times(&stage, "lookup"), 1, "the others wait for the first");
    stage.coordination.let_in(1);
    let first = created(clicks.remove(0).await.unwrap().1);
    all_wait().await;
    assert_eq!(times(&stage, "lookup"), 2, "one goes for all who came meanwhile");
    stage.coordination.let_in(1);
    let mut left = vec![999];
    for click in clicks {
        let (rate, answer) = click.await.unwrap();
        let answer = duplicate(answer);
        assert_eq!((answer.receipt, answer.caught), (first.clone(), Caught::Lock));
        left.push(rate.unwrap().remaining);
    }
    assert_eq!((times(&stage, "lookup"), times(&stage, "create")), (2, 1));
    let made = [Point::LookedUp, Point::Locked, Point::Committed, Point::Cached, Point::Unlocked];
    let points = [&made[..], &[Point::LookedUp], &[Point::Locked; 99]].concat();
    assert_eq!(stage.journal.points(), points, "whoever waited came through the lock");
    assert_eq!(left, (900..1000).rev().collect::<Vec<_>>(), "each is counted, in its order");
    assert_eq!(log.count("Payment: Processing payment"), 100);
    assert_eq!(log.count("Payment: Returning cached response"), 99);
    assert_eq!(log.count("Payment: New payment created"), 1);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn whoever_comes_later_is_not_given_an_older_answer() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    let second = waits(&stage, press("k")).await;
    stage.coordination.let_in(1);
    assert_eq!(duplicate(first.await.unwrap().1).status, Status::Pending);
    // Between the first one's look and the second one's.
    let mut paid = receipt.payment.clone();
    paid.status = Status::Completed;
    stage.coordination.changing(paid.id).await.unwrap();
    stage.coordination.publish(&paid).await.unwrap();
    stage.coordination.let_in(1);
    assert_eq!(duplicate(second.await.unwrap().1).status, Status::Completed);
}

#[tokio::test]
async fn the_limit_is_each_ones_own() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let log = Log::listen();
    let mut clicks = Vec::new();
    for _ in 0..5 {
        clicks.push(pressed(&stage, patient(&stage), press("k"), 3).await);
    }
    stage.coordination.let_in(2);
    let mut told = Vec::new();
    for click in clicks {
        let (rate, answer) = click.await.unwrap();
        let rate = rate.unwrap();
        told.push((rate.remaining, rate.is_over(), answer == Err(PayError::OverLimit)));
    }
    assert_eq!(
        told,
        [(2, false, false), (1, false, false), (0, false, false), (0, true, true), (0, true, true)]
    );
    assert_eq!(log.count("Payment: Processing payment"), 3, "who is over the limit is not processed");
}

#[tokio::test]
async fn what_is_refused_is_refused_to_all() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let unknown = PayRequest { consultation: ConsultationId(404), ..press("k") };
    let mut clicks = Vec::new();
    for _ in 0..4 {
        clicks.push(waits(&stage, unknown.clone()).await);
    }
    stage.coordination.let_in(2);
    for click in clicks {
        assert_eq!(click.await.unwrap().1, Err(PayError::NoConsultation));
    }
    assert_eq!(times(&stage, "create"), 2);
    // Nothing of it is left for those who come later.
    stage.coordination.let_in(1);
    created(stage.pay().pay(&press("k")).await);
}

#[tokio::test]
async fn who_dies_on_the_way_leaves_the_way_to_the_next() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    let second = waits(&stage, press("k")).await;
    first.abort();
    stage.coordination.let_in(1);
    created(second.await.unwrap().1);
}

#[tokio::test]
async fn those_for_whom_somebody_went_who_died_go_by_themselves() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    let second = waits(&stage, press("k")).await;
    let others = [waits(&stage, press("k")).await, waits(&stage, press("k")).await];
    stage.coordination.let_in(1);
    created(first.await.unwrap().1);
    all_wait().await;
    second.abort();
    all_wait().await;
    assert_eq!(times(&stage, "lookup"), 4, "the first, the one that died, and two by themselves");
    stage.coordination.let_in(2);
    for other in others {
        duplicate(other.await.unwrap().1);
    }
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn who_was_to_go_next_and_has_left_is_passed_over() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    let second = waits(&stage, press("k")).await;
    let third = waits(&stage, press("k")).await;
    second.abort();
    all_wait().await;
    stage.coordination.let_in(2);
    created(first.await.unwrap().1);
    duplicate(third.await.unwrap().1);
    assert_eq!(times(&stage, "lookup"), 2);
}

#[tokio::test]
async fn after_five_seconds_nobody_waits_for_a_press_that_does_not_end() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    stage.coordination.hold_for_ever(LockToken::new(7, "another"));
    let log = Log::listen();
    // On this clock the five seconds are over at once.
    let second = pressed(&stage, stage.pay(), press("k"), 1000).await;
    assert_eq!(times(&stage, "lookup"), 2, "it goes by itself");
    first.abort();
    stage.coordination.let_in(2);
    created(second.await.unwrap().1);
    assert_eq!(stage.journal.pauses(), [Duration::from_secs(5)], "and waits no second time, for the lock");
    assert_eq!(log.count("Lock not acquired in time, going on with the database alone"), 1);
}

#[tokio::test]
async fn a_press_that_does_not_end_is_no_hindrance_after_five_seconds() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.shut_the_door();
    let _hanging = waits(&stage, press("k")).await;
    stage.clock.advance(Duration::from_secs(5));
    let later = waits(&stage, press("k")).await;
    assert_eq!(times(&stage, "lookup"), 2, "nobody waits for it any more");
    stage.coordination.let_in(2);
    let answer = duplicate(later.await.unwrap().1);
    assert_eq!((answer.receipt, answer.caught), (receipt, Caught::Cache));
}

#[tokio::test]
async fn presses_that_follow_on_one_another_for_long_go_together_still() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let mut clicks = vec![waits(&stage, press("k")).await, waits(&stage, press("k")).await];
    stage.clock.advance(Duration::from_secs(4));
    stage.coordination.let_in(1);
    created(clicks.remove(0).await.unwrap().1);
    all_wait().await;
    // Six seconds after the first one, two after the one that is under way.
    stage.clock.advance(Duration::from_secs(2));
    clicks.push(waits(&stage, press("k")).await);
    assert_eq!(times(&stage, "lookup"), 2, "it waits");
    stage.coordination.let_in(2);
    for click in clicks {
        duplicate(click.await.unwrap().1);
    }
}

#[tokio::test]
async fn who_waits_is_counted_over_all_keys_of_a_user() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let mut clicks = Vec::new();
    for name in ["a", "b"] {
        for _ in 0..60 {
            clicks.push(waits(&stage, press(name)).await);
        }
    }
    assert_eq!(times(&stage, "lookup"), 2 + 18, "a hundred wait, and the others go by themselves");
    clicks.iter().for_each(JoinHandle::abort);
    all_wait().await;
    // They wait no more.
    stage.journal.clear();
    let mut clicks = Vec::new();
    for _ in 0..60 {
        clicks.push(waits(&stage, press("a")).await);
    }
    assert_eq!(times(&stage, "lookup"), 1);
    clicks.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_hundred_wait_and_more_are_counted_at_once() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let mut clicks = Vec::new();
    for _ in 0..=101 {
        clicks.push(pressed(&stage, patient(&stage), press("k"), 1).await);
    }
    assert_eq!((times(&stage, "take"), times(&stage, "lookup")), (2, 1), "the last one goes no further");
    let (rate, answer) = clicks.pop().unwrap().await.unwrap();
    assert_eq!((rate.unwrap().is_over(), answer), (true, Err(PayError::OverLimit)));
    clicks.iter().for_each(JoinHandle::abort);
}

/// Whoever goes for it waits for somebody's lock.
#[tokio::test]
async fn whoever_was_counted_and_is_left_alone_is_not_counted_again() {
    for (limit, left) in [(1000, Some(997)), (2, None)] {
        let stage = Stage::set().await;
        stage.coordination.hold_for_ever(LockToken::new(7, "another"));
        let first = pressed(&stage, patient(&stage), press("k"), limit).await;
        let leads = pressed(&stage, patient(&stage), press("k"), limit).await;
        let over = Arc::new(tokio::sync::Notify::new());
        let clock = Arc::new(UntilTold(stage.clock.clone(), over.clone()));
        let third = pressed(&stage, Pay { clock, ..stage.pay() }, press("k"), limit).await;
        first.abort();
        all_wait().await;
        assert_eq!(times(&stage, "take"), 3);
        stage.clock.advance(Duration::from_secs(5));
        over.notify_one();
        let (rate, answer) = third.await.unwrap();
        assert_eq!(times(&stage, "take"), 3, "it was counted with the one that went for it");
        match left {
            Some(left) => {
                assert_eq!(rate.unwrap().remaining, left);
                created(answer);
            }
            None => assert_eq!((rate.unwrap().is_over(), answer), (true, Err(PayError::OverLimit))),
        }
        leads.abort();
    }
}

#[tokio::test]
async fn the_standards_contract_hears_at_once_that_its_twin_is_in_flight() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let first = waits(&stage, press("k")).await;
    let second = waits(&stage, PayRequest { twin: Twin::Refuse, ..press("k") }).await;
    assert_eq!(times(&stage, "lookup"), 2);
    let (_, token) = (PATIENT, LockToken::new(7, &tag_of(&stage).await));
    stage.coordination.hold_for_ever(token);
    stage.coordination.let_in(2);
    assert_eq!(second.await.unwrap().1, Err(PayError::InFlight));
    first.abort();
}

/// What the lock's tokens have at their end for the key `k`.
async fn tag_of(stage: &Stage) -> String {
    let other = Stage::set().await;
    created(other.pay().pay(&press("k")).await);
    assert_eq!(stage.journal.acquired_with(), []);
    let (_, token) = other.journal.acquired_with().remove(0);
    token.0.split_once(':').unwrap().1.to_owned()
}

#[tokio::test]
async fn another_key_another_user_or_another_wish_is_another_button() {
    let stage = Stage::set().await;
    stage.coordination.shut_the_door();
    let of_other = PayRequest {
        user: sekali_core::domain::User { id: sekali_core::domain::UserId(2), ..press("k").user },
        ..press("k")
    };
    let others = [
        press("other"),
        of_other,
        PayRequest { amount: decimal("1"), ..press("k") },
        PayRequest { consultation: ConsultationId(6), ..press("k") },
    ];
    let mut clicks = vec![waits(&stage, press("k")).await];
    for (before, other) in (1..).zip(others) {
        clicks.push(waits(&stage, other).await);
        assert_eq!(times(&stage, "lookup"), before + 1);
    }
    assert!(stage.coordination.found(PATIENT, &key("k")).await.is_none());
    clicks.iter().for_each(JoinHandle::abort);
}
