//! The machine's own clock and randomness: the one place that reads them.

use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Random};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts counting.
    #[expect(clippy::disallowed_methods, reason = "this is the port's implementation")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's implementation")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's randomness.
pub struct OsRandom;

impl Random for OsRandom {
    fn next_u64(&self) -> u64 {
        #[expect(
            clippy::expect_used,
            reason = "without randomness no key and no lock would be safe: better to stop"
        )]
        getrandom::u64().expect("the operating system has no randomness")
    }
}
