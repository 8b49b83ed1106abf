//! A patient who does not give up: whatever goes wrong, the same is asked again, with the same key, until it
//! is done. Presses, goes on to Stripe, pays; the webhook comes, the browser comes back, and an operator gives
//! a part of the money back.

use crate::actor::{callback, refund};
use crate::gateway::session_of;
use crate::http::{Answer, Connection, Request, path_of};
use crate::mailbox::Mailbox;
use crate::press::{Press, names_payment, payment_id};
use crate::stage::{SOON, Stage};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a payment brings, in centavos.
pub const FEE: i64 = 500_000;
/// What the operator gives back of it.
pub const REFUND: i64 = 300_000;
/// Before the same is asked again.
const PAUSE: Duration = Duration::from_millis(10);

/// What a story is made of, in this order: each asks the service for something, again and again, until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chapter {
    /// BAYAR is pressed.
    Press,
    /// The way to Stripe.
    Way,
    /// Stripe's webhook, after the payment there.
    Webhook,
    /// The way back.
    Back,
    /// A part is given back.
    Refund,
    /// BAYAR is pressed again, with the same key.
    Again,
}

impl Chapter {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Press, Self::Way, Self::Webhook, Self::Back, Self::Refund, Self::Again];
}

/// Who plays the stories, one after the other, and through which server.
pub struct Patient<'s> {
    /// To the server.
    pub connection: Connection,
    stage: &'s Stage,
    mailbox: &'s Mailbox,
    /// Requests that had to be sent again.
    pub again: u64,
}

/// What was told to somebody, and so has to be true for good.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// The payment.
    pub payment: i64,
    /// Its consultation.
    pub consultation: i64,
}

impl<'s> Patient<'s> {
    /// Through the first server of a stage whose webhooks go to `mailbox`.
    pub fn on(stage: &'s Stage, mailbox: &'s Mailbox) -> Self {
        Self { connection: stage.servers[0].connect(), stage, mailbox, again: 0 }
    }

    /// The whole story of one consultation; `begins` is told of each chapter before it is begun.
    pub async fn lives(
        &mut self,
        consultation: i64,
        mut begins: impl AsyncFnMut(Chapter, &mut Connection),
    ) -> Acknowledged {
        begins(Chapter::Press, &mut self.connection).await;
        let press = Press::own(consultation, format!("story-{consultation}")).request();
        let answer = self.until(&press, names_payment).await;
        let payment = payment_id(&answer);
        let body = answer.json();
        let checkout = body["data"]["checkout_url"].as_str();
        let checkout = checkout.unwrap_or_else(|| panic!("no way to pay: {}", answer.body));
        begins(Chapter::Way, &mut self.connection).await;
        let redirect = self.until(&Request::get(path_of(checkout)), |answer| answer.status == 303).await;
        let session = session_of(&redirect).unwrap_or_else(|| panic!("no way to Stripe: {redirect:?}"));
        self.stage.stripe.pay(&session).await;
        let letter = self.mailbox.take("checkout.session.completed", &session).await;
        begins(Chapter::Webhook, &mut self.connection).await;
        self.until(&letter.request(), |answer| answer.status == 200).await;
        let back = callback(payment, &session);
        begins(Chapter::Back, &mut self.connection).await;
        self.until(&back, |answer| answer.body.contains("Pembayaran berhasil")).await;
        begins(Chapter::Refund, &mut self.connection).await;
        self.is_refunded(payment).await;
        begins(Chapter::Again, &mut self.connection).await;
        // However it was answered first, it is the same payment now, and always was.
        let last = self.until(&press, names_payment).await;
        assert_eq!((last.status, payment_id(&last)), (409, payment), "{}", last.body);
        Acknowledged { payment, consultation }
    }

    async fn is_refunded(&mut self, payment: i64) {
        let wish = refund(payment, &format!("refund-{payment}"), "3000.00");
        let done = |answer: &Answer| {
            matches!(answer.status, 200 | 201) && answer.json()["data"]["refund"]["status"] == "succeeded"
        };
        self.until(&wish, done).await;
    }

    /// Asks until the answer is good. In between only such answers may come as say that it is not done yet.
    async fn until(&mut self, request: &Request, good: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            match self.connection.call(request).await {
                Ok(answer) if good(&answer) => return answer,
                Ok(answer) => {
                    let waits = matches!(answer.status, 200..=202 | 503);
                    assert!(waits, "{request:?}: {} {}; {}", answer.status, answer.body, self.stage.said());
                }
                // A connection that was idle for too long was closed, and this went to nobody.
                Err(error) if error.kind() != ErrorKind::TimedOut => {}
                Err(error) => panic!("{request:?}: {error}; {}", self.stage.said()),
            }
            assert!(begun.elapsed() < SOON, "still not done: {request:?}; {}", self.stage.said());
            self.again += 1;
            sleep(PAUSE).await;
        }
    }
}

/// Checks, when all stories are told and another server has taken over, that each has ended as it must: in the database and at Stripe one
/// payment, one session, one charge and one refund a consultation, and everything that was acknowledged.
pub async fn all_is_settled_once(stage: &mut Stage, acknowledged: &[Acknowledged], when: &str) {
    let stories = i64::try_from(acknowledged.len()).expect("a small number");
    let servers = stage.servers.len();
    stage.kill_servers();
    // Before the next server takes its own.
    stage.end_leases().await;
    stage.serve(servers).await;
    // What was asked for and never answered is the reconciler's.
    let pass = stage.run(&["reconcile"]);
    assert!(pass.status.success(), "{when}: {}", String::from_utf8_lossy(&pass.stderr));
    stage.rests().await;
    stage.database.holds(stories).await;
    let answered: Vec<_> = acknowledged.iter().map(|told| (told.payment, told.consultation)).collect();
    stage.database.stores(&answered).await;
    let settled = format!(
        "SELECT count(*) FROM payments WHERE status = 'completed' AND refunded_minor = {REFUND}
            AND (SELECT count(*) FROM captures c WHERE c.payment_id = payments.id) = 1
            AND (SELECT count(*) FROM refunds r WHERE r.payment_id = payments.id) = 1"
    );
    assert_eq!(stage.database.number(&settled).await, stories, "{when}");
    let books = stage.stripe.books().await;
    let of = |counts: &std::collections::BTreeMap<String, i64>, state: &str| {
        (counts.values().sum::<i64>(), counts.get(state).copied().unwrap_or(0))
    };
    assert_eq!(of(&books.sessions, "complete"), (stories, stories), "{when}: {books:?}");
    assert_eq!(of(&books.charges, "succeeded"), (stories, stories), "{when}: {books:?}");
    assert_eq!(of(&books.refunds, "succeeded"), (stories, stories), "{when}: {books:?}");
    assert_eq!((books.captured, books.refunded), (stories * FEE, stories * REFUND), "{when}: {books:?}");
    stage.is_in_order(when).await;
}

/// Everybody goes on to pay, so that Stripe's books tell how often each was charged: one session and one charge
/// for each of the consultations 1 to `last`.
pub async fn all_pay_once(stage: &Stage, last: i64, when: &str) {
    let mut connection = stage.servers[0].connect();
    for consultation in 1..=last {
        let press = Press::own(consultation, format!("pays-{consultation}"));
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < SOON, "{when}: {consultation} cannot be paid; {}", stage.said());
            if pays(stage, &mut connection, &press.request()).await {
                break;
            }
            sleep(PAUSE).await;
        }
    }
    stage.rests().await;
    let books = stage.stripe.books().await;
    assert_eq!(books.sessions.get("complete"), Some(&last), "{when}: {books:?}");
    assert_eq!(books.sessions.values().sum::<i64>(), last, "{when}: {books:?}");
    assert_eq!(books.charges.values().sum::<i64>(), last, "{when}: {books:?}");
    assert_eq!((books.captured, books.refunded), (last * FEE, 0), "{when}: {books:?}");
    stage.is_in_order(when).await;
}

/// One attempt; whether the payment is known to be paid.
async fn pays(stage: &Stage, connection: &mut Connection, press: &Request) -> bool {
    let Ok(answer) = connection.call(press).await else { return false };
    if !names_payment(&answer) {
        return false;
    }
    let body = answer.json();
    let Some(checkout) = body["data"]["checkout_url"].as_str() else {
        return body["data"]["status"] == "completed";
    };
    let Ok(redirect) = connection.call(&Request::get(path_of(checkout))).await else { return false };
    let Some(session) = session_of(&redirect) else { return false };
    stage.stripe.pay(&session).await;
    let back = connection.call(&callback(payment_id(&answer), &session)).await;
    back.is_ok_and(|page| page.body.contains("Pembayaran berhasil"))
}
