//! A place where Stripe's webhooks arrive without anybody doing anything about them: the test hands them
//! on, when and as often as it likes, with their own signatures.

use crate::http::Request;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How long the simulator may take to send one.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Letter {
    /// `checkout.session.completed`.
    pub kind: String,
    /// What it is about, by Stripe's name.
    pub object: String,
    signature: String,
    body: String,
}

impl Letter {
    /// The request that Stripe would have sent to the service.
    pub fn request(&self) -> Request {
        Request::with_text("POST", "/webhooks/stripe", self.body.clone())
            .header("content-type", "application/json")
            .header("stripe-signature", self.signature.clone())
    }
}

/// A mailbox.
pub struct Mailbox {
    /// What `--webhook-url` has to be.
    pub url: String,
    letters: Letters,
    task: JoinHandle<()>,
}

type Letters = Arc<Mutex<Vec<Letter>>>;

impl Mailbox {
    /// Opens one.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let letters = Letters::default();
        let router = Router::new().route("/", post(keep)).with_state(Arc::clone(&letters));
        let task = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self { url, letters, task }
    }

    /// Everything that has come, once so many completed sessions are among it.
    pub async fn letters_once(&self, completed: usize) -> Vec<Letter> {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let so_far = letters.iter().filter(|letter| letter.kind == "checkout.session.completed");
            if so_far.count() >= completed {
                return letters;
            }
            sleep(LOOK).await;
        }
        panic!("{completed} completed sessions have not come within {SOON:?}");
    }

    /// Takes out the one of this kind about this object, when it has come.
    pub async fn take(&self, kind: &str, object: &str) -> Letter {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            if let Some(letter) = self.find(kind, object) {
                return letter;
            }
            sleep(LOOK).await;
        }
        panic!("{kind} of {object} has not come within {SOON:?}");
    }

    fn find(&self, kind: &str, object: &str) -> Option<Letter> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let at = letters.iter().position(|letter| letter.kind == kind && letter.object == object)?;
        Some(letters.swap_remove(at))
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(State(letters): State<Letters>, headers: HeaderMap, body: String) -> StatusCode {
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let letter = Letter {
        kind: text(&event["type"]),
        object: text(&event["data"]["object"]["id"]),
        signature: signature.unwrap_or_default().to_owned(),
        body,
    };
    letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    StatusCode::NO_CONTENT
}
