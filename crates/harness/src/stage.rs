//! A whole installation with everybody around it: a Stripe and a host application that outlive it, a
//! front with an address that stays, one server or two, and a database.

use crate::database::Database;
use crate::front::Front;
use crate::host::Host;
use crate::invariants::in_order;
use crate::program;
use crate::server::{QUIET, SECRET, Server};
use crate::site::Combination;
use crate::stripe::{SECRET_KEY, Stripe, WEBHOOK_SECRET};
use crate::violation::none;
use crate::wait::until;
use sekali_test_support::postgres::{self, Pooling};
use sekali_test_support::redis::{EmptyRedis, TestRedis, empty, server};
use std::fmt::Write;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long what runs in the background may take on a laden machine.
/// Longer than any lease: a delivery that could not be noted waits for the end of its own.
pub const SOON: Duration = Duration::from_secs(120);

/// What is not at rest: its name, and the rows.
const UNDER_WAY: [(&str, &str); 7] = [
    ("events due", "gateway_events WHERE due_at IS NOT NULL AND leased_until IS NULL"),
    ("events leased", "gateway_events WHERE due_at IS NOT NULL AND leased_until IS NOT NULL"),
    ("refunds awaited", "refunds WHERE state IN ('requested', 'pending')"),
    ("cancellations asked for", "payments WHERE status = 'processing' AND cancel_requested_at IS NOT NULL"),
    ("captures to give back", "captures WHERE disposition <> 'settled' AND refunding_minor < amount_minor"),
    ("messages due", "outbox WHERE delivered_seq < last_seq AND leased_until IS NULL"),
    ("messages leased", "outbox WHERE delivered_seq < last_seq AND leased_until IS NOT NULL"),
];

/// An installation and its surroundings. Fields go in this order: servers before what they stand on.
pub struct Stage {
    /// Those that run.
    pub servers: Vec<Server>,
    /// What browsers and webhooks come to.
    pub front: Front,
    /// Who takes the money.
    pub stripe: Stripe,
    /// Who is told.
    pub host: Host,
    /// The database.
    pub database: Database,
    /// A Redis that may be killed and frozen, where one was asked for.
    pub redis: Option<TestRedis>,
    /// One that may not.
    lent: Option<EmptyRedis>,
    pooler: Option<Arc<postgres::Pooler>>,
    tuning: Vec<(String, String)>,
}

/// What an installation stands on that a test wants to do something to.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The PostgreSQL server; else the one that all tests share.
    pub postgres: Option<Arc<postgres::Server>>,
    /// What stands between it and the service.
    pub pooler: Option<Arc<postgres::Pooler>>,
    /// Whether Redis is one of the test's own.
    pub own_redis: bool,
}

/// Whether Stripe's events reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Webhooks<'u> {
    /// They do, as long as a server runs.
    On,
    /// They never do.
    Off,
    /// They go to another address.
    To(&'u str),
}

impl Stage {
    /// Sets everything up but the servers.
    pub async fn empty(combination: Combination, webhooks: Webhooks<'_>, tuning: &[(&str, &str)]) -> Self {
        Self::empty_on(combination, webhooks, tuning, &Surroundings::default()).await
    }

    /// The same on servers that the test keeps in hand.
    pub async fn empty_on(
        combination: Combination,
        webhooks: Webhooks<'_>,
        tuning: &[(&str, &str)],
        surroundings: &Surroundings,
    ) -> Self {
        let front = Front::open().await;
        let url = format!("{}/webhooks/stripe", front.url());
        let stripe = match webhooks {
            Webhooks::On => Stripe::start(Some(&url)).await,
            Webhooks::Off => Stripe::start(None).await,
            Webhooks::To(url) => Stripe::start(Some(url)).await,
        };
        Self {
            servers: Vec::new(),
            front,
            stripe,
            host: Host::open().await,
            database: match &surroundings.postgres {
                Some(server) => Database::Postgres(server.database()),
                None => combination.database(),
            },
            redis: (combination.has_redis() && surroundings.own_redis).then(server),
            lent: (combination.has_redis() && !surroundings.own_redis).then(empty),
            pooler: surroundings.pooler.clone(),
            tuning: tuning.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    /// The same with a host application of the test's own.
    #[must_use]
    pub fn telling(self, host: Host) -> Self {
        Self { host, ..self }
    }

    /// Sets everything up, the servers too, with consultations 1 to `last`, each of the patient with its number.
    pub async fn set(
        combination: Combination,
        webhooks: Webhooks<'_>,
        last: i64,
        tuning: &[(&str, &str)],
    ) -> Self {
        let mut stage = Self::empty(combination, webhooks, tuning).await;
        stage.serve(combination.servers()).await;
        stage.database.seed(last, |id| id).await;
        stage
    }

    /// Starts so many servers; the front leads to all of them from then on.
    pub async fn serve(&mut self, servers: usize) {
        for _ in 0..servers {
            self.serve_with(program::serve(), &[]).await;
        }
    }

    /// Starts one of another program, or with other settings.
    pub async fn serve_with(&mut self, program: Command, more: &[(&str, &str)]) {
        let server = Server::start(program, &self.settings(more)).await;
        self.servers.push(server);
        self.front.lead_to(self.servers.iter().map(|server| server.address));
    }

    /// Kills the servers (`kill -9`); nobody is behind the front any more.
    pub fn kill_servers(&mut self) {
        self.front.lead_to([]);
        self.servers.clear();
    }

    /// Ends the leases of workers that are dead. They end by themselves, after 30 to 120 s; where that is not
    /// what a test is about, it need not wait. Call it while no server runs: one that does would lose its own.
    pub async fn end_leases(&self) {
        self.dead_are_gone().await;
        let sql = "UPDATE gateway_events SET leased_until = NULL WHERE leased_until IS NOT NULL;
             UPDATE outbox SET leased_until = NULL WHERE leased_until IS NOT NULL;
             DELETE FROM leases";
        self.database.execute(sql).await;
    }

    /// What a dead server had sent, PostgreSQL may still be working on; a lease that it takes only now would last.
    async fn dead_are_gone(&self) {
        let Database::Postgres(_) = &self.database else { return };
        if self.pooler.is_some() {
            // A pooler keeps its sessions for whoever comes next.
            self.database.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sekali'").await;
        }
        // Behind a link that has fallen silent a session outlives its server, idle.
        let working = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'sekali'
             AND state <> 'idle'";
        self.comes_to(working, 0).await;
    }

    /// Redis' address, if there is one.
    pub fn redis_url(&self) -> Option<&str> {
        let own = self.redis.as_ref().map(|redis| redis.url.as_str());
        own.or(self.lent.as_ref().map(|redis| redis.url.as_str()))
    }

    /// A connection of the test's own to Redis, if there is one.
    pub fn redis_connection(&self) -> Option<redis::Connection> {
        let client = redis::Client::open(self.redis_url()?).expect("an address of Redis");
        Some(client.get_connection().expect("a Redis that runs"))
    }

    /// Waits until every server uses Redis again.
    pub async fn redis_is_used(&self) {
        for server in &self.servers {
            until("Redis is used again", SOON, async || {
                (server.metric("sekali_redis_up").await == 1).then_some(())
            })
            .await;
        }
    }

    /// Ends the locks in Redis, whoever holds them: those of a server that is dead or frozen end by themselves, 5 s
    /// after they were taken.
    pub fn end_locks(&self) {
        let Some(mut connection) = self.redis_connection() else { return };
        let ended =
            "for _, lock in ipairs(redis.call('KEYS', 'payment:lock:*')) do redis.call('DEL', lock) end";
        redis::cmd("EVAL").arg(ended).arg(0).exec(&mut connection).expect("a script of the test's own");
    }

    /// Kills the servers, and starts as many.
    pub async fn restart(&mut self) {
        let servers = self.servers.len();
        self.kill_servers();
        self.serve(servers).await;
    }

    fn settings(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let (public, base, direct) = (self.front.url(), self.stripe.base(), self.database.url());
        let database = self.pooler.as_ref().map_or_else(|| direct.clone(), |pooler| pooler.through(&direct));
        let pools = self.pooler.as_ref().is_some_and(|pooler| pooler.pooling == Pooling::Transaction);
        let mut all: Vec<(String, String)> = [
            ("SEKALI_LISTEN", "127.0.0.1:0"),
            ("SEKALI_PUBLIC_URL", &public),
            ("SEKALI_AUTO_MIGRATE", "1"),
            ("SEKALI_JWT_SECRET", SECRET),
            ("STRIPE_API_BASE", &base),
            ("STRIPE_SECRET_KEY", SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("SEKALI_RATE_LIMIT", "0"),
            ("SEKALI_LOG", QUIET),
            ("DATABASE_URL", &database),
            ("SEKALI_DATABASE_POOLER", if pools { "1" } else { "0" }),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        all.extend(self.host.settings().map(|(name, value)| (name.to_owned(), value)));
        all.extend(self.redis_url().map(|url| ("REDIS_URL".to_owned(), url.to_owned())));
        // The last one counts.
        all.extend(self.tuning.iter().cloned());
        all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all
    }

    /// Makes the tables, before there is any server.
    pub fn migrate(&self) {
        let migrated = self.run(&["migrate"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }

    /// A command of Sekali's with the same settings.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program::sekali());
        command.args(arguments).env_clear().envs(self.settings(&[]));
        command.output().unwrap_or_else(|error| panic!("sekali {arguments:?} cannot be run: {error}"))
    }

    /// Waits until nothing is under way: no event in the inbox is due, no refund is awaited or due,
    /// no cancellation is asked for, and the host has been told of every transition.
    pub async fn rests(&self) {
        self.rests_within(SOON).await;
    }

    /// The same with another deadline.
    pub async fn rests_within(&self, deadline: Duration) {
        let begun = Instant::now();
        while self.under_way().await > 0 {
            assert!(
                begun.elapsed() < deadline,
                "after {deadline:?} this is under way: {}",
                self.all_under_way().await
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How much is under way, by [`Self::rests`]' measure.
    pub async fn under_way(&self) -> i64 {
        let counts = UNDER_WAY.map(|(_, from)| format!("(SELECT count(*) FROM {from})"));
        self.database.number(&format!("SELECT {}", counts.join(" + "))).await
    }

    /// The same in words, for whoever waits in vain.
    pub async fn all_under_way(&self) -> String {
        let mut said = String::new();
        for (what, from) in UNDER_WAY {
            let number = self.database.number(&format!("SELECT count(*) FROM {from}")).await;
            let _ = write!(said, "{number} {what}; ");
        }
        said + &self.said()
    }

    /// Checks what must hold when nothing is under way: `sekali verify` and `sekali reconcile --since` find
    /// nothing, no case is open, and the host knows each payment's story, in order.
    pub async fn is_in_order(&self, when: &str) {
        none(&in_order(self).await, when);
    }

    /// Waits until a query's number is this.
    pub async fn comes_to(&self, sql: &str, number: i64) {
        let mut last = 0;
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            last = self.database.number(sql).await;
            if last == number {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{sql}: {last}, and not {number}, after {SOON:?}; {}", self.said());
    }

    /// What the servers have said.
    pub fn said(&self) -> String {
        self.servers.iter().map(Server::said).collect::<Vec<_>>().join("\n")
    }
}
