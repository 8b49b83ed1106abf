//! Idempotency keys and the fingerprint of the request a key stands for.

use super::{ConsultationId, Decimal, Money, PaymentId, PaymentMethod};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// The longest key (contract, part 3).
const LONGEST: usize = 255;

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Nothing, or nothing but blanks.
    #[error("the key is empty")]
    Empty,
    /// More than 255 characters.
    #[error("the key has more than 255 characters")]
    TooLong,
    /// Something other than printable ASCII.
    #[error("the key holds other characters than printable ASCII")]
    NotPrintable,
}

/// A client's name for one intention to pay. It belongs to its user: the same key from another user
/// is simply another key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Checks a key's form: 1 to 255 characters of printable ASCII, not all of them blanks.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        if text.chars().count() > LONGEST {
            return Err(KeyError::TooLong);
        }
        if !text.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            return Err(KeyError::NotPrintable);
        }
        if text.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(text))
    }

    /// The key as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({})", self.0)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 over the canonical form of what is asked for: the same for 5000, 5000.00, 5e3 and "5000".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a request to pay `amount` for `consultation` by `method`.
    pub fn of(consultation: ConsultationId, amount: Decimal, method: PaymentMethod) -> Self {
        let canonical = format!("v1|{consultation}|{amount}|{}", method.as_str());
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// Of a request to refund `amount` (`None`: all that remains) of a payment, for this reason.
    pub fn of_refund(payment: PaymentId, amount: Option<Money>, reason: Option<&str>) -> Self {
        let amount = amount.map_or_else(|| "rest".to_owned(), |amount| amount.minor.to_string());
        let canonical = format!("refund v1|{payment}|{amount}|{}", reason.unwrap_or_default());
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Reads [`Self::to_hex`]'s form.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.to_hex())
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for half in [byte >> 4, byte & 0xf] {
            text.push(char::from(DIGITS[usize::from(half)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_key() {
        assert!(IdempotencyKey::new("k").is_ok());
        assert!(IdempotencyKey::new("~".repeat(255)).is_ok());
        assert!(IdempotencyKey::new("with a blank").is_ok());
        assert_eq!(IdempotencyKey::new("~".repeat(256)), Err(KeyError::TooLong));
        assert_eq!(IdempotencyKey::new(""), Err(KeyError::Empty));
        assert_eq!(IdempotencyKey::new("   "), Err(KeyError::Empty));
        for text in ["a\tb", "a\nb", "é", "a\u{7f}", "\0"] {
            assert_eq!(IdempotencyKey::new(text), Err(KeyError::NotPrintable), "{text:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_the_value_not_of_its_spelling() {
        let of = |amount: &str| {
            let amount = Decimal::parse_json_number(amount).unwrap();
            Fingerprint::of(ConsultationId(5), amount, PaymentMethod::Stripe)
        };
        assert_eq!(of("5000"), of("5000.00"));
        assert_eq!(of("5000"), of("5e3"));
        assert_ne!(of("5000"), of("5000.01"));
        let other = Fingerprint::of(ConsultationId(6), Decimal::new(5, 3), PaymentMethod::Stripe);
        assert_ne!(of("5000"), other);
        assert_eq!(Fingerprint::from_hex(&other.to_hex()), Some(other));
        for text in ["zz", &"a".repeat(63), &"a".repeat(65), &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(Fingerprint::from_hex(text), None, "{text}");
        }
    }
}
