//! Reading payments: one, and the caller's list (contract, part 3).

use crate::on_every_backend;
use crate::support::client::Answer;
use crate::support::{Backend, Site};

on_every_backend!(one_payment, a_list_page_by_page,);

async fn one_payment(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let (payment, created) = site.paid_for(1, 5, "k").await;
    let read = |token: String| site.get(&format!("/api/v1/payments/{payment}")).bearer(&token).send();
    let first = created.json();
    for token in [site.patient(1), site.service(), site.admin()] {
        let answer = read(token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let data = answer.json()["data"].clone();
        for member in ["payment", "invoice", "checkout_url"] {
            assert_eq!(data[member], first["data"][member], "{member}");
        }
    }
    // To others it does not exist: the same answer as for a number that is nobody's.
    let other = read(site.patient(2)).await;
    let mut seen = other.problem(404, "payment-not-found");
    let nobodys = site.get("/api/v1/payments/999999").bearer(&site.patient(2)).send().await;
    let mut expected = nobodys.problem(404, "payment-not-found");
    seen["request_id"].take();
    expected["request_id"].take();
    assert_eq!(seen, expected);
    let doctor = crate::support::tokens::with_claims(r#"{"sub":1,"exp":1705318200,"role":"doctor"}"#);
    read(doctor).await.problem(404, "payment-not-found");
    for id in ["0", "-1", "x", "99999999999999999999"] {
        let path = format!("/api/v1/payments/{id}");
        site.get(&path).bearer(&site.patient(1)).send().await.problem(404, "payment-not-found");
    }
}

async fn list(site: &Site, token: &str, query: &str) -> Answer {
    site.get(&format!("/api/v1/payments{query}")).bearer(token).send().await
}

fn ids(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    body["data"].as_array().unwrap().iter().map(|row| row["payment"]["id"].as_i64().unwrap()).collect()
}

async fn a_list_page_by_page(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0")]).await;
    for consultation in 1..=45 {
        site.pesos(consultation, 1).await;
        site.paid_for(1, consultation, &format!("k{consultation}")).await;
    }
    site.pesos(100, 2).await;
    let (other, _) = site.paid_for(2, 100, "k").await;
    let token = site.patient(1);

    let (mut seen, mut sizes, mut query) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = list(&site, &token, &query).await;
        let numbers = ids(&page);
        sizes.push(numbers.len());
        seen.extend(numbers);
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        query = format!("?cursor={cursor}");
    }
    assert_eq!(sizes, [20, 20, 5]);
    assert_eq!(seen.len(), 45);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once: {seen:?}");
    assert!(!seen.contains(&other));

    assert_eq!(ids(&list(&site, &token, "?limit=1").await), seen[..1]);
    assert_eq!(ids(&list(&site, &token, "?limit=45").await), seen);
    assert_eq!(list(&site, &token, "?limit=45").await.json()["next_cursor"], serde_json::Value::Null);
    assert_eq!(ids(&list(&site, &token, "?limit=1000000").await).len(), 45, "more than 100 means 100");
    assert_eq!(ids(&list(&site, &token, "?consultation_id=7").await), [seen[38]]);
    assert_eq!(ids(&list(&site, &token, "?consultation_id=100").await), [0_i64; 0]);
    assert_eq!(ids(&list(&site, &site.patient(3), "").await), [0_i64; 0]);
    assert_eq!(ids(&list(&site, &site.admin(), "?limit=100").await).len(), 46);
    assert_eq!(ids(&list(&site, &site.service(), "?consultation_id=100").await), [other]);

    let one = list(&site, &token, "?consultation_id=7").await.json()["data"][0].clone();
    assert_eq!(one, site.payment(1, seen[38]).await, "the same shape as one payment");
}

#[tokio::test]
async fn bad_queries_are_400() {
    let site = Site::new().await;
    let token = site.patient(1);
    for query in [
        "?limit=0",
        "?limit=-1",
        "?limit=x",
        "?limit=1.5",
        "?limit=",
        "?consultation_id=x",
        "?consultation_id=0",
        "?cursor=x",
        "?cursor=",
        "?cursor=cDA",
        "?cursor=cC0x",
        "?cursor=%00",
        "?limit=1&limit=2",
    ] {
        let answer = list(&site, &token, query).await;
        assert_eq!(answer.status, 400, "{query}");
        answer.problem(400, "malformed-request");
    }
    let doctor = crate::support::tokens::with_claims(r#"{"sub":1,"exp":1705318200,"role":"doctor"}"#);
    list(&site, &doctor, "").await.problem(403, "forbidden");
}
