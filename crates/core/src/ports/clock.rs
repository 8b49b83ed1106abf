//! Time and randomness, handed in: so a test decides what time it is, and a seed replays a run.

use crate::domain::Timestamp;
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

/// What time it is.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock: for what is written down. It may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never goes back: for measuring and for deadlines.
    fn monotonic(&self) -> Duration;

    /// Returns after this long.
    async fn sleep(&self, duration: Duration);
}

/// Where unpredictable bits come from.
pub trait Random: Send + Sync {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        let bits = (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// Something between nothing and `most`: spreads out those who wait for the same thing.
    fn jitter(&self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.next_u64() % micros.max(1))
    }
}
