//! Many patients at once, each on a connection of their own: the next press when the last one was answered.

mod double;
mod feed;

use crate::click::Click;
use crate::rows::Told;
use crate::trouble::Outcome;
use crate::wire::Connection;
use feed::Feed;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How patients press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// Every press is the first for its consultation.
    First,
    /// Every press repeats one that was answered before, with the same key.
    Duplicates,
    /// Nine in ten are first presses, the tenth repeats one of the last second.
    Mix,
    /// Each button is pressed twice, 5 ms apart, on two connections.
    DoubleClicks,
}

impl Scenario {
    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first payments",
            Self::Duplicates => "duplicates",
            Self::Mix => "mix",
            Self::DoubleClicks => "double clicks",
        }
    }
}

/// An answered press.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    /// Which of the clicks.
    pub(crate) click: usize,
    /// Whether the same was pressed before.
    pub(crate) repeated: bool,
    /// The answer's status.
    pub(crate) status: u16,
    /// The payment it names, or 0.
    pub(crate) payment: i64,
    /// How long it took.
    pub(crate) micros: u32,
}

impl Shot {
    /// What the patient was told.
    pub(crate) fn told(&self, clicks: &[Click]) -> Option<Told> {
        let consultation = clicks.get(self.click)?.consultation;
        Some(Told { consultation, status: self.status, payment: self.payment })
    }
}

/// All that were answered, and how long it took together.
pub(crate) struct Volley {
    /// In no particular order.
    pub(crate) shots: Vec<Shot>,
    /// From the first press to the last answer.
    pub(crate) took: Duration,
}

/// How often each of so many connections presses, for so many presses a second of all.
pub(crate) fn paced(connections: usize, rate: u32) -> Duration {
    Duration::from_secs(1) * u32::try_from(connections).unwrap_or(u32::MAX) / rate
}

/// Presses `clicks` on so many connections, spread over the addresses, until they are used up or the time is over.
/// What has been sent then is still waited for. With a pace each connection presses once in that time, or as soon as it can.
pub(crate) async fn fire(
    addresses: &[SocketAddr],
    clicks: &Rc<[Click]>,
    scenario: Scenario,
    connections: usize,
    (time, pace): (Duration, Option<Duration>),
) -> Outcome<Volley> {
    let mut open = Vec::with_capacity(connections);
    for address in addresses.iter().cycle().take(connections) {
        open.push(Connection::open(*address).await?);
    }
    let feed = Rc::new(RefCell::new(Feed::new(scenario, clicks.len())));
    let begun = Instant::now();
    let patients = Patients { clicks: Rc::clone(clicks), feed, begun, time, pace };
    let local = tokio::task::LocalSet::new();
    let shots = local.run_until(patients.press(scenario, open)).await?;
    Ok(Volley { shots, took: begun.elapsed() })
}

/// What all connections share.
#[derive(Clone)]
struct Patients {
    clicks: Rc<[Click]>,
    feed: Rc<RefCell<Feed>>,
    begun: Instant,
    time: Duration,
    pace: Option<Duration>,
}

impl Patients {
    async fn press(self, scenario: Scenario, open: Vec<Connection>) -> Outcome<Vec<Shot>> {
        let mut tasks: JoinSet<Result<Vec<Shot>, String>> = JoinSet::new();
        let mut open = open.into_iter();
        while let Some(first) = open.next() {
            let patients = self.clone();
            // Errors as words: tasks hand over what could go to another thread.
            if scenario == Scenario::DoubleClicks {
                let Some(second) = open.next() else { break };
                tasks.spawn_local(async move {
                    patients.twice(first, second).await.map_err(|error| error.to_string())
                });
            } else {
                let number = u16::try_from(tasks.len()).unwrap_or(0);
                tasks.spawn_local(async move {
                    patients.once(first, number).await.map_err(|error| error.to_string())
                });
            }
        }
        let mut shots = Vec::new();
        while let Some(done) = tasks.join_next().await {
            shots.append(&mut done??);
        }
        Ok(shots)
    }

    async fn once(self, mut connection: Connection, first: u16) -> Outcome<Vec<Shot>> {
        let mut shots = Vec::new();
        // Connections begin one after the other, not all at once.
        let mut due = Instant::now() + self.pace.unwrap_or_default() * u32::from(first) / 64;
        loop {
            if let Some(pace) = self.pace {
                sleep_until(due).await;
                due = (due + pace).max(Instant::now());
            }
            let Some((click, repeated)) = self.next() else { break };
            let sent = Instant::now();
            let answer = connection.press(&self.clicks[click].request).await?;
            let (status, payment) = (answer.status, answer.payment);
            shots.push(Shot { click, repeated, status, payment, micros: micros(sent.elapsed()) });
            if status == 201 {
                self.feed.borrow_mut().answered(click, self.begun.elapsed());
            }
        }
        Ok(shots)
    }

    fn next(&self) -> Option<(usize, bool)> {
        let elapsed = self.begun.elapsed();
        (elapsed < self.time).then(|| self.feed.borrow_mut().next(elapsed))?
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
