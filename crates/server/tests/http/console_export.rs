//! A long list as a file: all of it or visibly not, and not too many at once.

use crate::support::Site;
use crate::support::console::{Operator, numbers};
use crate::support::stripe::GOOD;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many rows are a file that no pair of sockets holds in its buffers.
const MANY: u32 = 60_000;

/// Payments that nobody pays, as if they had been made one by one.
async fn fill(site: &Site, payments: u32) {
    let last = 1000 + payments;
    let fill = format!(
        "INSERT INTO konsultasis (id, patient_id, fee) WITH RECURSIVE n (id) AS \
         (SELECT 1001 UNION ALL SELECT id + 1 FROM n WHERE id < {last}) SELECT id, 1, '5000.00' FROM n; \
         INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, \
         currency_decimals, payment_method, status, created_at, updated_at) \
         SELECT id, format('00000000-0000-4000-8000-%012d', id), 1, id, 500000, 'PHP', 2, 'stripe', 'pending', \
         '2024-01-15 09:00:00', '2024-01-15 09:00:00' FROM konsultasis WHERE id > 1000; \
         INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status, \
         issued_at, updated_at) SELECT id, format('INV-20240115090000-%06d', id), amount_minor, currency, 2, \
         'pending', created_at, updated_at FROM payments WHERE id > 1000"
    );
    site.database.execute(&fill).await.unwrap();
}

/// A download that has begun, and of which nothing but its first bytes is read.
struct Begun {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Begun {
    async fn by(operator: &Operator<'_>) -> Self {
        let mut stream = TcpStream::connect(operator.site.address).await.unwrap();
        let request = format!(
            "GET /console/api/payments/export.json HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
            operator.cookie
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = vec![0; 1024];
        stream.read_exact(&mut read).await.unwrap();
        Self { stream, read }
    }

    /// All of it as it came over the wire, until the other side has nothing more to say.
    async fn read_to_the_end(mut self) -> String {
        let mut part = vec![0; 65_536];
        loop {
            let taken = tokio::time::timeout(PATIENCE, self.stream.read(&mut part)).await;
            match taken.expect("it does not end") {
                Ok(0) | Err(_) => return String::from_utf8(self.read).unwrap(),
                Ok(length) => self.read.extend(&part[..length]),
            }
            if self.read.ends_with(LAST_CHUNK) {
                return String::from_utf8(self.read).unwrap();
            }
        }
    }
}

/// By this a client knows that it has all of a file (RFC 9112, 7.1).
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// More rows than are read at a time.
#[tokio::test]
async fn a_long_list_is_a_whole_file() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    fill(&site, 1_234).await;
    let operator = site.operator(7).await;
    let whole = operator.read("/console/api/payments/export.json").await;
    assert_eq!((&whole["rows"], &whole["complete"]), (&json!(1_235), &json!(true)));
    let mut found = numbers(&whole);
    assert!(found.contains(&payment));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 1_235, "nothing twice, nothing left out");
    let text = operator.get("/console/api/payments/export.csv").send().await.text().to_owned();
    assert_eq!(text.matches("\r\n").count(), 1_236);
}

#[tokio::test]
async fn one_that_the_database_breaks_off_never_looks_whole() {
    let site = Site::new().await;
    fill(&site, MANY).await;
    let operator = site.operator(7).await;
    let whole = Begun::by(&operator).await.read_to_the_end().await;
    assert!(
        whole.ends_with("0\r\n\r\n") && whole.contains("\"complete\":true"),
        "read to its end it is whole"
    );

    let begun = Begun::by(&operator).await;
    site.database.execute("ALTER TABLE invoices RENAME TO gone").await.unwrap();
    let broken = begun.read_to_the_end().await;
    assert!(broken.starts_with("HTTP/1.1 200"), "it had begun: {broken:.100}");
    assert!(!broken.as_bytes().ends_with(LAST_CHUNK) && !broken.contains("\"complete\""), "half a file");
    assert!(broken.len() < whole.len());
    site.database.execute("ALTER TABLE gone RENAME TO invoices").await.unwrap();
    // Its place is free again, and the next one is whole.
    assert!(Begun::by(&operator).await.read_to_the_end().await.contains("\"complete\":true"));
}

#[tokio::test]
async fn a_third_one_waits_for_one_of_two() {
    let site = Site::new().await;
    fill(&site, MANY).await;
    let operator = site.operator(7).await;
    let (first, second) = (Begun::by(&operator).await, Begun::by(&operator).await);
    let third = operator.get("/console/api/payments/export.csv?status=completed");
    let answer = third.send().await;
    let body = answer.problem(503, "overloaded");
    assert_eq!(body["detail"], "Other downloads are running; please try again shortly.");
    assert!(answer.header("retry-after").is_some());
    // The list itself is not held up.
    assert_eq!(operator.listed("limit=1").await.len(), 1);
    drop(first);
    crate::support::eventually("the place of one that was given up is free", async || {
        operator.get("/console/api/payments/export.csv?status=completed").send().await.status == 200
    })
    .await;
    assert!(second.read_to_the_end().await.contains("\"complete\":true"), "the other one goes on to its end");
}
