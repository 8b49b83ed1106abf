//! `GET /console/api/payments/<id>`: all that belongs to one payment, and what can be done about it now.

use super::view::{CaptureView, DisputeView, EventView, MoneyView, RefundView, Row, ZONE};
use crate::http::App;
use crate::http::cases::CaseView;
use crate::http::language::Language;
use crate::http::problem::{Kind, Problem};
use crate::http::timeline::{TimelineQuery, TimelineView, after, story};
use axum::Json;
use axum::extract::{Path, Query, State};
use http::HeaderMap;
use sekali_core::domain::{Decimal, Money, PaymentFile, PaymentId, RecordedEvent, SessionState, Status};
use sekali_core::ports::OutboxQuery;
use sekali_core::ports::console::KeptKey;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Webhooks of one payment that are shown.
const MOST_EVENTS: u32 = 200;
/// Entries of the record that are looked through for webhooks.
const RECORD: u32 = 500;

/// A payment's page.
#[derive(Serialize)]
pub(super) struct PageView {
    zone: &'static str,
    payment: Row,
    taxes: Vec<Value>,
    invoice: Value,
    keys: Vec<Value>,
    sessions: Vec<Value>,
    captures: Vec<CaptureView>,
    refunds: Vec<RefundView>,
    disputes: Vec<DisputeView>,
    events: Vec<EventView>,
    cases: Vec<CaseView>,
    outbox: Option<Value>,
    remaining: Option<MoneyView>,
    actions: Value,
    timeline: TimelineView,
}

/// Which payment an address names.
pub(super) fn number(id: &str) -> Result<PaymentId, Problem> {
    id.parse().map(PaymentId).map_err(|_| Problem::new(Kind::PaymentNotFound))
}

/// Shows a payment.
pub(super) async fn payment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<PageView>, Problem> {
    Ok(Json(view(&app, number(&id)?, Language::of(&headers)).await?))
}

/// The rest of a long record.
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<TimelineQuery>,
    headers: HeaderMap,
) -> Result<Json<TimelineView>, Problem> {
    let (id, after) = (number(&id)?, after(&query)?);
    if app.store.payment(id).await?.is_none() {
        return Err(Problem::new(Kind::PaymentNotFound));
    }
    Ok(Json(story(&app, id, after, Language::of(&headers), true).await?))
}

/// All of it, as it is now.
pub(super) async fn view(app: &App, id: PaymentId, language: Language) -> Result<PageView, Problem> {
    let file = app.store.file(id).await?.ok_or_else(|| Problem::new(Kind::PaymentNotFound))?;
    let record = app.store.record(id, 0, RECORD).await?;
    let (ids, objects) = (events_of(&record), objects_of(&file));
    let events = app.console.kept_events(&ids, &objects, MOST_EVENTS).await?;
    let keys = app.console.keys_of(id).await?;
    let cases = app.console.cases_of(id).await?;
    let remaining = file.settled().map(|capture| file.remaining(capture));
    Ok(PageView {
        zone: ZONE,
        payment: Row::of(&file.receipt()),
        taxes: taxes(&file),
        invoice: invoice(&file),
        keys: keys.iter().map(key).collect(),
        sessions: sessions(&file),
        captures: file.captures.iter().map(|capture| CaptureView::of(&file, capture)).collect(),
        refunds: file.refunds.iter().map(RefundView::from).collect(),
        disputes: file.disputes.iter().map(DisputeView::from).collect(),
        events: events.iter().map(EventView::from).collect(),
        cases: cases.iter().map(CaseView::from).collect(),
        outbox: outbox(app, id).await?,
        remaining: remaining.map(MoneyView::from),
        actions: actions(&file, remaining),
        timeline: story(app, id, 0, language, true).await?,
    })
}

/// The webhooks that the record names.
fn events_of(record: &[RecordedEvent]) -> Vec<String> {
    let entries = record.iter().filter_map(RecordedEvent::entry);
    let mut ids: Vec<String> = entries.filter_map(|entry| entry.origin.event).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Stripe's names of what belongs to the payment.
fn objects_of(file: &PaymentFile) -> Vec<String> {
    let sessions = file.sessions.iter().filter_map(|session| session.gateway_id.clone());
    let captures = file.captures.iter().map(|capture| capture.payment_intent.clone());
    let refunds = file.refunds.iter().filter_map(|refund| refund.gateway_id.clone());
    let disputes = file.disputes.iter().map(|dispute| dispute.gateway_id.clone());
    sessions.chain(captures).chain(refunds).chain(disputes).collect()
}

fn taxes(file: &PaymentFile) -> Vec<Value> {
    let currency = file.payment.amount.currency;
    let tax = |tax: &sekali_core::domain::file::TaxRecord| {
        json!({
            "type": tax.line.name,
            "rate": Decimal::new(i128::from(tax.line.rate_ppm), -4).to_string(),
            "amount": MoneyView::from(tax.line.amount),
            "refunded": MoneyView::from(Money::new(tax.refunded_minor, currency)),
        })
    };
    file.taxes.iter().map(tax).collect()
}

fn invoice(file: &PaymentFile) -> Value {
    let (invoice, id) = (&file.invoice, file.payment.id);
    json!({
        "id": invoice.id.0,
        "number": invoice.number,
        "amount": MoneyView::from(invoice.amount),
        "status": invoice.status.as_str(),
        "issued_at": invoice.issued_at.rfc3339(),
        "html": format!("/console/api/payments/{id}/invoice"),
        "pdf": format!("/console/api/payments/{id}/invoice.pdf"),
    })
}

fn key(kept: &KeptKey) -> Value {
    json!({ "key": kept.key.as_str(), "user_id": kept.user.0, "created_at": kept.at.rfc3339() })
}

/// Without the request's bytes: they hold the way back to the payment's page.
fn sessions(file: &PaymentFile) -> Vec<Value> {
    let session = |session: &sekali_core::domain::CheckoutSession| {
        json!({
            "id": session.id.to_string(),
            "state": session.state.as_str(),
            "stripe_id": session.gateway_id,
            "created_at": session.created_at.rfc3339(),
        })
    };
    file.sessions.iter().map(session).collect()
}

/// How far the host application was told; `None`: it is told nothing, or not of this payment.
async fn outbox(app: &App, id: PaymentId) -> Result<Option<Value>, Problem> {
    if app.outbox.is_none() {
        return Ok(None);
    }
    let before = PaymentId(id.0.saturating_sub(1));
    let found = app.store.outbox(OutboxQuery::All, before, 1).await?;
    Ok(found.first().filter(|entry| entry.payment == id).map(|entry| {
        json!({
            "last": entry.last_seq,
            "delivered": entry.delivered_seq,
            "parked": entry.parked_at.is_some(),
            "error": entry.error,
        })
    }))
}

/// What the payment's state allows. Each is decided anew under its lock when somebody does it.
fn actions(file: &PaymentFile, remaining: Option<Money>) -> Value {
    let status = file.payment.status;
    let live = file.live_session();
    let can_end = live.is_some_and(|session| session.state != SessionState::Submitted);
    json!({
        "refund": status == Status::Completed && remaining.is_some_and(|remaining| remaining.minor > 0),
        "cancel": status == Status::Pending || (status == Status::Processing && can_end),
        "reconcile": live.is_some() || !file.captures.is_empty(),
    })
}
