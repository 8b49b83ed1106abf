//! One press of BAYAR: the five steps, top to bottom.
//!
//! What must hold, whatever dies between any two lines:
//!
//! - The database alone decides. Steps 1, 2, 4 and 5 may fail, be skipped or lie about an expired
//!   lock, and there is still one payment.
//! - Nothing is cached before it is committed, so nothing is promised that is not there.
//! - A process that dies before the commit has written nothing; one that dies after it has written
//!   everything, and the retry with the same key finds it.

mod duplicates;
mod idempotency;
mod lock;
mod together;
mod transaction;

pub use duplicates::Duplicates;
pub use together::Presses;

use super::Stopwatch;
use crate::domain::{
    ConsultationId, Currency, Decimal, Fingerprint, IdempotencyKey, PaymentMethod, Receipt, Role, Status,
    TaxRule, User,
};
use crate::ports::{Clock, Point, Probe, Random, Rate, RateLimit, Store, StoreError, Turnstile};
use lock::{Found, Turn};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use together::{Behind, Boarded, Lead, Word};
use transaction::Written;

/// A well-formed wish to pay: the fields are checked, the amount is positive.
#[derive(Clone, Debug)]
pub struct PayRequest {
    /// Who asks.
    pub user: User,
    /// The client's name for this wish.
    pub key: IdempotencyKey,
    /// What is to be paid for.
    pub consultation: ConsultationId,
    /// What the client believes it costs.
    pub amount: Decimal,
    /// How.
    pub method: PaymentMethod,
    /// What to do while the same key is being worked on elsewhere.
    pub twin: Twin,
    /// The HTTP request, for the record.
    pub request_id: Option<String>,
}

impl PayRequest {
    /// What the key stands for.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.consultation, self.amount, self.method)
    }
}

/// The two contracts of the two header names differ in this (design, part 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// Wait for it, and answer with what it made.
    Await,
    /// Say at once that it is in flight.
    Refuse,
}

/// What a request that is counted on its way in is counted by.
#[derive(Clone, Copy)]
pub struct Toll<'a> {
    /// Whose requests are counted together.
    pub bucket: &'a str,
    /// So many of them are let through in a minute.
    pub limit: u32,
    /// Counts while the turnstile is out of reach.
    pub otherwise: &'a dyn RateLimit,
}

/// What stopped a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// The cache, at once.
    Cache,
    /// The cache, after waiting for the lock.
    Lock,
    /// The database.
    Database,
}

impl Caught {
    /// A word for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Lock => "lock",
            Self::Database => "database",
        }
    }
}

/// The answer to a press of BAYAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One payment was made.
    Created(Receipt),
    /// There was one already, and none was made.
    Duplicate(Duplicate),
}

/// A payment that was there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Whether this very key made it (and not another key for the same consultation).
    pub same_key: bool,
    /// The payment as it was when it was looked up last; its status may be older than `status`.
    pub receipt: Receipt,
    /// Where it stands now.
    pub status: Status,
    /// Whether it can be paid now.
    pub can_be_paid: bool,
    /// What stopped the duplicate.
    pub caught: Caught,
}

/// Why there is no answer about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PayError {
    /// It is one too many in this minute (only with a [`Toll`]).
    #[error("too many requests")]
    OverLimit,
    /// The same key is being worked on (only with [`Twin::Refuse`]).
    #[error("the same key is in flight")]
    InFlight,
    /// The key has stood for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// No such consultation.
    #[error("no such consultation")]
    NoConsultation,
    /// Not this caller's to pay.
    #[error("not the caller's to pay")]
    Forbidden,
    /// The amount is not the consultation's fee, or no amount in its currency.
    #[error("the amount is not the fee")]
    NotTheFee {
        /// The consultation's currency, which the caller may have taken for another.
        currency: Currency,
    },
    /// The consultation's record names no proper price.
    #[error("the consultation has no proper price: {0}")]
    Unpriced(String),
    /// The consultation has an active payment that is not the caller's to see.
    #[error("the consultation is being paid by somebody else")]
    PaidByAnother,
    /// The database could not be asked, or all attempts are spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What prices are worked out with.
#[derive(Clone, Debug)]
pub struct Pricing {
    /// Recorded beside each payment.
    pub taxes: Vec<TaxRule>,
    /// The currency assumed until the consultation's record says otherwise.
    pub default_currency: Currency,
}

/// The flow, with the ports it works through.
#[derive(Clone)]
pub struct Pay {
    /// The guarantee.
    pub store: Arc<dyn Store>,
    /// Steps 1 and 2, 4 and 5.
    pub turnstile: Arc<dyn Turnstile>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Who watches.
    pub probe: Arc<dyn Probe>,
    /// Prices.
    pub pricing: Pricing,
    /// Remembers duplicates for the record.
    pub duplicates: Arc<Duplicates>,
    /// Lets presses of one button go together; one for a server.
    pub presses: Arc<Presses>,
}

/// One way through the five steps, for one press or for several of the same.
struct Run<'a> {
    request: &'a PayRequest,
    toll: Option<&'a Toll<'a>>,
    /// Whom it goes for.
    lead: Option<Lead>,
    /// Since when the press has waited, by the monotonic clock.
    since: Duration,
    /// What catches a duplicate that the cache knows.
    caught: Caught,
}

impl Pay {
    /// Answers a press of BAYAR. A client that goes away must not stop it half-way: whoever waits
    /// for it may, the work may not.
    pub async fn pay(&self, request: &PayRequest) -> Result<Answer, PayError> {
        self.pay_counted(request, None).await.1
    }

    /// The same, with the request counted in the trip of step 1; and where its sender stands then. (What is not
    /// a patient's is not counted here, and pays nothing.)
    pub async fn pay_counted(
        &self,
        request: &PayRequest,
        toll: Option<&Toll<'_>>,
    ) -> (Option<Rate>, Result<Answer, PayError>) {
        let (rate, answer) = match self.only_patients_pay(request).await {
            Ok(()) => self.press(request, toll).await,
            Err(error) => (None, Err(error)),
        };
        count(&answer);
        if let Ok(Answer::Duplicate(duplicate)) = &answer {
            self.duplicates.count(request, duplicate, self.clock.now());
        }
        (rate, answer)
    }

    /// Together with presses of the same button that are here already, if there are any. (The standard's contract wants
    /// to hear at once that its twin is in flight: it never waits here.)
    async fn press(
        &self,
        request: &PayRequest,
        toll: Option<&Toll<'_>>,
    ) -> (Option<Rate>, Result<Answer, PayError>) {
        let since = self.clock.monotonic();
        let mut run = Run { request, toll, lead: None, since, caught: Caught::Cache };
        if request.twin == Twin::Refuse {
            return self.five_steps(run).await;
        }
        match self.presses.board(request, &self.clock) {
            Boarded::First(lead) => run.lead = Some(lead),
            Boarded::Alone => {}
            Boarded::Behind(Behind { word, counted }) => {
                run.caught = Caught::Lock;
                match self.wait_for(word, since).await {
                    Some(Word::Lead(lead)) => run.lead = Some(lead.setting_out()),
                    Some(Word::Told(rate, answer)) => {
                        self.probe.passed(Point::Locked, self.clock.monotonic().saturating_sub(since));
                        return (rate, self.told(request, answer));
                    }
                    None => return self.left_alone(run, counted.get().copied()).await,
                }
            }
        }
        self.five_steps(run).await
    }

    /// Whoever was to go for this press did not. It may be counted already.
    async fn left_alone(
        &self,
        run: Run<'_>,
        counted: Option<Rate>,
    ) -> (Option<Rate>, Result<Answer, PayError>) {
        match counted {
            None => self.five_steps(run).await,
            Some(rate) if rate.is_over() => (Some(rate), Err(PayError::OverLimit)),
            Some(rate) => (Some(rate), self.five_steps(Run { toll: None, ..run }).await.1),
        }
    }

    async fn five_steps(&self, run: Run<'_>) -> (Option<Rate>, Result<Answer, PayError>) {
        let mut rate = None;
        let answer = self.steps(&run, &mut rate).await;
        if let Some(lead) = run.lead {
            lead.tell(&answer);
        }
        (rate, answer)
    }

    async fn steps(&self, run: &Run<'_>, rate: &mut Option<Rate>) -> Result<Answer, PayError> {
        let request = run.request;
        let mut watch = Stopwatch::since(run.since, &*self.clock, &*self.probe);

        // 1. Idempotency: a key that is known is answered from the cache. The trip that asks takes the lock, too,
        //    if the key is not known and nobody has it, and counts the request.
        let ticket = self.ticket(request);
        let found = self.arrive(run, &ticket, rate).await?;
        watch.passed(Point::LookedUp);
        if let Found::Answer(duplicate) = found {
            if duplicate.caught == Caught::Lock {
                // It has waited already: on this server, for the same press.
                watch.passed(Point::Locked);
            }
            return Ok(Answer::Duplicate(duplicate));
        }

        // 2. Lock: whoever presses twice waits for the first press.
        let turn = self.take_turn(request, &ticket, found, run.since).await?;
        watch.passed(Point::Locked);
        if let Turn::AnsweredMeanwhile(duplicate) = turn {
            return Ok(Answer::Duplicate(duplicate));
        }

        // 3. Transaction: the database decides whether there is a payment to make.
        let written = self.write(request).await;
        watch.passed(Point::Committed);

        // 4. Cache: only what is committed, and only for the key that made it.
        // 5. Unlock: only if the lock is still ours. One trip for both.
        self.end_turn(request, &ticket, &turn, written.as_ref().ok()).await;
        watch.passed(Point::Cached);
        watch.passed(Point::Unlocked);

        written.map(Written::into_answer)
    }

    /// A role that is no patient's pays for nobody; it learns only whether the consultation exists.
    async fn only_patients_pay(&self, request: &PayRequest) -> Result<(), PayError> {
        if request.user.role == Role::Patient {
            return Ok(());
        }
        idempotency::log_request(request, self.pricing.default_currency);
        match self.store.consultation(request.consultation).await? {
            Some(_) => Err(PayError::Forbidden),
            None => Err(PayError::NoConsultation),
        }
    }
}

fn count(answer: &Result<Answer, PayError>) {
    let outcome =
        |word: &'static str| metrics::counter!("sekali_payments_total", "outcome" => word).increment(1);
    match answer {
        Ok(Answer::Created(_)) => outcome("created"),
        Ok(Answer::Duplicate(duplicate)) => {
            metrics::counter!("sekali_duplicates_total", "caught" => duplicate.caught.name()).increment(1);
        }
        Err(PayError::OverLimit) => {}
        Err(PayError::Store(_)) => outcome("unavailable"),
        Err(_) => outcome("refused"),
    }
}
