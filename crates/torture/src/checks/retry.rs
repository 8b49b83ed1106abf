//! Errors that must not use up a key.

use super::Check;
use super::judge::{Visit, can_pay, status};
use crate::client::Halt;
use crate::rule::{ANSWERS, BAD_INPUT, ERRORS};
use crate::scene::Scene;
use crate::trial::{Harm, Trial};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "retry-after-unknown",
        title: "a consultation is paid before the service knows it, and again with the same key afterwards",
        rules: &[BAD_INPUT, ERRORS],
        run: |scene, trial| Box::pin(after_unknown(scene, trial)),
    },
    Check {
        id: "retry-after-refused-amount",
        title: "a wrong amount is refused, and the right one comes under the same key",
        rules: &[ANSWERS, ERRORS],
        run: |scene, trial| Box::pin(after_refused_amount(scene, trial)),
    },
    Check {
        id: "retry-after-lost-login",
        title: "a request without a valid token is refused, and comes again with one under the same key",
        rules: &[BAD_INPUT, ERRORS],
        run: |scene, trial| Box::pin(after_lost_login(scene, trial)),
    },
];

async fn after_unknown(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(fresh) = &scene.file.fresh else {
        return trial.does_not_apply("the request file does not say how consultations are made");
    };
    let patient = scene.patient()?;
    let press = scene.press(&patient, scene.number(&patient)?, &scene.key());
    let heard = scene.call(&press).await?;
    trial.saw(format!("a consultation that is not there: {}", heard.shown()));
    if heard.payment().is_some() {
        return trial.does_not_apply("the service makes payments for consultations that it does not know");
    }
    status(trial, "a consultation that is not there", &heard, &[404, 403, 422]);
    scene.make(fresh, &patient, press.consultation).await?;
    can_pay(scene, trial, "the same request once it is there", &press).await?;
    Ok(())
}

async fn after_refused_amount(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let mut wrong = press.clone();
    "-1".clone_into(&mut wrong.amount);
    let heard = scene.call(&wrong).await?;
    trial.saw(format!("an amount of -1: {}", heard.shown()));
    if heard.payment().is_some() {
        trial.wrong(Harm::ClientMisled, format!("an amount of -1 was answered {}", heard.shown()));
        return Ok(());
    }
    status(trial, "an amount of -1", &heard, &[400, 422]);
    can_pay(scene, trial, "the right amount", &press).await?;
    Ok(())
}

async fn after_lost_login(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.file.request.headers.values().any(|value| value.contains("{token}")) {
        return trial.does_not_apply("the request carries no token");
    }
    let press = Visit::new(scene).await?.new_press(scene);
    let mut stale = press.clone();
    "not.a.token".clone_into(&mut stale.patient.token);
    let heard = scene.call(&stale).await?;
    trial.saw(format!("no valid token: {}", heard.shown()));
    trial.expect(heard.is_refusal(), Harm::DataShown, || {
        format!("a false token was answered {}", heard.shown())
    });
    can_pay(scene, trial, "with a valid one", &press).await?;
    Ok(())
}
