//! The ways to try to pay twice, and what became of each try.

use super::client::Client;
use super::race::{self, Press};
use super::{Demo, Missing, Told, command, crash};
use sekali_core::ports::{Clock, Random};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Runs that can be shown again; older ones are forgotten.
const MOST: usize = 200;

/// A way to try to pay twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Two clicks, 5 ms apart.
    DoubleClick,
    /// Ten clicks, 2 ms apart.
    TenClicks,
    /// A hundred at once, each with a key of its own: every guard of the client's is off.
    HundredClicks,
    /// The client goes away before its answer comes, and asks again.
    LostAnswer,
    /// Two tabs that know nothing of each other.
    TwoTabs,
    /// The server is killed under the request, and asked again when it is back.
    Crash,
    /// The same request at once to two servers on PostgreSQL and Redis.
    TwoServers,
    /// The same, with Redis killed just before.
    RedisGone,
}

impl Way {
    /// Every way, in the order in which the page offers them.
    pub(crate) const ALL: [Self; 8] = [
        Self::DoubleClick,
        Self::TenClicks,
        Self::HundredClicks,
        Self::LostAnswer,
        Self::TwoTabs,
        Self::Crash,
        Self::TwoServers,
        Self::RedisGone,
    ];

    /// Its name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DoubleClick => "double-click",
            Self::TenClicks => "ten-clicks",
            Self::HundredClicks => "hundred-clicks",
            Self::LostAnswer => "lost-answer",
            Self::TwoTabs => "two-tabs",
            Self::Crash => "crash",
            Self::TwoServers => "two-servers",
            Self::RedisGone => "redis-gone",
        }
    }

    /// The way of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// When each click comes, and a letter for its key. Of a lost answer: the second one.
    pub(super) fn clicks(self) -> Vec<(Duration, String)> {
        let same_key = |count: u32, apart: u64| -> Vec<_> {
            (0..count).map(|at| (Duration::from_millis(apart) * at, "A".to_owned())).collect()
        };
        match self {
            Self::DoubleClick => same_key(2, 5),
            Self::TenClicks => same_key(10, 2),
            Self::LostAnswer | Self::Crash => same_key(1, 0),
            Self::TwoServers | Self::RedisGone => same_key(2, 0),
            Self::HundredClicks => (1..=100).map(|number| (Duration::ZERO, number.to_string())).collect(),
            Self::TwoTabs => ["A", "B"].map(|letter| (Duration::ZERO, letter.to_owned())).into(),
        }
    }
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("the run came to nothing: {0}")]
pub(crate) struct NoRun(Box<dyn std::error::Error + Send + Sync>);

impl NoRun {
    /// What has to be installed first, if it was that.
    pub(crate) fn missing(&self) -> Option<&Missing> {
        self.0.downcast_ref()
    }
}

/// The runs so far, each as the page shows it.
pub(crate) struct Runs {
    kept: Mutex<VecDeque<(String, Value)>>,
    /// One at a time: two would be in each other's way, and in each other's drawing.
    one: Semaphore,
}

impl Default for Runs {
    fn default() -> Self {
        Self { kept: Mutex::default(), one: Semaphore::new(1) }
    }
}

impl Runs {
    /// The run of this name.
    pub(crate) fn find(&self, id: &str) -> Option<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(name, _)| name == id).map(|(_, run)| run.clone())
    }

    /// Whoever has what this returns is not disturbed by another run.
    pub(crate) async fn alone(&self) -> Option<SemaphorePermit<'_>> {
        self.one.acquire().await.ok()
    }

    fn keep(&self, id: &str, run: Value) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((id.to_owned(), run));
    }
}

impl Demo {
    /// Tries to pay twice, and keeps what became of it.
    pub(crate) async fn run(
        self: &Arc<Self>,
        way: Way,
        clock: &Arc<dyn Clock>,
        random: &dyn Random,
        public_url: &str,
    ) -> Result<Value, NoRun> {
        let _alone = self.runs.alone().await;
        let id = format!("{:08x}", random.next_u64() >> 32);
        let ended = match way {
            Way::Crash => crash::run(self, &id, &**clock, random).await,
            Way::TwoServers | Way::RedisGone => self.at_two_servers(way, &id, clock.clone()).await,
            _ => self.here(way, &id, &**clock).await,
        };
        let ended = ended.map_err(NoRun)?;
        let run = json!({
            "id": id,
            "way": way.name(),
            "lanes": ended.presses.iter().map(|press| lane(press, &ended.traces)).collect::<Vec<_>>(),
            "books": ended.books,
            "died": ended.died,
            "command": command::repeating(way, public_url),
        });
        self.runs.keep(&id, run.clone());
        Ok(run)
    }

    /// Against this very server.
    async fn here(&self, way: Way, id: &str, clock: &dyn Clock) -> Told<Ended> {
        let site = Client::new(&self.origin)?;
        let visitor = race::visitor(&site).await?;
        let presses = race::presses(&site, &self.trace, clock, id, &visitor, way).await?;
        Ended::of(&[&site], clock, id, visitor.consultation, presses).await
    }
}

/// What a run has come to.
pub(super) struct Ended {
    presses: Vec<Press>,
    traces: Vec<Value>,
    books: Value,
    /// When the first server was killed, in microseconds since 1970.
    pub(super) died: Option<u64>,
}

impl Ended {
    /// Everybody pays at the first of the servers; then the books are read, and each server's own trace.
    pub(super) async fn of(
        sites: &[&Client],
        clock: &dyn Clock,
        run: &str,
        consultation: i64,
        presses: Vec<Press>,
    ) -> Told<Self> {
        let first = sites.first().ok_or("there is no server")?;
        let books = race::everybody_pays(first, clock, &presses, consultation).await?;
        let mut traces = Vec::new();
        for site in sites {
            let of_site = site.get(&format!("/demo/traces/{run}"), None).await?;
            traces.extend(of_site.as_array().into_iter().flatten().cloned());
        }
        Ok(Self { presses, traces, books, died: None })
    }
}

/// What the client saw of a press, and what the service has measured of it.
fn lane(press: &Press, traces: &[Value]) -> Value {
    json!({ "press": press, "trace": traces.iter().find(|traced| traced["id"] == press.id.as_str()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_found_by_its_name_and_says_when_its_clicks_come() {
        for way in Way::ALL {
            assert_eq!(Way::parse(way.name()), Some(way));
            assert!(!way.clicks().is_empty());
        }
        assert_eq!(Way::parse("serve"), None);
        let double = Way::DoubleClick.clicks();
        assert_eq!(double[1].0, double[0].0 + Duration::from_millis(5));
        assert_eq!(double[0].1, double[1].1, "the same key");
        let keys: std::collections::HashSet<_> =
            Way::HundredClicks.clicks().into_iter().map(|(_, letter)| letter).collect();
        assert_eq!(keys.len(), 100);
    }

    #[test]
    fn old_runs_are_forgotten() {
        let runs = Runs::default();
        for number in 0..=MOST {
            runs.keep(&number.to_string(), json!(number));
        }
        assert_eq!((runs.find("0"), runs.find("1")), (None, Some(json!(1))));
    }
}
