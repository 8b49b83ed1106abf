//! Waiting for conditions.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `look` finds something; how it is described is for the message of a test that fails.
pub async fn until<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < deadline, "after {deadline:?} still not so: {what}");
        sleep(LOOK).await;
    }
}
