//! Clients that go away in mid-request, at random moments, and come back with the same key: nothing that was
//! acknowledged is lost, and no connection to the database is left in a transaction.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use futures_util::future::join_all;
use sekali_harness::campaign::Campaign;
use sekali_harness::database::Database;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::seed::Seeded;
use sekali_harness::site::{Combination, Site};
use sekali_harness::wait::until;
use std::time::Duration;
use tokio::time::timeout;

/// Go away side by side.
const BATCH: i64 = 100;
/// A client goes away within so many microseconds of sending.
const MOMENTS: u64 = 8000;

fn press(id: i64) -> Press {
    Press::own(id, format!("goes-away-{id}"))
}

/// Clients send and go away at random moments, then come back with the same key. Behind every other batch the
/// database waits until they are gone: those go in the middle of their transaction.
async fn clients_go_away(mut campaign: Campaign, combination: Combination) {
    let site = Site::start(combination).await;
    let clients = i64::try_from(campaign.rounds()).expect("not so many");
    site.database.seed(clients, |id| id).await;
    let (mut unanswered, mut retries) = (0, Vec::new());
    for first in (1..=clients).step_by(usize::try_from(BATCH).expect("a small number")) {
        let batch = first..(first + BATCH).min(clients + 1);
        let hold = if first / BATCH % 2 == 1 { Some(site.database.hold(clients).await) } else { None };
        let gone = join_all(batch.clone().map(|id| goes_away(&site, campaign.seed(), id))).await;
        if let Some(hold) = hold {
            hold.let_go().await;
        }
        unanswered += gone.into_iter().filter(|answered| !answered).count();
        retries.extend(join_all(batch.map(|id| comes_back(&site, id))).await);
        campaign.progress(first.unsigned_abs());
    }
    let few = campaign.rounds() / 3;
    assert!(unanswered as u64 >= few, "at least those that found the database waiting: {unanswered}");
    site.database.stores(&retries.iter().map(|retry| (retry.payment, retry.id)).collect::<Vec<_>>()).await;
    site.database.holds(clients).await;
    assert!(site.verify().status.success(), "{}", String::from_utf8_lossy(&site.verify().stdout));
    if matches!(site.database, Database::Postgres(_)) {
        nothing_is_left_open(&site).await;
    }
    campaign.count("went without an answer", unanswered as u64);
    let created = retries.iter().filter(|retry| retry.created).count();
    campaign.count("payments that the retry made; the others were there", created as u64);
    campaign.passed();
}

/// Whether the answer came before the client went.
async fn goes_away(site: &Site, seed: u64, id: i64) -> bool {
    let mut random = Seeded::new(seed + id.unsigned_abs());
    let mut connection = site.servers[0].connect();
    connection.send(&press(id).request()).await.expect("a server that listens");
    // The client's own moment, and not a wait for anything.
    let moment = Duration::from_micros(random.below(MOMENTS));
    let answered = timeout(moment, connection.answer()).await.is_ok();
    connection.hang_up(random.below(2) == 0);
    answered
}

struct Retry {
    id: i64,
    payment: i64,
    created: bool,
}

async fn comes_back(site: &Site, id: i64) -> Retry {
    let answer = site.servers[0].connect().call(&press(id).request()).await.expect("an answer to the retry");
    assert!(names_payment(&answer), "client {id}: {} {}", answer.status, answer.body);
    Retry { id, payment: payment_id(&answer), created: answer.status == 201 }
}

/// The service itself would end such a transaction only after 30 s.
async fn nothing_is_left_open(site: &Site) {
    let open = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    until("no connection is idle in transaction", Duration::from_secs(5), async || {
        (site.database.number(open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_clients_sqlite() {
    let what = "clients that disconnect in mid-request, from a server on SQLite";
    clients_go_away(Campaign::begin("campaign_clients_sqlite", what, 300, 10_000), Combination::SqliteMemory)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_clients_postgres() {
    let what = "clients that disconnect in mid-request, from a server on PostgreSQL with Redis";
    clients_go_away(
        Campaign::begin("campaign_clients_postgres", what, 300, 10_000),
        Combination::PostgresRedis,
    )
    .await;
}
