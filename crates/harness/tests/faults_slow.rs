//! Stripe takes its time: nobody holds a transaction open meanwhile, asked of PostgreSQL itself.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{cancel, goes_to_stripe, refund};
use sekali_harness::database::{Database, client};
use sekali_harness::http::{Answer, Connection, Request, path_of};
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::stripe::pay;
use sekali_harness::wait::all;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Of each: who goes on to Stripe, who gives up, whose money goes back.
const EACH: i64 = 20;
/// How long Stripe takes for each answer.
const SLOWNESS: Duration = Duration::from_secs(4);
/// Far less than that, and far more than a transaction of Sekali's takes on a laden machine.
const LONG: f64 = 1.5;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// What PostgreSQL has shown of the service's connections.
#[derive(Debug, Default)]
struct Seen {
    looks: u32,
    /// The oldest transaction that was open, in seconds.
    oldest: f64,
    /// The longest that one stood idle, in seconds.
    idlest: f64,
    /// The most connections of the service at a time.
    connections: i64,
}

const ASK: &str = "SELECT count(*),
        coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8,
        coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                 FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float8
   FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Looks until all answers are there.
async fn watch(database: &Database, answers: &mut JoinSet<Answer>) -> (Seen, Vec<Answer>) {
    let asker = client(&database.url()).await;
    let (mut seen, mut answered) = (Seen::default(), Vec::new());
    let begun = Instant::now();
    while !answers.is_empty() {
        assert!(begun.elapsed() < SOON, "{} answers are missing", answers.len());
        let row = asker.query_one(ASK, &[]).await.expect("a query of the test's own");
        seen.looks += 1;
        seen.connections = seen.connections.max(row.get(0));
        seen.oldest = seen.oldest.max(row.get(1));
        seen.idlest = seen.idlest.max(row.get(2));
        while let Some(answer) = answers.try_join_next() {
            answered.push(answer.expect("a task"));
        }
        sleep(LOOK).await;
    }
    (seen, answered)
}

/// Brings payments 1 to 3 × [`EACH`] to where Stripe is needed: made, at Stripe's page, paid. The requests
/// that need it, one for each.
async fn prepare(stage: &Stage) -> Vec<Request> {
    let mut tasks = JoinSet::new();
    for id in 1..=3 * EACH {
        let mut connection = stage.servers[0].connect();
        let stripe = stage.stripe.address();
        tasks.spawn(async move { prepare_one(&mut connection, stripe, id).await });
    }
    let requests = all(tasks).await;
    stage.comes_to("SELECT count(*) FROM payments WHERE status = 'completed'", EACH).await;
    stage.rests().await;
    requests
}

async fn prepare_one(connection: &mut Connection, stripe: SocketAddr, id: i64) -> Request {
    let press = Press::own(id, format!("slow-{id}"));
    if id <= EACH {
        let answer = connection.call(&press.request()).await.expect("an answer").json();
        return Request::get(path_of(answer["data"]["checkout_url"].as_str().expect("a way to pay")));
    }
    let way = goes_to_stripe(connection, &press).await.expect("an answer");
    if id <= 2 * EACH {
        return cancel(id, way.payment);
    }
    let paid = Connection::to(stripe).call(&pay(&way.session, false)).await.expect("an answer");
    assert_eq!(paid.status, 200, "{}", paid.body);
    refund(way.payment, &format!("slow-{id}"), "3000.00")
}

/// The reconciler asks all the time as well.
#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_open_while_stripe_is_slow() {
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let stage = Stage::set(Combination::PostgresMemory, Webhooks::On, 3 * EACH, &tuning).await;
    let requests = prepare(&stage).await;
    let slowness = u64::try_from(SLOWNESS.as_millis()).expect("a few seconds");
    stage.stripe.fail(&json!({ "kind": "slow", "delay_ms": slowness, "path": "/v1/" })).await;
    let begun = Instant::now();
    let mut answers = JoinSet::new();
    for request in requests {
        let mut connection = stage.servers[0].connect();
        answers.spawn(async move { connection.call(&request).await.expect("an answer") });
    }
    let (seen, answered) = watch(&stage.database, &mut answers).await;
    let took = begun.elapsed();
    assert!(took >= SLOWNESS, "Stripe was not slow: {took:?}");
    for answer in &answered {
        assert!(matches!(answer.status, 200..=202 | 303), "{} {}", answer.status, answer.body);
    }
    assert!(seen.looks > 50 && seen.connections > 0, "it has hardly looked: {seen:?}");
    assert!(seen.oldest < LONG, "a transaction was open while Stripe was slow: {seen:?}");
    assert!(seen.idlest < LONG, "a connection stood idle in its transaction: {seen:?}");
    stage.stripe.end_faults().await;
    stage.rests().await;
    stage.is_in_order("after Stripe's slowness").await;
    println!(
        "{} requests while Stripe took {SLOWNESS:?} for each answer, all answered in {took:.1?}: in {} looks the oldest \
         transaction was {:.3} s, the longest idle in one {:.3} s, on at most {} connections",
        answered.len(),
        seen.looks,
        seen.oldest,
        seen.idlest,
        seen.connections
    );
}
