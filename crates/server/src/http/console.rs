//! The operator's console, at `/console`: the app's files, and the API that only the app uses.
//!
//! What lets somebody in is a session (`session`), which a token of role `admin` begins. What changes something takes
//! a request that only our own page can have sent (`guard`).

mod act;
mod export;
mod filter;
mod guard;
mod health;
mod invoices;
mod list;
mod live;
mod page;
mod search;
mod sign_in;
mod view;

pub use live::Live;

use super::problem::{Kind, Problem};
use super::{App, assets, frame};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use std::sync::Arc;

/// The app, and its API.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/console", get(assets::console))
        .route("/console/", get(assets::console))
        .route("/console/{*path}", get(assets::console_path))
        .route_layer(from_fn_with_state(app.clone(), frame::placed));
    let door = Router::new()
        .route("/console/api/session", get(sign_in::who).post(sign_in::sign_in).delete(sign_in::sign_out))
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .route_layer(from_fn_with_state(app.clone(), guard::at_the_door));
    let inside = Router::new()
        .route("/console/api/payments", get(list::list))
        .route("/console/api/payments/export.csv", get(export::csv))
        .route("/console/api/payments/export.json", get(export::json))
        .route("/console/api/payments/{id}", get(page::payment))
        .route("/console/api/payments/{id}/timeline", get(page::timeline))
        .route("/console/api/payments/{id}/invoice", get(invoices::html))
        .route("/console/api/payments/{id}/invoice.pdf", get(invoices::pdf))
        .route("/console/api/payments/{id}/refund", post(act::refund))
        .route("/console/api/payments/{id}/cancel", post(act::cancel))
        .route("/console/api/payments/{id}/reconcile", post(act::reconcile))
        .route("/console/api/events/{id}/replay", post(act::replay))
        .route("/console/api/health", get(health::health))
        .route("/console/api/live", get(live::live))
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .route_layer(from_fn_with_state(app.clone(), guard::inside));
    pages.merge(door).merge(inside)
}
