//! Log lines: one flat JSON object a line (contract, part 7), or a readable form for people.

use sekali_core::ports::Clock;
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

/// What `tracing` calls an event's message among its fields.
const MESSAGE: &str = "message";
/// Most lines are not longer.
const ROOM: usize = 256;

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
        super::with_request_id(|id| fields.text("request_id", id));
        let line = fields.line(&self.clock.now().rfc3339_micros(), *event.metadata().level());
        // A log that cannot be written must not take the service down with it.
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(&line).and_then(|()| sink.flush());
        }
    }
}

/// An event as it is written: its message, and the other fields behind one another. Writing into bytes does not fail.
struct Fields {
    format: Format,
    message: String,
    rest: Vec<u8>,
}

impl Fields {
    fn of(format: Format) -> Self {
        Self { format, message: String::new(), rest: Vec::with_capacity(ROOM) }
    }

    /// The moment, the level and the message stand first, where people look for them.
    fn line(self, at: &str, level: Level) -> Vec<u8> {
        let Self { format, message, rest } = self;
        let mut line = Vec::with_capacity(ROOM + message.len() + rest.len());
        match format {
            Format::Json => {
                let _ = write!(line, "{{\"timestamp\":\"{at}\",\"level\":\"{level}\",\"message\":");
                quote(&mut line, &message);
                line.extend_from_slice(&rest);
                line.extend_from_slice(b"}\n");
            }
            Format::Pretty => {
                let _ = write!(line, "{at} {level:<5} {message}");
                line.extend_from_slice(&rest);
                line.push(b'\n');
            }
        }
        line
    }

    /// A field's name, with what stands around it.
    fn name(&mut self, name: &str) {
        match self.format {
            Format::Json => {
                self.rest.push(b',');
                quote(&mut self.rest, name);
                self.rest.push(b':');
            }
            Format::Pretty => {
                let _ = write!(self.rest, "  {name}=");
            }
        }
    }

    /// A value that JSON writes as it stands.
    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        let _ = write!(self.rest, "{value}");
    }

    fn text(&mut self, name: &str, text: &str) {
        if name == MESSAGE {
            self.message.push_str(text);
        } else {
            self.name(name);
            quote(&mut self.rest, text);
        }
    }
}

/// As JSON writes it.
fn quote(into: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(into, text);
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            let _ = fmt::Write::write_fmt(&mut self.message, format_args!("{value:?}"));
        } else {
            self.text(field.name(), &format!("{value:?}"));
        }
    }
}
