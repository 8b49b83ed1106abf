//! Redis fails over to a replica that lags, or swallows everything, while people press through two servers: the
//! lock may be held twice and the cache be old, and there is one payment all the same, with its true status.
//!
//! A failover is made as Sentinel makes it: the replica is told `REPLICAOF NO ONE`, and the address that the
//! service knows leads to it from then on. When Sentinel would do so is not what matters here, so no Sentinel
//! is asked, and a round takes a fraction of a second.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use redis::Connection as Redis;
use sekali_harness::actor::cancel;
use sekali_harness::campaign::Campaign;
use sekali_harness::http::Connection;
use sekali_harness::lanes::Lanes;
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, one_created, payment_id};
use sekali_harness::program;
use sekali_harness::proxy::{Proxy, host_of};
use sekali_harness::seed::Seeded;
use sekali_harness::server::Server;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::wait::until;
use sekali_test_support::redis::{TestRedis, server};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Rounds on one database.
const BATCH: u64 = 100;
/// A press in a round, Redis' time-out and the database's work included, on a laden machine.
const QUICK: Duration = Duration::from_secs(4);
/// The contract: Redis is used again within 2 s of its return; twice that on a laden machine.
const BACK: Duration = Duration::from_secs(4);

#[derive(Clone, Copy)]
enum What {
    FailsOver,
    IsSwallowed,
}

struct Pair {
    now: usize,
    servers: [TestRedis; 2],
    proxy: Proxy,
}

impl Pair {
    async fn start() -> Self {
        let servers = [server(), server()];
        for one in &servers {
            tell(&mut connect(one), &["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
        }
        let proxy = Proxy::open(host_of(&servers[0].url)).await;
        Self { now: 0, servers, proxy }
    }

    /// From here on the replica lags: it has what there is now, and will never have what is written next.
    async fn replica_lags(&self) {
        let (here, there) = (&self.servers[self.now], &self.servers[1 - self.now]);
        let port = host_of(&here.url).port().to_string();
        let mut replica = connect(there);
        tell(&mut replica, &["REPLICAOF", "127.0.0.1", &port]);
        until("the replica is in step", SOON, async || {
            let said: String = redis::cmd("INFO").arg("replication").query(&mut replica).expect("a Redis");
            said.contains("master_link_status:up").then_some(())
        })
        .await;
        tell(&mut replica, &["REPLICAOF", "NO", "ONE"]);
    }

    /// The old one is gone with what it held.
    fn fails_over(&mut self) {
        let old = self.now;
        self.now = 1 - self.now;
        self.proxy.lead_to(host_of(&self.servers[self.now].url));
        tell(&mut connect(&self.servers[old]), &["FLUSHALL"]);
    }
}

fn connect(redis: &TestRedis) -> Redis {
    let client = redis::Client::open(redis.url.as_str()).expect("an address of Redis");
    client.get_connection().expect("a Redis that runs")
}

fn tell(redis: &mut Redis, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).exec(redis).unwrap_or_else(|error| panic!("{words:?}: {error}"));
}

#[derive(Clone, Copy, Default)]
struct Counted {
    rounds: u64,
    slowest: Duration,
}

/// One consultation, in whose presses it happens.
async fn round(
    stage: &Stage,
    pair: &mut Pair,
    what: What,
    consultation: i64,
    random: &mut Seeded,
) -> Duration {
    let mut connections: Vec<Connection> =
        stage.servers.iter().cycle().take(4).map(Server::connect).collect();
    let old = Press::own(consultation, "old");
    let first = connections[0].call(&old.request()).await.expect("an answer");
    assert_eq!(first.status, 201, "{}", first.body);
    if matches!(what, What::FailsOver) {
        pair.replica_lags().await;
    }
    // The replica knows it as pending for ever.
    let cancelled = connections[1].call(&cancel(consultation, payment_id(&first))).await.expect("an answer");
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let presses = connections.iter_mut().enumerate().map(async |(at, connection)| {
        let press = Press::own(consultation, format!("new-{}", at / 2));
        let begun = Instant::now();
        (connection.call(&press.request()).await.expect("an answer"), begun.elapsed())
    });
    let moment = Duration::from_micros(random.below(6_000));
    let breaks = async {
        // The random moment.
        sleep(moment).await;
        match what {
            What::FailsOver => pair.fails_over(),
            What::IsSwallowed => pair.proxy.go_dark(),
        }
    };
    let (answers, ()) = tokio::join!(join_all(presses), breaks);
    let slowest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    assert!(slowest < QUICK, "a press took {slowest:?}");
    let answers: Vec<_> = answers.into_iter().map(|(answer, _)| answer).collect();
    let payment = one_created(&answers);
    assert_ne!(payment, payment_id(&first), "the cancelled one is over");
    // The old key tells what became of its payment, whatever the Redis that is asked now remembers.
    for connection in &mut connections[..2] {
        let again = connection.call(&old.request()).await.expect("an answer");
        assert!(names_payment(&again), "{}", again.body);
        assert_eq!(payment_id(&again), payment_id(&first), "{}", again.body);
        assert_eq!(again.json()["data"]["status"], "cancelled", "{}", again.body);
    }
    if matches!(what, What::IsSwallowed) {
        pair.proxy.sever();
    }
    for server in &stage.servers {
        until("Redis is used again", BACK, async || {
            (server.metric("sekali_redis_up").await == 1).then_some(())
        })
        .await;
    }
    slowest
}

async fn batch(what: What, seed: u64, rounds: u64) -> Counted {
    let mut random = Seeded::new(seed);
    let mut pair = Pair::start().await;
    let last = i64::try_from(rounds).expect("a small number");
    let redis = format!("redis://{}", pair.proxy.address);
    let tuning = [("REDIS_URL", redis.as_str()), ("SEKALI_RECONCILE_INTERVAL", "3600")];
    let mut stage = Stage::empty(Combination::PostgresMemory, Webhooks::Off, &tuning).await;
    for _ in 0..2 {
        stage.serve_with(program::serve(), &[]).await;
    }
    stage.database.seed(last, |id| id).await;
    let mut counted = Counted { rounds, ..Counted::default() };
    for consultation in 1..=last {
        let slowest = round(&stage, &mut pair, what, consultation, &mut random).await;
        counted.slowest = counted.slowest.max(slowest);
    }
    let two_each =
        "SELECT count(*) FROM (SELECT 1 FROM payments GROUP BY consultation_id HAVING count(*) <> 2
         OR sum(CASE status WHEN 'cancelled' THEN 1 ELSE 0 END) <> 1) AS odd";
    assert_eq!(stage.database.number(two_each).await, 0, "one was cancelled, and one was made: each time");
    all_pay_once(&stage, last, &format!("seed {seed}")).await;
    counted
}

async fn play(mut campaign: Campaign, what: What) {
    let size = campaign.rounds().div_ceil(2).clamp(1, BATCH);
    let batches = campaign.rounds().div_ceil(size);
    let pieces: Vec<_> = (0..batches)
        .map(|number| (campaign.seed() + number, size.min(campaign.rounds() - number * size)))
        .collect();
    let lanes = usize::try_from(batches.min(6)).expect("a few");
    let mut lanes =
        Lanes::work(lanes, pieces, &async move |(seed, rounds): (u64, u64)| batch(what, seed, rounds).await);
    let mut sum = Counted::default();
    while let Some(counted) = lanes.next().await {
        sum.rounds += counted.rounds;
        sum.slowest = sum.slowest.max(counted.slowest);
        campaign.progress(sum.rounds);
    }
    campaign.figure("the slowest press of all", format!("{:.0?}", sum.slowest));
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_redis_failover() {
    let what = "Redis fails over to a replica that lags (REPLICAOF NO ONE, as Sentinel says it) while four press through two \
                servers: one payment, and the old key tells its true status.";
    play(Campaign::begin("campaign_site_redis_failover", what, 8, 1_000), What::FailsOver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_redis_swallowed() {
    let what = "Redis swallows everything (connections stay open, nothing comes through, new ones too) while four press through \
                two servers: one payment, no press turned down; it is used again soon after.";
    play(Campaign::begin("campaign_site_redis_swallowed", what, 8, 1_000), What::IsSwallowed).await;
}
