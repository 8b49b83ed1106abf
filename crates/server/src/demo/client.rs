//! The patient's browser and the host application, as far as the story needs them.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing in the story takes this long.
const PATIENCE: Duration = Duration::from_secs(15);

/// An answer, with how long it took.
pub(super) struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, if it was JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// From sending to the last byte.
    pub took: Duration,
}

impl Answer {
    /// `data.payment_id`.
    pub(super) fn payment_id(&self) -> Option<i64> {
        self.body["data"]["payment_id"].as_i64()
    }

    /// `data.checkout_url`.
    pub(super) fn checkout_url(&self) -> Option<&str> {
        self.body["data"]["checkout_url"].as_str()
    }
}

/// Talks to one server.
pub(super) struct Client {
    http: Http,
    origin: String,
}

impl Client {
    /// To the server at `origin`.
    pub(super) fn new(origin: &str) -> reqwest::Result<Self> {
        let http = Http::builder().redirect(Policy::none()).no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, origin: origin.to_owned() })
    }

    /// Sends one request; `address` is a path, or an absolute address.
    pub(super) async fn send(
        &self,
        method: Method,
        address: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let url =
            if address.starts_with('/') { format!("{}{address}", self.origin) } else { address.to_owned() };
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        #[expect(clippy::disallowed_methods, reason = "the story measures real time, from the client's side")]
        let begun = std::time::Instant::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let location =
            response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.text().await?;
        let took = begun.elapsed();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, body, text, location, took })
    }

    /// Presses BAYAR.
    pub(super) async fn pay(&self, token: &str, consultation: i64, key: &str) -> reqwest::Result<Answer> {
        self.send(Method::POST, "/api/v1/payments", Some(token), Some(&wish(consultation, key))).await
    }

    /// Presses BAYAR, and loses the answer: the connection breaks when its first byte arrives.
    pub(super) async fn pay_and_lose_the_answer(
        &self,
        token: &str,
        consultation: i64,
        key: &str,
    ) -> io::Result<()> {
        let host = self.origin.trim_start_matches("http://");
        let body = wish(consultation, key).to_string();
        let request = format!(
            "POST /api/v1/payments HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(host).await?;
        connection.write_all(request.as_bytes()).await?;
        connection.read_u8().await.map(drop)
    }
}

fn wish(consultation: i64, key: &str) -> Value {
    json!({
        "consultation_id": consultation,
        "amount": "5000.00",
        "payment_method": "stripe",
        "idempotency_key": key,
    })
}
