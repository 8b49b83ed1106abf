//! What a key may look like.

use super::Check;
use super::judge::{Visit, can_pay, refused, status};
use crate::client::Halt;
use crate::rule::{BAD_INPUT, ERRORS, REQUEST, SECURITY, UNIQUENESS};
use crate::scene::{Press, Scene};
use crate::trial::{Harm, Trial};

const NO_HEADER: &str = "the request file gives no header for the key";
const NO_LENGTH: &str = "the request file does not say how long a key may be";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "no-key",
        title: "a request without any key",
        rules: &[BAD_INPUT, ERRORS],
        run: |scene, trial| Box::pin(no_key(scene, trial)),
    },
    Check {
        id: "empty-key",
        title: "a key of no characters",
        rules: &[BAD_INPUT],
        run: |scene, trial| Box::pin(empty_key(scene, trial)),
    },
    Check {
        id: "longest-key",
        title: "a key as long as is allowed",
        rules: &[BAD_INPUT],
        run: |scene, trial| Box::pin(longest_key(scene, trial)),
    },
    Check {
        id: "too-long-key",
        title: "a key one character longer than is allowed",
        rules: &[BAD_INPUT, SECURITY],
        run: |scene, trial| Box::pin(too_long_key(scene, trial)),
    },
    Check {
        id: "non-ascii-key",
        title: "a key with a letter that is not ASCII",
        rules: &[BAD_INPUT, SECURITY],
        run: |scene, trial| Box::pin(non_ascii_key(scene, trial)),
    },
    Check {
        id: "keys-alike",
        title: "two keys that differ in their last character, or in small and capital letters only",
        rules: &[REQUEST, UNIQUENESS],
        run: |scene, trial| Box::pin(keys_alike(scene, trial)),
    },
];

async fn no_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.new_press(scene);
    let bare = Press { key_lines: Vec::new(), key_in_body: None, key: String::new(), ..press };
    keyless(scene, trial, "no key", &bare).await
}

async fn empty_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let press = Visit::new(scene).await?.press(scene, "");
    keyless(scene, trial, "an empty key", &press).await
}

/// Refused with 400; where it is accepted, what counts is whether the same press again charges again.
async fn keyless(scene: &Scene, trial: &mut Trial, what: &str, press: &Press) -> Result<(), Halt> {
    let heard = scene.call(press).await?;
    if heard.payment().is_none() {
        refused(scene, trial, what, press, &heard, Harm::ClientMisled).await?;
        status(trial, what, &heard, &[400]);
        return Ok(());
    }
    let again = scene.call(press).await?;
    trial.saw(format!("{what}: {}, again {}", heard.shown(), again.shown()));
    trial.wrong(Harm::ClientMisled, format!("{what}: answered {}, not refused", heard.shown()));
    trial.expect(again.payment().is_none_or(|id| heard.payment() == Some(id)), Harm::ChargedTwice, || {
        format!("{what}: the same press again was answered {}", again.shown())
    });
    Ok(())
}

/// A new key of this length: its own characters stand at the end, where a short memory loses them.
fn of_length(scene: &Scene, length: usize) -> String {
    let key = scene.key();
    let filler = "k".repeat(length.saturating_sub(key.len()));
    filler + &key[key.len() - key.len().min(length)..]
}

async fn longest_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(longest) = scene.file.key.longest else { return trial.does_not_apply(NO_LENGTH) };
    let press = Visit::new(scene).await?.press(scene, &of_length(scene, longest));
    can_pay(scene, trial, &format!("{longest} characters"), &press).await?;
    Ok(())
}

async fn too_long_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let Some(longest) = scene.file.key.longest else { return trial.does_not_apply(NO_LENGTH) };
    let press = Visit::new(scene).await?.press(scene, &of_length(scene, longest + 1));
    let heard = scene.call(&press).await?;
    let what = format!("{} characters", longest + 1);
    refused(scene, trial, &what, &press, &heard, Harm::ClientMisled).await?;
    Ok(())
}

async fn non_ascii_key(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if scene.file.key.header.is_none() {
        return trial.does_not_apply(NO_HEADER);
    }
    if !scene.file.key.printable_ascii {
        return trial.does_not_apply("the request file does not say that keys are printable ASCII");
    }
    let press = Visit::new(scene).await?.press(scene, &format!("kunci-é-{}", scene.key()));
    let heard = scene.call(&press).await?;
    refused(scene, trial, "a key with é", &press, &heard, Harm::ClientMisled).await?;
    Ok(())
}

async fn keys_alike(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    let patient = scene.patient()?;
    let stem = scene.key();
    for (what, first, second) in [
        ("the last character", format!("{stem}a"), format!("{stem}b")),
        ("small and capital letters", format!("{stem}x"), format!("{stem}X")),
    ] {
        let (one, other) =
            (Visit::of(scene, patient.clone()).await?, Visit::of(scene, patient.clone()).await?);
        let one = scene.settle(&one.press(scene, &first)).await?;
        let other = scene.settle(&other.press(scene, &second)).await?;
        trial.saw(format!("{what}: {}, {}", one.shown(), other.shown()));
        trial.expect(one.payment().is_none() || one.payment() != other.payment(), Harm::NotPaid, || {
            format!("keys that differ in {what} were taken for one")
        });
        trial.expect(other.payment().is_some(), Harm::CannotPay, || {
            format!("the second of two keys that differ in {what} was answered {}", other.shown())
        });
    }
    Ok(())
}
