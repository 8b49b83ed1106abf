//! Two servers on one database share what runs in the background: the reconciler passes on one at a time,
//! and the host hears of each payment in order, from whichever.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use sekali_harness::actor::{goes_to_stripe, refund};
use sekali_harness::host::{Host, Manner};
use sekali_harness::press::Press;
use sekali_harness::server::Server;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::wait::until;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const PAYMENTS: i64 = 60;
const MANNER: Manner = Manner { delay: Duration::from_millis(5), refuses_every: 25 };
/// Between two passes of the reconciler, of all servers together.
const INTERVAL: Duration = Duration::from_secs(1);
/// Passes that are waited for, and how long a dead server's lease may keep the others waiting.
const PASSES: u64 = 8;
const LEASE_ENDS: Duration = Duration::from_secs(90);

async fn passes(servers: &[Server]) -> u64 {
    let each = servers.iter().map(|server| server.metric("sekali_reconciler_passes_total"));
    join_all(each).await.into_iter().sum()
}

/// Two that did not know of each other would make twice as many.
#[tokio::test(flavor = "multi_thread")]
async fn the_reconciler_passes_on_one_server_at_a_time() {
    let interval = INTERVAL.as_secs().to_string();
    let tuning = [("SEKALI_RECONCILE_INTERVAL", interval.as_str())];
    let mut stage = Stage::set(Combination::TwoServers, Webhooks::Off, 1, &tuning).await;
    let (before, begun) = (passes(&stage.servers).await, Instant::now());
    let made = until("the reconciler has passed", SOON, async || {
        let made = passes(&stage.servers).await - before;
        (made >= PASSES).then_some(made)
    })
    .await;
    let took = begun.elapsed();
    let most = took.as_secs() / INTERVAL.as_secs() + 2;
    assert!(made <= most, "{made} passes in {took:?}");
    // Whoever passes next: the other one has died, perhaps in the middle of it.
    stage.kill_servers();
    stage.serve(1).await;
    let begun = Instant::now();
    until("another server has taken over", LEASE_ENDS, async || {
        (passes(&stage.servers).await >= 2).then_some(())
    })
    .await;
    println!(
        "two servers: {made} passes in {took:.1?}, at most {most} were due; taken over after {:.1?}",
        begun.elapsed()
    );
}

/// Every message once, but for those that the host has refused; of each payment in order.
#[tokio::test(flavor = "multi_thread")]
async fn the_host_hears_of_each_payment_in_order_from_both_servers() {
    let begun = Instant::now();
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let stage = Stage::empty(Combination::TwoServers, Webhooks::On, &tuning).await;
    let mut stage = stage.telling(Host::open_with(MANNER).await);
    stage.serve(2).await;
    stage.database.seed(PAYMENTS, |id| id).await;
    for id in 1..=PAYMENTS {
        let server = &stage.servers[usize::try_from(id % 2).expect("0 or 1")];
        let press = Press::own(id, format!("workers-{id}"));
        let way = goes_to_stripe(&mut server.connect(), &press).await.expect("an answer");
        stage.stripe.pay(&way.session).await;
        let completed =
            format!("SELECT count(*) FROM payments WHERE id = {} AND status = 'completed'", way.payment);
        stage.comes_to(&completed, 1).await;
        let answer = server.connect().call(&refund(way.payment, &format!("back-{id}"), "1000.00")).await;
        assert_eq!(answer.expect("an answer").status, 201);
    }
    stage.rests().await;
    stage.is_in_order("two servers").await;
    let heard = stage.host.heard();
    let once: BTreeSet<&str> = heard.iter().map(|told| told.id.as_str()).collect();
    assert_eq!(heard.len(), once.len(), "nothing is told twice while nobody dies");
    let refused = stage.host.refused();
    assert!(refused > 0, "the host never refused");
    let mut by = Vec::new();
    for server in &stage.servers {
        by.push(server.metric(r#"sekali_deliveries_total{outcome="delivered"}"#).await);
    }
    assert!(by.iter().all(|delivered| *delivered > 0), "both servers tell: {by:?}");
    println!(
        "two servers: {} messages about {PAYMENTS} payments, {refused} refused at first, told by {by:?}, all in order; {:.1?}",
        heard.len(),
        begun.elapsed()
    );
}
