//! After `kill -9` with tens of thousands of payments in the database: how soon the service is ready, and how soon what
//! was stuck is settled.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use sekali_harness::actor::goes_to_stripe;
use sekali_harness::campaign::Campaign;
use sekali_harness::http::{Connection, Request};
use sekali_harness::press::{Press, names_payment};
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::wait::{all, until};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Payments that are there already, made through the service.
const SHARE: i64 = 2_000;
const WHOLE: i64 = 30_000;
const LANES: usize = 16;
/// Paid at Stripe while the service was dead.
const STUCK: i64 = 20;
/// In seconds.
const INTERVAL: &str = "2";
/// A pass begins within an interval of the start, and takes some time itself.
const SETTLED: Duration = Duration::from_secs(2 + 2);
/// Who was killed in the middle of a pass keeps others from theirs for so long.
const LEASE: Duration = Duration::from_secs(30);
/// A machine that does other work at the same time gets this much longer in every run of the tests; the evidence
/// says what was measured.
const LADEN: u32 = 5;

async fn presses(server: SocketAddr, lane: i64, last: i64) {
    let mut connection = Connection::to(server);
    for id in (STUCK + 1 + lane..=last).step_by(LANES) {
        let answer = connection.call(&Press::own(id, "filled").request()).await.expect("an answer");
        assert!(names_payment(&answer), "{} {}", answer.status, answer.body);
    }
}

async fn filled(combination: Combination, payments: i64) -> Stage {
    let tuning = [("SEKALI_RECONCILE_INTERVAL", INTERVAL)];
    let stage = Stage::set(combination, Webhooks::Off, STUCK + payments, &tuning).await;
    let mut lanes = JoinSet::new();
    for lane in 0..i64::try_from(LANES).expect("a small number") {
        lanes.spawn(presses(stage.servers[0].address, lane, STUCK + payments));
    }
    all(lanes).await;
    stage
}

/// From the start of the process until it says that it is ready.
async fn ready(stage: &mut Stage) -> Duration {
    let begun = Instant::now();
    stage.serve(1).await;
    let mut connection = stage.servers[0].connect();
    until("the service is ready", Duration::from_secs(60), async || {
        let answer = connection.call(&Request::get("/readyz")).await;
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    begun.elapsed()
}

async fn recovers(mut campaign: Campaign, combination: Combination, within: Duration) {
    let whole = sekali_harness::campaign::folder().is_some();
    let payments = if whole { WHOLE } else { SHARE };
    let mut stage = filled(combination, payments).await;
    let mut connection = stage.servers[0].connect();
    let mut sessions = Vec::new();
    for id in 1..=STUCK {
        let way = goes_to_stripe(&mut connection, &Press::own(id, "stuck")).await.expect("an answer");
        sessions.push(way.session);
    }
    let mut times = Vec::new();
    for round in 0..campaign.rounds() {
        stage.kill_servers();
        if round + 1 == campaign.rounds() {
            for session in &sessions {
                stage.stripe.pay(session).await;
            }
        }
        if !whole {
            stage.end_leases().await;
        }
        times.push(ready(&mut stage).await);
        campaign.progress(round);
    }
    let begun = Instant::now();
    until("what was paid is settled", 2 * LEASE, async || {
        let completed = "SELECT count(*) FROM payments WHERE status = 'completed'";
        (stage.database.number(completed).await == STUCK).then_some(())
    })
    .await;
    let settled = begun.elapsed();
    times.sort();
    let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let patience = if whole { 1 } else { LADEN };
    assert!(longest <= within * patience, "ready after {longest:?}");
    let lease = if whole { LEASE } else { Duration::ZERO };
    assert!(settled <= lease + SETTLED * patience, "settled after {settled:?}");
    campaign.figure("payments in the database", payments);
    campaign.figure("ready after", format!("{middle:.0?}, at most {longest:.0?}"));
    campaign.figure("paid meanwhile, settled by the reconciler (every 2 s) after", format!("{settled:.1?}"));
    stage.rests().await;
    stage.is_in_order("after the recovery").await;
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_recovery_sqlite() {
    let what = "kill -9 and restart of a server on SQLite: ready within 1 s, what was stuck settled within the interval";
    let campaign = Campaign::begin("campaign_recovery_sqlite", what, 3, 20);
    recovers(campaign, Combination::SqliteMemory, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_recovery_postgres() {
    let what = "kill -9 and restart of a server on PostgreSQL: ready within 2 s, what was stuck settled within the interval";
    let campaign = Campaign::begin("campaign_recovery_postgres", what, 3, 20);
    recovers(campaign, Combination::PostgresRedis, Duration::from_secs(2)).await;
}
