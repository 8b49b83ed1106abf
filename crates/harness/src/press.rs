//! A press of BAYAR.

use crate::http::{Answer, Request};
use crate::server::SECRET;
use sekali::cli::token::mint;
use sekali::settings::{Secret, TokenSettings};
use sekali::system::SystemClock;
use sekali_core::domain::{Role, User, UserId};
use sekali_core::ports::Clock;
use serde_json::json;
use std::time::Duration;

/// Longer than any test, also one that sets clocks a day ahead.
const LIFE: Duration = Duration::from_secs(3 * 86_400);

/// Who presses, for what, under which key.
#[derive(Clone, Debug)]
pub struct Press {
    /// The patient.
    pub user: i64,
    /// The consultation.
    pub consultation: i64,
    /// The key.
    pub key: String,
}

impl Press {
    /// A press by the patient of the same number as the consultation, as [`crate::database`] seeds them.
    pub fn own(consultation: i64, key: impl Into<String>) -> Self {
        Self { user: consultation, consultation, key: key.into() }
    }

    /// The request.
    pub fn request(&self) -> Request {
        let body = json!({
            "consultation_id": self.consultation, "amount": "5000.00", "payment_method": "stripe",
            "idempotency_key": self.key,
        });
        Request::with_json("POST", "/api/v1/payments", &body)
            .header("x-idempotency-key", self.key.clone())
            .bearer(&token(self.user, Role::Patient))
    }
}

/// A token for `user`.
pub fn token(user: i64, role: Role) -> String {
    let settings = TokenSettings { secret: Secret::new(SECRET), issuer: None, audience: None };
    let now = u64::try_from(SystemClock::new().now().as_seconds()).expect("a time after 1970");
    mint(&settings, User { id: UserId(user), role }, now, LIFE)
}

/// The payment that an answer, 201 or 409, is about.
pub fn payment_id(answer: &Answer) -> i64 {
    let id = answer.json()["data"]["payment_id"].as_i64();
    id.unwrap_or_else(|| panic!("{} without a payment: {}", answer.status, answer.body))
}

/// Whether an answer is one of the two that name the payment, in the contract's words.
pub fn names_payment(answer: &Answer) -> bool {
    let body = answer.json();
    match answer.status {
        201 => body["data"]["type"] == "new" && body["message"] == "Pembayaran berhasil dibuat",
        409 => body["data"]["type"] == "existing" && body["message"] == "Duplicate payment request detected",
        _ => false,
    }
}

/// Checks that of several answers about one consultation exactly one is 201, the rest 409, and all of
/// them name one payment; returns it.
pub fn one_created(answers: &[Answer]) -> i64 {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    if let Some(odd) = answers.iter().find(|answer| !names_payment(answer)) {
        panic!("neither 201 nor 409, but {}: {} (all: {statuses:?})", odd.status, odd.body);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "one 201: {statuses:?}");
    let id = payment_id(&answers[0]);
    assert!(answers.iter().all(|answer| payment_id(answer) == id), "all answers name payment {id}");
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, payment: i64) -> Answer {
        let (kind, message) = match status {
            201 => ("new", "Pembayaran berhasil dibuat"),
            _ => ("existing", "Duplicate payment request detected"),
        };
        let body = json!({ "data": { "type": kind, "payment_id": payment }, "message": message });
        Answer::of(status, body.to_string())
    }

    fn holds(answers: &[Answer]) -> bool {
        std::panic::catch_unwind(|| one_created(answers)).is_ok()
    }

    #[test]
    fn one_created_finds_what_is_wrong() {
        assert_eq!(one_created(&[answer(409, 7), answer(201, 7), answer(409, 7)]), 7);
        assert!(!holds(&[answer(201, 7), answer(201, 8)]), "two payments");
        assert!(!holds(&[answer(201, 7), answer(201, 7)]), "one payment, made twice");
        assert!(!holds(&[answer(409, 7), answer(409, 7)]), "nobody made it");
        assert!(!holds(&[answer(201, 7), answer(409, 8)]), "another's payment");
        assert!(!holds(&[answer(201, 7), Answer::of(503, String::new())]), "turned down");
    }
}
