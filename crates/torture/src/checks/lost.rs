//! Answers that never arrive, and what the same request finds afterwards.

use super::Check;
use super::judge::{Duplicates, Visit, can_pay, one_payment};
use crate::client::Halt;
use crate::rule::{ENFORCEMENT, SCENARIOS};
use crate::scene::Scene;
use crate::trial::Trial;
use std::time::Duration;

/// The connection is cut so long after the last byte: from before the service has looked at it to long
/// after it has answered.
const MOMENTS: [u64; 10] = [0, 1, 2, 3, 5, 8, 13, 21, 50, 200];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "lost-answer",
        title: "the connection is cut after the request was sent, and the same request comes again",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(lost_answer(scene, trial)),
    },
    Check {
        id: "lost-answer-at-once",
        title: "the connection is cut, and the same request comes again while the first is still worked on",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(retried_at_once(scene, trial)),
    },
    Check {
        id: "lost-request",
        title: "the connection is cut in the middle of the request, and the same request comes again",
        rules: &[SCENARIOS],
        run: |scene, trial| Box::pin(lost_request(scene, trial)),
    },
];

/// Cut at each moment, then left alone long enough for the service to finish by itself.
async fn lost_answer(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for after in MOMENTS {
        let press = Visit::new(scene).await?.new_press(scene);
        scene.client.send_and_cut(&scene.message(&press), true, Duration::from_millis(after)).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let heard = [scene.settle(&press).await?, scene.call(&press).await?];
        let what = format!("cut {after} ms after the last byte, sent again twice");
        // The first of the retries may be the first that was heard of.
        one_payment(scene, trial, &what, &heard, &press, Duplicates::AsDeclared).await?;
    }
    Ok(())
}

async fn retried_at_once(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for round in 0..scene.strength.rounds {
        let after = Duration::from_millis(u64::from(round % 4));
        let press = Visit::new(scene).await?.new_press(scene);
        let message = scene.message(&press);
        scene.client.send_and_cut(&message, true, after).await?;
        let replies = scene.client.send_apart(&[message.clone(), message], Duration::ZERO).await?;
        let heard: Vec<_> = replies.iter().map(|reply| scene.read(reply)).collect();
        let what = format!("cut after {} ms, sent again twice at once", after.as_millis());
        one_payment(scene, trial, &what, &heard, &press, Duplicates::AsDeclared).await?;
    }
    Ok(())
}

async fn lost_request(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    for after in [0, 5, 50] {
        let press = Visit::new(scene).await?.new_press(scene);
        scene.client.send_and_cut(&scene.message(&press), false, Duration::from_millis(after)).await?;
        let what = format!("cut {after} ms after the last byte but one, sent again");
        can_pay(scene, trial, &what, &press).await?;
    }
    Ok(())
}
