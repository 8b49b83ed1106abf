//! The invoice of a payment, as HTML and as PDF.

use super::App;
use super::guard::Admitted;
use super::language::Language;
use super::own_payment::own_payment;
use super::problem::{Kind, Problem};
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderValue};
use sekali_core::domain::{DisputeState, Money, PaymentFile, PaymentId};
use sekali_invoice::{InvoiceDocument, RecordedTax, Seller};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// How it is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Pdf,
}

/// In which language.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InvoiceQuery {
    /// `id` or `en`; else as `Accept-Language` says.
    lang: Option<String>,
}

impl InvoiceQuery {
    pub(super) fn language(&self, headers: &HeaderMap) -> Language {
        match self.lang.as_deref() {
            Some("id") => Language::Indonesian,
            Some("en") => Language::English,
            _ => Language::of(headers),
        }
    }
}

/// The invoice: HTML, or PDF where `Accept` asks for `application/pdf` first. To its payer, and to the roles
/// `service` and `admin`.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}/invoice", tag = "payments", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1), InvoiceQuery),
    responses(
        (status = 200, description = "The invoice", content((String = "text/html"), (super::openapi::values::Pdf = "application/pdf"))),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn invoice(
    state: State<Arc<App>>,
    admitted: Extension<Admitted>,
    id: Path<String>,
    query: Query<InvoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default().trim();
    let form = if first.eq_ignore_ascii_case("application/pdf") { Form::Pdf } else { Form::Html };
    let mut response = own_invoice(&state, &admitted, &id, &query, &headers, form).await?;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Language"));
    Ok(response)
}

/// The invoice as PDF, whatever `Accept` says.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}/invoice.pdf", tag = "payments", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1), InvoiceQuery),
    responses(
        (status = 200, description = "The invoice", body = super::openapi::values::Pdf, content_type = "application/pdf"),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn invoice_pdf(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
    Query(query): Query<InvoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    own_invoice(&app, &admitted, &id, &query, &headers, Form::Pdf).await
}

async fn own_invoice(
    app: &Arc<App>,
    admitted: &Admitted,
    id: &str,
    query: &InvoiceQuery,
    headers: &HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let receipt = own_payment(app, admitted, id).await?;
    show(app, receipt.payment.id, query.language(headers), form).await
}

/// The invoice of a payment whose reader was let in.
pub(super) async fn show(
    app: &Arc<App>,
    payment: PaymentId,
    language: Language,
    form: Form,
) -> Result<Response, Problem> {
    let file = app.store.file(payment).await?.ok_or_else(|| Problem::new(Kind::PaymentNotFound))?;
    let number = file.invoice.number.clone();
    let document = document(app, &file, language);
    match form {
        Form::Html => Ok(html(&document)),
        Form::Pdf => pdf(document, &number).await,
    }
}

fn html(document: &InvoiceDocument) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; frame-ancestors 'none'",
        sekali_invoice::style_hash()
    );
    let mut response = sekali_invoice::html(document).into_response();
    set(&mut response, "text/html; charset=utf-8");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Laid out beside the requests, as it takes a moment of a processor's time.
async fn pdf(document: InvoiceDocument, number: &str) -> Result<Response, Problem> {
    let made = tokio::task::spawn_blocking(move || sekali_invoice::pdf(&document)).await?;
    let bytes = made.map_err(|error| {
        tracing::error!(%error, "Invoice: The PDF cannot be made");
        Problem::new(Kind::Internal)
    })?;
    let mut response = bytes.into_response();
    set(&mut response, "application/pdf");
    if let Ok(name) = HeaderValue::from_str(&format!("inline; filename=\"{number}.pdf\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn set(response: &mut Response, kind: &'static str) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn document(app: &App, file: &PaymentFile, language: Language) -> InvoiceDocument {
    let payment = &file.payment;
    let money = |minor| Money::new(minor, payment.amount.currency);
    let taxes = file.taxes.iter();
    InvoiceDocument {
        number: file.invoice.number.clone(),
        issued_at: file.invoice.issued_at,
        status: file.invoice.status,
        paid_at: file.settled().map(|capture| capture.created_at),
        payment: payment.id,
        payment_status: payment.status,
        consultation: payment.consultation,
        amount: payment.amount,
        refunded: payment.refunded,
        disputed: payment.dispute.is_some_and(DisputeState::is_open),
        taxes: taxes
            .map(|tax| RecordedTax { line: tax.line.clone(), refunded: money(tax.refunded_minor) })
            .collect(),
        seller: Seller {
            name: app.seller.name.clone(),
            address: app.seller.address.clone(),
            tax_id: app.seller.tax_id.clone(),
            email: app.seller.email.clone(),
        },
        payer: payment.user,
        language: language.pick(sekali_invoice::Language::Indonesian, sekali_invoice::Language::English),
        test: app.simulator.is_some(),
    }
}
