//! From a count of requests to what the caller is told.

use sekali_core::ports::Rate;
use std::time::Duration;

/// The minute that begins with a bucket's first request (contract, part 3: requests a minute).
pub(crate) const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The `count`th request of a window that has `left` to go. Requests over the limit are counted
/// too, but do not prolong the window: whoever goes on knocking is let in when it ends.
pub(crate) fn counted(count: u32, limit: u32, left: Duration) -> Rate {
    Rate { limit, remaining: limit.saturating_sub(count), retry_after: (count > limit).then_some(left) }
}
