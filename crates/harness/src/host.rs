//! A host application, as far as Sekali knows one: it checks what it is told (Standard Webhooks), and
//! keeps it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What messages are signed with.
const KEY: &[u8] = b"the secret of the harness' host.";

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The same at every attempt.
    pub id: String,
    /// The payment.
    pub payment: i64,
    /// The entry of the payment's record.
    pub sequence: i64,
    /// As `payment.completed`.
    pub kind: String,
    /// All of it.
    pub body: String,
}

/// Of each payment, what the host was told: entries' numbers, and messages' types.
pub type Stories = BTreeMap<i64, Vec<(i64, String)>>;

/// A host application that listens.
pub struct Host {
    /// Where.
    pub address: SocketAddr,
    ear: Arc<Ear>,
    task: JoinHandle<()>,
}

struct Ear {
    manner: Manner,
    heard: Mutex<Heard>,
}

/// How a host answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// It takes so long for each message.
    pub delay: Duration,
    /// Every so many messages it takes one only when it comes again; 0: never.
    pub refuses_every: usize,
}

#[derive(Default)]
struct Heard {
    messages: Vec<Told>,
    refused: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Host {
    /// Opens one that takes every message at once.
    pub async fn open() -> Self {
        Self::open_with(Manner::default()).await
    }

    /// Opens one with manners of its own.
    pub async fn open_with(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ear = Arc::new(Ear { manner, heard: Mutex::default() });
        let router = Router::new().route("/", post(hear)).with_state(Arc::clone(&ear));
        let task = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, ear, task }
    }

    /// What a server needs to know of it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [
            ("SEKALI_HOST_WEBHOOK_URL", format!("http://{}/", self.address)),
            ("SEKALI_HOST_WEBHOOK_SECRET", format!("whsec_{}", STANDARD.encode(KEY))),
        ]
    }

    /// Every message so far, in the order of arrival, repeats included. A forged one, or one that is no
    /// message, fails the test.
    pub fn heard(&self) -> Vec<Told> {
        let heard = self.ear.heard.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(heard.wrong.is_empty(), "the host was told what it cannot believe: {:?}", heard.wrong);
        heard.messages.clone()
    }

    /// How many messages it has refused.
    pub fn refused(&self) -> usize {
        self.ear.heard.lock().unwrap_or_else(PoisonError::into_inner).refused.len()
    }

    /// What it knows of each payment, repeats left out. A message that comes before its turn, or comes back
    /// after a later one, fails the test: then two servers have told of one payment at once.
    pub fn stories(&self) -> Stories {
        self.told().unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// The same; an error says what was told wrongly.
    pub fn told(&self) -> Result<Stories, String> {
        let mut stories: BTreeMap<i64, Vec<Told>> = BTreeMap::new();
        for told in self.heard() {
            let story = stories.entry(told.payment).or_default();
            match story.last() {
                Some(last) if last.sequence == told.sequence && *last != told => {
                    return Err(format!("a repeat is not the same: {told:?} after {last:?}"));
                }
                Some(last) if last.sequence > told.sequence => {
                    return Err(format!("out of order: {told:?} after {last:?}"));
                }
                Some(last) if last.sequence == told.sequence => {}
                _ => story.push(told),
            }
        }
        let short = |story: Vec<Told>| story.into_iter().map(|told| (told.sequence, told.kind)).collect();
        Ok(stories.into_iter().map(|(payment, story)| (payment, short(story))).collect())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(State(ear): State<Arc<Ear>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message = read(&headers, &body);
    sleep(ear.manner.delay).await;
    let mut heard = ear.heard.lock().unwrap_or_else(PoisonError::into_inner);
    match message {
        Ok(told) if heard.refuses(ear.manner.refuses_every, &told.id) => {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(told) => heard.messages.push(told),
        Err(why) => heard.wrong.push(why),
    }
    StatusCode::NO_CONTENT
}

impl Heard {
    fn refuses(&mut self, every: usize, id: &str) -> bool {
        let turn = every > 0 && (self.messages.len() + self.refused.len()).is_multiple_of(every);
        turn && self.refused.insert(id.to_owned())
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Told, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(KEY).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    if header("webhook-signature") != expected {
        return Err(format!("the signature of {id} is wrong"));
    }
    let message: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let number = |name: &str| message["data"][name].as_i64().ok_or_else(|| format!("{id} has no {name}"));
    Ok(Told {
        id: id.to_owned(),
        payment: number("payment_id")?,
        sequence: number("sequence")?,
        kind: message["type"].as_str().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
    })
}
