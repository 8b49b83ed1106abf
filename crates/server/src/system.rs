//! The machine's own clock and randomness: the one place that reads them.

use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Random};
use std::cell::RefCell;
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

/// The operating system's randomness, a few hundred numbers at a time: a payment needs half a dozen, and asking
/// for each is a system call of its own. A number is given out once.
pub struct OsRandom;

/// Bytes that a thread has in store.
const STORE: usize = 2048;

struct Store {
    bytes: [u8; STORE],
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Store> = const { RefCell::new(Store { bytes: [0; STORE], used: STORE }) };
}

impl Store {
    fn next(&mut self) -> u64 {
        if self.used == STORE {
            #[expect(
                clippy::expect_used,
                reason = "without randomness no key and no lock would be safe: better to stop"
            )]
            getrandom::fill(&mut self.bytes).expect("the operating system has no randomness");
            self.used = 0;
        }
        let mut number = [0; 8];
        number.copy_from_slice(&self.bytes[self.used..self.used + 8]);
        // What was given out is known to nobody afterwards.
        self.bytes[self.used..self.used + 8].fill(0);
        self.used += 8;
        u64::from_le_bytes(number)
    }
}

impl Random for OsRandom {
    fn next_u64(&self) -> u64 {
        DRAWN.with_borrow_mut(Store::next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_number_comes_twice_on_any_thread() {
        let draw = || (0..1_000).map(|_| OsRandom.next_u64()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4_000);
        let ones: u32 = drawn.iter().map(|number| number.count_ones()).sum();
        assert!((126_000..130_000).contains(&ones), "{ones} of 256,000 bits");
    }
}
