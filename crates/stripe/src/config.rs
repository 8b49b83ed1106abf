//! What the gateway is told.

use reqwest::Url;
use reqwest::header::HeaderValue;
use std::collections::BTreeSet;
use thiserror::Error;

/// Address, secrets, ways to pay. (It has no `Debug`, as the secrets must not be printed.)
pub struct StripeConfig {
    /// The address before `/v1/…`: [`STRIPE_API`](crate::STRIPE_API), or with a path such as
    /// `http://127.0.0.1:8080/stripe-simulator`.
    pub base: String,
    /// `sk_…`.
    pub secret_key: String,
    /// `whsec_…`: one, or several while a secret is being exchanged for another.
    pub webhook_secrets: Vec<String>,
    /// The ways to pay that Stripe's page offers, in Stripe's words: `card`, `fpx`, `promptpay`. Only those that need
    /// no options of their own in the request; Stripe refuses a session with one that the account does not have.
    pub payment_method_types: Vec<String>,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StripeConfigError {
    /// The base address.
    #[error("the base address of Stripe's API is no http or https address without query: {0}")]
    Base(String),
    /// The secret key.
    #[error("the secret key of Stripe's API is empty or holds characters that no key has")]
    SecretKey,
    /// The webhook secrets. An empty one would let anybody sign.
    #[error("a webhook secret is missing or empty")]
    WebhookSecret,
    /// The ways to pay.
    #[error("no ways to pay, one of them twice, or one that is no word of Stripe's: {0}")]
    PaymentMethodTypes(String),
}

impl StripeConfig {
    /// Checks what is not part of an address or a header.
    pub(crate) fn check(&self) -> Result<(), StripeConfigError> {
        if self.webhook_secrets.is_empty() || self.webhook_secrets.iter().any(String::is_empty) {
            return Err(StripeConfigError::WebhookSecret);
        }
        let words = &self.payment_method_types;
        let different: BTreeSet<_> = words.iter().collect();
        if words.is_empty() || different.len() != words.len() || !words.iter().all(|word| is_word(word)) {
            return Err(StripeConfigError::PaymentMethodTypes(words.join(", ")));
        }
        Ok(())
    }

    /// The address of `/v1/`.
    pub(crate) fn api(&self) -> Result<Url, StripeConfigError> {
        let wrong = || StripeConfigError::Base(self.base.clone());
        let mut url = Url::parse(&self.base).map_err(|_| wrong())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return Err(wrong());
        }
        let path = format!("{}/v1/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }

    /// The header that the secret key goes into, marked so that HTTP libraries do not print it.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, StripeConfigError> {
        let printable = !self.secret_key.is_empty() && self.secret_key.bytes().all(|b| b.is_ascii_graphic());
        let header = HeaderValue::from_str(&format!("Bearer {}", self.secret_key));
        let mut header = header.ok().filter(|_| printable).ok_or(StripeConfigError::SecretKey)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// Which words Stripe has is Stripe's to say, and changes; that they look like this does not.
fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
