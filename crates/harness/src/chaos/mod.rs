//! Chaos: people press, pay, pay again through sessions that were ended, come back, give up, operators
//! refund, and answers of Stripe's get lost, while something is done to the installation again and again.
//! Afterwards nobody has paid for a consultation twice, nobody is stuck, the host knows everything, and
//! everything that was answered is so.

mod blow;
mod landing;
mod lane;
mod pooler;
mod post;
mod run;
mod world;

pub use blow::*;

pub use landing::Landed;
pub use pooler::{strike_pooler, watch};
pub use run::run;
pub use world::{Asking, STEP, WINDOW, World};

use crate::eye::Eye;
use crate::gateway::session_of;
use crate::http::{Connection, Request, path_of};
use crate::invariants::{broken, broken_now, promised};
use crate::press::Press;
use crate::program::Program;
use crate::seed::Seeded;
use crate::site::Combination;
use crate::stage::{Stage, Surroundings, Webhooks};
use crate::stripe::Books;
use crate::violation::Violation;
use lane::Lane;
use post::Post;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// People at a time, for each server.
const LANES: usize = 6;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// What goes wrong at Stripe now and then, for as many requests as follow.
const FAULTS: [&str; 5] =
    ["answer_lost", "request_lost", "connection_reset", "server_error", "server_error_after_work"];
const STRUCK: u32 = 4;
/// Where: at whatever is asked for next, or at what is asked for seldom.
const STRUCK_AT: [&str; 2] = ["/v1/", "/v1/refunds"];
/// Something goes wrong at Stripe at every so-manieth blow.
const STRIKES_EVERY: u64 = 3;

/// What is to be played.
pub struct Plan {
    /// Where.
    pub combination: Combination,
    /// Which program serves.
    pub program: Program,
    /// So many blows.
    pub blows: u64,
    /// What the randomness begins with.
    pub seed: u64,
    /// How long what runs in the background may take afterwards.
    pub patience: Duration,
    /// Whether locks and leases of the dead last as long as they do, and the reconciler comes as seldom as it
    /// does. Otherwise nobody waits for them.
    pub real_expiries: bool,
    /// What it stands on.
    pub surroundings: Surroundings,
}

/// An installation under load.
pub struct Scene {
    /// The installation.
    pub stage: Stage,
    /// The people.
    pub world: Arc<World>,
    /// For the moments, and the choices, of blows.
    pub random: Seeded,
    /// Looks at where blows land.
    pub eye: Eye,
    /// Where they have landed.
    pub landed: Landed,
    /// What was found broken on the way.
    found: Vec<Violation>,
    /// How long each server took from its start until it listened.
    starts: Vec<Duration>,
    program: Program,
    patience: Duration,
    real_expiries: bool,
    seed: u64,
    lanes: JoinSet<()>,
    _post: Post,
}

/// What came of it.
pub struct Outcome {
    /// What is broken.
    pub violations: Vec<Violation>,
    /// Where the blows have landed.
    pub landed: Landed,
    /// Questions that were answered.
    pub answers: u64,
    /// Payments that were made.
    pub payments: u64,
    /// Charges at the gateway.
    pub charges: u64,
    /// How long servers took to start.
    pub starts: Vec<Duration>,
}

impl Scene {
    /// Sets everything up; nobody is there yet.
    pub async fn set(plan: &Plan) -> Self {
        let mut tuning = vec![("SEKALI_AUTOMATIC_REFUNDS", "100000")];
        if !plan.real_expiries {
            tuning.push(("SEKALI_RECONCILE_INTERVAL", "1"));
        }
        let post = Post::open(plan.seed).await;
        let mut stage =
            Stage::empty_on(plan.combination, Webhooks::To(&post.url), &tuning, &plan.surroundings).await;
        let world = Arc::new(World::new(
            stage.stripe.address(),
            LANES * plan.combination.servers(),
            plan.surroundings.own_redis,
        ));
        post.lead_into(&world);
        for _ in 0..plan.combination.servers() {
            stage.serve_with(plan.program.serve(), &plan.program.settings()).await;
        }
        let last = WINDOW + STEP * i64::try_from(plan.blows).expect("not so many blows");
        stage.database.seed(last, |id| id).await;
        let eye = Eye::on(&stage.database).await;
        let scene = Self {
            stage,
            world,
            random: Seeded::new(plan.seed),
            eye,
            landed: Landed::default(),
            found: Vec::new(),
            starts: Vec::new(),
            program: plan.program,
            patience: plan.patience,
            real_expiries: plan.real_expiries,
            seed: plan.seed,
            lanes: JoinSet::new(),
            _post: post,
        };
        scene.lead_on();
        scene
    }

    /// People come.
    pub fn begin(&mut self) {
        for lane in 0..LANES * self.stage.servers.len() {
            self.lanes.spawn(Lane::new(Arc::clone(&self.world), lane, self.seed).play());
        }
    }

    /// The servers have changed: people go where there are some.
    pub fn lead_on(&self) {
        self.world.lead_to(self.stage.servers.iter().map(|server| server.address));
    }

    /// Starts one more server.
    pub async fn serve(&mut self) {
        let begun = Instant::now();
        self.stage.serve_with(self.program.serve(), &self.program.settings()).await;
        self.starts.push(begun.elapsed());
        self.lead_on();
    }

    /// The locks of the dead are nobody's any more.
    pub fn end_locks(&self) {
        if !self.real_expiries {
            self.stage.end_locks();
        }
    }

    /// A random moment, so many milliseconds away at most. It waits for nothing.
    pub async fn moment(&mut self, most: u64) {
        sleep(Duration::from_millis(self.random.below(most))).await;
    }

    /// Notes what a server had come to that is no more, or stands still: it was being asked this.
    pub async fn look(&mut self, asked: &[Asking]) {
        self.landed.look(&self.eye, asked).await;
        self.found.extend(broken_now(&self.eye).await);
    }

    /// The blow of this number was dealt: other people come, and something may go wrong at Stripe.
    pub async fn dealt(&mut self, number: u64) {
        self.world.go_on();
        if number.is_multiple_of(STRIKES_EVERY) {
            let kind = FAULTS[usize::try_from(self.random.below(FAULTS.len() as u64)).unwrap_or(0)];
            let path = STRUCK_AT[usize::try_from(self.random.below(2)).unwrap_or(0)];
            let fault = json!({ "kind": kind, "times": STRUCK, "method": "POST", "path": path });
            self.stage.stripe.fail(&fault).await;
        }
    }

    /// People go home, everything is healed, everybody pays at last, and all of it is checked.
    pub async fn end(mut self) -> Outcome {
        self.world.end();
        crate::wait::all(std::mem::take(&mut self.lanes)).await;
        self.stage.stripe.end_faults().await;
        let servers = self.stage.servers.len();
        self.stage.kill_servers();
        if !self.real_expiries {
            self.stage.end_leases().await;
        }
        for _ in 0..servers {
            self.serve().await;
        }
        let mut violations = std::mem::take(&mut self.found);
        violations.extend(self.rests().await);
        violations.extend(self.everybody_pays().await);
        violations.extend(self.rests().await);
        violations.extend(broken(&self.stage).await);
        let (promises, wrong) = self.world.answered.take();
        violations.extend(wrong);
        violations.extend(promised(&self.stage, &promises).await);
        let books = self.stage.stripe.books().await;
        Outcome {
            violations,
            landed: self.landed,
            starts: self.starts,
            answers: self.world.done(),
            payments: self.stage.database.rows().await.payments.unsigned_abs(),
            charges: Books::all(&books.charges).unsigned_abs(),
        }
    }

    async fn rests(&self) -> Option<Violation> {
        let begun = Instant::now();
        while begun.elapsed() < self.patience {
            if self.stage.under_way().await == 0 {
                return None;
            }
            sleep(PAUSE).await;
        }
        let detail =
            format!("after {:?} {} things are under way", self.patience, self.stage.under_way().await);
        Some(Violation::of("what had begun comes to its end", detail))
    }

    /// Nobody is stuck: each consultation is paid, or there is a way to pay it.
    async fn everybody_pays(&self) -> Vec<Violation> {
        let (mut lanes, last) = (JoinSet::new(), self.world.last());
        let lanes_wanted = i64::try_from(LANES).unwrap_or(1);
        for lane in 0..lanes_wanted {
            let server = &self.stage.servers[usize::try_from(lane).unwrap_or(0) % self.stage.servers.len()];
            let (mut service, mut stripe) = (server.connect(), self.stage.stripe.connect());
            let patience = self.patience;
            lanes.spawn(async move {
                let mut stuck = Vec::new();
                for id in (1 + lane..=last).step_by(LANES) {
                    stuck.extend(pays_at_last(&mut service, &mut stripe, id, patience).await);
                }
                stuck
            });
        }
        crate::wait::all(lanes).await.into_iter().flatten().collect()
    }
}

async fn pays_at_last(
    service: &mut Connection,
    stripe: &mut Connection,
    id: i64,
    patience: Duration,
) -> Option<Violation> {
    let (begun, mut last) = (Instant::now(), String::new());
    while begun.elapsed() < patience {
        let press = Press::own(id, format!("at-last-{id}-{}", begun.elapsed().as_millis()));
        let Ok(answer) = service.call(&press.request()).await else { continue };
        let body = answer.json();
        if body["data"]["status"] == "completed" {
            return None;
        }
        last = format!("{} {}", answer.status, answer.body);
        if let Some(checkout) = body["data"]["checkout_url"].as_str() {
            let redirect = service.call(&Request::get(path_of(checkout))).await;
            if let Some(session) = redirect.ok().as_ref().and_then(session_of) {
                // Paid already by somebody else: the next look shows it.
                let _ = stripe.call(&crate::stripe::pay(&session, false)).await;
                // The callback settles at once, whether or not the webhook has come.
                let payment = body["data"]["payment_id"].as_i64().unwrap_or_default();
                let _ = service.call(&crate::actor::callback(payment, &session)).await;
                continue;
            }
        }
        sleep(PAUSE).await;
    }
    Some(Violation::of("the patient can always go on", format!("consultation {id}: {last}")))
}

/// Plays a plan: `blow` is dealt so many times, at moments of its own.
pub async fn play(plan: &Plan, mut blow: impl AsyncFnMut(&mut Scene)) -> Outcome {
    let mut scene = Scene::set(plan).await;
    scene.begin();
    for number in 1..=plan.blows {
        blow(&mut scene).await;
        scene.dealt(number).await;
    }
    scene.end().await
}
