//! `kill -9` of the server at random moments, again and again, while people press, pay, come back, give up,
//! and operators refund: see [`sekali_harness::chaos`].

use sekali_harness::campaign::Campaign;
use sekali_harness::chaos::{Landed, Plan, kill_a_server, play};
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::stage::SOON;
use sekali_harness::violation::none;
use sekali_test_support::postgres;
use std::time::Duration;

const WHOLE: u64 = 10_000;
/// Blows to one database, after which everything is checked.
const BATCH: u64 = 250;

/// Longer than the leases of the dead, and than the reconciler stays away.
const LATE: Duration = Duration::from_secs(240);

async fn killed(mut campaign: Campaign, combination: Combination, real_expiries: bool) {
    // As long as it lives, so does the server that all batches share.
    let _kept = (combination == Combination::TwoServers).then(postgres::database);
    let (mut done, mut landed) = (0, Landed::default());
    let (mut answers, mut payments, mut charges, mut starts) = (0, 0, 0, Vec::new());
    while done < campaign.rounds() {
        let plan = Plan {
            combination,
            program: Program::Shipped,
            blows: BATCH.min(campaign.rounds() - done),
            seed: campaign.seed() + done,
            patience: if real_expiries { LATE } else { SOON },
            real_expiries,
        };
        let outcome = play(&plan, kill_a_server).await;
        none(&outcome.violations, &format!("after {} kills, seed {}", plan.blows, plan.seed));
        landed.add(&outcome.landed);
        starts.extend(outcome.starts);
        (answers, payments, charges) =
            (answers + outcome.answers, payments + outcome.payments, charges + outcome.charges);
        done += plan.blows;
        campaign.progress(done);
    }
    starts.sort();
    let (middle, longest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    campaign.figure("a killed server listened again after", format!("{middle:.0?}, at most {longest:.0?}"));
    campaign.count("answers", answers);
    campaign.count("payments, all checked", payments);
    campaign.count("charges at the gateway, all checked", charges);
    for (step, times) in landed.figures() {
        campaign.count(&format!("landed at: {step}"), times);
    }
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_kill_two_servers() {
    let what = "kill -9 of one of two servers on PostgreSQL and Redis, under payments, webhooks and refunds";
    let campaign = Campaign::begin("campaign_kill_two_servers", what, 60, WHOLE);
    killed(campaign, Combination::TwoServers, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_kill_sqlite() {
    let what = "kill -9 of the server on SQLite, under payments, webhooks and refunds";
    let campaign = Campaign::begin("campaign_kill_sqlite", what, 60, WHOLE);
    killed(campaign, Combination::SqliteMemory, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits minutes for leases and locks of the dead; part of the evidence"]
async fn campaign_kill_real_expiries() {
    let what = "the same on two servers and on SQLite, with every lock, lease and interval as it is shipped";
    for combination in [Combination::TwoServers, Combination::SqliteMemory] {
        let campaign = Campaign::begin("campaign_kill_real_expiries", what, 20, 20);
        killed(campaign, combination, true).await;
    }
}
