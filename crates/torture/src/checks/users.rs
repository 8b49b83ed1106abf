//! What one user can see and do of another's.

use super::Check;
use super::judge::{Visit, refused, status};
use crate::client::{Halt, Reply};
use crate::rule::{ANSWERS, BAD_INPUT, SECURITY};
use crate::scene::Scene;
use crate::trial::{Harm, Trial};

const ALONE: &str = "there is one user only, and no secret to sign tokens of others";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "other-users-key",
        title: "another user comes with the same key, for a consultation of their own",
        rules: &[ANSWERS, SECURITY],
        run: |scene, trial| Box::pin(other_users_key(scene, trial)),
    },
    Check {
        id: "other-users-consultation",
        title: "another user pays for a consultation that is not theirs, with the payer's key and a new one",
        rules: &[BAD_INPUT],
        run: |scene, trial| Box::pin(other_users_consultation(scene, trial)),
    },
    Check {
        id: "other-users-list",
        title: "another user asks for the payments of a consultation",
        rules: &[ANSWERS],
        run: |scene, trial| Box::pin(other_users_list(scene, trial)),
    },
    Check {
        id: "no-token",
        title: "a request without a token, and one with a token that somebody changed",
        rules: &[BAD_INPUT],
        run: |scene, trial| Box::pin(no_token(scene, trial)),
    },
];

async fn other_users_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.promises().keys_belong_to_users {
        return trial.does_not_apply("the service does not promise that keys belong to users");
    }
    let first = Visit::new(scene).await?;
    let Some(stranger) = scene.stranger_to(&first.patient)? else { return trial.does_not_apply(ALONE) };
    let second = Visit::of(scene, stranger).await?;
    let key = scene.key();
    let mine = scene.settle(&first.press(scene, &key)).await?;
    let press = second.press(scene, &key);
    let reply = scene.client.send(&scene.message(&press)).await?;
    let theirs = scene.read(&reply);
    trial.saw(format!("user {}: {}", first.patient.id, mine.shown()));
    trial.saw(format!("user {}, same key: {}", second.patient.id, theirs.shown()));
    match (mine.payment(), theirs.payment()) {
        (Some(id), Some(other)) if id == other => {
            trial.wrong(
                Harm::DataShown,
                format!("the second user was answered with payment {id} of the first"),
            );
        }
        (_, Some(_)) => {}
        _ => trial.wrong(
            Harm::CannotPay,
            format!(
                "the second user was answered {}: a key of another user's was in the way",
                theirs.shown()
            ),
        ),
    }
    Ok(())
}

async fn other_users_consultation(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.promises().consultations_belong_to_users {
        return trial.does_not_apply("the service does not promise that consultations belong to users");
    }
    let visit = Visit::new(scene).await?;
    let Some(stranger) = scene.stranger_to(&visit.patient)? else { return trial.does_not_apply(ALONE) };
    let press = visit.new_press(scene);
    let paid = scene.settle(&press).await?;
    for (what, key) in [("the payer's key", press.key.clone()), ("a new key", scene.key())] {
        let theirs = scene.press(&stranger, visit.consultation, &key);
        let reply = scene.client.send(&scene.message(&theirs)).await?;
        let heard = scene.read(&reply);
        trial.saw(format!("user {} with {what}: {}", stranger.id, heard.shown()));
        trial.expect(heard.payment().is_none(), Harm::DataShown, || {
            format!("with {what} a stranger was answered {}", heard.shown())
        });
        trial.expect(!shows(&reply, paid.payment()), Harm::DataShown, || {
            format!("with {what} a stranger was shown where to pay")
        });
        if heard.payment().is_none() {
            status(trial, what, &heard, &[403, 404]);
        }
    }
    if let Some(count) = scene.count(&visit.patient, visit.consultation).await? {
        trial.expect(count == 1, Harm::ChargedTwice, || format!("there are {count} payments afterwards"));
    }
    Ok(())
}

/// Whether an answer leads to a payment, or names it.
fn shows(reply: &Reply, payment: Option<&str>) -> bool {
    let Some(answer) = reply.answer() else { return false };
    answer.body.contains("checkout_url") || payment.is_some_and(|id| named(&answer.json(), id))
}

/// Whether `id` is the value of a field whose name speaks of a payment.
fn named(value: &serde_json::Value, id: &str) -> bool {
    match value {
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| {
            let same = value.as_str().map_or_else(|| value.to_string(), str::to_owned) == id;
            (same && name.contains("payment")) || named(value, id)
        }),
        serde_json::Value::Array(items) => items.iter().any(|item| named(item, id)),
        _ => false,
    }
}

async fn other_users_list(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(part) = &scene.file.count else {
        return trial.does_not_apply("the request file does not say how payments are read");
    };
    let visit = Visit::new(scene).await?;
    let Some(stranger) = scene.stranger_to(&visit.patient)? else { return trial.does_not_apply(ALONE) };
    scene.settle(&visit.new_press(scene)).await?;
    let reply = scene.client.send(&scene.count_message(&stranger, visit.consultation)).await?;
    let items = reply.answer().and_then(|answer| answer.json().pointer(&part.items).cloned());
    let shown = match items {
        Some(serde_json::Value::Array(items)) => items.len(),
        Some(serde_json::Value::Number(number)) => usize::try_from(number.as_u64().unwrap_or(0)).unwrap_or(1),
        _ => 0,
    };
    let status = reply.answer().map_or(0, |answer| answer.status);
    trial.saw(format!("user {} reads the list: {status}, {shown} payments", stranger.id));
    trial.expect(shown == 0, Harm::DataShown, || format!("a stranger was shown {shown} payments"));
    Ok(())
}

async fn no_token(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.file.request.headers.values().any(|value| value.contains("{token}")) {
        return trial.does_not_apply("the request carries no token");
    }
    let visit = Visit::new(scene).await?;
    for (what, token) in [("no token", String::new()), ("a changed token", changed(&visit.patient.token))] {
        let mut press = visit.new_press(scene);
        press.patient.token.clone_from(&token);
        let mut message = scene.message(&press);
        if token.is_empty() {
            let templates = &scene.file.request.headers;
            let holds_token = |name: &str| templates.get(name).is_some_and(|value| value.contains("{token}"));
            message.headers.retain(|(name, _)| !holds_token(name));
        }
        let heard = scene.read(&scene.client.send(&message).await?);
        let own = visit.press(scene, &press.key);
        refused(scene, trial, what, &own, &heard, Harm::DataShown).await?;
        status(trial, what, &heard, &[401]);
    }
    Ok(())
}

/// The last character before the last one becomes another: the last may hold unused bits.
fn changed(token: &str) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    if let Some(at) = characters.len().checked_sub(2) {
        characters[at] = if characters[at] == 'A' { 'B' } else { 'A' };
    }
    characters.into_iter().collect()
}
