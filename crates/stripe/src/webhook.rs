//! Whether a webhook is Stripe's (<https://docs.stripe.com/webhooks/signatures>).

use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::Timestamp;
use sekali_core::ports::GatewayEvent;
use sekali_core::ports::gateway::{WEBHOOK_TOLERANCE, WebhookError};
use serde_json::Value;
use sha2::Sha256;

/// Far more than Stripe sends; keeps a hostile header from costing work.
const LONGEST_HEADER: usize = 4096;

/// What a `Stripe-Signature` header says.
struct Signature<'a> {
    /// Seconds since 1970, as they stand in the header: they are part of what is signed.
    time: &'a str,
    /// Each `v1`: several while Stripe signs with an old and a new secret.
    candidates: Vec<[u8; 32]>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > LONGEST_HEADER {
            return None;
        }
        let (mut time, mut signed, mut candidates) = (None, false, Vec::new());
        for (scheme, value) in
            header.split(',').map(|part| part.trim().split_once('=')).collect::<Option<Vec<_>>>()?
        {
            match scheme {
                "t" if time.is_some() => return None,
                "t" => time = Some(value),
                "v1" => {
                    signed = true;
                    candidates.extend(from_hex(value));
                }
                // Schemes that are not v1 prove nothing, and must not be fallen back to.
                _ => {}
            }
        }
        let time = time.filter(|time| time.bytes().all(|b| b.is_ascii_digit()) && !time.is_empty())?;
        signed.then_some(Self { time, candidates })
    }

    fn is_by(&self, secret: &str, payload: &[u8]) -> bool {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(payload);
        // `verify_slice` compares in constant time.
        self.candidates.iter().any(|candidate| mac.clone().verify_slice(candidate).is_ok())
    }

    fn is_timely(&self, now: Timestamp) -> bool {
        let tolerance = WEBHOOK_TOLERANCE.as_secs();
        self.time.parse::<i64>().is_ok_and(|time| now.as_seconds().abs_diff(time) <= tolerance)
    }
}

/// What a webhook tells, if its header `Stripe-Signature` was made with one of the secrets over these very bytes, no
/// longer than the tolerance ago or ahead. The signature is checked first: only of one that is Stripe's does the
/// time mean anything.
pub fn verify(
    secrets: &[String],
    payload: &[u8],
    header: &str,
    now: Timestamp,
) -> Result<GatewayEvent, WebhookError> {
    let signature = Signature::parse(header).ok_or(WebhookError::Malformed)?;
    if !secrets.iter().any(|secret| signature.is_by(secret, payload)) {
        return Err(WebhookError::Forged);
    }
    if !signature.is_timely(now) {
        return Err(WebhookError::OutOfTolerance);
    }
    read(payload).ok_or(WebhookError::NoEvent)
}

fn read(payload: &[u8]) -> Option<GatewayEvent> {
    let event: Value = serde_json::from_slice(payload).ok()?;
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    let object = event.pointer("/data/object/id").and_then(Value::as_str).map(str::to_owned);
    Some(GatewayEvent { id: text("id")?, kind: text("type")?, object })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
