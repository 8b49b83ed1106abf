//! `GET /console/api/health`: how the service is doing, from the database, and from this server's own metrics.

use super::view::{EventView, ZONE};
use crate::http::App;
use crate::http::cases::CaseView;
use crate::http::problem::Problem;
use crate::notes;
use crate::telemetry::metrics::recorder;
use crate::telemetry::reading::Reading;
use axum::Json;
use axum::extract::State;
use sekali_core::domain::{Status, Timestamp, What};
use sekali_core::ports::Point;
use sekali_core::ports::console::Note;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The newest payments of a day that are told apart by their state.
const LOOKED: u32 = 20_000;
/// Payments of today that are named.
const NAMED: u32 = 20;
/// Entries about duplicates of one day that are added up.
const DUPLICATES: u32 = 10_000;
/// Payments with duplicates that are named.
const DUPLICATES_NAMED: usize = 50;
/// Webhooks that were given up and are named.
const ABANDONED: u32 = 20;
/// Cases that are counted, and of them those that are named.
const CASES: u32 = 1_000;
const CASES_NAMED: usize = 100;
/// A day, in seconds.
const DAY: i64 = 86_400;

/// How it is doing.
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let now = app.clock.now();
    let since = Timestamp::from_seconds(now.as_seconds().div_euclid(DAY) * DAY);
    let reading = Reading::of(&recorder().render());
    let cases = app.store.cases(true, CASES).await?;
    Ok(Json(json!({
        "zone": ZONE,
        "at": now.rfc3339(),
        "since": since.rfc3339(),
        "server_started_at": app.started_at.rfc3339(),
        "payments": payments(&app, since).await?,
        "duplicates": duplicates(&app, since).await?,
        "cache": cache(&reading),
        "lock": {
            "waits": reading.count("sekali_lock_waits_total", &[]),
            "timeouts": reading.count("sekali_lock_timeouts_total", &[]),
            "lost": reading.count("sekali_lock_lost_total", &[]),
        },
        "steps": steps(&reading),
        "inbox": inbox(&app).await?,
        "outbox": outbox(&app).await?,
        "verify": noted(app.console.note(notes::VERIFY).await?),
        "reconciler": noted(app.console.note(notes::RECONCILER).await?),
        "open_cases": cases.len(),
        "cases": cases.iter().take(CASES_NAMED).map(CaseView::from).collect::<Vec<_>>(),
    })))
}

async fn payments(app: &App, since: Timestamp) -> Result<Value, Problem> {
    let made = app.console.made_since(since, LOOKED, NAMED).await?;
    let of =
        |status: Status| made.by_status.iter().find(|(found, _)| *found == status).map_or(0, |(_, n)| *n);
    let by_status: Map<String, Value> =
        Status::ALL.into_iter().map(|status| (status.as_str().to_owned(), json!(of(status)))).collect();
    Ok(json!({
        "today": made.payments,
        "by_status": by_status,
        "capped": made.payments > u64::from(LOOKED),
        "latest": made.latest.iter().map(|payment| payment.0).collect::<Vec<_>>(),
    }))
}

/// From the record, where every server puts them: so they are all servers', and each leads to its payment.
async fn duplicates(app: &App, since: Timestamp) -> Result<Value, Problem> {
    let entries = app.console.duplicates_since(since, DUPLICATES).await?;
    let capped = entries.len() >= DUPLICATES as usize;
    let mut caught = BTreeMap::from([("cache", 0), ("lock", 0), ("database", 0)]);
    let (mut today, mut payments) = (0, Vec::<(i64, u64, String, Timestamp)>::new());
    let mut places = BTreeMap::new();
    for event in &entries {
        let Some(What::Duplicate { times, caught: by, .. }) = event.entry().map(|entry| entry.what) else {
            continue;
        };
        today += times;
        if let Some(count) = caught.get_mut(by.as_str()) {
            *count += times;
        }
        let place = *places.entry(event.payment).or_insert_with(|| {
            payments.push((event.payment.0, 0, by, event.at));
            payments.len() - 1
        });
        payments[place].1 += times;
    }
    let payments: Vec<Value> = payments
        .into_iter()
        .take(DUPLICATES_NAMED)
        .map(|(payment_id, times, caught, at)| {
            json!({ "payment_id": payment_id, "times": times, "caught": caught, "at": at.rfc3339() })
        })
        .collect();
    Ok(json!({ "today": today, "caught": caught, "capped": capped, "payments": payments }))
}

fn cache(reading: &Reading) -> Value {
    let of = |result: &str| reading.count("sekali_cache_lookups_total", &[("result", result)]);
    let (hits, misses) = (of("hit"), of("miss"));
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
    let ratio = (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64);
    json!({ "hits": hits, "misses": misses, "unreachable": of("unreachable"), "hit_ratio": ratio })
}

fn steps(reading: &Reading) -> Vec<Value> {
    let step = |point: Point| {
        let histogram = reading.histogram("sekali_step_duration_seconds", ("step", point.name()))?;
        let ms = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1000.0);
        (histogram.count > 0).then(|| {
            json!({
                "step": point.name(),
                "count": histogram.count,
                "mean_ms": ms(histogram.mean()),
                "p50_ms": ms(histogram.quantile(0.5)),
                "p95_ms": ms(histogram.quantile(0.95)),
                "p99_ms": ms(histogram.quantile(0.99)),
            })
        })
    };
    Point::ALL.into_iter().filter_map(step).collect()
}

async fn inbox(app: &App) -> Result<Value, Problem> {
    let depth = app.console.inbox_depth(ABANDONED).await?;
    Ok(json!({
        "waiting": depth.waiting,
        "given_up": depth.given_up,
        "oldest": depth.oldest.map(Timestamp::rfc3339),
        "given_up_events": depth.abandoned.iter().map(EventView::from).collect::<Vec<_>>(),
    }))
}

/// Without a host nobody is told, and nothing waits.
async fn outbox(app: &App) -> Result<Value, Problem> {
    let enabled = app.outbox.is_some();
    let (waiting, parked) = if enabled { app.store.outbox_depth().await? } else { (0, 0) };
    Ok(json!({ "enabled": enabled, "waiting": waiting, "parked": parked }))
}

/// A note with its moment; one that cannot be read is shown as none.
fn noted(note: Option<Note>) -> Value {
    let Some(Note { at, text }) = note else { return Value::Null };
    let Ok(Value::Object(mut members)) = serde_json::from_str(&text) else { return Value::Null };
    members.insert("at".into(), json!(at.rfc3339()));
    Value::Object(members)
}
