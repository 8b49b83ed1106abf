//! The simulated clock: the process's own, moved forward by as much as was asked for. All processes on the
//! same database go by it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer, read_json};
use crate::api::error::ApiError;
use crate::failure::Failure;
use crate::simulator::Simulator;
use crate::storage::{Access, settings};
use crate::work::{Cause, Work};

/// A hundred years, in seconds.
const FURTHEST: i64 = 100 * 366 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Seconds.
    advance: i64,
}

/// `GET /simulator/clock`.
pub(super) async fn show(State(simulator): State<Simulator>) -> Response {
    answer(simulator.read(|work| Ok(render(work))).await)
}

/// `POST /simulator/clock`: answers once everything has happened that the new time brings; webhooks about it
/// are on their way then.
pub(super) async fn advance(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Response {
    let order = read_json::<Order>(&headers, &body, "{\"advance\": 3600}: seconds, forward.");
    answer(move_forward(&simulator, order).await)
}

async fn move_forward(simulator: &Simulator, order: Result<Order, ApiError>) -> Result<Value, Failure> {
    let advance = order?.advance;
    if !(0..=FURTHEST).contains(&advance) {
        let message = format!("'advance' is between 0 and {FURTHEST} seconds: the clock only goes forward.");
        return Err(ApiError::bad_value("advance", message).into());
    }
    let set = move |work: &mut Work<'_>| {
        let offset = settings::clock_offset(work.tx)?.saturating_add(advance * 1000);
        if offset > FURTHEST * 1000 {
            let message = "The clock has been moved as far as it goes.";
            return Err(ApiError::bad_value("advance", message).into());
        }
        Ok(settings::set_clock_offset(work.tx, offset)?)
    };
    simulator.transact(Access::Write, Cause::default(), set).await?;
    // Webhooks may be due now.
    simulator.ring();
    simulator.read(|work| Ok(render(work))).await
}

fn render(work: &Work<'_>) -> Value {
    let ahead = work.times.now - work.times.real;
    json!({"object": "simulator.clock", "now": work.now(), "ahead": ahead.div_euclid(1000)})
}
