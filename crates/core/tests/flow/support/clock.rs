//! Time that passes only when somebody sleeps, and numbers that look random.

use super::journal::{Call, Journal};
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Random};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 2024-01-15T10:30:00Z, the contract's moment, and what has been slept since.
pub(crate) struct FakeClock {
    journal: Arc<Journal>,
    passed: AtomicU64,
    /// By how much somebody has set the wall clock back.
    back: AtomicU64,
}

impl FakeClock {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, passed: AtomicU64::new(0), back: AtomicU64::new(0) }
    }

    /// Sets the wall clock back.
    pub(crate) fn set_back(&self, by: Duration) {
        self.back.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.passed.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let back = Duration::from_micros(self.back.load(Ordering::SeqCst));
        Timestamp::from_seconds(1_705_314_600).plus(self.monotonic()).minus(back)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.journal.note(Call::Sleep(duration));
        self.advance(duration);
        // Whoever is slept for gets the thread.
        tokio::task::yield_now().await;
    }
}

/// SplitMix64: the same numbers at each run.
pub(crate) struct SeededRandom(AtomicU64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
