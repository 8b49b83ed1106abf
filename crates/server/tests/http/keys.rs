//! Where an idempotency key may stand and what it may be (contract, parts 1 and 3; design, part 2).

use crate::support::client::Answer;
use crate::support::{Site, body};

const ORIGINAL: &str = "X-Idempotency-Key";
const STANDARD: &str = "Idempotency-Key";

/// Headers as they go over the wire: not always text.
type Headers<'a> = &'a [(&'a str, &'a [u8])];

/// A press with these headers and this member `idempotency_key` (as JSON), for consultation 5.
async fn press(site: &Site, headers: Headers<'_>, in_body: Option<&str>) -> Answer {
    let mut body = body(5, "5000.00");
    if let Some(key) = in_body {
        body.insert_str(1, &format!(r#""idempotency_key":{key},"#));
    }
    let request = site.pay(1).json(body);
    headers.iter().fold(request, |request, (name, value)| request.header_bytes(name, value)).send().await
}

#[tokio::test]
async fn what_is_no_key_is_400_and_stores_nothing() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let long = "k".repeat(256);
    let long_in_body = format!("\"{long}\"");
    let rows: &[(Headers<'_>, Option<&str>)] = &[
        (&[], None),
        (&[], Some("null")),
        (&[(ORIGINAL, b"")], None),
        (&[(ORIGINAL, b"   ")], None),
        (&[(STANDARD, b"")], None),
        (&[(STANDARD, b"\"\"")], None),
        (&[], Some("\"\"")),
        (&[], Some("\"  \"")),
        (&[(ORIGINAL, long.as_bytes())], None),
        (&[(STANDARD, long.as_bytes())], None),
        (&[], Some(&long_in_body)),
        (&[(ORIGINAL, "kunci-é".as_bytes())], None),
        (&[(ORIGINAL, b"kunci-\xff")], None),
        (&[], Some("\"kunci-é\"")),
        (&[(ORIGINAL, b"a\tb")], None),
        (&[], Some(r#""a\tb""#)),
        (&[], Some(r#""a\u0000b""#)),
        (&[], Some(r#""a\u007fb""#)),
        (&[], Some("5")),
        (&[], Some("[\"k\"]")),
        (&[(ORIGINAL, b"one")], Some("\"other\"")),
        (&[(STANDARD, b"one")], Some("\"other\"")),
        (&[(ORIGINAL, b"one")], Some("\"\"")),
        (&[(ORIGINAL, b"one"), (ORIGINAL, b"other")], None),
        (&[(STANDARD, b"one"), (STANDARD, b"other")], None),
        (&[(ORIGINAL, b"one"), (STANDARD, b"one")], None),
        (&[(ORIGINAL, b"one"), (STANDARD, b"other")], Some("\"one\"")),
        (&[(STANDARD, b"\"one")], None),
        (&[(STANDARD, b"\"o\"ne\"")], None),
        (&[(STANDARD, b"\"o\\ne\"")], None),
    ];
    for (headers, in_body) in rows {
        let answer = press(&site, headers, *in_body).await;
        assert_eq!(answer.status, 400, "{headers:?} {in_body:?}: {}", answer.text());
        answer.problem(400, "invalid-idempotency-key");
    }
    assert_eq!(site.count("payments").await, 0);
    assert_eq!(site.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn a_key_is_read_wherever_it_may_stand() {
    let longest = "~".repeat(255);
    let longest_in_body = format!("\"{longest}\"");
    let rows: &[(Headers<'_>, Option<&str>, &str)] = &[
        (&[(ORIGINAL, b"key")], None, "key"),
        (&[(ORIGINAL, b"key")], Some("null"), "key"),
        (&[], Some("\"key\""), "key"),
        (&[(ORIGINAL, b"key")], Some("\"key\""), "key"),
        (&[(ORIGINAL, b"key"), (ORIGINAL, b"key")], None, "key"),
        (&[(STANDARD, b"key")], None, "key"),
        (&[(STANDARD, b"\"key\"")], None, "key"),
        (&[(STANDARD, b"\"key\"")], Some("\"key\""), "key"),
        (&[(STANDARD, br#""a\"b\\c""#)], None, r#"a"b\c"#),
        (&[(ORIGINAL, b"\"key\"")], None, "\"key\""),
        (&[(ORIGINAL, b"with a blank")], None, "with a blank"),
        (&[(ORIGINAL, longest.as_bytes())], None, &longest),
        (&[], Some(&longest_in_body), &longest),
    ];
    for (headers, in_body, key) in rows {
        let site = Site::new().await;
        site.pesos(5, 1).await;
        let answer = press(&site, headers, *in_body).await;
        assert_eq!(answer.status, 201, "{headers:?} {in_body:?}: {}", answer.text());
        let stored = site.database.query("SELECT key FROM idempotency_keys").await;
        assert_eq!(stored, [[*key]], "{headers:?} {in_body:?}");
    }
}
