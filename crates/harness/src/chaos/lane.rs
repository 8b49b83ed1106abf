//! People who act one after the other, whatever becomes of it.

use super::world::{Asking, World};
use crate::actor::{OnTheWay, callback, cancel, refund, status};
use crate::gateway::session_of;
use crate::http::{Answer, Connection, Request, path_of};
use crate::press::{Press, names_payment, payment_id};
use crate::seed::Seeded;
use crate::stripe::pay;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Keys that every patient uses: a key belongs to its user, so they are in nobody's way.
const KEYS: u64 = 8;
/// Before somebody whom nobody has answered tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// One lane.
pub(super) struct Lane {
    number: usize,
    world: Arc<World>,
    random: Seeded,
    service: Option<(SocketAddr, Connection)>,
    stripe: Connection,
    /// Pressed, and not answered: pressed again under the same key.
    again: Option<Press>,
}

impl Lane {
    /// The lane of this number.
    pub(super) fn new(world: Arc<World>, number: usize, seed: u64) -> Self {
        let stripe = Connection::to(world.stripe);
        let random = Seeded::new(seed.wrapping_add(number as u64));
        Self { number, world, random, service: None, stripe, again: None }
    }

    /// Acts until people go home.
    pub(super) async fn play(mut self) {
        while !self.world.is_over() {
            // An error: the server has died; somebody else comes.
            if self.act().await.is_err() {
                self.world.gives_up(self.number);
                self.service = None;
                sleep(PAUSE).await;
            }
        }
    }

    async fn act(&mut self) -> Result<()> {
        if let Some(press) = self.again.take() {
            return self.press(press).await;
        }
        let what = self.random.below(10);
        if what < 5 {
            let press = Press::own(
                self.world.consultation(&mut self.random),
                format!("press-{}", self.random.below(KEYS)),
            );
            return self.press(press).await;
        }
        let Some((user, way)) = self.world.somebody(&mut self.random) else { return Ok(()) };
        match what {
            5 => {
                let force = self.random.below(3) == 0;
                self.pays(&way.session, force).await
            }
            7 => self.comes_back(&way).await,
            6 | 8 => self.gives_up(user, &way).await,
            _ => self.refunds(way.payment).await,
        }
    }

    async fn press(&mut self, press: Press) -> Result<()> {
        let (id, again) = (press.consultation, self.world.answered.knows(press.consultation));
        let asking = Asking::Press { id, key: press.key.clone(), again };
        let asked = self.world.answered.now();
        let answer = match self.call(&press.request(), asking).await {
            Ok(answer) => answer,
            Err(error) => {
                self.again = Some(press);
                return Err(error);
            }
        };
        if !names_payment(&answer) {
            if answer.status != 503 {
                self.odd(&press.request(), &answer);
            }
            return Ok(());
        }
        let (payment, body) = (payment_id(&answer), answer.json());
        self.world.answered.payment(payment, id);
        if let Some(status) = body["data"]["status"].as_str().filter(|_| !self.world.cache_may_be_old) {
            self.world.answered.status(payment, status, asked);
        }
        let Some(checkout) = body["data"]["checkout_url"].as_str() else { return Ok(()) };
        self.goes_to_stripe(id, payment, path_of(checkout)).await
    }

    async fn goes_to_stripe(&mut self, consultation: i64, payment: i64, path: &str) -> Result<()> {
        let redirect = self.call(&Request::get(path), Asking::Way(payment)).await?;
        let Some(session) = session_of(&redirect) else { return Ok(()) };
        if self.random.below(4) == 0 {
            self.pays(&session, false).await?;
        }
        self.world.remember(consultation, OnTheWay { payment, checkout: String::new(), session });
        Ok(())
    }

    async fn comes_back(&mut self, way: &OnTheWay) -> Result<()> {
        let asked = self.world.answered.now();
        let page = self.call(&callback(way.payment, &way.session), Asking::Callback(way.payment)).await?;
        if page.status == 200 && page.body.contains("Pembayaran berhasil") {
            self.world.answered.status(way.payment, "completed", asked);
        }
        Ok(())
    }

    async fn gives_up(&mut self, user: i64, way: &OnTheWay) -> Result<()> {
        let asked = self.world.answered.now();
        let answer = self.call(&cancel(user, way.payment), Asking::Cancel(way.payment)).await?;
        if answer.status == 200 {
            self.world.answered.status(way.payment, &status(&answer), asked);
        }
        Ok(())
    }

    async fn refunds(&mut self, payment: i64) -> Result<()> {
        let number = self.random.below(3);
        let amount = ["2000.00", "3000.00", "5000.00"][usize::try_from(number).unwrap_or(0)];
        let key = format!("refund-{payment}-{number}");
        let answer = self.call(&refund(payment, &key, amount), Asking::Refund(payment, key.clone())).await?;
        if matches!(answer.status, 200..=202) {
            self.world.answered.refund(payment, &key);
        }
        Ok(())
    }

    async fn pays(&mut self, session: &str, force: bool) -> Result<()> {
        self.stripe.call(&pay(session, force)).await.map(drop)
    }

    /// A service that is there answers everything; 503 is an answer too, as long as Stripe or the database
    /// are out of reach.
    async fn call(&mut self, request: &Request, asking: Asking) -> Result<Answer> {
        let server = self.world.server(&mut self.random).ok_or(ErrorKind::NotConnected)?;
        let mut connection = match self.service.take() {
            Some((address, connection)) if address == server => connection,
            _ => Connection::to(server),
        };
        self.world.asks(self.number, Some((server, asking)));
        let answer = connection.call(request).await?;
        self.world.asks(self.number, None);
        self.service = Some((server, connection));
        if answer.status >= 500 && answer.status != 503 {
            self.odd(request, &answer);
        }
        Ok(answer)
    }

    fn odd(&self, request: &Request, answer: &Answer) {
        self.world.answered.odd(format!("{request:?}: {} {}", answer.status, answer.body));
    }
}
