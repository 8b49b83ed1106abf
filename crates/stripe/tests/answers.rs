//! Odd answers, and what is made of them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::ports::{Gateway, GatewayError, GatewaySession, GatewayStatus};
use std::sync::Arc;
use std::time::Duration;
use support::{Answer, Impatient, KEY, Server, answer, cut, gateway, session};
use uuid::Uuid;

const REFUSAL: &str = r#"{"error":{"type":"invalid_request_error","message":"No such currency: xyz"}}"#;
const MISSING: &str =
    r#"{"error":{"type":"invalid_request_error","code":"resource_missing","message":"No such session"}}"#;
const IDEMPOTENCY: &str =
    r#"{"error":{"type":"idempotency_error","message":"Keys for idempotent requests"}}"#;
const KEY_UUID: Uuid = Uuid::from_u128(7);

type Outcome = Result<GatewaySession, GatewayError>;

/// Makes a session against these answers; the outcome and the requests that came.
async fn create(answers: Vec<Answer>) -> (Outcome, Vec<String>) {
    let mut server = Server::answering(answers).await;
    let outcome =
        gateway(&server.base, Arc::default()).create_session(KEY_UUID, "mode=payment&a%5B0%5D=b").await;
    (outcome, server.seen())
}

async fn retrieve(answers: Vec<Answer>) -> (Outcome, Vec<String>) {
    let mut server = Server::answering(answers).await;
    let outcome = gateway(&server.base, Arc::default()).session("cs_test_1").await;
    (outcome, server.seen())
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Err(GatewayError::Unknown(_)))
}

#[tokio::test]
async fn a_session_is_made() {
    let (outcome, requests) = create(vec![answer(200, "", &session("cs_test_1"))]).await;
    let made = outcome.unwrap();
    assert_eq!((made.id.as_str(), made.status), ("cs_test_1", GatewayStatus::Open));
    let request = &requests[0];
    assert!(request.starts_with("POST /stripe-simulator/v1/checkout/sessions HTTP/1.1\r\n"), "{request}");
    for line in [
        format!("authorization: Bearer {KEY}\r\n"),
        "stripe-version: 2023-08-16\r\n".to_owned(),
        format!("idempotency-key: {KEY_UUID}\r\n"),
        "content-type: application/x-www-form-urlencoded\r\n".to_owned(),
    ] {
        assert!(request.contains(&line), "{line} in {request}");
    }
    assert!(request.ends_with("\r\n\r\nmode=payment&a%5B0%5D=b"), "the very bytes: {request}");
}

#[tokio::test]
async fn a_session_is_looked_up() {
    let (outcome, requests) = retrieve(vec![answer(200, "", &session("cs_test_1"))]).await;
    assert_eq!(outcome.unwrap().url.as_deref(), Some("https://pay.example/cs_test_1"));
    let address = "/stripe-simulator/v1/checkout/sessions/cs_test_1?expand%5B%5D=payment_intent";
    assert!(requests[0].starts_with(&format!("GET {address} HTTP/1.1\r\n")), "{}", requests[0]);
    assert!(!requests[0].contains("idempotency-key"), "reading changes nothing");

    let (outcome, _) = retrieve(vec![answer(404, "", MISSING)]).await;
    assert_eq!(outcome, Err(GatewayError::NotFound));
    let (outcome, _) = retrieve(vec![answer(500, "", "{}"), answer(404, "", MISSING)]).await;
    assert_eq!(outcome, Err(GatewayError::NotFound), "whatever went before");
    let (outcome, _) = retrieve(vec![answer(404, "", REFUSAL)]).await;
    assert!(is_unknown(&outcome), "a wrong base address proves nothing of the session: {outcome:?}");
    let (outcome, _) = retrieve(vec![answer(404, "", "<html>not Stripe's</html>")]).await;
    assert!(is_unknown(&outcome), "a proxy's 404 proves nothing: {outcome:?}");
    let (outcome, _) = retrieve(vec![answer(200, "", &session("cs_test_2"))]).await;
    assert!(is_unknown(&outcome), "another session: {outcome:?}");
}

#[tokio::test]
async fn an_id_that_is_none_is_not_asked_for() {
    let mut server = Server::answering(vec![answer(200, "", &session("x"))]).await;
    let gateway = gateway(&server.base, Arc::default());
    for id in ["", "..", "../../v1/charges", "cs_1?expand=x", "cs 1", "cs%2f1", "é", &"x".repeat(256)] {
        assert_eq!(gateway.session(id).await, Err(GatewayError::NotFound), "{id}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn passing_trouble_is_tried_again_with_the_same_bytes() {
    let troubles = [
        answer(500, "", "{}"),
        answer(503, "", "<html>"),
        answer(409, "", REFUSAL),
        answer(429, "", REFUSAL),
        answer(400, "stripe-should-retry: true\r\n", REFUSAL),
        cut("{\"id\":"),
        Answer::Bytes(Vec::new()),
        Answer::Bytes(b"SSH-2.0-what\r\n".to_vec()),
    ];
    for trouble in troubles {
        let (outcome, requests) = create(vec![trouble, answer(200, "", &session("cs_test_1"))]).await;
        assert_eq!(outcome.unwrap().id, "cs_test_1");
        let bytes = |request: &str| request.split_once("idempotency-key").unwrap().1.to_owned();
        assert_eq!(requests.len(), 2);
        assert_eq!(bytes(&requests[0]), bytes(&requests[1]));
    }
}

#[tokio::test]
async fn after_two_repeats_nobody_knows() {
    let clock = Arc::new(Impatient::default());
    let mut server = Server::answering((0..5).map(|_| answer(500, "", "{}")).collect()).await;
    let outcome = gateway(&server.base, Arc::clone(&clock)).create_session(KEY_UUID, "a=b").await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(server.seen().len(), 3);
    let pauses = clock.0.lock().unwrap().clone();
    assert_eq!(pauses, [Duration::from_millis(350), Duration::from_millis(600)], "growing, and with jitter");
}

#[tokio::test]
async fn stripes_advice_goes_first() {
    for status in [500, 409, 429] {
        let (outcome, requests) = create(vec![answer(status, "stripe-should-retry: false\r\n", "{}")]).await;
        assert!(is_unknown(&outcome), "{status} is no refusal: {outcome:?}");
        assert_eq!(requests.len(), 1, "{status}");
    }
    let again = || answer(400, "stripe-should-retry: true\r\n", REFUSAL);
    let (outcome, requests) = create(vec![again(), again(), again()]).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn stripes_refusal_is_definite_if_nothing_can_have_happened_before_it() {
    let (outcome, requests) = create(vec![answer(400, "", REFUSAL)]).await;
    let message = "No such currency: xyz".to_owned();
    assert_eq!(outcome, Err(GatewayError::Refused { status: 400, message }));
    assert_eq!(requests.len(), 1, "and is not repeated");

    for doubt in [answer(500, "", "{}"), cut("{"), answer(409, "", REFUSAL)] {
        let (outcome, requests) = create(vec![doubt, answer(401, "", REFUSAL)]).await;
        assert!(is_unknown(&outcome), "the first attempt may have made it: {outcome:?}");
        assert_eq!(requests.len(), 2);
    }
    let (outcome, _) = create(vec![answer(400, "", IDEMPOTENCY)]).await;
    assert!(is_unknown(&outcome), "the key was used before: {outcome:?}");
    for body in ["", "<html>forbidden</html>", "{}", r#"{"error":"forbidden"}"#] {
        let (outcome, _) = create(vec![answer(403, "", body)]).await;
        assert!(is_unknown(&outcome), "not Stripe's words: {outcome:?}");
    }
    for body in [REFUSAL, MISSING] {
        let (outcome, _) = create(vec![answer(404, "", body)]).await;
        assert!(is_unknown(&outcome), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_stored_failure_is_not_asked_for_again() {
    let stored = |status, more: &str| {
        answer(status, &format!("idempotent-replayed: true\r\n{more}"), r#"{"error":{"message":"Oh no"}}"#)
    };
    for more in ["", "stripe-should-retry: true\r\n", "stripe-should-retry: false\r\n"] {
        let (outcome, requests) = create(vec![stored(500, more)]).await;
        let why = "500 Internal Server Error: Oh no".to_owned();
        assert_eq!(outcome, Err(GatewayError::Spent(why)), "{more}");
        assert_eq!(requests.len(), 1);
    }
    let (outcome, requests) = create(vec![answer(500, "", "{}"), stored(503, "")]).await;
    assert!(matches!(outcome, Err(GatewayError::Spent(_))), "this call's own failure, stored: {outcome:?}");
    assert_eq!(requests.len(), 2);

    let fresh = answer(500, "idempotent-replayed: false\r\nstripe-should-retry: false\r\n", "{}");
    let (outcome, _) = create(vec![fresh]).await;
    assert!(is_unknown(&outcome), "the first of its kind: {outcome:?}");
    let (outcome, _) = create(vec![stored(429, "stripe-should-retry: false\r\n")]).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    let again = answer(200, "idempotent-replayed: true\r\n", &session("cs_test_1"));
    let (outcome, _) = create(vec![again]).await;
    assert_eq!(outcome.unwrap().id, "cs_test_1");
}

#[tokio::test]
async fn looking_up_is_tried_again_too() {
    for trouble in [answer(500, "", "{}"), answer(429, "", REFUSAL), cut("{\"id\":")] {
        let (outcome, requests) = retrieve(vec![trouble, answer(200, "", &session("cs_test_1"))]).await;
        assert_eq!(outcome.unwrap().id, "cs_test_1");
        assert_eq!(requests[0], requests[1]);
    }
    let (outcome, requests) = retrieve(vec![answer(500, "stripe-should-retry: false\r\n", "{}")]).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(requests.len(), 1);
    let (outcome, _) = retrieve(vec![answer(401, "", REFUSAL)]).await;
    assert!(matches!(outcome, Err(GatewayError::Refused { status: 401, .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_session_is_no_answer() {
    let odd = ["", "garbage", "[]", "{}", r#"{"id":"cs_1","object":"charge"}"#, "{\"id\":\"cs_1\"", "\u{0}"];
    for body in odd {
        let (outcome, requests) = create(vec![answer(200, "", body)]).await;
        assert!(is_unknown(&outcome), "{body}: {outcome:?}");
        assert_eq!(requests.len(), 1);
    }
    let moved = "location: http://127.0.0.1:1/v1/checkout/sessions\r\n";
    let (outcome, requests) = create(vec![answer(307, moved, "")]).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(requests.len(), 1, "no redirect is followed");
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let huge = || {
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        Answer::Bytes([head, vec![b' '; 3 << 20]].concat())
    };
    let (outcome, requests) = create(vec![huge(), huge(), huge()]).await;
    assert_eq!(outcome, Err(GatewayError::Unknown("the answer is larger than 1 MiB".to_owned())));
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_twenty_seconds() {
    let mut server = Server::answering(vec![Answer::Silence, Answer::Silence]).await;
    let gateway = gateway(&server.base, Arc::default());
    let call = tokio::spawn(async move { gateway.create_session(KEY_UUID, "a=b").await });
    server.requests.recv().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(19)).await;
    assert!(!call.is_finished());
    tokio::time::advance(Duration::from_secs(2)).await;
    let outcome = call.await.unwrap();
    assert!(is_unknown(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn nobody_listening_is_unknown_too() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let clock = Arc::new(Impatient::default());
    let outcome =
        gateway(&format!("http://{free}"), Arc::clone(&clock)).create_session(KEY_UUID, "a=b").await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(clock.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn no_error_holds_the_key() {
    for padding in [0, 285] {
        let echo = format!(r#"{{"error":{{"message":"{}Bearer {KEY} is wrong"}}}}"#, ".".repeat(padding));
        for (status, header) in [(401, ""), (500, ""), (500, "idempotent-replayed: true\r\n")] {
            let (outcome, _) = create((0..3).map(|_| answer(status, header, &echo)).collect()).await;
            let text = format!("{outcome:?} {}", outcome.as_ref().unwrap_err());
            assert!(!text.contains("sk_test"), "{text}");
            assert!(text.len() < 1000);
        }
    }
}
