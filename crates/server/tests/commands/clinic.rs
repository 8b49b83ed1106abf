//! A service that runs as a process, with its simulator, and what a patient does with it.

use crate::support::client::{Request, split};
use crate::support::database::Database;
use crate::support::program::{Started, run, started, text};
use crate::support::{JWT_SECRET, tokens};
use sekali::system::SystemClock;
use sekali_core::domain::{Role, User, UserId};
use sekali_core::ports::Clock;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Output;

pub(crate) const GOOD: &str = "4242424242424242";

pub(crate) struct Clinic {
    pub(crate) address: SocketAddr,
    pub(crate) database: Database,
    /// What the service and every command take.
    env: Vec<(String, String)>,
    /// Ends with the clinic.
    _started: Started,
}

impl Clinic {
    /// With further variables of the environment. It asks Stripe by itself only once, at its start.
    pub(crate) async fn open(database: Database, more: &[(&str, &str)]) -> Self {
        let listen = format!("127.0.0.1:{}", sekali_test_support::free_port());
        let mut env = vec![
            ("SEKALI_LISTEN".to_owned(), listen),
            ("SEKALI_JWT_SECRET".to_owned(), JWT_SECRET.to_owned()),
            ("SEKALI_STRIPE_SIMULATOR".to_owned(), "1".to_owned()),
            ("SEKALI_RECONCILE_INTERVAL".to_owned(), "3600".to_owned()),
            ("DATABASE_URL".to_owned(), database.url()),
        ];
        env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let migrated = run(&["migrate"], &pairs(&env)).await;
        assert!(migrated.status.success(), "{}", text(&migrated.stderr));
        let started = started(&pairs(&env)).await;
        let (address, _) = split(&format!("http://{}", started.address));
        Self { address, database, env, _started: started }
    }

    /// Runs a command with the service's settings to its end.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Output {
        run(arguments, &pairs(&self.env)).await
    }

    pub(crate) fn ask(&self, method: &str, path: &str, role: Role) -> Request {
        ask(self.address, method, path, role)
    }

    /// The console's health page, for an operator who signs in for it.
    pub(crate) async fn health(&self) -> Value {
        let ours = format!("http://{}", self.address);
        let sign_in = Request::new(self.address, "POST", "/console/api/session")
            .header("X-Sekali-Console", "1")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Origin", &ours)
            .json(json!({ "token": token(Role::Admin) }).to_string());
        let signed_in = sign_in.send().await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.text());
        let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let asked = Request::new(self.address, "GET", "/console/api/health").header("Cookie", &cookie);
        asked.send().await.json()
    }

    /// Tells the simulator what happens at Stripe.
    pub(crate) async fn at_stripe(&self, path: &str, order: Value) -> Value {
        let path = format!("/stripe-simulator/simulator/{path}");
        let answer = Request::new(self.address, "POST", &path).json(order.to_string()).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// A press for 5000 pesos; the payment's number and its way to pay.
    pub(crate) async fn press(&self, consultation: i64) -> (i64, String) {
        press_at(self.address, consultation).await
    }

    /// On to Stripe's page; Stripe's name of the session.
    pub(crate) async fn open_session(&self, way: &str) -> String {
        let (address, path) = split(way);
        let answer = Request::new(address, "GET", &path).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Pressed, and paid at Stripe.
    pub(crate) async fn paid(&self, consultation: i64) -> i64 {
        let (payment, way) = self.press(consultation).await;
        let session = self.open_session(&way).await;
        self.at_stripe(&format!("sessions/{session}/pay"), json!({ "card": GOOD })).await;
        payment
    }

    pub(crate) async fn status(&self, payment: i64) -> String {
        let sql = format!("SELECT status FROM payments WHERE id = {payment}");
        self.database.query(&sql).await.remove(0).remove(0)
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, role: Role) -> Request {
    Request::new(address, method, path).bearer(&token(role))
}

fn token(role: Role) -> String {
    let now = u64::try_from(SystemClock::new().now().as_seconds()).unwrap();
    let user = if role == Role::Patient { 1 } else { 9000 };
    tokens::mint(User { id: UserId(user), role }, now)
}

/// A press for 5000 pesos at the service there.
pub(crate) async fn press_at(address: SocketAddr, consultation: i64) -> (i64, String) {
    let path = format!("/api/v1/consultations/{consultation}");
    let body = r#"{"patient_id":1,"fee":"5000.00","currency":"PHP"}"#;
    assert_eq!(ask(address, "PUT", &path, Role::Service).json(body).send().await.status, 201);
    let press = ask(address, "POST", "/api/v1/payments", Role::Patient);
    let press = press.header("X-Idempotency-Key", &format!("key-{consultation}"));
    let answer = press.json(crate::support::body(consultation, "5000.00")).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let data = answer.json()["data"].clone();
    (data["payment_id"].as_i64().unwrap(), data["checkout_url"].as_str().unwrap().to_owned())
}

fn pairs(env: &[(String, String)]) -> Vec<(&str, &str)> {
    env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
