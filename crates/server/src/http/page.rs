//! The look of the pages on the way to pay: words for a patient, nothing from elsewhere. All of them do without
//! scripts; one that waits for news changes in place where there are scripts, and loads itself again where not.

use super::language::Language;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use sekali_core::domain::Receipt;
use sekali_invoice::format_money;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// For a page that asks for news.
const LIVE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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
    /// What it says: read out by a screen reader when it changes.
    pub news: &'static str,
    /// What stands below.
    pub body: Markup,
    /// Asks for news after so many seconds.
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
            html lang=(language.code()) data-refresh=[self.refresh] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if let Some(seconds) = self.refresh {
                        script src="/pages/live.js" defer {}
                        noscript { meta http-equiv="refresh" content=(seconds); }
                    }
                    title { (self.title) " · Sekali" }
                    link rel="stylesheet" href="/pages/sekali.css";
                }
                body {
                    @if test { header class="test" { strong { "TEST" } " · " (language.pick("bukan uang sungguhan", "no real money")) } }
                    main class=(class) {
                        div id="news" role="status" {
                            h1 { (self.title) }
                            p { (self.news) }
                        }
                        div id="rest" { (self.body) }
                    }
                }
            }
        };
        let policy = if self.refresh.is_some() { LIVE_POLICY } else { POLICY };
        let mut response = (self.status, markup.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        if let Some(seconds) = self.refresh.filter(|_| self.status.is_server_error()) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What the patient pays and under which numbers it is known: the amount as the button shows it.
pub(super) fn facts(receipt: &Receipt, language: Language) -> Markup {
    html! {
        dl {
            dt { (language.pick("Jumlah", "Amount")) }
            dd class="amount" { (format_money(receipt.payment.amount)) }
            @if receipt.payment.refunded.minor != 0 {
                dt { (language.pick("Dikembalikan", "Refunded")) }
                dd class="amount" { (format_money(receipt.payment.refunded)) }
            }
            dt { (language.pick("Nomor faktur", "Invoice")) }
            dd { (receipt.invoice.number) }
            dt { (language.pick("Nomor pembayaran", "Payment")) }
            dd { (receipt.payment.id) }
        }
    }
}

/// For a patient on the way to pay while the service itself is in trouble.
pub(super) fn trouble(status: StatusCode, language: Language, test: bool) -> Response {
    let title =
        language.pick("Sebentar, layanan kami sedang terganggu", "One moment, our service has trouble");
    let news = language.pick(
        "Kami mencoba lagi secara otomatis. Tidak ada yang hilang, dan Anda tidak akan ditagih dua kali.",
        "We try again by ourselves. Nothing is lost, and you will not be charged twice.",
    );
    // An empty address is the page's own.
    let body = html! { a class="button" href="" { (language.pick("Coba sekarang", "Try now")) } };
    Page { title: title.into(), mood: Mood::Waiting, news, body, refresh: Some(5), status }
        .respond(language, test)
}
