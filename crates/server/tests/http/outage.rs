//! A server behind the service is out of reach (contract, parts 2 and 3). The database: 503 with
//! `Retry-After`, nothing half-done, and the same key goes through afterwards. Redis: no payment is
//! turned down.

use crate::support::database::Database;
use crate::support::{Backend, Site, eventually};
use sekali_test_support::postgres::Server;
use sekali_test_support::redis;

/// The value of the first series whose name begins so; none yet is zero.
async fn counted(site: &Site, begins: &str) -> u64 {
    let answer = site.get("/metrics").send().await;
    let line = answer.text().lines().find(|line| line.starts_with(begins)).map(str::to_owned);
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn postgres_goes_away_and_comes_back() {
    let server = Server::start();
    let database = Database::Postgres(server.database());
    let site = Site::with_database(Backend::PostgresMemory, database, &[]).await;
    site.pesos(5, 1).await;
    assert_eq!(site.get("/readyz").send().await.status, 200);

    server.kill();
    let answer = site.press(1, 5, "k").await;
    answer.problem(503, "database-unavailable");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    let read = site.get("/api/v1/payments").bearer(&site.patient(1)).send().await;
    read.problem(503, "database-unavailable");
    assert_eq!(site.get("/readyz").send().await.status, 503);
    assert_eq!(site.get("/healthz").send().await.status, 200, "the process lives");
    assert!(counted(&site, "sekali_database_errors_total ").await >= 2);
    assert!(counted(&site, "sekali_payments_total{outcome=\"unavailable\"}").await >= 1);

    server.start_again();
    assert_eq!(site.count("payments").await, 0);
    site.paid_for(1, 5, "k").await;
    assert_eq!(site.count("payments").await, 1);
    assert_eq!(site.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn redis_goes_away_and_comes_back() {
    let mut redis = redis::server();
    let site = Site::with(Backend::SqliteMemory, &[("REDIS_URL", &redis.url)]).await;
    for id in 5..8 {
        site.pesos(id, 1).await;
    }
    let (payment, _) = site.paid_for(1, 5, "before").await;
    redis.kill();
    let (_, answer) = site.paid_for(1, 6, "during").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"), "this server counts for itself");
    site.press(1, 5, "before").await.duplicate_of(payment, "pending");
    assert!(counted(&site, "sekali_redis_errors_total").await >= 1);
    assert!(
        site.logs
            .lines()
            .iter()
            .any(|line| line["level"] == "WARN" && line["message"].as_str().unwrap().contains("Redis"))
    );
    redis.restart();
    eventually("Redis is used again", async || site.logs.has("Redis is back")).await;
    site.logs.clear();
    site.paid_for(1, 7, "after").await;
    assert!(site.logs.has("Lock acquired") && site.logs.has("Payment result cached"));
}
