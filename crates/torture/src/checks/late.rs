//! A payment from the start of the run, at its end.

use super::Check;
use crate::client::Halt;
use crate::rule::{ANSWERS, ENFORCEMENT};
use crate::scene::{Press, Scene};
use crate::trial::{Harm, Trial};
use std::time::Duration;
use tokio::time::Instant;

/// Its request is [`Early::replay`]'s; the table only names it.
pub(super) const CHECK: Check = Check {
    id: "late-replay",
    title: "the first request of the run comes again at its end",
    rules: &[ANSWERS, ENFORCEMENT],
    run: |_, trial| Box::pin(async { trial.does_not_apply("nothing was paid at the start") }),
};

/// The first payment of a run, which also shows whether there is anything to attack.
pub(crate) struct Early {
    press: Press,
    payment: String,
    made: Instant,
}

impl Early {
    /// Makes it; says in one sentence what is in the way.
    pub(crate) async fn pay(scene: &Scene) -> Result<Self, Halt> {
        let patient = scene.patient()?;
        let consultation = scene.consultation(&patient).await?;
        let press = scene.press(&patient, consultation, &scene.key());
        let reply = scene.client.send(&scene.message(&press)).await?;
        let heard = scene.read(&reply);
        let path = &scene.file.request.path;
        match heard.payment() {
            Some(id) => {
                scene.count(&patient, consultation).await?;
                Ok(Self { payment: id.to_owned(), press, made: Instant::now() })
            }
            None if heard.status == 401 => Err(Halt::SetUp(format!(
                "the first request ({path}) was answered 401: the token is not taken; is it signed with the \
                 service's secret?"
            ))),
            None => Err(Halt::SetUp(format!(
                "the first request ({path}) made no payment: {}; is it the request that the service takes?",
                heard.shown()
            ))),
        }
    }

    /// The same request again.
    pub(crate) async fn replay(&self, scene: &Scene, trial: &mut Trial) -> Result<(), Halt> {
        let heard = scene.settle(&self.press).await?;
        let age = Duration::from_secs(self.made.elapsed().as_secs());
        trial.saw(format!("payment {}; after {age:?}: {}", self.payment, heard.shown()));
        match heard.payment() {
            Some(id) => trial.expect(id == self.payment, Harm::ChargedTwice, || {
                format!("after {age:?} the same key made payment {id} beside payment {}", self.payment)
            }),
            None => trial
                .wrong(Harm::CannotPay, format!("after {age:?} the same key was answered {}", heard.shown())),
        }
        if let Some(count) = scene.count(&self.press.patient, self.press.consultation).await? {
            trial.expect(count < 2, Harm::ChargedTwice, || format!("{count} payments after {age:?}"));
            trial.expect(count > 0, Harm::PaymentLost, || format!("payment {} is gone", self.payment));
        }
        Ok(())
    }
}
