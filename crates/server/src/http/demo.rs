//! What only the demo has: something to pay with its patient's token, and the runs that try to pay it twice.

use super::App;
use super::problem::{Kind, Problem};
use crate::cli::token::mint;
use crate::demo::{Books, Client, Demo, Traced, Way, sandbox};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use sekali_core::domain::{ConsultationId, Currency, Money, Role, User, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What a consultation costs: the contract's example.
const FEE: Money = Money::new(500_000, Currency::PHP);
/// How long the demo's token is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Makes a consultation of a patient of its own.
pub(super) async fn new_consultation(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let tokens = &demo(&app)?.tokens;
    let now = app.clock.now();
    // Positive, and small enough for a number in JavaScript.
    let number = || i64::try_from(app.random.next_u64() >> 32).unwrap_or(1).max(1);
    let (id, patient) = (ConsultationId(number()), UserId(number()));
    app.store.put_consultation(id, patient, FEE, Some(false), now.whole_second()).await?;
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    let token = mint(tokens, User { id: patient, role: Role::Patient }, seconds, TOKEN_LIFE);
    Ok(Json(json!({
        "consultation_id": id,
        "patient_id": patient,
        "fee": FEE.to_string(),
        "currency": FEE.currency.code(),
        "token": token,
    })))
}

fn demo(app: &App) -> Result<&Demo, Problem> {
    app.demo.as_deref().ok_or_else(|| Problem::new(Kind::NotFound))
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
    match demo(&app)?.run(way, &*app.clock, &*app.random, &app.public_url).await {
        Ok(run) => Ok((StatusCode::CREATED, Json(run))),
        Err(error) => {
            tracing::warn!(%error, "A run of the demo failed");
            Err(Problem::new(Kind::Internal))
        }
    }
}

/// What is to be taken away.
#[derive(Deserialize)]
pub(super) struct Missing {
    without: Vec<String>,
}

/// `POST /demo/sandbox`: races in a simulated world without some of its guards. Nothing of the running service is
/// touched by it.
pub(super) async fn race_without(
    State(app): State<Arc<App>>,
    Json(missing): Json<Missing>,
) -> Result<Json<Value>, Problem> {
    let demo = demo(&app)?;
    let guards = sandbox::guards(&missing.without).ok_or_else(|| Problem::new(Kind::NotFound))?;
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
