//! The contract's own page, replayed: its clock, its numbers, its exchange, its log lines and its
//! queries (contract, parts 1, 3, 7 and 8).

use crate::support::{Backend, Site};
use serde_json::{Map, Value, json};

const KEY: &str = "payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-1b5e3f7d9c4a";
const BODY: &str = r#"{ "consultation_id": 5, "amount": 5000.00, "payment_method": "stripe",
  "idempotency_key": "payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-1b5e3f7d9c4a" }"#;

#[tokio::test]
async fn on_sqlite_and_memory() {
    golden(Backend::SqliteMemory).await;
}

#[tokio::test]
async fn on_sqlite_and_redis() {
    golden(Backend::SqliteRedis).await;
}

#[tokio::test]
async fn on_postgres_and_memory() {
    golden(Backend::PostgresMemory).await;
}

#[tokio::test]
async fn on_postgres_and_redis() {
    golden(Backend::PostgresRedis).await;
}

async fn golden(backend: Backend) {
    let site = Site::on(backend).await;
    let host = "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (5, 1, '5000.00', 'PHP')";
    site.database.execute(host).await.unwrap();
    site.database.set_next_ids(100, 50, 1).await;

    site.logs.clear();
    first_press(&site).await;
    assert_eq!(logged(&site), first_lines());

    site.logs.clear();
    second_press(&site).await;
    assert_eq!(logged(&site), cached_lines());

    // The cache has forgotten: the same answer, from the database, and the log does not claim otherwise.
    site.forget_cached(1, KEY).await;
    site.logs.clear();
    let answer = press(&site).await;
    answer.duplicate_of(100, "pending");
    assert_eq!(logged(&site), lines_without_the_cache());

    queries(&site).await;
}

async fn press(site: &Site) -> crate::support::client::Answer {
    site.pay(1).header("X-Idempotency-Key", KEY).json(BODY).send().await
}

async fn first_press(site: &Site) {
    let answer = press(site).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("99"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut body = answer.json();
    let way = body["data"].as_object_mut().unwrap().remove("checkout_url").unwrap();
    let expected = format!("{}/payment/100/process?", site.public_url);
    assert!(way.as_str().unwrap().starts_with(&expected), "{way}");
    let printed = json!({
        "data": {
            "type": "new", "payment_id": 100,
            "payment": { "id": 100, "user_id": 1, "consultation_id": 5, "amount": "5000.00",
                "payment_method": "stripe", "status": "pending", "currency": "PHP",
                "created_at": "2024-01-15T10:30:00Z", "updated_at": "2024-01-15T10:30:00Z" },
            "invoice": { "id": 50, "payment_id": 100, "invoice_number": "INV-20240115103000-000100",
                "amount": "5000.00", "status": "pending", "issued_at": "2024-01-15T10:30:00Z" } },
        "message": "Pembayaran berhasil dibuat"
    });
    assert_eq!(body, printed);
}

async fn second_press(site: &Site) {
    let answer = press(site).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("98"));
    let mut body = answer.json();
    let way = body["data"].as_object_mut().unwrap().remove("checkout_url").unwrap();
    assert!(way.as_str().unwrap().starts_with(&format!("{}/payment/100/process?", site.public_url)));
    let printed = json!({
        "data": { "type": "existing", "payment_id": 100, "status": "pending",
            "message": "Pembayaran sudah dibuat sebelumnya" },
        "message": "Duplicate payment request detected"
    });
    assert_eq!(body, printed);
}

/// The lines of the contract's table, in the order in which they came, with level and fields.
fn logged(site: &Site) -> Vec<(String, String, Value)> {
    let table = [
        "Payment: Processing payment",
        "Payment: Returning cached response",
        "Lock acquired",
        "Payment: New payment created",
        "Payment result cached",
        "Lock released",
    ];
    let lines = site.logs.lines().into_iter();
    lines.filter(|line| table.contains(&line["message"].as_str().unwrap())).map(taken_apart).collect()
}

fn taken_apart(mut line: Map<String, Value>) -> (String, String, Value) {
    let mut take = |name: &str| line.remove(name).unwrap().as_str().unwrap().to_owned();
    let (level, message, timestamp) = (take("level"), take("message"), take("timestamp"));
    assert!(timestamp.starts_with("2024-01-15T10:3"), "{timestamp}");
    assert!(!take("request_id").is_empty());
    (level, message, Value::Object(line))
}

fn line(level: &str, message: &str, fields: Value) -> (String, String, Value) {
    (level.to_owned(), message.to_owned(), fields)
}

fn processing() -> (String, String, Value) {
    let fields =
        json!({ "user_id": 1, "consultation_id": 5, "amount": "5000.00", "payment_method": "stripe" });
    line("INFO", "Payment: Processing payment", fields)
}

fn cached() -> (String, String, Value) {
    let fields = json!({ "cache_key": format!("payment:idempotency:1:{KEY}"), "ttl": 300 });
    line("DEBUG", "Payment result cached", fields)
}

fn acquired() -> (String, String, Value) {
    line("DEBUG", "Lock acquired", json!({ "lock_key": "payment:lock:5:1", "attempts": 1 }))
}

fn released() -> (String, String, Value) {
    line("DEBUG", "Lock released", json!({ "lock_key": "payment:lock:5:1" }))
}

fn first_lines() -> Vec<(String, String, Value)> {
    let made = json!({ "payment_id": 100, "user_id": 1, "amount": "5000.00", "method": "stripe" });
    let created = line("INFO", "Payment: New payment created", made);
    vec![processing(), acquired(), created, cached(), released()]
}

fn cached_lines() -> Vec<(String, String, Value)> {
    let fields = json!({ "idempotency_key": KEY, "payment_id": 100 });
    vec![processing(), line("INFO", "Payment: Returning cached response", fields)]
}

fn lines_without_the_cache() -> Vec<(String, String, Value)> {
    vec![processing(), acquired(), cached(), released()]
}

/// The four queries of the contract's part 8, word for word.
async fn queries(site: &Site) {
    let payments = site
        .database
        .query("SELECT p.id, p.user_id, p.consultation_id, p.amount, p.status, p.created_at FROM payments p WHERE p.id = 100;")
        .await;
    assert_eq!(payments.len(), 1);
    assert_eq!(payments[0][..3], ["100", "1", "5"]);
    assert_eq!(whole(&payments[0][3]), "5000");
    assert_eq!(payments[0][4], "pending");
    let moment = payments[0][5].trim_end_matches("+00");
    assert_eq!(moment, "2024-01-15 10:30:00", "a time may print with its zone");

    let invoices = site
        .database
        .query("SELECT id, payment_id, invoice_number, status FROM invoices WHERE payment_id = 100;")
        .await;
    assert_eq!(invoices, [["50", "100", "INV-20240115103000-000100", "pending"]]);

    let taxes = site
        .database
        .query("SELECT id, payment_id, tax_type, tax_amount FROM tax_records WHERE payment_id = 100;")
        .await;
    let taxes: Vec<_> = taxes.iter().map(|row| [&row[0], &row[1], &row[2], whole(&row[3])]).collect();
    assert_eq!(taxes, [["1", "100", "VAT", "600"], ["2", "100", "PPh", "750"]]);

    let twice = "SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id, user_id HAVING COUNT(*) > 1;";
    assert!(site.database.query(twice).await.is_empty());
}

/// 5000 may print as 5000.00.
fn whole(amount: &str) -> &str {
    amount.strip_suffix(".00").unwrap_or(amount)
}
