//! The way of Stripe's webhooks to the service, on which is noted what was answered 200.

use super::world::World;
use crate::http::{Connection, Request};
use crate::seed::Seeded;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Carries each webhook to one of the servers, once.
pub(super) struct Post {
    /// What `--webhook-url` has to be.
    pub url: String,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

struct Way {
    /// Known only when Stripe is there, which needs the address first.
    world: OnceLock<Arc<World>>,
    random: Mutex<Seeded>,
}

impl Post {
    /// Opens one that leads to nobody yet.
    pub(super) async fn open(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let way = Arc::new(Way { world: OnceLock::new(), random: Mutex::new(Seeded::new(seed)) });
        let router = Router::new().route("/", post(carry)).with_state(Arc::clone(&way));
        let task = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self { url, way, task }
    }

    /// Leads to this world's servers from now on.
    pub(super) fn lead_into(&self, world: &Arc<World>) {
        let _ = self.way.world.set(Arc::clone(world));
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(State(way): State<Arc<Way>>, headers: HeaderMap, body: String) -> StatusCode {
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    match way.hand_on(&headers, body).await {
        Some((world, status)) => {
            if let (200, Some(id)) = (status, event["id"].as_str()) {
                world.answered.event(id);
            }
            StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
        }
        None => StatusCode::BAD_GATEWAY,
    }
}

impl Way {
    async fn hand_on(&self, headers: &HeaderMap, body: String) -> Option<(&Arc<World>, u16)> {
        let world = self.world.get()?;
        let server: Option<SocketAddr> = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            world.server(&mut random)
        };
        let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
        let request = Request::with_text("POST", "/webhooks/stripe", body)
            .header("content-type", "application/json")
            .header("stripe-signature", signature.unwrap_or_default());
        let answer = Connection::to(server?).call(&request).await.ok()?;
        Some((world, answer.status))
    }
}
