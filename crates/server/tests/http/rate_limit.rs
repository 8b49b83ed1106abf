//! 100 requests a minute for each user, over all servers (contract, part 3).

use crate::on_every_backend;
use crate::support::tokens::with_claims;
use crate::support::{Backend, Site, body};

on_every_backend!(the_101st_request_of_a_minute,);

async fn the_101st_request_of_a_minute(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let token = site.patient(1);
    let list = || site.get("/api/v1/payments").bearer(&token).send();
    for remaining in (0..100).rev() {
        let answer = list().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining.to_string().as_str()));
    }
    let over = site.press(1, 5, "k").await;
    over.problem(429, "rate-limited");
    assert_eq!(over.header("x-ratelimit-limit"), Some("100"));
    assert_eq!(over.header("x-ratelimit-remaining"), Some("0"));
    assert!((1..=60).contains(&over.header("retry-after").unwrap().parse::<u64>().unwrap()));
    assert_eq!(site.count("payments").await, 0);
    assert_eq!(
        site.get("/api/v1/payments").bearer(&site.patient(2)).send().await.status,
        200,
        "others go on"
    );
}

#[tokio::test]
async fn the_minute_ends() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "1")]).await;
    let token = site.patient(1);
    let list = || site.get("/api/v1/payments").bearer(&token).send();
    assert_eq!(list().await.status, 200);
    let over = list().await;
    let wait = over.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(over.status, 429);
    site.clock.advance(std::time::Duration::from_secs(wait));
    assert_eq!(list().await.status, 200, "Retry-After told the truth");
}

#[tokio::test]
async fn errors_carry_true_values_too() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "50")]).await;
    site.pesos(5, 1).await;
    site.pesos(6, 2).await;
    let pay = || site.pay(1).header("X-Idempotency-Key", "k");
    let requests = [
        (201, pay().json(body(5, "5000"))),
        (409, pay().json(body(5, "5000"))),
        (415, pay().body("{}")),
        (400, pay().json("{")),
        (400, site.pay(1).json(body(5, "5000"))),
        (422, pay().json("{}")),
        (422, pay().json(body(6, "5000"))),
        (404, site.pay(1).header("X-Idempotency-Key", "l").json(body(7, "5000"))),
        (403, site.pay(1).header("X-Idempotency-Key", "l").json(body(6, "5000"))),
        (200, site.get("/api/v1/payments").bearer(&site.patient(1))),
        (404, site.get("/api/v1/payments/999").bearer(&site.patient(1))),
        (400, site.get("/api/v1/payments?limit=x").bearer(&site.patient(1))),
        (403, site.put("/api/v1/consultations/5").bearer(&site.patient(1)).json("{}")),
    ];
    for (used, (status, request)) in (1..).zip(requests) {
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("x-ratelimit-limit"), Some("50"), "{status}");
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some((50 - used).to_string().as_str()),
            "{status}"
        );
    }
    // The host application's calls with a patient's number are not that patient's.
    let service = with_claims(r#"{"sub":1,"exp":1705318200,"role":"service"}"#);
    let answer = site.get("/api/v1/payments").bearer(&service).send().await;
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("49"));
}

#[tokio::test]
async fn zero_is_off() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "0")]).await;
    let token = site.patient(1);
    for _ in 0..120 {
        let answer = site.get("/api/v1/payments").bearer(&token).send().await;
        assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, None));
    }
}
