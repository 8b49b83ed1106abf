//! The request that makes a session.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::ports::{Gateway, SessionDraft};
use serde_json::Value;
use std::sync::Arc;
use support::{draft, gateway};

fn encode(draft: &SessionDraft) -> String {
    gateway("http://127.0.0.1:1", Arc::default()).encode(draft)
}

fn parameters(draft: &SessionDraft) -> Vec<(String, String)> {
    form_urlencoded::parse(encode(draft).as_bytes()).into_owned().collect()
}

fn parameter(draft: &SessionDraft, name: &str) -> String {
    parameters(draft).into_iter().find(|(key, _)| key == name).unwrap().1
}

const UNIT_AMOUNT: &str = "line_items[0][price_data][unit_amount]";

#[test]
fn every_parameter() {
    let (one, two, three) = (
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000002",
        "00000000-0000-0000-0000-000000000003",
    );
    let expected = [
        ("mode", "payment"),
        ("payment_method_types[0]", "card"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "php"),
        (UNIT_AMOUNT, "500000"),
        ("line_items[0][price_data][product_data][name]", "Pembayaran"),
        ("client_reference_id", two),
        ("payment_intent_data[description]", "Pembayaran"),
        ("success_url", "https://klinik.example/payment/100/callback?session={CHECKOUT_SESSION_ID}&a=b"),
        ("cancel_url", "https://klinik.example/payment/100/callback"),
        ("expires_at", "1705318200"),
        ("locale", "id"),
        ("metadata[sekali_session]", one),
        ("payment_intent_data[metadata][sekali_session]", one),
        ("metadata[sekali_payment]", two),
        ("payment_intent_data[metadata][sekali_payment]", two),
        ("metadata[sekali_installation]", three),
        ("payment_intent_data[metadata][sekali_installation]", three),
    ];
    let expected: Vec<_> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(parameters(&draft(500_000, "PHP")), expected);
}

#[test]
fn the_same_draft_gives_the_same_bytes() {
    let first = encode(&draft(500_000, "PHP"));
    assert_eq!(first, encode(&draft(500_000, "PHP")));
    assert!(first.is_ascii() && !first.contains(['\n', ' ', '[']), "{first}");
}

#[test]
fn amounts_are_in_stripes_units() {
    for (minor, code, charged) in
        [(5000, "JPY", "5000"), (5, "ISK", "500"), (15_000_000, "IDR", "15000000"), (5120, "KWD", "5120")]
    {
        assert_eq!(parameter(&draft(minor, code), UNIT_AMOUNT), charged, "{code}");
    }
}

#[test]
fn an_amount_that_stripe_cannot_charge_is_written_so_that_it_is_refused() {
    for (minor, code) in [(5124, "KWD"), (1050, "MGA")] {
        let written = parameter(&draft(minor, code), UNIT_AMOUNT);
        assert!(written.parse::<i64>().is_err(), "{written} {code} would be charged");
    }
}

#[test]
fn in_english() {
    let mut draft = draft(500_000, "PHP");
    draft.locale = "en".to_owned();
    assert_eq!(parameter(&draft, "line_items[0][price_data][product_data][name]"), "Payment");
    assert_eq!(parameter(&draft, "locale"), "en");
}

/// Follows `a[0][b]` down a JSON schema.
fn schema_of<'a>(root: &'a Value, name: &str) -> Option<&'a Value> {
    let plain = name.replace(']', "");
    plain.split('[').try_fold(root, |schema, part| {
        let options =
            schema.get("anyOf").and_then(Value::as_array).map_or(vec![schema], |any| any.iter().collect());
        options.into_iter().find_map(|schema| {
            if part.parse::<u32>().is_ok() {
                return schema.get("items");
            }
            let named = schema.get("properties").and_then(|properties| properties.get(part));
            named.or_else(|| schema.get("additionalProperties").filter(|schema| schema.is_object()))
        })
    })
}

/// Needs a copy of Stripe's published OpenAPI description, which `STRIPE_OPENAPI` names.
#[test]
fn every_parameter_stands_in_stripes_own_description() {
    let Ok(path) = std::env::var("STRIPE_OPENAPI") else {
        println!("left out: STRIPE_OPENAPI names no copy of Stripe's OpenAPI description");
        return;
    };
    let spec: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let schema = spec
        .pointer("/paths/~1v1~1checkout~1sessions/post/requestBody/content/application~1x-www-form-urlencoded/schema")
        .unwrap();
    for (name, value) in parameters(&draft(500_000, "PHP")) {
        let schema = schema_of(schema, &name).unwrap_or_else(|| panic!("{name} is no parameter"));
        match schema.get("type").and_then(Value::as_str) {
            Some("integer") => assert!(value.parse::<i64>().is_ok(), "{name}={value}"),
            Some("string") => {}
            other => panic!("{name} is {other:?}"),
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            assert!(words.contains(&Value::from(value.as_str())), "{name}={value}");
        }
        if let Some(most) = schema.get("maxLength").and_then(Value::as_u64) {
            assert!(u64::try_from(value.len()).unwrap() <= most, "{name}={value}");
        }
    }
    assert!(schema_of(schema, "line_items[0][no_such_thing]").is_none(), "the check can fail");
}
