//! The right to go on and pay one payment, for a browser that carries no Authorization header.
//!
//! It is a signature over the payment's random reference, and travels in the signed `checkout_url`
//! and in a cookie for that payment's pages alone. It never runs out by itself: the pages read the
//! database and let nobody pay what cannot be paid. It is derived, so it is stored nowhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::{Payment, PaymentId, Timestamp};
use sha2::Sha256;

/// How long a browser keeps the cookie, in seconds: as long as a session at Stripe can last.
const COOKIE_LIFE: u32 = 24 * 3600;

/// Signs and checks capabilities.
pub struct Capabilities {
    key: Hmac<Sha256>,
    public_url: String,
    secure: bool,
}

impl Capabilities {
    /// With a key derived from the token secret, for pages under `public_url` (no slash at its end).
    pub fn new(secret: &[u8], public_url: &str) -> Self {
        let derived = hmac(&keyed(secret), b"sekali checkout capability v1");
        Self {
            key: keyed(&derived),
            public_url: public_url.to_owned(),
            secure: public_url.starts_with("https://"),
        }
    }

    /// The capability of a payment.
    pub fn token(&self, payment: &Payment) -> String {
        URL_SAFE_NO_PAD.encode(hmac(&self.key, payment.reference.as_bytes()))
    }

    /// Whether `token` is the payment's, in constant time.
    pub fn admits(&self, payment: &Payment, token: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let mut mac = self.key.clone();
        mac.update(payment.reference.as_bytes());
        mac.verify_slice(&bytes).is_ok()
    }

    /// The right to read the payment's invoice until `until`: for a link on the page that shows that it is
    /// paid. Nothing can be paid or changed with it.
    pub fn invoice_token(&self, payment: &Payment, until: Timestamp) -> String {
        let seconds = until.as_seconds();
        format!(
            "{seconds}.{}",
            URL_SAFE_NO_PAD.encode(self.invoice_mac(payment, seconds).finalize().into_bytes())
        )
    }

    /// Whether `token` gives the right to read the payment's invoice now, in constant time.
    pub fn admits_to_invoice(&self, payment: &Payment, token: &str, now: Timestamp) -> bool {
        let Some((seconds, signature)) = token.split_once('.') else { return false };
        let (Ok(seconds), Ok(bytes)) = (seconds.parse(), URL_SAFE_NO_PAD.decode(signature)) else {
            return false;
        };
        self.invoice_mac(payment, seconds).verify_slice(&bytes).is_ok() && now.as_seconds() < seconds
    }

    fn invoice_mac(&self, payment: &Payment, until: i64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        // Longer than a reference alone: no token for paying is one for reading, nor the other way.
        mac.update(b"invoice v1 ");
        mac.update(payment.reference.as_bytes());
        mac.update(&until.to_be_bytes());
        mac
    }

    /// Where the patient goes on: an absolute address that carries the capability.
    pub fn checkout_url(&self, payment: &Payment) -> String {
        format!("{}/payment/{}/process?token={}", self.public_url, payment.id, self.token(payment))
    }

    /// The `Set-Cookie` value that carries it to the pages of this one payment.
    pub fn cookie(&self, payment: &Payment) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "{}={}; Path=/payment/{}; Max-Age={COOKIE_LIFE}; HttpOnly; SameSite=Lax{secure}",
            cookie_name(payment.id),
            self.token(payment),
            payment.id,
        )
    }
}

/// The cookie's name for a payment.
pub fn cookie_name(payment: PaymentId) -> String {
    format!("sekali_payment_{payment}")
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

fn hmac(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::{ConsultationId, Currency, Money, PaymentMethod, Status, Timestamp, UserId};

    fn payment(reference: u128) -> Payment {
        Payment {
            id: PaymentId(100),
            reference: uuid::Uuid::from_u128(reference),
            user: UserId(1),
            consultation: ConsultationId(5),
            amount: Money::new(500_000, Currency::PHP),
            method: PaymentMethod::Stripe,
            status: Status::Pending,
            submitted: false,
            cancel_requested: false,
            refunded: Money::new(0, Currency::PHP),
            dispute: None,
            created_at: Timestamp::from_seconds(0),
            updated_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn a_capability_is_for_one_payment_of_one_installation() {
        let ours = Capabilities::new(b"secret", "https://pay.example");
        let token = ours.token(&payment(1));
        assert!(ours.admits(&payment(1), &token));
        assert!(!ours.admits(&payment(2), &token), "the same number after a restored backup");
        assert!(!Capabilities::new(b"other", "https://pay.example").admits(&payment(1), &token));
        for wrong in ["", "x", &token[1..], &format!("{token}A")] {
            assert!(!ours.admits(&payment(1), wrong));
        }
    }

    #[test]
    fn the_right_to_an_invoice_is_for_one_payment_ends_and_pays_nothing() {
        let ours = Capabilities::new(b"secret", "https://pay.example");
        let at = Timestamp::from_seconds;
        let token = ours.invoice_token(&payment(1), at(100));
        assert!(ours.admits_to_invoice(&payment(1), &token, at(99)));
        assert!(!ours.admits_to_invoice(&payment(1), &token, at(100)));
        assert!(!ours.admits_to_invoice(&payment(2), &token, at(99)));
        let longer = token.replacen("100.", "999.", 1);
        assert!(!ours.admits_to_invoice(&payment(1), &longer, at(99)));
        assert!(!ours.admits(&payment(1), &token));
        for wrong in ["", "100", "100.", ".x", &ours.token(&payment(1))] {
            assert!(!ours.admits_to_invoice(&payment(1), wrong, at(0)), "{wrong}");
        }
    }

    #[test]
    fn the_cookie_is_for_that_payments_pages_only() {
        let cookie = Capabilities::new(b"secret", "https://pay.example").cookie(&payment(1));
        for attribute in ["Path=/payment/100;", "HttpOnly", "SameSite=Lax", "Secure"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!Capabilities::new(b"secret", "http://127.0.0.1").cookie(&payment(1)).contains("Secure"));
    }
}
