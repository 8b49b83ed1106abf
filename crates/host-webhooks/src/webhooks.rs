//! The port's adapter.

use crate::answer::{refusal, silence};
use crate::config::{HostConfig, HostConfigError};
use crate::secret::{Secret, seconds};
use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url, redirect};
use sekali_core::ports::{Host, HostError, HostMessage};
use std::net::IpAddr;
use std::time::Duration;

/// A whole attempt, the answer included. Less than the outbox's lease.
const TOTAL: Duration = Duration::from_secs(15);

/// The host application, reached over HTTP.
pub struct HostWebhooks {
    client: Client,
    address: Url,
    secrets: Vec<Secret>,
}

impl HostWebhooks {
    /// Checks the configuration; calls nobody.
    pub fn new(config: HostConfig) -> Result<Self, HostConfigError> {
        let address = config.address()?;
        let secrets = config.keys()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut client = Client::builder();
        if is_local(&address) {
            // The environment's proxy is for the way out; this machine it cannot reach.
            client = client.no_proxy();
        }
        let client = client
            .default_headers(headers)
            .user_agent("Sekali")
            .timeout(TOTAL)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| HostConfigError::Client(error.to_string()))?;
        Ok(Self { client, address, secrets })
    }

    /// Several signatures have spaces between them; the host needs to know one.
    fn signature(&self, message: &HostMessage) -> String {
        let signatures: Vec<_> = self.secrets.iter().map(|secret| secret.sign(message)).collect();
        signatures.join(" ")
    }

    /// Whatever a host repeats of its secrets, or of what may be one in the address, goes no further.
    fn masked(&self, text: &str) -> String {
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| secret.masked(&text));
        match self.address.query().filter(|query| !query.is_empty()) {
            Some(query) => text.replace(query, "***"),
            None => text,
        }
    }
}

#[async_trait]
impl Host for HostWebhooks {
    async fn deliver(&self, message: &HostMessage) -> Result<(), HostError> {
        let request = self
            .client
            .post(self.address.clone())
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds(message.at))
            .header("webhook-signature", self.signature(message))
            .body(message.body.clone());
        let response = request.send().await.map_err(|error| HostError(silence(error, TOTAL.as_secs())))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(HostError(refusal(response, |text| self.masked(text)).await))
    }
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback() || address.is_unspecified())
}
