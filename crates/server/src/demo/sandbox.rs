//! Take a guard away: the same race again and again in a simulated world, until the patient pays twice or the seeds
//! run out. The flows are the ones of `serve`; its guards are not touched, and it has no switch for this.

use super::trace::outcome;
use sekali_core::flow::pay::{Answer, PayError};
use sekali_core::ports::{Clock, Point};
use sekali_simulate::{Guard, Lane, Plan, Race, race};
use serde_json::{Value, json};
use std::time::Duration;

/// Seeds that are tried at most.
const MOST_SEEDS: u64 = 1_000;
/// For so long at most.
const LONGEST: Duration = Duration::from_secs(5);

/// Something that the visitor can take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removable {
    /// Its name in requests.
    name: &'static str,
    /// What stands for it in the simulated world.
    guards: &'static [Guard],
}

/// Everything that can be taken away. The database has two guards of which each is enough: both go together.
const REMOVABLE: [Removable; 4] = [
    Removable { name: "cache", guards: &[Guard::Cache] },
    Removable { name: "lock", guards: &[Guard::Lock] },
    Removable { name: "database", guards: &[Guard::ActiveIndex, Guard::ConsultationLock] },
    Removable { name: "gateway-key", guards: &[Guard::GatewayKey] },
];

/// The guards that these names stand for; `None`: one of them is no name.
pub(crate) fn guards(names: &[String]) -> Option<Vec<Guard>> {
    let found = names.iter().map(|name| REMOVABLE.iter().find(|one| one.name == name));
    Some(found.collect::<Option<Vec<_>>>()?.into_iter().flat_map(|one| one.guards).copied().collect())
}

/// Races without these guards, as the page shows them: the first in which the patient pays twice, or else the first
/// one of all. Takes a processor for up to [`LONGEST`].
pub(crate) fn races(without: &[Guard], clock: &dyn Clock) -> Value {
    let plan = Plan::without(without);
    let begun = clock.monotonic();
    let mut tried = 0;
    let in_time = |_: &u64| clock.monotonic().saturating_sub(begun) < LONGEST;
    let bad = (0..MOST_SEEDS).take_while(in_time).find(|seed| {
        tried += 1;
        race(*seed, &plan).charges_twice()
    });
    let seed = bad.unwrap_or(0);
    let shown = race(seed, &Plan { written: true, ..plan });
    let missing: Vec<_> = without.iter().map(|guard| guard.name()).collect();
    let switch = if missing.is_empty() { String::new() } else { format!(" --without {}", missing.join(",")) };
    json!({
        "seeds": tried,
        "twice": bad.is_some(),
        "run": run(&shown, &format!("sekali simulate --race --seed {seed}{switch}")),
        "lines": shown.lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// In the shape of a real run, so that the same drawing shows it.
fn run(race: &Race, command: &str) -> Value {
    json!({
        "id": race.seed.to_string(),
        "way": "sandbox",
        "lanes": race.lanes.iter().map(lane).collect::<Vec<_>>(),
        "books": {
            "payments": race.payments, "sessions": race.sessions, "charges": race.charges, "queries": [],
        },
        "died": null,
        "command": command,
    })
}

fn lane(lane: &Lane) -> Value {
    let span = |(from, to): (i64, i64)| json!({ "from": from, "to": to });
    let step =
        |(point, (from, to)): &(Point, (i64, i64))| json!({ "name": point.name(), "from": from, "to": to });
    let payment = match &lane.answer {
        Some(Ok(Answer::Created(receipt))) => Some(receipt.payment.id),
        Some(Ok(Answer::Duplicate(duplicate))) => Some(duplicate.receipt.payment.id),
        _ => None,
    };
    json!({
        "press": {
            "id": lane.number.to_string(),
            "key": lane.key.to_string(),
            "sent": lane.sent,
            "received": lane.received,
            "status": lane.answer.as_ref().map(status),
            "payment": payment,
        },
        "trace": {
            "begun": lane.steps.first().map_or(lane.sent, |(_, (from, _))| *from),
            "steps": lane.steps.iter().map(step).collect::<Vec<_>>(),
            "waits": lane.waits.iter().copied().map(span).collect::<Vec<_>>(),
            "decided": lane.steps.last().map(|(_, (_, to))| to),
            "answered": lane.received,
            "left": null,
            "status": lane.answer.as_ref().map(status),
            "outcome": lane.answer.as_ref().map(outcome),
        },
        "session": lane.session.as_ref().map(|(name, _)| name),
        "paid": lane.session.as_ref().is_some_and(|(_, paid)| *paid),
    })
}

/// What the service would have answered.
fn status(answer: &Result<Answer, PayError>) -> u16 {
    match answer {
        Ok(Answer::Created(_)) => 201,
        Ok(Answer::Duplicate(_)) | Err(PayError::InFlight) => 409,
        Err(PayError::Store(_)) => 503,
        Err(_) => 422,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemClock;

    fn without(names: &[&str]) -> Value {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        races(&guards(&names).unwrap(), &SystemClock::new())
    }

    #[test]
    fn only_the_databases_guard_and_the_gateways_key_make_the_patient_pay_twice() {
        for (names, twice) in [
            (&[][..], false),
            (&["cache"], false),
            (&["lock"], false),
            (&["cache", "lock"], false),
            (&["database"], true),
            (&["gateway-key"], true),
        ] {
            let shown = without(names);
            assert_eq!(shown["twice"], twice, "{names:?}");
            assert_eq!(shown["run"]["books"]["charges"].as_u64() > Some(1), twice, "{names:?}");
            assert_eq!(shown["run"]["lanes"].as_array().unwrap().len(), 3);
        }
        assert_eq!(guards(&["serve".to_owned()]), None);
    }
}
