//! Where the key stands.

use super::Check;
use super::judge::{Duplicates, Visit, one_payment, refused};
use crate::client::Halt;
use crate::rule::{ANSWERS, BAD_INPUT, ENFORCEMENT, FIELD_NAMES, REQUEST, SYNTAX};
use crate::scene::{Press, Scene};
use crate::trial::{Harm, Trial};

const NO_HEADER: &str = "the request file gives no header for the key";
const NOT_BOTH: &str = "the key goes in one place only";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "key-places",
        title: "the key stands in the header and the body, then in the header alone, then in the body alone",
        rules: &[REQUEST],
        run: |scene, trial| Box::pin(places(scene, trial)),
    },
    Check {
        id: "key-places-disagree",
        title: "header and body hold different keys",
        rules: &[BAD_INPUT],
        run: |scene, trial| Box::pin(disagree(scene, trial)),
    },
    Check {
        id: "header-name-case",
        title: "the name of the key's header in small and in capital letters",
        rules: &[FIELD_NAMES],
        run: |scene, trial| Box::pin(name_case(scene, trial)),
    },
    Check {
        id: "header-twice",
        title: "the key's header stands there twice, with different keys",
        rules: &[SYNTAX, BAD_INPUT],
        run: |scene, trial| Box::pin(twice(scene, trial)),
    },
    Check {
        id: "quoted-key",
        title: "the standard's header with the key in quotation marks, then the bare key",
        rules: &[SYNTAX, ENFORCEMENT],
        run: |scene, trial| Box::pin(quoted(scene, trial)),
    },
    Check {
        id: "both-headers",
        title: "X-Idempotency-Key and Idempotency-Key in one request",
        rules: &[ANSWERS],
        run: |scene, trial| Box::pin(both(scene, trial)),
    },
];

/// Sends the presses one after the other; all name one payment.
async fn one_by_one(
    scene: &Scene,
    trial: &mut Trial,
    what: &str,
    presses: &[Press],
    duplicates: Duplicates,
) -> Result<(), Halt> {
    let mut heard = Vec::new();
    for press in presses {
        heard.push(scene.call(press).await?);
    }
    one_payment(scene, trial, what, &heard, &presses[0], duplicates).await?;
    Ok(())
}

async fn places(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if scene.file.key.header.is_none() || scene.file.key.body.is_none() {
        return trial.does_not_apply(NOT_BOTH);
    }
    let everywhere = Visit::new(scene).await?.new_press(scene);
    let header = Press { key_in_body: None, ..everywhere.clone() };
    let body = Press { key_lines: Vec::new(), ..everywhere.clone() };
    one_by_one(scene, trial, "both, header, body", &[everywhere, header, body], Duplicates::AsDeclared).await
}

async fn disagree(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if scene.file.key.header.is_none() || scene.file.key.body.is_none() {
        return trial.does_not_apply(NOT_BOTH);
    }
    let mut press = Visit::new(scene).await?.new_press(scene);
    press.key_in_body = Some(scene.key());
    let heard = scene.call(&press).await?;
    refused(scene, trial, "different keys", &press, &heard, Harm::ClientMisled).await?;
    Ok(())
}

async fn name_case(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(name) = &scene.file.key.header else { return trial.does_not_apply(NO_HEADER) };
    let press = Visit::new(scene).await?.new_press(scene);
    let named = |name: String| {
        let lines = vec![(name, press.key.as_bytes().to_vec())];
        Press { key_lines: lines, key_in_body: None, ..press.clone() }
    };
    let presses = [named(name.to_ascii_lowercase()), named(name.to_ascii_uppercase())];
    one_by_one(scene, trial, "small, then capital letters", &presses, Duplicates::AsDeclared).await
}

async fn twice(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(name) = &scene.file.key.header else { return trial.does_not_apply(NO_HEADER) };
    let visit = Visit::new(scene).await?;
    let (first, second) = (scene.key(), scene.key());
    let line = |key: &str| (name.clone(), key.as_bytes().to_vec());
    let press = Press {
        key_lines: vec![line(&first), line(&second)],
        key_in_body: None,
        ..visit.press(scene, &first)
    };
    let heard = scene.call(&press).await?;
    trial.saw(format!("two lines: {}", heard.shown()));
    if heard.payment().is_some() {
        // Joined by a comma, as HTTP has it, both are one key; taking one of the two loses the other.
        let turned = Press { key_lines: vec![line(&second), line(&first)], ..press.clone() };
        let again = scene.call(&press).await?;
        trial.saw(format!(
            "the same again: {}; turned about: {}",
            again.shown(),
            scene.call(&turned).await?.shown()
        ));
        trial.expect(again.payment() == heard.payment(), Harm::ChargedTwice, || {
            format!("the same two lines again were answered {}", again.shown())
        });
        trial.wrong(Harm::ClientMisled, "two different keys in one request were not refused");
    } else {
        trial.expect(heard.is_refusal(), Harm::ClientMisled, || {
            format!("two keys were answered {}", heard.shown())
        });
    }
    Ok(())
}

async fn quoted(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(name) = &scene.file.key.standard_header else {
        return trial.does_not_apply("the request file gives no standard_header");
    };
    let press = Visit::new(scene).await?.new_press(scene);
    let with = |value: String| {
        let lines = vec![(name.clone(), value.into_bytes())];
        Press { key_lines: lines, key_in_body: None, ..press.clone() }
    };
    let presses = [with(format!("\"{}\"", press.key)), with(press.key.clone())];
    one_by_one(scene, trial, "quoted, then bare", &presses, Duplicates::Repeated).await
}

async fn both(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let (Some(own), Some(standard)) = (&scene.file.key.header, &scene.file.key.standard_header) else {
        return trial.does_not_apply("the service takes one header only");
    };
    if own.eq_ignore_ascii_case(standard) {
        return trial.does_not_apply("the service takes one header only");
    }
    let mut press = Visit::new(scene).await?.new_press(scene);
    press.key_lines = [own, standard].map(|name| (name.clone(), press.key.clone().into_bytes())).to_vec();
    let heard = scene.call(&press).await?;
    refused(scene, trial, "both headers", &press, &heard, Harm::ClientMisled).await?;
    Ok(())
}
