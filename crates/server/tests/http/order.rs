//! What is looked at first when several things are wrong (contract, part 3): for each two neighbours
//! in that order a request that fails both, and gets the earlier one's answer.

use crate::support::client::Request;
use crate::support::{Backend, Site, body};

fn press(site: &Site, key: &str) -> Request {
    site.pay(1).header("X-Idempotency-Key", key)
}

async fn prepared() -> Site {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    site.pesos(6, 2).await;
    site
}

#[tokio::test]
async fn size_before_token() {
    let site = prepared().await;
    let large = " ".repeat(20_000);
    site.post("/api/v1/payments").json(large.clone()).send().await.problem(413, "body-too-large");
    site.post("/api/v1/payments").json(large).chunked().send().await.problem(413, "body-too-large");
}

#[tokio::test]
async fn size_before_rate_limit_and_token_before_rate_limit_and_that_before_content_type() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "1")]).await;
    assert_eq!(site.get("/api/v1/payments").bearer(&site.patient(1)).send().await.status, 200);
    press(&site, "k").json(" ".repeat(20_000)).send().await.problem(413, "body-too-large");
    let forged = format!("{}x", site.patient(1));
    site.get("/api/v1/payments").bearer(&forged).send().await.problem(401, "unauthorized");
    press(&site, "k").body("hello").send().await.problem(429, "rate-limited");
}

#[tokio::test]
async fn token_before_content_type_and_syntax() {
    let site = prepared().await;
    site.post("/api/v1/payments").body("hello").send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn content_type_before_syntax() {
    let site = prepared().await;
    let request = press(&site, "k").header("Content-Type", "text/plain").body("hello");
    request.send().await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn syntax_before_the_keys_form() {
    let site = prepared().await;
    press(&site, "").json("hello").send().await.problem(400, "malformed-request");
    site.pay(1).json("hello").send().await.problem(400, "malformed-request");
}

#[tokio::test]
async fn the_keys_form_before_the_fields() {
    let site = prepared().await;
    press(&site, "").json("{}").send().await.problem(400, "invalid-idempotency-key");
    site.pay(1).json("{}").send().await.problem(400, "invalid-idempotency-key");
}

#[tokio::test]
async fn the_fields_before_the_fingerprint() {
    let site = prepared().await;
    site.paid_for(1, 5, "k").await;
    press(&site, "k").json(body(5, "-1")).send().await.failed_fields(&["amount"]);
}

#[tokio::test]
async fn the_fingerprint_before_the_consultation() {
    let site = prepared().await;
    site.paid_for(1, 5, "k").await;
    for forgotten in [false, true] {
        if forgotten {
            site.forget_cached(1, "k").await;
        }
        press(&site, "k").json(body(404, "5000")).send().await.problem(422, "key-reused");
        press(&site, "k").json(body(6, "5000")).send().await.problem(422, "key-reused");
    }
}

/// The key's own payment is told even where the same request would now be refused.
#[tokio::test]
async fn the_fingerprint_before_another_patient_and_another_fee() {
    let site = prepared().await;
    let (payment, _) = site.paid_for(1, 5, "k").await;
    site.database.execute("UPDATE konsultasis SET patient_id = 2, fee = '1.00' WHERE id = 5").await.unwrap();
    site.press(1, 5, "k").await.duplicate_of(payment, "pending");
    site.forget_cached(1, "k").await;
    site.press(1, 5, "k").await.duplicate_of(payment, "pending");
}

#[tokio::test]
async fn no_such_consultation_before_not_yours() {
    let site = prepared().await;
    let request = site.post("/api/v1/payments").bearer(&site.service()).header("X-Idempotency-Key", "k");
    request.clone().json(body(404, "5000")).send().await.problem(404, "consultation-not-found");
    request.json(body(5, "5000")).send().await.problem(403, "forbidden");
}

#[tokio::test]
async fn the_consultation_before_the_amount() {
    let site = prepared().await;
    press(&site, "k").json(body(404, "1.005")).send().await.problem(404, "consultation-not-found");
    press(&site, "k").json(body(6, "1")).send().await.problem(403, "forbidden");
    press(&site, "k").json(body(6, "1.005")).send().await.problem(403, "forbidden");
}

#[tokio::test]
async fn the_amount_before_an_active_payment() {
    let site = prepared().await;
    site.paid_for(1, 5, "k").await;
    press(&site, "l").json(body(5, "4999")).send().await.failed_fields(&["amount"]);
    press(&site, "l").json(body(5, "5000.001")).send().await.failed_fields(&["amount"]);
}

#[tokio::test]
async fn the_consultation_before_an_active_payment() {
    let site = prepared().await;
    site.paid_for(2, 6, "k").await;
    press(&site, "l").json(body(6, "5000")).send().await.problem(403, "forbidden");
}
