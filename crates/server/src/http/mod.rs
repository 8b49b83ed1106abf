//! The HTTP API and the pages, one file an endpoint. [`router`] is the table of contents.

mod app;
mod assets;
mod callback;
mod create_payment;
mod demo;
mod fields;
mod frame;
mod guard;
mod health;
mod key;
mod language;
mod openapi;
mod page;
mod problem;
mod problem_pages;
mod process;
mod put_consultation;
mod read_payments;
mod view;
mod webhook;

pub use app::{App, Limits};
pub use health::metrics_router;
pub use openapi::document as openapi_document;
pub use problem::Kind as ProblemKind;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use problem::{Kind, Problem};
use std::sync::Arc;

/// Everything that the service answers.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/api/v1/payments", post(create_payment::create_payment).get(read_payments::list_payments))
        .route("/api/v1/payments/{id}", get(read_payments::read_payment))
        .route("/api/v1/consultations/{id}", put(put_consultation::put_consultation))
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .route_layer(from_fn_with_state(app.clone(), guard::admit));
    let pages = Router::new()
        .route("/payment/{id}/process", get(process::process))
        .route("/payment/{id}/callback", get(callback::callback))
        .route("/problems/{name}", get(problem_pages::problem_page))
        .route("/", get(assets::index))
        .route("/assets/{*path}", get(assets::asset))
        .route("/pages/sekali.css", get(page::stylesheet));
    let machines = Router::new()
        .route("/webhooks/stripe", post(webhook::stripe))
        .route("/openapi.json", get(openapi::openapi_json));
    let mut all = api.merge(pages).merge(machines);
    if app.demo.is_some() {
        all = all.route("/demo/consultation", post(demo::new_consultation));
    }
    let framed = all
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .fallback(async || Problem::new(Kind::NotFound))
        .layer(from_fn_with_state(app.clone(), frame::frame));
    // Neither probes nor the simulator of Stripe count as work of the service: they are not shed.
    let mut outside = health::router();
    if app.serves_metrics {
        outside = outside.merge(metrics_router());
    }
    let mut whole = framed.merge(outside.layer(from_fn(frame::plain)));
    if let Some(simulator) = app.simulator.clone() {
        whole = whole.nest_service("/stripe-simulator", simulator);
    }
    if !app.cors_origins.is_empty() {
        whole = whole.layer(frame::cors(&app.cors_origins));
    }
    whole.with_state(app)
}
