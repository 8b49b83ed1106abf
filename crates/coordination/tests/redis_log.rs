//! What the log and the metrics say of an outage.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use sekali_coordination::RedisCoordination;
use sekali_core::domain::{IdempotencyKey, UserId};
use sekali_core::ports::{CoordinationDown, IdempotencyCache, Lookup};
use sekali_test_support::redis::server;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::{connect_patiently, until};

/// Keeps the log's text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Keeps each metric's bits under its name.
#[derive(Clone, Default)]
struct Metrics(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Metrics {
    fn cell(&self, name: &str) -> Arc<AtomicU64> {
        Arc::clone(self.0.lock().unwrap().entry(name.to_owned()).or_default())
    }

    fn count(&self, name: &str) -> u64 {
        self.cell(name).load(Ordering::Acquire)
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.count(name))
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key.name()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key.name()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

async fn lookup(redis: &RedisCoordination) -> Result<Option<Lookup>, CoordinationDown> {
    redis.lookup(UserId(1), &IdempotencyKey::new("k").unwrap()).await
}

#[tokio::test]
async fn an_outage_is_logged_once_and_counted_call_by_call() {
    let (log, metrics) = (Log::default(), Metrics::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _log = tracing::subscriber::set_default(subscriber);
    metrics::set_global_recorder(metrics.clone()).unwrap();

    let mut server = server();
    let redis = connect_patiently(&server.url).await;
    assert_eq!(metrics.gauge("sekali_redis_up").to_bits(), 1.0_f64.to_bits());
    server.kill();
    for _ in 0..5 {
        assert!(lookup(&redis).await.is_err());
    }
    assert_eq!(metrics.count("sekali_redis_errors_total"), 5);
    assert_eq!(metrics.gauge("sekali_redis_up").to_bits(), 0.0_f64.to_bits());
    // Attempts to reconnect fail meanwhile, and say nothing more.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    server.restart();
    until(async || lookup(&redis).await.is_ok()).await;
    assert_eq!(metrics.gauge("sekali_redis_up").to_bits(), 1.0_f64.to_bits());

    let lines = log.lines();
    let [down, back] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(down.contains(" WARN ") && down.contains("Redis out of reach, going on with the database alone"));
    assert!(down.contains("error="), "{down}");
    assert!(back.contains(" INFO ") && back.contains("Redis is back outage_ms="), "{back}");
}
