//! Requests that are none: each is refused, and none may use up its key.

use super::Check;
use super::judge::{Visit, can_pay, status};
use crate::client::Halt;
use crate::rule::{ANSWERS, BAD_INPUT};
use crate::scene::Scene;
use crate::trial::{Harm, Trial};
use crate::wire::Message;

/// Larger than any press of a button, and small enough to be sent whole.
const LARGE: usize = 600 * 1024;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "broken-json",
        title: "a body that ends too early, and the whole one under the same key",
        rules: &[BAD_INPUT, ANSWERS],
        run: |scene, trial| Box::pin(spoilt(scene, trial, "half a body", &[400, 422], halve)),
    },
    Check {
        id: "no-json",
        title: "a body that is an array, and the right one under the same key",
        rules: &[BAD_INPUT, ANSWERS],
        run: |scene, trial| Box::pin(spoilt(scene, trial, "an array", &[400, 422], as_array)),
    },
    Check {
        id: "wrong-content-type",
        title: "a body whose content type is text, and the right one under the same key",
        rules: &[BAD_INPUT, ANSWERS],
        run: |scene, trial| {
            Box::pin(spoilt(scene, trial, "content type text/plain", &[415, 400, 422], as_text))
        },
    },
    Check {
        id: "too-large",
        title: "a body of 600 KiB, and the right one under the same key",
        rules: &[BAD_INPUT, ANSWERS],
        run: |scene, trial| Box::pin(too_large(scene, trial)),
    },
    Check {
        id: "empty-body",
        title: "no body at all, and the right one under the same key",
        rules: &[BAD_INPUT, ANSWERS],
        run: |scene, trial| Box::pin(spoilt(scene, trial, "no body", &[400, 415, 422], empty)),
    },
];

async fn spoilt(
    scene: &Scene,
    trial: &mut Trial,
    what: &str,
    statuses: &[u16],
    spoil: fn(&mut Message),
) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let mut message = scene.message(&press);
    spoil(&mut message);
    let heard = scene.read(&scene.client.send(&message).await?);
    trial.saw(format!("{what}: {}", heard.shown()));
    if heard.payment().is_some() {
        trial.wrong(Harm::ClientMisled, format!("{what} was answered {}", heard.shown()));
    } else {
        status(trial, what, &heard, statuses);
    }
    can_pay(scene, trial, "the right request", &press).await?;
    Ok(())
}

/// How large a body may be is a service's own choice, unless it promises Sekali's.
async fn too_large(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let mut own = Trial::default();
    spoilt(scene, &mut own, "600 KiB", &[413, 400, 422], enlarge).await?;
    let accepted = own.problems.iter().all(|problem| problem.harm == Harm::ClientMisled);
    if accepted && !own.problems.is_empty() && !scene.promises().sekali_answers {
        return trial.does_not_apply("the service takes bodies of 600 KiB");
    }
    *trial = own;
    Ok(())
}

fn halve(message: &mut Message) {
    if let Some(body) = &mut message.body {
        body.truncate(body.len() / 2);
    }
}

fn as_array(message: &mut Message) {
    message.body = Some(b"[]".to_vec());
}

fn empty(message: &mut Message) {
    message.body = Some(Vec::new());
}

fn as_text(message: &mut Message) {
    for (name, value) in &mut message.headers {
        if name.eq_ignore_ascii_case("content-type") {
            *value = b"text/plain".to_vec();
        }
    }
}

/// White space at the end: JSON still, so that it is refused for its size alone.
fn enlarge(message: &mut Message) {
    if let Some(body) = &mut message.body {
        body.resize(LARGE, b' ');
    }
}
