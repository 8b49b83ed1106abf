//! Starts everything that a plan needs, each contestant with a database of its own.

use crate::pgbench::Pgbench;
use crate::place::Folder;
use crate::plan::{Cell, Contestant};
use crate::rows::Fault;
use crate::sample::Sample;
use crate::service::{Service, Shared};
use crate::services::bare::Bare;
use crate::services::peer::Peer;
use crate::services::postgres::{Postgres, connect};
use crate::services::redis::Redis;
use crate::services::sekali::{Sekali, Stripe};
use crate::sqlite_loop::SqliteLoop;
use crate::store::Store;
use crate::trouble::{Outcome, While, fail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

enum Subject {
    Service(Service),
    Pgbench(Pgbench),
    SqliteLoop(SqliteLoop),
}

/// Everything that runs. Fields go in this order: services before what they stand on.
pub(crate) struct Stage {
    subjects: BTreeMap<Contestant, Subject>,
    sekali: Vec<Sekali>,
    peers: Vec<Peer>,
    bare: Vec<Bare>,
    stripe: Stripe,
    redis: Redis,
    redis_databases: u8,
    /// What all on PostgreSQL stand on.
    pub(crate) postgres: Postgres,
    /// Where everything is kept.
    pub(crate) folder: Folder,
}

impl Stage {
    /// Starts what these contestants need.
    pub(crate) async fn set(contestants: impl Iterator<Item = Contestant>) -> Outcome<Self> {
        let folder = Folder::new()?;
        let mut stage = Self {
            subjects: BTreeMap::new(),
            sekali: Vec::new(),
            peers: Vec::new(),
            bare: Vec::new(),
            stripe: Stripe::start(folder.path()).await?,
            redis: Redis::start(folder.path()).await?,
            redis_databases: 0,
            postgres: Postgres::start(folder.path()).await?,
            folder,
        };
        for contestant in contestants {
            if !stage.subjects.contains_key(&contestant) {
                let subject = stage.start(contestant).await.while_doing(contestant.name())?;
                stage.subjects.insert(contestant, subject);
            }
        }
        Ok(stage)
    }

    /// One round of one cell; `room` bounds the payments of a round.
    pub(crate) async fn round(
        &mut self,
        cell: Cell,
        time: Duration,
        room: i64,
    ) -> Outcome<(Sample, Vec<Fault>)> {
        let shared = self.shared();
        match self.subjects.get_mut(&cell.contestant) {
            Some(Subject::Service(service)) => {
                service.round(cell.scenario, cell.connections, time, room, shared).await
            }
            Some(Subject::Pgbench(pgbench)) => pgbench.round(cell.connections, time, room, shared).await,
            Some(Subject::SqliteLoop(sqlite)) => sqlite.round(time, room).await,
            None => fail(format!("{} was not started", cell.contestant.name())),
        }
    }

    /// Processes that all share.
    pub(crate) fn shared(&self) -> Shared {
        Shared { postgres: self.postgres.id(), port: self.postgres.port(), redis: self.redis.id() }
    }

    async fn start(&mut self, contestant: Contestant) -> Outcome<Subject> {
        use Contestant as C;
        Ok(match contestant {
            C::SqliteMemory => Subject::Service(self.sekali("sqlite", 1, false, false).await?),
            C::SqliteRedis => Subject::Service(self.sekali("sqlite_redis", 1, false, true).await?),
            C::PostgresMemory => Subject::Service(self.sekali("postgres_memory", 1, true, false).await?),
            C::PostgresRedis => Subject::Service(self.sekali("postgres_redis", 1, true, true).await?),
            C::TwoServers => Subject::Service(self.sekali("two_servers", 2, true, true).await?),
            C::Original => self.pgbench("original").await?,
            C::OneStatement => self.pgbench("one_statement").await?,
            C::SqliteLoop => Subject::SqliteLoop(SqliteLoop::new(&self.folder.path().join("loop.db"))?),
            C::BareFixed => self.bare("bare", false).await?,
            C::BareRedis => self.bare("bare_redis", true).await?,
            C::Express => self.peer("express", true).await?,
            C::Fastapi => self.peer("fastapi", true).await?,
        })
    }

    /// So many servers of Sekali on a database of their own.
    pub(crate) async fn sekali(
        &mut self,
        name: &str,
        servers: usize,
        postgres: bool,
        redis: bool,
    ) -> Outcome<Service> {
        let (url, store) = if postgres {
            let url = self.postgres.create(name).await?;
            (url.clone(), Store::Postgres(url))
        } else {
            let file = self.folder.path().join(format!("{name}.db"));
            (format!("sqlite://{}", file.display()), Store::Sqlite(file))
        };
        let redis = redis.then(|| self.own_redis());
        let mut service = service(Some(store), redis.clone());
        for number in 1..=servers {
            let name = format!("sekali-{name}-{number}");
            let server =
                Sekali::start(&name, &url, redis.as_deref(), &self.stripe, self.folder.path()).await?;
            service.addresses.push(server.address);
            service.metrics.push(server.metrics);
            service.processes.push(server.id());
            self.sekali.push(server);
        }
        Ok(service)
    }

    async fn pgbench(&self, name: &str) -> Outcome<Subject> {
        let url = self.with_tables(name, Path::new("bench/baseline/schema.sql")).await?;
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder)?;
        Ok(Subject::Pgbench(Pgbench {
            program: self.postgres.program("pgbench"),
            script: PathBuf::from(format!("bench/baseline/{name}.sql")),
            port: self.postgres.port(),
            database: name.to_owned(),
            store: Store::Postgres(url),
            folder,
            next: 1,
        }))
    }

    async fn bare(&mut self, name: &str, redis: bool) -> Outcome<Subject> {
        let redis = redis.then(|| self.own_redis());
        let server = Bare::start(name, redis.as_deref(), self.folder.path()).await?;
        let mut service = service(None, redis);
        service.addresses.push(server.address);
        service.processes.push(server.id());
        self.bare.push(server);
        Ok(Subject::Service(service))
    }

    async fn peer(&mut self, name: &str, replays: bool) -> Outcome<Subject> {
        let url = self.with_tables(name, Path::new("bench/peers/schema.sql")).await?;
        let redis = self.own_redis();
        let peer = Peer::start(name, &url, &redis, self.folder.path()).await?;
        let mut service = Service { replays, ..service(Some(Store::Postgres(url)), Some(redis)) };
        service.addresses.push(peer.address);
        service.processes.push(peer.id());
        self.peers.push(peer);
        Ok(Subject::Service(service))
    }

    async fn with_tables(&self, database: &str, schema: &Path) -> Outcome<String> {
        let url = self.postgres.create(database).await?;
        let sql = std::fs::read_to_string(schema).while_doing(format!("reading {}", schema.display()))?;
        connect(&url).await?.batch_execute(&sql).await.while_doing("making tables")?;
        Ok(url)
    }

    /// The names of keys are the same for all, so each has a database of Redis to itself.
    fn own_redis(&mut self) -> String {
        self.redis_databases += 1;
        self.redis.url(self.redis_databases)
    }
}

fn service(store: Option<Store>, redis: Option<String>) -> Service {
    Service {
        addresses: Vec::new(),
        metrics: Vec::new(),
        processes: Vec::new(),
        store,
        redis,
        replays: false,
        next: 1,
        pace: None,
    }
}
