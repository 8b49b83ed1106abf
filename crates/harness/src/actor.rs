//! What people do with a payment after it was made: they go on to Stripe, give up, want money back.

use crate::gateway::{follow, session_of};
use crate::http::{Answer, Connection, Request, path_of};
use crate::press::{Press, payment_id, token};
use sekali_core::domain::Role;
use serde_json::{Value, json};
use std::io::Result;

/// The operator.
const ADMIN: i64 = 900_001;

/// A payment on its way.
#[derive(Clone, Debug)]
pub struct OnTheWay {
    /// Its number.
    pub payment: i64,
    /// The path of `checkout_url`.
    pub checkout: String,
    /// Stripe's name of its session.
    pub session: String,
}

/// Presses BAYAR and goes on to Stripe's page.
pub async fn goes_to_stripe(connection: &mut Connection, press: &Press) -> Result<OnTheWay> {
    let answer = connection.call(&press.request()).await?;
    let redirect = follow(connection, &answer).await?;
    let session = session_of(&redirect);
    let session =
        session.unwrap_or_else(|| panic!("no way to Stripe: {} {}", redirect.status, redirect.body));
    let body = answer.json();
    let checkout = path_of(body["data"]["checkout_url"].as_str().unwrap_or_default()).to_owned();
    Ok(OnTheWay { payment: payment_id(&answer), checkout, session })
}

/// Stripe sends the patient's browser back.
pub fn callback(payment: i64, session: &str) -> Request {
    Request::get(format!("/payment/{payment}/callback?session_id={session}"))
}

/// The patient gives up.
pub fn cancel(user: i64, payment: i64) -> Request {
    let path = format!("/api/v1/payments/{payment}/cancel");
    Request::with_json("POST", path, &json!({})).bearer(&token(user, Role::Patient))
}

/// An operator gives money back.
pub fn refund(payment: i64, key: &str, amount: &str) -> Request {
    let path = format!("/api/v1/payments/{payment}/refunds");
    Request::with_json("POST", path, &json!({ "amount": amount, "reason": "as agreed" }))
        .header("x-idempotency-key", key)
        .bearer(&token(ADMIN, Role::Admin))
}

/// The patient looks.
pub fn look(user: i64, payment: i64) -> Request {
    Request::get(format!("/api/v1/payments/{payment}")).bearer(&token(user, Role::Patient))
}

/// What an operator has to look at, and had to.
pub async fn cases(connection: &mut Connection) -> Vec<Value> {
    let request = Request::get("/api/v1/cases?state=all").bearer(&token(ADMIN, Role::Admin));
    let answer = connection.call(&request).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].as_array().cloned().unwrap_or_default()
}

/// A payment's status in an answer that shows it.
pub fn status(answer: &Answer) -> String {
    let body = answer.json();
    body["data"]["payment"]["status"].as_str().unwrap_or_default().to_owned()
}
