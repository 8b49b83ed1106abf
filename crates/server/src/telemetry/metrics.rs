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

fn describe() {
    metrics::describe_counter!("sekali_payments_total", "Payments by outcome");
    metrics::describe_counter!("sekali_duplicates_total", "Duplicates by where they were caught");
    metrics::describe_counter!(
        "sekali_cache_lookups_total",
        "Look-ups of idempotency keys in the cache, by result"
    );
    metrics::describe_histogram!("sekali_step_duration_seconds", "Duration of each step of a payment");
    metrics::describe_counter!("sekali_lock_waits_total", "Requests that had to wait for another one's lock");
    metrics::describe_counter!(
        "sekali_lock_timeouts_total",
        "Requests that gave up waiting and went on without the lock"
    );
    metrics::describe_counter!(
        "sekali_lock_lost_total",
        "Locks that had expired before their holder released them"
    );
    metrics::describe_counter!("sekali_redis_errors_total", "Calls to Redis that failed or timed out");
    metrics::describe_counter!("sekali_database_errors_total", "Calls to the database that failed");
    metrics::describe_counter!(
        "sekali_status_unpublished_total",
        "Changes of status that could not be told to other servers"
    );
    metrics::describe_counter!(
        "sekali_surplus_captures_total",
        "Captures that settle no payment; an operator must look"
    );
    metrics::describe_counter!("sekali_gateway_errors_total", "Calls to Stripe without a definite answer");
    metrics::describe_counter!("sekali_webhooks_total", "Webhooks received, by whether they were new");
    metrics::describe_counter!("sekali_http_requests_total", "HTTP requests by status");
    metrics::describe_histogram!("sekali_http_request_duration_seconds", "Duration of HTTP requests");
}

/// Records each step's duration.
pub struct StepDurations;

impl Probe for StepDurations {
    fn passed(&self, point: Point, took: Duration) {
        metrics::histogram!("sekali_step_duration_seconds", "step" => point.name()).record(took);
    }
}
