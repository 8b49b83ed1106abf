//! Two requests in the clothes of one (RFC 9112, part 11.2): whatever a proxy in front makes of these bytes, the
//! second request is never worked on.

use crate::support::{Site, body};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The request that must not happen: a whole press of BAYAR.
fn smuggled(site: &Site) -> String {
    let body = body(5, "5000.00");
    format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nX-Idempotency-Key: smuggled\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        site.patient(1),
        body.len()
    )
}

/// Sends the bytes and reads until the server closes, or is silent for a while. How many answers came.
async fn answers(site: &Site, bytes: &[u8]) -> (usize, String) {
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    // It may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => read.extend_from_slice(&buffer[..length]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&read).into_owned();
    (text.matches("HTTP/1.1 ").count(), text)
}

/// An outer request with these headers; its body, if a proxy believes the length, holds the second.
fn with_headers(headers: &str, rest: &str) -> String {
    format!("POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{rest}")
}

fn attacks(inner: &str) -> Vec<(&'static str, String)> {
    [by_encoding(inner), by_length(inner), by_form(inner)].concat()
}

/// Of two readers, one believes the length and the other the encoding.
fn by_encoding(inner: &str) -> Vec<(&'static str, String)> {
    let chunked_end = format!("0\r\n\r\n{inner}");
    let all = chunked_end.len();
    let lengths = |name: &str| format!("Content-Length: {all}\r\n{name}: chunked");
    vec![
        ("CL.TE", with_headers(&lengths("Transfer-Encoding"), &chunked_end)),
        (
            "TE.CL",
            with_headers(&format!("Transfer-Encoding: chunked\r\nContent-Length: {all}"), &chunked_end),
        ),
        ("CL of 0 and TE", with_headers("Content-Length: 0\r\nTransfer-Encoding: chunked", &chunked_end)),
        ("TE with a blank before the colon", with_headers(&lengths("Transfer-Encoding "), &chunked_end)),
        (
            "TE with a tab before its value",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding:\tchunked"), &chunked_end),
        ),
        (
            "TE with a vertical tab",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding: \x0bchunked"), &chunked_end),
        ),
        (
            "TE xchunked",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding: xchunked"), &chunked_end),
        ),
        (
            "TE in quotes",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding: \"chunked\""), &chunked_end),
        ),
        (
            "TE identity",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding: identity"), &chunked_end),
        ),
        (
            "TE chunked, identity",
            with_headers(
                &format!("Content-Length: {all}\r\nTransfer-Encoding: chunked, identity"),
                &chunked_end,
            ),
        ),
        (
            "TE twice, the last is none",
            with_headers(
                &format!("Content-Length: {all}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
                &chunked_end,
            ),
        ),
        (
            "TE twice, the first is none",
            with_headers(
                &format!("Content-Length: {all}\r\nTransfer-Encoding: cow\r\nTransfer-Encoding: chunked"),
                &chunked_end,
            ),
        ),
        (
            "TE folded",
            with_headers(&format!("Content-Length: {all}\r\nTransfer-Encoding:\r\n chunked"), &chunked_end),
        ),
        (
            "a header folded",
            with_headers(&format!("X: y\r\n Content-Length: 0\r\nContent-Length: {all}"), inner),
        ),
    ]
}

/// Of two readers, one takes the length for another.
fn by_length(inner: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "two lengths",
            with_headers(&format!("Content-Length: 0\r\nContent-Length: {}", inner.len()), inner),
        ),
        (
            "two lengths the other way",
            with_headers(&format!("Content-Length: {}\r\nContent-Length: 0", inner.len()), inner),
        ),
        ("a list of lengths", with_headers(&format!("Content-Length: 0, {}", inner.len()), inner)),
        ("a length with a sign", with_headers(&format!("Content-Length: +{}", inner.len()), inner)),
        ("a negative length", with_headers("Content-Length: -1", inner)),
        ("a length in hexadecimal", with_headers(&format!("Content-Length: 0x{:x}", inner.len()), inner)),
        ("a length over 64 bits", with_headers("Content-Length: 18446744073709551616", inner)),
        (
            "a length with a blank before the colon",
            with_headers(&format!("Content-Length : {}", inner.len()), inner),
        ),
    ]
}

/// Chunks, versions and characters that readers disagree about.
fn by_form(inner: &str) -> Vec<(&'static str, String)> {
    let chunked_end = format!("0\r\n\r\n{inner}");
    vec![
        (
            "a chunk over 64 bits",
            with_headers("Transfer-Encoding: chunked", &format!("10000000000000000\r\n{chunked_end}")),
        ),
        (
            "a chunk with a sign",
            with_headers("Transfer-Encoding: chunked", &format!("+5\r\nhello\r\n{chunked_end}")),
        ),
        (
            "a chunk with no end",
            with_headers("Transfer-Encoding: chunked", &format!("5\r\nhelloX{chunked_end}")),
        ),
        (
            "a bare LF in a chunk's extension",
            with_headers("Transfer-Encoding: chunked", &format!("5;a\nb\r\nhello\r\n{chunked_end}")),
        ),
        (
            "a huge extension",
            with_headers(
                "Transfer-Encoding: chunked",
                &format!("5;{}\r\nhello\r\n{chunked_end}", "a".repeat(70_000)),
            ),
        ),
        ("a NUL in a header", with_headers("X: a\0b\r\nContent-Length: 0", inner)),
        ("a bare CR in a header", with_headers("X: a\rContent-Length: 0", inner)),
        (
            "no Host",
            format!("POST /webhooks/stripe HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
        ),
        (
            "HTTP/1.0 with TE",
            with_headers("Transfer-Encoding: chunked", &chunked_end).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        (
            "HTTP/1.0 and more data",
            with_headers("Content-Length: 0", inner).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        ("asked to close, and more data", with_headers("Connection: close\r\nContent-Length: 0", inner)),
        (
            "an upgrade",
            with_headers(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 0\r\nConnection: close",
                inner,
            ),
        ),
        ("the preface of HTTP/2", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{inner}")),
        ("a blank in the path", format!("GET / x HTTP/1.1\r\nHost: a\r\n\r\n{inner}")),
        ("no version", format!("GET /\r\nHost: a\r\n\r\n{inner}")),
        ("a version that is none", format!("GET / HTTP/9.9\r\nHost: a\r\n\r\n{inner}")),
    ]
}

#[tokio::test]
async fn a_second_request_is_never_worked_on() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let inner = smuggled(&site);
    for (what, bytes) in attacks(&inner) {
        let (count, text) = answers(&site, bytes.as_bytes()).await;
        assert!(count <= 1, "{what}: {text}");
        assert_eq!(site.count("payments").await, 0, "{what}: {text}");
        assert!(!text.contains("HTTP/1.1 201"), "{what}");
    }
    // Sent as what it is, it does work.
    let (count, text) = answers(&site, inner.as_bytes()).await;
    assert_eq!((count, site.count("payments").await), (1, 1), "{text}");
}

/// Requests that follow each other properly are both answered: the connection is not closed for nothing.
#[tokio::test]
async fn proper_pipelining_is_served() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let first = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let (count, text) = answers(&site, format!("{first}{}", smuggled(&site)).as_bytes()).await;
    assert_eq!((count, site.count("payments").await), (2, 1), "{text}");
}
