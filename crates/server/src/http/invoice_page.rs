//! `GET /payment/<id>/invoice` and `…/invoice.pdf`: the invoice by a signed link, which the page that shows
//! that the payment is paid carries. A plain navigation has no Authorization header.

use super::App;
use super::invoice::{Form, show};
use super::language::Language;
use super::problem::Problem;
use super::process::{stranger, visited};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use sekali_core::domain::Payment;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How long the link on a page leads to the invoice.
const LINK_LIFE: Duration = Duration::from_secs(3600);

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Carried {
    token: Option<String>,
}

/// The address of a payment's invoice, for a page that was shown to its payer.
pub(super) fn link(app: &App, payment: &Payment, form: Form) -> String {
    let name = match form {
        Form::Html => "invoice",
        Form::Pdf => "invoice.pdf",
    };
    let token = app.capabilities.invoice_token(payment, app.clock.now().plus(LINK_LIFE));
    format!("/payment/{}/{name}?token={token}", payment.id)
}

pub(super) async fn html(
    app: State<Arc<App>>,
    id: Path<String>,
    carried: Query<Carried>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    by_link(&app, &id, &carried, &headers, Form::Html).await
}

pub(super) async fn pdf(
    app: State<Arc<App>>,
    id: Path<String>,
    carried: Query<Carried>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    by_link(&app, &id, &carried, &headers, Form::Pdf).await
}

async fn by_link(
    app: &Arc<App>,
    id: &str,
    carried: &Carried,
    headers: &HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let language = Language::of(headers);
    let (now, token) = (app.clock.now(), carried.token.as_deref().unwrap_or_default());
    let receipt = visited(app, id).await?;
    match receipt.filter(|receipt| app.capabilities.admits_to_invoice(&receipt.payment, token, now)) {
        Some(receipt) => show(app, receipt.payment.id, language, form).await,
        None => Ok(stranger(app, language)),
    }
}
