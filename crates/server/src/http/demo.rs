//! What only the demo has: something to pay with its patient's token, and the runs that try to pay it twice.

use super::App;
use super::problem::{Kind, Problem};
use crate::cli::token::mint;
use crate::demo::{Books, Client, Demo, Missing, Stage, Traced, Way, qr, sandbox};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use sekali_core::domain::{Consultation, ConsultationId, Currency, Money, Role, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What a consultation costs: the contract's example.
const FEE: Money = Money::new(500_000, Currency::PHP);
/// How long the demo's token is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Makes a consultation of a patient of its own.
pub(super) async fn new_consultation(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let demo = demo(&app)?;
    let now = app.clock.now();
    // Positive, and small enough for a number in JavaScript.
    let number = || i64::try_from(app.random.next_u64() >> 32).unwrap_or(1).max(1);
    let (id, patient) = (ConsultationId(number()), UserId(number()));
    app.store.put_consultation(id, patient, FEE, Some(false), now.whole_second()).await?;
    demo.made.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    Ok(Json(desk(demo, id, patient, FEE, now)))
}

/// `GET /demo/consultations/{id}`: the same consultation on another device, for its patient to race himself.
pub(super) async fn consultation(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
) -> Result<Json<Value>, Problem> {
    let demo = demo(&app)?;
    // The database may hold consultations of real people: their tokens are not the demo's to give.
    if !demo.made.lock().unwrap_or_else(PoisonError::into_inner).contains(&ConsultationId(id)) {
        return Err(Problem::new(Kind::NotFound));
    }
    let found = app.store.consultation(ConsultationId(id)).await?;
    let Consultation { id, patient, terms, .. } = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(Json(desk(demo, id, patient, terms.fee, app.clock.now())))
}

/// What a page needs to pay a consultation.
fn desk(demo: &Demo, id: ConsultationId, patient: UserId, fee: Money, now: Timestamp) -> Value {
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    let token = mint(&demo.tokens, User { id: patient, role: Role::Patient }, seconds, TOKEN_LIFE);
    json!({
        "consultation_id": id,
        "patient_id": patient,
        "fee": fee.to_string(),
        "currency": fee.currency.code(),
        "token": token,
    })
}

/// `GET /demo/consultations/{id}/qr.svg`: where a phone finds this consultation, for its camera.
pub(super) async fn consultation_qr(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Problem> {
    demo(&app)?;
    let drawn = qr::svg(&format!("{}/?consultation={id}", app.public_url)).map_err(|error| {
        tracing::error!(%error, "An address does not fit a QR code");
        Problem::new(Kind::Internal)
    })?;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], drawn))
}

fn demo(app: &App) -> Result<&Arc<Demo>, Problem> {
    app.demo.as_ref().ok_or_else(|| Problem::new(Kind::NotFound))
}

/// Notes when a traced request came and went.
pub(super) async fn traced(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let visit = app.demo.as_ref().and_then(|demo| demo.trace.arrived());
    let response = next.run(request).await;
    if let Some(visit) = visit {
        visit.answered(response.status().as_u16());
    }
    response
}

/// What is to be tried.
#[derive(Deserialize)]
pub(super) struct Wish {
    way: String,
}

/// `POST /demo/runs`: tries to pay twice, in one of the ways. JSON alone is taken: another site's page cannot send it.
pub(super) async fn new_run(
    State(app): State<Arc<App>>,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let way = Way::parse(&wish.way).ok_or_else(|| Problem::new(Kind::NotFound))?;
    match demo(&app)?.run(way, &app.clock, &*app.random, &app.public_url).await {
        Ok(run) => Ok((StatusCode::CREATED, Json(run))),
        Err(error) => {
            tracing::warn!(%error, "A run of the demo failed");
            let problem = Problem::new(Kind::Internal);
            Err(match error.missing() {
                Some(Missing { program, package, .. }) => problem.detail(
                    format!(
                        "{program} tidak ada di mesin ini. Pasang paket Debian {package}, lalu coba lagi."
                    ),
                    format!(
                        "{program} is not on this machine. Install Debian's package {package}, and try again."
                    ),
                ),
                None => problem,
            })
        }
    }
}

/// What the run that goes on is at.
#[derive(Serialize)]
pub(super) struct At {
    stage: Option<Stage>,
}

/// `GET /demo/progress`: for whoever waits for a run that takes long.
pub(super) async fn progress(State(app): State<Arc<App>>) -> Result<Json<At>, Problem> {
    Ok(Json(At { stage: demo(&app)?.progress.stage() }))
}

/// What is to be taken away.
#[derive(Deserialize)]
pub(super) struct Removed {
    without: Vec<String>,
}

/// `POST /demo/sandbox`: races in a simulated world without some of its guards. Nothing of the running service is
/// touched by it.
pub(super) async fn race_without(
    State(app): State<Arc<App>>,
    Json(removed): Json<Removed>,
) -> Result<Json<Value>, Problem> {
    let demo = demo(&app)?;
    let guards = sandbox::guards(&removed.without).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let clock = app.clock.clone();
    let _alone = demo.runs.alone().await;
    let races = tokio::task::spawn_blocking(move || sandbox::races(&guards, &*clock)).await?;
    Ok(Json(races))
}

/// `GET /demo/runs/{id}`: a run again.
pub(super) async fn run(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    demo(&app)?.runs.find(&id).map(Json).ok_or_else(|| Problem::new(Kind::NotFound))
}

/// `GET /demo/traces/{run}`: what this server has measured of the requests whose id begins with `run-{run}-`.
pub(super) async fn traces(
    State(app): State<Arc<App>>,
    Path(run): Path<String>,
) -> Result<Json<Vec<Traced>>, Problem> {
    Ok(Json(demo(&app)?.trace.of_run(&run)))
}

/// `GET /demo/books/{id}`: what gateway and database say of a consultation.
pub(super) async fn books(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Result<Json<Books>, Problem> {
    let demo = demo(&app)?;
    let asked = async { Books::of(ConsultationId(id), &*app.store, &Client::new(&demo.origin)?).await };
    asked.await.map(Json).map_err(|error| {
        tracing::warn!(%error, "The books could not be read");
        Problem::new(Kind::Internal)
    })
}
