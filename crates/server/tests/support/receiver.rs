//! A host application that receives Sekali's messages, as docs/integrating.md tells it to.

use super::tokens::hmac_bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What both know.
pub const HOST_SECRET: &str = "whsec_aG9zdCBhbmQgc2VrYWxpIGtub3cgdGhpcw==";

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub timestamp: i64,
    pub signature: String,
    pub body: String,
}

impl Message {
    /// Verifies the signature as Standard Webhooks say, and reads the body.
    #[track_caller]
    pub fn verified(&self) -> Value {
        let secret = STANDARD.decode(HOST_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac_bytes(&secret, signed.as_bytes())));
        assert!(self.signature.split(' ').any(|one| one == expected), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.verified()["type"].as_str().unwrap().to_owned()
    }

    pub fn payment(&self) -> i64 {
        self.verified()["data"]["payment_id"].as_i64().unwrap()
    }
}

/// The host, which listens until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    answer: Arc<AtomicU16>,
    messages: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, messages) = (Arc::new(AtomicU16::new(204)), Arc::new(Mutex::new(Vec::new())));
        let task = tokio::spawn(listen(listener, answer.clone(), messages.clone()));
        Self { address, answer, messages, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/webhooks/sekali?tenant=clinic-7", self.address)
    }

    /// From now on every message is answered so.
    pub fn answers(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    /// Everything that came, answered well or not.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The kinds of the messages about a payment, in the order in which they came.
    pub fn told_of(&self, payment: i64) -> Vec<String> {
        let all = self.messages();
        all.iter().filter(|message| message.payment() == payment).map(Message::kind).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, answer: Arc<AtomicU16>, messages: Arc<Mutex<Vec<Message>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, answer.clone(), messages.clone()));
    }
}

/// One request over each connection.
async fn serve(mut stream: TcpStream, answer: Arc<AtomicU16>, messages: Arc<Mutex<Vec<Message>>>) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length: usize = header(&head, "content-length").parse().unwrap();
        if bytes.len() >= end + 4 + length {
            break (head, length);
        }
    };
    assert!(head.starts_with("POST /webhooks/sekali?tenant=clinic-7 HTTP/1.1"), "{head}");
    assert_eq!(header(&head, "content-type"), "application/json");
    messages.lock().unwrap().push(Message {
        id: header(&head, "webhook-id"),
        timestamp: header(&head, "webhook-timestamp").parse().unwrap(),
        signature: header(&head, "webhook-signature"),
        body: String::from_utf8(bytes[bytes.len() - length..].to_vec()).unwrap(),
    });
    let status = answer.load(Ordering::SeqCst);
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).await;
}

fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut value =
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned());
    value.next_back().unwrap_or_else(|| panic!("no {name} in {head}"))
}
