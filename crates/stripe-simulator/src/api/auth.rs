//! Secret keys: any that begins with `sk_test_` opens the one account there is.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::work::hex;

/// Checks `Authorization`: `Bearer <key>`, or `Basic` with the key as user name. Returns a hash of the key:
/// whose idempotency keys the request's are.
pub(crate) fn check(headers: &HeaderMap) -> Result<String, ApiError> {
    let key = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(key);
    match key {
        Some(key) if key.strip_prefix("sk_test_").is_some_and(|rest| !rest.is_empty()) => {
            Ok(hex(&Sha256::digest(key)[..8]))
        }
        Some(key) if !key.is_empty() => {
            let message =
                format!("Invalid API key: {}. The simulator takes keys sk_test_… only.", masked(&key));
            Err(ApiError::unauthorized(message))
        }
        _ => Err(ApiError::unauthorized(
            "No API key was given: send 'Authorization: Bearer sk_test_…', or the key as Basic user name.",
        )),
    }
}

fn key(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    decoded.split(':').next().map(str::to_owned)
}

/// It may be somebody's real key: its kind and its end are enough to recognise it by.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    if characters.len() < 16 {
        return "*".repeat(characters.len());
    }
    let (head, tail) = (&characters[..8], &characters[characters.len() - 4..]);
    let middle = "*".repeat(characters.len() - 12);
    format!("{}{middle}{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}
