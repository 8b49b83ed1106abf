//! One key for different requests.

use super::Check;
use super::judge::{Visit, can_pay, status};
use crate::client::Halt;
use crate::reading::{Heard, Meaning, tally};
use crate::rule::{ANSWERS, ERRORS, FINGERPRINT, SCENARIOS, UNIQUENESS};
use crate::scene::Scene;
use crate::trial::{Harm, Trial};
use std::time::Duration;

/// Consultations that one key is sent for at once.
const MANY: usize = 20;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "key-other-amount",
        title: "a key comes back with another amount",
        rules: &[ANSWERS, FINGERPRINT, ERRORS],
        run: |scene, trial| Box::pin(other_amount(scene, trial)),
    },
    Check {
        id: "key-other-consultation",
        title: "a key comes back for another consultation",
        rules: &[ANSWERS, UNIQUENESS, ERRORS],
        run: |scene, trial| Box::pin(other_consultation(scene, trial)),
    },
    Check {
        id: "key-many-consultations",
        title: "one key is sent for many consultations at once",
        rules: &[SCENARIOS, UNIQUENESS, ERRORS],
        run: |scene, trial| Box::pin(many_consultations(scene, trial)),
    },
];

async fn other_amount(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(amount) = &scene.file.request.other_amount else {
        return trial.does_not_apply("the request file gives no other_amount");
    };
    let visit = Visit::new(scene).await?;
    let press = visit.new_press(scene);
    let first = scene.settle(&press).await?;
    let mut other = press.clone();
    other.amount.clone_from(amount);
    let second = scene.call(&other).await?;
    let what = format!("{} and then {amount} under one key", press.amount);
    trial.saw(format!("{what}: {}, {}", first.shown(), second.shown()));
    reused(scene, trial, &what, &first, &second);
    can_pay(scene, trial, "the first request again", &press).await?;
    Ok(())
}

async fn other_consultation(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let visit = Visit::new(scene).await?;
    let other = Visit::of(scene, visit.patient.clone()).await?;
    let press = visit.new_press(scene);
    let first = scene.settle(&press).await?;
    let second = scene.call(&other.press(scene, &press.key)).await?;
    let what = "two consultations under one key, one after the other";
    trial.saw(format!("{what}: {}, {}", first.shown(), second.shown()));
    reused(scene, trial, what, &first, &second);
    can_pay(scene, trial, "the other consultation with a new key", &other.new_press(scene)).await?;
    Ok(())
}

/// The second of two different requests under one key: refused, or else the patient is told wrongly.
fn reused(scene: &Scene, trial: &mut Trial, what: &str, first: &Heard, second: &Heard) {
    match &second.meaning {
        Meaning::Payment { id, .. } if first.payment() == Some(id) => trial.wrong(
            Harm::NotPaid,
            format!("{what}: the second was answered with payment {id}, which is for the first"),
        ),
        Meaning::Payment { id, .. } => {
            trial.wrong(
                Harm::ClientMisled,
                format!("{what}: both were accepted (payment {id} for the second)"),
            );
        }
        Meaning::KeyReused => status(trial, what, second, &[422]),
        _ => status(trial, what, second, &scene.file.answers.key_reused),
    }
}

async fn many_consultations(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let (patient, key) = (scene.patient()?, scene.key());
    let mut presses = Vec::new();
    for _ in 0..MANY {
        presses.push(scene.press(&patient, scene.consultation(&patient).await?, &key));
    }
    let messages: Vec<_> = presses.iter().map(|press| scene.message(press)).collect();
    let replies = scene.client.send_apart(&messages, Duration::ZERO).await?;
    let heard: Vec<_> = replies.iter().map(|reply| scene.read(reply)).collect();
    let mut ids: Vec<&str> = heard.iter().filter_map(Heard::payment).collect();
    let named = ids.len();
    ids.sort_unstable();
    ids.dedup();
    trial.saw(format!("{MANY} consultations at once, one key: {}", tally(&heard)));
    trial.expect(ids.len() <= 1, Harm::ClientMisled, || {
        format!("one key made {} payments, each for another consultation", ids.len())
    });
    trial.expect(named <= ids.len(), Harm::NotPaid, || {
        format!("{named} consultations were answered with {} payments", ids.len())
    });
    trial.expect(!heard.iter().any(|answer| answer.meaning == Meaning::Failed), Harm::ErrorShown, || {
        "some were answered with an error of the service's".to_owned()
    });
    // Whoever lost must be able to pay under a key of its own.
    if let Some(loser) = presses.iter().zip(&heard).find(|(_, answer)| answer.payment().is_none()) {
        let press = scene.press(&patient, loser.0.consultation, &scene.key());
        can_pay(scene, trial, "one that was refused, with a new key", &press).await?;
    }
    Ok(())
}
