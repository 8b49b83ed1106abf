//! `GET /api/v1/cases`: money where it should not be, shown to the operator and given back once.

use crate::support::stripe::{GOOD, Opened};
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};

async fn cases(site: &Site, query: &str) -> Vec<Value> {
    let answer = site.get(&format!("/api/v1/cases{query}")).bearer(&site.admin()).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

/// Cancelled, and then paid all the same; Stripe's name of the money.
async fn paid_after_the_end(site: &Site, consultation: i64) -> (Opened, String) {
    site.pesos(consultation, 1).await;
    let old = site.opened(1, consultation, &format!("key-{consultation}")).await;
    let path = format!("/api/v1/payments/{}/cancel", old.payment);
    assert_eq!(site.post(&path).bearer(&site.patient(1)).send().await.status, 200);
    let order = json!({ "card": GOOD, "force": true });
    let paid = site.at_stripe(&format!("sessions/{}/pay", old.session), order).await;
    (old, paid["session"]["payment_intent"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn money_that_was_not_awaited_goes_back_once_and_the_operator_is_told() {
    let site =
        Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "0"), ("SEKALI_RECONCILE_INTERVAL", "1")])
            .await;
    let (old, intent) = paid_after_the_end(&site, 5).await;
    eventually("the case is closed", async || {
        cases(&site, "?state=all").await.iter().any(|case| !case["closed_at"].is_null())
    })
    .await;
    let all = cases(&site, "?state=all").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["kind"], &all[0]["object"]), (&json!("surplus"), &json!(intent)));
    assert_eq!(
        (&all[0]["payment_id"], &all[0]["opened_at"]),
        (&json!(old.payment), &json!("2024-01-15T10:30:00Z"))
    );
    let detail = all[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("5000.00 PHP came for payment") && detail.contains("cancelled"), "{detail}");
    assert_eq!(cases(&site, "").await, [Value::Null; 0]);
    assert_eq!(cases(&site, "?state=open").await, [Value::Null; 0]);

    let totals = site.stripe_totals().await;
    assert_eq!(totals["amount_refunded"], totals["amount_captured"]);
    assert_eq!(totals["refunds"], json!({ "succeeded": 1 }));
    let read = site.payment(1, old.payment).await;
    assert_eq!(read["payment"]["status"], "cancelled", "a terminal state stays");
    assert_eq!(read["payment"].get("refunded_amount"), None, "it was no part of this payment");
    site.completed_again(5).await;
}

async fn capped(cap: &str) -> Site {
    let more =
        [("SEKALI_RATE_LIMIT", "0"), ("SEKALI_RECONCILE_INTERVAL", "1"), ("SEKALI_AUTOMATIC_REFUNDS", cap)];
    Site::with(Backend::SqliteMemory, &more).await
}

#[tokio::test]
async fn above_the_cap_it_waits_for_the_operator() {
    let site = capped("1").await;
    let (first, _) = paid_after_the_end(&site, 5).await;
    let (second, _) = paid_after_the_end(&site, 6).await;
    eventually("the cap is a case as well", async || {
        cases(&site, "").await.iter().any(|case| case["kind"] == "refund_cap")
    })
    .await;
    let open = cases(&site, "").await;
    let waits: Vec<_> = open.iter().filter(|case| case["kind"] == "surplus").collect();
    assert_eq!(waits.len(), 1, "one of the two is back: {open:?}");
    assert!([json!(first.payment), json!(second.payment)].contains(&waits[0]["payment_id"]));
    assert_eq!(site.stripe_totals().await["refunds"], json!({ "succeeded": 1 }));
    eventually("the metric says so", async || {
        site.get("/metrics").send().await.text().contains("sekali_open_cases 2")
    })
    .await;
    // When the hour is over it goes on.
    site.clock.advance(std::time::Duration::from_secs(3601));
    eventually("the other one is back, too", async || {
        site.stripe_totals().await["refunds"] == json!({ "succeeded": 2 })
    })
    .await;
}

#[tokio::test]
async fn where_nothing_is_given_back_by_itself_it_is_only_shown() {
    let site = capped("0").await;
    let (old, intent) = paid_after_the_end(&site, 5).await;
    eventually("it is a case", async || cases(&site, "").await.len() == 1).await;
    let open = cases(&site, "").await;
    assert_eq!((&open[0]["kind"], &open[0]["object"]), (&json!("surplus"), &json!(intent)));
    assert_eq!((&open[0]["payment_id"], &open[0]["closed_at"]), (&json!(old.payment), &Value::Null));
    // Passes go on meanwhile: another payment is settled by one.
    site.silence_webhooks().await;
    site.completed(1, 6, GOOD).await;
    assert_eq!(site.stripe_totals().await["refunds"], json!({}));
}

#[tokio::test]
async fn bad_queries() {
    let site = Site::new().await;
    for query in ["?state=", "?state=closed", "?state=open&state=all"] {
        let answer = site.get(&format!("/api/v1/cases{query}")).bearer(&site.admin()).send().await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        answer.problem(400, "malformed-request");
    }
    assert_eq!(cases(&site, "").await, [Value::Null; 0]);
}

impl Site {
    /// The consultation can be paid as any other.
    async fn completed_again(&self, consultation: i64) {
        let opened = self.opened(1, consultation, "fresh").await;
        self.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
        self.until_status(opened.payment, "completed").await;
    }
}
