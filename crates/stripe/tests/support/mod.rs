//! A server that answers what it is told to, and the ports.
#![allow(dead_code, reason = "each test file uses its part")]

use async_trait::async_trait;
use sekali_core::domain::{Currency, Money, Timestamp};
use sekali_core::ports::{Clock, Random, RefundDraft, SessionDraft};
use sekali_stripe::{StripeConfig, StripeGateway};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use uuid::Uuid;

pub(crate) const KEY: &str = "sk_test_very_secret";

/// What is done about one request.
pub(crate) enum Answer {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Silence,
}

pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    Answer::Bytes([head.as_bytes(), body.as_bytes()].concat())
}

/// An answer whose body breaks off.
pub(crate) fn cut(body: &str) -> Answer {
    Answer::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{body}").into_bytes())
}

pub(crate) fn session(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"checkout.session","status":"open","payment_status":"unpaid",
        "amount_total":500000,"currency":"php","url":"https://pay.example/{id}"}}"#
    )
}

/// Fields that replace those of an object.
pub(crate) fn with(mut object: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// One of Stripe's objects of each kind, with what is read of it.
pub(crate) fn object(kind: &str, id: &str) -> Value {
    let metadata = json!({
        "sekali_session": Uuid::from_u128(1), "sekali_payment": Uuid::from_u128(2),
        "sekali_installation": Uuid::from_u128(3),
    });
    let object = match kind {
        "checkout.session" => json!({
            "status": "complete", "payment_status": "unpaid", "url": null, "metadata": metadata,
            "amount_total": 500_000, "payment_intent": "pi_1",
        }),
        "payment_intent" => json!({"status": "processing", "metadata": metadata, "amount": 500_000}),
        "charge" => json!({
            "status": "succeeded", "paid": true, "captured": true, "amount": 500_000,
            "amount_captured": 500_000, "payment_intent": "pi_1", "metadata": metadata,
        }),
        "refund" => json!({
            "status": "pending", "amount": 250_000, "payment_intent": "pi_1",
            "metadata": {"sekali_refund": Uuid::from_u128(4), "sekali_installation": Uuid::from_u128(3)},
        }),
        "dispute" => json!({
            "status": "under_review", "reason": "duplicate", "amount": 500_000, "payment_intent": "pi_1",
        }),
        _ => panic!("{kind}"),
    };
    with(object, &json!({"id": id, "object": kind, "created": 1_705_314_600, "currency": "php"}))
}

/// A list of Stripe's.
pub(crate) fn list(objects: &[Value], more: bool) -> String {
    json!({"object": "list", "url": "/v1/x", "has_more": more, "data": objects}).to_string()
}

/// The answer 200 with this.
pub(crate) fn ok(body: &impl ToString) -> Answer {
    answer(200, "", &body.to_string())
}

/// Gives each request the next answer.
pub(crate) struct Server {
    pub(crate) base: String,
    /// Each request as it came: head and body.
    pub(crate) requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(crate) async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/stripe-simulator", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut held = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                sender.send(request(&mut stream).await).unwrap();
                match answer {
                    // Whoever has read enough hangs up: that is no fault of the server's.
                    Answer::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                    Answer::Silence => held.push(stream),
                }
            }
            std::future::pending::<()>().await;
        });
        Self { base, requests }
    }

    /// The requests that have come.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text.into_owned();
        }
    }
}

/// Does not wait, but notes for how long it was asked to.
#[derive(Default)]
pub(crate) struct Impatient(pub(crate) Mutex<Vec<Duration>>);

#[async_trait]
impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_705_314_600)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

pub(crate) struct Constant;

impl Random for Constant {
    fn next_u64(&self) -> u64 {
        100_000
    }
}

pub(crate) fn gateway(base: &str, clock: Arc<Impatient>) -> StripeGateway {
    gateway_with(base, clock, &["card"])
}

pub(crate) fn gateway_with(base: &str, clock: Arc<Impatient>, methods: &[&str]) -> StripeGateway {
    let config = StripeConfig {
        base: base.to_owned(),
        secret_key: KEY.to_owned(),
        webhook_secrets: vec!["whsec_test".to_owned()],
        payment_method_types: methods.iter().map(|&method| method.to_owned()).collect(),
    };
    StripeGateway::new(config, clock, Arc::new(Constant)).unwrap()
}

pub(crate) fn draft(minor: i64, code: &str) -> SessionDraft {
    SessionDraft {
        session: Uuid::from_u128(1),
        payment_reference: Uuid::from_u128(2),
        installation: Uuid::from_u128(3),
        amount: Money::new(minor, Currency::from_code(code).unwrap()),
        success_url: "https://klinik.example/payment/100/callback?session={CHECKOUT_SESSION_ID}&a=b"
            .to_owned(),
        cancel_url: "https://klinik.example/payment/100/callback".to_owned(),
        expires_at: Timestamp::from_micros(1_705_318_200_999_999),
        locale: "id".to_owned(),
    }
}

pub(crate) fn refund_draft(minor: i64, code: &str) -> RefundDraft {
    RefundDraft {
        refund: Uuid::from_u128(4),
        installation: Uuid::from_u128(3),
        payment_intent: "pi_1".to_owned(),
        amount: Money::new(minor, Currency::from_code(code).unwrap()),
    }
}
