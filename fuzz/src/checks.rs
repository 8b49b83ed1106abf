//! One function for each thing that reads what strangers send: it must not panic, and what it accepts must hold.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sekali::http::reading;
use sekali::jwt::Verifier;
use sekali_core::domain::money::LARGEST_MINOR;
use sekali_core::domain::tax::taxes;
use sekali_core::domain::{Currency, Decimal, Money, Role, TaxRule, Timestamp, User, UserId};
use sekali_core::flow::inbox::without_the_object;
use sekali_stripe::money::{from_stripe, to_stripe};
use sekali_stripe::verify_webhook;
use serde_json::Value;
use sha2::Sha256;
use std::fmt::Write;

const NOW: i64 = 1_705_314_600;
const SECRET: &str = "a secret of the fuzzers, longer than 32 bytes";
const CURRENCIES: [&str; 6] = ["PHP", "JPY", "KWD", "CLF", "MGA", "UGX"];

type Check = fn(&[u8]);

/// Every check, by the name of its fuzzer and its corpus.
pub const ALL: [(&str, Check); 6] = [
    ("amounts", amounts),
    ("keys", keys),
    ("tokens", tokens),
    ("webhooks", webhooks),
    ("payments", payments),
    ("refunds", refunds),
];

/// A decimal is printed in one form that reads as the same value, and money comes back from wherever it goes.
pub fn amounts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for read in [Decimal::parse_json_number, Decimal::parse_digits] {
        let Ok(decimal) = read(text) else { continue };
        let shown = decimal.to_string();
        // The plain form of what was written with an exponent may have more digits than are read.
        if shown.len() <= 38 {
            assert_eq!(Decimal::parse_digits(&shown), Ok(decimal), "{text}");
        }
        for code in CURRENCIES {
            money(decimal, Currency::from_code(code).expect("a currency"));
        }
    }
}

fn money(decimal: Decimal, currency: Currency) {
    let Ok(money) = Money::from_decimal(decimal, currency) else { return };
    assert!(money.minor <= LARGEST_MINOR);
    assert_eq!(money.to_decimal(), decimal);
    assert_eq!(Decimal::parse_digits(&money.to_string()), Ok(decimal));
    if let Some(charged) = to_stripe(money) {
        assert_eq!(from_stripe(charged, currency.code()), Some(money));
    }
    if money.minor > 0 {
        for tax in taxes(&TaxRule::defaults(), money, false) {
            assert!((0..=money.minor).contains(&tax.amount.minor));
            assert_eq!(tax.refunded(money), tax.amount);
        }
    }
}

/// The first two lines are the two headers, the rest is the body.
pub fn keys(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut headers = json_headers();
    for name in ["x-idempotency-key", "idempotency-key"] {
        let line = lines.next().unwrap_or_default();
        if let (false, Ok(value)) = (line.is_empty(), HeaderValue::from_bytes(line)) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    match reading::key(&headers, lines.next().unwrap_or(b"{}")) {
        Ok(key) => {
            assert!((1..=255).contains(&key.as_str().len()));
            assert!(key.as_str().bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
        }
        Err(status) => assert_eq!(status, StatusCode::BAD_REQUEST),
    }
}

/// As it comes; and with its first line for a header and the rest for claims, signed.
pub fn tokens(data: &[u8]) {
    let verifier = Verifier::new(SECRET.as_bytes(), None, None);
    let now = Timestamp::from_seconds(NOW);
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(verifier.verify(text, now).is_err(), "it does not know the secret");
    }
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(signed.as_bytes()));
    let Ok(user) = verifier.verify(&format!("{signed}.{signature}"), now) else { return };
    assert!(user.id.0 > 0);
    // Another reader of JSON must see what was believed.
    let (Some(header), Some(claims)) = (parsed(header), parsed(claims)) else { return };
    assert_eq!(header["alg"], "HS256");
    assert!(claims["exp"].as_f64().is_some_and(|end| end > NOW as f64));
    assert!(claims["nbf"].as_f64().is_none_or(|start| start <= NOW as f64));
    let role = claims["role"].as_str().unwrap_or("patient");
    assert_eq!(user.role, Role::parse(role));
    let id = claims["sub"].as_str().map_or_else(|| claims["sub"].as_i64(), |text| text.parse().ok());
    assert_eq!(id, Some(user.id.0));
}

/// The first line is the header, the rest the body; then the body with a true signature.
pub fn webhooks(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (header, payload) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (secrets, now) = ([SECRET.to_owned()], Timestamp::from_seconds(NOW));
    if let Ok(header) = std::str::from_utf8(header) {
        assert!(verify_webhook(&secrets, payload, header, now).is_err(), "it does not know the secret");
    }
    let digest = mac(&[format!("{NOW}.").as_bytes(), payload].concat());
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let Ok(event) = verify_webhook(&secrets, payload, &format!("t={NOW},v1={hex}"), now) else { return };
    let whole = parsed(payload).expect("an event is JSON");
    assert_eq!((whole["id"].as_str(), whole["type"].as_str()), (Some(&*event.id), Some(&*event.kind)));
    let kept = parsed(without_the_object(payload).as_bytes()).expect("what is kept is JSON");
    assert_eq!(kept["id"], whole["id"]);
    assert!(kept.get("data").is_none(), "what the patient typed is not kept");
}

/// A body of `POST /api/v1/payments`.
pub fn payments(data: &[u8]) {
    let mut headers = json_headers();
    headers.insert("x-idempotency-key", HeaderValue::from_static("k"));
    let user = User { id: UserId(1), role: Role::Patient };
    match reading::payment(&headers, data, user) {
        Ok(request) => {
            assert!(request.consultation.0 > 0 && request.amount.is_positive());
            assert_eq!(request.key.as_str(), "k", "another key in the body is refused");
            let Some(whole) = parsed(data) else { return };
            assert_eq!(whole["payment_method"], "stripe");
        }
        Err(status) => assert!(matches!(status.as_u16(), 400 | 422), "{status}"),
    }
}

/// A body of `POST …/refunds`.
pub fn refunds(data: &[u8]) {
    for code in CURRENCIES {
        let currency = Currency::from_code(code).expect("a currency");
        match reading::refund(&json_headers(), data, currency) {
            Ok((amount, reason)) => {
                let Some(whole) = parsed(data) else { return };
                assert_eq!(
                    amount.is_some(),
                    whole.get("amount").is_some(),
                    "all is refunded only if it is asked for"
                );
                assert!(amount.is_none_or(|amount| (1..=LARGEST_MINOR).contains(&amount.minor)));
                assert!(reason.is_none_or(|reason| reason.chars().count() <= 500));
            }
            Err(status) => assert!(matches!(status.as_u16(), 400 | 422), "{status}"),
        }
    }
}

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn mac(message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// As another reader sees it. `None`: what that reader refuses for reasons of its own, in a member that means nothing
/// here: half a surrogate pair (RFC 8259, part 8.2, leaves it open), a number beyond a double.
fn parsed(bytes: &[u8]) -> Option<Value> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Some(value),
        Err(error) => {
            let text = error.to_string();
            let its_own = [
                "invalid unicode code point",
                "lone leading surrogate",
                "unexpected end of hex escape",
                "number out of range",
            ];
            assert!(its_own.iter().any(|kind| text.starts_with(kind)), "accepted, and no JSON: {text}");
            None
        }
    }
}
