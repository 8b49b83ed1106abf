//! What messages are signed with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::Timestamp;
use sekali_core::ports::HostMessage;
use sha2::Sha256;
use std::ops::RangeInclusive;

/// Tells a signing secret from others at a glance.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, by the specification.
const LENGTH: RangeInclusive<usize> = 24..=64;

/// A secret that the host knows as well. (It has no `Debug`, as it must not be printed.)
pub(crate) struct Secret {
    key: Vec<u8>,
    /// The secret as it is written, without its prefix.
    text: String,
}

impl Secret {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes; `None`: it is something else.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let text = written.strip_prefix(PREFIX)?;
        let key = STANDARD.decode(text).ok().filter(|key| LENGTH.contains(&key.len()))?;
        Some(Self { key, text: text.to_owned() })
    }

    /// `v1,` and the base64 of HMAC-SHA256 over id, time and body, with full stops between.
    pub(crate) fn sign(&self, message: &HostMessage) -> String {
        let mut mac = self.keyed();
        mac.update(format!("{}.{}.{}", message.id, seconds(message.at), message.body).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// `text`, and in the secret's place three stars. Some write JSON with `\/` for a slash.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(&self.text, "***").replace(&self.text.replace('/', r"\/"), "***")
    }

    fn keyed(&self) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length")
    }
}

/// The header `webhook-timestamp`.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.as_seconds().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the tests of every official library of Standard Webhooks.
    #[test]
    fn the_published_example_has_its_published_signature() {
        let message = HostMessage {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            body: r#"{"test": 2432232314}"#.into(),
            at: Timestamp::from_micros(1_614_265_330_999_999),
        };
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(secret.sign(&message), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_its_prefix_and_24_to_64_bytes() {
        let of = |length: usize| format!("{PREFIX}{}", STANDARD.encode(vec![7; length]));
        for length in [24, 32, 64] {
            assert!(Secret::parse(&of(length)).is_some(), "{length}");
        }
        for length in [0, 23, 65] {
            assert!(Secret::parse(&of(length)).is_none(), "{length}");
        }
        let good = of(32);
        for written in
            [&good[PREFIX.len()..], &good.to_uppercase(), &format!("{good} "), &good.replace('=', "")]
        {
            assert!(Secret::parse(written).is_none(), "{written}");
        }
    }
}
