//! Payments, each with Stripe's webhook and the patient's return at the same instant, and the reconciler among
//! them: one transition each.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use sekali_harness::actor::{callback, goes_to_stripe};
use sekali_harness::campaign::Campaign;
use sekali_harness::http::Connection;
use sekali_harness::mailbox::Mailbox;
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::task::JoinSet;

const LANES: usize = 8;
/// Payments on one installation: at each pass the reconciler goes through all sessions of the last minutes.
const BATCH: i64 = 1_000;
const COMPLETED: &str = "checkout.session.completed";

/// Who takes the next consultation, and through which servers: the browser's, and the webhook's.
struct Lane {
    last: i64,
    next: Arc<AtomicI64>,
    browser: SocketAddr,
    webhooks: SocketAddr,
}

impl Lane {
    async fn play(self, stage: Arc<Stage>, mailbox: Arc<Mailbox>) {
        let mut browser = Connection::to(self.browser);
        let mut webhooks = Connection::to(self.webhooks);
        loop {
            let id = self.next.fetch_add(1, Ordering::SeqCst) + 1;
            if id > self.last {
                return;
            }
            let press = Press::own(id, format!("settle-{id}"));
            let way = goes_to_stripe(&mut browser, &press).await.expect("an answer");
            stage.stripe.pay(&way.session).await;
            let letter = mailbox.take(COMPLETED, &way.session).await.request();
            let back = callback(way.payment, &way.session);
            let (back, told) = tokio::join!(browser.call(&back), webhooks.call(&letter));
            let (back, told) = (back.expect("an answer"), told.expect("an answer"));
            assert_eq!((back.status, told.status), (200, 200), "{} {}", back.body, told.body);
            assert!(back.body.contains("Pembayaran berhasil"), "{}", back.body);
        }
    }
}

async fn settle(mut campaign: Campaign, combination: Combination) {
    let payments = i64::try_from(campaign.rounds()).expect("not so many");
    let (mut done, mut settled) = (0, BTreeMap::new());
    while done < payments {
        let batch = BATCH.min(payments - done);
        for (who, times) in settle_batch(&mut campaign, combination, done, batch).await {
            *settled.entry(who).or_insert(0) += times.unsigned_abs();
        }
        done += batch;
    }
    for (who, times) in settled {
        campaign.count(&format!("settled by the {who}"), times);
    }
    campaign.passed();
}

async fn settle_batch(
    campaign: &mut Campaign,
    combination: Combination,
    before: i64,
    payments: i64,
) -> BTreeMap<&'static str, i64> {
    let mailbox = Arc::new(Mailbox::open().await);
    // The reconciler looks at all that is open once a second: it may be any of the three.
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let stage = Arc::new(Stage::set(combination, Webhooks::To(&mailbox.url), payments, &tuning).await);
    let addresses: Vec<SocketAddr> = stage.servers.iter().map(|server| server.address).collect();
    let (next, mut lanes) = (Arc::new(AtomicI64::new(0)), JoinSet::new());
    for lane in 0..LANES {
        let (browser, webhooks) =
            (addresses[lane % addresses.len()], addresses[(lane + 1) % addresses.len()]);
        let lane = Lane { last: payments, next: Arc::clone(&next), browser, webhooks };
        lanes.spawn(lane.play(Arc::clone(&stage), Arc::clone(&mailbox)));
    }
    while lanes.join_next().await.map(|lane| lane.expect("a lane")).is_some() {
        campaign.progress((before + next.load(Ordering::SeqCst).min(payments)).unsigned_abs());
    }
    stage.rests().await;
    check(&stage, payments).await
}

/// Who made the transitions.
async fn check(stage: &Stage, payments: i64) -> BTreeMap<&'static str, i64> {
    let count = async |sql: &str| stage.database.number(sql).await;
    assert_eq!(count("SELECT count(*) FROM payments WHERE status = 'completed'").await, payments);
    assert_eq!(count("SELECT count(*) FROM payment_events WHERE kind = 'completed'").await, payments);
    let once = "SELECT count(DISTINCT payment_id) FROM payment_events WHERE kind = 'completed'";
    assert_eq!(count(once).await, payments);
    assert_eq!(count("SELECT count(*) FROM captures WHERE disposition = 'settled'").await, payments);
    assert_eq!(count("SELECT count(*) FROM captures").await, payments);
    let handled = "SELECT count(*) FROM gateway_events WHERE finished_at IS NOT NULL AND error IS NULL";
    assert_eq!(count(handled).await, payments, "each webhook was handled at once");
    stage.database.holds(payments).await;
    for server in &stage.servers {
        assert_eq!(server.count_logged(r#""level":"ERROR""#), 0, "{}", server.said());
    }
    stage.is_in_order("after the rounds").await;
    let mut by = BTreeMap::new();
    for who in ["webhook", "callback", "reconciler"] {
        let sql = format!(
            "SELECT count(*) FROM payment_events WHERE kind = 'completed' AND data LIKE '%\"by\":\"{who}\"%'"
        );
        by.insert(who, count(&sql).await);
    }
    by
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_settle_sqlite() {
    let what = "callback and webhook of one payment at the same instant beside the reconciler, on SQLite";
    settle(Campaign::begin("campaign_settle_sqlite", what, 150, 10_000), Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_settle_two_servers() {
    let what =
        "callback and webhook of one payment at the same instant through two servers, beside the reconciler";
    settle(Campaign::begin("campaign_settle_two_servers", what, 150, 10_000), Combination::TwoServers).await;
}
