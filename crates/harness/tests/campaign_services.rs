//! What a server stands on is taken from it under load: Redis killed, flushed, frozen; PostgreSQL killed, or its
//! connections ended; and the server itself frozen past its locks' expiry. See [`sekali_harness::chaos`].

use sekali_harness::campaign::Campaign;
use sekali_harness::chaos::{
    Plan, flush_redis, freeze_a_server, freeze_redis, kill_redis, run, strike_postgres,
};
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Surroundings};
use sekali_test_support::postgres;

/// Blows to one database, after which everything is checked.
const BATCH: u64 = 100;

fn plan(surroundings: Surroundings) -> impl Fn(u64, u64) -> Plan {
    move |blows, seed| Plan {
        combination: Combination::TwoServers,
        program: Program::Shipped,
        blows,
        seed,
        patience: SOON,
        real_expiries: false,
        surroundings: surroundings.clone(),
    }
}

fn own_redis() -> Surroundings {
    Surroundings { own_redis: true, ..Surroundings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_redis_killed() {
    let what = "kill -9 of Redis beside two servers on PostgreSQL, and its return";
    let _kept = postgres::database();
    let campaign = Campaign::begin("campaign_redis_killed", what, 5, 1000);
    run(campaign, BATCH, plan(own_redis()), kill_redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_redis_flushed() {
    let what = "FLUSHALL of Redis beside two servers on PostgreSQL";
    let _kept = postgres::database();
    let campaign = Campaign::begin("campaign_redis_flushed", what, 15, 1000);
    run(campaign, BATCH, plan(own_redis()), flush_redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_redis_frozen() {
    let what = "Redis beside two servers on PostgreSQL frozen until its locks were over, and continued";
    let _kept = postgres::database();
    let campaign = Campaign::begin("campaign_redis_frozen", what, 5, 1000);
    run(campaign, BATCH, plan(own_redis()), freeze_redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_server_frozen_under_load() {
    let what = "one of two servers frozen (SIGSTOP) under load until its locks were over, and continued";
    let _kept = postgres::database();
    let campaign = Campaign::begin("campaign_server_frozen_under_load", what, 12, 1000);
    run(campaign, BATCH, plan(Surroundings::default()), freeze_a_server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_postgres_killed() {
    let what =
        "PostgreSQL under two servers killed (kill -9 of the whole, of a backend), or its connections ended";
    let server = postgres::Server::start();
    let surroundings = Surroundings { postgres: Some(server.clone()), ..Surroundings::default() };
    let campaign = Campaign::begin("campaign_postgres_killed", what, 6, 300);
    run(campaign, BATCH, plan(surroundings), async |scene| strike_postgres(scene, &server).await).await;
}
