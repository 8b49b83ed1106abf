//! What the simulator of Stripe has on its books, asked over its API; and paying there.

use crate::http::{Answer, Connection, Request, path_of};
use serde_json::{Value, json};

/// Where the simulator lives.
const BASE: &str = "/stripe-simulator";

/// Everything on the books.
#[derive(Debug, PartialEq, Eq)]
pub struct Books {
    /// Checkout Sessions that were made.
    pub sessions: usize,
    /// Those that are paid.
    pub paid: usize,
    /// Charges that succeeded.
    pub charges: usize,
}

/// Counts (up to 100 of each, which is more than these tests make).
pub async fn books(connection: &mut Connection) -> Books {
    let sessions = list(connection, "checkout/sessions").await;
    let charges = list(connection, "charges").await;
    Books {
        sessions: sessions.len(),
        paid: sessions.iter().filter(|session| session["payment_status"] == "paid").count(),
        charges: charges.iter().filter(|charge| charge["status"] == "succeeded").count(),
    }
}

async fn list(connection: &mut Connection, what: &str) -> Vec<Value> {
    let request = Request::get(format!("{BASE}/v1/{what}?limit=100")).bearer("sk_test_harness");
    let answer = connection.call(&request).await.expect("the simulator answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.json();
    assert_eq!(list["has_more"], false, "more than one page");
    list["data"].as_array().cloned().unwrap_or_default()
}

/// Follows an answer's `checkout_url`: the answer of the process page.
pub async fn follow(connection: &mut Connection, answer: &Answer) -> std::io::Result<Answer> {
    let body = answer.json();
    let url = body["data"]["checkout_url"].as_str();
    let url = url.unwrap_or_else(|| panic!("{} without a checkout_url: {}", answer.status, answer.body));
    connection.call(&Request::get(path_of(url))).await
}

/// The Checkout Session that the process page redirects to, if it is that which it does.
pub fn session_of(redirect: &Answer) -> Option<String> {
    let to = redirect.header("location").filter(|to| redirect.status == 303 && to.contains("cs_test_"))?;
    let begins = to.find("cs_test_")?;
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    Some(to[begins..].chars().take_while(|c| name(*c)).collect())
}

/// Pays a session with a card that succeeds.
pub async fn pay(connection: &mut Connection, session: &str) -> std::io::Result<Answer> {
    let order = json!({ "card": "4242424242424242" });
    let path = format!("{BASE}/simulator/sessions/{session}/pay");
    connection.call(&Request::with_json("POST", path, &order)).await
}
