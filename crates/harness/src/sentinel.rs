//! Redis as it is run where it must not be missed: a primary, a replica, a Sentinel that promotes the replica when the
//! primary is gone, and an HAProxy that leads to whichever says that it is the primary.

use crate::database::Folder;
use crate::haproxy::Haproxy;
use crate::proxy::{Proxy, host_of};
use crate::stage::SOON;
use crate::wait::until;
use redis::Connection;
use sekali_test_support::free_port;
use sekali_test_support::redis::{TestRedis, server};
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::sleep;

/// The primary counts as gone after this many milliseconds without a word.
const DOWN_AFTER: u32 = 300;
/// In milliseconds. As long as a round never takes: after it, Sentinel leads a replica to the primary that it
/// knows, past the link that lags.
const FAILOVER: u32 = 120_000;

/// Longer than a write takes to a replica that follows.
const ARRIVES: Duration = Duration::from_millis(50);
/// The key of what is written to the primary alone.
const LOST: &str = "harness:lost";

/// All of it, but for the Sentinel, of which each failover has its own.
pub struct Guarded {
    servers: [TestRedis; 2],
    /// Which of the two is the primary.
    primary: usize,
    /// From the replica to the primary.
    link: Proxy,
    sentinel: Option<Sentinel>,
    balancer: Haproxy,
    /// What only the primary has, under [`LOST`].
    lost: u64,
}

impl Guarded {
    /// A primary and its replica, in step, behind the balancer.
    pub async fn start() -> Self {
        let servers = [server(), server()];
        let addresses = [0, 1].map(|at| host_of(&servers[at].url));
        let link = Proxy::open(addresses[0]).await;
        let balancer = Haproxy::to_the_primary(&addresses);
        let mut guarded = Self { servers, primary: 0, link, sentinel: None, balancer, lost: 0 };
        guarded.follow().await;
        guarded
    }

    /// The address that stays.
    pub fn url(&self) -> String {
        format!("redis://{}", self.balancer.address)
    }

    /// The other one follows the primary, and a new Sentinel watches both.
    async fn follow(&mut self) {
        let primary = host_of(&self.servers[self.primary].url);
        self.link = Proxy::open(primary).await;
        tell(
            &mut connect(&self.servers[self.primary].url),
            &["CONFIG", "SET", "repl-diskless-sync-delay", "0"],
        );
        self.servers[1 - self.primary].restart_behind(self.link.address);
        let replica = &self.servers[1 - self.primary].url;
        until("the replica is in step", SOON, async || says(replica, "master_link_status:up")).await;
        self.sentinel = Some(Sentinel::start(primary).await);
    }

    /// From here on nothing reaches the replica, and it does not notice. What is on its way when the link falls silent may
    /// still arrive: so this waits for something that does not.
    pub async fn lags(&mut self) {
        self.link.go_dark();
        let [primary, replica] = [self.primary, 1 - self.primary].map(|at| self.servers[at].url.as_str());
        loop {
            self.lost += 1;
            tell(&mut connect(primary), &["SET", LOST, &self.lost.to_string()]);
            sleep(ARRIVES).await;
            if lost(replica) != Some(self.lost) {
                return;
            }
        }
    }

    /// The primary is killed (`kill -9`), and with it what the replica has not got.
    pub fn loses_its_primary(&mut self) {
        self.servers[self.primary].kill();
    }

    /// Waits until Sentinel has promoted the replica.
    pub async fn is_failed_over(&mut self) {
        let replica = &self.servers[1 - self.primary].url;
        let promoted = host_of(replica);
        until("the replica is the primary", SOON, async || says(replica, "role:master")).await;
        let sentinel = self.sentinel.as_ref().expect("one that watches");
        until("Sentinel says so", SOON, async || (sentinel.primary() == promoted).then_some(())).await;
        self.primary = 1 - self.primary;
        let url = &self.servers[self.primary].url;
        until("it is asked", SOON, async || reach(url).map(drop)).await;
        assert_ne!(lost(url), Some(self.lost), "the replica has not lagged");
    }

    /// The one that was lost comes back, as a replica. Its Sentinel goes: it would not fail over again soon.
    pub async fn is_whole_again(&mut self) {
        self.sentinel = None;
        self.follow().await;
    }
}

/// `redis-server --sentinel`; it is killed with this value.
struct Sentinel {
    port: u16,
    process: Child,
    _folder: Folder,
}

impl Sentinel {
    /// Starts one that watches this primary, and waits until it knows its replica.
    async fn start(primary: SocketAddr) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, configuration(port, primary)).expect("a file of the test's own");
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(program);
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("Redis' Sentinel can be started");
        let sentinel = Self { port, process, _folder: folder };
        until("Sentinel knows the replica", SOON, async || {
            let mut connection = sentinel.connect()?;
            let said: String = redis::cmd("INFO").arg("sentinel").query(&mut connection).ok()?;
            said.contains("status=ok").then_some(())?;
            said.contains("slaves=1").then_some(())
        })
        .await;
        sentinel
    }

    fn connect(&self) -> Option<Connection> {
        reach(&format!("redis://127.0.0.1:{}", self.port))
    }

    /// Who is the primary, as it tells clients.
    fn primary(&self) -> SocketAddr {
        let mut connection = self.connect().expect("a Sentinel that runs");
        let asked =
            redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg("sekali").query(&mut connection);
        let (host, port): (String, String) = asked.expect("an answer of Sentinel's");
        format!("{host}:{port}").parse().expect("an address")
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // Either fails only because it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(port: u16, primary: SocketAddr) -> String {
    format!(
        "port {port}\nbind 127.0.0.1\nprotected-mode no\n\
         sentinel monitor sekali {} {} 1\n\
         sentinel down-after-milliseconds sekali {DOWN_AFTER}\n\
         sentinel failover-timeout sekali {FAILOVER}\n",
        primary.ip(),
        primary.port()
    )
}

/// `None`: it cannot be reached, or has ended the connection in its making, as Sentinel has it do.
fn reach(url: &str) -> Option<Connection> {
    redis::Client::open(url).ok()?.get_connection().ok()
}

fn connect(url: &str) -> Connection {
    reach(url).expect("a Redis that runs")
}

/// What a server has under [`LOST`].
fn lost(url: &str) -> Option<u64> {
    redis::cmd("GET").arg(LOST).query(&mut connect(url)).expect("a Redis that runs")
}

fn tell(redis: &mut Connection, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).exec(redis).unwrap_or_else(|error| panic!("{words:?}: {error}"));
}

/// Whether a server says this of its replication. Asked on a connection of its own: Sentinel ends the others when it
/// promotes.
fn says(url: &str, what: &str) -> Option<()> {
    let said: String = redis::cmd("INFO").arg("replication").query(&mut reach(url)?).ok()?;
    said.contains(what).then_some(())
}
