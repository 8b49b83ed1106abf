//! The timeline of what happens to money after it came: refunds of every kind, disputes, money not awaited.

use crate::support::stripe::{GOOD, Opened};
use crate::support::{Backend, Site, eventually};
use serde_json::json;

async fn story(site: &Site, payment: i64, language: &str) -> Vec<String> {
    let path = format!("/api/v1/payments/{payment}/timeline");
    let answer = site.get(&path).bearer(&site.patient(1)).header("Accept-Language", language).send().await;
    let data = answer.json()["data"].as_array().unwrap().clone();
    data.iter().map(|moment| moment["text"].as_str().unwrap().to_owned()).collect()
}

/// The last moments, once there are so many of this kind.
async fn ends(site: &Site, opened: &Opened, kind: &str, count: usize, expected: &[(&str, &str)]) {
    eventually(&format!("{kind} is recorded {count} times"), async || {
        let record = site.record_of(opened.payment).await;
        record.iter().filter(|known| *known == kind).count() == count
    })
    .await;
    for (language, pick) in [("id", 0), ("en", 1)] {
        let told = story(site, opened.payment, language).await;
        let wanted: Vec<&str> = expected.iter().map(|(id, en)| if pick == 0 { *id } else { *en }).collect();
        assert_eq!(told[told.len() - wanted.len()..], wanted);
    }
}

#[tokio::test]
async fn refunds_in_the_dashboard_and_disputes() {
    let site = Site::new().await;
    let paid = site.completed(1, 5, GOOD).await;
    let charge = site.charge_of(&paid.session).await;
    site.at_stripe(&format!("charges/{charge}/refund"), json!({ "amount": 100_000 })).await;
    let expected = [
        (
            "Pengembalian PHP 1.000,00 dibuat di dasbor Stripe.",
            "A refund of PHP 1.000,00 was made in Stripe's dashboard.",
        ),
        (
            "PHP 1.000,00 dikembalikan; seluruhnya sudah kembali PHP 1.000,00.",
            "PHP 1.000,00 was refunded; PHP 1.000,00 is back in all.",
        ),
    ];
    ends(&site, &paid, "refund_succeeded", 1, &expected).await;

    let dispute = site.at_stripe(&format!("charges/{charge}/dispute"), json!({})).await;
    let opened = [("Bank pembayar membuka sengketa.", "The payer's bank has opened a dispute.")];
    ends(&site, &paid, "disputed", 1, &opened).await;
    let path = format!("disputes/{}", dispute["id"].as_str().unwrap());
    site.at_stripe(&format!("{path}/review"), json!({})).await;
    let review = [("Bank memeriksa sengketa ini.", "The bank is looking into the dispute.")];
    ends(&site, &paid, "disputed", 2, &review).await;
    site.at_stripe(&format!("{path}/close"), json!({ "status": "won" })).await;
    let won = [("Sengketa dimenangkan oleh klinik.", "The dispute was decided for the clinic.")];
    ends(&site, &paid, "disputed", 3, &won).await;
}

#[tokio::test]
async fn refunds_that_take_their_time_and_that_come_back() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RECONCILE_INTERVAL", "1")]).await;
    let later = site.completed(1, 5, "4000000000007726").await;
    assert_eq!(site.refund(later.payment, "a", &json!({})).send().await.status, 201);
    let working = [(
        "Pengembalian PHP 5.000,00 sedang diproses oleh bank.",
        "The bank is working on the refund of PHP 5.000,00.",
    )];
    ends(&site, &later, "refund_pending", 1, &working).await;

    let bounced = site.completed(1, 6, "4000000000005126").await;
    assert_eq!(site.refund(bounced.payment, "b", &json!({})).send().await.status, 201);
    site.at_stripe("clock", json!({ "advance": 60 })).await;
    let again = [
        (
            "Pengembalian PHP 5.000,00 dipulangkan oleh bank; petugas menanganinya.",
            "The refund of PHP 5.000,00 was sent back by the bank; an operator looks into it.",
        ),
        (
            "Pengembalian PHP 5.000,00 dimulai secara otomatis.",
            "A refund of PHP 5.000,00 was started automatically.",
        ),
        (
            "PHP 5.000,00 dikembalikan; seluruhnya sudah kembali PHP 5.000,00.",
            "PHP 5.000,00 was refunded; PHP 5.000,00 is back in all.",
        ),
    ];
    ends(&site, &bounced, "refund_succeeded", 2, &again).await;
}

#[tokio::test]
async fn money_that_was_not_awaited() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RECONCILE_INTERVAL", "1")]).await;
    site.pesos(5, 1).await;
    let old = site.opened(1, 5, "k").await;
    let path = format!("/api/v1/payments/{}/cancel", old.payment);
    assert_eq!(site.post(&path).bearer(&site.patient(1)).send().await.status, 200);
    let order = json!({ "card": GOOD, "force": true });
    site.at_stripe(&format!("sessions/{}/pay", old.session), order).await;
    let expected = [
        (
            "Masuk PHP 5.000,00 yang tidak ditunggu; dana itu dikembalikan sekali.",
            "PHP 5.000,00 came that was not awaited; it is given back, once.",
        ),
        (
            "Pengembalian PHP 5.000,00 dimulai secara otomatis.",
            "A refund of PHP 5.000,00 was started automatically.",
        ),
        (
            "PHP 5.000,00 yang tidak ditunggu sudah dikembalikan.",
            "PHP 5.000,00 that was not awaited has gone back.",
        ),
    ];
    ends(&site, &old, "refund_succeeded", 1, &expected).await;
}
