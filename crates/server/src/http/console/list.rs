//! `GET /console/api/payments`: the list, and any id that is pasted into it.

use super::filter::{Wanted, cursor, read};
use super::search::{self, Found};
use super::view::{Row, ZONE};
use crate::http::App;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::{Query, State};
use sekali_core::domain::Receipt;
use sekali_core::ports::console::{FoundAs, Listed, Place};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Part of the list.
#[derive(Serialize)]
pub(super) struct ListView {
    zone: &'static str,
    data: Vec<Row>,
    next_cursor: Option<String>,
    looked_back_to: Option<String>,
    matched: Vec<&'static str>,
    asked_stripe: Option<&'static str>,
}

/// Shows payments, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<ListView>, Problem> {
    let wanted = read(&parameters)?;
    let found = match &wanted.id {
        Some(id) => Some(search::find(&app, id).await?),
        None => None,
    };
    let listed = page(&app, &wanted, found.as_ref()).await?;
    let row = |receipt: &Receipt| match &found {
        Some(found) => {
            Row::of(receipt).matched(found.payments.get(&receipt.payment.id).map_or(&[][..], Vec::as_slice))
        }
        None => Row::of(receipt),
    };
    let is_short = listed.found.len() < wanted.limit as usize;
    Ok(Json(ListView {
        zone: ZONE,
        data: listed.found.iter().map(row).collect(),
        next_cursor: listed.next.map(cursor),
        looked_back_to: listed.next.filter(|_| is_short).map(|place| place.at.rfc3339()),
        matched: found.as_ref().map(kinds).unwrap_or_default(),
        asked_stripe: found.and_then(|found| found.asked).map(search::AtStripe::as_str),
    }))
}

fn kinds(found: &Found) -> Vec<&'static str> {
    let all: BTreeSet<FoundAs> = found.payments.values().flatten().copied().collect();
    all.into_iter().map(FoundAs::as_str).collect()
}

/// Part of what is wanted: of all payments, or of those that an id has led to.
pub(super) async fn page(
    app: &App,
    wanted: &Wanted,
    found: Option<&Found>,
) -> Result<Listed<Receipt>, Problem> {
    let Some(found) = found else {
        return Ok(app.console.search(&wanted.filter, wanted.before, wanted.limit).await?);
    };
    let payments: Vec<_> = found.payments.keys().copied().collect();
    let mut all = app.console.receipts(&payments).await?;
    let is_behind = |place: Place| wanted.before.is_none_or(|before| place < before);
    all.retain(|one| wanted.filter.admits(&one.payment) && is_behind(Place::of(&one.payment)));
    let more = all.len() > wanted.limit as usize;
    all.truncate(wanted.limit as usize);
    let next = all.last().filter(|_| more).map(|last| Place::of(&last.payment));
    Ok(Listed { found: all, next })
}
