//! `GET /docs`: the API's reference, made from the OpenAPI document. It is read without scripts, and loads nothing from
//! elsewhere.

mod example;
mod operation;
mod schema;

use super::fixed::Fixed;
use super::openapi;
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};
use maud::{DOCTYPE, Markup, html};
use operation::Operation;
use serde_json::Value;
use std::sync::LazyLock;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The page. It never changes while the program runs.
pub(super) async fn docs(asked: HeaderMap) -> Response {
    static PAGE: LazyLock<Fixed> = LazyLock::new(|| {
        let document = serde_json::to_value(openapi::document()).unwrap_or_default();
        Fixed::of_text(&page(&document).into_string())
    });
    let mut response = PAGE.answer(&asked, "text/html; charset=utf-8", "no-cache");
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn page(document: &Value) -> Markup {
    let operations = Operation::all(document);
    let info = &document["info"];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "API reference · Sekali" }
                link rel="stylesheet" href="/pages/sekali.css";
                link rel="stylesheet" href="/pages/reference.css";
                script src="/pages/reference.js" defer {}
            }
            body.reference {
                header {
                    h1 { (text(&info["title"])) ": API reference" }
                    p { (prose(text(&info["description"]))) }
                    p { "Version " (text(&info["version"])) " · " a href="/openapi.json" { "the OpenAPI document" } }
                }
                nav aria-label="Operations" { (contents(&operations)) }
                main {
                    (before(document))
                    @for operation in &operations { (operation.show()) }
                    (schema::all(document))
                }
            }
        }
    }
}

fn contents(operations: &[Operation<'_>]) -> Markup {
    html! {
        ul {
            li { a href="#before" { "Before you begin" } }
            @for operation in operations {
                li { a href={ "#" (operation.id()) } { span.method { (operation.method) } " " code { (operation.path) } } }
            }
            li { a href="#schemas" { "Schemas" } }
        }
    }
}

fn before(document: &Value) -> Markup {
    html! {
        section #before {
            h2 { "Before you begin" }
            p { "Every call carries a token in the header " code { "Authorization: Bearer …" } ". The commands below take theirs from the shell:" }
            div.sample { pre { (text(&document["x-sample-setup"])) } }
            p { "Each error is " code { "application/problem+json" } ": " a href="#schema-ProblemBody" { "ProblemBody" } "." }
        }
    }
}

/// A string of the document; nothing where there is none.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A description: what stands in backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
