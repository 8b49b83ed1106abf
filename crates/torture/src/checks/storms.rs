//! Very many presses in the same moment.

use super::Check;
use super::judge::{Duplicates, Visit, one_payment};
use crate::client::Halt;
use crate::rule::{ENFORCEMENT, FIVE_STEPS, SCENARIOS};
use crate::scene::{Press, Scene};
use crate::trial::Trial;
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "storm-one-key",
        title: "a storm of the same request, all at once, with one key",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(one_key(scene, trial)),
    },
    Check {
        id: "storm-many-keys",
        title: "a storm of requests for one consultation, all at once, each with a key of its own",
        rules: &[SCENARIOS, FIVE_STEPS],
        run: |scene, trial| Box::pin(many_keys(scene, trial)),
    },
];

async fn one_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for _ in 0..rounds(scene) {
        let press = Visit::new(scene).await?.new_press(scene);
        storm(scene, trial, &vec![press; scene.strength.storm]).await?;
    }
    Ok(())
}

async fn many_keys(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.promises().one_payment_per_consultation {
        return trial.does_not_apply("the service promises nothing about two keys for one consultation");
    }
    for _ in 0..rounds(scene) {
        let visit = Visit::new(scene).await?;
        let presses: Vec<_> = (0..scene.strength.storm).map(|_| visit.new_press(scene)).collect();
        storm(scene, trial, &presses).await?;
    }
    Ok(())
}

/// A storm is many attempts in one.
fn rounds(scene: &Scene) -> u32 {
    scene.strength.rounds.div_ceil(10)
}

async fn storm(scene: &Scene, trial: &mut Trial, presses: &[Press]) -> Result<(), Halt> {
    let messages: Vec<_> = presses.iter().map(|press| scene.message(press)).collect();
    let replies = scene.client.send_apart(&messages, Duration::ZERO).await?;
    let heard: Vec<_> = replies.iter().map(|reply| scene.read(reply)).collect();
    let what = format!("{} presses at once", presses.len());
    one_payment(scene, trial, &what, &heard, &presses[0], Duplicates::AsDeclared).await
}
