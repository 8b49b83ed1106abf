//! Probes and metrics.

use super::App;
use crate::telemetry::metrics::recorder;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use std::sync::Arc;

/// `/healthz`: the process lives. `/readyz`: it can take payments.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
}

/// `/metrics`, as Prometheus text.
pub fn metrics_router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let text = async || ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder().render());
    Router::new().route("/metrics", get(text))
}

async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    match app.store.ready().await {
        Ok(()) => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        Err(error) => {
            tracing::warn!(%error, "Not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "database out of reach" })))
        }
    }
}
