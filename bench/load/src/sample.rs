//! What one round of one contestant has shown.

use crate::stats::Latency;
use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds of processor time for a thousand requests, that is milliseconds for one.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cpu {
    /// Of the service with all its processes; of the client that makes the payments where there is no service.
    pub(crate) service: f64,
    /// Of PostgreSQL.
    pub(crate) database: f64,
    /// Of Redis.
    pub(crate) redis: f64,
    /// Of the load generator, which is not counted to anybody.
    pub(crate) load: f64,
}

impl Cpu {
    /// What the answer to a request costs its operator.
    pub(crate) fn total(&self) -> f64 {
        self.service + self.database + self.redis
    }
}

/// A round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// Answers that are what was asked for: for first payments 201, for the rest 201 or 409.
    pub(crate) answers: usize,
    /// Requests that were not worked on: answered 503; of others than Sekali any 5xx, and connections that broke.
    pub(crate) turned_away: usize,
    /// Answers a second, without those turned away.
    pub(crate) throughput: f64,
    /// How long the answers took.
    pub(crate) latency: Latency,
    /// In the mix and with double clicks: how long those took that came again.
    pub(crate) repeated: Option<Latency>,
    /// In milliseconds a request.
    pub(crate) cpu: Cpu,
    /// The most memory that the service's processes had so far, in MiB.
    pub(crate) memory: f64,
    /// Transactions that wrote, a request.
    pub(crate) commits: Option<f64>,
    /// Messages that PostgreSQL was sent, a request: its round trips.
    pub(crate) statements: Option<f64>,
    /// Commands that Redis was sent, a request; what a script calls is not counted.
    pub(crate) redis_calls: Option<f64>,
    /// Times that Redis read from a connection, a request: what came together counts once.
    pub(crate) redis_reads: Option<f64>,
    /// Of the duplicates that Sekali noticed, how many the cache answered: 0 to 1.
    pub(crate) from_cache: Option<f64>,
    /// How often each status was answered; 0 stands for a connection that broke.
    pub(crate) statuses: BTreeMap<u16, usize>,
}
