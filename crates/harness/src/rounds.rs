//! Rounds: many presses for one consultation, many consultations one after the other, several at a time.

use crate::http::{Answer, Connection};
use crate::press::{Press, one_created};
use crate::site::Site;
use futures_util::future::join_all;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Between the two clicks of a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(5);

/// How one round presses.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Twice, 5 ms apart.
    DoubleClick,
    /// So many times at once.
    AtOnce(usize),
}

impl Kind {
    fn presses(self) -> usize {
        match self {
            Self::DoubleClick => 2,
            Self::AtOnce(presses) => presses,
        }
    }
}

/// A number of rounds, one for each of the consultations `first` to `last`, every other one with a key
/// of its own for each press. They need to be seeded with patients of their own.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How each presses.
    pub kind: Kind,
    /// The first consultation.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// So many rounds at a time.
    pub lanes: i64,
}

/// How many rounds are over: for faults that come in mid-run.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicI64>);

impl Progress {
    /// So many.
    pub fn rounds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Rounds {
    /// Plays them on `site`, and checks each: one 201, the others 409, all about one payment.
    pub async fn play(self, site: &Site, progress: &Progress) -> Duration {
        self.play_on(&addresses(site), progress).await
    }

    /// The same, by the servers' addresses: a task of its own may outlive the borrow of a site.
    pub async fn play_on(self, servers: &[SocketAddr], progress: &Progress) -> Duration {
        let begun = Instant::now();
        let mut lanes = JoinSet::new();
        for lane in 0..self.lanes {
            let connections: Vec<Connection> = servers
                .iter()
                .cycle()
                .take(self.kind.presses())
                .map(|address| Connection::to(*address))
                .collect();
            lanes.spawn(self.play_lane(lane, connections, progress.clone()));
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        }
        begun.elapsed()
    }

    async fn play_lane(self, lane: i64, mut connections: Vec<Connection>, progress: Progress) {
        let mut consultation = self.first + lane;
        while consultation <= self.last {
            // With two servers it is each one's turn to be first.
            connections.rotate_left(1);
            let answers = self.press(consultation, &mut connections).await;
            one_created(&answers);
            progress.one_more();
            consultation += self.lanes;
        }
    }

    async fn press(self, consultation: i64, connections: &mut [Connection]) -> Vec<Answer> {
        let same_key = consultation % 2 == 0;
        let presses = connections.iter_mut().enumerate().map(|(at, connection)| async move {
            let key = if same_key { 0 } else { at };
            let press = Press::own(consultation, format!("round-{consultation}-{key}"));
            if matches!(self.kind, Kind::DoubleClick) && at > 0 {
                sleep(DOUBLE_CLICK).await;
            }
            let answer = connection.call(&press.request()).await;
            answer.unwrap_or_else(|error| panic!("consultation {consultation}: no answer: {error}"))
        });
        join_all(presses).await
    }
}

/// Where a site's servers listen.
pub fn addresses(site: &Site) -> Vec<SocketAddr> {
    site.servers.iter().map(|server| server.address).collect()
}
