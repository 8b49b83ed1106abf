//! What a history comes to: its lines, what broke, and what was met on the way.

use crate::executor::Who;
use crate::plan::{Fault, FaultId};
use sekali_core::ports::Point;
use std::collections::BTreeMap;
use std::fmt;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds since the history began, by no clock that a server sees.
    pub at: u64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// What came of it.
    pub outcome: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at / 1_000_000, self.at % 1_000_000);
        let (days, seconds) = (seconds / 86_400, seconds % 86_400);
        let clock =
            format!("{days}d {:02}:{:02}:{:02}.{micros:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{clock}  {:<22} {}", self.who, self.what)?;
        if self.outcome.is_empty() { Ok(()) } else { write!(f, " → {}", self.outcome) }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which: `I1` … `I11`, or a word for one of the ports' own promises.
    pub invariant: &'static str,
    /// How, in a sentence.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.how)
    }
}

/// What was met in a history, or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Histories.
    pub histories: u64,
    /// Steps of the scheduler.
    pub steps: u64,
    /// Presses of BAYAR.
    pub presses: u64,
    /// Payments made.
    pub payments: u64,
    /// Sessions made at the gateway.
    pub sessions: u64,
    /// Charges at the gateway.
    pub charges: u64,
    /// Refunds at the gateway.
    pub refunds: u64,
    /// Disputes at the gateway.
    pub disputes: u64,
    /// Charges that settled nothing, and went back.
    pub surplus: u64,
    /// Messages that the host took.
    pub messages: u64,
    /// Faults, by their word.
    pub faults: BTreeMap<&'static str, u64>,
    /// Points that a request or a worker has come past, by their word.
    pub points: BTreeMap<&'static str, u64>,
    /// Ends of payments, by their word.
    pub ends: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.presses += other.presses;
        self.payments += other.payments;
        self.sessions += other.sessions;
        self.charges += other.charges;
        self.refunds += other.refunds;
        self.disputes += other.disputes;
        self.surplus += other.surplus;
        self.messages += other.messages;
        let maps = [
            (&mut self.faults, &other.faults),
            (&mut self.points, &other.points),
            (&mut self.ends, &other.ends),
        ];
        for (sum, more) in maps {
            for (word, count) in more {
                *sum.entry(word).or_default() += count;
            }
        }
    }
}

/// Kept while a history goes on.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<Line>,
    pub(crate) broken: Vec<Broken>,
    pub(crate) faults: Vec<(FaultId, Fault)>,
    pub(crate) wishes: Vec<(u64, u32)>,
    pub(crate) points: [u64; 18],
    pub(crate) presses: u64,
    /// Who came through which step from when to when, in microseconds since the history began.
    pub(crate) steps: Vec<(Who, Point, (u64, u64))>,
    /// Who waited for another's lock from when to when.
    pub(crate) waits: Vec<(Who, (u64, u64))>,
}
