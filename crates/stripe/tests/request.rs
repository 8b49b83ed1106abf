//! The requests that make a session and a refund.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::ports::{Gateway, RefundDraft, SessionDraft};
use std::sync::Arc;
use support::{draft, gateway, gateway_with, refund_draft};

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

#[test]
fn ways_to_pay_are_configured() {
    let gateway = gateway_with("http://127.0.0.1:1", Arc::default(), &["card", "fpx", "promptpay"]);
    let request = gateway.encode(&draft(500_000, "PHP"));
    let methods: Vec<_> = form_urlencoded::parse(request.as_bytes())
        .filter(|(key, _)| key.starts_with("payment_method_types"))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        methods,
        ["payment_method_types[0]=card", "payment_method_types[1]=fpx", "payment_method_types[2]=promptpay"]
    );
}

fn encode_refund(draft: &RefundDraft) -> String {
    gateway("http://127.0.0.1:1", Arc::default()).encode_refund(draft)
}

fn refund_parameters(draft: &RefundDraft) -> Vec<(String, String)> {
    form_urlencoded::parse(encode_refund(draft).as_bytes()).into_owned().collect()
}

#[test]
fn every_parameter_of_a_refund() {
    let expected = [
        ("payment_intent", "pi_1"),
        ("amount", "250000"),
        ("metadata[sekali_refund]", "00000000-0000-0000-0000-000000000004"),
        ("metadata[sekali_installation]", "00000000-0000-0000-0000-000000000003"),
    ];
    let expected: Vec<_> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(refund_parameters(&refund_draft(250_000, "PHP")), expected);
    let same = || encode_refund(&refund_draft(250_000, "PHP"));
    assert_eq!(same(), same());
}

#[test]
fn refunds_are_in_stripes_units() {
    for (minor, code, given) in [(5000, "JPY", "5000"), (5, "UGX", "500"), (5120, "KWD", "5120")] {
        assert_eq!(refund_parameters(&refund_draft(minor, code))[1].1, given, "{code}");
    }
    let odd = &refund_parameters(&refund_draft(5124, "KWD"))[1].1;
    assert!(odd.parse::<i64>().is_err(), "{odd} fils would be given back");
}
