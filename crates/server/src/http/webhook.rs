//! `POST /webhooks/stripe`: kept, then answered; what it means is worked out afterwards.

use super::App;
use super::guard::read_bounded;
use super::problem::{Kind, Problem};
use crate::uncancelled::uncancelled;
use axum::Json;
use axum::extract::{Request, State};
use sekali_core::flow::inbox::ReceiveError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Stripe's events are a few KiB; this is far above them.
const LARGEST_EVENT: usize = 256 * 1024;

pub(super) async fn stripe(State(app): State<Arc<App>>, request: Request) -> Result<Json<Value>, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_bounded(&app, &parts.headers, body, LARGEST_EVENT).await?;
    let Some(_place) = app.limits.place() else { return Err(Problem::new(Kind::Overloaded)) };
    let signature =
        parts.headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (inbox, signature) = (app.inbox.clone(), signature.to_owned());
    match uncancelled(async move { inbox.receive(&body, &signature).await }).await? {
        Ok(_) => {
            app.inbox_bell.notify_one();
            Ok(Json(json!({ "received": true })))
        }
        Err(ReceiveError::Store(error)) => Err(error.into()),
        Err(ReceiveError::Webhook(error)) => {
            tracing::warn!(%error, "Webhook rejected");
            Err(Problem::new(Kind::WebhookRejected)
                .detail("Tanda tangan webhook tidak sah.", format!("Rejected: {error}.")))
        }
    }
}
