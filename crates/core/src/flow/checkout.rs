//! On to Stripe: from a payment to the page where it is paid.
//!
//! What must hold: one live session per consultation; every call to Stripe repeats a committed
//! request, byte for byte; a session that exists is used again and never replaced while it could
//! still be paid.

use super::Stopwatch;
use super::settle::{Settle, SettleError, Settled};
use crate::decision::open::{NewSession, Opening, intend, opened};
use crate::decision::settle::News;
use crate::domain::{CheckoutSession, Origin, PaymentFile, PaymentId, Receipt, Timestamp};
use crate::ports::{GatewayError, GatewaySession, GatewayStatus, Point, SessionDraft, StoreError};
use std::time::Duration;

/// Stripe forgets an idempotency key after 24 h: a repeat later than this could make a second
/// session, so it is not sent.
pub(super) const KEY_LIFE: Duration = Duration::from_secs(23 * 3600);
/// Before this much time has passed since the intent, an empty look-up proves nothing: the call that makes
/// the object may still be under way (each one ends after 20 s).
pub(super) const IN_FLIGHT: Duration = Duration::from_secs(60);
/// Stripe's clock and ours may differ by this much.
pub(super) const CLOCKS_DIFFER: Duration = Duration::from_secs(600);
/// The clock that dated an intent may have been a day ahead. Where an empty list would end a payment, the list
/// begins early enough for that.
const CLOCK_WAS_WRONG: Duration = Duration::from_secs(25 * 3600);

/// Stripe takes half an hour to a day, by its own clock and when the call arrives: a little within that, so
/// that a clock that is ahead, or a slow call, gets no payment refused.
const SHORTEST: Duration = Duration::from_secs(1800 + 120);
/// The other end.
const LONGEST: Duration = Duration::from_secs(86_400 - 300);

/// Where the browser goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// On to Stripe's page.
    ToStripe(String),
    /// There is nothing to pay (any more): show how the payment stands.
    Stands(Receipt),
    /// Stripe gave no answer: the payment waits, and this is tried again.
    Later(Receipt),
    /// No such payment.
    NoPayment,
}

/// How sessions are made.
#[derive(Clone, Debug)]
pub struct CheckoutRules {
    /// Where browsers reach Sekali, without a slash at the end.
    pub public_url: String,
    /// How long a session can be paid.
    pub expires_in: Duration,
}

/// The way to Stripe, with the ports it works through.
#[derive(Clone)]
pub struct Checkout {
    /// Settles what turns out to be paid or dead, and holds the ports.
    pub settle: Settle,
    /// How sessions are made.
    pub rules: CheckoutRules,
}

impl Checkout {
    /// Opens the payment's session, or finds the one that is open. `locale` is `id` or `en`.
    pub async fn proceed(&self, id: PaymentId, locale: &str, origin: &Origin) -> Result<Way, StoreError> {
        let Some(receipt) = self.settle.store.payment(id).await? else { return Ok(Way::NoPayment) };
        if !receipt.payment.can_be_paid() {
            return Ok(Way::Stands(receipt));
        }
        let mut watch = Stopwatch::start(&*self.settle.clock, &*self.settle.probe);
        let Some((receipt, opening)) = self.intend(&receipt, locale, origin, &mut watch).await? else {
            return Ok(Way::NoPayment);
        };
        match opening {
            Opening::NotPayable => Ok(Way::Stands(receipt)),
            Opening::Intended(session) => self.create(receipt, &session, false, origin, &mut watch).await,
            Opening::Live(session) => self.go_on(receipt, &session, origin).await,
        }
    }

    /// Finds out what became of a session that was intended, or how the one that was made stands.
    pub(super) async fn go_on(
        &self,
        receipt: Receipt,
        session: &CheckoutSession,
        origin: &Origin,
    ) -> Result<Way, StoreError> {
        let mut watch = Stopwatch::start(&*self.settle.clock, &*self.settle.probe);
        match &session.gateway_id {
            Some(gateway_id) => self.resume(receipt, gateway_id, origin).await,
            None => self.create(receipt, session, true, origin, &mut watch).await,
        }
    }

    /// Commits the intent before anything is sent: whoever comes after a crash repeats just this.
    async fn intend(
        &self,
        receipt: &Receipt,
        locale: &str,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Option<(Receipt, Opening)>, StoreError> {
        let at = self.settle.clock.now();
        let id = self.settle.random.uuid();
        let draft = self.draft(receipt, id, at, locale);
        let new = NewSession { id, request: self.settle.gateway.encode(&draft), at };
        let origin = origin.clone();
        let judge = move |file: &PaymentFile| intend(file, &new, &origin);
        let intended = || watch.passed(Point::CheckoutIntended);
        let outcome = self.settle.decide_and_tell(receipt.payment.id, intended, judge).await?;
        Ok(outcome.map(|outcome| (outcome.file.receipt(), outcome.verdict)))
    }

    fn draft(&self, receipt: &Receipt, session: uuid::Uuid, at: Timestamp, locale: &str) -> SessionDraft {
        let payment = &receipt.payment;
        let callback = format!("{}/payment/{}/callback", self.rules.public_url, payment.id);
        SessionDraft {
            session,
            payment_reference: payment.reference,
            installation: self.settle.installation,
            amount: payment.amount,
            success_url: format!("{callback}?session_id={{CHECKOUT_SESSION_ID}}"),
            cancel_url: format!("{callback}?cancelled={session}"),
            expires_at: at.plus(self.rules.expires_in.clamp(SHORTEST, LONGEST)),
            locale: locale.to_owned(),
        }
    }

    /// Sends the committed request. A repeat gets the same session from Stripe; what comes back then
    /// may be an old picture of it, so the session is looked up.
    async fn create(
        &self,
        receipt: Receipt,
        session: &CheckoutSession,
        repeated: bool,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        if self.settle.clock.now() > session.created_at.plus(KEY_LIFE) {
            let too_old = GatewayError::Spent("the request is too old to be repeated".into());
            return self.look_up(receipt, session, &too_old, origin, watch).await;
        }
        let made = match self.settle.gateway.create_session(session.id, &session.request).await {
            Ok(made) => made,
            Err(error @ GatewayError::Refused { status: 400 | 402, .. }) if !repeated => {
                return self.never_made(session, News::Refused, &error, origin, watch).await;
            }
            Err(error @ (GatewayError::Refused { status: 400 | 402, .. } | GatewayError::Spent(_))) => {
                return self.look_up(receipt, session, &error, origin, watch).await;
            }
            Err(error) => return Ok(later(receipt, &error)),
        };
        watch.passed(Point::SessionCreated);
        let is_wanted = self.note_opened(session, &made.id, origin).await?;
        watch.passed(Point::SessionRecorded);
        if !is_wanted {
            return self.end_unwanted(session, &made.id, origin).await;
        }
        if repeated {
            return self.resume(receipt, &made.id, origin).await;
        }
        self.follow(receipt, &made, origin, watch).await
    }

    /// `false`: the payment has ended without it meanwhile, by somebody to whom Stripe had refused it.
    async fn note_opened(
        &self,
        session: &CheckoutSession,
        gateway_id: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let (id, name, at) = (session.id, gateway_id.to_owned(), self.settle.clock.now());
        let origin = origin.clone();
        let key = self.settle.random.uuid();
        let judge = move |file: &PaymentFile| opened(file, id, &name, key, at, &origin);
        let outcome = super::decide::decide(&*self.settle.store, session.payment, judge).await?;
        Ok(outcome.is_none_or(|outcome| outcome.verdict))
    }

    /// Ends a session at Stripe through which nothing must be paid any more, and shows how the payment stands.
    async fn end_unwanted(
        &self,
        session: &CheckoutSession,
        gateway_id: &str,
        origin: &Origin,
    ) -> Result<Way, StoreError> {
        let known = self.settle.store.session(session.id).await?;
        if let Some(key) = known.and_then(|known| known.ending)
            && let Err(error) = self.settle.gateway.expire_session(key, gateway_id).await
        {
            tracing::error!(payment_id = session.payment.0, %error, "Checkout: a session that is not wanted could not be ended");
        }
        // If it was paid already, that is money for nothing: kept, and given back.
        if let Err(error) = self.settle.settle_session(gateway_id, origin).await {
            tracing::error!(payment_id = session.payment.0, %error, "Checkout: how it stands is not known");
        }
        let receipt = self.settle.store.payment(session.payment).await?;
        Ok(receipt.map_or(Way::NoPayment, Way::Stands))
    }

    /// After an answer that may hide a session, Stripe's list tells: ours is known by the name in its
    /// metadata. If it is not there, and no call can make it any more, the payment is over.
    async fn look_up(
        &self,
        receipt: Receipt,
        session: &CheckoutSession,
        why: &GatewayError,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        let asked_at = self.settle.clock.now();
        let found = match self.find_made(session).await {
            Ok(found) => found,
            Err(error) => return Ok(later(receipt, &error)),
        };
        if let Some(made) = found {
            let is_wanted = self.note_opened(session, &made.id, origin).await?;
            watch.passed(Point::SessionRecorded);
            if !is_wanted {
                return self.end_unwanted(session, &made.id, origin).await;
            }
            return self.resume(receipt, &made.id, origin).await;
        }
        if asked_at < session.created_at.plus(IN_FLIGHT) {
            return Ok(later(receipt, why));
        }
        let news = match why {
            GatewayError::Refused { .. } => News::Refused,
            _ => News::NeverOpened,
        };
        self.never_made(session, news, why, origin, watch).await
    }

    /// The session of ours in Stripe's list of those made since the intent.
    async fn find_made(&self, session: &CheckoutSession) -> Result<Option<GatewaySession>, GatewayError> {
        let since = session.created_at.minus(CLOCK_WAS_WRONG);
        let mut after: Option<String> = None;
        loop {
            let page = self.settle.gateway.sessions_since(since, after.as_deref()).await?;
            let ours = |made: &GatewaySession| {
                made.session == Some(session.id) && made.installation == Some(self.settle.installation)
            };
            if let Some(made) = page.items.into_iter().find(ours) {
                return Ok(Some(made));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
    }

    /// Stripe takes no such payment (an amount below its minimum, say), or was never reached in time: no
    /// session exists, and the payment is over. A refusal of our key is not about the payment.
    async fn never_made(
        &self,
        session: &CheckoutSession,
        news: News,
        why: &GatewayError,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        tracing::error!(payment_id = session.payment.0, error = %why, "Checkout: Stripe has made no session for this payment");
        match self.settle.record(session, news, origin, watch).await? {
            Some(receipt) => Ok(Way::Stands(receipt)),
            None => Ok(Way::NoPayment),
        }
    }

    /// Asks Stripe how the session stands before the patient is sent there.
    async fn resume(&self, receipt: Receipt, gateway_id: &str, origin: &Origin) -> Result<Way, StoreError> {
        let mut watch = Stopwatch::start(&*self.settle.clock, &*self.settle.probe);
        match self.settle.gateway.session(gateway_id).await {
            Ok(session) => {
                watch.passed(Point::SessionAsked);
                self.follow(receipt, &session, origin, &mut watch).await
            }
            Err(error) => Ok(later(receipt, &error)),
        }
    }

    async fn follow(
        &self,
        receipt: Receipt,
        session: &GatewaySession,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        match (session.status, &session.url) {
            (GatewayStatus::Open, Some(url)) => Ok(Way::ToStripe(url.clone())),
            _ => match self.settle.settle_with(session, origin, watch).await {
                Ok(Settled::Stands(receipt)) if !receipt.payment.can_be_paid() => Ok(Way::Stands(receipt)),
                Ok(_) => Ok(Way::Later(receipt)),
                Err(SettleError::Store(error)) => Err(error),
                Err(error) => {
                    tracing::error!(payment_id = receipt.payment.id.0, %error, "Checkout: the session cannot be used");
                    Ok(Way::Later(receipt))
                }
            },
        }
    }
}

/// Neither success nor failure: the payment stays as it is, and the same is tried again.
fn later(receipt: Receipt, error: &GatewayError) -> Way {
    metrics::counter!("sekali_gateway_errors_total").increment(1);
    tracing::warn!(payment_id = receipt.payment.id.0, %error, "Checkout: Stripe gave no session");
    Way::Later(receipt)
}
