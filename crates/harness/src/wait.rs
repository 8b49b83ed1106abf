//! Waiting for conditions.

use std::panic::resume_unwind;
use std::time::Duration;
use tokio::task::JoinSet;
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

/// Waits for the end of every task; one that failed fails the test.
pub async fn all<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(task) = tasks.join_next().await {
        results.push(task.unwrap_or_else(|error| resume_unwind(error.into_panic())));
    }
    results
}
