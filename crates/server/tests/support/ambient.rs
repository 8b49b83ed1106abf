//! The clock and the randomness that the service under test is handed.

use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Random};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A wall clock that stands still until it is told to move. Deadlines and pauses go by real time, or
/// a wait for a lock would never end; moving the clock moves them as well.
pub struct TestClock {
    start: Timestamp,
    born: Instant,
    moved: AtomicU64,
}

impl TestClock {
    pub fn at(start: Timestamp) -> Self {
        Self { start, born: Instant::now(), moved: AtomicU64::new(0) }
    }

    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub fn seconds(&self) -> u64 {
        u64::try_from(self.now().as_seconds()).unwrap()
    }

    fn moved(&self) -> Duration {
        Duration::from_micros(self.moved.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.moved())
    }

    fn monotonic(&self) -> Duration {
        self.born.elapsed() + self.moved()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// SplitMix64: the same numbers at each run.
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// With a seed that no other service of this process has, as two may share a database.
    pub fn next() -> Self {
        static SEED: AtomicU64 = AtomicU64::new(1);
        Self(AtomicU64::new(SEED.fetch_add(1, Ordering::Relaxed) << 32))
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
