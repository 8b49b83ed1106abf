//! Reads on in the record, and misses nothing.
//!
//! Entries are numbered when they are written and seen when they are committed, which may be the other way round. So a
//! number that is left out is waited for, as long as its transaction may still commit; then it was rolled back.

use sekali_core::domain::PaymentId;
use sekali_core::ports::StoreError;
use sekali_core::ports::console::ConsoleStore;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than any transaction lasts: the store ends one that is idle after 30 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// Entries that are read at once.
const MOST: u32 = 1_000;
/// What was there when it begins: entries of which some may still be under way.
const BACK: i64 = 100;

/// How far the record was read.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// All up to here were seen, or will never be.
    floor: Option<i64>,
    /// Those above that were seen.
    seen: BTreeSet<i64>,
    /// Since when the first one above the floor is missing.
    missing_since: Option<Duration>,
}

impl Follower {
    /// The payments whose record has grown since the last look, by number. The first look finds nothing: it notes where
    /// the record ends.
    pub(super) async fn look(
        &mut self,
        store: &dyn ConsoleStore,
        now: Duration,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let Some(floor) = self.floor else {
            let floor = (store.newest_entry().await? - BACK).max(0);
            let known = store.entries_after(floor, MOST).await?;
            self.seen = known.iter().map(|news| news.ordinal).collect();
            self.floor = Some(floor);
            self.advance(now);
            return Ok(Vec::new());
        };
        let news = store.entries_after(floor, MOST).await?;
        let is_full = news.len() >= MOST as usize;
        let new = news.iter().filter(|news| self.seen.insert(news.ordinal));
        let changed: BTreeSet<PaymentId> = new.map(|news| news.payment).collect();
        self.advance(now);
        if is_full && changed.is_empty() {
            // What is missing would keep everything behind it from being read.
            self.skip();
        }
        Ok(changed.into_iter().collect())
    }

    fn advance(&mut self, now: Duration) {
        let Some(mut floor) = self.floor else { return };
        loop {
            while self.seen.remove(&(floor + 1)) {
                floor += 1;
                self.missing_since = None;
            }
            self.floor = Some(floor);
            let Some(next) = self.seen.first() else {
                self.missing_since = None;
                return;
            };
            let since = *self.missing_since.get_or_insert(now);
            if now.saturating_sub(since) < PATIENCE {
                return;
            }
            floor = next - 1;
            self.missing_since = None;
        }
    }

    fn skip(&mut self) {
        self.floor = self.seen.last().copied().or(self.floor);
        self.seen.clear();
        self.missing_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn following(floor: i64, seen: &[i64]) -> Follower {
        Follower { floor: Some(floor), seen: seen.iter().copied().collect(), missing_since: None }
    }

    #[test]
    fn the_floor_rises_with_what_was_seen_and_waits_for_what_is_missing() {
        let mut follower = following(10, &[11, 12, 14, 15]);
        follower.advance(at(0));
        assert_eq!((follower.floor, follower.seen.len()), (Some(12), 2), "13 may still be committed");
        follower.seen.insert(13);
        follower.advance(at(1));
        assert_eq!((follower.floor, follower.seen.len()), (Some(15), 0));
    }

    #[test]
    fn what_never_comes_is_not_waited_for_for_ever() {
        let mut follower = following(10, &[12, 14]);
        follower.advance(at(0));
        follower.advance(at(39));
        assert_eq!(follower.floor, Some(10));
        follower.advance(at(40));
        assert_eq!(follower.floor, Some(12), "11 was rolled back; 13 is waited for from now on");
        follower.advance(at(79));
        assert_eq!(follower.floor, Some(12));
        follower.advance(at(80));
        assert_eq!((follower.floor, follower.seen.len()), (Some(14), 0));
    }
}
