//! Patients: impatient, forgetful, with two tabs, and some with other people's keys.

use crate::executor::{Process, Who, lock};
use crate::gateway::AtStripe;
use crate::plan::Fault;
use crate::press::{Press, receipt};
use crate::server::Flows;
use crate::world::Sim;
use futures_util::future::{BoxFuture, Either, join_all, select};
use sekali_core::domain::{
    Actor, ConsultationId, IdempotencyKey, Money, Origin, PaymentId, PaymentMethod, Receipt, Role, User,
    UserId,
};
use sekali_core::flow::checkout::Way;
use sekali_core::flow::pay::{Answer, PayError, PayRequest, Twin};
use sekali_core::ports::Page;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A client waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Attempts of a client that gets no answer.
const ATTEMPTS: u32 = 3;

/// What a patient wants to have done.
pub(crate) struct Wanted {
    pub(crate) consultation: ConsultationId,
    pub(crate) key: IdempotencyKey,
    pub(crate) amount: Money,
}

/// A patient, and what is remembered between two wishes.
pub(crate) struct Patient {
    sim: Arc<Sim>,
    number: u64,
    wish: u32,
    requests: u32,
    last_key: Option<IdempotencyKey>,
    payment: Option<PaymentId>,
}

pub(crate) fn consultation_of(patient: u64) -> ConsultationId {
    ConsultationId(100 + i64::try_from(patient).unwrap_or(0))
}

pub(crate) fn user(patient: u64) -> UserId {
    UserId(i64::try_from(patient).unwrap_or(0))
}

/// Every other patient's client speaks the standard's contract, in which who comes second with a key is told so.
fn contract(patient: u64) -> Twin {
    if patient.is_multiple_of(2) { Twin::Refuse } else { Twin::Await }
}

pub(crate) fn key(text: &str) -> Option<IdempotencyKey> {
    IdempotencyKey::new(text).ok()
}

impl Patient {
    pub(crate) fn new(sim: Arc<Sim>, number: u64) -> Self {
        Self { sim, number, wish: 0, requests: 0, last_key: None, payment: None }
    }

    /// One wish after the other.
    pub(crate) async fn live(mut self) {
        for wish in 0..self.sim.setting.wishes {
            self.wish = wish;
            self.think(1).await;
            let act = self.sim.executor.below(20);
            let left_out = self.sim.plan.no_wishes.contains(&(self.number, wish));
            if left_out || *lock(&self.sim.quiet) {
                continue;
            }
            lock(&self.sim.log).wishes.push((self.number, wish));
            match act {
                0..=12 => self.pay().await,
                13 => self.cancel().await,
                14 | 15 => self.with_anothers_key().await,
                16 | 17 => self.same_key_other_body().await,
                18 => self.looks().await,
                _ => self.goes_on().await,
            }
        }
    }

    async fn think(&self, share: u64) {
        let micros = 1 + self.sim.executor.below(self.sim.setting.pace / share);
        self.sim.executor.sleep(Duration::from_micros(micros)).await;
    }

    fn fee(&self, consultation: ConsultationId) -> Money {
        let db = lock(&self.sim.db);
        let record = db.consultations.get(&consultation);
        record.map_or(Money::new(1, sekali_core::domain::Currency::PHP), |record| record.terms.fee)
    }

    fn new_key(&self, more: u32) -> Option<IdempotencyKey> {
        key(&format!("payment-{}-{}-{more}", self.number, self.wish))
    }

    fn wanted(&self, key: IdempotencyKey) -> Wanted {
        let consultation = consultation_of(self.number);
        Wanted { consultation, key, amount: self.fee(consultation) }
    }

    /// Presses BAYAR, once or in a storm, until there is an answer; then goes on to Stripe.
    async fn pay(&mut self) {
        let again = self.last_key.clone().filter(|_| self.sim.executor.below(10) < 3);
        let Some(key) = again.or_else(|| self.new_key(0)) else { return };
        self.last_key = Some(key.clone());
        let storm = match self.sim.executor.below(10) {
            0..=4 => 1,
            5..=7 => 2,
            _ => 3 + self.sim.executor.below(4),
        };
        let other_keys = self.sim.executor.below(10) < 4;
        let mut clicks: Vec<BoxFuture<'static, Option<Receipt>>> = Vec::new();
        for click in 0..u32::try_from(storm).unwrap_or(1) {
            let of_click = if other_keys && click > 0 { self.new_key(click) } else { Some(key.clone()) };
            let Some(of_click) = of_click else { continue };
            self.requests += ATTEMPTS;
            let client = self.client();
            // Double clicks 5 ms apart, rapid ones 100 ms.
            let spread = if self.wish.is_multiple_of(2) { 5_000 } else { 100_000 };
            let delay = Duration::from_micros(self.sim.executor.below(spread));
            let wanted = self.wanted(of_click);
            clicks.push(Box::pin(async move {
                client.sim.executor.sleep(delay).await;
                client.press_until_answered(wanted).await
            }));
        }
        if self.sim.executor.below(6) == 0 {
            clicks.push(self.beside(key));
        }
        let answers = join_all(clicks).await;
        let mut payments: Vec<_> = answers.into_iter().flatten().map(|receipt| receipt.payment.id).collect();
        payments.sort_unstable();
        payments.dedup();
        // One a consultation, unless something is very wrong: a patient who is sent to two pages pays at both.
        for payment in payments {
            self.payment = Some(payment);
            if self.sim.executor.below(10) < 9 {
                self.think(4).await;
                self.goes_on().await;
            }
        }
    }

    /// The same key at the same time for the patient's other consultation: a client that makes its keys badly.
    fn beside(&mut self, key: IdempotencyKey) -> BoxFuture<'static, Option<Receipt>> {
        let consultation = ConsultationId(consultation_of(self.number).0 + 100);
        let wanted = Wanted { consultation, key, amount: self.fee(consultation) };
        self.requests += ATTEMPTS;
        let client = self.client();
        Box::pin(async move { client.press_until_answered(wanted).await })
    }

    fn client(&self) -> Client {
        Client { sim: self.sim.clone(), patient: self.number, first: self.wish * 1000 + self.requests }
    }

    /// On to Stripe, in one tab or in two.
    async fn goes_on(&mut self) {
        let Some(payment) = self.payment else { return };
        let tabs = if self.sim.executor.below(4) == 0 { 2 } else { 1 };
        let mut visits: Vec<BoxFuture<'static, ()>> = Vec::new();
        for _ in 0..tabs {
            self.requests += 20;
            let client = self.client();
            let delay = Duration::from_micros(self.sim.executor.below(self.sim.setting.pace / 8));
            visits.push(Box::pin(async move {
                client.sim.executor.sleep(delay).await;
                client.visit_stripe(payment).await;
            }));
        }
        join_all(visits).await;
    }

    async fn cancel(&mut self) {
        let Some(payment) = self.payment else { return };
        let origin = Origin::request(Actor::Patient, user(self.number), None);
        self.requests += 1;
        let client = self.client();
        let cancelled =
            client.ask(0, move |flows| async move { flows.cancel.cancel(payment, &origin).await }).await;
        self.sim
            .note(|| (format!("cancels payment {payment}"), format!("{:?}", cancelled.map(|c| c.is_ok()))));
    }

    /// Another patient's consultation, with that patient's own key.
    async fn with_anothers_key(&mut self) {
        let other = 1 + self.sim.executor.below(self.sim.setting.patients);
        let wish = self.sim.executor.below(2);
        let Some(key) = key(&format!("payment-{other}-{wish}-0")) else { return };
        // Half of them pay for their own consultation with a key that is another's as well.
        let own = self.sim.executor.below(2) == 0;
        let consultation = consultation_of(if own { self.number } else { other });
        let wanted = Wanted { consultation, key, amount: self.fee(consultation) };
        self.requests += 1;
        let client = self.client();
        drop(client.press(0, wanted).await);
    }

    async fn same_key_other_body(&mut self) {
        let Some(key) = self.last_key.clone() else { return };
        let mut wanted = self.wanted(key);
        if self.sim.executor.below(2) == 0 {
            wanted.amount.minor += 100;
        } else {
            // A second consultation of the same patient.
            wanted.consultation = ConsultationId(wanted.consultation.0 + 100);
            wanted.amount = self.fee(wanted.consultation);
        }
        self.requests += 1;
        let client = self.client();
        drop(client.press(0, wanted).await);
    }

    /// Looks at the list of payments.
    async fn looks(&mut self) {
        let user = user(self.number);
        self.requests += 1;
        let client = self.client();
        let page = Page { user: Some(user), consultation: None, before: None, limit: 20 };
        let listed = client.ask(0, move |flows| async move { flows.pay.store.payments(&page).await }).await;
        for receipt in listed.and_then(Result::ok).into_iter().flatten() {
            client.shown(receipt);
        }
    }
}

/// What one patient's browser does, beside whatever else it does.
pub(crate) struct Client {
    pub(crate) sim: Arc<Sim>,
    pub(crate) patient: u64,
    pub(crate) first: u32,
}

impl Client {
    fn shown(&self, receipt: Receipt) {
        lock(&self.sim.presses).shown.push((user(self.patient), receipt));
    }

    /// One request to some server, and as much patience as there is.
    pub(crate) async fn ask<T, F>(&self, more: u32, work: impl FnOnce(Arc<Flows>) -> F + Send) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let number = self.first + more;
        let server = self.sim.any_server();
        let name = [0xc11e, self.patient, u64::from(number)];
        let patience = if self.sim.fault(Fault::Disconnect) {
            Duration::from_micros(self.sim.executor.below(30_000))
        } else {
            PATIENCE
        };
        let asked = pin!(self.sim.request(server, Who::Request(self.patient, number), &name, work));
        let gone = pin!(self.sim.executor.sleep(patience));
        match select(asked, gone).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => None,
        }
    }

    /// Repeats with the same key after no answer, as the client library does.
    async fn press_until_answered(&self, wanted: Wanted) -> Option<Receipt> {
        for attempt in 0..ATTEMPTS {
            let Wanted { consultation, amount, .. } = wanted;
            let again = Wanted { consultation, amount, key: wanted.key.clone() };
            match self.press(attempt, again).await {
                Some(Ok(answer)) => return Some(receipt(&answer).clone()),
                Some(Err(PayError::Store(_) | PayError::InFlight)) | None => {}
                Some(Err(_)) => return None,
            }
            let micros = 1 + self.sim.executor.below(self.sim.setting.pace / 4);
            self.sim.executor.sleep(Duration::from_micros(micros)).await;
        }
        None
    }

    /// One press of BAYAR.
    pub(crate) async fn press(&self, more: u32, wanted: Wanted) -> Option<Result<Answer, PayError>> {
        let (at, request) = self.note_press(more, wanted);
        let answer = self.ask(more, move |flows| async move { flows.pay.pay(&request).await }).await;
        self.note_answer(at, more, answer.as_ref());
        answer
    }

    /// One press of BAYAR, worked on by the asking task itself.
    pub(crate) async fn press_here(&self, sim: &Sim, server: usize, wanted: Wanted) {
        let (at, request) = self.note_press(0, wanted);
        let Some(flows) = lock(&sim.machines)[server].flows.clone() else { return };
        let answer = flows.pay.pay(&request).await;
        self.note_answer(at, 0, Some(&answer));
    }

    fn note_press(&self, more: u32, wanted: Wanted) -> (usize, PayRequest) {
        let Wanted { consultation, key, amount } = wanted;
        let user = user(self.patient);
        let request = PayRequest {
            user: User { id: user, role: Role::Patient },
            key: key.clone(),
            consultation,
            amount: amount.to_decimal(),
            method: PaymentMethod::Stripe,
            twin: contract(self.patient),
            request_id: None,
        };
        self.sim.note(|| {
            let what = format!("presses BAYAR for consultation {consultation} with {key}");
            (what, format!("request {}.{}", self.patient, self.first + more))
        });
        let press = Press { user, key, consultation, amount, answer: None };
        let at = lock(&self.sim.presses).add(press, request.fingerprint());
        lock(&self.sim.log).presses += 1;
        (at, request)
    }

    fn note_answer(&self, at: usize, more: u32, answer: Option<&Result<Answer, PayError>>) {
        self.sim.note(|| {
            let told = match answer {
                None => "no answer".to_owned(),
                Some(Ok(Answer::Created(receipt))) => format!("201, payment {}", receipt.payment.id),
                Some(Ok(Answer::Duplicate(known))) => {
                    format!("409, payment {} is {}", known.receipt.payment.id, known.status)
                }
                Some(Err(error)) => error.to_string(),
            };
            (format!("request {}.{} is answered", self.patient, self.first + more), told)
        });
        lock(&self.sim.presses).all[at].answer = answer.cloned();
        self.sim.watch_answer(at);
    }

    /// Opens the page that leads to Stripe, and does there what patients do.
    async fn visit_stripe(&self, payment: PaymentId) {
        let mut tab = None;
        for attempt in 0..ATTEMPTS {
            match self.proceed(attempt, payment).await {
                Some(Way::ToStripe(url)) => tab = url.rsplit('/').next().map(str::to_owned),
                Some(Way::Later(_)) | None => {
                    let micros = 1 + self.sim.executor.below(self.sim.setting.pace / 4);
                    self.sim.executor.sleep(Duration::from_micros(micros)).await;
                    continue;
                }
                Some(Way::Stands(_) | Way::NoPayment) => {}
            }
            break;
        }
        let Some(tab) = tab else { return };
        let micros = 1 + self.sim.executor.below(self.sim.setting.pace);
        self.sim.executor.sleep(Duration::from_micros(micros)).await;
        let act = match self.sim.executor.below(20) {
            0..=10 => Some(AtStripe::Pays),
            11 | 12 => Some(AtStripe::Declined),
            13 | 14 => Some(AtStripe::BankPays),
            15 => Some(AtStripe::BankFails),
            16 | 17 => None,
            _ => return,
        };
        match act {
            Some(AtStripe::Declined) => {
                self.sim.at_stripe(&tab, AtStripe::Declined);
                let micros = 1 + self.sim.executor.below(self.sim.setting.pace / 4);
                self.sim.executor.sleep(Duration::from_micros(micros)).await;
                if self.sim.executor.below(2) == 0 {
                    self.sim.at_stripe(&tab, AtStripe::Pays);
                }
            }
            Some(act) => drop(self.sim.at_stripe(&tab, act)),
            None => return self.turn_back(payment).await,
        }
        if self.sim.executor.below(3) > 0 {
            drop(self.come_back(10, payment).await);
        }
    }

    /// The process page.
    pub(crate) async fn proceed(&self, more: u32, payment: PaymentId) -> Option<Way> {
        let origin = Origin::request(Actor::Patient, user(self.patient), None);
        let proceed = move |flows: Arc<Flows>| async move {
            flows.cancel.checkout.proceed(payment, "id", &origin).await
        };
        let way = self.ask(more, proceed).await?.ok();
        if let Some(Way::ToStripe(url)) = &way {
            self.sim.books(|books, _| books.show(url));
        }
        self.sim.note(|| (format!("goes on to pay payment {payment}"), way_word(way.as_ref())));
        if let Some(Way::Stands(receipt) | Way::Later(receipt)) = &way {
            self.shown(receipt.clone());
        }
        way
    }

    /// The callback page.
    pub(crate) async fn come_back(&self, more: u32, payment: PaymentId) -> Option<Receipt> {
        let origin = Origin::request(Actor::Callback, user(self.patient), None);
        let settle = move |flows: Arc<Flows>| async move {
            flows.cancel.checkout.settle.settle_payment(payment, &origin).await
        };
        let receipt = self.ask(more, settle).await?.ok()??;
        self.shown(receipt.clone());
        Some(receipt)
    }

    /// Stripe's "back": the payment is given up.
    async fn turn_back(&self, payment: PaymentId) {
        let origin = Origin::request(Actor::Patient, user(self.patient), None);
        self.sim.note(|| (format!("turns back from payment {payment}"), String::new()));
        drop(self.ask(11, move |flows| async move { flows.cancel.cancel(payment, &origin).await }).await);
    }
}

fn way_word(way: Option<&Way>) -> String {
    match way {
        None => "no answer".into(),
        Some(Way::ToStripe(url)) => url.clone(),
        Some(Way::Stands(receipt)) => format!("it is {}", receipt.payment.status),
        Some(Way::Later(_)) => "later".into(),
        Some(Way::NoPayment) => "no such payment".into(),
    }
}

/// A patient begins to live; whoever waits for it learns when it is over.
pub(crate) fn begin(sim: &Arc<Sim>, number: u64) -> crate::slot::Awaited<()> {
    let (over, awaited) = crate::slot::slot();
    let patient = Patient::new(sim.clone(), number);
    let life = async move {
        patient.live().await;
        over.give(());
    };
    sim.spawn(Process::World, Who::Patient(number), &[0x9a7, number], life);
    awaited
}
