//! A server frozen (`SIGSTOP`) in its transaction, past the expiry of the lock that it holds; others take the lock, and
//! it goes on where it was. The database decides, and there is one payment.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use rustix::process::Signal;
use sekali_core::ports::coordination::LOCK_TTL;
use sekali_harness::campaign::Campaign;
use sekali_harness::database::{Database, client};
use sekali_harness::http::Answer;
use sekali_harness::invariants::in_order;
use sekali_harness::press::{Press, one_created};
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::violation::none;
use sekali_harness::wait::until;
use sekali_test_support::postgres;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::Client;

/// Rounds on one database.
const BATCH: u64 = 250;

struct Scene {
    stage: Stage,
    redis: redis::Connection,
    /// Keeps rows from the service.
    holder: Client,
    random: Seeded,
    real_expiry: bool,
}

impl Scene {
    async fn set(rounds: u64, seed: u64, real_expiry: bool) -> Self {
        let last = i64::try_from(rounds).expect("not so many");
        let stage = Stage::set(Combination::TwoServers, Webhooks::Off, last, &[]).await;
        let redis = stage.redis_connection().expect("a Redis");
        let Database::Postgres(database) = &stage.database else {
            unreachable!("two servers are on PostgreSQL")
        };
        let holder = client(&database.url).await;
        Self { stage, redis, holder, random: Seeded::new(seed), real_expiry }
    }

    fn press(&self, server: usize, id: i64, key: &str) -> JoinHandle<Answer> {
        let (request, mut connection) = (Press::own(id, key).request(), self.stage.servers[server].connect());
        tokio::spawn(async move { connection.call(&request).await.expect("an answer") })
    }

    fn holder_of_the_lock(&mut self, id: i64) -> Option<String> {
        redis::cmd("GET").arg(format!("payment:lock:{id}:{id}")).query(&mut self.redis).expect("an answer")
    }

    /// Whose lock it is, once there is one other than `before`.
    async fn lock_taken(&mut self, id: i64, before: Option<&str>) -> String {
        until("the lock is taken", SOON, async || {
            self.holder_of_the_lock(id).filter(|token| Some(token.as_str()) != before)
        })
        .await
    }

    async fn lock_ends(&mut self, id: i64) {
        if self.real_expiry {
            // Not to wait for something: this is how long the lock lives.
            sleep(LOCK_TTL + Duration::from_millis(50)).await;
        } else {
            let name = format!("payment:lock:{id}:{id}");
            redis::cmd("DEL").arg(name).exec(&mut self.redis).expect("an answer");
        }
    }

    async fn round(&mut self, id: i64) {
        let hold = format!("BEGIN; SELECT 1 FROM konsultasis WHERE id = {id} FOR UPDATE");
        self.holder.batch_execute(&hold).await.expect("the consultation's row");
        let frozen = usize::from(self.random.below(2) == 1);
        let mut presses = vec![self.press(frozen, id, "one")];
        let token = self.lock_taken(id, None).await;
        // With luck its transaction waits for the row already, and sometimes not yet.
        sleep(Duration::from_micros(self.random.below(4000))).await;
        self.stage.servers[frozen].signal(Signal::STOP);
        self.lock_ends(id).await;
        let key = if self.random.below(2) == 0 { "one" } else { "another" };
        presses.push(self.press(1 - frozen, id, key));
        self.lock_taken(id, Some(&token)).await;
        let continues_first = self.random.below(2) == 0;
        if continues_first {
            self.stage.servers[frozen].signal(Signal::CONT);
        }
        self.holder.batch_execute("ROLLBACK").await.expect("an end");
        let mut answers = Vec::new();
        if !continues_first {
            let other = presses.pop().expect("a press");
            answers.push(other.await.expect("a task"));
            self.stage.servers[frozen].signal(Signal::CONT);
        }
        for press in presses {
            answers.push(press.await.expect("a task"));
        }
        one_created(&answers);
    }
}

async fn frozen(mut campaign: Campaign, real_expiry: bool) {
    let _kept = postgres::database();
    let (mut done, mut expired) = (0, 0);
    while done < campaign.rounds() {
        let rounds = BATCH.min(campaign.rounds() - done);
        let mut scene = Scene::set(rounds, campaign.seed() + done, real_expiry).await;
        let last = i64::try_from(rounds).expect("not so many");
        for id in 1..=last {
            scene.round(id).await;
            campaign.progress(done + id.unsigned_abs());
        }
        scene.stage.database.holds(last).await;
        scene.stage.rests().await;
        none(&in_order(&scene.stage).await, "after a server was frozen");
        let message = "Lock had expired before it was released";
        expired +=
            scene.stage.servers.iter().map(|server| server.count_logged(message)).sum::<usize>() as u64;
        done += rounds;
    }
    campaign.count("holders that found their lock expired", expired);
    assert!(expired * 10 >= campaign.rounds() * 9, "the frozen server held the lock: {expired}");
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_server_frozen() {
    let what = "a server frozen (SIGSTOP) in its transaction until its lock was over and another server's, and continued";
    frozen(Campaign::begin("campaign_server_frozen", what, 20, 1000), false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits 5 s a round for the lock: a part of the evidence"]
async fn campaign_server_frozen_real_expiry() {
    let what = "a server frozen (SIGSTOP) in its transaction for the 5 s that its lock lives, and continued";
    frozen(Campaign::begin("campaign_server_frozen_real_expiry", what, 20, 20), true).await;
}
