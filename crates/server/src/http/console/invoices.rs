//! `GET /console/api/payments/<id>/invoice` and `…/invoice.pdf`: the invoice, for an operator to read or to send.

use super::page::number;
use crate::http::App;
use crate::http::invoice::{Form, InvoiceQuery, show};
use crate::http::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use std::sync::Arc;

pub(super) async fn html(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<InvoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&app, number(&id)?, query.language(&headers), Form::Html).await
}

pub(super) async fn pdf(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<InvoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&app, number(&id)?, query.language(&headers), Form::Pdf).await
}
