//! The "back" of Stripe's page: the payer turns round, and the payment is given up (contract, part 6).

use crate::support::Site;
use crate::support::client::{Answer, Request, split};
use crate::support::stripe::{GOOD, Opened, visit};
use serde_json::json;

/// Where "back" on Stripe's page leads, which is where Stripe was told.
async fn back_link(site: &Site, opened: &Opened) -> String {
    let session = site.ask_stripe(&format!("checkout/sessions/{}", opened.session)).await;
    let link = session["cancel_url"].as_str().unwrap().to_owned();
    let expected = format!("{}/payment/{}/callback?cancelled=", site.public_url, opened.payment);
    assert!(link.starts_with(&expected), "{link}");
    link
}

/// The cookie that the process page has set.
async fn cookie(opened: &Opened) -> String {
    let visited = visit(&opened.way).await;
    visited.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn come_back(url: &str, cookie: &str) -> Request {
    let (address, path) = split(url);
    Request::new(address, "GET", &path).header("Cookie", cookie)
}

async fn still_open(site: &Site, opened: &Opened) {
    let read = site.payment(1, opened.payment).await;
    assert_eq!(read["payment"]["status"], "processing");
    assert_eq!(read["payment"].get("cancel_requested"), None);
    assert_eq!(read["checkout_url"], opened.way.as_str());
    assert_eq!(site.stripe_totals().await["sessions"], json!({ "open": 1 }));
}

fn shows(page: &Answer, word: &str) {
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains(word), "{word}: {}", page.text());
}

#[tokio::test]
async fn the_payer_turns_back() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let (link, cookie) = (back_link(&site, &opened).await, cookie(&opened).await);
    shows(&come_back(&link, &cookie).send().await, "Pembayaran ini tidak dilanjutkan");
    let read = site.payment(1, opened.payment).await;
    assert_eq!(read["payment"]["status"], "cancelled");
    assert_eq!(read.get("checkout_url"), None);
    assert_eq!(site.stripe_totals().await["sessions"], json!({ "expired": 1 }));
    // Shown again, in the other language: the same.
    let again = come_back(&link, &cookie).header("Accept-Language", "en").send().await;
    shows(&again, "This payment has ended");
    site.paid_for(1, 5, "fresh").await;
}

#[tokio::test]
async fn nobody_else_gives_it_up() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    site.pesos(6, 2).await;
    let opened = site.opened(1, 5, "k").await;
    let link = back_link(&site, &opened).await;
    let (_, other) = site.paid_for(2, 6, "l").await;
    let others = other.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    for stranger in [visit(&link).await, come_back(&link, &others).send().await] {
        assert_eq!(stranger.status, 403, "{}", stranger.text());
    }
    // The session's name shows how it stands, and no more.
    let named = visit(&format!("{link}&session_id={}", opened.session)).await;
    shows(&named, "Belum dibayar");
    still_open(&site, &opened).await;
}

#[tokio::test]
async fn only_by_the_link_of_the_session_that_is_open() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let (link, cookie) = (back_link(&site, &opened).await, cookie(&opened).await);
    let base = link.split_once("cancelled=").unwrap().0;
    for name in ["", "1", "true", "00000000-0000-4000-8000-000000000000", &opened.session] {
        shows(&come_back(&format!("{base}cancelled={name}"), &cookie).send().await, "Belum dibayar");
    }
    for (header, value) in
        [("Sec-Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch")]
    {
        shows(&come_back(&link, &cookie).header(header, value).send().await, "Belum dibayar");
    }
    still_open(&site, &opened).await;
}

#[tokio::test]
async fn who_paid_in_another_window_has_paid() {
    let site = Site::new().await;
    site.silence_webhooks().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let (link, cookie) = (back_link(&site, &opened).await, cookie(&opened).await);
    assert_eq!(site.pay_with_card(&opened.page, GOOD).await.status, 303);
    shows(&come_back(&link, &cookie).send().await, "Pembayaran berhasil");
    assert_eq!(site.payment(1, opened.payment).await["payment"]["status"], "completed");
}
