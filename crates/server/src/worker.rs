//! What the service does by itself, beside answering requests.

use crate::http::App;
use sekali_core::ports::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the inbox is looked into without being rung for: what another server, or a crash, left.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);
/// How often old idempotency keys are looked for.
const PURGE_INTERVAL: Duration = Duration::from_secs(600);
/// Keys forgotten in one statement: few enough that nobody waits for it.
const PURGE_BATCH: u32 = 1000;
/// How often histograms are folded together, so that they take no more memory without being read.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// Works off webhooks.
pub(crate) async fn inbox(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        match app.inbox.work().await {
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
pub(crate) async fn forget_keys(app: Arc<App>, retention: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = purge(&app, retention).await {
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
