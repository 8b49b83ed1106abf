//! The primary Redis dies while people press through two servers; a real Sentinel promotes a replica that lags, and
//! HAProxy, which is the one address that the service knows, leads to it as soon as it says that it is the primary.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use sekali_harness::actor::cancel;
use sekali_harness::campaign::Campaign;
use sekali_harness::http::{Answer, Connection};
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, one_created, payment_id};
use sekali_harness::program;
use sekali_harness::seed::Seeded;
use sekali_harness::sentinel::Guarded;
use sekali_harness::server::Server;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A press in a round, Redis' time-out and the database's work included, on a laden machine.
const QUICK: Duration = Duration::from_secs(4);
/// The moment at which the primary dies, at most so many microseconds after four have pressed.
const MOMENT: u64 = 6_000;

#[derive(Default)]
struct Counted {
    slowest: Duration,
    longest_without: Duration,
    during: u64,
}

/// The old key tells what became of its payment, whatever the Redis that is asked remembers.
async fn old_key_tells(connection: &mut Connection, old: &Press, payment: i64) {
    let again = connection.call(&old.request()).await.expect("an answer");
    assert!(names_payment(&again), "{}", again.body);
    assert_eq!(payment_id(&again), payment, "{}", again.body);
    assert_eq!(again.json()["data"]["status"], "cancelled", "{}", again.body);
}

/// Four press for one consultation, and in the midst of it the primary dies; the slowest answer's time.
async fn press_while_it_dies(
    connections: &mut [Connection],
    redis: &mut Guarded,
    consultation: i64,
    moment: Duration,
) -> (Vec<Answer>, Duration) {
    let presses = connections.iter_mut().enumerate().map(async |(at, connection)| {
        let press = Press::own(consultation, format!("new-{}", at / 2));
        let begun = Instant::now();
        (connection.call(&press.request()).await.expect("an answer"), begun.elapsed())
    });
    let dies = async {
        // The random moment.
        sleep(moment).await;
        redis.loses_its_primary();
    };
    let (answers, ()) = tokio::join!(join_all(presses), dies);
    let slowest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    (answers.into_iter().map(|(answer, _)| answer).collect(), slowest)
}

async fn round(stage: &Stage, redis: &mut Guarded, number: i64, random: &mut Seeded, sum: &mut Counted) {
    let mut connections: Vec<Connection> =
        stage.servers.iter().cycle().take(4).map(Server::connect).collect();
    let (consultation, old) = (2 * number - 1, Press::own(2 * number - 1, "old"));
    let first = connections[0].call(&old.request()).await.expect("an answer");
    assert_eq!(first.status, 201, "{}", first.body);
    redis.lags().await;
    // The replica knows it as pending for ever.
    let cancelled = connections[1].call(&cancel(consultation, payment_id(&first))).await.expect("an answer");
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let moment = Duration::from_micros(random.below(MOMENT));
    let (answers, slowest) = press_while_it_dies(&mut connections, redis, consultation, moment).await;
    assert!(slowest < QUICK, "a press took {slowest:?}");
    sum.slowest = sum.slowest.max(slowest);
    let payment = one_created(&answers);
    assert_ne!(payment, payment_id(&first), "the cancelled one is over");
    let begun = Instant::now();
    // Nobody is turned down meanwhile.
    let meanwhile = Press::own(2 * number, "meanwhile").request();
    let answer = connections[2].call(&meanwhile).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.body);
    sum.during += 1;
    redis.is_failed_over().await;
    stage.redis_is_used().await;
    sum.longest_without = sum.longest_without.max(begun.elapsed());
    for connection in &mut connections[..2] {
        old_key_tells(connection, &old, payment_id(&first)).await;
    }
    for (at, connection) in connections.iter_mut().enumerate() {
        let again = connection.call(&Press::own(consultation, format!("new-{}", at / 2)).request()).await;
        assert_eq!(payment_id(&again.expect("an answer")), payment, "whoever presses again has the same");
    }
    redis.is_whole_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_sentinel() {
    let what = "The primary Redis is killed while four press through two servers, Sentinel promotes a replica that lags, and HAProxy \
                leads to it: one payment, nobody turned down, and the old key tells its true status.";
    let mut campaign = Campaign::begin("campaign_site_sentinel", what, 3, 300);
    let rounds = i64::try_from(campaign.rounds()).expect("a small number");
    let mut redis = Guarded::start().await;
    let url = redis.url();
    let tuning = [("REDIS_URL", url.as_str()), ("SEKALI_RECONCILE_INTERVAL", "3600")];
    let mut stage = Stage::empty(Combination::PostgresMemory, Webhooks::Off, &tuning).await;
    for _ in 0..2 {
        stage.serve_with(program::serve(), &[]).await;
    }
    stage.database.seed(2 * rounds, |id| id).await;
    let (mut random, mut sum) = (Seeded::new(campaign.seed()), Counted::default());
    for number in 1..=rounds {
        round(&stage, &mut redis, number, &mut random, &mut sum).await;
        campaign.progress(number.unsigned_abs());
    }
    let odd = "SELECT count(*) FROM (SELECT 1 FROM payments WHERE status <> 'cancelled'
         GROUP BY consultation_id HAVING count(*) <> 1) AS odd";
    assert_eq!(stage.database.number(odd).await, 0, "one each");
    all_pay_once(&stage, 2 * rounds, "after the failovers").await;
    campaign.figure("the slowest press while the primary died", format!("{:.0?}", sum.slowest));
    campaign.figure(
        "longest until the promoted replica was used by both",
        format!("{:.0?}", sum.longest_without),
    );
    campaign.count("presses answered 201 between the death and the promotion", sum.during);
    campaign.passed();
}
