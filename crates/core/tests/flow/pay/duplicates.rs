//! A payment that was there already: where it is found, and what is told of it.

use crate::support::log::Log;
use crate::support::script::Fault;
use crate::support::{PATIENT, Stage, created, decimal, duplicate, key, money, press};
use sekali_core::domain::{ConsultationId, PaymentId, Status, User, UserId};
use sekali_core::flow::pay::{Caught, PayError, PayRequest};
use sekali_core::ports::{Clock, Point, StatusBoard, StoreError};

const RETURNING: &str = "Payment: Returning cached response";

#[tokio::test]
async fn a_key_in_the_cache_is_answered_without_the_database() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let (sent, log) = (stage.statements(), Log::listen());
    let again = duplicate(stage.pay().pay(&press("k")).await);

    assert_eq!((again.same_key, again.caught), (true, Caught::Cache));
    assert_eq!((again.status, again.can_be_paid), (Status::Pending, true));
    assert_eq!(again.receipt, receipt);
    assert_eq!(stage.journal.names(), ["lookup"]);
    assert_eq!(stage.journal.points(), [Point::LookedUp]);
    assert_eq!(stage.statements(), sent);
    assert_eq!(log.count(RETURNING), 1);
}

#[tokio::test]
async fn the_board_tells_the_status_of_now() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let mut completed = receipt.payment.clone();
    completed.status = Status::Completed;
    stage.coordination.changing(completed.id).await.unwrap();
    stage.coordination.publish(&completed).await.unwrap();
    stage.journal.clear();

    let again = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((again.status, again.can_be_paid), (Status::Completed, false));
    assert_eq!(again.caught, Caught::Cache);
    assert_eq!(stage.journal.names(), ["lookup"]);
}

#[tokio::test]
async fn a_status_that_is_changing_is_asked_of_the_database() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.changing(receipt.payment.id).await.unwrap();
    stage.journal.clear();
    let log = Log::listen();

    let again = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((again.same_key, again.caught), (true, Caught::Database));
    assert_eq!(again.receipt, receipt);
    assert_eq!(stage.journal.names(), ["lookup", "payment"]);
    assert_eq!(log.count(RETURNING), 0, "the cache did not answer");
}

#[tokio::test]
async fn a_changing_status_that_cannot_be_asked_is_an_error_and_no_guess() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.changing(receipt.payment.id).await.unwrap();
    let down = StoreError::Unavailable("no route".into());
    stage.store.payments.push(Fault::Fails(down.clone()));
    assert_eq!(stage.pay().pay(&press("k")).await, Err(PayError::Store(down)));
}

#[tokio::test]
async fn a_cached_payment_that_a_restored_database_does_not_have_is_a_miss() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.changing(receipt.payment.id).await.unwrap();
    stage.store.payments.push(Fault::Answers(None));
    stage.journal.clear();
    // Here the key itself is still known; what counts is that the flow went on to ask for it.
    let again = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!(again.caught, Caught::Database);
    assert_eq!(stage.journal.names()[..3], ["lookup", "payment", "create"]);
}

#[tokio::test]
async fn a_key_that_only_the_database_knows_is_cached_again() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.coordination.lookups.push(None);
    let again = duplicate(stage.pay().pay(&press("k")).await);

    assert_eq!((again.same_key, again.caught), (true, Caught::Database));
    assert_eq!(again.receipt, receipt);
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "remember", "release"]);
    let [(user, name, entry)] = stage.journal.remembered().try_into().unwrap();
    assert_eq!((user, name, entry.receipt), (PATIENT, key("k"), receipt));
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_by_the_cache() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    let log = Log::listen();
    let others = [
        PayRequest { consultation: ConsultationId(6), ..press("k") },
        PayRequest { amount: decimal("5000.01"), ..press("k") },
    ];
    for other in others {
        assert_eq!(stage.pay().pay(&other).await, Err(PayError::KeyReused));
    }
    assert_eq!(stage.journal.names(), ["lookup", "lookup"]);
    assert_eq!(log.count(RETURNING), 0);
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_by_the_database() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    let sixth = ConsultationId(6);
    stage.consult(sixth, PATIENT, money("5000", "PHP"), None).await;
    stage.coordination.lookups.push(None);
    let other = PayRequest { consultation: sixth, ..press("k") };

    assert_eq!(stage.pay().pay(&other).await, Err(PayError::KeyReused));
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "release"], "nothing cached");
    assert_eq!(stage.count("payments").await, 1);
}

#[tokio::test]
async fn another_key_finds_the_active_payment_and_stores_nothing() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let other = duplicate(stage.pay().pay(&press("other")).await);

    assert_eq!((other.same_key, other.caught), (false, Caught::Database));
    assert_eq!((other.receipt, other.status, other.can_be_paid), (receipt, Status::Pending, true));
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "release"], "nothing cached");
    assert_eq!(stage.count("idempotency_keys").await, 1);
}

#[tokio::test]
async fn the_same_key_of_another_user_is_another_key() {
    let stage = Stage::set().await;
    let first = stage.paying("k").await;
    let (sixth, second) = (ConsultationId(6), UserId(2));
    stage.consult(sixth, second, money("5000", "PHP"), None).await;
    let user = User { id: second, ..press("k").user };
    let theirs = created(stage.pay().pay(&PayRequest { user, consultation: sixth, ..press("k") }).await);

    assert_ne!(theirs.payment.id, first.payment.id);
    assert_eq!(theirs.payment.user, second);
    let mine = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!(mine.receipt, first);
}

/// What the record says of duplicates: how many each entry stands for.
async fn recorded(stage: &Stage) -> Vec<String> {
    stage.rows("SELECT data FROM payment_events WHERE kind = 'duplicate' ORDER BY seq").await
}

#[tokio::test]
async fn what_cannot_be_recorded_now_is_counted_with_what_comes_next() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let press_again = async || drop(duplicate(stage.pay().pay(&press("k")).await));
    press_again().await;
    press_again().await;
    let down = StoreError::Unavailable("down".into());
    for _ in 0..2 {
        stage.store.remarks.push(Fault::Fails(down.clone()));
        assert_eq!(stage.duplicates.record(&*stage.store).await, Err(down.clone()));
        press_again().await;
    }
    stage.store.remarks.push(Fault::Answers(vec![receipt.payment.id]));
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()), "somebody decided on it");
    press_again().await;
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    let entries = recorded(&stage).await;
    assert!(entries.len() == 1 && entries[0].contains("\"times\":5"), "{entries:?}");
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn what_may_be_recorded_already_is_not_recorded_twice() {
    let stage = Stage::set().await;
    stage.paying("k").await;
    duplicate(stage.pay().pay(&press("k")).await);
    stage.store.remarks.push(Fault::Fails(StoreError::Unclear("gone".into())));
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    assert_eq!(recorded(&stage).await, [""; 0], "rather once too few than twice");
}

/// A payment for each of so many patients, and a duplicate of it.
async fn duplicates_of(stage: &Stage, many: i64) {
    for n in 1..=many {
        stage.consult(ConsultationId(n), UserId(n), money("5000", "PHP"), None).await;
        let user = User { id: UserId(n), ..press("k").user };
        let request = PayRequest { user, consultation: ConsultationId(n), ..press("k") };
        created(stage.pay().pay(&request).await);
        duplicate(stage.pay().pay(&request).await);
    }
    stage.journal.clear();
}

#[tokio::test]
async fn duplicates_of_many_payments_are_noted_in_a_few_commits() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 250).await;
    assert_eq!(stage.duplicates.record_due(&*stage.store, stage.clock.monotonic()).await, Ok(()));
    assert_eq!(stage.journal.store_calls(), ["remark"; 3]);
    assert_eq!(recorded(&stage).await.len(), 250);
}

#[tokio::test]
async fn what_the_database_does_not_take_together_is_noted_one_by_one() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 3).await;
    let broken = StoreError::Broken("one of them".into());
    stage.store.remarks.extend([Fault::Fails(broken.clone()), Fault::Fails(broken.clone())]);
    assert_eq!(stage.duplicates.record(&*stage.store).await, Err(broken), "of the one that is to blame");
    assert_eq!(stage.journal.store_calls(), ["remark"; 4]);
    assert_eq!(recorded(&stage).await.len(), 2, "no other suffers for it");
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    assert_eq!(recorded(&stage).await.len(), 3, "and it is tried again");
}

#[tokio::test]
async fn one_that_can_never_be_noted_holds_up_no_others() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 102).await;
    let broken = StoreError::Broken("the first".into());
    // Its hundred together, then it alone.
    stage.store.remarks.extend([Fault::Fails(broken.clone()), Fault::Fails(broken.clone())]);
    assert_eq!(stage.duplicates.record(&*stage.store).await, Err(broken));
    assert_eq!(recorded(&stage).await.len(), 101, "those behind its hundred, too");
}

#[tokio::test]
async fn while_the_database_is_away_it_is_asked_once_a_round() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 250).await;
    let down = StoreError::Unavailable("down".into());
    stage.store.remarks.push(Fault::Fails(down.clone()));
    assert_eq!(stage.duplicates.record(&*stage.store).await, Err(down));
    assert_eq!(stage.journal.store_calls(), ["remark"]);
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    assert_eq!(recorded(&stage).await.len(), 250, "nothing is lost");
}

#[tokio::test]
async fn before_the_end_a_payment_that_is_busy_is_waited_for_and_nobody_suffers_for_another() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 2).await;
    let busy = || Fault::Answers(vec![PaymentId(100), PaymentId(101)]);
    stage.store.remarks.extend([busy(), Fault::Fails(StoreError::Conflict("deadlock".into()))]);
    stage.store.remarks.extend([Fault::Answers(vec![PaymentId(100)]), Fault::Answers(vec![PaymentId(101)])]);
    assert_eq!(stage.duplicates.record_last(&*stage.store, &*stage.clock).await, Ok(()));
    assert_eq!(recorded(&stage).await.len(), 2);
    assert_eq!(stage.journal.pauses(), [std::time::Duration::from_millis(50); 2]);

    // Not for ever, and not for a database that is away.
    duplicates_again(&stage).await;
    stage.store.remarks.extend((0..40).map(|_| busy()));
    let left = stage.duplicates.record_last(&*stage.store, &*stage.clock).await;
    assert!(matches!(left, Err(StoreError::Conflict(_))), "{left:?}");
    assert_eq!(stage.journal.pauses().len(), 20, "a second");
    while stage.store.remarks.pop().is_some() {}
    stage.journal.clear();
    let down = StoreError::Unavailable("down".into());
    stage.store.remarks.push(Fault::Fails(down.clone()));
    assert_eq!(stage.duplicates.record_last(&*stage.store, &*stage.clock).await, Err(down));
    assert_eq!(stage.journal.pauses(), []);
}

/// Another duplicate of payment 100.
async fn duplicates_again(stage: &Stage) {
    let user = User { id: UserId(1), ..press("k").user };
    duplicate(stage.pay().pay(&PayRequest { user, consultation: ConsultationId(1), ..press("k") }).await);
    stage.journal.clear();
}

#[tokio::test]
async fn a_database_that_goes_away_while_one_after_the_other_is_noted_is_not_asked_for_each() {
    let stage = Stage::set().await;
    duplicates_of(&stage, 100).await;
    let down = StoreError::Unavailable("down".into());
    stage.store.remarks.extend([Fault::Fails(StoreError::Broken("one".into())), Fault::Fails(down.clone())]);
    assert_eq!(stage.duplicates.record(&*stage.store).await, Err(down));
    assert_eq!(stage.journal.store_calls(), ["remark"; 2]);
    assert_eq!(stage.duplicates.record(&*stage.store).await, Ok(()));
    assert_eq!(recorded(&stage).await.len(), 100, "nothing is lost");
}
