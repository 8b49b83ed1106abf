use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::Storage;
use crate::support::{Running, START, ok};

crate::on_both_storages!(pauses_between_attempts, a_lease_outlives_nobody, stopping_gives_the_lease_back);

const GOOD: &str = r#"{"card": "4242424242424242"}"#;

fn delivery(attempts: i64) -> Delivery {
    Delivery { seq: 1, event_id: "evt_1".to_owned(), endpoint: 0, thread: "cs_1".to_owned(), attempts }
}

#[test]
fn pauses_double_up_to_an_hour_and_end_after_three_days() {
    let pause = |attempts, now_ms| outcome(&delivery(attempts), 0, Sent::NotAnswered, now_ms);
    for (attempts, seconds) in [(0, 1), (1, 2), (2, 4), (11, 2048), (12, 3600), (40, 3600)] {
        assert_eq!(pause(attempts, 0), Attempt::Failed { next_at_ms: seconds * 1000 });
    }
    assert_eq!(pause(80, GIVE_UP_AFTER_MS - 60 * 1000), Attempt::GivenUp);
    assert_eq!(outcome(&delivery(3), 0, Sent::Answered, GIVE_UP_AFTER_MS), Attempt::Delivered);
}

#[test]
fn the_signature_is_the_one_that_a_third_party_computes() {
    // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
    let expected = "t=1700000000,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    assert_eq!(signature("whsec_test", 1_700_000_000, r#"{"id":"evt_1"}"#), expected);
}

/// One turn of a worker that nobody stops.
async fn turn(running: &Running) -> bool {
    let stop = watch::Sender::new(false);
    deliver_next(&running.simulator, &mut stop.subscribe()).await.unwrap()
}

async fn expired_session(running: &Running) {
    let session = running.new_session().await;
    let path = format!("/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    ok(running.post(&path, &[]).send().await.unwrap()).await;
}

async fn pauses_between_attempts(storage: Storage) {
    let mut running = Running::start(storage).await;
    running.answer_hooks_with(&[500, 302, 404]);
    expired_session(&running).await;
    assert!(turn(&running).await);
    let first = running.next_hook().await;
    for pause in [1, 2, 4] {
        running.clock.advance(pause - 1);
        assert!(!turn(&running).await, "a second before its time");
        assert_eq!(running.get("/v1/events").await["data"][0]["pending_webhooks"], 1);
        running.clock.advance(1);
        assert!(turn(&running).await);
        let next = running.next_hook().await;
        assert_eq!(next.body, first.body);
        let time = format!("t={},", running.clock.now());
        assert!(next.signature.starts_with(&time), "signed anew: {} {time}", next.signature);
    }
    assert_eq!(running.get("/v1/events").await["data"][0]["pending_webhooks"], 0);
    running.clock.advance(1000);
    assert!(!turn(&running).await);
    assert_eq!(running.clock.now(), START + 1007);
}

/// A server that died with an event in hand holds it, and the later ones of its session, until its lease
/// ends.
async fn a_lease_outlives_nobody(storage: Storage) {
    let mut running = Running::start(storage).await;
    let session = running.new_session().await;
    ok(running.pay(&session, GOOD).send().await.unwrap()).await;
    let claim = |work: &mut Work<'_>| Ok(deliveries::claim(work.tx, work.times, LEASE_MS)?);
    let held = running.simulator.transact(Access::Write, Cause::default(), claim).await.unwrap();
    assert_eq!(held.unwrap().attempts, 0);
    assert!(!turn(&running).await);
    // Other sessions go on meanwhile.
    expired_session(&running).await;
    assert!(turn(&running).await);
    assert_eq!(running.next_hook().await.name(), "checkout.session.expired");
    assert!(!turn(&running).await);
    running.clock.advance(LEASE_MS / 1000);
    for name in &running.events().await[..4] {
        assert!(turn(&running).await);
        assert_eq!(running.next_hook().await.name(), *name);
    }
    assert!(!turn(&running).await);
}

async fn stopping_gives_the_lease_back(storage: Storage) {
    // A receiver that takes the request and never answers.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running::start(storage.clone()).await;
    let config = crate::Config {
        public_base: running.base.clone(),
        webhook_url: format!("http://{}/hook", deaf.local_addr().unwrap()),
        webhook_secret: crate::support::SECRET.to_owned(),
        storage,
    };
    let simulator = crate::open(config, running.clock.clone(), Arc::new(crate::SystemRandom)).await.unwrap();
    expired_session(&running).await;
    let stop = watch::Sender::new(false);
    let task = tokio::spawn(simulator.run_webhooks(stop.subscribe()));
    let _connection = deaf.accept().await.unwrap();
    assert!(!turn(&running).await, "the other server holds it");
    stop.send(true).unwrap();
    task.await.unwrap();
    assert!(turn(&running).await);
    assert_eq!(running.get("/v1/events").await["data"][0]["data"]["object"]["status"], json!("expired"));
}
