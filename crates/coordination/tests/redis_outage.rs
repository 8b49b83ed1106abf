//! Redis killed, restarted, frozen, emptied, exchanged: what a call then costs and answers.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_coordination::RedisCoordination;
use sekali_core::contract::coordination::cached;
use sekali_core::domain::{ConsultationId, IdempotencyKey, PaymentId, Status, UserId};
use sekali_core::ports::{
    Current, IdempotencyCache, Lock, LockAttempt, LockName, LockToken, Lookup, RateLimit, StatusBoard,
};
use sekali_test_support::redis::server;
use std::time::Duration;
use support::{connect, connect_patiently, raw, timed, until};

const USER: UserId = UserId(1);
const LOCK: LockName = LockName { consultation: ConsultationId(5), user: USER };
/// 50 ms of the contract, and what a busy machine adds.
const FIRST: Duration = Duration::from_millis(250);
const BACK: Duration = Duration::from_secs(2);

fn key() -> IdempotencyKey {
    IdempotencyKey::new("k").unwrap()
}

/// Until there is an entry and it is trusted: on a busy machine a call may take too long at first.
async fn stored(redis: &RedisCoordination) {
    until(async || {
        let stored = redis.store(USER, &key(), &cached(100, Status::Pending)).await;
        stored.is_ok() && redis.lookup(USER, &key()).await.is_ok_and(|found| found.is_some())
    })
    .await;
}

/// Until the entry is a miss. One that is trusted again never becomes one.
async fn missed(redis: &RedisCoordination) {
    until(async || redis.lookup(USER, &key()).await == Ok(None)).await;
}

async fn store(redis: &RedisCoordination, payment: i64) {
    redis.store(USER, &key(), &cached(payment, Status::Pending)).await.unwrap();
}

async fn found(redis: &RedisCoordination) -> Option<Lookup> {
    redis.lookup(USER, &key()).await.unwrap()
}

async fn is_up(redis: &RedisCoordination) -> bool {
    redis.lookup(USER, &key()).await.is_ok()
}

/// Every port says that Redis is down, and says so at once: less than 2 ms a call.
async fn assert_free_of_charge(redis: &RedisCoordination) {
    let (took, ()) = timed(async {
        for _ in 0..100 {
            assert!(redis.lookup(USER, &key()).await.is_err());
            assert!(redis.store(USER, &key(), &cached(1, Status::Pending)).await.is_err());
            assert!(redis.try_acquire(LOCK, &LockToken::new(1, "t")).await.is_err());
            assert!(redis.release(LOCK, &LockToken::new(1, "t")).await.is_err());
            assert!(redis.take("b", 1).await.is_err());
        }
    })
    .await;
    assert!(took < Duration::from_secs(1), "500 calls took {took:?}");
}

#[tokio::test]
async fn killed_and_restarted() {
    let mut server = server();
    let redis = connect(&server.url).await;
    stored(&redis).await;
    server.kill();
    let (took, outcome) = timed(redis.lookup(USER, &key())).await;
    assert!(outcome.is_err() && took < FIRST, "the first call: {took:?}");
    assert_free_of_charge(&redis).await;

    server.restart();
    let took = until(async || is_up(&redis).await).await;
    assert!(took < BACK, "back after {took:?}");
    let entries: u64 = redis::cmd("EXISTS")
        .arg("payment:idempotency:1:k")
        .query_async(&mut raw(&server.url).await)
        .await
        .unwrap();
    assert_eq!(entries, 1, "the restarted Redis still holds the entry");
    missed(&redis).await;
    stored(&redis).await;
    assert!(found(&redis).await.is_some());
}

#[tokio::test]
async fn restarted_between_two_calls_without_an_error_seen() {
    let mut server = server();
    let redis = connect_patiently(&server.url).await;
    stored(&redis).await;
    server.restart();
    until(async || is_up(&redis).await).await;
    missed(&redis).await;
}

#[tokio::test]
async fn frozen_and_thawed() {
    let server = server();
    let redis = connect(&server.url).await;
    stored(&redis).await;
    server.pause();
    let (took, outcome) = timed(redis.lookup(USER, &key())).await;
    assert!(outcome.is_err() && took < FIRST, "the first call: {took:?}");
    assert_free_of_charge(&redis).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_free_of_charge(&redis).await;

    server.resume();
    let took = until(async || is_up(&redis).await).await;
    assert!(took < BACK, "back after {took:?}");
    missed(&redis).await;
}

#[tokio::test]
async fn frozen_under_many_calls_at_once_each_pays_at_most_once() {
    let server = server();
    let redis = connect(&server.url).await;
    server.pause();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let redis = redis.clone();
        calls.spawn(timed(async move {
            // Ten times 50 ms, if each call paid.
            let mut failed = true;
            for _ in 0..10 {
                failed &= redis.lookup(USER, &key()).await.is_err();
            }
            failed
        }));
    }
    for (took, failed) in calls.join_all().await {
        assert!(failed && took < FIRST, "{took:?}");
    }
}

#[tokio::test]
async fn not_there_at_the_start() {
    let mut server = server();
    server.kill();
    let (took, redis) = timed(connect(&server.url)).await;
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_free_of_charge(&redis).await;
    server.restart();
    let took = until(async || is_up(&redis).await).await;
    assert!(took < BACK, "in use after {took:?}");
}

#[tokio::test]
async fn an_address_that_accepts_and_never_answers() {
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", hole.local_addr().unwrap());
    let (took, redis) = timed(connect(&url)).await;
    assert!(took < Duration::from_millis(600), "{took:?}");
    assert_free_of_charge(&redis).await;
}

#[tokio::test]
async fn emptied() {
    let server = server();
    let redis = connect_patiently(&server.url).await;
    store(&redis, 100).await;
    let lock = LockToken::new(1, "t");
    assert_eq!(redis.try_acquire(LOCK, &lock).await, Ok(LockAttempt::Acquired));
    let raw = &mut raw(&server.url).await;
    let _: () = redis::cmd("FLUSHALL").query_async(raw).await.unwrap();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(raw).await.unwrap();
    assert_eq!(found(&redis).await, None);
    assert_eq!(redis.release(LOCK, &lock).await, Ok(false));
    store(&redis, 100).await;
    assert!(found(&redis).await.is_some());
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_is_out_of_reach() {
    let server = server();
    let redis = connect_patiently(&server.url).await;
    let raw = &mut raw(&server.url).await;
    let _: () = redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1").query_async(raw).await.unwrap();
    let refused = redis.store(USER, &key(), &cached(100, Status::Pending)).await;
    assert!(refused.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_free_of_charge(&redis).await;
    let _: () = redis::cmd("REPLICAOF").arg("NO").arg("ONE").query_async(raw).await.unwrap();
    let took = until(async || is_up(&redis).await).await;
    assert!(took < BACK, "{took:?}");
}

#[tokio::test]
async fn entries_of_another_run_are_not_trusted_whatever_their_time() {
    let server = server();
    let redis = connect_patiently(&server.url).await;
    store(&redis, 100).await;
    let raw = &mut raw(&server.url).await;
    let name = "payment:idempotency:1:k";
    let entry: String = redis::cmd("GET").arg(name).query_async(raw).await.unwrap();
    // As after a failover to a machine whose clock is behind: a stamp that lies in its future.
    let (before, stamp) = entry.split_once(r#""stamp":""#).unwrap();
    let (run, time) = stamp.trim_end_matches("\"}").split_once(':').unwrap();
    assert_eq!(run.len(), 40, "the stamp names the run: {stamp}");
    let foreign = format!(r#"{before}"stamp":"{}:9{time}"}}"#, "0".repeat(40));
    let _: () = redis::cmd("SET").arg(name).arg(foreign).query_async(raw).await.unwrap();
    assert_eq!(found(&redis).await, None);
}

#[tokio::test]
async fn a_word_on_the_board_from_before_the_outage_is_not_trusted() {
    let server = server();
    let (cut_off, steady) = (connect_patiently(&server.url).await, connect_patiently(&server.url).await);
    steady.publish(&cached(100, Status::Processing).receipt.payment).await.unwrap();
    let raw = &mut raw(&server.url).await;
    let _: () = redis::cmd("CLIENT")
        .arg("KILL")
        .arg("TYPE")
        .arg("normal")
        .arg("SKIPME")
        .arg("yes")
        .query_async(raw)
        .await
        .unwrap();
    until(async || is_up(&cut_off).await).await;
    until(async || is_up(&steady).await).await;
    // Another server has stored an answer since, with what it had read before.
    store(&steady, 100).await;
    assert_eq!(found(&cut_off).await.unwrap().current, Current::Changing);
}

#[tokio::test]
async fn what_a_server_could_not_tell_while_cut_off_it_tells_on_its_return() {
    let mut server = server();
    let settling = connect_patiently(&server.url).await;
    server.kill();
    let completed = cached(100, Status::Completed).receipt.payment;
    assert!(settling.changing(PaymentId(100)).await.is_err());
    assert!(settling.publish(&completed).await.is_err());
    server.restart();
    let other = connect_patiently(&server.url).await;
    store(&other, 100).await;
    until(async || found(&other).await.is_some_and(|lookup| lookup.current == Current::Changing)).await;
}
