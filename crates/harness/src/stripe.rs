//! The simulator of Stripe as a process of its own: it survives whatever is done to the service, as
//! Stripe does.

use crate::database::Folder;
use crate::http::{Connection, Request};
use crate::program;
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

/// What webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_harness";
/// Any such key is good.
pub const SECRET_KEY: &str = "sk_test_harness";
/// The card that every test pays with unless it says otherwise.
const CARD: &str = "4242424242424242";

/// A simulator that runs.
pub struct Stripe {
    server: Server,
    _folder: Folder,
}

/// Pays a session; `force`: though it has expired.
pub fn pay(session: &str, force: bool) -> Request {
    let order = json!({ "card": CARD, "force": force });
    Request::with_json("POST", format!("/simulator/sessions/{session}/pay"), &order)
}

/// What is on its books: how many objects there are in each state, and where the money is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Checkout Sessions by status.
    pub sessions: BTreeMap<String, i64>,
    /// Charges by status.
    pub charges: BTreeMap<String, i64>,
    /// Refunds by status.
    pub refunds: BTreeMap<String, i64>,
    /// Captured, in the currency's smallest unit.
    pub captured: i64,
    /// Given back, or on its way back.
    pub refunded: i64,
}

impl Books {
    /// Objects in all states together.
    pub fn all(counts: &BTreeMap<String, i64>) -> i64 {
        counts.values().sum()
    }
}

impl Stripe {
    /// Starts one that sends its events to `webhooks`, where there is somebody to send them to.
    pub async fn start(webhooks: Option<&str>) -> Self {
        let folder = Folder::new();
        let mut command = Command::new(program::sekali());
        command.args(["stripe-simulator", "--listen", "127.0.0.1:0"]);
        command.args(["--storage", &format!("sqlite://{}", folder.path().join("simulator.db").display())]);
        if let Some(url) = webhooks {
            command.args(["--webhook-url", url, "--webhook-secret", WEBHOOK_SECRET]);
        }
        Self { server: Server::start(command, &[]).await, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        self.server.connect()
    }

    /// What `STRIPE_API_BASE` has to be.
    pub fn base(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Steers it: an order that it must take.
    pub async fn order(&self, path: &str, order: &Value) -> Value {
        self.takes(&Request::with_json("POST", format!("/simulator/{path}"), order)).await
    }

    async fn takes(&self, request: &Request) -> Value {
        let answer = self.connect().call(request).await.expect("the simulator answers");
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.body);
        answer.json()
    }

    /// Pays a session that is open.
    pub async fn pay(&self, session: &str) {
        self.takes(&pay(session, false)).await;
    }

    /// Pays a session though it has expired, as somebody does who was quicker than the end.
    pub async fn pay_by_force(&self, session: &str) {
        self.takes(&pay(session, true)).await;
    }

    /// Sets a fault.
    pub async fn fail(&self, fault: &Value) {
        self.order("faults", fault).await;
    }

    /// How often the faults that were set have struck, and deletes them.
    pub async fn end_faults(&self) -> i64 {
        let list = self.get("/simulator/faults").await;
        let struck =
            list["data"].as_array().into_iter().flatten().filter_map(|fault| fault["struck"].as_i64());
        let struck = struck.sum();
        self.takes(&Request::with_json("DELETE", "/simulator/faults", &json!({}))).await;
        struck
    }

    /// Counts.
    pub async fn books(&self) -> Books {
        let state = self.get("/simulator/state").await;
        let counts = |name: &str| {
            let counts = state[name].as_object().into_iter().flatten();
            counts.filter_map(|(status, count)| Some((status.clone(), count.as_i64()?))).collect()
        };
        let amount = |name: &str| state[name]["php"].as_i64().unwrap_or(0);
        Books {
            sessions: counts("sessions"),
            charges: counts("charges"),
            refunds: counts("refunds"),
            captured: amount("amount_captured"),
            refunded: amount("amount_refunded"),
        }
    }

    /// Every object of a kind, by Stripe's own API: `checkout/sessions`, `charges`, `refunds`.
    pub async fn list(&self, what: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().and_then(|last| last["id"].as_str());
            let after = after.map(|id| format!("&starting_after={id}")).unwrap_or_default();
            let page = self.get(&format!("/v1/{what}?limit=100{after}")).await;
            all.extend(page["data"].as_array().cloned().unwrap_or_default());
            if page["has_more"] != true {
                return all;
            }
        }
    }

    /// The object at a path of Stripe's API, or of the simulator's own.
    pub async fn get(&self, path: &str) -> Value {
        self.takes(&Request::get(path).bearer(SECRET_KEY)).await
    }
}
