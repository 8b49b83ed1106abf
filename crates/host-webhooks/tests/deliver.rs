//! Messages over real connections, and what becomes of them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::ports::{Host, HostError};
use std::time::Duration;
use support::{Answer, OTHER, PUBLISHED, Server, answer, host, message};

/// The published signature of the published message, and its signature with the other secret as the
/// npm package `standardwebhooks` 1.1.1 makes it.
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const OTHER_SIGNATURE: &str = "v1,Z6pAfPXUXXMvWB5YFkYFsCtNHn/PIYdXzFmkT8gVFn8=";

async fn delivered(answer: Answer) -> Result<(), HostError> {
    let server = Server::answering(vec![answer]).await;
    host(&server.base, &[PUBLISHED]).deliver(&message()).await
}

async fn refused(answer: Answer) -> String {
    delivered(answer).await.unwrap_err().0
}

#[tokio::test]
async fn a_message_is_a_signed_post_of_its_very_bytes() {
    let mut server = Server::answering(vec![answer("204 No Content", "", "")]).await;
    let url = format!("{}/webhooks?tenant=1", server.base);
    host(&url, &[PUBLISHED]).deliver(&message()).await.unwrap();
    let request = server.seen().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, message().body);
    assert!(head.starts_with("POST /webhooks?tenant=1 HTTP/1.1\r\n"), "{head}");
    for line in [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        &format!("webhook-signature: {SIGNATURE}"),
        "content-type: application/json",
        "user-agent: Sekali",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn while_secrets_are_exchanged_each_of_them_signs() {
    let mut server = Server::answering(vec![answer("200 OK", "", "ok"), answer("200 OK", "", "ok")]).await;
    host(&server.base, &[OTHER, PUBLISHED]).deliver(&message()).await.unwrap();
    host(&server.base, &[OTHER]).deliver(&message()).await.unwrap();
    let seen = server.seen();
    let both = format!("webhook-signature: {OTHER_SIGNATURE} {SIGNATURE}\r\n");
    assert!(seen[0].contains(&both), "{}", seen[0]);
    assert!(seen[1].contains(&format!("webhook-signature: {OTHER_SIGNATURE}\r\n")), "{}", seen[1]);
}

#[tokio::test]
async fn every_2xx_is_a_receipt() {
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Whatever"] {
        assert_eq!(delivered(answer(status, "", "")).await, Ok(()), "{status}");
    }
}

#[tokio::test]
async fn every_other_answer_is_a_failure_told_with_its_words() {
    for (status, words) in [
        ("400 Bad Request", "the signature is wrong"),
        ("404 Not Found", "nothing here"),
        ("410 Gone", "no longer"),
        ("429 Too Many Requests", "slower"),
        ("500 Internal Server Error", "oops"),
        ("503 Service Unavailable", "back soon"),
    ] {
        let said = refused(answer(status, "retry-after: 86400\r\n", words)).await;
        assert_eq!(said, format!("the host answered {status}: {words}"));
    }
    assert_eq!(refused(answer("502 Bad Gateway", "", "")).await, "the host answered 502 Bad Gateway");
}

#[tokio::test]
async fn words_are_made_fit_for_a_log_and_cut_off() {
    let said = refused(answer("500 Internal Server Error", "", "a\r\n\t b\u{1b}[31m\0c\u{fffd}")).await;
    assert_eq!(said, "the host answered 500 Internal Server Error: a b[31mc\u{fffd}");
    let said = refused(answer("500 Internal Server Error", "", &"é".repeat(3000))).await;
    assert_eq!(said, format!("the host answered 500 Internal Server Error: {}", "é".repeat(200)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = "location: /elsewhere?token=abc\r\n";
        let mut server =
            Server::answering(vec![answer(status, location, ""), answer("200 OK", "", "")]).await;
        let HostError(said) = host(&server.base, &[PUBLISHED]).deliver(&message()).await.unwrap_err();
        let expected = format!(
            "the host answered {status}; redirects are not followed, so configure the address it leads to"
        );
        assert_eq!(said, expected);
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let endless = |status: &str| Answer::Endless(format!("HTTP/1.1 {status}\r\n\r\n").into_bytes());
    assert_eq!(delivered(endless("200 OK")).await, Ok(()));
    let said = refused(endless("500 Internal Server Error")).await;
    assert_eq!(said, format!("the host answered 500 Internal Server Error: {}", "x".repeat(200)));
}

#[tokio::test]
async fn a_receipt_stands_although_its_body_does_not_come() {
    let half = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9999\r\n\r\nhalf").into_bytes();
    assert_eq!(delivered(Answer::Bytes(half("200 OK"))).await, Ok(()));
    assert_eq!(delivered(Answer::Stuck(half("200 OK"))).await, Ok(()));
    let said = refused(Answer::Bytes(half("500 Internal Server Error"))).await;
    assert_eq!(said, "the host answered 500 Internal Server Error: half");
}

#[tokio::test]
async fn a_silent_host_is_given_up_after_fifteen_seconds() {
    let refusal = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9999\r\n\r\nhalf".to_vec();
    for (answer, expected) in [
        (Answer::Stuck(Vec::new()), "the host has not answered within 15 s"),
        (Answer::Stuck(b"HTTP/1.1 200 O".to_vec()), "the host has not answered within 15 s"),
        (Answer::Stuck(refusal), "the host answered 500 Internal Server Error: half"),
    ] {
        let mut server = Server::answering(vec![answer]).await;
        let host = host(&server.base, &[PUBLISHED]);
        let call = tokio::spawn(async move { host.deliver(&message()).await });
        server.requests.recv().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(14)).await;
        tokio::task::yield_now().await;
        assert!(!call.is_finished(), "{expected}");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(call.await.unwrap(), Err(HostError(expected.to_owned())));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_without_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/webhooks?token=hidden");
    let HostError(said) = host(&url, &[PUBLISHED]).deliver(&message()).await.unwrap_err();
    assert!(said.starts_with("the host cannot be reached: Connection refused"), "{said}");

    for bytes in ["", "HTTP/1.1 200 O", "something else\r\n\r\n"] {
        let mut server = Server::answering(vec![Answer::Bytes(bytes.into())]).await;
        let url = format!("{}/webhooks?token=hidden", server.base);
        let HostError(said) = host(&url, &[PUBLISHED]).deliver(&message()).await.unwrap_err();
        assert!(said.starts_with("the connection to the host broke: "), "{said}");
        assert!(!said.contains("hidden") && !said.contains("127.0.0.1"), "{said}");
        assert_eq!(server.seen().len(), 1, "it is the outbox that sends again");
    }
}

#[tokio::test]
async fn a_host_that_repeats_what_is_secret_is_not_quoted() {
    let bare = OTHER.trim_start_matches("whsec_");
    for padding in [0, 185] {
        let echo = format!(
            "{}{OTHER} {bare} {} POST /?token=hidden",
            ".".repeat(padding),
            OTHER.replace('/', r"\/")
        );
        let server = Server::answering(vec![answer("500 Internal Server Error", "", &echo)]).await;
        let url = format!("{}/?token=hidden", server.base);
        let HostError(said) = host(&url, &[PUBLISHED, OTHER]).deliver(&message()).await.unwrap_err();
        assert!(!said.contains("c2Vj") && !said.contains("hidden"), "{said}");
        assert!(said.contains("whsec_***"), "{said}");
    }
}
