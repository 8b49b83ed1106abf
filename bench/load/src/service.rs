//! A contestant that is pressed over HTTP, and one round against it.

use crate::click::{Click, clicks, key};
use crate::counts::{RedisCounts, Segments, metric, segments, segments_since};
use crate::load::{Scenario, Shot, Volley, fire};
use crate::rows::{Fault, Told, faults};
use crate::sample::{Cpu, Sample};
use crate::services::redis::open;
use crate::stats::Latency;
use crate::store::Store;
use crate::trouble::{Outcome, fail};
use crate::wire::BROKEN;
use crate::{bare, usage};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// So many payments are made before their duplicates are pressed.
const PAYMENTS: i64 = 1000;
/// As long as this many connections need to make them.
const MAKERS: usize = 16;
const NO_LIMIT: Duration = Duration::from_secs(600);
/// What is put off in a round is worked off within its workers' second.
const REST: Duration = Duration::from_millis(1200);
/// Processor time that a service may use in that time and still be at rest, in seconds.
const AT_REST: f64 = 0.03;
const RESTS: usize = 8;

/// Processes whose time is counted.
#[derive(Clone, Copy)]
pub(crate) struct Shared {
    /// PostgreSQL's first.
    pub(crate) postgres: u32,
    /// PostgreSQL's port.
    pub(crate) port: u16,
    /// Redis'.
    pub(crate) redis: u32,
}

/// A service under load.
pub(crate) struct Service {
    /// Where it listens; several for several servers.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Where Sekali's metrics are.
    pub(crate) metrics: Vec<SocketAddr>,
    /// The first process of each server.
    pub(crate) processes: Vec<u32>,
    /// Its database, if it has one.
    pub(crate) store: Option<Store>,
    /// Its database of Redis, if it uses one.
    pub(crate) redis: Option<String>,
    /// Whether it answers a duplicate as it answered the first.
    pub(crate) replays: bool,
    /// The next consultation that was not used yet.
    pub(crate) next: i64,
    /// Each connection presses once in this time; `None`: as soon as it is answered.
    pub(crate) pace: Option<Duration>,
}

/// Figures that only grow.
struct Counters {
    service: f64,
    database: f64,
    redis: f64,
    load: f64,
    transactions: Option<i64>,
    redis_counts: Option<RedisCounts>,
    statements: Option<Segments>,
    cached: f64,
    duplicates: f64,
}

impl Service {
    /// A round: `room` clicks at most, for `time` at most. Also says what the rows show to be wrong.
    pub(crate) async fn round(
        &mut self,
        scenario: Scenario,
        connections: usize,
        time: Duration,
        room: i64,
        shared: Shared,
    ) -> Outcome<(Sample, Vec<Fault>)> {
        let room = if scenario == Scenario::Duplicates { PAYMENTS } else { room };
        let consultations = self.next..self.next + room;
        self.next = consultations.end;
        let clicks: Rc<[Click]> = clicks(consultations.clone())?.into();
        let mut told = self.prepare(&clicks, &consultations, scenario).await?;
        let before = self.counters(shared).await?;
        let volley = fire(&self.addresses, &clicks, scenario, connections, (time, self.pace)).await?;
        if scenario != Scenario::First {
            self.rest().await;
        }
        let after = self.counters(shared).await?;
        told.extend(volley.shots.iter().filter_map(|shot| shot.told(&clicks)));
        let faults = match &self.store {
            Some(store) => faults(&told, &store.rows(&consultations).await?, self.replays),
            None => Vec::new(),
        };
        Ok((self.sample(scenario, &volley, &before, &after)?, faults))
    }

    /// Makes the consultations and, where duplicates are to be pressed, their payments.
    async fn prepare(
        &self,
        clicks: &Rc<[Click]>,
        consultations: &Range<i64>,
        scenario: Scenario,
    ) -> Outcome<Vec<Told>> {
        let Some(store) = &self.store else {
            self.fill_cache(consultations)?;
            return Ok(Vec::new());
        };
        store.seed(consultations.clone()).await?;
        let mut told = Vec::new();
        if scenario == Scenario::Duplicates {
            let made = fire(&self.addresses, clicks, Scenario::First, MAKERS, (NO_LIMIT, None)).await?;
            if let Some(odd) = made.shots.iter().find(|shot| shot.status != 201) {
                return fail(format!("a first payment was answered {}", odd.status));
            }
            told.extend(made.shots.iter().filter_map(|shot| shot.told(clicks)));
        }
        store.settle().await?;
        Ok(told)
    }

    /// The bare server finds an answer under every key, and so does the same work for each.
    fn fill_cache(&self, consultations: &Range<i64>) -> Outcome<()> {
        let Some(url) = &self.redis else { return Ok(()) };
        let mut connection = open(url)?;
        let mut pipe = redis::pipe();
        for consultation in consultations.clone() {
            pipe.set(bare::cache_key(consultation, &key(consultation)), bare::ANSWER).ignore();
        }
        Ok(pipe.exec(&mut connection)?)
    }

    /// Waits until Sekali has noted the duplicates in its record: their cost is theirs, and not the next round's.
    async fn rest(&self) {
        let used = || -> f64 { self.processes.iter().map(|id| usage::seconds(*id)).sum() };
        for _ in 0..if self.metrics.is_empty() { 0 } else { RESTS } {
            let before = used();
            sleep(REST).await;
            if used() - before < AT_REST {
                return;
            }
        }
    }

    async fn counters(&self, shared: Shared) -> Outcome<Counters> {
        let transactions = match &self.store {
            Some(store) => store.transactions().await?,
            None => None,
        };
        Ok(Counters {
            transactions,
            statements: match &self.store {
                Some(Store::Postgres(_)) => segments(shared.port),
                _ => None,
            },
            redis_counts: self.redis.as_deref().map(RedisCounts::now).transpose()?,
            cached: metric(&self.metrics, "sekali_duplicates_total{caught=\"cache\"}").await?,
            duplicates: metric(&self.metrics, "sekali_duplicates_total{").await?,
            service: self.processes.iter().map(|id| usage::seconds(*id)).sum(),
            database: usage::seconds(shared.postgres),
            redis: usage::seconds(shared.redis),
            load: usage::own_seconds(),
        })
    }

    fn sample(
        &self,
        scenario: Scenario,
        volley: &Volley,
        before: &Counters,
        after: &Counters,
    ) -> Outcome<Sample> {
        let statuses = statuses(volley, scenario, self.metrics.is_empty())?;
        let asked = volley.shots.len().max(1) as f64;
        let each = |before: f64, after: f64| (after - before) / asked;
        let answered: Vec<&Shot> = volley.shots.iter().filter(|shot| worked_on(shot.status)).collect();
        let apart = matches!(scenario, Scenario::Mix | Scenario::DoubleClicks);
        let latency = |repeated: Option<bool>| {
            let wanted = answered.iter().filter(|shot| repeated.is_none_or(|wanted| shot.repeated == wanted));
            Latency::of(wanted.map(|shot| shot.micros).collect())
        };
        let redis = before.redis_counts.zip(after.redis_counts);
        // Of all contestants only Sekali uses scripts.
        let scripted = !self.metrics.is_empty();
        let duplicates = after.duplicates - before.duplicates;
        Ok(Sample {
            answers: answered.len(),
            turned_away: volley.shots.len() - answered.len(),
            throughput: answered.len() as f64 / volley.took.as_secs_f64(),
            latency: latency(apart.then_some(false)),
            repeated: apart.then(|| latency(Some(true))),
            cpu: Cpu {
                service: each(before.service, after.service) * 1000.0,
                database: each(before.database, after.database) * 1000.0,
                redis: each(before.redis, after.redis) * 1000.0,
                load: each(before.load, after.load) * 1000.0,
            },
            memory: self.processes.iter().map(|id| usage::peak_memory(*id)).sum(),
            commits: before.transactions.zip(after.transactions).map(|(b, a)| (a - b) as f64 / asked),
            statements: before
                .statements
                .as_ref()
                .zip(after.statements.as_ref())
                .map(|(b, a)| segments_since(b, a) as f64 / asked),
            redis_calls: redis.map(|(b, a)| a.calls_since(&b, scripted) as f64 / asked),
            redis_reads: redis.map(|(b, a)| a.reads_since(&b) as f64 / asked),
            from_cache: (duplicates > 0.0).then(|| (after.cached - before.cached) / duplicates),
            statuses,
        })
    }
}

/// Counts the answers, and refuses those that say that something else was measured than what was meant. Those beside
/// whom Sekali is measured may fail; they do when they are given too many.
fn statuses(volley: &Volley, scenario: Scenario, may_fail: bool) -> Outcome<BTreeMap<u16, usize>> {
    let mut statuses = BTreeMap::new();
    for shot in &volley.shots {
        *statuses.entry(shot.status).or_default() += 1;
    }
    let meant = |status: u16| status == 503 || worked_on(status) || (may_fail && failed(status));
    match statuses.keys().find(|status| !meant(**status)) {
        Some(0) => fail(format!("{}: a connection broke; all: {statuses:?}", scenario.name())),
        Some(status) => fail(format!("{}: answers {status}; all: {statuses:?}", scenario.name())),
        None => Ok(statuses),
    }
}

fn worked_on(status: u16) -> bool {
    [201, 409].contains(&status)
}

fn failed(status: u16) -> bool {
    status == BROKEN.status || status >= 500
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Volley {
        let shot = Shot { click: 0, repeated: false, status, payment: 0, micros: 1 };
        Volley { shots: vec![shot], took: Duration::from_secs(1) }
    }

    #[test]
    fn only_others_may_fail_and_nobody_may_refuse() {
        let rows =
            [(201, true, true), (409, true, true), (503, true, true), (500, false, true), (0, false, true)];
        let refused = [401, 404, 422, 429].map(|status| (status, false, false));
        for (status, sekali, others) in rows.into_iter().chain(refused) {
            let allowed = |may_fail| statuses(&answered(status), Scenario::First, may_fail).is_ok();
            assert_eq!((allowed(false), allowed(true)), (sekali, others), "{status}");
        }
    }
}
