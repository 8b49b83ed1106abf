//! Faults on request: answers that get lost, errors, delays, webhooks that come late, twice, in another order
//! or never. One that was set through the API stands in the database until it is spent; one that is named in
//! an object's metadata goes with the object.

pub(crate) mod requests;
pub(crate) mod webhooks;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::storage::objects::{self, Document, Filter, Links};
use crate::storage::{StorageError, Tx};

pub(crate) use webhooks::WebhookFault;

/// The entry of an object's metadata that names a fault: `answer_lost`, or `slow:2000` with milliseconds.
const METADATA: &str = "simulator_fault";
/// As long as a client may be kept waiting, in milliseconds.
const LONGEST_SLOW_MS: i64 = 120_000;
/// Ten years: more than any test moves the clock.
const LONGEST_LATE_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;
const ARMED: &str = "armed";
const SPENT: &str = "spent";

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The work is done, and the connection closed without an answer.
    AnswerLost,
    /// The connection is closed without an answer, and nothing was done.
    RequestLost,
    /// The work is done, and the connection breaks in the middle of the answer.
    AnswerCut,
    /// The work is done, and the connection is reset; closed, where the simulator is part of another server.
    ConnectionReset,
    /// 429; nothing was done.
    RateLimited,
    /// 409, as for a key that is in use; nothing was done.
    Conflict,
    /// 500; nothing was done, and the key may be used again.
    ServerError,
    /// 500, which is the key's answer from now on; nothing was done.
    ServerErrorSaved,
    /// The work is done, and 500 is the key's answer from now on.
    ServerErrorAfterWork,
    /// The answer takes its time, and the key is in use meanwhile.
    Slow,
    WebhookLate,
    WebhookTwice,
    /// The webhook comes after a later one of the same session.
    WebhookOutOfOrder,
    WebhookNever,
}

impl Kind {
    pub(crate) fn is_webhook(self) -> bool {
        matches!(self, Self::WebhookLate | Self::WebhookTwice | Self::WebhookOutOfOrder | Self::WebhookNever)
    }

    /// The delay if none is given, and the longest, in milliseconds; none where delays mean nothing.
    fn delays(self) -> Option<(i64, i64)> {
        match self {
            Self::Slow => Some((5_000, LONGEST_SLOW_MS)),
            Self::WebhookLate => Some((60_000, LONGEST_LATE_MS)),
            Self::WebhookOutOfOrder => Some((5_000, LONGEST_LATE_MS)),
            _ => None,
        }
    }

    fn delay(self, asked: Option<i64>) -> Result<i64, ApiError> {
        match (self.delays(), asked) {
            (None, None) => Ok(0),
            (None, Some(_)) => Err(ApiError::bad_value("delay_ms", "This kind of fault has no delay.")),
            (Some((default, _)), None) => Ok(default),
            (Some((_, longest)), Some(delay)) if (0..=longest).contains(&delay) => Ok(delay),
            (Some((_, longest)), Some(_)) => {
                Err(ApiError::bad_value("delay_ms", format!("'delay_ms' is between 0 and {longest}.")))
            }
        }
    }
}

/// A fault as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    kind: Kind,
    /// The method of the requests it strikes; none is every method.
    method: Option<String>,
    /// What their paths begin with.
    path: Option<String>,
    /// The type of the events whose webhooks it strikes; a star at the end stands for anything.
    event_type: Option<String>,
    delay_ms: Option<i64>,
    /// How often it strikes; none is until it is deleted.
    times: Option<u32>,
}

/// A fault that strikes whatever matches it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) id: String,
    created: i64,
    kind: Kind,
    method: Option<String>,
    path: Option<String>,
    event_type: Option<String>,
    delay_ms: i64,
    times: Option<u32>,
    /// How often it has struck.
    struck: u32,
}

impl Document for Fault {
    const KIND: &'static str = "fault";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        let spent = self.times.is_some_and(|times| self.struck >= times);
        Some(if spent { SPENT } else { ARMED })
    }
}

impl Fault {
    /// The fault that an order asks for.
    pub(crate) fn new(order: Order, id: String, created: i64) -> Result<Self, ApiError> {
        let Order { kind, method, path, event_type, delay_ms, times } = order;
        if kind.is_webhook() && (method.is_some() || path.is_some()) {
            let message = "A webhook's fault is limited by 'event_type', not by 'method' or 'path'.";
            return Err(ApiError::invalid(message));
        }
        if !kind.is_webhook() && event_type.is_some() {
            let message = "A request's fault is limited by 'method' and 'path', not by 'event_type'.";
            return Err(ApiError::invalid(message));
        }
        if times == Some(0) {
            return Err(ApiError::bad_value("times", "'times' is at least 1."));
        }
        let delay_ms = kind.delay(delay_ms)?;
        let method = method.map(|method| method.to_ascii_uppercase());
        Ok(Self { id, created, kind, method, path, event_type, delay_ms, times, struck: 0 })
    }

    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "object": "simulator.fault",
            "delay_ms": self.kind.delays().map(|_| self.delay_ms),
            "event_type": self.event_type,
            "kind": self.kind,
            "method": self.method,
            "path": self.path,
            "struck": self.struck,
            "times": self.times,
        })
    }
}

/// All faults, the newest first; those that are spent as well.
pub(crate) fn list(tx: &mut dyn Tx) -> Result<Vec<Fault>, StorageError> {
    objects::list(tx, &Filter::of(Links::Any), usize::MAX)
}

/// Those that may still strike, the oldest first.
fn armed(tx: &mut dyn Tx) -> Result<Vec<Fault>, StorageError> {
    let filter = Filter::of(Links::OneOf(vec![ARMED.to_owned()]));
    let mut faults: Vec<Fault> = objects::list(tx, &filter, usize::MAX)?;
    faults.reverse();
    Ok(faults)
}

/// The fault that a metadata entry names, with its delay in milliseconds.
fn named(text: &str) -> Result<(Kind, i64), ApiError> {
    let (word, delay) = match text.split_once(':') {
        Some((word, delay)) => (word, Some(delay)),
        None => (text, None),
    };
    let unknown = || ApiError::bad_value("metadata[simulator_fault]", format!("No such fault: {text}"));
    let kind: Kind = serde_json::from_value(json!(word)).map_err(|_| unknown())?;
    let delay = delay.map(str::parse).transpose().map_err(|_| unknown())?;
    Ok((kind, kind.delay(delay)?))
}

#[cfg(test)]
mod tests {
    use super::{Kind, named};

    #[test]
    fn names_in_metadata() {
        assert_eq!(named("answer_lost").unwrap(), (Kind::AnswerLost, 0));
        assert_eq!(named("slow:250").unwrap(), (Kind::Slow, 250));
        assert_eq!(named("webhook_late").unwrap(), (Kind::WebhookLate, 60_000));
        for wrong in ["", "lost", "slow:", "slow:x", "slow:-1", "answer_lost:5", "slow:999999999"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
