//! Bodies: size, type, syntax, fields; consultations that are not there or not the caller's
//! (contract, part 3).

use crate::support::client::{Request, raw};
use crate::support::{Site, body};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn press(site: &Site) -> Request {
    site.pay(1).header("X-Idempotency-Key", "k")
}

#[tokio::test]
async fn a_body_over_16_kib() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let fitting = |length: usize| {
        let mut text = body(5, "5000.00");
        text.push_str(&" ".repeat(length - text.len()));
        text
    };
    let too_large = fitting(16 * 1024 + 1);
    press(&site).json(too_large.clone()).send().await.problem(413, "body-too-large");
    press(&site).json(too_large).chunked().send().await.problem(413, "body-too-large");
    press(&site).json(fitting(1_000_000)).send().await.problem(413, "body-too-large");
    press(&site).json(fitting(1_000_000)).chunked().send().await.problem(413, "body-too-large");
    assert_eq!(site.count("payments").await, 0);
    assert_eq!(press(&site).json(fitting(16 * 1024)).send().await.status, 201, "16 KiB are not over 16 KiB");
    let chunked = press(&site).json(fitting(16 * 1024)).chunked().send().await;
    assert_eq!(chunked.status, 409, "{}", chunked.text());
}

/// Over a slow line, too: a client that sends everything before it reads must find the answer, and
/// not a connection that was closed under its hands.
#[tokio::test]
async fn a_body_over_16_kib_that_arrives_slowly() {
    let site = Site::new().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let head =
        "POST /api/v1/payments HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        stream.write_all(&[b'9'; 10_000]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// A client that asks first is spared the sending.
#[tokio::test]
async fn a_body_over_16_kib_that_is_asked_about() {
    let site = Site::new().await;
    let head =
        "POST /api/v1/payments HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n";
    let answer = raw(site.address, head.as_bytes()).await;
    answer.problem(413, "body-too-large");
}

#[tokio::test]
async fn another_content_type() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let types = [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
        Some("text/json"),
        Some("application/json; charset=latin1"),
        Some("application/xml, application/json"),
    ];
    for content_type in types {
        let mut request = press(&site).body(body(5, "5000.00"));
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        let answer = request.send().await;
        assert_eq!(answer.status, 415, "{content_type:?}");
        answer.problem(415, "unsupported-media-type");
    }
    assert_eq!(site.count("payments").await, 0);
    let wide =
        press(&site).header("Content-Type", "Application/JSON;charset=\"UTF-8\"").body(body(5, "5000"));
    assert_eq!(wide.send().await.status, 201);
}

#[tokio::test]
async fn what_is_not_json() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let twice = body(5, "5000.00").replacen('{', r#"{"amount":1,"#, 1);
    let twice_escaped = body(5, "5000.00").replacen('{', r#"{"am\u006funt":1,"#, 1);
    let rows: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"hello",
        b"{\"consultation_id\":5,}",
        b"{'consultation_id':5}",
        b"{\"consultation_id\":05}",
        b"{\"consultation_id\":5} x",
        b"{\"a\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        body_with("NaN"),
        body_with("Infinity"),
        body_with("+5000"),
        body_with(".5"),
        body_with("5."),
        body_with("0x10"),
        twice.as_bytes(),
        twice_escaped.as_bytes(),
    ];
    for row in rows {
        let answer = press(&site).json(*row).send().await;
        assert_eq!(answer.status, 400, "{}: {}", String::from_utf8_lossy(row), answer.text());
        answer.problem(400, "malformed-request");
    }
    let deep = "[".repeat(10_000);
    press(&site).json(deep).send().await.problem(400, "malformed-request");
    assert_eq!(site.count("payments").await, 0);
}

fn body_with(amount: &str) -> &'static [u8] {
    // Leaked: a handful of bytes of a test, so that the table above reads as a table.
    Box::leak(body(5, amount).into_bytes().into_boxed_slice())
}

#[tokio::test]
async fn every_failing_field_is_named() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (c, a, m) = ("consultation_id", "amount", "payment_method");
    let rows = [
        (r"{}", vec![a, c, m]),
        (r#"{"consultation_id":null,"amount":null,"payment_method":null}"#, vec![a, c, m]),
        (r#"{"consultation_id":0,"amount":0,"payment_method":"cash"}"#, vec![a, c, m]),
        (r#"{"consultation_id":"x","amount":"x","payment_method":7}"#, vec![a, c, m]),
        (r#"{"consultation_id":-5,"amount":-1,"payment_method":""}"#, vec![a, c, m]),
        (r#"{"consultation_id":5.5,"amount":true,"payment_method":"STRIPE"}"#, vec![a, c, m]),
        (r#"{"consultation_id":[5],"amount":{},"payment_method":["stripe"]}"#, vec![a, c, m]),
        (r#"{"consultation_id":99999999999999999999,"amount":5000,"payment_method":"stripe"}"#, vec![c]),
        (r#"{"amount":5000,"payment_method":"stripe"}"#, vec![c]),
        (r#"{"consultation_id":5,"payment_method":"stripe"}"#, vec![a]),
        (r#"{"consultation_id":5,"amount":5000}"#, vec![m]),
        (r#"{"consultation_id":5,"amount":4999.99,"payment_method":"stripe"}"#, vec![a]),
        ("[]", vec![a, c, m]),
        ("5", vec![a, c, m]),
    ];
    for (text, fields) in rows {
        press(&site).json(text).send().await.failed_fields(&fields);
    }
    assert_eq!(site.count("payments").await, 0);
    let strings = r#"{"consultation_id":"5","amount":"5000","payment_method":"stripe","unknown":[1]}"#;
    assert_eq!(press(&site).json(strings).send().await.status, 201);
}

#[tokio::test]
async fn no_such_consultation() {
    let site = Site::new().await;
    for consultation in [404, i64::MAX] {
        site.press(1, consultation, "k").await.problem(404, "consultation-not-found");
    }
    assert_eq!(site.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn someone_elses_consultation_and_roles_that_pay_for_nobody() {
    let site = Site::new().await;
    site.pesos(5, 7_000_001).await;
    let other = site.press(2, 5, "k").await;
    other.problem(403, "forbidden");
    let claims = |role: &str| {
        crate::support::tokens::with_claims(&format!(r#"{{"sub":7000001,"exp":1705318200,"role":"{role}"}}"#))
    };
    let mut answers = vec![other];
    for role in ["service", "admin", "doctor", ""] {
        let request = site.post("/api/v1/payments").bearer(&claims(role)).header("X-Idempotency-Key", "k");
        let answer = request.json(body(5, "5000.00")).send().await;
        answer.problem(403, "forbidden");
        answers.push(answer);
    }
    for answer in answers {
        assert!(!answer.text().contains("7000001"), "no word of whose it is: {}", answer.text());
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(site.count("payments").await, 0);
    // Nor when there is a payment to show.
    let (payment, _) = site.paid_for(7_000_001, 5, "theirs").await;
    let answer = site.press(2, 5, "k2").await;
    let problem = answer.problem(403, "forbidden");
    assert_eq!(problem.get("data"), None);
    assert!(!answer.text().contains("checkout") && !answer.text().contains("7000001"), "{payment}");
    let patient =
        site.post("/api/v1/payments").bearer(&claims("patient")).header("X-Idempotency-Key", "theirs");
    patient.json(body(5, "5000.00")).send().await.duplicate_of(payment, "pending");
    assert_eq!(site.database.query("SELECT user_id FROM payments").await, [[json!(7_000_001).to_string()]]);
}
