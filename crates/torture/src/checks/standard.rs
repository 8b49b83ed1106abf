//! The contract of the standard's header, `Idempotency-Key`.

use super::Check;
use super::judge::{Visit, can_pay};
use crate::client::{Halt, Reply};
use crate::reading::{Heard, Meaning, tally};
use crate::rule::{ANSWERS, ENFORCEMENT, ERRORS};
use crate::scene::{Press, Scene};
use crate::trial::{Harm, Trial};
use crate::wire::{Answer, Message};
use std::time::Duration;

/// A request that is in flight for longer than so many pauses is stuck.
const MOST_WAITS: u32 = 6;
const NO_HEADER: &str = "the request file gives no standard_header";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "standard-replay",
        title: "a finished request again under Idempotency-Key",
        rules: &[ENFORCEMENT, ANSWERS],
        run: |scene, trial| Box::pin(replay(scene, trial)),
    },
    Check {
        id: "standard-in-flight",
        title: "a request again under Idempotency-Key while the first is still worked on",
        rules: &[ENFORCEMENT, ERRORS, ANSWERS],
        run: |scene, trial| Box::pin(in_flight(scene, trial)),
    },
];

fn standard(scene: &Scene, press: &Press) -> Option<Press> {
    let name = scene.file.key.standard_header.as_ref()?;
    let lines = vec![(name.clone(), format!("\"{}\"", press.key).into_bytes())];
    Some(Press { key_lines: lines, key_in_body: None, ..press.clone() })
}

async fn replay(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let Some(press) = standard(scene, &press) else { return trial.does_not_apply(NO_HEADER) };
    let message = scene.message(&press);
    let first = scene.client.send(&message).await?;
    let again = once_finished(scene, &message).await?;
    let (before, after) = (scene.read(&first), scene.read(&again));
    let replayed = again.answer().and_then(|answer| answer.header("idempotent-replayed"));
    let mark = replayed
        .map_or("without Idempotent-Replayed".into(), |value| format!("Idempotent-Replayed: {value}"));
    trial.saw(format!("first {}, again {}, {mark}", before.shown(), after.shown()));
    let one = before.payment().is_some() && before.payment() == after.payment();
    let harm = if after.payment().is_some() { Harm::ChargedTwice } else { Harm::CannotPay };
    trial.expect(one, harm, || {
        format!("the first was answered {}, the same again {}", before.shown(), after.shown())
    });
    trial.expect(before.status == after.status, Harm::ClientMisled, || {
        format!("the first result was {}, and its repetition {}", before.status, after.status)
    });
    if scene.promises().sekali_answers {
        trial.expect(replayed == Some("true"), Harm::ClientMisled, || {
            "the repetition does not say Idempotent-Replayed: true".to_owned()
        });
    }
    Ok(())
}

/// The answer once the service has finished with the first request: what it does after answering may
/// take it a moment more, and until then "in flight" is a right answer.
async fn once_finished(scene: &Scene, message: &Message) -> Result<Reply, Halt> {
    for _ in 0..MOST_WAITS {
        let reply = scene.client.send(message).await?;
        if scene.read(&reply).meaning != Meaning::InFlight {
            return Ok(reply);
        }
        let wait = reply.answer().and_then(Answer::retry_after).unwrap_or(Duration::from_secs(1));
        tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
    }
    scene.client.send(message).await
}

async fn in_flight(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let mut caught = 0;
    for _ in 0..scene.strength.rounds {
        let press = Visit::new(scene).await?.new_press(scene);
        let Some(press) = standard(scene, &press) else { return trial.does_not_apply(NO_HEADER) };
        let messages = vec![scene.message(&press); 4];
        let replies = scene.client.send_apart(&messages, Duration::ZERO).await?;
        let heard: Vec<Heard> = replies.iter().map(|reply| scene.read(reply)).collect();
        let mut ids: Vec<&str> = heard.iter().filter_map(Heard::payment).collect();
        ids.sort_unstable();
        ids.dedup();
        trial.expect(ids.len() < 2, Harm::ChargedTwice, || format!("four at once: {}", tally(&heard)));
        for (reply, heard) in replies.iter().zip(&heard) {
            if heard.meaning == Meaning::InFlight {
                caught += 1;
                describes(scene, trial, reply.answer());
            }
        }
        if trial.evidence.is_empty() || caught == 1 {
            trial.saw(format!("four at once: {}", tally(&heard)));
        }
        can_pay_quietly(scene, trial, &press).await?;
    }
    if caught == 0 && trial.problems.is_empty() {
        let rounds = scene.strength.rounds;
        return trial
            .does_not_apply(format!("no request was caught in flight in {rounds} rounds of four at once"));
    }
    trial.saw(format!("{caught} requests were caught in flight"));
    Ok(())
}

/// A conflict in flight says what it is and when to come again.
fn describes(scene: &Scene, trial: &mut Trial, answer: Option<&Answer>) {
    let Some(answer) = answer else { return };
    if scene.promises().sekali_answers {
        trial.expect(answer.header("retry-after").is_some(), Harm::ClientMisled, || {
            "409 in flight without Retry-After".to_owned()
        });
    }
    let described = answer.header("content-type").is_some_and(|text| text.contains("problem+json"));
    trial.expect(described || answer.header("link").is_some(), Harm::ClientMisled, || {
        "409 in flight neither describes the problem nor links to where it is described".to_owned()
    });
}

/// What is right about it is said once, not in every round.
async fn can_pay_quietly(scene: &Scene, trial: &mut Trial, press: &Press) -> Result<(), Halt> {
    let mut own = Trial::default();
    can_pay(scene, &mut own, "asked again", press).await?;
    for problem in own.problems {
        trial.wrong(problem.harm, problem.what);
    }
    Ok(())
}
