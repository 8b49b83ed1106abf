//! What the adapter is told.

use crate::secret::Secret;
use reqwest::Url;
use thiserror::Error;

/// Address and secrets. (It has no `Debug`, as neither must be printed.)
pub struct HostConfig {
    /// Where messages are sent: an address `https://…`, or `http://…` for a host that is reached within
    /// a network of one's own. A query may stand in it, a user and password may not.
    pub url: String,
    /// `whsec_…`, the current one first. Each signs every message, so that the host can go from one to
    /// another at a moment of its own.
    pub secrets: Vec<String>,
}

/// Why a configuration cannot be used. No variant repeats the address or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HostConfigError {
    /// The address.
    #[error("the host's address is no absolute http or https address without user, password and fragment")]
    Url,
    /// There is no secret.
    #[error("there is no secret to sign the host's messages with")]
    NoSecret,
    /// This one, counted from 1, is none.
    #[error(
        "secret {0} for the host's messages is not whsec_ followed by the base64 of 24 to 64 bytes; \
         make one with: echo whsec_$(openssl rand -base64 32)"
    )]
    Secret(usize),
    /// The HTTP client.
    #[error("the client for the host's messages cannot be made: {0}")]
    Client(String),
}

impl HostConfig {
    pub(crate) fn address(&self) -> Result<Url, HostConfigError> {
        let plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        Url::parse(&self.url).ok().filter(plain).ok_or(HostConfigError::Url)
    }

    pub(crate) fn keys(self) -> Result<Vec<Secret>, HostConfigError> {
        if self.secrets.is_empty() {
            return Err(HostConfigError::NoSecret);
        }
        let numbered = self.secrets.into_iter().zip(1..);
        numbered.map(|(text, number)| Secret::parse(&text).ok_or(HostConfigError::Secret(number))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> HostConfig {
        HostConfig { url: url.to_owned(), secrets: Vec::new() }
    }

    #[test]
    fn an_address_is_absolute_and_names_nobody() {
        for url in [
            "https://klinik.example/webhooks/sekali",
            "http://host:3000/webhooks?tenant=1",
            "http://127.0.0.1:3000",
            "http://[::1]:3000/",
        ] {
            assert!(at(url).address().is_ok(), "{url}");
        }
        for url in [
            "",
            "/webhooks",
            "klinik.example/webhooks",
            "ftp://klinik.example",
            "https://",
            "https://user@klinik.example",
            "https://:password@klinik.example",
            "https://klinik.example/#part",
        ] {
            assert_eq!(at(url).address(), Err(HostConfigError::Url), "{url}");
        }
    }

    #[test]
    fn the_secret_that_is_wrong_is_named_by_its_number() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let of = |secrets: &[&str]| {
            let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
            HostConfig { url: String::new(), secrets }.keys().map(|keys| keys.len())
        };
        assert_eq!(of(&[]), Err(HostConfigError::NoSecret));
        assert_eq!(of(&[good, good]), Ok(2));
        assert_eq!(of(&[good, "whsec_c2hvcnQ="]), Err(HostConfigError::Secret(2)));
        let said = HostConfigError::Secret(2).to_string();
        assert!(said.starts_with("secret 2") && !said.contains("c2hvcnQ"), "{said}");
    }
}
