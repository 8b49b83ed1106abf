//! Log lines: one flat JSON object a line (contract, part 7), or a readable form for people.

use sekali_core::ports::Clock;
use serde_json::Value;
use std::fmt::{self, Write as _};
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
        let mut fields = Fields::of(self.format);
        event.record(&mut fields);
        if let Some(id) = super::request_id() {
            fields.text("request_id", &id);
        }
        let line = fields.line(&self.clock.now().rfc3339_micros(), *event.metadata().level());
        // A log that cannot be written must not take the service down with it.
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
        }
    }
}

/// An event as it is written: its message, and the other fields behind one another.
struct Fields {
    format: Format,
    message: String,
    rest: String,
}

impl Fields {
    fn of(format: Format) -> Self {
        Self { format, message: String::new(), rest: String::new() }
    }

    /// The moment, the level and the message stand first, where people look for them.
    fn line(self, at: &str, level: Level) -> String {
        let Self { format, message, rest } = self;
        match format {
            Format::Json => {
                format!(
                    "{{\"timestamp\":\"{at}\",\"level\":\"{level}\",\"message\":{}{rest}}}\n",
                    quoted(&message)
                )
            }
            Format::Pretty => format!("{at} {level:<5} {message}{rest}\n"),
        }
    }

    /// A value that is written as JSON writes it.
    fn add(&mut self, name: &str, value: &dyn fmt::Display) {
        // Writing into a string does not fail.
        let _ = match self.format {
            Format::Json => write!(self.rest, ",{}:{value}", quoted(name)),
            Format::Pretty => write!(self.rest, "  {name}={value}"),
        };
    }

    fn text(&mut self, name: &str, text: &str) {
        if name == "message" {
            text.clone_into(&mut self.message);
        } else {
            self.add(name, &quoted(text));
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), &value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), &value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}
