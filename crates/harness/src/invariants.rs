//! What must hold when nothing is under way: asked of the database, of the gateway's own books, and of what
//! was answered. Each check returns what it finds broken.

use crate::answered::{Promises, may_follow};
use crate::eye::Eye;
use crate::stage::Stage;
use crate::violation::Violation;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

/// What a consultation costs in these tests, in centavos.
const FEE: i64 = 500_000;

/// Everything but [`promised`]: the database, the books, the host.
pub async fn broken(stage: &Stage) -> Vec<Violation> {
    let mut found = in_order(stage).await;
    found.extend(at_the_gateway(stage).await);
    for server in &stage.servers {
        let panics = server.count_logged("panicked");
        if panics > 0 {
            found.push(Violation::of(
                "the service never panics",
                format!("{panics} times: {}", server.said()),
            ));
        }
    }
    found
}

/// What holds at any moment, also right after a server has died: an event is not marked as done before it is.
pub async fn broken_now(eye: &Eye) -> Option<Violation> {
    let early = "SELECT e.id || ' of ' || e.object FROM gateway_events e
         JOIN checkout_sessions s ON s.gateway_id = e.object AND s.state IN ('creating', 'open')
         WHERE e.kind IN ('checkout.session.completed', 'checkout.session.expired')
           AND e.finished_at IS NOT NULL AND e.error IS NULL LIMIT 1";
    let event = eye.text(early).await?;
    Some(Violation::of("an event is finished when it was dealt with", event))
}

/// `sekali verify` and `sekali reconcile --since` find nothing, no case is open, and the host knows each
/// payment's story, in order.
pub async fn in_order(stage: &Stage) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(said_no(&stage.run(&["verify"]), "what sekali verify asks the database"));
    let compared = stage.run(&["reconcile", "--since", "2h"]);
    found.extend(said_no(&compared, "the gateway's books and ours agree (sekali reconcile)"));
    let open = "SELECT count(*) FROM cases WHERE closed_at IS NULL";
    let cases = stage.database.number(open).await;
    if cases > 0 {
        found.push(Violation::of("money that settles nothing is back", format!("{cases} cases are open")));
    }
    found.extend(told(stage).await);
    found
}

/// A command of ours that has found something, or failed.
pub fn said_no(output: &Output, invariant: &'static str) -> Option<Violation> {
    let text = || {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        format!("{out}{err}")
    };
    (!output.status.success()).then(|| Violation::of(invariant, text()))
}

async fn told(stage: &Stage) -> Option<Violation> {
    const TOLD: &str = "the host is told of every transition once, in order";
    let stories = match stage.host.told() {
        Ok(stories) => stories,
        Err(wrong) => return Some(Violation::of(TOLD, wrong)),
    };
    let announced = stage.database.announced().await;
    let differs = announced.iter().find(|(payment, story)| stories.get(payment) != Some(*story));
    let differs = differs.map(|(payment, story)| {
        (payment, format!("told {:?}, and to be told {story:?}", stories.get(payment)))
    });
    let unknown = || stories.keys().find(|payment| !announced.contains_key(payment));
    let (payment, how) =
        differs.or_else(|| unknown().map(|payment| (payment, "told, and nothing is recorded".to_owned())))?;
    Some(Violation::of(TOLD, format!("payment {payment}: {how}")))
}

/// Stripe's own lists against the database: sessions, charges, refunds.
pub async fn at_the_gateway(stage: &Stage) -> Vec<Violation> {
    let mut found = charges(stage).await;
    found.extend(sessions(stage).await);
    found.extend(refunds(stage).await);
    found
}

async fn charges(stage: &Stage) -> Vec<Violation> {
    let captures = "SELECT p.consultation_id, c.amount_minor, c.payment_intent FROM captures c
         JOIN payments p ON p.id = c.payment_id";
    let rows = stage.database.triples(captures).await.into_iter();
    let known: BTreeMap<String, i64> = rows.map(|(id, _, intent)| (intent, id)).collect();
    let (mut found, mut kept) = (Vec::new(), BTreeMap::<i64, i64>::new());
    for charge in stage.stripe.list("charges").await.iter().filter(|charge| charge["status"] == "succeeded") {
        let intent = charge["payment_intent"].as_str().unwrap_or_default();
        let Some(consultation) = known.get(intent) else {
            found
                .push(Violation::of("every capture at the gateway belongs to a payment", charge.to_string()));
            continue;
        };
        let amount = |name: &str| charge[name].as_i64().unwrap_or_default();
        *kept.entry(*consultation).or_default() += amount("amount") - amount("amount_refunded");
    }
    let wrong = kept.into_iter().filter(|(_, kept)| !(0..=FEE).contains(kept));
    found.extend(wrong.map(|(consultation, kept)| {
        let detail = format!("consultation {consultation} costs {FEE}, and {kept} were kept");
        Violation::of("what is captured and not given back never exceeds the price", detail)
    }));
    found
}

async fn sessions(stage: &Stage) -> Vec<Violation> {
    let rows = "SELECT s.consultation_id, s.payment_id, s.gateway_id FROM checkout_sessions s
         JOIN payments p ON p.id = s.payment_id
         WHERE s.gateway_id IS NOT NULL AND s.state IN ('open', 'submitted') AND p.status = 'processing'";
    let rows = stage.database.triples(rows).await.into_iter();
    let live: BTreeSet<String> = rows.map(|(_, _, name)| name).collect();
    let listed = stage.stripe.list("checkout/sessions").await;
    let mut found = twice(&listed, "sekali_session", "a call that is repeated makes one session");
    for session in listed.iter().filter(|session| session["status"] == "open") {
        let name = session["id"].as_str().unwrap_or_default();
        if !live.contains(name) {
            let invariant = "a session that can be paid is the one of an active payment";
            found.push(Violation::of(invariant, format!("{name}, {}", session["metadata"])));
        }
    }
    found
}

async fn refunds(stage: &Stage) -> Vec<Violation> {
    let rows = "SELECT amount_minor, payment_id, gateway_id FROM refunds WHERE gateway_id IS NOT NULL";
    let rows = stage.database.triples(rows).await.into_iter();
    let known: BTreeMap<String, i64> = rows.map(|(amount, _, name)| (name, amount)).collect();
    let listed = stage.stripe.list("refunds").await;
    let mut found = twice(&listed, "sekali_refund", "a call that is repeated makes one refund");
    for refund in &listed {
        let name = refund["id"].as_str().unwrap_or_default();
        if known.get(name).copied() != refund["amount"].as_i64() {
            let detail = format!("{name} of {}, and ours is {:?}", refund["amount"], known.get(name));
            found.push(Violation::of("every refund at the gateway is in the database", detail));
        }
    }
    found
}

/// Objects at Stripe that carry the same name of ours.
fn twice(listed: &[Value], field: &str, invariant: &'static str) -> Vec<Violation> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for name in listed.iter().filter_map(|object| object["metadata"][field].as_str()) {
        *seen.entry(name).or_default() += 1;
    }
    let doubled = seen.into_iter().filter(|(_, times)| *times > 1);
    doubled.map(|(name, times)| Violation::of(invariant, format!("{name} is there {times} times"))).collect()
}

/// What was acknowledged is in the database, and at the gateway where it has to be.
pub async fn promised(stage: &Stage, promises: &Promises) -> Vec<Violation> {
    let mut found = payments(stage, promises).await;
    found.extend(promised_refunds(stage, promises).await);
    let rows = stage
        .database
        .triples("SELECT CAST(1 AS bigint), CAST(1 AS bigint), id FROM gateway_events")
        .await
        .into_iter();
    let kept: BTreeSet<String> = rows.map(|(_, _, id)| id).collect();
    found.extend(promises.events.difference(&kept).map(|id| {
        Violation::of("a webhook that was answered 200 is kept", format!("{id} is not in the inbox"))
    }));
    found
}

async fn payments(stage: &Stage, promises: &Promises) -> Vec<Violation> {
    let rows = stage.database.triples("SELECT id, consultation_id, status FROM payments").await.into_iter();
    let rows: BTreeMap<i64, (i64, String)> = rows.map(|(id, of, status)| (id, (of, status))).collect();
    let lost = promises.payments.iter().filter(|(id, of)| rows.get(id).map(|row| row.0) != Some(**of));
    let lost = lost.map(|(id, of)| {
        let detail =
            format!("payment {id} of consultation {of} was answered, and there is {:?}", rows.get(id));
        Violation::of("what was answered 201 or 409 is there", detail)
    });
    let changed = promises
        .ends
        .iter()
        .filter(|(id, (end, _))| rows.get(id).is_none_or(|(_, status)| !may_follow(end, status)));
    let changed = changed.map(|(id, (end, _))| {
        let detail = format!("payment {id} was shown as {end}, and there is {:?}", rows.get(id));
        Violation::of("a state that is an end never changes back", detail)
    });
    lost.chain(changed).collect()
}

async fn promised_refunds(stage: &Stage, promises: &Promises) -> Vec<Violation> {
    // What was never sent has no name at Stripe; a refund that Stripe refused is none either.
    let rows = "SELECT payment_id, CAST(CASE state WHEN 'succeeded' THEN 1 ELSE 0 END AS bigint),
             idempotency_key || '|' || coalesce(gateway_id, '') FROM refunds WHERE idempotency_key IS NOT NULL";
    let rows = stage.database.triples(rows).await.into_iter();
    let rows: BTreeMap<(i64, String), (bool, String)> = rows
        .filter_map(|(payment, done, text)| {
            let (key, gateway_id) = text.split_once('|')?;
            Some(((payment, key.to_owned()), (done == 1, gateway_id.to_owned())))
        })
        .collect();
    let listed = stage.stripe.list("refunds").await;
    let at_stripe: BTreeSet<&str> = listed.iter().filter_map(|refund| refund["id"].as_str()).collect();
    let broken = promises.refunds.iter().filter(|refund| {
        rows.get(*refund).is_none_or(|(done, name)| !done || !at_stripe.contains(name.as_str()))
    });
    broken
        .map(|refund| {
            let detail = format!("{refund:?} was answered, and there is {:?}", rows.get(refund));
            Violation::of("a refund that was answered is made, at the gateway too", detail)
        })
        .collect()
}
