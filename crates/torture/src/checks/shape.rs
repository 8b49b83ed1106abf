//! The words and fields of the answers that Sekali's clients are written against.

use super::Check;
use super::judge::Visit;
use crate::client::Halt;
use crate::rule::ANSWERS;
use crate::scene::{Press, Scene};
use crate::trial::{Harm, Trial};
use crate::wire::Answer;
use serde_json::Value;

const NOT_PROMISED: &str = "the service does not promise Sekali's own answers";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "shape-created",
        title: "the answer 201: its fields, words and headers",
        rules: &[ANSWERS],
        run: |scene, trial| Box::pin(created(scene, trial)),
    },
    Check {
        id: "shape-duplicate",
        title: "the answer 409: its fields and words, and the way to go on paying",
        rules: &[ANSWERS],
        run: |scene, trial| Box::pin(duplicate(scene, trial)),
    },
    Check {
        id: "shape-error",
        title: "the answer to a bad request: problem+json with a message",
        rules: &[ANSWERS],
        run: |scene, trial| Box::pin(error(scene, trial)),
    },
];

async fn created(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let Some(answer) = ask(scene, &press).await? else { return trial.does_not_apply(NOT_PROMISED) };
    let body = answer.json();
    look(trial, &answer, 201, "application/json");
    fields(
        trial,
        &body,
        &[
            "/data/payment_id",
            "/data/payment/user_id",
            "/data/payment/created_at",
            "/data/payment/updated_at",
        ],
    );
    fields(trial, &body, &["/data/invoice/id", "/data/invoice/invoice_number", "/data/invoice/issued_at"]);
    fields(trial, &body, &["/data/payment/payment_method", "/data/payment/currency", "/data/checkout_url"]);
    words(trial, &body, "/data/type", "new");
    words(trial, &body, "/data/payment/status", "pending");
    words(trial, &body, "/data/payment/amount", &scene.file.request.amount);
    words(trial, &body, "/data/invoice/status", "pending");
    words(trial, &body, "/message", "Pembayaran berhasil dibuat");
    header(trial, &answer, "cache-control", |value| value.contains("no-store"));
    Ok(())
}

async fn duplicate(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    scene.settle(&press).await?;
    let Some(answer) = ask(scene, &press).await? else { return trial.does_not_apply(NOT_PROMISED) };
    let body = answer.json();
    look(trial, &answer, 409, "application/json");
    fields(trial, &body, &["/data/payment_id", "/data/checkout_url"]);
    words(trial, &body, "/data/type", "existing");
    words(trial, &body, "/data/status", "pending");
    words(trial, &body, "/data/message", "Pembayaran sudah dibuat sebelumnya");
    words(trial, &body, "/message", "Duplicate payment request detected");
    Ok(())
}

async fn error(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let mut press = Visit::new(scene).await?.new_press(scene);
    "-1".clone_into(&mut press.amount);
    let Some(answer) = ask(scene, &press).await? else { return trial.does_not_apply(NOT_PROMISED) };
    let body = answer.json();
    look(trial, &answer, 422, "application/problem+json");
    fields(trial, &body, &["/type", "/title", "/status", "/detail", "/request_id", "/message"]);
    fields(trial, &body, &["/errors/amount/0"]);
    Ok(())
}

/// The answer, if Sekali's own is promised.
async fn ask(scene: &Scene, press: &Press) -> Result<Option<Answer>, Halt> {
    if !scene.promises().sekali_answers {
        return Ok(None);
    }
    let reply = scene.client.send(&scene.message(press)).await?;
    reply
        .answer()
        .cloned()
        .map(Some)
        .ok_or_else(|| Halt::SetUp("the service does not answer any more".into()))
}

fn look(trial: &mut Trial, answer: &Answer, status: u16, content_type: &str) {
    trial.saw(format!("{}, {}", answer.status, answer.header("content-type").unwrap_or("no content type")));
    trial.expect(answer.status == status, Harm::ClientMisled, || {
        format!("{} instead of {status}", answer.status)
    });
    header(trial, answer, "content-type", |value| value.split(';').next() == Some(content_type));
    if answer.header("x-ratelimit-limit").is_some() {
        header(trial, answer, "x-ratelimit-remaining", |value| value.parse::<u64>().is_ok());
    }
}

fn fields(trial: &mut Trial, body: &Value, pointers: &[&str]) {
    for pointer in pointers {
        let there = body.pointer(pointer).is_some_and(|value| !value.is_null());
        trial.expect(there, Harm::ClientMisled, || format!("{pointer} is missing"));
    }
}

fn words(trial: &mut Trial, body: &Value, pointer: &str, wanted: &str) {
    let found = body.pointer(pointer);
    trial.expect(found.and_then(Value::as_str) == Some(wanted), Harm::ClientMisled, || {
        format!("{pointer} is {}, not \"{wanted}\"", found.unwrap_or(&Value::Null))
    });
}

fn header(trial: &mut Trial, answer: &Answer, name: &str, holds: impl Fn(&str) -> bool) {
    let value = answer.header(name);
    trial.expect(value.is_some_and(holds), Harm::ClientMisled, || {
        format!("header {name} is {}", value.unwrap_or("missing"))
    });
}
