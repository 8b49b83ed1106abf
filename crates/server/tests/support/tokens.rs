//! Tokens, proper and odd.

use super::{GOLDEN, JWT_SECRET};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sekali::settings::{Secret, TokenSettings};
use sekali_core::domain::User;
use sha2::Sha256;
use std::time::Duration;

pub const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// As `sekali token` makes it, good for an hour from `now`.
pub fn mint(user: User, now: u64) -> String {
    let settings = TokenSettings { secret: Secret::new(JWT_SECRET), issuer: None, audience: None };
    sekali::cli::token::mint(&settings, user, now, Duration::from_secs(3600))
}

/// Any header and claims, signed with any secret.
pub fn sign(header: &str, claims: &str, secret: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac(secret, signed.as_bytes())))
}

/// Claims that are right at the golden moment, signed properly.
pub fn with_claims(claims: &str) -> String {
    sign(HS256, claims, JWT_SECRET)
}

pub fn hmac(secret: &str, message: &[u8]) -> Vec<u8> {
    hmac_bytes(secret.as_bytes(), message)
}

pub fn hmac_bytes(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The header `Stripe-Signature` of an event signed at `time`.
pub fn stripe_signature(secret: &str, time: i64, payload: &str) -> String {
    use std::fmt::Write;
    let digest = hmac(secret, format!("{time}.{payload}").as_bytes());
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("t={time},v1={hex}")
}

/// Seconds of the golden moment.
pub fn golden() -> i64 {
    GOLDEN.as_seconds()
}
