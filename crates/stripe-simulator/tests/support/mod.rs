//! A simulator that runs over real HTTP, with a clock that the test moves and a receiver for its webhooks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test file uses its own part of this")]

pub mod postgres;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use reqwest::{Method, RequestBuilder, Response};
use sekali_stripe_simulator::{Clock, Config, Simulator, Storage, SystemRandom, open, router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// 2024-01-15T10:30:00Z
pub const START: i64 = 1_705_314_600;
pub const SECRET: &str = "whsec_for_tests";

/// A clock that only moves when it is told to.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst) / 1000
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stripe-simulator-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn storage(&self) -> Storage {
        Storage::Sqlite { path: self.0.join("simulator.db") }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A webhook as it came in.
#[derive(Debug)]
pub struct Hook {
    pub signature: String,
    pub body: String,
}

impl Hook {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn name(&self) -> String {
        self.event()["type"].as_str().unwrap().to_owned()
    }
}

struct Receiver {
    hooks: mpsc::UnboundedSender<Hook>,
    /// What to answer next; 200 when it is empty.
    answers: Mutex<Vec<u16>>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    let status = receiver.answers.lock().unwrap().pop().unwrap_or(200);
    receiver.hooks.send(Hook { signature, body }).unwrap();
    StatusCode::from_u16(status).unwrap()
}

/// A running simulator and all that belongs to it.
pub struct Running {
    pub base: String,
    pub clock: Arc<TestClock>,
    pub simulator: Simulator,
    http: reqwest::Client,
    hooks: mpsc::UnboundedReceiver<Hook>,
    receiver: Arc<Receiver>,
    hook_url: String,
    stop: watch::Sender<bool>,
}

impl Running {
    pub async fn start(storage: Storage) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START * 1000)));
        Self::start_with(storage, clock).await
    }

    pub async fn start_with(storage: Storage, clock: Arc<TestClock>) -> Self {
        let (sender, hooks) = mpsc::unbounded_channel();
        let receiver = Arc::new(Receiver { hooks: sender, answers: Mutex::new(Vec::new()) });
        let webhook_url = serve(
            axum::Router::new().route("/hook", axum::routing::post(receive)).with_state(receiver.clone()),
        )
        .await;
        let hook_url = format!("{webhook_url}/hook");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/stripe-simulator", listener.local_addr().unwrap());
        let config = Config {
            public_base: base.clone(),
            webhook_url: hook_url.clone(),
            webhook_secret: SECRET.to_owned(),
            storage,
        };
        let simulator = open(config, clock.clone(), Arc::new(SystemRandom)).await.unwrap();
        let app = axum::Router::new().nest("/stripe-simulator", router(simulator.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { base, clock, simulator, http, hooks, receiver, hook_url, stop: watch::Sender::new(false) }
    }

    /// The address that webhooks come in at.
    pub fn hook_url(&self) -> String {
        self.hook_url.clone()
    }

    pub fn deliver_webhooks(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.simulator.clone().run_webhooks(self.stop.subscribe()))
    }

    pub fn stop_webhooks(&self) {
        self.stop.send(true).unwrap();
    }

    /// The receiver's next answers, in this order; after them it answers 200.
    pub fn answer_hooks_with(&self, statuses: &[u16]) {
        *self.receiver.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }

    pub async fn next_hook(&mut self) -> Hook {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.hooks.recv());
        next.await.expect("no webhook came").unwrap()
    }

    /// A webhook, if one is there or comes within a tenth of a second.
    pub async fn hook_within_a_moment(&mut self) -> Option<Hook> {
        let next = tokio::time::timeout(std::time::Duration::from_millis(100), self.hooks.recv());
        next.await.ok().flatten()
    }

    /// The next webhook, while the clock moves on: how long an attempt is put off for counts from when its
    /// failure is written down, which may be after any single move.
    pub async fn hook_as_time_passes(&mut self, clock: &TestClock) -> Hook {
        for _ in 0..200 {
            clock.advance(1);
            if let Some(hook) = self.hook_within_a_moment().await {
                return hook;
            }
        }
        panic!("no webhook came");
    }

    /// A request with a key, to a path below the mount point.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.plain(method, path).bearer_auth("sk_test_123")
    }

    pub fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Value {
        ok(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn get_error(&self, path: &str) -> (u16, Value) {
        error(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub fn post(&self, path: &str, params: &[(&str, &str)]) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(encode(params))
    }

    /// Makes a session of ₱5,000.00.
    pub async fn new_session(&self) -> Value {
        self.new_session_with(&[]).await
    }

    pub async fn new_session_with(&self, more: &[(&str, &str)]) -> Value {
        let params: Vec<_> = SESSION.iter().chain(more).copied().collect();
        ok(self.post("/v1/checkout/sessions", &params).send().await.unwrap()).await
    }

    pub fn pay(&self, session: &Value, body: &str) -> RequestBuilder {
        let id = session["id"].as_str().unwrap();
        self.plain(Method::POST, &format!("/simulator/sessions/{id}/pay"))
            .header("Content-Type", "application/json")
            .body(body.to_owned())
    }

    /// Pays a new session with the card, and returns its charge as the API shows it.
    pub async fn charged(&self, card: &str) -> Value {
        let session = self.new_session().await;
        let order = serde_json::json!({"card": card}).to_string();
        ok(self.pay(&session, &order).send().await.unwrap()).await;
        let intent = self.session(&session).await["payment_intent"].as_str().unwrap().to_owned();
        self.get(&format!("/v1/charges?payment_intent={intent}")).await["data"][0].clone()
    }

    /// Steers the simulator.
    pub async fn steer(&self, path: &str, body: &Value) -> Value {
        ok(self.steering(path, body).send().await.unwrap()).await
    }

    pub fn steering(&self, path: &str, body: &Value) -> RequestBuilder {
        self.plain(Method::POST, &format!("/simulator/{path}"))
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// Moves the simulated clock, and not the process's own.
    pub async fn advance(&self, seconds: i64) -> Value {
        self.steer("clock", &serde_json::json!({"advance": seconds})).await
    }

    pub async fn state(&self) -> Value {
        ok(self.plain(Method::GET, "/simulator/state").send().await.unwrap()).await
    }

    pub async fn made(&self, path: &str, params: &[(&str, &str)]) -> Value {
        ok(self.post(path, params).send().await.unwrap()).await
    }

    pub async fn refused(&self, path: &str, params: &[(&str, &str)]) -> (u16, Value) {
        error(self.post(path, params).send().await.unwrap()).await
    }

    /// What the newest event of this type tells.
    pub async fn last_event(&self, name: &str) -> Value {
        self.get(&format!("/v1/events?type={name}&limit=1")).await["data"][0].clone()
    }

    pub async fn session(&self, session: &Value) -> Value {
        self.get(&format!("/v1/checkout/sessions/{}", session["id"].as_str().unwrap())).await
    }

    /// The types of all events, oldest first.
    pub async fn events(&self) -> Vec<String> {
        let list = self.get("/v1/events?limit=100").await;
        let mut names: Vec<_> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect();
        names.reverse();
        names
    }
}

/// The id of an object.
pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

pub const SESSION: &[(&str, &str)] = &[
    ("mode", "payment"),
    ("line_items[0][price_data][currency]", "php"),
    ("line_items[0][price_data][unit_amount]", "500000"),
    ("line_items[0][price_data][product_data][name]", "Consultation"),
    ("line_items[0][quantity]", "1"),
    ("success_url", "https://shop.example/back?session={CHECKOUT_SESSION_ID}"),
    ("cancel_url", "https://shop.example/cancelled"),
    ("client_reference_id", "reference-1"),
    ("metadata[payment]", "uuid-1"),
    ("payment_intent_data[metadata][payment]", "uuid-1"),
    ("payment_intent_data[description]", "Consultation fee"),
];

pub fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// Serves the routes on a port of their own; returns the address.
pub async fn serve(app: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

pub async fn ok(response: Response) -> Value {
    let status = response.status();
    let body = response.text().await.unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The status and the inner object of an error.
pub async fn error(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert!(status >= 400, "{status} {body}");
    let mut body: Value = serde_json::from_str(&body).unwrap();
    (status, body["error"].take())
}

/// Runs each of the test functions on SQLite, as a test of its own, and all of them on PostgreSQL, each in a
/// database of its own.
#[macro_export]
macro_rules! on_both_storages {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let folder = $crate::support::Folder::new();
                    super::$test(folder.storage()).await;
                }
            )+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn on_postgres() {
            let server = $crate::support::postgres::Server::start();
            $(
                let url = server.new_database().await;
                $test(sekali_stripe_simulator::Storage::Postgres { url }).await;
            )+
        }
    };
}
