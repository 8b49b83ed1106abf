//! One patient, one button, a few presses.

use super::Check;
use super::judge::{Duplicates, Visit, one_payment};
use crate::client::Halt;
use crate::rule::{ENFORCEMENT, FIVE_STEPS, SCENARIOS};
use crate::scene::{Press, Scene};
use crate::trial::Trial;
use std::time::Duration;

const DOUBLE: Duration = Duration::from_millis(5);
const RAPID: Duration = Duration::from_millis(100);
const RAPID_PRESSES: usize = 5;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "double-click",
        title: "the button is pressed twice, 5 ms apart, with one key",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(double_click(scene, trial)),
    },
    Check {
        id: "double-click-two-keys",
        title: "the button is pressed twice, 5 ms apart, and each press makes a key of its own",
        rules: &[FIVE_STEPS],
        run: |scene, trial| Box::pin(double_click_two_keys(scene, trial)),
    },
    Check {
        id: "rapid-clicks",
        title: "the button is pressed five times, 100 ms apart, with one key",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(rapid_clicks(scene, trial)),
    },
];

async fn double_click(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for _ in 0..scene.strength.rounds {
        let press = Visit::new(scene).await?.new_press(scene);
        presses(scene, trial, "two presses", &vec![press; 2], DOUBLE).await?;
    }
    Ok(())
}

async fn double_click_two_keys(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.promises().one_payment_per_consultation {
        return trial.does_not_apply("the service promises nothing about two keys for one consultation");
    }
    for _ in 0..scene.strength.rounds {
        let visit = Visit::new(scene).await?;
        let both = [visit.new_press(scene), visit.new_press(scene)];
        presses(scene, trial, "two presses, two keys", &both, DOUBLE).await?;
    }
    Ok(())
}

async fn rapid_clicks(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for _ in 0..scene.strength.rounds.div_ceil(5) {
        let press = Visit::new(scene).await?.new_press(scene);
        presses(scene, trial, "five presses", &vec![press; RAPID_PRESSES], RAPID).await?;
    }
    Ok(())
}

async fn presses(
    scene: &Scene,
    trial: &mut Trial,
    what: &str,
    presses: &[Press],
    gap: Duration,
) -> Result<(), Halt> {
    let messages: Vec<_> = presses.iter().map(|press| scene.message(press)).collect();
    let replies = scene.client.send_apart(&messages, gap).await?;
    let heard: Vec<_> = replies.iter().map(|reply| scene.read(reply)).collect();
    one_payment(scene, trial, what, &heard, &presses[0], Duplicates::AsDeclared).await
}
