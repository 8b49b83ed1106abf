//! What becomes of a refund after it was made, and refunds that were made elsewhere.

use crate::support::stripe::{DECLINED, GOOD};
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};

/// Refunds to it are pending for a minute.
const REFUNDED_LATER: &str = "4000000000007726";
/// Refunds to it come back after a minute.
const BOUNCING: &str = "4000000000005126";
/// Payments of it are disputed at once.
const DISPUTED: &str = "4000000000000259";

/// It is asked often, and asks Stripe often.
async fn polled_site() -> Site {
    let more = [("SEKALI_RATE_LIMIT", "0"), ("SEKALI_RECONCILE_INTERVAL", "1")];
    Site::with(Backend::SqliteMemory, &more).await
}

async fn refunds(site: &Site, payment: i64) -> Vec<Value> {
    let path = format!("/api/v1/payments/{payment}/refunds");
    let answer = site.get(&path).bearer(&site.admin()).send().await;
    answer.json()["data"].as_array().unwrap().clone()
}

/// Each refund's status and origin.
async fn fates(site: &Site, payment: i64) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    refunds(site, payment).await.iter().map(|row| (text(&row["status"]), text(&row["origin"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(status, origin)| ((*status).to_owned(), (*origin).to_owned())).collect()
}

#[tokio::test]
async fn a_refund_that_the_bank_works_on() {
    let site = polled_site().await;
    let payment = site.completed(1, 5, REFUNDED_LATER).await.payment;
    let made = site.refund(payment, "k", &json!({})).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    let data = made.json()["data"].clone();
    assert_eq!(
        (&data["refund"]["status"], &data["payment"]["status"]),
        (&json!("pending"), &json!("completed"))
    );
    assert_eq!(data["payment"].get("refunded_amount"), None, "only what is back for certain counts");
    site.refund(payment, "l", &json!({ "amount": 1 })).send().await.problem(409, "not-refundable");

    site.at_stripe("clock", json!({ "advance": 60 })).await;
    site.until_status(payment, "refunded").await;
    assert_eq!(fates(&site, payment).await, pairs(&[("succeeded", "operator")]));
    // The key tells how it stands now.
    let again = site.refund(payment, "k", &json!({})).send().await;
    assert_eq!((again.status, &again.json()["data"]["refund"]["status"]), (200, &json!("succeeded")));
    assert_eq!(again.json()["data"]["payment"]["refunded_amount"], "5000.00");
}

#[tokio::test]
async fn a_refund_that_comes_back_is_made_once_more_and_shown() {
    let site = polled_site().await;
    let payment = site.completed(1, 5, BOUNCING).await.payment;
    let made = site.refund(payment, "k", &json!({})).send().await;
    assert_eq!(made.json()["data"]["payment"]["status"], "refunded", "{}", made.text());
    site.at_stripe("clock", json!({ "advance": 60 })).await;
    let expected = pairs(&[("failed", "operator"), ("succeeded", "automatic")]);
    eventually("the refund is made again", async || fates(&site, payment).await == expected).await;
    let first = &refunds(&site, payment).await[0];
    assert_eq!(first["failure_reason"], "expired_or_canceled_card");
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "refunded", "a terminal state stays");
    let again = site.refund(payment, "k", &json!({})).send().await;
    assert_eq!((again.status, &again.json()["data"]["refund"]["status"]), (200, &json!("failed")));

    // The second one bounces as well: that is the operator's.
    site.at_stripe("clock", json!({ "advance": 60 })).await;
    let expected = pairs(&[("failed", "operator"), ("failed", "automatic")]);
    eventually("it bounces again", async || fates(&site, payment).await == expected).await;
    let cases = site.get("/api/v1/cases").bearer(&site.admin()).send().await.json();
    let open: Vec<_> = cases["data"].as_array().unwrap().iter().map(|case| &case["kind"]).collect();
    assert!(open.contains(&&json!("refund_bounced")), "{cases}");
    assert!(cases["data"].as_array().unwrap().iter().all(|case| case["payment_id"] == payment));
}

#[tokio::test]
async fn refunds_made_in_stripes_dashboard_are_recorded() {
    let site = polled_site().await;
    let paid = site.completed(1, 5, GOOD).await;
    let charge = site.charge_of(&paid.session).await;
    site.at_stripe(&format!("charges/{charge}/refund"), json!({ "amount": 100_000 })).await;
    let expected = pairs(&[("succeeded", "dashboard")]);
    eventually("it is recorded", async || fates(&site, paid.payment).await == expected).await;
    let read = site.payment(1, paid.payment).await;
    assert_eq!(
        (&read["payment"]["status"], &read["payment"]["refunded_amount"]),
        (&json!("completed"), &json!("1000.00"))
    );
    let too_much = site.refund(paid.payment, "k", &json!({ "amount": 4001 })).send().await;
    assert!(too_much.failed_fields(&["amount"])["message"].as_str().unwrap().contains("PHP 4.000,00"));
    site.at_stripe(&format!("charges/{charge}/refund"), json!({})).await;
    site.until_status(paid.payment, "refunded").await;
    assert_eq!(site.payment(1, paid.payment).await["invoice"]["status"], "refunded");
}

/// Stripe refuses while a dispute is open; the same key gets the same answer.
#[tokio::test]
async fn a_dispute_is_shown_and_what_stripe_refuses_is_said() {
    let site = polled_site().await;
    let paid = site.completed(1, 5, DISPUTED).await;
    let dispute = async || site.payment(1, paid.payment).await["payment"]["dispute"].clone();
    eventually("the dispute is shown", async || dispute().await == "needs_response").await;
    assert_eq!(site.payment(1, paid.payment).await["payment"]["status"], "completed");
    for _ in 0..2 {
        let request = site.refund(paid.payment, "k", &json!({})).header("Accept-Language", "en");
        let body = request.send().await.problem(409, "not-refundable");
        let said = body["message"].as_str().unwrap();
        assert!(said.starts_with("Stripe refused it: ") && said.contains("charged back"), "{said}");
    }
    assert_eq!(fates(&site, paid.payment).await, pairs(&[("failed", "operator")]));

    let name = site.ask_stripe("disputes").await["data"][0]["id"].as_str().unwrap().to_owned();
    site.at_stripe(&format!("disputes/{name}/review"), json!({})).await;
    eventually("the bank looks at it", async || dispute().await == "under_review").await;
    site.at_stripe(&format!("disputes/{name}/close"), json!({ "status": "lost" })).await;
    eventually("it is lost", async || dispute().await == "lost").await;
}

/// Nobody knows yet: 202, and the same key again finds out no less.
#[tokio::test]
async fn while_stripe_does_not_answer_it_is_only_asked_for() {
    let site = polled_site().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let fault = json!({ "kind": "server_error", "method": "POST", "path": "/v1/refunds" });
    let fault = site.at_stripe("faults", fault).await["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let asked = site.refund(payment, "k", &json!({ "amount": 1000 })).send().await;
        assert_eq!(asked.status, 202, "{}", asked.text());
        assert_eq!(asked.json()["data"]["refund"]["status"], "requested");
    }
    let path = format!("/stripe-simulator/simulator/faults/{fault}");
    assert_eq!(site.request("DELETE", &path).send().await.status, 200);
    let expected = pairs(&[("succeeded", "operator")]);
    eventually("the reconciler sends it again", async || fates(&site, payment).await == expected).await;
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 100_000 }));
}

#[tokio::test]
async fn a_declined_card_and_then_a_good_one_on_the_same_page() {
    let site = polled_site().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let path = format!("sessions/{}/pay", opened.session);
    assert_eq!(site.try_at_stripe(&path, json!({ "card": DECLINED })).await.status, 402);
    eventually("the decline is recorded", async || {
        site.record_of(opened.payment).await.last().is_some_and(|kind| kind == "card_declined")
    })
    .await;
    let read = site.payment(1, opened.payment).await;
    assert_eq!(
        (&read["payment"]["status"], &read["checkout_url"]),
        (&json!("processing"), &json!(opened.way))
    );
    assert_eq!(site.process(&opened.way).await, opened.page, "the same session goes on");
    site.at_stripe(&path, json!({ "card": GOOD })).await;
    site.until_status(opened.payment, "completed").await;
    assert_eq!(site.stripe_totals().await["sessions"], json!({ "complete": 1 }));
    assert_eq!(site.count("captures").await, 1);
}
