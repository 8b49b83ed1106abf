//! `kill -9` at a line after which something has begun that nobody asks for again: it comes to its end all the
//! same. (Every line, again and again, with people who come back: `campaign_failpoints`.)
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_core::ports::Point;
use sekali_harness::death::{Death, dies};
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::story::EACH;
use sekali_harness::wait::until;
use std::time::Duration;
use tokio::time::Instant;

/// In centavos.
const FEE: i64 = 500_000;
const ALWAYS: &str = "1";

/// After each of these something has begun that nobody asks for again.
const BEGUN: [Point; 10] = [
    Point::EventReceived,
    Point::SessionAsked,
    Point::Settled,
    Point::CancelIntended,
    Point::SessionEnded,
    Point::RefundIntended,
    Point::RefundAnswered,
    Point::RefundRecorded,
    Point::HostTold,
    Point::DeliveryRecorded,
];
/// The leases of the dead end by themselves within this, and what they held is done.
const LATE: Duration = Duration::from_secs(180);

/// Nobody comes back, and nobody helps: what had begun comes to its end all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_had_begun_ends_though_nobody_comes_back() {
    let begun = Instant::now();
    let runs = BEGUN.map(|point| async move {
        let tuning = [("SEKALI_RECONCILE_INTERVAL", ALWAYS)];
        let mut stage = Stage::empty(Combination::SqliteMemory, Webhooks::On, &tuning).await;
        stage.migrate();
        stage.database.seed(EACH, |id| id).await;
        assert!(
            dies(&mut stage, &Death { point, time: 1, story: 1 }, ALWAYS).await,
            "{point:?} is never passed"
        );
        stage.serve(1).await;
        let when = format!("{point:?}");
        // A call that makes a session is not asked about before it must have ended, after 60 s.
        until(&format!("all that is paid is settled after a death at {when}"), LATE, async || {
            let creating = "SELECT count(*) FROM checkout_sessions WHERE state = 'creating'";
            let settled = "SELECT count(*) FROM captures WHERE disposition = 'settled'";
            let captured = stage.stripe.books().await.captured;
            let known = stage.database.number(settled).await * FEE;
            (known == captured && stage.database.number(creating).await == 0).then_some(())
        })
        .await;
        stage.rests_within(LATE).await;
        stage.is_in_order(&when).await;
        let books = stage.stripe.books().await;
        assert!(books.refunds.values().sum::<i64>() <= 1, "{when}: {books:?}");
        println!("after a death at {when}: at rest without anybody's help, {:.1?}", begun.elapsed());
    });
    futures_util::future::join_all(runs).await;
}
