//! Odd answers, and what is made of them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::ports::{Gateway, GatewayError, GatewaySession, GatewayStatus};
use sekali_stripe::{StripeConfig, StripeConfigError, StripeGateway};
use std::sync::Arc;
use std::time::Duration;
use support::{Answer, Constant, Impatient, KEY, Server, answer, cut, gateway, session};
use uuid::Uuid;

const REFUSAL: &str = r#"{"error":{"type":"invalid_request_error","message":"No such currency: xyz"}}"#;
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
    assert!(requests[0].starts_with("GET /stripe-simulator/v1/checkout/sessions/cs_test_1 HTTP/1.1\r\n"));

    let (outcome, _) = retrieve(vec![answer(404, "", REFUSAL)]).await;
    assert_eq!(outcome, Err(GatewayError::NotFound));
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
    let (outcome, _) = create(vec![answer(404, "", REFUSAL)]).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
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
        for status in [401, 500] {
            let (outcome, _) = create((0..3).map(|_| answer(status, "", &echo)).collect()).await;
            let text = format!("{outcome:?} {}", outcome.as_ref().unwrap_err());
            assert!(!text.contains("sk_test"), "{text}");
            assert!(text.len() < 1000);
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_told() {
    let make = |base: &str, key: &str, secrets: &[&str]| {
        let webhook_secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let config = StripeConfig { base: base.to_owned(), secret_key: key.to_owned(), webhook_secrets };
        StripeGateway::new(config, Arc::new(Impatient::default()), Arc::new(Constant)).err()
    };
    assert_eq!(make("https://api.stripe.com", "sk_1", &["whsec_1"]), None);
    assert_eq!(make("http://127.0.0.1:8080/stripe-simulator/", "sk_1", &["whsec_1", "whsec_2"]), None);
    for base in ["", "api.stripe.com", "ftp://x", "https://x/?q", "https://u:p@x", "https://"] {
        assert_eq!(make(base, "sk_1", &["w"]), Some(StripeConfigError::Base(base.to_owned())), "{base}");
    }
    for key in ["", "sk 1", "sk_1\n", "sk_é"] {
        assert_eq!(make("https://x", key, &["w"]), Some(StripeConfigError::SecretKey), "{key:?}");
    }
    for secrets in [&[][..], &[""], &["w", ""]] {
        assert_eq!(make("https://x", "sk_1", secrets), Some(StripeConfigError::WebhookSecret));
    }
}
