//! A PgBouncer between two servers and PostgreSQL, under load: killed, paused, its sessions closed, everybody cut
//! off. In transaction mode every session has also been somebody else's before, who left settings in it with which
//! nothing would be durable. See [`sekali_harness::chaos`].

use sekali_harness::campaign::Campaign;
use sekali_harness::chaos::{Plan, Scene, run, strike_pooler, watch};
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Surroundings};
use sekali_test_support::postgres::{self, Pooler, Pooling};
use std::sync::Arc;

/// Blows to one database, after which everything is checked.
const BATCH: u64 = 100;

async fn play(campaign: Campaign, pooling: Pooling) {
    // As long as it lives, so does the server that the pooler stands before.
    let kept = postgres::database();
    let pooler = Arc::new(Pooler::start(&kept.url, pooling));
    let surroundings = Surroundings { pooler: Some(Arc::clone(&pooler)), ..Surroundings::default() };
    let plan = |blows, seed| Plan {
        combination: Combination::TwoServers,
        program: Program::Shipped,
        blows,
        seed,
        patience: SOON,
        real_expiries: false,
        surroundings: surroundings.clone(),
    };
    let blow = async |scene: &mut Scene| {
        watch(scene).await;
        strike_pooler(scene, &pooler).await;
    };
    run(campaign, BATCH, plan, blow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_pooler() {
    let what = "PgBouncer in transaction mode under two servers killed (kill -9), paused, its sessions closed or everybody \
                cut off, while others leave their own settings in its sessions";
    play(Campaign::begin("campaign_site_pooler", what, 6, 1_000), Pooling::Transaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_pooler_session() {
    let what = "PgBouncer in session mode under two servers killed (kill -9), its sessions closed or everybody cut off";
    play(Campaign::begin("campaign_site_pooler_session", what, 3, 300), Pooling::Session).await;
}
