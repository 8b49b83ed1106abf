//! Whoever presses while another press is being worked on.

use crate::support::log::Log;
use crate::support::{PATIENT, Stage, created, decimal, duplicate, key, press};
use sekali_core::flow::pay::{Caught, PayError, PayRequest, Twin};
use sekali_core::ports::{LockAttempt, LockToken, Lookup};
use std::time::Duration;

/// A payment under the key `k`, the token its press held the lock with, and what the cache has of it.
async fn worked_on(stage: &Stage) -> (LockToken, Lookup) {
    created(stage.pay().pay(&press("k")).await);
    let (_, token) = stage.journal.acquired_with().remove(0);
    let found = stage.coordination.found(PATIENT, &key("k")).await.unwrap();
    stage.journal.clear();
    (token, found)
}

#[tokio::test]
async fn a_waiter_is_answered_from_the_cache_meanwhile() {
    let stage = Stage::set().await;
    let (token, found) = worked_on(&stage).await;
    stage.coordination.hold_for_ever(token);
    stage.coordination.lookups.extend([None, None, None, Some(found.clone())]);
    let sent = stage.statements();
    let answer = duplicate(stage.pay().pay(&press("k")).await);

    assert_eq!((answer.same_key, answer.caught), (true, Caught::Lock));
    assert_eq!(answer.receipt, found.cached.receipt);
    let round = ["lookup", "try_acquire", "sleep"];
    assert_eq!(stage.journal.names(), [&round[..], &round, &round, &["lookup"]].concat());
    assert_eq!(stage.statements(), sent);
}

#[tokio::test]
async fn a_key_found_to_stand_for_another_request_is_refused_after_a_wait() {
    let stage = Stage::set().await;
    let (token, found) = worked_on(&stage).await;
    stage.coordination.attempts.push(LockAttempt::Held(token));
    stage.coordination.lookups.extend([None, Some(found)]);
    let other = PayRequest { amount: decimal("1"), ..press("k") };

    assert_eq!(stage.pay().pay(&other).await, Err(PayError::KeyReused));
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "sleep", "lookup"]);
}

#[tokio::test]
async fn a_waiter_whose_turn_comes_goes_on() {
    let stage = Stage::set().await;
    stage.coordination.attempts.push(LockAttempt::Held(LockToken::new(7, "another")));
    created(stage.pay().pay(&press("k")).await);
    assert_eq!(
        stage.journal.names(),
        ["lookup", "try_acquire", "sleep", "lookup", "try_acquire", "create", "remember", "release"]
    );
}

#[tokio::test]
async fn after_five_seconds_it_goes_on_without_the_lock() {
    let stage = Stage::set().await;
    stage.coordination.hold_for_ever(LockToken::new(7, "another"));
    let log = Log::listen();
    created(stage.pay().pay(&press("k")).await);

    let waited: Duration = stage.journal.pauses().iter().sum();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_millis(5040), "{waited:?}");
    assert_eq!(stage.journal.store_calls(), ["create"]);
    assert_eq!(stage.journal.released_with(), [], "it is not ours to release");
    assert_eq!(stage.journal.remembered().len(), 1);
    assert_eq!(log.count("Lock not acquired in time, going on with the database alone"), 1);
    assert_eq!(log.count("Lock acquired") + log.count("Lock released"), 0);
}

#[tokio::test]
async fn pauses_grow_and_differ_from_waiter_to_waiter() {
    let mut waiters = Vec::new();
    for seed in [1, 2] {
        let stage = Stage::seeded(seed).await;
        stage.coordination.hold_for_ever(LockToken::new(7, "another"));
        created(stage.pay().pay(&press("k")).await);
        let pauses = stage.journal.pauses();
        let mut wait = Duration::from_millis(2);
        for pause in &pauses {
            assert!(*pause >= wait / 2 && *pause < wait * 3 / 2, "{pause:?} around {wait:?}");
            wait = (wait * 3 / 2).min(Duration::from_millis(25));
        }
        waiters.push(pauses);
    }
    assert_ne!(waiters[0][..8], waiters[1][..8], "those who wait for the same thing do not come together");
}

#[tokio::test]
async fn a_twin_that_is_not_to_wait_is_told_at_once() {
    let stage = Stage::set().await;
    let (token, _) = worked_on(&stage).await;
    stage.coordination.hold_for_ever(token);
    stage.coordination.lookups.push(None);
    let refusing = PayRequest { twin: Twin::Refuse, ..press("k") };

    assert_eq!(stage.pay().pay(&refusing).await, Err(PayError::InFlight));
    assert_eq!(stage.journal.names(), ["lookup", "try_acquire"]);
}

#[tokio::test]
async fn behind_another_key_it_waits_all_the_same() {
    let stage = Stage::set().await;
    let (token, found) = worked_on(&stage).await;
    stage.coordination.attempts.push(LockAttempt::Held(token));
    let refusing = PayRequest { twin: Twin::Refuse, ..press("other") };
    let answer = duplicate(stage.pay().pay(&refusing).await);

    assert_eq!((answer.same_key, answer.receipt), (false, found.cached.receipt));
    assert_eq!(stage.journal.pauses().len(), 1);
}

#[tokio::test]
async fn a_token_does_not_show_the_key() {
    let stage = Stage::set().await;
    created(stage.pay().pay(&press("payment-1705321200000-secret")).await);
    let (_, token) = stage.journal.acquired_with().remove(0);
    // 128 random bits: none of the halves is missing.
    assert!(token.0[..16] != *"0".repeat(16) && token.0[16..32] != *"0".repeat(16), "{}", token.0);
    assert!(!token.0.contains("secret") && !token.0.contains("payment"), "{}", token.0);
}
