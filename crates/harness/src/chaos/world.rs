//! What the people of all lanes know, and what the others know of them.

use crate::actor::OnTheWay;
use crate::answered::Answered;
use crate::seed::Seeded;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// People come for the consultations of this many, further on after each blow.
pub const WINDOW: i64 = 10;
/// So many further on.
pub const STEP: i64 = 2;

/// What somebody is asking the service at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// BAYAR is pressed; `again`: a payment of this consultation was answered before.
    Press {
        /// The patient, and the consultation.
        id: i64,
        /// The key.
        key: String,
        /// Whether an answer has named a payment before.
        again: bool,
    },
    /// The way to Stripe.
    Way(i64),
    /// Stripe's page has sent the patient back.
    Callback(i64),
    /// The payment is given up.
    Cancel(i64),
    /// Money is to go back.
    Refund(i64, String),
}

/// What all share.
pub struct World {
    /// Where Stripe is.
    pub stripe: SocketAddr,
    /// What was answered.
    pub answered: Answered,
    /// Redis is taken away: what the cache says of a status may be old (docs/guarantee.md, what is not promised).
    pub cache_may_be_old: bool,
    servers: Mutex<Vec<SocketAddr>>,
    over: AtomicBool,
    done: AtomicU64,
    passed: AtomicI64,
    ways: Mutex<Vec<(i64, OnTheWay)>>,
    asking: Vec<Mutex<Option<(SocketAddr, Asking)>>>,
}

impl World {
    /// One of so many lanes, with nobody in it yet.
    pub fn new(stripe: SocketAddr, lanes: usize, cache_may_be_old: bool) -> Self {
        Self {
            stripe,
            answered: Answered::default(),
            cache_may_be_old,
            servers: Mutex::default(),
            over: AtomicBool::new(false),
            done: AtomicU64::new(0),
            passed: AtomicI64::new(0),
            ways: Mutex::default(),
            asking: (0..lanes).map(|_| Mutex::default()).collect(),
        }
    }

    /// These servers are there from now on.
    pub fn lead_to(&self, servers: impl IntoIterator<Item = SocketAddr>) {
        *lock(&self.servers) = servers.into_iter().collect();
    }

    /// One of the servers, if there is any.
    pub fn server(&self, random: &mut Seeded) -> Option<SocketAddr> {
        let servers = lock(&self.servers);
        let at = random.below(servers.len().max(1) as u64);
        servers.get(usize::try_from(at).ok()?).copied()
    }

    /// People go home.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether they do.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// The next ones come.
    pub fn go_on(&self) {
        self.passed.fetch_add(STEP, Ordering::SeqCst);
    }

    /// A consultation that somebody comes for now.
    pub fn consultation(&self, random: &mut Seeded) -> i64 {
        let within = i64::try_from(random.below(WINDOW.unsigned_abs())).unwrap_or(0);
        self.passed.load(Ordering::SeqCst) + 1 + within
    }

    /// The last consultation that anybody may have come for.
    pub fn last(&self) -> i64 {
        self.passed.load(Ordering::SeqCst) + WINDOW
    }

    /// So many questions were answered.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Somebody is at Stripe's page.
    pub fn remember(&self, consultation: i64, way: OnTheWay) {
        lock(&self.ways).push((consultation, way));
    }

    /// One of those who have been there, mostly one of the latest.
    pub fn somebody(&self, random: &mut Seeded) -> Option<(i64, OnTheWay)> {
        let ways = lock(&self.ways);
        let back = random.below(ways.len().clamp(1, 30) as u64 + 1);
        let at = ways.len().checked_sub(usize::try_from(back).ok()?)?;
        ways.get(at).cloned()
    }

    /// A lane asks a server, or has its answer.
    pub(super) fn asks(&self, lane: usize, question: Option<(SocketAddr, Asking)>) {
        if question.is_none() {
            self.done.fetch_add(1, Ordering::SeqCst);
        }
        *lock(&self.asking[lane]) = question;
    }

    /// A lane's question will not be answered.
    pub(super) fn gives_up(&self, lane: usize) {
        *lock(&self.asking[lane]) = None;
    }

    /// What a server is being asked at this moment.
    pub fn asked(&self, server: SocketAddr) -> Vec<Asking> {
        self.all_asked().filter(|(asked, _)| *asked == server).map(|(_, asking)| asking).collect()
    }

    /// What all servers are being asked at this moment.
    pub fn all_asked(&self) -> impl Iterator<Item = (SocketAddr, Asking)> {
        self.asking.iter().filter_map(|slot| lock(slot).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
