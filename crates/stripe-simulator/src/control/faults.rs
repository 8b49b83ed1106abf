//! Setting, listing and deleting faults.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::{answer, carry_out, read_json};
use crate::api::error::ApiError;
use crate::faults::{self, Fault, Order};
use crate::simulator::Simulator;
use crate::storage::objects;

const EXAMPLE: &str = "{\"kind\": \"answer_lost\", \"method\": \"POST\", \"path\": \"/v1/refunds\", \"times\": 1}, \
                       or {\"kind\": \"webhook_late\", \"event_type\": \"charge.*\", \"delay_ms\": 5000}. Kinds: \
                       answer_lost, answer_cut, request_lost, connection_reset, rate_limited, conflict, server_error, \
                       server_error_saved, server_error_after_work, slow, webhook_late, webhook_twice, \
                       webhook_out_of_order, webhook_never.";

/// `GET /simulator/faults`: those that are spent as well, with how often they struck.
pub(super) async fn list(State(simulator): State<Simulator>) -> Response {
    let list = simulator.read(|work| {
        let data: Vec<Value> = faults::list(work.tx)?.iter().map(Fault::render).collect();
        Ok(json!({"object": "list", "data": data}))
    });
    answer(list.await)
}

/// `POST /simulator/faults`.
pub(super) async fn set(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Response {
    let order = read_json::<Order>(&headers, &body, EXAMPLE);
    carry_out(&simulator, order, |work, order| {
        let fault = Fault::new(order, work.new_id("fault_", 14), work.now())?;
        objects::insert(work.tx, &fault)?;
        Ok(fault.render())
    })
    .await
}

/// `DELETE /simulator/faults`: all of them.
pub(super) async fn clear(State(simulator): State<Simulator>) -> Response {
    carry_out(&simulator, Ok(()), |work, ()| {
        let all = faults::list(work.tx)?;
        for fault in &all {
            objects::delete::<Fault>(work.tx, &fault.id)?;
        }
        Ok(json!({"deleted": all.len()}))
    })
    .await
}

/// `DELETE /simulator/faults/{id}`.
pub(super) async fn remove(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    carry_out(&simulator, Ok(()), move |work, ()| {
        if objects::delete::<Fault>(work.tx, &id)? {
            return Ok(json!({"deleted": 1}));
        }
        Err(ApiError::missing("fault", "id", &id).into())
    })
    .await
}
