//! `POST /demo/consultation`: something to pay, with its patient's token. Only in the demo.

use super::App;
use super::problem::{Kind, Problem};
use crate::cli::token::mint;
use axum::Json;
use axum::extract::State;
use sekali_core::domain::{ConsultationId, Currency, Money, Role, User, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What a consultation costs: the contract's example.
const FEE: Money = Money::new(500_000, Currency::PHP);
/// How long the demo's token is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Makes a consultation of a patient of its own.
pub(super) async fn new_consultation(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let tokens = app.demo.as_ref().ok_or_else(|| Problem::new(Kind::NotFound))?;
    let now = app.clock.now();
    // Positive, and small enough for a number in JavaScript.
    let number = || i64::try_from(app.random.next_u64() >> 32).unwrap_or(1).max(1);
    let (id, patient) = (ConsultationId(number()), UserId(number()));
    app.store.put_consultation(id, patient, FEE, Some(false), now.whole_second()).await?;
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    let token = mint(tokens, User { id: patient, role: Role::Patient }, seconds, TOKEN_LIFE);
    Ok(Json(json!({
        "consultation_id": id,
        "patient_id": patient,
        "fee": FEE.to_string(),
        "currency": FEE.currency.code(),
        "token": token,
    })))
}
