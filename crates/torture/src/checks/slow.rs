//! A telephone at the edge of its network.

use super::Check;
use super::judge::{Duplicates, Visit, can_pay, one_payment};
use crate::client::Halt;
use crate::rule::{ENFORCEMENT, SCENARIOS};
use crate::scene::Scene;
use crate::trial::Trial;
use std::time::Duration;

/// Between two bytes of the body: a second for the whole of it, more or less.
const PAUSE: Duration = Duration::from_millis(8);

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "slow-body",
        title: "the body arrives byte by byte",
        rules: &[SCENARIOS],
        run: |scene, trial| Box::pin(slow_body(scene, trial)),
    },
    Check {
        id: "slow-and-fast",
        title: "the body arrives byte by byte, and the same request overtakes it",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(overtaken(scene, trial)),
    },
];

async fn slow_body(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let heard = scene.read(&scene.client.send_slowly(&scene.message(&press), PAUSE).await?);
    trial.saw(format!("byte by byte: {}", heard.shown()));
    can_pay(scene, trial, "the same request again", &press).await?;
    one_payment(scene, trial, "byte by byte", &[heard], &press, Duplicates::AsDeclared).await?;
    Ok(())
}

async fn overtaken(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let message = scene.message(&press);
    let fast = async {
        tokio::time::sleep(PAUSE * 10).await;
        scene.client.send(&message).await
    };
    let (slow, fast) = tokio::join!(scene.client.send_slowly(&message, PAUSE), fast);
    let heard = [scene.read(&slow?), scene.read(&fast?)];
    one_payment(scene, trial, "one slow, one fast", &heard, &press, Duplicates::AsDeclared).await?;
    Ok(())
}
