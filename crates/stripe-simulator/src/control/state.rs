//! Totals for tests: how many objects there are in each state, and where the money is.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer;
use crate::model::charge::Charge;
use crate::model::dispute::Dispute;
use crate::model::event::Event;
use crate::model::payment_intent::PaymentIntent;
use crate::model::refund::Refund;
use crate::model::session::Session;
use crate::simulator::Simulator;
use crate::storage::objects::{self, Document, Filter, Links};
use crate::storage::{StorageError, deliveries};
use crate::work::Work;

type Counts = BTreeMap<String, i64>;

/// `GET /simulator/state`.
pub(super) async fn show(State(simulator): State<Simulator>) -> Response {
    answer(simulator.read(|work| Ok(render(work)?)).await)
}

fn render(work: &mut Work<'_>) -> Result<Value, StorageError> {
    let charges: Vec<Charge> = all(work)?;
    let refunds: Vec<Refund> = all(work)?;
    let succeeded = charges.iter().filter(|charge| charge.succeeded());
    let captured = sums(succeeded.map(|charge| (charge.currency.clone(), charge.amount)));
    let alive = refunds.iter().filter(|refund| !refund.status.is_void());
    let refunded = sums(alive.map(|refund| (refund.currency.clone(), refund.amount)));
    let events: Vec<Event> = all(work)?;
    Ok(json!({
        "object": "simulator.state",
        "clock": work.now(),
        "sessions": by_status(all::<Session>(work)?.iter().map(|session| session.render(work.public_base))),
        "payment_intents": by_status(all::<PaymentIntent>(work)?.iter().map(PaymentIntent::render)),
        "charges": by_status(charges.iter().map(Charge::render)),
        "refunds": by_status(refunds.iter().map(Refund::render)),
        "disputes": by_status(all::<Dispute>(work)?.iter().map(Dispute::render)),
        "events": sums(events.iter().map(|event| (event.name.clone(), 1))),
        "webhooks": deliveries::counts(work.tx)?.into_iter().collect::<Counts>(),
        "amount_captured": captured,
        "amount_refunded": refunded,
    }))
}

fn all<D: Document>(work: &mut Work<'_>) -> Result<Vec<D>, StorageError> {
    objects::list(work.tx, &Filter::of(Links::Any), usize::MAX)
}

fn by_status(objects: impl Iterator<Item = Value>) -> Counts {
    sums(objects.map(|object| (object["status"].as_str().unwrap_or_default().to_owned(), 1)))
}

fn sums(entries: impl Iterator<Item = (String, i64)>) -> Counts {
    let mut sums = Counts::new();
    for (name, amount) in entries {
        *sums.entry(name).or_default() += amount;
    }
    sums
}
