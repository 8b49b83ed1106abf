//! `GET /api/v1/payments/<id>/timeline`: the record of a payment, in words that a support person can
//! read to the patient.

mod words;

use super::App;
use super::guard::Admitted;
use super::language::Language;
use super::own_payment::own_payment;
use super::problem::{Kind, Problem};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use http::HeaderMap;
use sekali_core::domain::{PaymentId, RecordedEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const LARGEST_PAGE: u32 = 500;

/// Which part of the record.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineQuery {
    /// Goes on after this entry: a page's `next_after`.
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<String>,
}

/// The story of one payment, in order.
#[derive(Serialize, ToSchema)]
pub(super) struct TimelineView {
    data: Vec<MomentView>,
    #[schema(example = 100)]
    payment_id: i64,
    /// The zone of every `time`.
    #[schema(example = "UTC")]
    zone: &'static str,
    /// Where the next page begins; null on the last one.
    next_after: Option<i64>,
}

/// One moment of it.
#[derive(Serialize, ToSchema)]
pub(super) struct MomentView {
    /// Counted from 1 in each payment.
    #[schema(example = 1)]
    sequence: i64,
    /// RFC 3339, UTC, with microseconds.
    #[schema(example = "2024-01-15T10:30:02.000000Z")]
    at: String,
    /// The clock's time.
    #[schema(example = "10:30:02")]
    time: String,
    /// What it is, for programs.
    #[schema(example = "duplicate")]
    kind: String,
    /// What it is, for people; Indonesian, or English with `Accept-Language: en`.
    #[schema(example = "Tombol ditekan lagi; dijawab dari cache; tidak ada pembayaran kedua.")]
    text: String,
    /// The entry as it is recorded, for the roles `service` and `admin`: who, which request, Stripe's ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    entry: Option<Box<RawValue>>,
    /// SHA-256 of the entry and the one before it, in hexadecimal digits; for the same roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

/// Tells the story of a payment, oldest moment first: to its payer, and to the roles `service` and `admin`.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}/timeline", tag = "payments", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1), TimelineQuery),
    responses(
        (status = 200, description = "The story, at most 500 moments at once", body = TimelineView),
        (status = 400, description = "A parameter is not valid", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
    Query(query): Query<TimelineQuery>,
    headers: HeaderMap,
) -> Result<Json<TimelineView>, Problem> {
    let receipt = own_payment(&app, &admitted, &id).await?;
    let (after, whole) = (after(&query)?, admitted.user.reads_all());
    Ok(Json(story(&app, receipt.payment.id, after, Language::of(&headers), whole).await?))
}

/// The story from after entry number `after` on; `whole`: with what is not for the payer to read.
pub(super) async fn story(
    app: &App,
    payment: PaymentId,
    after: i64,
    language: Language,
    whole: bool,
) -> Result<TimelineView, Problem> {
    // One more than is shown tells whether there is a next page.
    let mut events = app.store.record(payment, after, LARGEST_PAGE + 1).await?;
    let more = events.len() > LARGEST_PAGE as usize;
    events.truncate(LARGEST_PAGE as usize);
    // Presses that were counted are recorded a moment later, after what happened meanwhile.
    let next_after = events.last().filter(|_| more).map(|last| last.seq);
    events.sort_by_key(|event| (event.at, event.seq));
    Ok(TimelineView {
        next_after,
        data: events.iter().map(|event| moment(event, language, whole)).collect(),
        payment_id: payment.0,
        zone: "UTC",
    })
}

/// After which entry a page of the story begins.
pub(super) fn after(query: &TimelineQuery) -> Result<i64, Problem> {
    let Some(text) = &query.after else { return Ok(0) };
    text.parse().ok().filter(|after| *after >= 0).ok_or_else(|| {
        Problem::new(Kind::MalformedRequest)
            .detail("Parameter after tidak sah.", "The parameter after is not valid.")
    })
}

fn moment(event: &RecordedEvent, language: Language, whole: bool) -> MomentView {
    let at = event.at.rfc3339_micros();
    MomentView {
        sequence: event.seq,
        time: at[11..19].to_owned(),
        at,
        kind: event.kind.clone(),
        text: words::tell(event.entry().as_ref(), &event.kind, language),
        entry: if whole { RawValue::from_string(event.data.clone()).ok() } else { None },
        hash: whole.then(|| event.hash_hex()),
    }
}
