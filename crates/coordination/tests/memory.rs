//! The suite of the ports, in memory.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use async_trait::async_trait;
use sekali_coordination::MemoryCoordination;
use sekali_core::contract::coordination::{Bench, Coordination, passes};
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Count, Rate, RateLimit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that stands still until it is moved.
struct StillClock(Mutex<Duration>);

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_705_314_600).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {
        panic!("nothing in memory waits");
    }
}

struct InMemory {
    clock: Arc<StillClock>,
    coordination: Arc<MemoryCoordination>,
}

#[async_trait]
impl Bench for InMemory {
    fn coordination(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.coordination) as _
    }

    async fn advance(&self, duration: Duration) {
        *self.clock.0.lock().unwrap() += duration;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_of_the_ports() {
    passes(async || {
        let clock = Arc::new(StillClock(Mutex::default()));
        let coordination = Arc::new(MemoryCoordination::new(Arc::clone(&clock) as _));
        InMemory { clock, coordination }
    })
    .await;
}

/// Half a minute passes whenever somebody looks.
struct Running(AtomicU64);

#[async_trait]
impl Clock for Running {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(30 * self.0.fetch_add(1, Ordering::SeqCst))
    }
    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn those_who_are_counted_together_are_counted_in_one_window() {
    let coordination = MemoryCoordination::new(Arc::new(Running(AtomicU64::new(0))));
    let rates = coordination.take_all(Count { bucket: "1", limit: 2, times: 4 }).await.unwrap();
    let over: Vec<bool> = rates.iter().map(Rate::is_over).collect();
    assert_eq!(over, [false, false, true, true]);
}
