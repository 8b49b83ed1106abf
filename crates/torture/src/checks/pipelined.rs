//! Several requests on one connection, none waiting for the answer to the one before (RFC 9112, part 9.3.2).

use super::Check;
use super::judge::{Duplicates, Visit, one_payment};
use crate::client::Halt;
use crate::rule::{ENFORCEMENT, SCENARIOS};
use crate::scene::Scene;
use crate::trial::{Harm, Trial};

const REQUESTS: usize = 5;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "pipelined-one-key",
        title: "the same request five times on one connection, without waiting for answers",
        rules: &[SCENARIOS, ENFORCEMENT],
        run: |scene, trial| Box::pin(one_key(scene, trial)),
    },
    Check {
        id: "pipelined-in-order",
        title: "five consultations on one connection, without waiting: each answer is its own",
        rules: &[SCENARIOS],
        run: |scene, trial| Box::pin(in_order(scene, trial)),
    },
];

async fn one_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let messages = vec![scene.message(&press); REQUESTS];
    let replies = scene.client.send_pipelined(&messages).await?;
    // A service need not take more than one at a time; what it does not answer is sent again below.
    let heard: Vec<_> =
        replies.iter().filter(|reply| reply.answer().is_some()).map(|reply| scene.read(reply)).collect();
    let what = format!("{REQUESTS} behind each other, {} answered", heard.len());
    one_payment(scene, trial, &what, &heard, &press, Duplicates::AsDeclared).await?;
    Ok(())
}

async fn in_order(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let patient = scene.patient()?;
    let mut presses = Vec::new();
    for _ in 0..REQUESTS {
        presses.push(scene.press(&patient, scene.consultation(&patient).await?, &scene.key()));
    }
    let messages: Vec<_> = presses.iter().map(|press| scene.message(press)).collect();
    let replies = scene.client.send_pipelined(&messages).await?;
    for (press, reply) in presses.iter().zip(&replies) {
        let first = scene.read(reply);
        let Some(id) = first.payment() else { continue };
        let again = scene.settle(press).await?;
        trial.saw(format!(
            "consultation {}: {}, asked again {}",
            press.consultation,
            first.shown(),
            again.shown()
        ));
        trial.expect(again.payment() == Some(id), Harm::NotPaid, || {
            format!("an answer named payment {id}, and its own request is {}", again.shown())
        });
    }
    if trial.evidence.is_empty() {
        return trial.does_not_apply("the service takes no requests one behind the other");
    }
    Ok(())
}
