//! Log lines: one flat JSON object a line (contract, part 7), or a readable form for people.

use sekali_core::ports::Clock;
use serde_json::{Map, Value};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people at a terminal.
    Pretty,
}

/// Where lines go.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// A subscriber that writes events of `filter` to `sink`.
pub fn subscriber(
    filter: EnvFilter,
    format: Format,
    clock: Arc<dyn Clock>,
    sink: Sink,
) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(filter).with(Lines { format, clock, sink })
}

struct Lines {
    format: Format,
    clock: Arc<dyn Clock>,
    sink: Sink,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(id) = super::request_id() {
            fields.0.insert("request_id".into(), id.into());
        }
        let message = fields.0.remove("message").unwrap_or_default();
        let at = self.clock.now().rfc3339_micros();
        let line = match self.format {
            Format::Json => json(&at, *event.metadata().level(), &message, &fields.0),
            Format::Pretty => pretty(&at, *event.metadata().level(), &message, &fields.0),
        };
        // A log that cannot be written must not take the service down with it.
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
        }
    }
}

/// The moment, the level and the message stand first, where people look for them.
fn json(at: &str, level: Level, message: &Value, fields: &Map<String, Value>) -> String {
    let mut line = format!(r#"{{"timestamp":"{at}","level":"{level}","message":{message}"#);
    for (name, value) in fields {
        line.push_str(&format_args!(",{}:{value}", Value::from(name.as_str())).to_string());
    }
    line.push_str("}\n");
    line
}

fn pretty(at: &str, level: Level, message: &Value, fields: &Map<String, Value>) -> String {
    let mut line = format!("{at} {level:<5} {}", message.as_str().unwrap_or_default());
    for (name, value) in fields {
        line.push_str(&format_args!("  {name}={value}").to_string());
    }
    line.push('\n');
    line
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }
}
