//! What kind of world a seed makes: which faults there are and how many, how fast people and workers are.

use crate::plan::Fault;
use crate::rng::{Rng, mix};

/// How a history goes about.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// By fault: in so many of a million chances.
    pub(crate) rates: Vec<u32>,
    pub(crate) servers: usize,
    pub(crate) patients: u64,
    /// Wishes of a patient, at most.
    pub(crate) wishes: u32,
    /// Between two things that a patient does, at most, in microseconds.
    pub(crate) pace: u64,
    /// Between two rounds of a worker that had nothing to do, in microseconds.
    pub(crate) idle: u64,
    /// When faults stop.
    pub(crate) quiet_at: u64,
    /// Servers' clocks run fast or slow by so many parts of a million, at most.
    pub(crate) drift: u64,
}

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3600 * SECOND;

/// How often a fault happens where it happens at all: it is about one call, or about a request or a whole server.
fn usual(fault: Fault) -> u32 {
    match fault {
        Fault::Crash => 4_000,
        Fault::GatewayRefuses => 10_000,
        Fault::Slow | Fault::DatabaseDown | Fault::Conflict => 15_000,
        Fault::UnclearDone | Fault::UnclearLater | Fault::UnclearNever | Fault::ClockJumpDay => 20_000,
        Fault::CacheFlushed | Fault::CacheFailover => 30_000,
        Fault::GatewayDown
        | Fault::Gateway409
        | Fault::Gateway429
        | Fault::Gateway500
        | Fault::Gateway500Done
        | Fault::ClockJump => 40_000,
        Fault::CacheDown
        | Fault::CacheAnswerLost
        | Fault::GatewayAnswerLost
        | Fault::GatewayLate
        | Fault::GatewayTwice => 60_000,
        Fault::Disconnect => 80_000,
        Fault::HostRefuses | Fault::HostAnswerLost => 120_000,
        Fault::WebhookLate | Fault::WebhookTwice => 250_000,
        Fault::LockTwice | Fault::LockExpired => 300_000,
    }
}

impl Setting {
    /// Each fault is there in half of all seeds, in strengths that differ: a world in which everything goes wrong
    /// at once seldom comes as far as the interesting places.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(mix(&[seed, 0x5e77]));
        let strength = |rng: &mut Rng| [0, 0, 1, 1, 3][usize::try_from(rng.below(5)).unwrap_or(0)];
        let mut rates: Vec<u32> = Fault::ALL.iter().map(|fault| usual(*fault) * strength(&mut rng)).collect();
        if rng.below(16) == 0 {
            // Now and then nothing goes wrong.
            rates.fill(0);
        }
        // A day's jump is rare: with it less can be promised, and so less is checked.
        if rng.below(8) != 0 {
            rates[Fault::ClockJumpDay as usize] = 0;
        }
        let (pace, idle, quiet_at) = match rng.below(8) {
            0 => (9 * HOUR, 12 * HOUR, 80 * HOUR),
            1 | 2 => (600 * SECOND, 300 * SECOND, 2 * HOUR),
            _ => (3 * SECOND, 4 * SECOND, 60 * SECOND),
        };
        Self {
            rates,
            servers: 1 + usize::try_from(rng.below(3)).unwrap_or(0).min(1),
            patients: 1 + rng.below(3),
            wishes: 1 + u32::try_from(rng.below(4)).unwrap_or(0),
            pace,
            idle,
            quiet_at,
            drift: rng.below(10),
        }
    }

    /// A race that is over within a second: Redis hands a lock to two, forgets, or fails over, and answers of
    /// Stripe's get lost. Each of it happens in half of all seeds.
    pub(crate) fn race(seed: u64) -> Self {
        let mut rng = Rng::new(mix(&[seed, 0x4ace]));
        let may = [
            Fault::LockTwice,
            Fault::LockExpired,
            Fault::CacheFlushed,
            Fault::CacheFailover,
            Fault::CacheAnswerLost,
            Fault::GatewayAnswerLost,
        ];
        let mut rates = vec![0; Fault::ALL.len()];
        for fault in may {
            rates[fault as usize] = usual(fault) * u32::try_from(rng.below(2)).unwrap_or(0);
        }
        Self { rates, servers: 2, idle: SECOND / 20, quiet_at: u64::MAX, ..Self::calm() }
    }

    /// A world in which nothing goes wrong, for small models.
    pub(crate) fn calm() -> Self {
        Self {
            rates: vec![0; Fault::ALL.len()],
            servers: 1,
            patients: 1,
            wishes: 1,
            pace: SECOND,
            idle: SECOND,
            quiet_at: 0,
            drift: 0,
        }
    }

    pub(crate) fn rate(&self, fault: Fault) -> u32 {
        self.rates[fault as usize]
    }
}
