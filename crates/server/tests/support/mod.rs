//! A service of a test's own: started in this process, over real TCP, with a clock that the test
//! moves and every log line caught.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its part of this")]

pub mod ambient;
pub mod client;
pub mod console;
pub mod database;
pub mod logs;
pub mod program;
pub mod receiver;
pub mod stripe;
pub mod tokens;

use ambient::{SeededRandom, TestClock};
use client::{Answer, Request};
use database::Database;
use logs::Logs;
use sekali::server::Running;
use sekali::settings::{Flags, Settings, SimulatorReach, Surroundings, Values};
use sekali::telemetry::metrics::StepDurations;
use sekali::wiring::Ambient;
use sekali_core::domain::{Role, Timestamp, User, UserId};
use sekali_test_support::redis::{self, EmptyRedis};
use serde_json::Value;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The contract's moment: 2024-01-15T10:30:00Z.
pub const GOLDEN: Timestamp = Timestamp::from_seconds(1_705_314_600);
pub const JWT_SECRET: &str = "a secret of the tests, longer than 32 bytes";
/// Given to the service beside the simulator, so that a test can sign webhooks of its own.
pub const WEBHOOK_SECRET: &str = "whsec_known_to_the_tests";

/// What a service keeps its state in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    SqliteMemory,
    SqliteRedis,
    PostgresMemory,
    PostgresRedis,
}

impl Backend {
    pub fn is_postgres(self) -> bool {
        matches!(self, Self::PostgresMemory | Self::PostgresRedis)
    }

    pub fn has_redis(self) -> bool {
        matches!(self, Self::SqliteRedis | Self::PostgresRedis)
    }
}

/// Runs each test function on every backend. On the embedded default each is a test of its own; on
/// the others they run one after the other in one test, because each process that tests PostgreSQL
/// may have to start one.
#[macro_export]
macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod on_every_backend {
            use $crate::support::Backend;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Backend::SqliteMemory).await;
                }
            )+
            async fn all(backend: Backend) {
                $( super::$test(backend).await; )+
            }
            #[tokio::test]
            async fn sqlite_and_redis() {
                all(Backend::SqliteRedis).await;
            }
            #[tokio::test]
            async fn postgres_and_memory() {
                all(Backend::PostgresMemory).await;
            }
            #[tokio::test]
            async fn postgres_and_redis() {
                all(Backend::PostgresRedis).await;
            }
        }
    };
}

/// A running service with all that belongs to it.
pub struct Site {
    pub address: SocketAddr,
    pub public_url: String,
    pub clock: Arc<TestClock>,
    pub database: Database,
    pub redis: Option<EmptyRedis>,
    pub logs: Logs,
    pub backend: Backend,
    running: Option<Running>,
}

impl Site {
    /// On the embedded default.
    pub async fn new() -> Self {
        Self::on(Backend::SqliteMemory).await
    }

    pub async fn on(backend: Backend) -> Self {
        Self::with(backend, &[]).await
    }

    /// With further variables of the environment; the last of two of one name counts, and an empty
    /// one takes the setting away.
    pub async fn with(backend: Backend, more: &[(&str, &str)]) -> Self {
        let database = if backend.is_postgres() { Database::postgres() } else { Database::sqlite() };
        Self::with_database(backend, database, more).await
    }

    pub async fn with_database(backend: Backend, database: Database, more: &[(&str, &str)]) -> Self {
        let redis = backend.has_redis().then(redis::empty);
        let url = database.url();
        let mut env = vec![
            ("SEKALI_LISTEN", "127.0.0.1:0"),
            ("SEKALI_JWT_SECRET", JWT_SECRET),
            ("SEKALI_STRIPE_SIMULATOR", "1"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("SEKALI_AUTO_MIGRATE", "1"),
            ("DATABASE_URL", &url),
            ("SEKALI_LOG", "debug"),
        ];
        if let Some(redis) = &redis {
            env.push(("REDIS_URL", &redis.url));
        }
        env.extend_from_slice(more);
        let settings = settings(&env);
        let clock = Arc::new(TestClock::at(GOLDEN));
        let logs = Logs::capture(&settings.log.filter, clock.clone());
        let ambient = Ambient {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::next()),
            probe: Arc::new(StepDurations),
        };
        let running = sekali::server::start(&settings, &ambient).await.unwrap();
        let (address, public_url) = (running.address, running.public_url.clone());
        Self { address, public_url, clock, database, redis, logs, backend, running: Some(running) }
    }

    /// Ends the service; what it kept stays.
    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    pub fn get(&self, path: &str) -> Request {
        Request::new(self.address, "GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        Request::new(self.address, "POST", path)
    }

    pub fn put(&self, path: &str) -> Request {
        Request::new(self.address, "PUT", path)
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// A patient's token.
    pub fn patient(&self, user: i64) -> String {
        tokens::mint(User { id: UserId(user), role: Role::Patient }, self.clock.seconds())
    }

    pub fn service(&self) -> String {
        tokens::mint(User { id: UserId(9000), role: Role::Service }, self.clock.seconds())
    }

    pub fn admin(&self) -> String {
        tokens::mint(User { id: UserId(9001), role: Role::Admin }, self.clock.seconds())
    }

    /// `POST /api/v1/payments` without a key and without a body.
    pub fn pay(&self, user: i64) -> Request {
        self.post("/api/v1/payments").bearer(&self.patient(user))
    }

    /// A whole press of BAYAR for 5000 pesos.
    pub async fn press(&self, user: i64, consultation: i64, key: &str) -> Answer {
        self.pay(user).header("X-Idempotency-Key", key).json(body(consultation, "5000.00")).send().await
    }

    /// A whole press whose first answer must be 201; the payment's number.
    pub async fn paid_for(&self, user: i64, consultation: i64, key: &str) -> (i64, Answer) {
        let answer = self.press(user, consultation, key).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        (answer.json()["data"]["payment_id"].as_i64().unwrap(), answer)
    }

    /// Makes a consultation of `patient` through the API.
    pub async fn consultation(&self, id: i64, patient: i64, fee: &str, currency: &str) {
        let body = format!(r#"{{"patient_id":{patient},"fee":"{fee}","currency":"{currency}"}}"#);
        let answer =
            self.put(&format!("/api/v1/consultations/{id}")).bearer(&self.service()).json(body).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// The usual one: 5000 pesos.
    pub async fn pesos(&self, id: i64, patient: i64) {
        self.consultation(id, patient, "5000.00", "PHP").await;
    }

    /// The payment as its payer reads it: the member `data`.
    pub async fn payment(&self, user: i64, id: i64) -> Value {
        let answer = self.get(&format!("/api/v1/payments/{id}")).bearer(&self.patient(user)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].clone()
    }

    /// Waits until the database says that the payment has this status.
    pub async fn until_status(&self, payment: i64, status: &str) {
        let sql = format!("SELECT status FROM payments WHERE id = {payment}");
        eventually(&format!("payment {payment} is {status}"), async || {
            self.database.query(&sql).await == [[status]]
        })
        .await;
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let rows = self.database.query(&format!("SELECT COUNT(*) FROM {table}")).await;
        rows[0][0].parse().unwrap()
    }

    /// Makes the cache forget this key of a patient's. In memory everything ends with its time; on
    /// Redis the entry is deleted.
    pub async fn forget_cached(&self, user: i64, key: &str) {
        match &self.redis {
            Some(redis) => {
                database::redis_del(&redis.url, &format!("payment:idempotency:{user}:{key}")).await;
            }
            None => self.clock.advance(Duration::from_secs(301)),
        }
    }

    /// Types a card into Stripe's page and confirms; the page's answer.
    pub async fn pay_with_card(&self, stripe_page: &str, card: &str) -> Answer {
        let fields = [
            ("email", "payer@example.com"),
            ("cardNumber", card),
            ("cardExpiry", "12 / 30"),
            ("cardCvc", "123"),
            ("billingName", "Test Payer"),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (address, path) = client::split(stripe_page);
        Request::new(address, "POST", &path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
    }

    /// Opens the way to pay; the address of Stripe's page.
    pub async fn process(&self, checkout_url: &str) -> String {
        let answer = self.get(&client::split(checkout_url).1).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }
}

/// The body of a press, with the amount as it stands.
pub fn body(consultation: i64, amount: &str) -> String {
    format!(r#"{{"consultation_id":{consultation},"amount":{amount},"payment_method":"stripe"}}"#)
}

/// Typed settings from variables of the environment.
pub fn settings(env: &[(&str, &str)]) -> Settings {
    let variable =
        |name: &str| env.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let values = Values::gather(&Flags::new(), Surroundings { env: &variable, read: &read }).unwrap();
    values.serve(SimulatorReach::Loopback).unwrap()
}

/// Asks again and again, a hundred times a second, until the answer is yes.
pub async fn eventually(what: &str, mut yes: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if yes().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about that {what}");
}
