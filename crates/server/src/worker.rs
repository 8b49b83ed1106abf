//! What the service does by itself, beside answering requests.

use crate::http::App;
use sekali_core::ports::{Clock, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the inbox is looked into without being rung for: what another server, or a crash, left.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);
/// How often old idempotency keys are looked for.
const PURGE_INTERVAL: Duration = Duration::from_secs(600);
/// Keys forgotten in one statement: few enough that nobody waits for it.
const PURGE_BATCH: u32 = 1000;
/// Before a worker that failed is started again: what made it fail may still be there.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How often histograms are folded together, so that they take no more memory without being read.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// Runs a worker until the service stops; one that panics is started again, so that no work of the
/// service ends without anybody noticing.
pub(crate) async fn supervised<W>(name: &'static str, clock: Arc<dyn Clock>, start: impl Fn() -> W)
where
    W: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(start()).await {
        tracing::error!(worker = name, %error, "A worker failed and is started again");
        metrics::counter!("sekali_worker_failures_total", "worker" => name).increment(1);
        clock.sleep(RESTART_PAUSE).await;
    }
}

/// Works off webhooks.
pub(crate) async fn inbox(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        // An event left half-way by a stop is done again when its lease is over.
        let worked = tokio::select! {
            worked = app.inbox.work() => worked,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match worked {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "The inbox cannot be worked off right now"),
        }
        tokio::select! {
            () = app.inbox_bell.notified() => {}
            () = app.clock.sleep(INBOX_INTERVAL) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// Forgets idempotency keys that are older than is promised to clients.
pub(crate) async fn forget_keys(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = purge(&app, app.limits.key_retention).await {
            tracing::warn!(%error, "Old keys cannot be forgotten right now");
        }
        tokio::select! {
            () = app.clock.sleep(PURGE_INTERVAL) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn purge(app: &App, retention: Duration) -> Result<(), StoreError> {
    let before = app.clock.now().minus(retention);
    while app.store.purge_keys(before, PURGE_BATCH).await? == u64::from(PURGE_BATCH) {}
    Ok(())
}

/// Keeps the metrics from growing between two scrapes.
pub(crate) async fn tidy_metrics(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        crate::telemetry::metrics::recorder().run_upkeep();
        tokio::select! {
            () = app.clock.sleep(METRICS_INTERVAL) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemClock;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_worker_that_panics_is_started_again() {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = starts.clone();
        let start = move || {
            let counted = counted.clone();
            async move { assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "the first one fails") }
        };
        supervised("test", Arc::new(SystemClock::new()), start).await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }
}
