//! Small models, walked through whole: every order in which two tasks can go on, and a crash at every await.

use crate::db::Consulted;
use crate::executor::{Process, Stopped, Who, lock};
use crate::gateway::AtStripe;
use crate::log::Broken;
use crate::patient::{Client, Wanted, key};
use crate::plan::Plan;
use crate::press::receipt;
use crate::setting::Setting;
use crate::slot::{Awaited, slot};
use crate::world::{Model, Sim};
use sekali_core::domain::{Actor, ConsultationId, Currency, Money, Origin, PaymentId, Terms, UserId};
use sekali_core::flow::checkout::Way;
use std::sync::Arc;

/// Two things at once, each on a server of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Two presses with one key.
    SameKey,
    /// Two presses with two keys.
    TwoKeys,
    /// A press, and the wish to cancel what an earlier one has made.
    PayAndCancel,
    /// The callback, and the webhook, of one payment.
    CallbackAndWebhook,
    /// The callback, and the reconciler.
    CallbackAndReconciler,
}

impl Scene {
    /// Every scene.
    pub const ALL: [Self; 5] = [
        Self::SameKey,
        Self::TwoKeys,
        Self::PayAndCancel,
        Self::CallbackAndWebhook,
        Self::CallbackAndReconciler,
    ];
}

/// What may go wrong in a small model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Servers that die, each at any await.
    pub crashes: u32,
    /// Locks that are handed to a second holder.
    pub second_holders: u32,
}

/// What walking through a small model came to.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Different ways that it can go.
    pub ways: u64,
    /// Whether these are all.
    pub is_whole: bool,
    /// What breaks first, and by which choices.
    pub broken: Option<(Vec<Broken>, Vec<usize>)>,
}

/// Walks through every way that a scene can go, `most` of them.
pub fn explore(scene: Scene, plan: &Plan, allowed: Allowed, most: u64) -> Explored {
    let mut prefix = Vec::new();
    let mut ways = 0;
    loop {
        let (broken, choices) = play(scene, plan, allowed, prefix);
        ways += 1;
        if !broken.is_empty() {
            let chosen = choices.into_iter().map(|(chosen, _)| chosen).collect();
            return Explored { ways, is_whole: false, broken: Some((broken, chosen)) };
        }
        let Some(next) = next_way(&choices) else { return Explored { ways, is_whole: true, broken: None } };
        if ways >= most {
            return Explored { ways, is_whole: false, broken: None };
        }
        prefix = next;
    }
}

/// The way after this one: the last choice that can still go otherwise does.
fn next_way(choices: &[(usize, usize)]) -> Option<Vec<usize>> {
    let last = choices.iter().rposition(|(chosen, among)| chosen + 1 < *among)?;
    let mut next: Vec<usize> = choices[..last].iter().map(|(chosen, _)| *chosen).collect();
    next.push(choices[last].0 + 1);
    Some(next)
}

const CONSULTATION: ConsultationId = ConsultationId(5);
const PATIENT: UserId = UserId(1);
const FEE: Money = Money::new(500_000, Currency::PHP);

fn play(
    scene: Scene,
    plan: &Plan,
    allowed: Allowed,
    prefix: Vec<usize>,
) -> (Vec<Broken>, Vec<(usize, usize)>) {
    let setting = Setting { servers: 3, ..Setting::calm() };
    let Allowed { crashes, second_holders } = allowed;
    let model = Model { prefix, crashes, second_holders, ..Model::default() };
    let sim = Sim::new(0, plan.clone(), setting, Some(model));
    {
        let mut db = lock(&sim.db);
        db.migrated = true;
        let terms = Terms { fee: FEE, tax_exempt: false };
        db.consultations.insert(CONSULTATION, Consulted { patient: PATIENT, terms });
    }
    let main = sim.clone();
    sim.spawn(Process::World, Who::World, &[0], async move { play_scene(&main, scene).await });
    let choosing = sim.clone();
    let stopped =
        sim.executor.run(&mut |among| choosing.model.as_ref().map_or(0, |model| lock(model).choose(among)));
    if stopped != Stopped::Ended {
        sim.broken("I9", format!("it does not end: {stopped:?}"));
    }
    let ended: Vec<_> = lock(&sim.machines).iter_mut().map(|machine| machine.flows.take()).collect();
    drop(ended);
    let choices =
        sim.model.as_ref().map(|model| std::mem::take(&mut lock(model).choices)).unwrap_or_default();
    let broken = std::mem::take(&mut lock(&sim.log).broken);
    (broken, choices)
}

fn set_open(sim: &Sim, open: bool) {
    if let Some(model) = &sim.model {
        lock(model).is_open = open;
    }
}

async fn play_scene(sim: &Arc<Sim>, scene: Scene) {
    for server in 0..3 {
        sim.boot(server, false);
    }
    let before = prepare(sim, scene).await;
    set_open(sim, true);
    let both = match (scene, before) {
        (Scene::SameKey, _) => [press(sim, 0, "k"), press(sim, 1, "k")],
        (Scene::TwoKeys, _) => [press(sim, 0, "k"), press(sim, 1, "other")],
        (Scene::PayAndCancel, Some((payment, _))) => [press(sim, 0, "other"), cancel(sim, 1, payment)],
        (Scene::CallbackAndWebhook, Some((payment, _))) => [come_back(sim, 0, payment), webhook(sim, 1)],
        (Scene::CallbackAndReconciler, Some((payment, _))) => [come_back(sim, 0, payment), reconcile(sim, 1)],
        _ => return sim.broken("I9", "the scene cannot be set".into()),
    };
    for one in both {
        one.await;
    }
    set_open(sim, false);
    // Whoever had no answer asks again, and another server finishes what was begun.
    press(sim, 2, "k").await;
    let third = lock(&sim.machines)[2].flows.clone();
    if let Some(flows) = third {
        drop(flows.reconcile.pass_now(&|_, _| {}).await);
        sim.executor.sleep(crate::MINUTE).await;
        while matches!(flows.inbox.work().await, Ok(worked) if worked > 0) {}
        drop(flows.reconcile.pass_now(&|_, _| {}).await);
        drop(flows.outbox.work().await);
    }
    sim.check_all();
    if matches!(scene, Scene::CallbackAndWebhook | Scene::CallbackAndReconciler) {
        is_settled_once(sim);
    }
}

/// One transition, whoever brought the news.
fn is_settled_once(sim: &Sim) {
    let entries: usize = lock(&sim.db)
        .rows
        .iter()
        .map(|row| row.record.iter().filter(|event| event.kind == "completed").count())
        .sum();
    if entries != 1 {
        sim.broken("I6", format!("one payment was settled {entries} times"));
    }
}

/// A payment that is there before, and paid at Stripe where that matters; with the patient's tab.
async fn prepare(sim: &Arc<Sim>, scene: Scene) -> Option<(PaymentId, String)> {
    if matches!(scene, Scene::SameKey | Scene::TwoKeys) {
        return None;
    }
    let client = Client { sim: sim.clone(), patient: 1, first: 100 };
    let wanted = Wanted { consultation: CONSULTATION, key: key("k")?, amount: FEE };
    let payment = receipt(&client.press(0, wanted).await?.ok()?).payment.id;
    let Some(Way::ToStripe(url)) = client.proceed(1, payment).await else { return None };
    let tab = url.rsplit('/').next()?.to_owned();
    if scene != Scene::PayAndCancel {
        sim.at_stripe(&tab, AtStripe::Pays);
    }
    Some((payment, tab))
}

/// A task of a server, and the moment at which it is over, or dead.
fn start(sim: &Arc<Sim>, server: usize, work: impl Future<Output = ()> + Send + 'static) -> Awaited<()> {
    let (over, awaited) = slot();
    let name = [0x5ce, server as u64, sim.executor.draw()];
    sim.spawn(
        Process::Server(server),
        Who::Request(1, u32::try_from(server).unwrap_or(0)),
        &name,
        async move {
            work.await;
            over.give(());
        },
    );
    awaited
}

fn press(sim: &Arc<Sim>, server: usize, with: &str) -> Awaited<()> {
    let client = Client { sim: sim.clone(), patient: 1, first: 200 };
    let key = key(with);
    let me = sim.clone();
    start(sim, server, async move {
        if let Some(key) = key {
            client.press_here(&me, server, Wanted { consultation: CONSULTATION, key, amount: FEE }).await;
        }
    })
}

fn cancel(sim: &Arc<Sim>, server: usize, payment: PaymentId) -> Awaited<()> {
    let flows = lock(&sim.machines)[server].flows.clone();
    start(sim, server, async move {
        if let Some(flows) = flows {
            drop(flows.cancel.cancel(payment, &Origin::of(Actor::Patient)).await);
        }
    })
}

fn come_back(sim: &Arc<Sim>, server: usize, payment: PaymentId) -> Awaited<()> {
    let flows = lock(&sim.machines)[server].flows.clone();
    start(sim, server, async move {
        if let Some(flows) = flows {
            drop(flows.cancel.checkout.settle.settle_payment(payment, &Origin::of(Actor::Callback)).await);
        }
    })
}

/// The event is in the inbox already, and is worked on.
fn webhook(sim: &Arc<Sim>, server: usize) -> Awaited<()> {
    let now = sim.true_time();
    lock(&sim.db).receive_event("evt_1", "checkout.session.completed", Some("cs_1"), now);
    let flows = lock(&sim.machines)[server].flows.clone();
    start(sim, server, async move {
        if let Some(flows) = flows {
            drop(flows.inbox.work().await);
        }
    })
}

fn reconcile(sim: &Arc<Sim>, server: usize) -> Awaited<()> {
    let flows = lock(&sim.machines)[server].flows.clone();
    start(sim, server, async move {
        if let Some(flows) = flows {
            drop(flows.reconcile.pass_now(&|_, _| {}).await);
        }
    })
}
