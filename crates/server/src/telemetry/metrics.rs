//! Metrics, as Prometheus reads them.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sekali_core::ports::{Point, Probe};
use std::sync::OnceLock;
use std::time::Duration;

/// Upper bounds in seconds: from a cached duplicate (well below a millisecond) to a lock waited for.
const BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// The process's one recorder.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Taken already only if something else in the process records: then that is what counts.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

/// A counter: its name, what it counts, and its label with the values that are known beforehand.
struct Counter(&'static str, &'static str, Option<(&'static str, &'static [&'static str])>);

const COUNTERS: &[Counter] = &[
    Counter(
        "sekali_payments_total",
        "Payments by outcome",
        Some((
            "outcome",
            &["created", "refused", "unavailable", "completed", "failed", "cancelled", "expired", "refunded"],
        )),
    ),
    Counter(
        "sekali_duplicates_total",
        "Duplicates by where they were caught",
        Some(("caught", &["cache", "lock", "database"])),
    ),
    Counter(
        "sekali_cache_lookups_total",
        "Look-ups of idempotency keys in the cache, by result",
        Some(("result", &["hit", "miss", "unreachable"])),
    ),
    Counter("sekali_lock_waits_total", "Requests that had to wait for another one's lock", None),
    Counter("sekali_lock_timeouts_total", "Requests that gave up waiting and went on without the lock", None),
    Counter("sekali_lock_lost_total", "Locks that had expired before their holder released them", None),
    Counter(
        "sekali_redis_errors_total",
        "Calls to Redis that failed, or were spared because it is out of reach",
        Some(("reason", &["failed", "cut_off"])),
    ),
    Counter("sekali_database_errors_total", "Requests that failed because of the database", None),
    Counter("sekali_status_unpublished_total", "Changes of status that other servers were not told", None),
    Counter("sekali_surplus_captures_total", "Captures that settle no payment; an operator must look", None),
    Counter("sekali_gateway_errors_total", "Calls to Stripe without a definite answer", None),
    Counter(
        "sekali_webhooks_total",
        "Webhooks received, by whether they were new",
        Some(("new", &["yes", "no"])),
    ),
    Counter(
        "sekali_worker_failures_total",
        "Workers that failed and were started again",
        Some(("worker", &["inbox", "keys", "metrics", "reconciler", "duplicates", "outbox"])),
    ),
    Counter("sekali_unknown_money_total", "Captures of sessions that the database does not know", None),
    Counter("sekali_automatic_refunds_total", "Refunds of money that settles no payment", None),
    Counter(
        "sekali_automatic_refunds_capped_total",
        "Times that the cap on automatic refunds held one back",
        None,
    ),
    Counter(
        "sekali_disputes_total",
        "News of disputes, by where they stand",
        Some(("state", &["needs_response", "under_review", "won", "lost", "closed"])),
    ),
    Counter("sekali_reconciler_passes_total", "Passes of the reconciler", None),
    Counter(
        "sekali_deliveries_total",
        "Messages to the host application by outcome",
        Some(("outcome", &["delivered", "failed", "parked"])),
    ),
    Counter(
        "sekali_duplicates_unrecorded_total",
        "Duplicates that are not in the record, for there were too many",
        None,
    ),
];

/// Every counter begins at nought, so that its first event is seen as a change.
fn describe() {
    for Counter(name, meaning, label) in COUNTERS {
        metrics::describe_counter!(*name, *meaning);
        match label {
            None => metrics::counter!(*name).increment(0),
            Some((label, values)) => {
                for value in *values {
                    metrics::counter!(*name, *label => *value).increment(0);
                }
            }
        }
    }
    metrics::describe_gauge!("sekali_open_cases", "Cases that an operator has to look at");
    metrics::describe_gauge!(
        "sekali_outbox_waiting",
        "Payments with something that the host was not told yet"
    );
    metrics::describe_gauge!("sekali_outbox_parked", "Payments whose delivery to the host was given up");
    metrics::describe_counter!("sekali_http_requests_total", "HTTP requests by status");
    metrics::describe_histogram!("sekali_step_duration_seconds", "Duration of each step of a payment");
    metrics::describe_histogram!("sekali_http_request_duration_seconds", "Duration of HTTP requests");
}

/// Records each step's duration.
pub struct StepDurations;

impl Probe for StepDurations {
    fn passed(&self, point: Point, took: Duration) {
        metrics::histogram!("sekali_step_duration_seconds", "step" => point.name()).record(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_there_before_its_first_event() {
        let text = recorder().render();
        for Counter(name, _, label) in COUNTERS {
            let values = label.map_or(vec![String::new()], |(label, values)| {
                values.iter().map(|value| format!("{{{label}=\"{value}\"}}")).collect()
            });
            for value in values {
                assert!(text.contains(&format!("{name}{value} 0\n")), "{name}{value} in\n{text}");
            }
        }
    }
}
