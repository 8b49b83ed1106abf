//! Every route of the service, with what guards it: the table that the attacks below go through.

use std::collections::BTreeSet;

/// What lets somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A token whose user and role may do it.
    Token,
    /// The payment's capability, in its address or its cookie.
    Capability,
    /// A signed link to the invoice.
    InvoiceLink,
    /// Stripe's signature.
    Signature,
    /// An operator's session in the console.
    Session,
    /// Nothing but our own page: it is where a session begins and ends.
    Door,
    /// Nothing: it shows nothing of anybody's.
    Nothing,
}
use Guard::{Capability, Door, InvoiceLink, Nothing, Session, Signature, Token};

/// A route that is not here fails the test below: whoever adds one has to say what guards it.
pub(crate) const ROUTES: &[(&str, &str, Guard)] = &[
    ("POST", "/api/v1/payments", Token),
    ("GET", "/api/v1/payments", Token),
    ("GET", "/api/v1/payments/{id}", Token),
    ("POST", "/api/v1/payments/{id}/cancel", Token),
    ("POST", "/api/v1/payments/{id}/refunds", Token),
    ("GET", "/api/v1/payments/{id}/refunds", Token),
    ("GET", "/api/v1/payments/{id}/timeline", Token),
    ("GET", "/api/v1/payments/{id}/invoice", Token),
    ("GET", "/api/v1/payments/{id}/invoice.pdf", Token),
    ("GET", "/api/v1/cases", Token),
    ("PUT", "/api/v1/consultations/{id}", Token),
    ("GET", "/payment/{id}/process", Capability),
    ("GET", "/payment/{id}/callback", Capability),
    ("GET", "/payment/{id}/invoice", InvoiceLink),
    ("GET", "/payment/{id}/invoice.pdf", InvoiceLink),
    ("POST", "/webhooks/stripe", Signature),
    ("GET", "/console/api/session", Session),
    ("POST", "/console/api/session", Door),
    ("DELETE", "/console/api/session", Door),
    ("GET", "/console/api/payments", Session),
    ("GET", "/console/api/payments/export.csv", Session),
    ("GET", "/console/api/payments/export.json", Session),
    ("GET", "/console/api/payments/{id}", Session),
    ("GET", "/console/api/payments/{id}/timeline", Session),
    ("GET", "/console/api/payments/{id}/invoice", Session),
    ("GET", "/console/api/payments/{id}/invoice.pdf", Session),
    ("POST", "/console/api/payments/{id}/refund", Session),
    ("POST", "/console/api/payments/{id}/cancel", Session),
    ("POST", "/console/api/payments/{id}/reconcile", Session),
    ("POST", "/console/api/events/{id}/replay", Session),
    ("GET", "/console/api/health", Session),
    ("GET", "/console/api/live", Session),
    ("GET", "/console", Nothing),
    ("GET", "/console/", Nothing),
    ("GET", "/console/{*path}", Nothing),
    ("GET", "/problems/{name}", Nothing),
    ("GET", "/", Nothing),
    ("GET", "/assets/{*path}", Nothing),
    ("GET", "/docs", Nothing),
    ("GET", "/pages/sekali.css", Nothing),
    ("GET", "/pages/live.js", Nothing),
    ("GET", "/pages/reference.css", Nothing),
    ("GET", "/pages/reference.js", Nothing),
    ("GET", "/openapi.json", Nothing),
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", Nothing),
    ("POST", "/demo/consultation", Nothing),
    ("GET", "/demo/consultations/{id}", Nothing),
    ("GET", "/demo/consultations/{id}/qr.svg", Nothing),
    ("POST", "/demo/runs", Nothing),
    ("GET", "/demo/runs/{id}", Nothing),
    ("GET", "/demo/progress", Nothing),
    ("POST", "/demo/sandbox", Nothing),
    ("GET", "/demo/traces/{run}", Nothing),
    ("GET", "/demo/books/{id}", Nothing),
];

/// Those with this guard, about this payment; a consultation has the payment's number here as well.
pub(crate) fn guarded_by(guard: Guard, id: &str) -> Vec<(&'static str, String)> {
    let rows = ROUTES.iter().filter(|row| row.2 == guard);
    rows.map(|(method, path, _)| (*method, path.replace("{id}", id).replace("{name}", "not-found"))).collect()
}

/// The router's own source.
const SOURCES: [&str; 3] = [
    include_str!("../../src/http/mod.rs"),
    include_str!("../../src/http/health.rs"),
    include_str!("../../src/http/console.rs"),
];
/// What opens more routes than `.route` does; the simulator's stand under its own name and show play money.
const NESTED: &str = r#"nest_service("/stripe-simulator", simulator)"#;

/// The calls `.route("path", get(…).post(…))` of a source, one by one.
fn routes_of(source: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for call in source.split(".route(").skip(1) {
        let path = call.split('"').nth(1).unwrap();
        let handlers = up_to_its_end(call.split_once(&format!("\"{path}\"")).unwrap().1);
        for method in ["get", "post", "put", "delete", "patch", "head", "options", "any"] {
            let opened = format!("{method}(");
            let starts = handlers.match_indices(&opened).filter(|(at, _)| {
                !handlers[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            });
            if starts.count() > 0 {
                found.insert((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    found
}

/// Up to the parenthesis that closes the call.
fn up_to_its_end(text: &str) -> &str {
    let mut depth = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    panic!("a call that does not end: {text:.100}");
}

#[test]
fn the_table_has_every_route_of_the_router() {
    let routed: BTreeSet<_> = SOURCES.iter().flat_map(|source| routes_of(source)).collect();
    let listed = ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(routed, listed.collect());
    let all = SOURCES.concat();
    for opens in ["nest(", "nest_service(", "route_service(", "fallback_service("] {
        let expected = usize::from(NESTED.starts_with(opens));
        assert_eq!(all.matches(opens).count(), expected, "{opens} opens routes that the table cannot name");
    }
    assert!(all.contains(NESTED));
}

#[test]
fn the_reading_of_the_source_finds_what_is_there() {
    let source = r#".route("/a", get(a::get_it).post(b)) .route(
        "/b/{id}",
        put(async || Json(f(1))),
    ).route("/c", delete(x))"#;
    let found: Vec<_> =
        routes_of(source).into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(found, ["DELETE /c", "GET /a", "POST /a", "PUT /b/{id}"]);
}
