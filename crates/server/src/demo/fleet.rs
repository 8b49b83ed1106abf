//! PostgreSQL, Redis and two servers of the demo's own, for what a single server with everything in its memory cannot
//! show. They are started when they are first needed, and stay as long as the demo.

mod postgres;
mod redis;

use self::postgres::Postgres;
use self::redis::Redis;
use super::client::Client;
use super::own_server::OwnServer;
use super::progress::{Progress, Stage};
use super::race::{self, Press, Visitor};
use super::runs::{Ended, Way};
use super::{Demo, Folder, Told};
use futures_util::future::try_join_all;
use sekali_core::ports::Clock;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Something that is started answers within this time, or the run comes to nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(20);
/// Where its servers listen.
const PORTS: Range<u16> = 10_240..32_000;
/// What a server's metrics say when it works with Redis.
const REDIS_IS_UP: &str = "sekali_redis_up 1";

/// A program that the demo needs is not on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{program} is not on this machine: install Debian's package {package}")]
pub(crate) struct Missing {
    /// Its name.
    pub program: &'static str,
    /// Where it comes from.
    pub package: &'static str,
}

/// They end in the order of the fields, with this value.
pub(super) struct Fleet {
    servers: [OwnServer; 2],
    redis: Redis,
    _postgres: Postgres,
    _folder: Folder,
}

impl Fleet {
    async fn start(secret: &str, clock: &dyn Clock, progress: &Progress) -> Told<Self> {
        let folder = Folder::named("fleet")?;
        progress.comes_to(Stage::Postgres);
        let postgres = Postgres::start(&folder.path().join("postgres"), clock).await?;
        progress.comes_to(Stage::Redis);
        let redis = Redis::start(clock).await?;
        let (database, redis_url) = (postgres.url(), redis.url());
        let settings = [
            ("DATABASE_URL", database.as_str()),
            ("SEKALI_AUTO_MIGRATE", "1"),
            ("REDIS_URL", redis_url.as_str()),
        ];
        progress.comes_to(Stage::Servers);
        // One after the other: the first one makes the tables.
        let servers =
            [OwnServer::start(secret, &settings).await?, OwnServer::start(secret, &settings).await?];
        Ok(Self { servers, redis, _postgres: postgres, _folder: folder })
    }

    /// Redis is there, and both servers work with it.
    async fn heal(&mut self, clock: &dyn Clock) -> Told<()> {
        self.redis.start_again(clock).await?;
        let both_up = || both_work_with_redis(&self.servers);
        until(clock, "the demo's servers do not find their Redis", both_up).await
    }

    /// The same request at once to both servers.
    async fn race(&mut self, demo: &Demo, way: Way, run: &str, clock: &dyn Clock) -> Told<Ended> {
        self.heal(clock).await?;
        let [first, second] = &self.servers;
        let visitor = race::visitor(&first.client).await?;
        // Connections that stand: the requests arrive together.
        second.client.text("/healthz").await?;
        if way == Way::RedisGone {
            self.redis.kill();
        }
        let sites = [&first.client, &second.client];
        let mut presses = Vec::new();
        for (at, (_, letter)) in way.clicks().into_iter().enumerate() {
            let server = at % sites.len();
            presses.push(press_at(sites[server], server + 1, demo, (run, at + 1), letter, &visitor));
        }
        let presses = try_join_all(presses).await?;
        Ended::of(&sites, clock, run, visitor.consultation, presses).await
    }
}

impl Demo {
    /// A run at two servers; they are started if they are not there. Whoever asked may go away meanwhile: what was
    /// begun is finished, and there for the next one.
    pub(super) async fn at_two_servers(
        self: &Arc<Self>,
        way: Way,
        run: &str,
        clock: Arc<dyn Clock>,
    ) -> Told<Ended> {
        let (demo, run) = (self.clone(), run.to_owned());
        let raced = tokio::spawn(async move {
            let ended = demo.race_of_two(way, &run, &*clock).await;
            demo.progress.ends();
            ended
        });
        raced.await?
    }

    async fn race_of_two(&self, way: Way, run: &str, clock: &dyn Clock) -> Told<Ended> {
        let mut kept = self.fleet.lock().await;
        // Out of its place while it is used: one in which something has failed is not used again.
        let mut fleet = match kept.take() {
            Some(fleet) => fleet,
            None => Fleet::start(self.tokens.secret.expose(), clock, &self.progress).await?,
        };
        self.progress.comes_to(Stage::Requests);
        let ended = fleet.race(self, way, run, clock).await?;
        *kept = Some(fleet);
        Ok(ended)
    }
}

/// The run's n-th press, at the server of this number.
async fn press_at(
    site: &Client,
    server: usize,
    demo: &Demo,
    (run, number): (&str, usize),
    letter: String,
    visitor: &Visitor,
) -> Told<Press> {
    let press = race::press(site, &demo.trace, run, number, &letter, visitor).await?;
    Ok(Press { server: Some(server), ..press })
}

async fn both_work_with_redis(servers: &[OwnServer; 2]) -> bool {
    for server in servers {
        let metrics = server.client.text("/metrics").await;
        if !metrics.is_ok_and(|text| text.lines().any(|line| line == REDIS_IS_UP)) {
            return false;
        }
    }
    true
}

/// A port of the loopback address on which nobody listens now. It lies below those that Linux gives by itself: making a
/// database takes a second, in which the connections of other programs may be given one of these.
fn free_port() -> std::io::Result<u16> {
    let by_chance = || {
        let step = RandomState::new().hash_one(()) % PORTS.len() as u64;
        PORTS.start + u16::try_from(step).unwrap_or_default()
    };
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let found = std::iter::repeat_with(by_chance).take(100).find(free);
    found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::AddrInUse))
}

/// Where a program is, by the path of this process and then by `elsewhere`.
fn find(program: &str, elsewhere: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(elsewhere).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Waits until something holds; an error that says `otherwise` if it does not come to that.
async fn until<F>(clock: &dyn Clock, otherwise: &'static str, holds: impl Fn() -> F) -> Told<()>
where
    F: Future<Output = bool> + Send,
{
    let begun = clock.monotonic();
    while !holds().await {
        if clock.monotonic().saturating_sub(begun) > PATIENCE {
            return Err(otherwise.into());
        }
        clock.sleep(LOOK).await;
    }
    Ok(())
}
