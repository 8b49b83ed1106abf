//! The five steps, in their order.

use crate::support::{CONSULTATION, PATIENT, Stage, created, key, press};
use sekali_core::domain::Status;
use sekali_core::flow::pay::Answer;
use sekali_core::ports::{LockName, Point};

#[tokio::test]
async fn a_new_payment_takes_the_five_steps_in_their_order() {
    let stage = Stage::set().await;
    let receipt = created(stage.pay().pay(&press("k")).await);

    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "remember", "release"]);
    assert_eq!(
        stage.journal.points(),
        [Point::LookedUp, Point::Locked, Point::Committed, Point::Cached, Point::Unlocked]
    );
    assert_eq!(receipt, stage.stored(&receipt).await);
    assert_eq!(receipt.payment.status, Status::Pending);
    assert_eq!(receipt.invoice.number, "INV-20240115103000-000100");
}

#[tokio::test]
async fn the_lock_is_released_with_the_very_token_it_was_taken_with() {
    let stage = Stage::set().await;
    stage.pay().pay(&press("k")).await.unwrap();

    let acquired = stage.journal.acquired_with();
    assert_eq!(acquired.len(), 1);
    assert_eq!(acquired, stage.journal.released_with());
    let (name, token) = &acquired[0];
    assert_eq!(*name, LockName { consultation: CONSULTATION, user: PATIENT });
    assert_eq!(name.to_string(), "payment:lock:5:1");
    assert!(token.0.len() > 32, "128 random bits and the key's digest: {}", token.0);
}

#[tokio::test]
async fn each_press_takes_the_lock_with_a_token_of_its_own() {
    let stage = Stage::set().await;
    stage.pay().pay(&press("k")).await.unwrap();
    // Not in the cache, so that it takes the lock as well.
    stage.coordination.lookups.push(None);
    stage.pay().pay(&press("k")).await.unwrap();

    let [(_, first), (_, second)] = stage.journal.acquired_with().try_into().unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn what_is_cached_is_what_was_committed() {
    let stage = Stage::set().await;
    let request = press("k");
    let receipt = created(stage.pay().pay(&request).await);

    let [(user, name, entry)] = stage.journal.remembered().try_into().unwrap();
    assert_eq!((user, name), (PATIENT, key("k")));
    assert_eq!(entry.fingerprint, request.fingerprint());
    assert_eq!(entry.receipt, receipt);
}

#[tokio::test]
async fn two_presses_at_once_make_one_payment() {
    let stage = Stage::set().await;
    let (pay, request) = (stage.pay(), press("k"));
    // Time flies here while the database works, so the lock may well expire under its holder.
    let (one, other) = tokio::join!(pay.pay(&request), pay.pay(&request));

    let is_new = |answer: &Answer| matches!(answer, Answer::Created(_));
    assert_eq!([one.unwrap(), other.unwrap()].iter().filter(|answer| is_new(answer)).count(), 1);
    assert_eq!(stage.count("payments").await, 1);
    stage.assert_sound(None).await;
}
