//! The patient's browser and the host application, as far as the story needs them.

use super::Told;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REQUEST_ID: &str = "x-request-id";
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
pub(crate) struct Client {
    http: Http,
    origin: String,
}

impl Client {
    /// To the server at `origin`.
    pub(crate) fn new(origin: &str) -> reqwest::Result<Self> {
        let http = Http::builder().redirect(Policy::none()).no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, origin: origin.to_owned() })
    }

    /// Reads something; an answer other than 200 is an error.
    pub(super) async fn get(&self, address: &str, token: Option<&str>) -> Told<Value> {
        let answer = self.send(Method::GET, address, token, None).await?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(format!("{address} answered {}: {}", answer.status, answer.text).into())
    }

    /// Reads something that is text.
    pub(super) async fn text(&self, path: &str) -> reqwest::Result<String> {
        Ok(self.send(Method::GET, path, None, None).await?.text)
    }

    /// Sends one request; `address` is a path, or an absolute address.
    pub(super) async fn send(
        &self,
        method: Method,
        address: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        ask(self.request(method, address, token, body)).await
    }

    fn request(
        &self,
        method: Method,
        address: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> RequestBuilder {
        let url =
            if address.starts_with('/') { format!("{}{address}", self.origin) } else { address.to_owned() };
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        request
    }

    /// Presses BAYAR.
    pub(super) async fn pay(&self, token: &str, consultation: i64, key: &str) -> reqwest::Result<Answer> {
        self.send(Method::POST, "/api/v1/payments", Some(token), Some(&wish(consultation, key))).await
    }

    /// Presses BAYAR, under this `X-Request-Id`.
    pub(super) async fn press(
        &self,
        token: &str,
        consultation: i64,
        key: &str,
        id: &str,
    ) -> reqwest::Result<Answer> {
        let body = wish(consultation, key);
        let request = self.request(Method::POST, "/api/v1/payments", Some(token), Some(&body));
        ask(request.header(REQUEST_ID, id)).await
    }

    /// Presses BAYAR, and hands back the connection instead of reading the answer from it.
    pub(super) async fn press_only(
        &self,
        token: &str,
        consultation: i64,
        key: &str,
        id: &str,
    ) -> io::Result<TcpStream> {
        let host = self.origin.trim_start_matches("http://");
        let body = wish(consultation, key).to_string();
        let request = format!(
            "POST /api/v1/payments HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             X-Request-Id: {id}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(host).await?;
        connection.write_all(request.as_bytes()).await?;
        Ok(connection)
    }

    /// Presses BAYAR, and loses the answer: the connection breaks when its first byte arrives.
    pub(super) async fn pay_and_lose_the_answer(
        &self,
        token: &str,
        consultation: i64,
        key: &str,
    ) -> io::Result<()> {
        let mut connection = self.press_only(token, consultation, key, "demo-lost-answer").await?;
        connection.read_u8().await.map(drop)
    }
}

async fn ask(request: RequestBuilder) -> reqwest::Result<Answer> {
    #[expect(clippy::disallowed_methods, reason = "the story measures real time, from the client's side")]
    let begun = std::time::Instant::now();
    let response = request.send().await?;
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await?;
    let took = begun.elapsed();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, body, text, location, took })
}

fn wish(consultation: i64, key: &str) -> Value {
    json!({
        "consultation_id": consultation,
        "amount": "5000.00",
        "payment_method": "stripe",
        "idempotency_key": key,
    })
}
