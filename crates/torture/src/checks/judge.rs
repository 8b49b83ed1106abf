//! What several attacks judge alike: that requests came to one payment, and that somebody can pay.

use crate::client::Halt;
use crate::reading::{Heard, Meaning, tally};
use crate::scene::{Patient, Press, Scene};
use crate::trial::{Harm, Trial};

/// A patient with a consultation to pay for.
pub(super) struct Visit {
    pub patient: Patient,
    pub consultation: i64,
}

impl Visit {
    /// A new one.
    pub(super) async fn new(scene: &Scene) -> Result<Self, Halt> {
        let patient = scene.patient()?;
        Self::of(scene, patient).await
    }

    /// A new one of this patient.
    pub(super) async fn of(scene: &Scene, patient: Patient) -> Result<Self, Halt> {
        let consultation = scene.consultation(&patient).await?;
        Ok(Self { patient, consultation })
    }

    /// The usual request for it.
    pub(super) fn press(&self, scene: &Scene, key: &str) -> Press {
        scene.press(&self.patient, self.consultation, key)
    }

    /// The usual request for it, with a new key.
    pub(super) fn new_press(&self, scene: &Scene) -> Press {
        self.press(scene, &scene.key())
    }
}

/// Which answers a duplicate may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// As the request file says.
    AsDeclared,
    /// The first answer again, too: the contract of the standard's header.
    Repeated,
}

/// Judges the answers to requests that may come to one payment only. A duplicate that was not told of
/// the payment asks again, as a browser would, and must be told in the end.
pub(super) async fn one_payment(
    scene: &Scene,
    trial: &mut Trial,
    what: &str,
    heard: &[Heard],
    press: &Press,
    duplicates: Duplicates,
) -> Result<(), Halt> {
    let last = scene.settle(press).await?;
    let counted = scene.count(&press.patient, press.consultation).await?;
    let told = counted.map_or_else(String::new, |count| format!("; counted afterwards: {count}"));
    let line = format!("{what}: {}; asked again: {}{told}", tally(heard), last.shown());
    let before = trial.complaints;
    let mut ids: Vec<&str> = heard.iter().chain([&last]).filter_map(Heard::payment).collect();
    ids.sort_unstable();
    ids.dedup();
    charges(trial, what, &ids, counted);
    trial.expect(last.payment().is_some(), Harm::CannotPay, || {
        format!(
            "{what}: asked again with the same key, there was no payment to go on with, but {}",
            last.shown()
        )
    });
    errors(trial, what, heard);
    let new = heard.iter().filter(|answer| answer.is_new()).count();
    if scene.file.tells_duplicates() && duplicates == Duplicates::AsDeclared && ids.len() == 1 {
        trial.expect(new <= 1, Harm::ClientMisled, || {
            format!("{what}: {new} answers said that the payment was new")
        });
    }
    let wrong = trial.complaints > before;
    trial.rounds = (trial.rounds.0 + 1, trial.rounds.1 + u32::from(wrong));
    // One line of what was right is enough.
    if wrong || trial.evidence.is_empty() {
        trial.saw(line);
    }
    Ok(())
}

fn charges(trial: &mut Trial, what: &str, ids: &[&str], counted: Option<u64>) {
    let named = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    if named > 1 || counted.is_some_and(|count| count > 1) {
        let most = named.max(counted.unwrap_or(0));
        trial.wrong(Harm::ChargedTwice, format!("{what}: {most} payments where there may be one"));
    } else if counted == Some(0) && named == 1 {
        trial.wrong(Harm::PaymentLost, format!("{what}: payment {} was confirmed and is not there", ids[0]));
    }
}

/// Answers that a patient would see as an error, although pressing again was all they did.
fn errors(trial: &mut Trial, what: &str, heard: &[Heard]) {
    let bad: Vec<Heard> = heard
        .iter()
        .filter(|answer| {
            matches!(
                answer.meaning,
                Meaning::Failed | Meaning::Refused | Meaning::KeyReused | Meaning::Silent(_)
            )
        })
        .cloned()
        .collect();
    trial.expect(bad.is_empty(), Harm::ErrorShown, || {
        format!("{what}: {} of {} were answered {}", bad.len(), heard.len(), tally(&bad))
    });
}

/// Judges that `press` can still be paid: its key was not used up by what went before.
pub(super) async fn can_pay(scene: &Scene, trial: &mut Trial, what: &str, press: &Press) -> Result<(), Halt> {
    let heard = scene.settle(press).await?;
    trial.saw(format!("{what}: {}", heard.shown()));
    trial.expect(heard.payment().is_some(), Harm::CannotPay, || {
        format!("{what}: the right request under this key was answered {}", heard.shown())
    });
    let counted = scene.count(&press.patient, press.consultation).await?;
    if let (Some(count), Some(id)) = (counted, heard.payment()) {
        trial.expect(count < 2, Harm::ChargedTwice, || format!("{what}: {count} payments"));
        trial.expect(count > 0, Harm::PaymentLost, || {
            format!("{what}: payment {id} was confirmed and is not there")
        });
    }
    Ok(())
}

/// Judges that a request was refused and made no payment.
pub(super) async fn refused(
    scene: &Scene,
    trial: &mut Trial,
    what: &str,
    press: &Press,
    heard: &Heard,
    harm: Harm,
) -> Result<(), Halt> {
    trial.saw(format!("{what}: {}", heard.shown()));
    trial.expect(heard.is_refusal(), harm, || format!("{what}: answered {}, not refused", heard.shown()));
    let counted = scene.count(&press.patient, press.consultation).await?;
    trial.expect(counted.is_none_or(|count| count == 0), harm, || format!("{what}: a payment was made"));
    Ok(())
}

/// Judges the status of a refusal, where the rule names one.
pub(super) fn status(trial: &mut Trial, what: &str, heard: &Heard, wanted: &[u16]) {
    trial.expect(wanted.contains(&heard.status), Harm::ClientMisled, || {
        let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
        format!("{what}: answered {}, not {}", heard.shown(), wanted.join(" or "))
    });
}
