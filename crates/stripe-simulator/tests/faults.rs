//! Faults on request: what a client sees of each, and what was done.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::{Method, Response};
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, SESSION, error, id, ok};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

on_both_storages!(
    answers_that_get_lost,
    a_reset_on_its_own_address,
    errors_that_are_not_kept,
    errors_that_are_kept,
    slow_answers,
    reads,
    which_requests,
    by_metadata,
    webhooks_late,
    webhooks_twice,
    webhooks_out_of_order,
    webhooks_never,
    webhooks_by_metadata,
    the_list,
    durable,
);

async fn set(running: &Running, fault: Value) -> Value {
    running.steer("faults", &fault).await
}

async fn create(running: &Running, key: &str) -> Result<Response, reqwest::Error> {
    running.post("/v1/checkout/sessions", SESSION).header("Idempotency-Key", key).send().await
}

async fn count(running: &Running) -> usize {
    running.get("/v1/checkout/sessions?limit=100").await["data"].as_array().unwrap().len()
}

async fn answers_that_get_lost(storage: Storage) {
    let running = Running::start(storage).await;
    for (number, (kind, made_meanwhile)) in
        [("answer_lost", 1), ("answer_cut", 1), ("connection_reset", 1), ("request_lost", 0)]
            .into_iter()
            .enumerate()
    {
        set(&running, json!({"kind": kind, "method": "POST", "times": 1})).await;
        let before = count(&running).await;
        // The client of this test repeats nothing by itself: the connection was not one that stood idle.
        let key = format!("key-{number}");
        match create(&running, &key).await {
            Err(error) => assert!(error.is_request(), "{kind}: {error:?}"),
            Ok(answer) => {
                assert_eq!(kind, "answer_cut");
                assert!(answer.bytes().await.is_err(), "{kind}: the whole answer arrived");
            }
        }
        assert_eq!(count(&running).await, before + made_meanwhile, "{kind}");
        let again = create(&running, &key).await.unwrap();
        assert_eq!(again.headers().contains_key("idempotent-replayed"), made_meanwhile == 1, "{kind}");
        ok(again).await;
        assert_eq!(count(&running).await, before + 1, "{kind}");
    }
}

/// On an address of its own, a reset is one (ECONNRESET), and no orderly close.
async fn a_reset_on_its_own_address(storage: Storage) {
    let running = Running::start(storage).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let simulator = running.simulator.clone();
    tokio::spawn(sekali_stripe_simulator::serve(listener, simulator, std::future::pending()));
    for (kind, reset) in [("connection_reset", true), ("answer_lost", false)] {
        set(&running, json!({"kind": kind, "times": 1})).await;
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET /v1/charges HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk_test_1\r\n\r\n";
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let outcome = connection.read_to_end(&mut received).await;
        assert_eq!(outcome.map_err(|error| error.kind()).is_err(), reset, "{kind}");
        assert_eq!(received, b"", "{kind}");
    }
}

async fn errors_that_are_not_kept(storage: Storage) {
    let running = Running::start(storage).await;
    for (kind, status, code) in [
        ("rate_limited", 429, Some("rate_limit")),
        ("conflict", 409, Some("lock_timeout")),
        ("server_error", 500, None),
    ] {
        set(&running, json!({"kind": kind, "times": 2, "method": "post"})).await;
        let before = count(&running).await;
        for _ in 0..2 {
            let answer = create(&running, kind).await.unwrap();
            assert_eq!(answer.headers()["stripe-should-retry"], "true", "{kind}");
            let (answered, refused) = error(answer).await;
            assert_eq!((answered, refused["code"].as_str()), (status, code));
        }
        assert_eq!(count(&running).await, before);
        let answer = create(&running, kind).await.unwrap();
        assert!(!answer.headers().contains_key("idempotent-replayed"));
        ok(answer).await;
    }
}

async fn errors_that_are_kept(storage: Storage) {
    let running = Running::start(storage).await;
    for (kind, made) in [("server_error_saved", 0), ("server_error_after_work", 1)] {
        set(&running, json!({"kind": kind, "method": "POST", "times": 1})).await;
        let before = count(&running).await;
        let first = error(create(&running, kind).await.unwrap()).await;
        assert_eq!((first.0, &first.1["type"]), (500, &json!("api_error")));
        for _ in 0..2 {
            let answer = create(&running, kind).await.unwrap();
            assert_eq!(answer.headers()["idempotent-replayed"], "true");
            assert_eq!(answer.headers()["stripe-should-retry"], "false");
            assert_eq!(error(answer).await, first);
        }
        assert_eq!(count(&running).await, before + made, "{kind}");
        // A wrong request is refused all the same, and does not use the fault's key up.
        running.advance(24 * 60 * 60).await;
        ok(create(&running, kind).await.unwrap()).await;
    }
}

/// A slow request has its key in use. Which of two requests claims it first is not for a test to say, but mostly it
/// is the one that was sent first.
async fn slow_answers(storage: Storage) {
    let running = Running::start(storage).await;
    for attempt in 0..5 {
        let key = format!("key-{attempt}");
        let fault = json!({"kind": "slow", "method": "POST", "delay_ms": 700, "times": 1});
        let fault = set(&running, fault).await;
        let (first, second) = tokio::join!(create(&running, &key), async {
            wait_until_struck(&running, &fault).await;
            create(&running, &key).await
        });
        let (first, second) = (first.unwrap(), second.unwrap());
        if (first.status().as_u16(), second.status().as_u16()) == (200, 409) {
            assert_eq!(second.headers()["stripe-should-retry"], "true");
            assert_eq!(error(second).await.1["code"], "idempotency_key_in_use");
            let made = ok(first).await;
            assert_eq!(ok(create(&running, &key).await.unwrap()).await["id"], made["id"]);
            assert_eq!(count(&running).await, attempt + 1);
            return;
        }
    }
    panic!("the key was never in use");
}

async fn wait_until_struck(running: &Running, fault: &Value) {
    for _ in 0..1000 {
        let list = ok(running.plain(Method::GET, "/simulator/faults").send().await.unwrap()).await;
        let faults = list["data"].as_array().unwrap();
        if faults.iter().any(|other| other["id"] == fault["id"] && other["struck"] == 1) {
            return;
        }
    }
    panic!("the fault did not strike");
}

async fn reads(storage: Storage) {
    let running = Running::start(storage).await;
    let path = "/v1/charges";
    for (kind, status) in [("rate_limited", 429), ("server_error", 500), ("server_error_saved", 500)] {
        set(&running, json!({"kind": kind, "method": "GET", "path": path, "times": 1})).await;
        assert_eq!(running.get_error(path).await.0, status, "{kind}");
        assert_eq!(running.get(path).await["data"], json!([]));
    }
    set(&running, json!({"kind": "answer_lost", "method": "GET", "path": path, "times": 1})).await;
    assert!(running.request(Method::GET, path).send().await.is_err());
    set(&running, json!({"kind": "slow", "method": "GET", "path": path, "times": 1, "delay_ms": 1})).await;
    assert_eq!(running.get(path).await["data"], json!([]));
}

async fn which_requests(storage: Storage) {
    let running = Running::start(storage).await;
    let fault = set(&running, json!({"kind": "server_error", "path": "/v1/refunds", "method": "POST"})).await;
    assert_eq!((&fault["times"], &fault["struck"]), (&Value::Null, &json!(0)));
    let charge = running.charged("4242424242424242").await;
    running.get("/v1/refunds").await;
    for _ in 0..3 {
        assert_eq!(running.refused("/v1/refunds", &[("charge", id(&charge))]).await.0, 500);
    }
    let list = ok(running.plain(Method::GET, "/simulator/faults").send().await.unwrap()).await;
    assert_eq!(list["data"][0]["struck"], 3);
    let path = format!("/simulator/faults/{}", id(&fault));
    ok(running.plain(Method::DELETE, &path).send().await.unwrap()).await;
    assert_eq!(error(running.plain(Method::DELETE, &path).send().await.unwrap()).await.0, 404);
    running.made("/v1/refunds", &[("charge", id(&charge))]).await;
}

/// A fault in metadata strikes the first of the requests with one key, so that a repeat gets through.
async fn by_metadata(storage: Storage) {
    let running = Running::start(storage).await;
    for kind in ["answer_lost", "request_lost", "rate_limited", "server_error", "conflict", "slow:10"] {
        let params: Vec<_> = SESSION.iter().copied().chain([("metadata[simulator_fault]", kind)]).collect();
        let create = || running.post("/v1/checkout/sessions", &params).header("Idempotency-Key", kind).send();
        let before = count(&running).await;
        let first = create().await;
        assert_eq!(first.is_ok_and(|answer| answer.status() == 200), kind == "slow:10", "{kind}");
        let session = ok(create().await.unwrap()).await;
        assert_eq!(session["metadata"]["simulator_fault"], kind);
        assert_eq!(count(&running).await, before + 1, "{kind}");
    }
    let params: Vec<_> = SESSION.iter().copied().chain([("metadata[simulator_fault]", "gremlin")]).collect();
    let (status, refused) = running.refused("/v1/checkout/sessions", &params).await;
    assert_eq!((status, &refused["param"]), (400, &json!("metadata[simulator_fault]")));
}

async fn expire(running: &Running) -> Value {
    let session = running.new_session().await;
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await
}

async fn webhooks_late(storage: Storage) {
    let mut running = Running::start(storage).await;
    let fault =
        json!({"kind": "webhook_late", "event_type": "checkout.session.*", "delay_ms": 90_000, "times": 1});
    set(&running, fault).await;
    let late = expire(&running).await;
    let _task = running.deliver_webhooks();
    let soon = expire(&running).await;
    assert_eq!(running.next_hook().await.event()["data"]["object"]["id"], soon["id"]);
    running.advance(89).await;
    assert!(running.hook_within_a_moment().await.is_none());
    running.advance(1).await;
    let hook = running.next_hook().await;
    assert_eq!(hook.event()["data"]["object"]["id"], late["id"]);
    // Signed with the receiver's time, which nobody moved.
    assert!(hook.signature.starts_with(&format!("t={},", support::START)), "{}", hook.signature);
}

async fn webhooks_twice(storage: Storage) {
    let mut running = Running::start(storage).await;
    set(&running, json!({"kind": "webhook_twice", "times": 1})).await;
    expire(&running).await;
    let _task = running.deliver_webhooks();
    let (first, second) = (running.next_hook().await, running.next_hook().await);
    assert_eq!(first.body, second.body);
    expire(&running).await;
    assert_ne!(running.next_hook().await.event()["id"], first.event()["id"]);
    assert!(running.hook_within_a_moment().await.is_none());
}

async fn webhooks_out_of_order(storage: Storage) {
    let mut running = Running::start(storage).await;
    let fault =
        json!({"kind": "webhook_out_of_order", "event_type": "charge.succeeded", "delay_ms": 3_600_000});
    set(&running, fault).await;
    running.charged("4242424242424242").await;
    let _task = running.deliver_webhooks();
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(running.next_hook().await.name());
    }
    let place = |name: &str| names.iter().position(|other| other == name).unwrap();
    assert!(place("charge.succeeded") > place("payment_intent.succeeded"), "{names:?}");
}

async fn webhooks_never(storage: Storage) {
    let mut running = Running::start(storage).await;
    set(&running, json!({"kind": "webhook_never"})).await;
    let _task = running.deliver_webhooks();
    let session = expire(&running).await;
    running.advance(7 * 24 * 60 * 60).await;
    assert!(running.hook_within_a_moment().await.is_none());
    // Who asks is told.
    let event = running.last_event("checkout.session.expired").await;
    assert_eq!((&event["data"]["object"]["id"], &event["pending_webhooks"]), (&session["id"], &json!(1)));
    assert_eq!(running.get("/v1/events?delivery_success=false").await["data"][0]["id"], event["id"]);
    assert_eq!(running.get("/v1/events?delivery_success=true").await["data"], json!([]));
    ok(running.plain(Method::DELETE, "/simulator/faults").send().await.unwrap()).await;
    expire(&running).await;
    running.next_hook().await;
}

async fn webhooks_by_metadata(storage: Storage) {
    let mut running = Running::start(storage).await;
    let _task = running.deliver_webhooks();
    let session = running.new_session_with(&[("metadata[simulator_fault]", "webhook_never")]).await;
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await;
    let other = expire(&running).await;
    assert_eq!(running.next_hook().await.event()["data"]["object"]["id"], other["id"]);
    assert!(running.hook_within_a_moment().await.is_none());
}

async fn the_list(storage: Storage) {
    let running = Running::start(storage).await;
    for wrong in [
        json!({}),
        json!({"kind": "gremlin"}),
        json!({"kind": "slow", "delay_ms": -1}),
        json!({"kind": "slow", "delay_ms": 999_999_999}),
        json!({"kind": "answer_lost", "delay_ms": 1}),
        json!({"kind": "answer_lost", "event_type": "charge.*"}),
        json!({"kind": "webhook_late", "path": "/v1"}),
        json!({"kind": "webhook_late", "times": 0}),
        json!({"kind": "webhook_late", "colour": "blue"}),
    ] {
        let (status, refused) = error(running.steering("faults", &wrong).send().await.unwrap()).await;
        assert_eq!(status, 400, "{wrong}: {refused}");
    }
    set(&running, json!({"kind": "slow", "times": 1, "delay_ms": 0})).await;
    set(&running, json!({"kind": "webhook_twice"})).await;
    let list = async || ok(running.plain(Method::GET, "/simulator/faults").send().await.unwrap()).await;
    assert_eq!(list().await["data"].as_array().unwrap().len(), 2);
    let cleared = running.plain(Method::DELETE, "/simulator/faults").send().await.unwrap();
    assert_eq!(ok(cleared).await, json!({"deleted": 2}));
    assert_eq!(list().await["data"], json!([]));
}

/// Faults and the clock stand in the database: another process goes by them, and so does the next one.
async fn durable(storage: Storage) {
    let one = Running::start(storage.clone()).await;
    one.advance(1000).await;
    set(&one, json!({"kind": "server_error", "times": 1, "method": "POST"})).await;
    let other = Running::start_with(storage, one.clock.clone()).await;
    let refused = create(&other, "key-1").await.unwrap();
    assert_eq!(refused.status(), 500);
    let session = ok(create(&one, "key-1").await.unwrap()).await;
    assert_eq!(session["created"], support::START + 1000);
    assert_eq!(other.new_session().await["created"], support::START + 1000);
}
