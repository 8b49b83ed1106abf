//! The whole life of two payments in a few steps: one is cancelled, the other is paid and refunded in
//! part. Told again from the beginning it goes on from wherever it stands, as people do.

use crate::actor::{cancel, look, refund, status};
use crate::gateway::{follow, session_of};
use crate::http::{Answer, Connection, Request};
use crate::press::{Press, names_payment, payment_id};
use crate::stage::{SOON, Stage};
use crate::stripe::{Books, Stripe};
use std::io::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Consultations of one telling: the payment of the first is cancelled, that of the second is paid.
pub const EACH: i64 = 2;
/// In centavos.
const FEE: i64 = 500_000;
const REFUND: i64 = 300_000;
/// Before somebody asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// Who lives the story, and through which server.
pub struct Story<'s> {
    /// To the server.
    pub connection: Connection,
    /// Where it is paid.
    pub stripe: &'s Stripe,
    /// The consultation whose payment is cancelled.
    cancelled: i64,
    /// The one whose payment is paid.
    paid: i64,
}

impl<'s> Story<'s> {
    /// The story of this number, from 1 on, through the first server of a stage.
    pub fn on(stage: &'s Stage, number: i64) -> Self {
        let paid = number * EACH;
        Self { connection: stage.servers[0].connect(), stripe: &stage.stripe, cancelled: paid - 1, paid }
    }

    /// All of it. An error: the server is dead.
    pub async fn play(&mut self) -> Result<()> {
        let given_up = self.goes_on(self.cancelled).await?;
        let answer = self.call(&cancel(self.cancelled, given_up)).await?;
        assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.body);
        let paid = self.goes_on(self.paid).await?;
        self.until(&look(self.paid, paid), |answer| status(answer) == "completed").await?;
        let answer = self.call(&refund(paid, &format!("refund-{paid}"), "3000.00")).await?;
        assert!(matches!(answer.status, 200..=202), "{} {}", answer.status, answer.body);
        Ok(())
    }

    /// Presses, and goes on to Stripe as long as there is a way; who is to pay pays there.
    async fn goes_on(&mut self, consultation: i64) -> Result<i64> {
        let answer = self.call(&Press::own(consultation, "one-press").request()).await?;
        assert!(names_payment(&answer), "{} {}", answer.status, answer.body);
        let payment = payment_id(&answer);
        if answer.json()["data"]["checkout_url"].is_null() {
            return Ok(payment);
        }
        // Without an answer of Stripe's the page asks again by itself.
        let begun = Instant::now();
        let mut redirect = follow(&mut self.connection, &answer).await?;
        while redirect.status == 503 && begun.elapsed() < SOON {
            sleep(PAUSE).await;
            redirect = follow(&mut self.connection, &answer).await?;
        }
        // Without a session there is nothing to pay any more: to the callback's page, or the address is over
        // with the payment, which has been settled meanwhile.
        assert!(matches!(redirect.status, 303 | 403), "{} {}", redirect.status, redirect.body);
        if let Some(session) = session_of(&redirect).filter(|_| consultation == self.paid) {
            self.stripe.pay(&session).await;
        }
        Ok(payment)
    }

    async fn until(&mut self, request: &Request, wanted: impl Fn(&Answer) -> bool) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            if wanted(&self.call(request).await?) {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err(Error::other(format!("after {SOON:?} still not so: {request:?}")))
    }

    async fn call(&mut self, request: &Request) -> Result<Answer> {
        self.connection.call(request).await
    }
}

/// Waits until nothing is under way, and checks that so many stories have ended as they must: for each a session
/// for each consultation, one charge, one refund, the host told of everything in order.
pub async fn end_well(stage: &Stage, stories: i64, when: &str) {
    stage.rests().await;
    let counts = |all: &[&str]| all.iter().map(|name| ((*name).to_owned(), stories)).collect();
    let expected = Books {
        sessions: counts(&["complete", "expired"]),
        charges: counts(&["succeeded"]),
        refunds: counts(&["succeeded"]),
        captured: stories * FEE,
        refunded: stories * REFUND,
    };
    assert_eq!(stage.stripe.books().await, expected, "{when}");
    assert_eq!(stage.database.rows().await.payments, stories * EACH, "{when}");
    let told = stage.host.stories().into_values();
    let mut told: Vec<Vec<String>> =
        told.map(|story| story.into_iter().map(|(_, kind)| kind).collect()).collect();
    told.sort();
    let kinds =
        |kinds: &[&str]| -> Vec<String> { kinds.iter().map(|kind| format!("payment.{kind}")).collect() };
    let each = usize::try_from(stories).expect("not so many");
    let cancelled = vec![kinds(&["created", "processing", "cancelled"]); each];
    let paid = vec![kinds(&["created", "processing", "completed", "refunded"]); each];
    assert_eq!(told, [cancelled, paid].concat(), "{when}");
}
