//! One refund for each key, wherever the key stands (contract, part 1; design, part 2).

use crate::support::Site;
use crate::support::client::{Answer, Request};
use crate::support::stripe::GOOD;
use crate::support::tokens::with_claims;
use serde_json::{Value, json};

/// `POST …/refunds` of an admin's without a key.
fn bare(site: &Site, payment: i64, body: &Value) -> Request {
    site.post(&format!("/api/v1/payments/{payment}/refunds")).bearer(&site.admin()).json(body.to_string())
}

#[track_caller]
fn refund_of(answer: &Answer) -> Value {
    answer.json()["data"]["refund"].clone()
}

/// The same request again: 200, the same refund, and it says that it is a replay.
async fn once_and_again(request: Request) -> Value {
    let first = request.clone().send().await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None), "{}", first.text());
    let again = request.send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{}", again.text());
    assert_eq!(refund_of(&again), refund_of(&first));
    refund_of(&first)
}

#[tokio::test]
async fn a_key_makes_one_refund_wherever_it_stands() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let thousand = json!({ "amount": 1000 });
    let ours = once_and_again(bare(&site, payment, &thousand).header("X-Idempotency-Key", "a")).await;
    once_and_again(bare(&site, payment, &thousand).header("Idempotency-Key", "\"b\"")).await;
    let with_key = json!({ "amount": 1000, "idempotency_key": "c" });
    once_and_again(bare(&site, payment, &with_key)).await;
    once_and_again(bare(&site, payment, &json!({})).header("X-Idempotency-Key", "d")).await;
    assert_eq!(site.count("refunds").await, 4);
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 500_000 }));

    // One name space for all three places; another way to write the same amount is the same request.
    for (header, key, amount) in
        [("Idempotency-Key", "a", json!("1000.00")), ("X-Idempotency-Key", "c", json!(1e3))]
    {
        let again = bare(&site, payment, &json!({ "amount": amount })).header(header, key).send().await;
        assert_eq!(again.status, 200, "{}", again.text());
    }
    let in_both = json!({ "amount": 1000, "idempotency_key": "a" });
    let again = bare(&site, payment, &in_both).header("X-Idempotency-Key", "a").send().await;
    assert_eq!((again.status, refund_of(&again)), (200, ours));
}

#[tokio::test]
async fn a_key_that_is_missing_or_contradicts_itself() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let empty = json!({});
    let in_body = json!({ "idempotency_key": "b" });
    for request in [
        bare(&site, payment, &empty),
        bare(&site, payment, &empty).header("X-Idempotency-Key", ""),
        bare(&site, payment, &empty).header("X-Idempotency-Key", &"k".repeat(256)),
        bare(&site, payment, &empty).header("X-Idempotency-Key", "a").header("Idempotency-Key", "a"),
        bare(&site, payment, &in_body).header("X-Idempotency-Key", "a"),
    ] {
        request.send().await.problem(400, "invalid-idempotency-key");
    }
    let path = format!("/api/v1/payments/{payment}/refunds");
    let keyed = || site.post(&path).bearer(&site.admin()).header("X-Idempotency-Key", "k");
    keyed().body("{}").send().await.problem(415, "unsupported-media-type");
    // Nothing that can be misread makes a refund of everything.
    for body in ["{", "", "[]", "null", "1000", "[1000]", r#"{"amuont":1000}"#, r#"{"amount":1,"amount":2}"#]
    {
        keyed().json(body).send().await.problem(400, "malformed-request");
    }
    keyed().json(" ".repeat(17_000)).send().await.problem(413, "body-too-large");
    assert_eq!(site.count("refunds").await, 0);
}

#[tokio::test]
async fn a_key_that_comes_back_with_something_else() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let other = site.completed(2, 6, GOOD).await.payment;
    let made = site.refund(payment, "k", &json!({ "amount": 1000 })).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    for (payment, body) in [
        (payment, json!({ "amount": 1001 })),
        (payment, json!({})),
        (payment, json!({ "amount": 1000, "reason": "another" })),
        (other, json!({ "amount": 1000 })),
    ] {
        let answer = site.refund(payment, "k", &body).send().await;
        let body = answer.problem(422, "key-reused");
        assert!(!body.to_string().contains("re_"), "nothing of the first refund is shown: {body}");
    }
    assert_eq!(site.count("refunds").await, 1);

    // Keys belong to their operator.
    let colleague = with_claims(r#"{"sub":9002,"exp":1705318200,"role":"admin"}"#);
    let path = format!("/api/v1/payments/{other}/refunds");
    let theirs = site.post(&path).bearer(&colleague).header("X-Idempotency-Key", "k");
    assert_eq!(theirs.json(r#"{"amount":1000}"#).send().await.status, 201);
}

#[tokio::test]
async fn the_same_key_twenty_times_at_once() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let body = json!({ "amount": 100 });
    let requests = (0..20).map(|_| site.refund(payment, "k", &body).send());
    let answers = futures_util::future::join_all(requests).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    // Who comes while Stripe is being asked is told that it is asked for.
    assert!(answers.iter().all(|answer| (200..=202).contains(&answer.status)), "{answers:?}");
    assert_eq!(made, 1);
    let name = refund_of(&answers[0])["id"].clone();
    assert!(answers.iter().all(|answer| refund_of(answer)["id"] == name));
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 10_000 }));
}
