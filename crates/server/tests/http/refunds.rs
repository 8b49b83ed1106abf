//! `POST` and `GET /api/v1/payments/<id>/refunds`: money goes back, and never more than came.

use crate::on_every_backend;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site};
use serde_json::{Value, json};

on_every_backend!(part_by_part, a_hundred_at_once,);

/// Status, what is refunded and the invoice's status, as the payer reads them.
async fn shown(site: &Site, payment: i64) -> (Value, Option<Value>, Value) {
    let data = site.payment(1, payment).await;
    let refunded = data["payment"].get("refunded_amount").cloned();
    (data["payment"]["status"].clone(), refunded, data["invoice"]["status"].clone())
}

/// What of the taxes is back, as the table says.
async fn taxes_back(site: &Site, payment: i64) -> Vec<Vec<String>> {
    let sql =
        format!("SELECT tax_type, tax_refunded FROM tax_records WHERE payment_id = {payment} ORDER BY id");
    site.database.query(&sql).await
}

async fn part_by_part(backend: Backend) {
    let site = Site::on(backend).await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    assert_eq!(shown(&site, payment).await, (json!("completed"), None, json!("paid")));

    let body = json!({ "amount": "1000.00", "reason": "the doctor was late" });
    let part = site.refund(payment, "part", &body).send().await;
    assert_eq!(part.status, 201, "{}", part.text());
    let data = part.json()["data"].clone();
    for (member, value) in [
        ("amount", json!("1000.00")),
        ("currency", json!("PHP")),
        ("status", json!("succeeded")),
        ("origin", json!("operator")),
        ("reason", json!("the doctor was late")),
        ("failure_reason", Value::Null),
        ("payment_id", json!(payment)),
        ("created_at", json!("2024-01-15T10:30:00Z")),
    ] {
        assert_eq!(data["refund"][member], value, "{member}");
    }
    assert!(data["refund"]["stripe_refund"].as_str().unwrap().starts_with("re_"), "{data}");
    assert_eq!(data["payment"]["refunded_amount"], "1000.00");
    let some = (json!("completed"), Some(json!("1000.00")), json!("paid"));
    assert_eq!(shown(&site, payment).await, some);
    assert_eq!(taxes_back(&site, payment).await, [["VAT", "120.00"], ["PPh", "150.00"]]);

    // Still active: a consultation whose money is partly back is paid all the same.
    site.press(1, 5, "again").await.duplicate_of(payment, "completed");
    let rest = site.refund(payment, "rest", &json!({})).send().await;
    assert_eq!(rest.status, 201, "{}", rest.text());
    assert_eq!(rest.json()["data"]["refund"]["amount"], "4000.00");
    let all = (json!("refunded"), Some(json!("5000.00")), json!("refunded"));
    assert_eq!(shown(&site, payment).await, all);
    assert_eq!(taxes_back(&site, payment).await, [["VAT", "600.00"], ["PPh", "750.00"]]);

    let path = format!("/api/v1/payments/{payment}/refunds");
    let list = site.get(&path).bearer(&site.admin()).send().await.json()["data"].clone();
    let amounts: Vec<_> = list.as_array().unwrap().iter().map(|row| row["amount"].clone()).collect();
    assert_eq!(amounts, ["1000.00", "4000.00"], "oldest first");
    assert_eq!(list[0], data["refund"]);
    let payers = site.get(&path).bearer(&site.patient(1)).send().await.json()["data"][0].clone();
    for own in ["reason", "failure_reason", "stripe_refund"] {
        assert_eq!(payers.get(own), None, "{own} is not for the payer to read");
    }
    assert_eq!((&payers["amount"], &payers["status"]), (&json!("1000.00"), &json!("succeeded")));
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 500_000 }));
    // Not active any more: it can be paid again.
    site.paid_for(1, 5, "fresh").await;
}

/// 60 % fits once, however many ask at the same moment (design, part 4, S5).
async fn a_hundred_at_once(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0")]).await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let body = json!({ "amount": 3000 });
    let requests = (0..100).map(|number| site.refund(payment, &format!("r{number}"), &body).send());
    let answers = futures_util::future::join_all(requests).await;
    let mut made = 0;
    for answer in &answers {
        if answer.status == 201 {
            made += 1;
        } else {
            let body = answer.failed_fields(&["amount"]);
            assert!(body["message"].as_str().unwrap().contains("PHP 2.000,00"), "{body}");
        }
    }
    assert_eq!(made, 1);
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 300_000 }));
    assert_eq!(site.count("refunds").await, 1);
    let some = (json!("completed"), Some(json!("3000.00")), json!("paid"));
    assert_eq!(shown(&site, payment).await, some);
}

#[tokio::test]
async fn more_than_what_remains() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let too_much = site.refund(payment, "a", &json!({ "amount": "5000.01" }));
    let body = too_much.clone().send().await.failed_fields(&["amount"]);
    assert_eq!(body["message"], "Lebih dari sisa yang dapat dikembalikan: PHP 5.000,00.");
    let body = too_much.header("Accept-Language", "en").send().await.failed_fields(&["amount"]);
    assert_eq!(body["message"], "More than what remains to be refunded: PHP 5.000,00.");
    // A refusal spends no key.
    assert_eq!(site.refund(payment, "a", &json!({ "amount": 4999.99 })).send().await.status, 201);
    let body = site.refund(payment, "b", &json!({ "amount": 1 })).send().await.failed_fields(&["amount"]);
    assert!(body["message"].as_str().unwrap().ends_with("PHP 0,01."), "{body}");
    assert_eq!(site.refund(payment, "b", &json!({ "amount": "0.01" })).send().await.status, 201);
    site.refund(payment, "c", &json!({})).send().await.problem(409, "not-refundable");
}

#[tokio::test]
async fn amounts_and_reasons_that_are_none() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    for (amount, english) in [
        (json!("1000.005"), "Not an amount in PHP."),
        (json!(0), "Must be more than zero."),
        (json!(-5), "Must be more than zero."),
        (json!("many"), "Must be a decimal number."),
        (json!(f64::NAN), "Not an amount; leave it out to refund all that remains."),
        (json!(4_242_424_242_424_242_424_u64), "Is out of range."),
    ] {
        let request = site.refund(payment, "k", &json!({ "amount": amount })).header("Accept-Language", "en");
        let body = request.send().await.failed_fields(&["amount"]);
        assert_eq!(body["message"], english, "{amount}");
    }
    for reason in [json!(5), json!("x".repeat(501))] {
        let body = json!({ "reason": reason, "amount": "0" });
        site.refund(payment, "k", &body).send().await.failed_fields(&["amount", "reason"]);
    }
    assert_eq!(site.count("refunds").await, 0);
    let longest = json!({ "amount": "1000.00000", "reason": "é".repeat(500) });
    assert_eq!(site.refund(payment, "k", &longest).send().await.status, 201);
}

#[tokio::test]
async fn yen_have_no_decimals() {
    let site = Site::new().await;
    site.consultation(5, 1, "5000", "JPY").await;
    let opened = site.opened(1, 5, "k").await;
    site.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    site.until_status(opened.payment, "completed").await;
    let half = site.refund(opened.payment, "r", &json!({ "amount": "1000.5" }));
    let body = half.header("Accept-Language", "en").send().await.failed_fields(&["amount"]);
    assert_eq!(body["message"], "Not an amount in JPY.");
    let answer = site.refund(opened.payment, "r", &json!({ "amount": 1000 })).send().await;
    assert_eq!(answer.json()["data"]["refund"]["amount"], "1000");
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "jpy": 1000 }));
}

#[tokio::test]
async fn what_was_not_captured_is_not_refunded() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let ask = || site.refund(opened.payment, "r", &json!({}));
    let body = ask().send().await.problem(409, "not-refundable");
    assert_eq!(body["message"], "Tidak ada yang dapat dikembalikan: pembayaran ini processing.");
    site.at_stripe("clock", json!({ "advance": 86_400 })).await;
    site.until_status(opened.payment, "expired").await;
    let body = ask().header("Accept-Language", "en").send().await.problem(409, "not-refundable");
    assert_eq!(body["message"], "There is nothing to refund: this payment is expired.");
    site.refund(999, "r", &json!({})).send().await.problem(404, "payment-not-found");
}
