//! One amount, written in several ways.

use super::Check;
use super::judge::{Duplicates, Visit, one_payment};
use crate::client::Halt;
use crate::rule::{FINGERPRINT, REQUEST};
use crate::scene::Scene;
use crate::trial::Trial;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "amount-forms",
    title: "the same amount with and without decimals, and as a text, under one key",
    rules: &[REQUEST, FINGERPRINT],
    run: |scene, trial| Box::pin(forms(scene, trial)),
}];

async fn forms(scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
    if !scene.promises().sekali_answers {
        return trial.does_not_apply("the service does not promise that forms of one amount are one");
    }
    let press = Visit::new(scene).await?.new_press(scene);
    let plain = scene.message(&press);
    let mut heard = vec![scene.read(&scene.client.send(&plain).await?)];
    let amount = &scene.file.request.amount;
    let whole = amount.split('.').next().unwrap_or(amount);
    for form in [whole.to_owned(), format!("{whole}.0"), format!("{whole}e0"), format!("\"{amount}\"")] {
        let mut message = plain.clone();
        let text = message.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        message.body = Some(text.replacen(amount.as_str(), &form, 1).into_bytes());
        heard.push(scene.read(&scene.client.send(&message).await?));
    }
    one_payment(scene, trial, "five ways to write it", &heard, &press, Duplicates::AsDeclared).await?;
    Ok(())
}
