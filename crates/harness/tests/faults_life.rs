//! `kill -9` at every line between a commit, a call to Stripe, the commit after it and the message to the
//! host, in the whole life of two payments. After a restart everything is as if nothing had happened.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_core::ports::Point;
use sekali_harness::program;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::story::{PAID, Story, ends_well};
use sekali_harness::wait::until;
use sekali_test_support::postgres;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

/// No point is passed more often than this in the whole story.
const MOST: u32 = 40;
/// In centavos.
const FEE: i64 = 500_000;
/// The reconciler passes at the start, and then no more: who dies is what patients and webhooks wake.
const ONCE: &str = "3600";
const ALWAYS: &str = "1";

/// Plays the story on a server that dies at the `time`-th passing of `point`. Whether it died.
async fn dies(stage: &mut Stage, point: Point, time: u32, reconciler: &str) -> bool {
    let failpoint = format!("{}:{time}", point.name());
    let more = [("SEKALI_FAILPOINT", failpoint.as_str()), ("SEKALI_RECONCILE_INTERVAL", reconciler)];
    stage.serve_with(Command::new(program::failpoints()), &more).await;
    stage.database.seed(PAID, |id| id).await;
    let played = Story::on(stage).play().await;
    let Stage { servers, database, host, .. } = stage;
    let dead = until("the host is told, or the server dead", SOON, async || {
        if servers[0].is_dead() {
            return Some(true);
        }
        let told = host.stories();
        let over = played.is_ok() && told.len() == 2 && told == database.announced().await;
        (over && database.number(UNDELIVERED).await == 0).then_some(false)
    })
    .await;
    if dead {
        let end = stage.servers[0].ended(SOON).await;
        assert_eq!(end.signal(), Some(9), "at {failpoint}: {}", stage.said());
    }
    stage.kill_servers();
    dead
}

const UNDELIVERED: &str = "SELECT count(*) FROM outbox WHERE delivered_seq < last_seq";

/// Dies at each of the first `most` passings of each point, each time with a database and a Stripe of its own.
async fn at_every_point(combination: Combination, most: u32) {
    let begun = Instant::now();
    // As long as it lives, so does the server that all points share.
    let _kept = (combination != Combination::SqliteMemory).then(postgres::database);
    let mut deaths = 0;
    for point in Point::ALL {
        for time in 1..=most {
            let tuning = [("SEKALI_RECONCILE_INTERVAL", ALWAYS)];
            let mut stage = Stage::empty(combination, Webhooks::On, &tuning).await;
            let dead = dies(&mut stage, point, time, ONCE).await;
            assert!(dead || time > 1, "{point:?} is never passed");
            stage.end_leases().await;
            let when = format!("after a death at {point:?}, passing {time}");
            stage.serve(1).await;
            let played = Story::on(&stage).play().await;
            played.unwrap_or_else(|error| panic!("{when}: {error}; {}", stage.said()));
            ends_well(&stage, &when).await;
            if !dead {
                break;
            }
            deaths += 1;
        }
    }
    println!(
        "{combination:?}: killed {deaths} times; each time two sessions for two consultations, one charge, one \
         refund, seven messages in order; {:.1?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_passing_of_every_point_on_sqlite() {
    at_every_point(Combination::SqliteMemory, MOST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_point_on_postgres_with_redis() {
    at_every_point(Combination::PostgresRedis, 1).await;
}

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
        assert!(dies(&mut stage, point, 1, ALWAYS).await, "{point:?} is never passed");
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
