//! Probes and metrics.

use super::App;
use super::problem::{Kind, Problem};
use crate::telemetry::metrics::recorder;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::sync::Arc;

/// `/healthz`: the process lives. `/readyz`: it can take payments.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
}

/// `/metrics`, as Prometheus text.
pub(super) fn metrics_router() -> Router<Arc<App>> {
    let text = async || ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder().render());
    Router::new().route("/metrics", get(text))
}

async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    // Whatever is wrong with the database: no payments can be taken right now.
    app.store.ready().await.map_err(|error| {
        tracing::warn!(%error, "Not ready");
        Problem::new(Kind::DatabaseUnavailable)
    })?;
    Ok(Json(json!({ "status": "ready" })))
}
