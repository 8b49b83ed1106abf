//! The look of the pages on the way to pay: words for a patient, no script, nothing from elsewhere.

use super::language::Language;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The mood of a page: shown as its colour, and said by its words.
#[derive(Clone, Copy)]
pub(super) enum Mood {
    /// All is well.
    Good,
    /// Something is still going on.
    Waiting,
    /// Nothing was paid.
    Neutral,
}

/// A page.
pub(super) struct Page {
    /// The heading.
    pub title: String,
    /// How it looks.
    pub mood: Mood,
    /// What it says.
    pub body: Markup,
    /// Loads itself again after so many seconds.
    pub refresh: Option<u32>,
    /// HTTP status.
    pub status: StatusCode,
}

impl Page {
    /// The answer: never cached, never telling another site where the patient comes from.
    /// `test`: stamped as one that moves no money.
    pub(super) fn respond(self, language: Language, test: bool) -> Response {
        let class = match self.mood {
            Mood::Good => "card good",
            Mood::Waiting => "card waiting",
            Mood::Neutral => "card neutral",
        };
        let markup = html! {
            (DOCTYPE)
            html lang=(language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if let Some(seconds) = self.refresh { meta http-equiv="refresh" content=(seconds); }
                    title { (self.title) " · Sekali" }
                    link rel="stylesheet" href="/pages/sekali.css";
                }
                body {
                    @if test { p class="test" { strong { "TEST" } " · " (language.pick("bukan uang sungguhan", "no real money")) } }
                    main class=(class) {
                        h1 { (self.title) }
                        (self.body)
                    }
                }
            }
        };
        let mut response = (self.status, markup.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}

/// Their style sheet.
pub(super) async fn stylesheet() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")],
        include_str!("page.css"),
    )
}
