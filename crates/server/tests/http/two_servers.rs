//! Two servers on one PostgreSQL and one Redis (contract, part 3).

use crate::support::client::split;
use crate::support::{Backend, Site};

/// The second one shares the first one's database and Redis.
async fn pair() -> (Site, Site) {
    let one = Site::on(Backend::PostgresRedis).await;
    let (database, redis) = (one.database.url(), one.redis.as_ref().unwrap().url.clone());
    let shared = [("DATABASE_URL", database.as_str()), ("REDIS_URL", redis.as_str())];
    let two = Site::with(Backend::SqliteMemory, &shared).await;
    (one, two)
}

#[tokio::test]
async fn a_payment_completed_through_one_shows_in_the_other() {
    let (one, two) = pair().await;
    one.pesos(5, 1).await;
    let (payment, first) = one.paid_for(1, 5, "k").await;
    two.logs.clear();
    let data = two.press(1, 5, "k").await.duplicate_of(payment, "pending");
    assert!(two.logs.has("Payment: Returning cached response"), "what one has cached, the other knows");
    assert!(data["checkout_url"].as_str().unwrap().starts_with(&two.public_url));

    let stripe = two.process(data["checkout_url"].as_str().unwrap()).await;
    one.press(1, 5, "k").await.duplicate_of(payment, "processing");
    let paid = two.pay_with_card(&stripe, "4242424242424242").await;
    let callback = split(paid.header("location").unwrap()).1;
    let back = two.get(&callback).send().await;
    assert!(back.text().contains("Pembayaran berhasil"), "{}", back.text());
    // At once: the status is told before the one who settled it is.
    let data = one.press(1, 5, "k").await.duplicate_of(payment, "completed");
    assert_eq!(data.get("checkout_url"), None);
    // An address that one server signed holds at the other.
    let way = split(first.json()["data"]["checkout_url"].as_str().unwrap()).1;
    assert_eq!(two.get(&way).send().await.status, 303);
}

#[tokio::test]
async fn the_rate_limit_is_one_over_all_servers() {
    let (one, two) = pair().await;
    let token = one.patient(1);
    for used in 1..=100 {
        let site = if used % 2 == 0 { &one } else { &two };
        let answer = site.get("/api/v1/payments").bearer(&token).send().await;
        assert_eq!(answer.status, 200);
        let remaining = (100 - used).to_string();
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining.as_str()));
    }
    for site in [&one, &two] {
        site.get("/api/v1/payments").bearer(&token).send().await.problem(429, "rate-limited");
    }
}
