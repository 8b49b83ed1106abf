//! What is written again, how often, and what is left when it does not help.

use crate::support::script::Fault;
use crate::support::{Stage, created, duplicate, press};
use sekali_core::flow::pay::{Caught, PayError};
use sekali_core::ports::StoreError;
use std::time::Duration;

fn conflict() -> StoreError {
    StoreError::Conflict("deadlock detected".into())
}

fn unclear() -> StoreError {
    StoreError::Unclear("connection reset during COMMIT".into())
}

#[tokio::test]
async fn a_write_that_lost_is_done_again_as_it_was() {
    for error in [conflict(), unclear()] {
        let stage = Stage::set().await;
        stage.store.creates.push(Fault::Fails(error.clone()));
        stage.store.creates.push(Fault::Fails(error));
        created(stage.pay().pay(&press("k")).await);

        let [first, second, third] = stage.journal.creates().try_into().unwrap();
        assert_eq!(first, second, "the same reference, key and everything else");
        assert_eq!(second, third);
        assert_eq!(
            stage.journal.names(),
            ["lookup", "try_acquire", "create", "sleep", "create", "sleep", "create", "remember", "release"]
        );
        assert!(stage.journal.pauses().iter().all(|pause| *pause < Duration::from_millis(20)));
    }
}

#[tokio::test]
async fn after_three_attempts_nothing_is_cached_and_the_lock_is_released() {
    for error in [conflict(), unclear()] {
        let stage = Stage::set().await;
        stage.store.creates.extend((0..3).map(|_| Fault::Fails(error.clone())));
        let answer = stage.pay().pay(&press("k")).await;

        assert_eq!(answer, Err(PayError::Store(error)));
        assert_eq!(
            stage.journal.names(),
            ["lookup", "try_acquire", "create", "sleep", "create", "sleep", "create", "release"]
        );
        assert_eq!(stage.journal.acquired_with(), stage.journal.released_with());
        assert_eq!(stage.count("payments").await, 0);
        created(stage.pay().pay(&press("k")).await);
    }
}

#[tokio::test]
async fn a_commit_that_was_unclear_but_happened_is_recognised_as_ours() {
    let stage = Stage::set().await;
    stage.store.creates.push(Fault::AnswerLost(unclear()));
    let receipt = created(stage.pay().pay(&press("k")).await);

    assert_eq!(stage.journal.creates().len(), 2);
    assert_eq!(stage.stored(&receipt).await, receipt);
    assert_eq!(stage.count("payments").await, 1);
    assert_eq!(stage.count("idempotency_keys").await, 1);
}

#[tokio::test]
async fn a_commit_that_stayed_unclear_is_found_by_the_next_press() {
    let stage = Stage::set().await;
    stage.store.creates.extend((0..3).map(|_| Fault::AnswerLost(unclear())));
    let answer = stage.pay().pay(&press("k")).await;
    assert_eq!(answer, Err(PayError::Store(unclear())));
    assert!(stage.journal.remembered().is_empty(), "nothing is promised that is not known");

    let next = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((next.same_key, next.caught), (true, Caught::Database));
    assert_eq!(stage.count("payments").await, 1);
}

#[tokio::test]
async fn what_cannot_be_helped_is_not_repeated() {
    for error in [StoreError::Unavailable("no route".into()), StoreError::Broken("odd".into())] {
        let stage = Stage::set().await;
        stage.store.creates.push(Fault::Fails(error.clone()));
        assert_eq!(stage.pay().pay(&press("k")).await, Err(PayError::Store(error)));
        assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "release"]);
    }
}

#[tokio::test]
async fn a_store_that_answers_other_than_it_was_asked_is_not_believed() {
    let stage = Stage::set().await;
    stage.store.creates.push(Fault::Answers(Vec::new()));
    let answer = stage.pay().pay(&press("k")).await;
    assert!(matches!(answer, Err(PayError::Store(StoreError::Broken(_)))), "{answer:?}");
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "release"]);
}
