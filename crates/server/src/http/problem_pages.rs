//! `/problems/<name>`: the page that a problem's `type` points to, from `docs/problems`.

use super::problem::{Kind, Problem};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

macro_rules! pages {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../docs/problems/", $name, ".md")))),*]
    };
}

/// One page for each kind of error.
pub(super) const PAGES: &[(&str, &str)] = pages![
    "malformed-request",
    "invalid-idempotency-key",
    "unauthorized",
    "forbidden",
    "not-found",
    "consultation-not-found",
    "payment-not-found",
    "method-not-allowed",
    "request-timeout",
    "in-flight",
    "being-paid",
    "not-cancellable",
    "not-refundable",
    "changed-meanwhile",
    "body-too-large",
    "unsupported-media-type",
    "invalid-fields",
    "key-reused",
    "rate-limited",
    "webhook-rejected",
    "internal",
    "overloaded",
    "database-unavailable",
];

/// Shows the page as the text it is.
pub(super) async fn problem_page(Path(name): Path<String>) -> Response {
    match PAGES.iter().find(|(page, _)| *page == name) {
        Some((_, text)) => {
            let headers =
                [(CONTENT_TYPE, "text/markdown; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
            (headers, *text).into_response()
        }
        None => Problem::new(Kind::NotFound).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_page() {
        let kinds: Vec<_> = Kind::all().map(Kind::name).collect();
        let pages: Vec<_> = PAGES.iter().map(|(name, _)| *name).collect();
        assert_eq!(kinds, pages);
        for ((name, text), kind) in PAGES.iter().zip(Kind::all()) {
            let status = kind.status().as_u16().to_string();
            assert!(
                text.lines().next().is_some_and(|first| first.contains(&status)),
                "{name} names its status"
            );
        }
    }
}
