//! The simulator that is built into a service, steered and asked as its tests need it.

use super::client::{Answer, Request, split};
use super::{Backend, Site};
use serde_json::{Value, json};

/// A card that pays.
pub const GOOD: &str = "4242424242424242";
/// A card that is declined.
pub const DECLINED: &str = "4000000000000002";

/// A payment whose page at Stripe is open.
pub struct Opened {
    pub payment: i64,
    /// Its `checkout_url`.
    pub way: String,
    /// Stripe's page.
    pub page: String,
    /// Stripe's name of the session.
    pub session: String,
    /// The cookie of the 201, as the payer's browser sends it.
    pub cookie: String,
}

impl Opened {
    /// By the answer 201, and Stripe's page.
    pub fn of(first: &Answer, page: String) -> Self {
        let payment = first.json()["data"]["payment_id"].as_i64().unwrap();
        let session = split(&page).1.rsplit('/').next().unwrap().to_owned();
        let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { payment, way: way(first), page, session, cookie }
    }

    /// The callback with the capability that the process page's address carries.
    pub fn callback(&self) -> String {
        self.way.replace("/process?", "/callback?")
    }

    /// The page that the payer comes back to, in the browser of the press.
    pub async fn come_back(&self) -> Answer {
        let (address, _) = split(&self.way);
        let path = format!("/payment/{}/callback", self.payment);
        Request::new(address, "GET", &path).header("Cookie", &self.cookie).send().await
    }
}

/// The way to pay in an answer.
pub fn way(answer: &Answer) -> String {
    answer.json()["data"]["checkout_url"].as_str().unwrap().to_owned()
}

/// A plain navigation to an address, without cookies.
pub async fn visit(url: &str) -> Answer {
    let (address, path) = split(url);
    Request::new(address, "GET", &path).send().await
}

impl Site {
    /// Tells the simulator what happens at Stripe; its answer, which must be 200.
    pub async fn at_stripe(&self, path: &str, order: Value) -> Value {
        let answer = self.try_at_stripe(path, order).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The same where it may be refused.
    pub async fn try_at_stripe(&self, path: &str, order: Value) -> Answer {
        self.post(&format!("/stripe-simulator/simulator/{path}")).json(order.to_string()).send().await
    }

    /// Asks Stripe's API as the account's owner does.
    pub async fn ask_stripe(&self, path: &str) -> Value {
        let answer = self.get(&format!("/stripe-simulator/v1/{path}")).bearer("sk_test_owner").send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The simulator's totals.
    pub async fn stripe_totals(&self) -> Value {
        let answer = self.get("/stripe-simulator/simulator/state").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// No webhook arrives any more.
    pub async fn silence_webhooks(&self) {
        self.at_stripe("faults", json!({ "kind": "webhook_never" })).await;
    }

    /// A press, and on to Stripe's page; the consultation stands already.
    pub async fn opened(&self, user: i64, consultation: i64, key: &str) -> Opened {
        let (_, first) = self.paid_for(user, consultation, key).await;
        let page = self.process(&way(&first)).await;
        Opened::of(&first, page)
    }

    /// A consultation of 5000 pesos that its patient has paid with this card.
    pub async fn completed(&self, user: i64, consultation: i64, card: &str) -> Opened {
        self.pesos(consultation, user).await;
        let opened = self.opened(user, consultation, &format!("key-{consultation}")).await;
        self.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": card })).await;
        self.until_status(opened.payment, "completed").await;
        opened
    }

    /// Stripe's name of the charge that paid a session.
    pub async fn charge_of(&self, session: &str) -> String {
        let session = self.ask_stripe(&format!("checkout/sessions/{session}")).await;
        let intent = session["payment_intent"].as_str().unwrap();
        let intent = self.ask_stripe(&format!("payment_intents/{intent}")).await;
        intent["latest_charge"].as_str().unwrap().to_owned()
    }

    /// `POST …/refunds` of an admin's, with this key and body.
    pub fn refund(&self, payment: i64, key: &str, body: &Value) -> Request {
        let request = self.post(&format!("/api/v1/payments/{payment}/refunds")).bearer(&self.admin());
        request.header("X-Idempotency-Key", key).json(body.to_string())
    }

    /// The kinds of a payment's record, in order.
    pub async fn record_of(&self, payment: i64) -> Vec<String> {
        let sql = format!("SELECT kind FROM payment_events WHERE payment_id = {payment} ORDER BY seq");
        self.database.query(&sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }
}

/// A service whose Stripe is another service's simulator, which sends it no webhooks.
pub async fn without_webhooks(backend: Backend, more: &[(&str, &str)]) -> (Site, Site) {
    let stripe = Site::new().await;
    let base = format!("{}/stripe-simulator", stripe.public_url);
    let mut env = vec![
        ("SEKALI_STRIPE_SIMULATOR", "0"),
        ("STRIPE_SECRET_KEY", "sk_test_tests"),
        ("STRIPE_API_BASE", base.as_str()),
    ];
    env.extend_from_slice(more);
    let site = Site::with(backend, &env).await;
    (site, stripe)
}
