//! The console as its page uses it.

use super::client::{Answer, Request};
use super::{Site, tokens};
use sekali_core::domain::{Role, User, UserId};
use serde_json::{Value, json};

/// An operator who has signed in.
pub struct Operator<'s> {
    pub site: &'s Site,
    /// As the browser sends it.
    pub cookie: String,
}

impl Site {
    /// A token of role `admin`, for this operator.
    pub fn admin_number(&self, number: i64) -> String {
        tokens::mint(User { id: UserId(number), role: Role::Admin }, self.clock.seconds())
    }

    /// What the page sends when somebody signs in with a token.
    pub fn signing_in(&self, token: &str) -> Request {
        as_our_page(self, self.post("/console/api/session")).json(json!({ "token": token }).to_string())
    }

    /// Signs an operator in.
    pub async fn operator(&self, number: i64) -> Operator<'_> {
        let answer = self.signing_in(&self.admin_number(number)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Operator { site: self, cookie }
    }
}

/// With what a browser and our page add to a request that changes something.
pub fn as_our_page(site: &Site, request: Request) -> Request {
    request
        .header("X-Sekali-Console", "1")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Origin", &site.public_url)
}

impl Operator<'_> {
    pub fn get(&self, path: &str) -> Request {
        self.site.get(path).header("Cookie", &self.cookie).header("Accept-Language", "en")
    }

    pub fn post(&self, path: &str, body: &Value) -> Request {
        let request = self.site.post(path).header("Cookie", &self.cookie).header("Accept-Language", "en");
        as_our_page(self.site, request).json(body.to_string())
    }

    /// What a path answers, which must be 200.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The numbers of the payments that a list shows.
    pub async fn listed(&self, query: &str) -> Vec<i64> {
        numbers(&self.read(&format!("/console/api/payments?{query}")).await)
    }

    pub async fn page(&self, payment: i64) -> Value {
        self.read(&format!("/console/api/payments/{payment}")).await
    }

    /// Does something about a payment, with a body.
    pub async fn act(&self, payment: i64, what: &str, body: Value) -> Answer {
        self.post(&format!("/console/api/payments/{payment}/{what}"), &body).send().await
    }
}

/// The numbers of a list's rows.
pub fn numbers(list: &Value) -> Vec<i64> {
    list["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
