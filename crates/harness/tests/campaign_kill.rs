//! `kill -9` of the server at random moments, again and again, while people press, pay, come back, give up,
//! and operators refund: see [`sekali_harness::chaos`].

use sekali_harness::campaign::Campaign;
use sekali_harness::chaos::{Plan, kill_a_server, run};
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Surroundings};
use sekali_test_support::postgres;
use std::time::Duration;

const WHOLE: u64 = 10_000;
/// Blows to one database, after which everything is checked.
const BATCH: u64 = 250;
/// Longer than the leases of the dead, and than the reconciler stays away.
const LATE: Duration = Duration::from_secs(240);

async fn killed(campaign: Campaign, combination: Combination, real_expiries: bool) {
    // As long as it lives, so does the server that all batches share.
    let _kept = (combination == Combination::TwoServers).then(postgres::database);
    let plan = |blows, seed| Plan {
        combination,
        program: Program::Shipped,
        blows,
        seed,
        patience: if real_expiries { LATE } else { SOON },
        real_expiries,
        surroundings: Surroundings::default(),
    };
    run(campaign, BATCH, plan, kill_a_server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_kill_two_servers() {
    let what = "kill -9 of one of two servers on PostgreSQL and Redis, under payments, webhooks and refunds";
    let campaign = Campaign::begin("campaign_kill_two_servers", what, 30, WHOLE);
    killed(campaign, Combination::TwoServers, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_kill_sqlite() {
    let what = "kill -9 of the server on SQLite, under payments, webhooks and refunds";
    let campaign = Campaign::begin("campaign_kill_sqlite", what, 30, WHOLE);
    killed(campaign, Combination::SqliteMemory, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits minutes for leases and locks of the dead: a part of the evidence"]
async fn campaign_kill_real_expiries_two_servers() {
    let what = "kill -9 of one of two servers, with every lock, lease and interval as it is shipped";
    let campaign = Campaign::begin("campaign_kill_real_expiries_two_servers", what, 20, 20);
    killed(campaign, Combination::TwoServers, true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits minutes for leases of the dead: a part of the evidence"]
async fn campaign_kill_real_expiries_sqlite() {
    let what = "kill -9 of the server on SQLite, with every lease and interval as it is shipped";
    let campaign = Campaign::begin("campaign_kill_real_expiries_sqlite", what, 20, 20);
    killed(campaign, Combination::SqliteMemory, true).await;
}
