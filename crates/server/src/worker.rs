//! What the service does by itself, beside answering requests.

use crate::http::App;
use crate::notes;
use sekali_core::flow::outbox::Outbox;
use sekali_core::flow::reconcile::{Pass, Report};
use sekali_core::ports::{Clock, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A worker looks again after this long at the latest, however long the database has been out of reach.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often the inbox is looked into without being rung for: what another server, or a crash, left.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);
/// How often the outbox is looked into: the host is told of a transition this much later at most.
const OUTBOX_INTERVAL: Duration = Duration::from_millis(250);
/// How often duplicates go into the record: at most so often for one payment.
const DUPLICATES_INTERVAL: Duration = Duration::from_secs(1);
/// Open cases are counted up to here.
const MOST_CASES: u32 = 10_000;
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

/// Between two rounds of a worker: longer and longer while the database is out of reach, and one line in the
/// log for each time that it grows, so that an outage fills no disk.
struct Pause {
    usual: Duration,
    now: Duration,
}

impl Pause {
    fn of(usual: Duration) -> Self {
        Self { usual, now: usual }
    }

    /// The round went well.
    fn ended(&mut self) {
        self.now = self.usual;
    }

    fn failed(&mut self, what: &'static str, error: &StoreError) {
        if self.now < LONGEST_PAUSE {
            tracing::warn!(%error, "{what}");
        } else {
            tracing::debug!(%error, "{what}");
        }
        self.now = (self.now * 2).min(LONGEST_PAUSE);
    }

    fn length(&self) -> Duration {
        self.now
    }
}

/// Works off webhooks.
pub(crate) async fn inbox(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut pause = Pause::of(INBOX_INTERVAL);
    loop {
        // An event left half-way by a stop is done again when its lease is over.
        let worked = tokio::select! {
            worked = app.inbox.work() => worked,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match worked {
            Ok(0) => pause.ended(),
            Ok(_) => {
                pause.ended();
                continue;
            }
            Err(error) => pause.failed("The inbox cannot be worked off right now", &error),
        }
        tokio::select! {
            () = app.inbox_bell.notified() => {}
            () = app.clock.sleep(pause.length()) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// Tells the host application.
pub(crate) async fn outbox(app: Arc<App>, outbox: Outbox, mut stopped: watch::Receiver<bool>) {
    let mut pause = Pause::of(OUTBOX_INTERVAL);
    loop {
        let worked = tokio::select! {
            worked = outbox.work() => worked,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match worked {
            Ok(0) => pause.ended(),
            Ok(_) => {
                pause.ended();
                continue;
            }
            Err(error) => pause.failed("The outbox cannot be worked off right now", &error),
        }
        tokio::select! {
            () = app.clock.sleep(pause.length()) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// Asks Stripe about whatever nobody has told of. What a stop leaves half-way, the next pass does again, and
/// another server need not wait for the lease of one that stops.
pub(crate) async fn reconcile(app: Arc<App>, stopped: watch::Receiver<bool>) {
    passes(&app, stopped).await;
    if let Err(error) = app.reconcile.release().await {
        tracing::warn!(%error, "Reconciler: The lease could not be given back");
    }
}

async fn passes(app: &App, mut stopped: watch::Receiver<bool>) {
    loop {
        let passed = tokio::select! {
            passed = app.reconcile.pass(&|_, _| {}) => passed,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match passed {
            Ok(Pass::Elsewhere) => {}
            Ok(Pass::Made(report)) => {
                log_pass(&report);
                let note = notes::of_pass(&report, app.clock.now());
                if let Err(error) = app.console.leave_note(notes::RECONCILER, &note).await {
                    tracing::warn!(%error, "Reconciler: What the pass found cannot be noted for operators");
                }
            }
            Err(error) => tracing::warn!(%error, "Reconciler: The pass ended early"),
        }
        if let Err(error) = gauge(app).await {
            tracing::warn!(%error, "The backlog cannot be measured right now");
        }
        tokio::select! {
            () = app.clock.sleep(app.reconcile_interval) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// A pass that met nothing is no news.
fn log_pass(report: &Report) {
    metrics::counter!("sekali_reconciler_passes_total").increment(1);
    if *report == (Report { sessions: report.sessions, refunds: report.refunds, ..Report::default() }) {
        return;
    }
    tracing::info!(
        expired = report.expired,
        sessions = report.sessions,
        settled = report.settled,
        refunds = report.refunds,
        given_back = report.given_back,
        found = report.found,
        unanswered = report.unanswered,
        "Reconciler: Pass made"
    );
}

/// What waits for an operator, or for the host.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and nobody counts beyond 2^52")]
async fn gauge(app: &App) -> Result<(), StoreError> {
    let open = app.store.cases(true, MOST_CASES).await?.len();
    metrics::gauge!("sekali_open_cases").set(open as f64);
    // Without a host everything waits, for ever.
    if app.outbox.is_none() {
        return Ok(());
    }
    let (waiting, parked) = app.store.outbox_depth().await?;
    metrics::gauge!("sekali_outbox_waiting").set(waiting as f64);
    metrics::gauge!("sekali_outbox_parked").set(parked as f64);
    Ok(())
}

/// Puts counted duplicates into the record.
pub(crate) async fn record_duplicates(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut pause = Pause::of(DUPLICATES_INTERVAL);
    loop {
        tokio::select! {
            () = app.clock.sleep(pause.length()) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        match app.pay.duplicates.record_due(&*app.store, app.clock.monotonic()).await {
            Ok(()) => pause.ended(),
            Err(error) => pause.failed("Duplicates cannot be recorded right now", &error),
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
