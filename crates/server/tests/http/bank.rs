//! Payments that a bank takes its time for.

use crate::support::client::Request;
use crate::support::stripe::{Opened, visit, way};
use crate::support::{Backend, Site, body, eventually};
use serde_json::{Value, json};

/// At Stripe, and confirmed with a bank account; the site too.
async fn submitted() -> (Site, Opened) {
    let more = [("SEKALI_PAYMENT_METHODS", "card,us_bank_account")];
    let site = Site::with(Backend::SqliteMemory, &more).await;
    site.consultation(5, 1, "50.00", "USD").await;
    let pressed = press(&site, "k").send().await;
    let opened = Opened::of(&pressed, site.process(&way(&pressed)).await);
    let account = json!({ "bank_account": "000123456789" });
    let answer = site.at_stripe(&format!("sessions/{}/pay", opened.session), account).await;
    assert_eq!(answer["outcome"], "processing");
    eventually("it is submitted", async || {
        site.record_of(opened.payment).await.last().is_some_and(|kind| kind == "submitted")
    })
    .await;
    (site, opened)
}

fn press(site: &Site, key: &str) -> Request {
    site.pay(1).header("X-Idempotency-Key", key).json(body(5, "50.00"))
}

async fn bank_answers(site: &Site, opened: &Opened, outcome: &str) {
    site.at_stripe(&format!("sessions/{}/bank", opened.session), json!({ "outcome": outcome })).await;
}

#[tokio::test]
async fn while_the_bank_works_nobody_pays_twice() {
    let (site, opened) = submitted().await;
    let read = site.payment(1, opened.payment).await;
    assert_eq!(
        (&read["payment"]["status"], &read["invoice"]["status"]),
        (&json!("processing"), &json!("pending"))
    );
    assert_eq!(read.get("checkout_url"), None, "it is confirmed: there is no way to pay it");
    for key in ["k", "another"] {
        let data = press(&site, key).send().await.duplicate_of(opened.payment, "processing");
        assert_eq!(data.get("checkout_url"), None);
    }
    let old = visit(&opened.way).await;
    let callback = format!("/payment/{}/callback", opened.payment);
    assert_eq!((old.status, old.header("location")), (303, Some(callback.as_str())));
    let page = opened.come_back().await;
    assert!(page.text().contains("Pembayaran sedang dikonfirmasi"), "{}", page.text());
    let path = format!("/api/v1/payments/{}/cancel", opened.payment);
    let refused = site.post(&path).bearer(&site.patient(1)).header("Accept-Language", "en").send().await;
    let told = refused.problem(409, "not-cancellable");
    assert_eq!(told["message"], "This payment was confirmed, and the bank is working on it.");

    bank_answers(&site, &opened, "succeeded").await;
    site.until_status(opened.payment, "completed").await;
    assert_eq!(site.payment(1, opened.payment).await["invoice"]["status"], "paid");
    assert!(opened.come_back().await.text().contains("Pembayaran berhasil"));
    assert_eq!(site.count("captures").await, 1);
}

#[tokio::test]
async fn a_bank_that_does_not_pay() {
    let (site, opened) = submitted().await;
    bank_answers(&site, &opened, "failed").await;
    site.until_status(opened.payment, "failed").await;
    let read = site.payment(1, opened.payment).await;
    assert_eq!(read["invoice"]["status"], "void");
    let data = press(&site, "k").send().await.duplicate_of(opened.payment, "failed");
    assert_eq!(data.get("checkout_url"), None);
    assert!(opened.come_back().await.text().contains("Pembayaran ini tidak dilanjutkan"));
    let path = format!("/api/v1/payments/{}/timeline", opened.payment);
    let story = site.get(&path).bearer(&site.patient(1)).header("Accept-Language", "en").send().await.json();
    let told: Vec<&Value> = story["data"].as_array().unwrap().iter().map(|moment| &moment["text"]).collect();
    let end = &told[told.len() - 2..];
    assert_eq!(end[0], "The patient has confirmed; the bank is working on the payment.");
    assert_eq!(
        end[1],
        "The bank did not pay; nothing was charged (failed). The consultation can be paid again."
    );
    assert_eq!(press(&site, "fresh").send().await.status, 201);
}

/// Its refunds take their time as well.
#[tokio::test]
async fn refunded_to_a_bank() {
    let (site, opened) = submitted().await;
    bank_answers(&site, &opened, "succeeded").await;
    site.until_status(opened.payment, "completed").await;
    let made = site.refund(opened.payment, "r", &json!({})).send().await;
    assert_eq!((made.status, &made.json()["data"]["refund"]["status"]), (201, &json!("pending")));
    site.at_stripe("clock", json!({ "advance": 60 })).await;
    site.until_status(opened.payment, "refunded").await;
}
