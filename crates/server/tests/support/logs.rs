//! Every line that the service under test logs.

use super::ambient::TestClock;
use sekali::telemetry::log::{Format, subscriber};
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

/// The lines so far. They are those of this thread: tests run on a runtime of one thread, so that
/// the service's tasks are on it as well.
pub struct Logs {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

/// Into the folder that `./dev test` looks through for secrets at its end.
impl Drop for Logs {
    fn drop(&mut self) {
        let Some(folder) = std::env::var_os("SEKALI_TEST_LOGS") else { return };
        let file = Path::new(&folder).join(format!("in-tests-{}.log", std::process::id()));
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(&self.written.lock().unwrap_or_else(PoisonError::into_inner)).unwrap();
    }
}

impl Logs {
    pub fn capture(filter: &str, clock: Arc<TestClock>) -> Self {
        let written = Arc::new(Mutex::new(Vec::new()));
        let subscriber = subscriber(EnvFilter::new(filter), Format::Json, clock, written.clone());
        Self { written, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }

    /// Forgets what was logged so far.
    pub fn clear(&self) {
        self.written.lock().unwrap().clear();
    }

    /// Each line must be one flat JSON object.
    pub fn lines(&self) -> Vec<Map<String, Value>> {
        let parse = |line: &str| -> Map<String, Value> {
            let object: Map<String, Value> =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(object.values().all(|value| !value.is_object() && !value.is_array()), "{line}");
            object
        };
        self.text().lines().map(parse).collect()
    }

    /// Whether a line with this message was logged.
    pub fn has(&self, message: &str) -> bool {
        self.lines().iter().any(|line| line["message"] == message)
    }
}
