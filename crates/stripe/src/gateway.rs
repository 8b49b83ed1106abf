//! The port's adapter.

use crate::call::{TOTAL, call};
use crate::config::{StripeConfig, StripeConfigError};
use crate::{STRIPE_VERSION, encode, session, webhook};
use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Url, redirect};
use sekali_core::domain::Timestamp;
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{Clock, Gateway, GatewayError, GatewayEvent, GatewaySession, Random, SessionDraft};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest id that is looked up; Stripe's are some seventy characters.
const LONGEST_ID: usize = 255;
/// Of a server's words, in characters, for the log.
const LONGEST_MESSAGE: usize = 300;

/// Stripe, reached over HTTP.
pub struct StripeGateway {
    client: Client,
    api: Url,
    secret_key: String,
    webhook_secrets: Vec<String>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl StripeGateway {
    /// Checks the configuration; calls nobody. `clock` waits between two attempts, and `random`
    /// spreads those of several servers out.
    pub fn new(
        config: StripeConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StripeConfigError> {
        let api = config.api()?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, config.authorization()?);
        headers.insert("stripe-version", HeaderValue::from_static(STRIPE_VERSION));
        if config.webhook_secrets.is_empty() || config.webhook_secrets.iter().any(String::is_empty) {
            return Err(StripeConfigError::WebhookSecret);
        }
        let mut client = Client::builder();
        if is_local(&api) {
            // The environment's proxy is for the way to Stripe; this machine it cannot reach.
            client = client.no_proxy();
        }
        let client = client
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL)
            // Stripe redirects nobody; whoever does gets no second look at the key.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| StripeConfigError::Base(error.to_string()))?;
        let StripeConfig { secret_key, webhook_secrets, .. } = config;
        Ok(Self { client, api, secret_key, webhook_secrets, clock, random })
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.api.clone();
        url.set_path(&format!("{}{path}", self.api.path()));
        url
    }

    async fn call(&self, request: impl Fn() -> RequestBuilder) -> Result<GatewaySession, GatewayError> {
        let object = call(request, &*self.clock, &*self.random).await.map_err(|error| self.masked(error))?;
        session::read(&object).map_err(GatewayError::Unknown)
    }

    /// Whatever a server echoes of the key does not get into a log; nor does half of it, cut off.
    fn masked(&self, error: GatewayError) -> GatewayError {
        let mask = |text: String| -> String {
            text.replace(&self.secret_key, "sk_***").chars().take(LONGEST_MESSAGE).collect()
        };
        match error {
            GatewayError::Unknown(message) => GatewayError::Unknown(mask(message)),
            GatewayError::Refused { status, message } => {
                GatewayError::Refused { status, message: mask(message) }
            }
            GatewayError::NotFound => GatewayError::NotFound,
        }
    }
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback() || address.is_unspecified())
}

#[async_trait]
impl Gateway for StripeGateway {
    fn encode(&self, draft: &SessionDraft) -> String {
        encode::encode(draft)
    }

    async fn create_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError> {
        let outcome = self
            .call(|| {
                self.client
                    .post(self.address("checkout/sessions"))
                    .header("idempotency-key", key.to_string())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(request.to_owned())
            })
            .await;
        match outcome {
            // There is nothing to be found when something is made: the address is wrong.
            Err(GatewayError::NotFound) => {
                Err(GatewayError::Unknown("404: there is no Stripe API at the base address".to_owned()))
            }
            outcome => outcome,
        }
    }

    async fn session(&self, id: &str) -> Result<GatewaySession, GatewayError> {
        // The id may come from an address that anybody can type in; it becomes part of a path.
        if id.is_empty()
            || id.len() > LONGEST_ID
            || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err(GatewayError::NotFound);
        }
        let found = self.call(|| self.client.get(self.address(&format!("checkout/sessions/{id}")))).await?;
        if found.id == id {
            Ok(found)
        } else {
            Err(GatewayError::Unknown("another session was answered than the one asked for".to_owned()))
        }
    }

    fn verify(&self, payload: &[u8], signature: &str, now: Timestamp) -> Result<GatewayEvent, WebhookError> {
        webhook::verify(&self.webhook_secrets, payload, signature, now)
    }
}
