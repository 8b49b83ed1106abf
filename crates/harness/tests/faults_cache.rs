//! What the cache promises: a duplicate that it answers costs the database nothing, and a status that
//! changed through one server is soon known to the other.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_core::domain::Role;
use sekali_harness::database::{Database, client};
use sekali_harness::gateway;
use sekali_harness::http::{Request, path_of};
use sekali_harness::press::{Press, names_payment, one_created, payment_id, token};
use sekali_harness::server::QUIET;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use sekali_test_support::postgres;
use sekali_test_support::redis::empty;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

const DUPLICATES: usize = 100;
/// The service's own clocks may strike while duplicates are answered; not each time.
const TRIES: usize = 5;

/// A PostgreSQL that notes every statement it is sent.
struct Noted {
    log: PathBuf,
}

impl Noted {
    async fn by(server: &postgres::Server, url: &str) -> Self {
        let control = client(url).await;
        for sql in [
            "ALTER SYSTEM SET log_statement = 'all'",
            "ALTER SYSTEM SET log_line_prefix = '@ '",
            "SELECT pg_reload_conf()",
        ] {
            control.batch_execute(sql).await.expect("a superuser");
        }
        let noted = Self { log: server.directory().join("log") };
        until("statements are noted", Duration::from_secs(10), async || {
            control.batch_execute("SELECT 'are statements noted?'").await.expect("a query");
            noted.text().contains("are statements noted?").then_some(())
        })
        .await;
        noted
    }

    fn text(&self) -> String {
        read(&self.log)
    }

    /// Statements so far that touch what a payment is made of. The service's own clocks go on meanwhile: it
    /// looks for webhooks, and notes duplicates in the record, once a second.
    fn statements(&self) -> usize {
        let text = self.text();
        let statements = text.split("\n@ ").filter(|entry| entry.starts_with("LOG:"));
        statements
            .filter(|entry| {
                ["payment", "konsultasis", "idempotency_keys"].iter().any(|table| entry.contains(table))
            })
            .count()
    }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("the private server's log");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The statements themselves are counted.
async fn costs_no_query(combination: Combination) {
    let server = postgres::Server::start();
    let (database, redis) = (server.database(), combination.has_redis().then(empty));
    let noted = Noted::by(&server, &database.url).await;
    let url = redis.as_ref().map(|redis| redis.url.as_str());
    let site = Site::start_on(combination, Database::Postgres(database), url, QUIET).await;
    site.database.seed(1, |id| id).await;
    let request = Press::own(1, "no-query").request();
    let mut connection = site.servers[0].connect();
    // The service looks for old keys when it starts, and then not for ten minutes.
    until("old keys were looked for", Duration::from_secs(10), async || {
        noted.text().contains("DELETE FROM idempotency_keys").then_some(())
    })
    .await;
    let before = noted.statements();
    let mut answers = vec![connection.call(&request).await.expect("an answer")];
    let first = noted.statements() - before;
    assert!(first > 0, "the payment itself is noted, or nothing is proved");
    let (mut queries, mut tries, begun) = (usize::MAX, 0, Instant::now());
    while queries > 0 && tries < TRIES {
        let before = noted.statements();
        for _ in 0..DUPLICATES {
            answers.push(connection.call(&request).await.expect("an answer"));
        }
        queries = queries.min(noted.statements() - before);
        tries += 1;
    }
    let took = begun.elapsed();
    one_created(&answers);
    assert_eq!(queries, 0, "queries for {DUPLICATES} duplicates");
    println!(
        "{combination:?}: {first} statements for a payment, {queries} for {DUPLICATES} duplicates, at \
         try {tries}; {took:.1?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_costs_no_query_on_postgres_in_memory() {
    costs_no_query(Combination::PostgresMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_costs_no_query_on_postgres_with_redis() {
    costs_no_query(Combination::PostgresRedis).await;
}

/// SQLite has no log of statements: its writers are locked out and its tables gone, and a duplicate
/// does not notice.
async fn needs_no_database(combination: Combination) {
    let site = Site::start(combination).await;
    site.database.seed(2, |id| id).await;
    let request = Press::own(1, "no-query").request();
    let mut connection = site.servers[0].connect();
    let mut answers = vec![connection.call(&request).await.expect("an answer")];
    let begun = Instant::now();
    let taken = ["payments", "invoices", "idempotency_keys", "konsultasis"];
    for table in taken {
        site.database
            .execute(&format!("PRAGMA legacy_alter_table = 1; ALTER TABLE {table} RENAME TO {table}_gone"))
            .await;
    }
    let lost = connection.call(&Press::own(2, "other").request()).await.expect("an answer");
    assert!(lost.status >= 500, "without its tables nothing is made, or nothing is proved: {}", lost.status);
    for _ in 0..DUPLICATES {
        answers.push(connection.call(&request).await.expect("an answer"));
    }
    one_created(&answers);
    println!("{combination:?}: {DUPLICATES} duplicates answered without the tables; {:.1?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_needs_no_database_on_sqlite_in_memory() {
    needs_no_database(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_needs_no_database_on_sqlite_with_redis() {
    needs_no_database(Combination::SqliteRedis).await;
}

/// The contract: what is completed through one server shows in the 409 of another within this.
const KNOWN: Duration = Duration::from_millis(100);
const PAYMENTS: i64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn completed_through_one_server_shows_at_the_other() {
    let site = Site::start(Combination::TwoServers).await;
    site.database.seed(PAYMENTS, |id| id).await;
    let (mut one, mut other) = (site.servers[0].connect(), site.servers[1].connect());
    let mut slowest = Duration::ZERO;
    for id in 1..=PAYMENTS {
        let press = Press::own(id, format!("known-{id}"));
        let answer = one.call(&press.request()).await.expect("an answer");
        let payment = payment_id(&answer);
        let redirect = gateway::follow(&mut one, &answer).await.expect("the process page");
        let session = gateway::session_of(&redirect).expect("a way to Stripe");
        // The other one has seen the old status, and may remember it.
        let before = other.call(&press.request()).await.expect("an answer");
        assert_eq!((before.status, status(&before)), (409, "processing".to_owned()));
        gateway::pay(&mut one, &session).await.expect("the simulator");
        let url = answer.json()["data"]["checkout_url"].as_str().map(str::to_owned).expect("a checkout_url");
        let back = path_of(&url).replace("/process", "/callback");
        one.call(&Request::get(back)).await.expect("the callback page");
        let read = Request::get(format!("/api/v1/payments/{payment}")).bearer(&token(id, Role::Patient));
        let here = one.call(&read).await.expect("an answer").json();
        assert_eq!(here["data"]["payment"]["status"], "completed", "the callback settles");
        let known = Instant::now();
        until("the other one shows it", KNOWN, async || {
            let answer = other.call(&press.request()).await.expect("an answer");
            assert!(names_payment(&answer) && payment_id(&answer) == payment);
            (status(&answer) == "completed").then_some(())
        })
        .await;
        slowest = slowest.max(known.elapsed());
    }
    println!("{PAYMENTS} payments completed through one server: at the other after {slowest:.1?} at most");
}

fn status(answer: &sekali_harness::http::Answer) -> String {
    answer.json()["data"]["status"].as_str().unwrap_or_default().to_owned()
}
