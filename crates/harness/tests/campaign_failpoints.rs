//! `kill -9` at every line between a commit, a call to Stripe, the commit after it and the message to the
//! host, in the whole life of two payments. After a restart everything is as if nothing had happened.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]

use sekali_core::ports::Point;
use sekali_harness::campaign::Campaign;
use sekali_harness::death::{Death, dies};
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::story::{EACH, Story, end_well};
use sekali_test_support::postgres;

/// Times that each point is died at.
const WHOLE: u64 = 100;
/// Stories on one database, after which everything is checked, the gateway's lists too.
const BATCH: i64 = 25;
/// The reconciler of who dies passes at the start, and then no more: who dies is what patients and webhooks wake.
const ONCE: &str = "3600";
/// The one of who comes after passes each second.
const ALWAYS: (&str, &str) = ("SEKALI_RECONCILE_INTERVAL", "1");

/// Which passing is died at: each in turn, from the first to the last that there is.
struct Passings {
    next: u64,
    most: u64,
}

impl Passings {
    fn after(&mut self, died: bool) {
        if died {
            self.most = self.most.max(self.next);
            self.next += 1;
        } else {
            self.next = 1;
        }
    }
}

/// A stage, with so many stories told on it. The points share it: to set one up, and to check all that happened on
/// it, takes longer than a story.
struct Batch {
    stage: Stage,
    told: i64,
}

impl Batch {
    async fn begin(combination: Combination) -> Self {
        let stage = Stage::empty(combination, Webhooks::On, &[ALWAYS]).await;
        stage.migrate();
        stage.database.seed(EACH * BATCH, |id| id).await;
        Self { stage, told: 0 }
    }

    async fn end(self) {
        self.stage.is_in_order(&format!("after {} stories", self.told)).await;
    }

    /// One story with a death in it; whether somebody died.
    async fn story(&mut self, point: Point, time: u64) -> bool {
        self.told += 1;
        let (stage, death) = (&mut self.stage, Death { point, time, story: self.told });
        let died = dies(stage, &death, ONCE).await;
        assert!(died || death.time > 1, "{point:?} is never passed");
        stage.end_leases().await;
        stage.end_locks();
        stage.serve(1).await;
        let played = Story::on(stage, death.story).play().await;
        played.unwrap_or_else(|error| panic!("after {death:?}: {error}; {}", stage.said()));
        end_well(stage, death.story, &format!("after {death:?}")).await;
        stage.kill_servers();
        died
    }
}

async fn at_every_point(mut campaign: Campaign, combination: Combination) {
    // As long as it lives, so does the server that all points share.
    let _kept = (combination != Combination::SqliteMemory).then(postgres::database);
    let mut batch = Batch::begin(combination).await;
    for (done, point) in (1..).zip(Point::ALL) {
        let (mut deaths, mut passings) = (0, Passings { next: 1, most: 0 });
        while deaths < campaign.rounds() {
            if batch.told == BATCH {
                std::mem::replace(&mut batch, Batch::begin(combination).await).end().await;
            }
            // A passing that there is none of takes a story, and no death.
            let died = batch.story(point, passings.next).await;
            passings.after(died);
            deaths += u64::from(died);
        }
        let most = passings.most;
        let passings =
            if most == 1 { "the only passing".to_owned() } else { format!("passings 1 to {most} in turn") };
        campaign.figure(&format!("died at {}", point.name()), passings);
        campaign.progress(done);
    }
    batch.end().await;
    campaign.figure("points, each so often", Point::ALL.len());
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_failpoints_sqlite() {
    let what = "each round a death at each of the 18 named points of payment, checkout, webhook, cancel, refund and outbox, on SQLite";
    let campaign = Campaign::begin("campaign_failpoints_sqlite", what, 1, WHOLE);
    at_every_point(campaign, Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_failpoints_postgres() {
    let what = "each round a death at each of the 18 named points of payment, checkout, webhook, cancel, refund and outbox, on PostgreSQL and Redis";
    let campaign = Campaign::begin("campaign_failpoints_postgres", what, 1, WHOLE);
    at_every_point(campaign, Combination::PostgresRedis).await;
}
