//! `kill -9` between any two steps, then a retry with the same key: one payment, and the patient can go
//! on to pay.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_core::domain::Role;
use sekali_core::ports::Point;
use sekali_harness::database::Database;
use sekali_harness::gateway::{self, Books};
use sekali_harness::http::{Answer, Connection, Request};
use sekali_harness::press::{Press, names_payment, payment_id, token};
use sekali_harness::program;
use sekali_harness::server::{QUIET, Server};
use sekali_harness::site::{Combination, Site, settings};
use sekali_harness::wait::until;
use sekali_test_support::postgres;
use sekali_test_support::redis::empty;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

/// A webhook that died with the process is taken up again within this.
const SOON: Duration = Duration::from_secs(30);
/// An event that a dead process has claimed is free again after 30 s.
const LATE: Duration = Duration::from_secs(90);

/// The events of a payment reach the service one after the other; this one is the session's completion.
const COMPLETION: u32 = 4;

/// Where a process dies, and at which passing.
#[derive(Clone, Copy, Debug)]
struct Death {
    point: Point,
    time: u32,
}

/// Each point on the way to a payment once, and beside the first event the one that matters. (What comes
/// after is in `faults_life`.)
fn deaths() -> impl Iterator<Item = Death> {
    let completion = Death { point: Point::EventReceived, time: COMPLETION };
    let all = Point::ALL.into_iter();
    let last = Point::ALL.iter().position(|point| *point == Point::Settled).expect("a point of payments");
    all.take(last + 1).map(|point| Death { point, time: 1 }).chain([completion])
}

fn press() -> Press {
    Press::own(1, "kill")
}

/// A server that dies; a patient who presses, goes on to Stripe and pays, as far as that goes.
async fn dies(death: Death, database: &Database, redis: Option<&str>) {
    let mut settings = settings(&database.url(), redis, QUIET);
    settings.push((VARIABLE.to_owned(), format!("{}:{}", death.point.name(), death.time)));
    let mut server = Server::start(Command::new(program::failpoints()), &settings).await;
    database.seed(1, |id| id).await;
    // An error: it is dead, which is what is looked at below.
    let _ = goes_all_the_way(&mut server.connect()).await;
    let end = server.ended(SOON).await;
    assert_eq!(end.signal(), Some(9), "at {death:?}: {}", server.said());
    if death.time == COMPLETION {
        let kept = "SELECT count(*) FROM gateway_events WHERE kind = 'checkout.session.completed'";
        assert_eq!(database.number(kept).await, 1, "it died with the completion in the inbox");
    }
}

async fn goes_all_the_way(connection: &mut Connection) -> std::io::Result<()> {
    let answer = connection.call(&press().request()).await?;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let redirect = gateway::follow(connection, &answer).await?;
    let session = gateway::session_of(&redirect);
    gateway::pay(connection, &session.expect("a way to Stripe")).await.map(drop)
}

impl Death {
    /// Whether the payment was committed when the process died.
    fn after_commit(self) -> bool {
        !matches!(self.point, Point::LookedUp | Point::Locked)
    }

    /// Whether the patient had paid.
    fn after_payment(self) -> bool {
        matches!(self.point, Point::EventReceived | Point::SessionAsked | Point::Settled)
    }
}

/// The retry after the crash, with the same key: 201 only if nothing was committed.
async fn retries(site: &Site, death: Death) -> Answer {
    let answer = site.servers[0].connect().call(&press().request()).await.expect("an answer");
    assert!(names_payment(&answer), "at {death:?}: {}", answer.body);
    assert_eq!(answer.status, if death.after_commit() { 409 } else { 201 }, "at {death:?}");
    site.database.holds(1).await;
    answer
}

/// Goes on to Stripe and pays, where the answer shows the way, and nothing is paid yet.
async fn goes_on(site: &Site, death: Death, answer: &Answer) {
    let mut connection = site.servers[0].connect();
    if answer.json()["data"]["status"] == "completed" {
        return;
    }
    let redirect = gateway::follow(&mut connection, answer).await.expect("the process page");
    match gateway::session_of(&redirect) {
        Some(session) => {
            assert!(!death.after_payment(), "at {death:?}: sent to pay what is paid");
            let paid = gateway::pay(&mut connection, &session).await.expect("the simulator");
            assert_eq!(paid.status, 200, "{}", paid.body);
        }
        // There is nothing to pay any more: to the callback's page, or the address is over with the payment.
        None => assert!(
            death.after_payment() && matches!(redirect.status, 303 | 403),
            "at {death:?}: {}",
            redirect.status
        ),
    }
}

async fn completes(site: &Site, death: Death, id: i64, deadline: Duration) {
    let request = Request::get(format!("/api/v1/payments/{id}")).bearer(&token(1, Role::Patient));
    let mut connection = site.servers[0].connect();
    until(&format!("completed after a death at {death:?}"), deadline, async || {
        let answer = connection.call(&request).await.expect("an answer");
        (answer.json()["data"]["payment"]["status"] == "completed").then_some(())
    })
    .await;
    let books = gateway::books(&mut connection).await;
    assert_eq!(books, Books { sessions: 1, paid: 1, charges: 1 }, "at {death:?}");
    site.database.holds(1).await;
    assert_eq!(site.database.number("SELECT count(*) FROM invoices WHERE status = 'paid'").await, 1);
    let verify = site.verify();
    assert!(verify.status.success(), "at {death:?}: {}", String::from_utf8_lossy(&verify.stdout));
}

/// Dies at each point in turn, each with a database, and a Redis, of its own.
async fn at_every_point(combination: Combination) {
    let begun = Instant::now();
    // As long as it lives, so does the server that all points share.
    let postgres = matches!(combination, Combination::PostgresMemory | Combination::PostgresRedis);
    let _kept = postgres.then(postgres::database);
    for death in deaths() {
        let (database, redis) = (combination.database(), combination.has_redis().then(empty));
        let redis = redis.as_ref().map(|redis| redis.url.as_str());
        dies(death, &database, redis).await;
        let site = Site::start_on(combination, database, redis, QUIET).await;
        let answer = retries(&site, death).await;
        goes_on(&site, death, &answer).await;
        completes(&site, death, payment_id(&answer), SOON).await;
    }
    println!(
        "{combination:?}: killed {} times, each time one payment, one session and one charge; {:.1?}",
        deaths().count(),
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_point_on_sqlite_in_memory() {
    at_every_point(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_point_on_postgres_in_memory() {
    at_every_point(Combination::PostgresMemory).await;
}

/// What Redis holds of the dead server, its lock for one, is in nobody's way for long.
#[tokio::test(flavor = "multi_thread")]
async fn at_every_point_on_postgres_with_redis() {
    at_every_point(Combination::PostgresRedis).await;
}

/// The patient has paid and never comes back: the webhook alone completes the payment.
#[tokio::test(flavor = "multi_thread")]
async fn a_paid_session_is_settled_though_nobody_comes_back() {
    let begun = Instant::now();
    let runs = deaths().filter(|death| death.after_payment()).map(|death| async move {
        let database = Database::sqlite();
        dies(death, &database, None).await;
        let site = Site::start_on(Combination::SqliteMemory, database, None, QUIET).await;
        completes(&site, death, 1, LATE).await;
        println!("after a death at {death:?}: completed without the patient, {:.1?}", begun.elapsed());
    });
    futures_util::future::join_all(runs).await;
}

/// What can kill the service on purpose, or make it wrong, is not in the program that is shipped.
#[test]
fn the_shipped_program_has_neither_failpoints_nor_bugs() {
    let knows = |program: &Path, variable: &str| {
        let bytes = std::fs::read(program).expect("a program");
        bytes.windows(variable.len()).any(|word| word == variable.as_bytes())
    };
    for (program, variable) in [(program::failpoints(), VARIABLE), (program::seeded_bugs(), "SEKALI_BUG")] {
        assert!(knows(&program, variable), "else nothing is proved");
        assert!(!knows(&program::sekali(), variable), "{variable}");
    }
}

const VARIABLE: &str = "SEKALI_FAILPOINT";
