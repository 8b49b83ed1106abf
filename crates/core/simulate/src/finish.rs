//! The end of every history: the faults stop, everybody who can goes on, and each patient tries to pay.

use crate::executor::lock;
use crate::gateway::AtStripe;
use crate::patient::{Client, Wanted, key};
use crate::press::receipt;
use crate::server::Flows;
use crate::world::{EPOCH, Sim};
use sekali_core::domain::{ConsultationId, Status, UserId};
use sekali_core::flow::checkout::Way;
use sekali_core::flow::compare;
use sekali_core::ports::{Clock, GatewayStatus, OutboxQuery, OutboxStore};
use std::sync::Arc;
use std::time::Duration;

const MINUTES: u64 = 60;
const HOURS: u64 = 3600;
/// Between two rounds, in seconds: first the retries of minutes, then sessions that run out, then whatever is late by
/// days.
const PAUSES: [u64; 12] = [
    2 * MINUTES,
    62 * MINUTES,
    4 * HOURS,
    25 * HOURS,
    25 * HOURS,
    26 * HOURS,
    50 * HOURS,
    50 * HOURS,
    50 * HOURS,
    50 * HOURS,
    50 * HOURS,
    50 * HOURS,
];
/// A worker that never comes to the end of its work has a fault of its own.
const MOST_WORK: u32 = 400;

/// From now on nothing goes wrong any more.
pub(crate) fn calm(sim: &Arc<Sim>) {
    *lock(&sim.quiet) = true;
    let machines = lock(&sim.machines).len();
    for server in 0..machines {
        sim.executor.crash(server);
        let mut machines = lock(&sim.machines);
        machines[server].flows = None;
        machines[server].set_right();
    }
    sim.note(|| ("the faults STOP; every server is started anew, its clock set right".into(), String::new()));
}

/// After the tasks of the old processes are gone.
pub(crate) fn start_again(sim: &Arc<Sim>) {
    let machines = lock(&sim.machines).len();
    for server in 0..machines {
        sim.boot(server, false);
    }
}

fn flows(sim: &Sim) -> Option<Arc<Flows>> {
    lock(&sim.machines)[0].flows.clone()
}

/// Everything that works by itself works until there is nothing left to do now.
async fn round(sim: &Arc<Sim>) {
    let Some(flows) = flows(sim) else { return };
    for _ in 0..2 {
        work_off(sim, &flows).await;
        let report = flows.reconcile.pass_now(&|_, _| {}).await;
        sim.note(|| ("reconciles".into(), format!("{report:?}")));
    }
    work_off(sim, &flows).await;
    drop(flows.pay.duplicates.record(&*flows.pay.store).await);
    let parked = flows.pay.store.outbox(OutboxQuery::Parked, sekali_core::domain::PaymentId(0), 100).await;
    for entry in parked.unwrap_or_default() {
        drop(sim.replay(entry.payment, None, sim.now()).await);
    }
    drop(flows.outbox.work().await);
}

async fn work_off(sim: &Sim, flows: &Flows) {
    for _ in 0..MOST_WORK {
        if !matches!(flows.inbox.work().await, Ok(worked) if worked > 0) {
            return;
        }
    }
    sim.broken("I9", "the inbox is never worked off".into());
}

/// What is still awaited; `None`: everything has come to rest.
fn awaited(sim: &Sim) -> Option<String> {
    let pending = sim.books(|books, _| {
        let unpaid = books.sessions.iter().any(|session| session.status == GatewayStatus::Unpaid);
        unpaid || books.refunds.iter().any(|refund| refund.state.is_awaited())
    });
    if pending {
        return Some("money under way".into());
    }
    let db = lock(&sim.db);
    if db.sessions().any(|(_, session, _)| session.state.is_live()) {
        return Some("a live session".into());
    }
    for row in &db.rows {
        let file = &row.file;
        if matches!(file.payment.status, Status::Pending | Status::Processing) {
            return Some(format!("payment {} is {}", file.payment.id, file.payment.status));
        }
        if file.refunds.iter().any(|refund| refund.state.is_awaited()) {
            return Some(format!("a refund of payment {}", file.payment.id));
        }
        if row.outbox.as_ref().is_some_and(|outbox| outbox.delivered_seq < outbox.last_seq) {
            return Some(format!("the host, of payment {}", file.payment.id));
        }
    }
    let waiting = db.events.values().any(|event| event.finished_at.is_none());
    waiting.then(|| "an event in the inbox".into())
}

/// Rounds until nothing is awaited any more.
pub(crate) async fn come_to_rest(sim: &Arc<Sim>) {
    for pause in PAUSES {
        round(sim).await;
        if awaited(sim).is_none() && returned(sim) {
            return;
        }
        sim.executor.sleep(Duration::from_secs(pause)).await;
    }
    round(sim).await;
    if let Some(what) = awaited(sim) {
        sim.broken("I9", format!("it never comes to rest: {what} is still awaited after days"));
    }
}

/// Whether money that settles nothing is back.
fn returned(sim: &Sim) -> bool {
    let db = lock(&sim.db);
    db.rows.iter().all(|row| {
        let stray = row.file.captures.iter();
        stray
            .filter(|capture| capture.disposition != sekali_core::domain::Disposition::Settled)
            .all(|capture| row.file.given_back(capture) == capture.amount)
    })
}

/// I9: each consultation is paid, or its patient pays it now, by the usual way.
pub(crate) async fn everybody_pays(sim: &Arc<Sim>) {
    let all: Vec<_> = lock(&sim.db).consultations.iter().map(|(id, record)| (*id, record.patient)).collect();
    for (consultation, patient) in all {
        let mut payer = Payer { sim: sim.clone(), consultation, patient, requests: 500_000 };
        payer.pays_at_last().await;
    }
}

struct Payer {
    sim: Arc<Sim>,
    consultation: ConsultationId,
    patient: UserId,
    requests: u32,
}

impl Payer {
    fn client(&mut self) -> Client {
        self.requests += 10;
        let patient = u64::try_from(self.patient.0).unwrap_or(0);
        let first = self.requests + u32::try_from(self.consultation.0).unwrap_or(0) * 1000;
        Client { sim: self.sim.clone(), patient, first }
    }

    fn is_paid(&self) -> bool {
        let db = lock(&self.sim.db);
        db.rows.iter().any(|row| {
            let payment = &row.file.payment;
            payment.consultation == self.consultation && payment.status == Status::Completed
        })
    }

    async fn pays_at_last(&mut self) {
        let mut last = String::new();
        for (attempt, pause) in (0_u32..).zip(PAUSES) {
            if self.is_paid() {
                return;
            }
            last = self.tries(attempt).await;
            if self.is_paid() {
                return;
            }
            round(&self.sim).await;
            self.sim.executor.sleep(Duration::from_secs(pause)).await;
        }
        let (id, patient) = (self.consultation, self.patient);
        self.sim.broken("I9", format!("consultation {id} cannot be paid by patient {patient}: {last}"));
    }

    /// Presses BAYAR with a new key, and pays at Stripe. What stood in the way.
    async fn tries(&mut self, attempt: u32) -> String {
        let fee = lock(&self.sim.db).consultations.get(&self.consultation).map(|record| record.terms.fee);
        let key = key(&format!("at-last-{}-{attempt}", self.consultation));
        let (Some(amount), Some(key)) = (fee, key) else { return "it has no price".into() };
        let wanted = Wanted { consultation: self.consultation, key, amount };
        let payment = match self.client().press(0, wanted).await {
            Some(Ok(answer)) => receipt(&answer).payment.id,
            Some(Err(error)) => return error.to_string(),
            None => return "there is no answer".into(),
        };
        let tab = match self.client().proceed(0, payment).await {
            Some(Way::ToStripe(url)) => url.rsplit('/').next().unwrap_or_default().to_owned(),
            Some(Way::Stands(receipt)) => return format!("payment {payment} is {}", receipt.payment.status),
            Some(Way::Later(_)) => return format!("Stripe gives no session for payment {payment}"),
            Some(Way::NoPayment) => return format!("payment {payment} is gone"),
            None => return "there is no answer".into(),
        };
        if !self.sim.at_stripe(&tab, AtStripe::Pays) {
            return format!("the page of payment {payment} is closed");
        }
        drop(self.client().come_back(0, payment).await);
        format!("payment {payment} was paid and is not completed")
    }
}

/// Stripe's lists and the database, held against each other by the flow that operators use.
pub(crate) async fn compare_books(sim: &Arc<Sim>) {
    let Some(flows) = flows(sim) else { return };
    let compared = compare::compare(&flows.refunds.settle, EPOCH, &|_, _| {}).await;
    match compared {
        Ok(comparison) => {
            for difference in comparison.differences.into_iter().filter(|found| !is_allowed(found, sim)) {
                let how = format!(
                    "{} {}: Stripe says {}, the database {}",
                    difference.kind, difference.object, difference.stripe, difference.database
                );
                sim.broken("I8", how);
            }
        }
        Err(error) => sim.broken("I8", format!("the books cannot be compared: {error}")),
    }
}

/// What differs without harm. A call to Stripe that seemed lost, or was refused to somebody else with the same key, makes
/// its session after all: nobody was ever sent there, and it runs out. And a refund that was held never to have arrived,
/// and does after all only to be called back, gives nothing back on either side.
fn is_allowed(found: &compare::Difference, sim: &Sim) -> bool {
    let unseen =
        || sim.books(|books, _| books.find(&found.object).is_some_and(|at| !books.sessions[at].is_shown));
    let given_up = found.kind == "checkout session" && found.stripe == "open" && found.database == "expired";
    let never_back = found.stripe.starts_with("canceled") || found.stripe.starts_with("failed");
    (given_up && unseen()) || (found.kind == "refund" && never_back && found.database == "is not there")
}
