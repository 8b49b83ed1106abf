//! Step 3: the write, worked out from the consultation's terms and repeated where that helps.

use super::{Answer, Caught, Duplicate, Pay, PayError, PayRequest};
use crate::domain::record::key_hash;
use crate::domain::{
    Actor, Consultation, Entry, Head, Money, Origin, Payment, PaymentId, Receipt, RecordedEvent, Terms,
    Timestamp, What, tax,
};
use crate::ports::{CreateOutcome, NewPayment, StoreError};
use std::time::Duration;
use uuid::Uuid;

/// Attempts on serialization failures, deadlocks and unclear commits (contract, part 2).
const ATTEMPTS: u32 = 3;
/// A consultation whose price changes more often than this while one request is worked on is busy.
const REPRICINGS: u32 = 3;
/// Spread of the pause before another attempt.
const PAUSE: Duration = Duration::from_millis(20);

/// What the database has decided.
#[derive(Debug)]
pub(super) enum Written {
    /// A payment was made.
    Created(Receipt),
    /// This key had made one before.
    Known(Receipt),
    /// Another key's payment is active.
    Active(Receipt),
}

impl Written {
    /// What may be cached under the request's key: a key that lost to another's payment stores nothing.
    pub(super) fn made_by_this_key(&self) -> Option<&Receipt> {
        match self {
            Self::Created(receipt) | Self::Known(receipt) => Some(receipt),
            Self::Active(_) => None,
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Created(receipt) => Answer::Created(receipt),
            Self::Known(receipt) => Answer::Duplicate(Duplicate::of_key(receipt)),
            Self::Active(receipt) => {
                Answer::Duplicate(Duplicate { same_key: false, ..Duplicate::of_key(receipt) })
            }
        }
    }
}

impl Duplicate {
    /// A payment of the same key, as the database has it.
    pub(super) fn of_key(receipt: Receipt) -> Self {
        let Payment { status, .. } = receipt.payment;
        let can_be_paid = receipt.payment.can_be_paid();
        Self { same_key: true, receipt, status, can_be_paid, caught: Caught::Database }
    }
}

impl Pay {
    /// Writes the payment, or learns why not.
    pub(super) async fn write(&self, request: &PayRequest) -> Result<Written, PayError> {
        let mut new = self.first_draft(request);
        let (mut attempt, mut repricings) = (1, 0);
        loop {
            match self.write_once(&new).await {
                Ok(CreateOutcome::OtherTerms(consultation)) if repricings < REPRICINGS => {
                    repricings += 1;
                    new = self.reprice(request, new, &consultation)?;
                }
                Ok(outcome) => return decide(request, outcome),
                // The same write again, with the same reference: if an earlier attempt was committed
                // after all, it is recognised as ours.
                Err(StoreError::Conflict(_) | StoreError::Unclear(_)) if attempt < ATTEMPTS => {
                    attempt += 1;
                    self.clock.sleep(self.random.jitter(PAUSE)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn write_once(&self, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
        let mut outcomes = self.store.create_payments(std::slice::from_ref(new)).await?;
        let one = outcomes.pop().filter(|_| outcomes.is_empty());
        one.ok_or_else(|| StoreError::Broken("a batch of one brought other than one outcome".into()))
    }

    /// Assumes that the amount is the fee, in the default currency and with taxes. That is so nearly
    /// always, and then the payment costs one round trip; the store checks it under the row's lock.
    fn first_draft(&self, request: &PayRequest) -> NewPayment {
        let currency = self.pricing.default_currency;
        // An amount that the currency cannot hold: no fee is negative, so these terms match no
        // consultation, and the store names the real ones.
        let fee = Money::from_decimal(request.amount, currency).unwrap_or(Money::new(-1, currency));
        let terms = Terms { fee, tax_exempt: false };
        let (reference, at) = (self.random.uuid(), self.clock.now());
        NewPayment {
            reference,
            user: request.user.id,
            consultation: request.consultation,
            key: request.key.clone(),
            fingerprint: request.fingerprint(),
            method: request.method,
            terms,
            taxes: tax::taxes(&self.pricing.taxes, fee, false),
            at: at.whole_second(),
            created: created(request, reference, fee, at),
        }
    }

    fn reprice(
        &self,
        request: &PayRequest,
        draft: NewPayment,
        consultation: &Consultation,
    ) -> Result<NewPayment, PayError> {
        let terms = consultation.terms;
        let currency = terms.fee.currency;
        match Money::from_decimal(request.amount, currency) {
            Ok(amount) if amount == terms.fee => {
                let taxes = tax::taxes(&self.pricing.taxes, amount, terms.tax_exempt);
                let created = created(request, draft.reference, amount, draft.created.at);
                Ok(NewPayment { terms, taxes, created, ..draft })
            }
            _ => Err(PayError::NotTheFee { currency }),
        }
    }
}

/// The first entry of the payment's record. Its number is not known yet, and is no part of the hash.
fn created(request: &PayRequest, reference: Uuid, amount: Money, at: Timestamp) -> RecordedEvent {
    let what = What::Created {
        amount: amount.into(),
        method: request.method.as_str().to_owned(),
        key_hash: key_hash(&request.key),
    };
    let origin = Origin::request(Actor::Patient, request.user.id, request.request_id.clone());
    RecordedEvent::after(Head::default(), PaymentId(0), reference, at, &Entry { what, origin })
}

fn decide(request: &PayRequest, outcome: CreateOutcome) -> Result<Written, PayError> {
    match outcome {
        CreateOutcome::Created(receipt) => {
            log_created(&receipt.payment);
            Ok(Written::Created(receipt))
        }
        CreateOutcome::KeyUsed { fingerprint, receipt } if fingerprint == request.fingerprint() => {
            Ok(Written::Known(receipt))
        }
        CreateOutcome::KeyUsed { .. } => Err(PayError::KeyReused),
        CreateOutcome::NoConsultation => Err(PayError::NoConsultation),
        CreateOutcome::NotThePatient => Err(PayError::Forbidden),
        CreateOutcome::Unpriced(why) => Err(PayError::Unpriced(why)),
        CreateOutcome::OtherTerms(_) => {
            Err(StoreError::Conflict("the consultation's terms keep changing".into()).into())
        }
        // The consultation may have been another patient's when its payment was made.
        CreateOutcome::Active(receipt) if receipt.payment.user != request.user.id => {
            Err(PayError::PaidByAnother)
        }
        CreateOutcome::Active(receipt) => Ok(Written::Active(receipt)),
    }
}

fn log_created(payment: &Payment) {
    tracing::info!(
        payment_id = payment.id.0,
        user_id = payment.user.0,
        amount = %payment.amount,
        method = payment.method.as_str(),
        "Payment: New payment created"
    );
}
