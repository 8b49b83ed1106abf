//! 1,000 payments, each with Stripe's webhook and the patient's return at the same instant: one transition
//! each.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{callback, goes_to_stripe};
use sekali_harness::http::Connection;
use sekali_harness::mailbox::Mailbox;
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::wait::all;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::task::JoinSet;
use tokio::time::Instant;

const PAYMENTS: i64 = 1000;
const LANES: usize = 8;
const COMPLETED: &str = "checkout.session.completed";

/// Who takes the next consultation, and through which servers: the browser's, and the webhook's.
struct Lane {
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
            if id > PAYMENTS {
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

async fn settle(combination: Combination) {
    let begun = Instant::now();
    let mailbox = Arc::new(Mailbox::open().await);
    // The reconciler looks once, at the start: whoever settles is one of the two.
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let stage = Arc::new(Stage::set(combination, Webhooks::To(&mailbox.url), PAYMENTS, &tuning).await);
    let addresses: Vec<SocketAddr> = stage.servers.iter().map(|server| server.address).collect();
    let (next, mut lanes) = (Arc::new(AtomicI64::new(0)), JoinSet::new());
    for lane in 0..LANES {
        let (browser, webhooks) =
            (addresses[lane % addresses.len()], addresses[(lane + 1) % addresses.len()]);
        let lane = Lane { next: Arc::clone(&next), browser, webhooks };
        lanes.spawn(lane.play(Arc::clone(&stage), Arc::clone(&mailbox)));
    }
    all(lanes).await;
    let settled = begun.elapsed();
    stage.rests().await;
    let by = check(&stage).await;
    println!(
        "{combination:?}: {PAYMENTS} payments settled in {settled:.1?}, {by:?}; one transition each, no error, \
         and {:.1?} until the host knew all of it",
        begun.elapsed()
    );
}

/// Who made the transitions.
async fn check(stage: &Stage) -> BTreeMap<&'static str, i64> {
    let count = async |sql: &str| stage.database.number(sql).await;
    assert_eq!(count("SELECT count(*) FROM payments WHERE status = 'completed'").await, PAYMENTS);
    assert_eq!(count("SELECT count(*) FROM payment_events WHERE kind = 'completed'").await, PAYMENTS);
    let once = "SELECT count(DISTINCT payment_id) FROM payment_events WHERE kind = 'completed'";
    assert_eq!(count(once).await, PAYMENTS);
    assert_eq!(count("SELECT count(*) FROM captures WHERE disposition = 'settled'").await, PAYMENTS);
    assert_eq!(count("SELECT count(*) FROM captures").await, PAYMENTS);
    let handled = "SELECT count(*) FROM gateway_events WHERE finished_at IS NOT NULL AND error IS NULL";
    assert_eq!(count(handled).await, PAYMENTS, "each webhook was handled at once");
    stage.database.holds(PAYMENTS).await;
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
async fn callback_and_webhook_at_once_on_sqlite() {
    settle(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_and_webhook_at_once_through_two_servers() {
    settle(Combination::TwoServers).await;
}
