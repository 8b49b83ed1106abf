//! What the tests on Redis share.
#![expect(clippy::disallowed_methods, reason = "against a real Redis time is the real time")]
#![allow(dead_code, reason = "each test file uses its part")]

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use sekali_coordination::RedisCoordination;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Random};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

struct RealClock(Instant);

#[async_trait]
impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_705_314_600).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Counting(AtomicU64);

impl Random for Counting {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(7919, Ordering::Relaxed)
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(RealClock(Instant::now()))
}

pub(crate) fn random() -> Arc<dyn Random> {
    Arc::new(Counting(AtomicU64::new(1)))
}

pub(crate) async fn connect(url: &str) -> Arc<RedisCoordination> {
    Arc::new(RedisCoordination::connect(url, clock(), random()).await.unwrap())
}

/// For what is not about time: a busy machine does not make it fail.
pub(crate) async fn connect_patiently(url: &str) -> Arc<RedisCoordination> {
    let most = Duration::from_secs(10);
    Arc::new(RedisCoordination::connect_within(most, url, clock(), random()).await.unwrap())
}

/// A connection beside the adapter's.
pub(crate) async fn raw(url: &str) -> MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(10)))
        .set_response_timeout(Some(Duration::from_secs(10)));
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// How long something took, and what came of it.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let start = Instant::now();
    let outcome = work.await;
    (start.elapsed(), outcome)
}

/// Asks every 10 ms until the answer is yes; how long that took.
pub(crate) async fn until(mut yes: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !yes().await {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}
