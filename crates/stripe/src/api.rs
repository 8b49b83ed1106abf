//! Stripe's API over HTTP: addresses, headers, the secret key.

use crate::STRIPE_VERSION;
use crate::call::{TOTAL, call};
use crate::config::{StripeConfig, StripeConfigError};
use crate::failure::Failure;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url, redirect};
use sekali_core::ports::{Clock, Random};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Stripe's objects are some kilobytes.
const LARGEST_OBJECT: usize = 1 << 20;
/// A hundred of them, each with its payment intent, and on a shared account with as much metadata of others
/// as Stripe allows (50 values of 500 characters).
const LARGEST_LIST: usize = 16 << 20;
/// The longest id that is looked up; Stripe's are some seventy characters.
const LONGEST_ID: usize = 255;

/// The parameters of an address.
pub(crate) type Query<'q> = [(&'q str, &'q str)];

/// The way to Stripe.
pub(crate) struct Api {
    client: Client,
    base: Url,
    secret_key: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Api {
    pub(crate) fn new(
        config: &StripeConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StripeConfigError> {
        let base = config.api()?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, config.authorization()?);
        headers.insert("stripe-version", HeaderValue::from_static(STRIPE_VERSION));
        let mut client = Client::builder();
        if is_local(&base) {
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
        Ok(Self { client, base, secret_key: config.secret_key.clone(), clock, random })
    }

    /// Reads one object.
    pub(crate) async fn get(&self, path: &str, query: &Query<'_>) -> Result<Value, Failure> {
        self.read(path, query, LARGEST_OBJECT).await
    }

    /// Reads one page of a list.
    pub(crate) async fn list(&self, path: &str, query: &Query<'_>) -> Result<Value, Failure> {
        self.read(path, query, LARGEST_LIST).await
    }

    /// Changes something: the same key and body change it once.
    pub(crate) async fn post(&self, path: &str, key: Uuid, body: &str) -> Result<Value, Failure> {
        let address = self.address(path, &[]);
        let request = || {
            self.client
                .post(address.clone())
                .header("idempotency-key", key.to_string())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.to_owned())
        };
        let answer = call(request, LARGEST_OBJECT, &*self.clock, &*self.random).await;
        answer.map_err(|failure| failure.masked(&self.secret_key))
    }

    async fn read(&self, path: &str, query: &Query<'_>, largest: usize) -> Result<Value, Failure> {
        let address = self.address(path, query);
        let request = || self.client.get(address.clone());
        let answer = call(request, largest, &*self.clock, &*self.random).await;
        answer.map_err(|failure| failure.masked(&self.secret_key))
    }

    fn address(&self, path: &str, query: &Query<'_>) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

/// Whether this can be an id of Stripe's. It may come from an address that anybody can type in, or from a
/// webhook's body, and becomes part of a path.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST_ID
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback() || address.is_unspecified())
}
