//! On to Stripe: from a payment to the page where it is paid.
//!
//! What must hold: one live session per consultation; every call to Stripe repeats a committed
//! request, byte for byte; a session that exists is used again and never replaced while it could
//! still be paid.

use super::settle::{Settle, SettleError, Settled};
use super::{Stopwatch, publish};
use crate::domain::{CheckoutSession, PaymentId, Receipt, Timestamp};
use crate::ports::{
    GatewayError, GatewaySession, GatewayStatus, NewSession, OpenOutcome, Point, Random, SessionDraft,
    Settlement, StoreError,
};
use std::sync::Arc;
use std::time::Duration;

/// Stripe forgets an idempotency key after 24 h: a repeat later than this could make a second
/// session, so it is not sent.
const KEY_LIFE: Duration = Duration::from_secs(23 * 3600);

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
    /// Settles what turns out to be paid or dead, and holds the other ports.
    pub settle: Settle,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// How sessions are made.
    pub rules: CheckoutRules,
}

impl Checkout {
    /// Opens the payment's session, or finds the one that is open. `locale` is `id` or `en`.
    pub async fn proceed(&self, id: PaymentId, locale: &str) -> Result<Way, StoreError> {
        let Some(receipt) = self.settle.store.payment(id).await? else { return Ok(Way::NoPayment) };
        if !receipt.payment.can_be_paid() {
            return Ok(Way::Stands(receipt));
        }
        let mut watch = Stopwatch::start(&*self.settle.clock, &*self.settle.probe);
        match self.intend(&receipt, locale).await? {
            OpenOutcome::NoPayment => Ok(Way::NoPayment),
            OpenOutcome::NotPayable(receipt) => Ok(Way::Stands(receipt)),
            OpenOutcome::Intended(receipt, session) => {
                watch.passed(Point::CheckoutIntended);
                self.create(receipt, &session, false, &mut watch).await
            }
            OpenOutcome::Live(receipt, session) => match session.gateway_id.clone() {
                Some(gateway_id) => self.resume(receipt, &gateway_id).await,
                None => self.create(receipt, &session, true, &mut watch).await,
            },
        }
    }

    /// Commits the intent before anything is sent: whoever comes after a crash repeats just this.
    async fn intend(&self, receipt: &Receipt, locale: &str) -> Result<OpenOutcome, StoreError> {
        let at = self.settle.clock.now();
        let session = self.random.uuid();
        let draft = self.draft(receipt, session, at, locale);
        let new =
            NewSession { id: session, request: self.settle.gateway.encode(&draft), at: at.whole_second() };
        publish::changing(&*self.settle.board, receipt.payment.id).await;
        let outcome = match self.settle.store.intend_session(receipt.payment.id, &new).await {
            // Done again it finds its own session live, or makes it.
            Err(StoreError::Conflict(_) | StoreError::Unclear(_)) => {
                self.settle.store.intend_session(receipt.payment.id, &new).await?
            }
            outcome => outcome?,
        };
        if let OpenOutcome::NotPayable(receipt)
        | OpenOutcome::Intended(receipt, _)
        | OpenOutcome::Live(receipt, _) = &outcome
        {
            publish::publish(&*self.settle.board, receipt).await;
        }
        Ok(outcome)
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
            cancel_url: callback,
            expires_at: at.plus(self.rules.expires_in),
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
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        if self.settle.clock.now() > session.created_at.plus(KEY_LIFE) {
            return Ok(later(
                receipt,
                &GatewayError::Unknown("the request is too old to be repeated".into()),
            ));
        }
        let made = match self.settle.gateway.create_session(session.id, &session.request).await {
            Ok(made) => made,
            Err(error @ GatewayError::Refused { status: 400 | 402, .. }) if !repeated => {
                return self.refused(session, &error, watch).await;
            }
            Err(error) => return Ok(later(receipt, &error)),
        };
        watch.passed(Point::SessionCreated);
        self.settle
            .store
            .session_opened(session.id, &made.id, self.settle.clock.now().whole_second())
            .await?;
        watch.passed(Point::SessionRecorded);
        if repeated {
            return self.resume(receipt, &made.id).await;
        }
        self.follow(receipt, &made, watch).await
    }

    /// Stripe takes no such payment (an amount below its minimum, say), and this was the first call for
    /// it: no session exists, and the payment is over. A refusal of our key is not about the payment.
    async fn refused(
        &self,
        session: &CheckoutSession,
        error: &GatewayError,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        let at = self.settle.clock.now().whole_second();
        tracing::error!(payment_id = session.payment.0, %error, "Checkout: Stripe refuses this payment");
        let refused = Settlement::Refused { session: session.id, at };
        match self.settle.record(session.payment, &refused, watch).await? {
            Some(receipt) => Ok(Way::Stands(receipt)),
            None => Ok(Way::NoPayment),
        }
    }

    /// Asks Stripe how the session stands before the patient is sent there.
    async fn resume(&self, receipt: Receipt, gateway_id: &str) -> Result<Way, StoreError> {
        let mut watch = Stopwatch::start(&*self.settle.clock, &*self.settle.probe);
        match self.settle.gateway.session(gateway_id).await {
            Ok(session) => {
                watch.passed(Point::SessionAsked);
                self.follow(receipt, &session, &mut watch).await
            }
            Err(error) => Ok(later(receipt, &error)),
        }
    }

    async fn follow(
        &self,
        receipt: Receipt,
        session: &GatewaySession,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Way, StoreError> {
        match (session.status, &session.url) {
            (GatewayStatus::Open, Some(url)) => Ok(Way::ToStripe(url.clone())),
            _ => match self.settle.settle_with(session, watch).await {
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
