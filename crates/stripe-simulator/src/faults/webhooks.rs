//! Faults of webhooks. They strike when the event happens, in its transaction.

use serde_json::Value;

use super::{Fault, Kind, METADATA, armed, named};
use crate::storage::{StorageError, objects};
use crate::work::Work;

/// How an event's webhook goes wrong. Delays are in milliseconds of the simulated clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookFault {
    Late { delay_ms: i64 },
    Twice,
    OutOfOrder { delay_ms: i64 },
    Never,
}

impl WebhookFault {
    fn of(kind: Kind, delay_ms: i64) -> Option<Self> {
        Some(match kind {
            Kind::WebhookLate => Self::Late { delay_ms },
            Kind::WebhookTwice => Self::Twice,
            Kind::WebhookOutOfOrder => Self::OutOfOrder { delay_ms },
            Kind::WebhookNever => Self::Never,
            _ => return None,
        })
    }
}

/// The fault that strikes the event `name` about `object`, if one does.
pub(crate) fn strike(
    work: &mut Work<'_>,
    name: &str,
    object: &Value,
) -> Result<Option<WebhookFault>, StorageError> {
    // A word that is none was refused when the metadata came in, unless it was meant for somebody else.
    let own = object["metadata"][METADATA].as_str().and_then(|text| named(text).ok());
    if let Some(fault) = own.and_then(|(kind, delay_ms)| WebhookFault::of(kind, delay_ms)) {
        return Ok(Some(fault));
    }
    let found = armed(work.tx)?.into_iter().find(|fault| strikes(fault, name));
    let Some(mut fault) = found else { return Ok(None) };
    fault.struck += 1;
    objects::update(work.tx, &fault)?;
    Ok(WebhookFault::of(fault.kind, fault.delay_ms))
}

fn strikes(fault: &Fault, name: &str) -> bool {
    let matches = |wanted: &str| match wanted.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == wanted,
    };
    fault.kind.is_webhook() && fault.event_type.as_deref().is_none_or(matches)
}
