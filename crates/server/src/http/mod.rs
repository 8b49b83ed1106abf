//! The HTTP API and the pages, one file an endpoint. [`router`] is the table of contents.

mod app;
mod assets;
mod callback;
mod cancel_payment;
mod cases;
mod console;
mod create_payment;
mod demo;
mod fields;
mod fixed;
mod frame;
mod guard;
mod health;
mod invoice;
mod invoice_page;
mod key;
mod language;
mod openapi;
mod own_payment;
mod page;
mod pages;
mod problem;
mod problem_pages;
mod process;
mod put_consultation;
mod read_payments;
#[doc(hidden)]
pub mod reading;
mod reference;
mod refund_payment;
mod timeline;
mod view;
mod webhook;

pub use app::{App, Limits};
pub use console::Live;
pub use openapi::document as openapi_document;
pub use problem::Kind as ProblemKind;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use problem::{Kind, Problem};
use std::sync::Arc;

/// Everything that the service answers.
pub fn router(app: Arc<App>) -> Router {
    let mut api = Router::new()
        .route("/api/v1/payments", post(create_payment::create_payment).get(read_payments::list_payments))
        .route("/api/v1/payments/{id}", get(read_payments::read_payment))
        .route("/api/v1/payments/{id}/cancel", post(cancel_payment::cancel_payment))
        .route(
            "/api/v1/payments/{id}/refunds",
            post(refund_payment::refund_payment).get(refund_payment::list_refunds),
        )
        .route("/api/v1/payments/{id}/timeline", get(timeline::timeline))
        .route("/api/v1/payments/{id}/invoice", get(invoice::invoice))
        .route("/api/v1/payments/{id}/invoice.pdf", get(invoice::invoice_pdf))
        .route("/api/v1/cases", get(cases::cases))
        .route("/api/v1/consultations/{id}", put(put_consultation::put_consultation))
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .route_layer(from_fn_with_state(app.clone(), guard::admit));
    if app.demo.is_some() {
        api = api.route_layer(from_fn_with_state(app.clone(), demo::traced));
    }
    let pages = Router::new()
        .route("/payment/{id}/process", get(process::process))
        .route("/payment/{id}/callback", get(callback::callback))
        .route("/payment/{id}/invoice", get(invoice_page::html))
        .route("/payment/{id}/invoice.pdf", get(invoice_page::pdf))
        .route("/problems/{name}", get(problem_pages::problem_page))
        .route("/", get(assets::index))
        .route("/assets/{*path}", get(assets::asset))
        .route("/docs", get(reference::docs))
        .route("/pages/sekali.css", get(pages::sekali_css))
        .route("/pages/live.js", get(pages::live_js))
        .route("/pages/reference.css", get(pages::reference_css))
        .route("/pages/reference.js", get(pages::reference_js))
        .route_layer(from_fn_with_state(app.clone(), frame::placed));
    let machines = Router::new()
        .route("/webhooks/stripe", post(webhook::stripe))
        .route("/openapi.json", get(openapi::openapi_json));
    let mut all = api.merge(pages).merge(machines).merge(health::router()).merge(console::router(&app));
    if app.serves_metrics {
        all = all.merge(health::metrics_router());
    }
    if app.demo.is_some() {
        all = all
            .route("/demo/consultation", post(demo::new_consultation))
            .route("/demo/consultations/{id}", get(demo::consultation))
            .route("/demo/consultations/{id}/qr.svg", get(demo::consultation_qr))
            .route("/demo/runs", post(demo::new_run))
            .route("/demo/runs/{id}", get(demo::run))
            .route("/demo/progress", get(demo::progress))
            .route("/demo/sandbox", post(demo::race_without))
            .route("/demo/traces/{run}", get(demo::traces))
            .route("/demo/books/{id}", get(demo::books));
    }
    let mut whole = framed(all, &app);
    // The simulator answers in Stripe's shapes, not in ours.
    if let Some(simulator) = app.simulator.clone() {
        whole = whole.nest_service("/stripe-simulator", simulator);
    }
    if !app.cors_origins.is_empty() {
        whole = whole.layer(frame::cors(&app.cors_origins));
    }
    whole.with_state(app)
}

/// Probes and metrics alone, for an address of their own.
pub fn machines_router(app: Arc<App>) -> Router {
    framed(health::router().merge(health::metrics_router()), &app).with_state(app)
}

fn framed(routes: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    routes
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed))
        .fallback(async || Problem::new(Kind::NotFound))
        .layer(from_fn_with_state(app.clone(), frame::frame))
}
