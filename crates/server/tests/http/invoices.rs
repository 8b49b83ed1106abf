//! The invoice as HTML and as PDF: for the payer, for operators, and by a link for a while.

use crate::on_every_backend;
use crate::support::client::Answer;
use crate::support::stripe::{GOOD, visit};
use crate::support::{Backend, Site};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

on_every_backend!(stamped_by_its_status,);

const SELLER: &[(&str, &str)] = &[
    ("SEKALI_SELLER_NAME", "Klinik <Sehat> & Co"),
    ("SEKALI_SELLER_ADDRESS", "Jl. Merdeka 1|Jakarta 10110"),
    ("SEKALI_SELLER_TAX_ID", "01.234.567.8-901.000"),
    ("SEKALI_SELLER_EMAIL", "billing@example.org"),
];

async fn invoice(site: &Site, payment: i64, rest: &str, headers: &[(&str, &str)]) -> Answer {
    let request = site.get(&format!("/api/v1/payments/{payment}/{rest}")).bearer(&site.patient(1));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await;
    assert_eq!(answer.status, 200, "{rest} {headers:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    answer
}

#[track_caller]
fn is_html(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    for word in words {
        assert!(answer.text().contains(word), "{word} is missing: {}", answer.text());
    }
}

#[track_caller]
fn is_pdf(answer: &Answer, number: &str) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/pdf"));
    assert_eq!(
        answer.header("content-disposition"),
        Some(format!("inline; filename=\"{number}.pdf\"").as_str())
    );
    assert!(answer.body.starts_with(b"%PDF-") && answer.body.len() > 5000, "{} bytes", answer.body.len());
    assert!(answer.body.trim_ascii_end().ends_with(b"%%EOF"));
}

async fn number(site: &Site, payment: i64) -> String {
    site.payment(1, payment).await["invoice"]["invoice_number"].as_str().unwrap().to_owned()
}

async fn stamped_by_its_status(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let stamp = async |id: &str, en: &str| {
        is_html(&invoice(&site, opened.payment, "invoice", &[]).await, &[id]);
        is_html(&invoice(&site, opened.payment, "invoice?lang=en", &[]).await, &[en]);
        let pdf = invoice(&site, opened.payment, "invoice.pdf", &[]).await;
        is_pdf(&pdf, &number(&site, opened.payment).await);
    };
    stamp(">MENUNGGU PEMBAYARAN<", ">PENDING<").await;
    site.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    site.until_status(opened.payment, "completed").await;
    stamp(">LUNAS<", ">PAID<").await;
    assert_eq!(site.refund(opened.payment, "a", &json!({ "amount": 1000 })).send().await.status, 201);
    stamp(">SEBAGIAN DIKEMBALIKAN<", ">PARTLY REFUNDED<").await;
    assert_eq!(site.refund(opened.payment, "b", &json!({})).send().await.status, 201);
    stamp(">DIKEMBALIKAN<", ">REFUNDED<").await;

    let (cancelled, _) = site.paid_for(1, 5, "fresh").await;
    let path = format!("/api/v1/payments/{cancelled}/cancel");
    assert_eq!(site.post(&path).bearer(&site.patient(1)).send().await.status, 200);
    is_html(&invoice(&site, cancelled, "invoice", &[]).await, &[">BATAL<"]);
}

#[tokio::test]
async fn what_stands_on_it() {
    let site = Site::with(Backend::SqliteMemory, SELLER).await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let number = number(&site, payment).await;
    let page = invoice(&site, payment, "invoice", &[("Accept-Language", "en")]).await;
    is_html(
        &page,
        &[
            "lang=\"en\"",
            &number,
            "Klinik &lt;Sehat&gt; &amp; Co",
            "Jl. Merdeka 1",
            "Jakarta 10110",
            "01.234.567.8-901.000",
            "billing@example.org",
            "15 January 2024",
            "TEST",
            "VAT",
            "12",
            "PPh",
        ],
    );
    assert!(!page.text().contains("<script"), "{}", page.text());
    // The page's policy lets its own style sheet in, and nothing else.
    let (_, rest) = page.text().split_once("<style>").unwrap();
    let style = rest.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = page.header("content-security-policy").unwrap();
    assert_eq!(
        policy,
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'")
    );
    assert_eq!(page.header("vary").unwrap(), "Accept, Accept-Language");
}

#[tokio::test]
async fn its_language_and_its_form_are_the_readers() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    for (rest, language, word) in [
        ("invoice", "", "Faktur"),
        ("invoice", "fr", "Faktur"),
        ("invoice", "en-US,en;q=0.9,id;q=0.8", "Invoice"),
        ("invoice?lang=id", "en", "Faktur"),
        ("invoice?lang=en", "id", "Invoice"),
        ("invoice?lang=xx", "en", "Invoice"),
    ] {
        let page = invoice(&site, payment, rest, &[("Accept-Language", language)]).await;
        is_html(&page, &[&format!("<h1>{word} ")]);
    }
    let number = number(&site, payment).await;
    for (accept, pdf) in [
        ("application/pdf", true),
        ("Application/PDF;q=1.0, text/html", true),
        ("text/html,application/xhtml+xml,application/pdf;q=0.9", false),
        ("*/*", false),
        ("", false),
    ] {
        let answer = invoice(&site, payment, "invoice", &[("Accept", accept)]).await;
        if pdf { is_pdf(&answer, &number) } else { is_html(&answer, &["LUNAS"]) }
    }
    is_pdf(&invoice(&site, payment, "invoice.pdf", &[("Accept", "text/html")]).await, &number);
    let indonesian = invoice(&site, payment, "invoice.pdf", &[]).await.body;
    let english = invoice(&site, payment, "invoice.pdf?lang=en", &[]).await.body;
    assert_ne!(indonesian, english);
    let again = invoice(&site, payment, "invoice.pdf", &[]).await.body;
    assert_eq!(indonesian, again, "the same invoice is the same file");
}

/// The addresses on the page that shows that it is paid.
fn links(page: &Answer) -> Vec<String> {
    let parts = page.text().split("href=\"").skip(1);
    let all = parts.map(|part| part.split_once('"').unwrap().0.replace("&amp;", "&"));
    all.filter(|address| address.contains("/invoice")).collect()
}

#[tokio::test]
async fn by_the_link_on_the_page_for_an_hour() {
    let site = Site::new().await;
    let paid = site.completed(1, 5, GOOD).await;
    let other = site.completed(2, 6, GOOD).await;
    let way = paid.way.split_once("token=").unwrap().1;
    assert_eq!(links(&visit(&paid.callback()).await), [""; 0], "an address can be handed on");
    let cookie = format!("sekali_payment_{}={way}", paid.payment);
    let page =
        site.get(&format!("/payment/{}/callback", paid.payment)).header("Cookie", &cookie).send().await;
    let found = links(&page);
    assert_eq!(found.len(), 2, "{}", page.text());
    let open = |path: &str| site.get(path).send();
    is_html(&open(&found[0]).await, &["LUNAS"]);
    is_html(&site.get(&found[0]).header("Accept-Language", "en").send().await, &["PAID"]);
    is_pdf(&open(&found[1]).await, &number(&site, paid.payment).await);

    let token = found[0].split_once("token=").unwrap().1;
    let (until, signature) = token.split_once('.').unwrap();
    let longer = until.parse::<i64>().unwrap() + 3600;
    let id = paid.payment;
    for stranger in [
        format!("/payment/{id}/invoice"),
        format!("/payment/{id}/invoice?token="),
        format!("/payment/{id}/invoice?token={way}"),
        format!("/payment/{id}/invoice?token={longer}.{signature}"),
        format!("/payment/{id}/invoice.pdf?token={until}."),
        format!("/payment/{}/invoice?token={token}", other.payment),
        format!("/payment/{}/invoice.pdf?token={token}", other.payment),
        format!("/payment/999/invoice?token={token}"),
        format!("/payment/x/invoice?token={token}"),
    ] {
        let answer = open(&stranger).await;
        assert_eq!(answer.status, 403, "{stranger}");
        assert!(answer.text().contains("Tautan ini tidak berlaku di sini"));
        assert!(!answer.text().contains("INV-") && !answer.text().contains("5000"));
    }
    // It is no right to pay, and a session's name gives none to the invoice.
    assert_eq!(open(&format!("/payment/{id}/process?token={token}")).await.status, 403);
    let named = open(&format!("/payment/{id}/callback?session_id={}", paid.session)).await;
    assert!(named.text().contains("Pembayaran berhasil") && links(&named).is_empty(), "{}", named.text());

    site.clock.advance(Duration::from_secs(3599));
    assert_eq!(open(&found[0]).await.status, 200);
    site.clock.advance(Duration::from_secs(1));
    for path in &found {
        assert_eq!(open(path).await.status, 403, "an hour is over");
    }
    let logs = site.logs.text();
    assert!(!logs.contains(token) && !logs.contains(way), "no address is logged");
}
