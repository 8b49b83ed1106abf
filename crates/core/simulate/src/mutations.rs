//! The list of what the simulator has to find: guards taken away, alone or together, and what that shows as.

use crate::plan::{Guard, Plan};
use crate::run::{History, run};

/// Guards that are taken away.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// In words.
    pub name: &'static str,
    /// The guards. Several, where each alone is enough to keep the rest from harm.
    pub without: &'static [Guard],
    /// A part of the sentence in which it shows.
    pub shows: &'static str,
}

/// How a mutation was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed that shows it.
    pub history: History,
    /// Seeds that were tried, that one included.
    pub seeds: u64,
}

impl Mutation {
    /// Tries seeds from 0 on, `most` of them, until one shows the mutation.
    pub fn find(&self, most: u64) -> Option<Found> {
        let plan = Plan::without(self.without);
        let shows = |history: &History| history.broken.iter().any(|broken| broken.how.contains(self.shows));
        (0..most).map(|seed| run(seed, &plan)).position(|history| shows(&history)).map(|at| {
            let seed = at as u64;
            Found { history: run(seed, &plan), seeds: seed + 1 }
        })
    }
}

macro_rules! mutations {
    ($($name:literal: $($guard:ident)+ => $shows:literal,)+) => {
        /// Every mutation.
        pub const MUTATIONS: &[Mutation] = &[
            $(Mutation { name: $name, without: &[$(Guard::$guard),+], shows: $shows },)+
        ];
    };
}

mutations! {
    "no unique index, and only a lock that expires": ActiveIndex ConsultationLock => "TWICE",
    "unlock without the token, and no unique index": LockToken ActiveIndex ConsultationLock => "active payments",
    "a lock that does not say whose it is": LockHolder => "nobody else has sent it",
    "keys without their user in the database": KeyScope => "was shown payment",
    "keys without their user in the cache": CacheScope => "was shown payment",
    "no primary key of keys": KeyTable => "has made",
    "what a key stands for is not compared": Fingerprint => "of another request",
    "cached and answered before the commit": CommitFirst => "is lost",
    "the invoice is written after the payment": OneTransaction => "has 0 invoices",
    "the invoice is left out": Invoice => "has 0 invoices",
    "the taxes are left out": Taxes => "tax records",
    "another user's payment is shown": Patient => "was shown payment",
    "decided on a stale file, any state overwritten": PaymentLock NamedStates RecordIndex CaptureKey => " went from ",
    "decided on a stale file, the record unguarded": PaymentLock RecordIndex => "does not follow",
    "an end is overwritten": Ended NamedStates => " went from ",
    "a record with a gap": RecordWhole => "does not follow",
    "a record without hashes": RecordHash => "does not follow",
    "no outbox in the transaction": OutboxWritten => "never told",
    "delivered before the host was told": OutboxTold => "never told",
    "an unclear commit is taken for a failure": UnclearIsUnclear => "was not written, and it is there",
    "an unclear commit is looked up": UnclearRepeated => "was not written, and it is there",
    "a second session is opened": LiveSession NamedStates => "sessions of one payment",
    "no key at the gateway": GatewayKey => "TWICE",
    "another key at each attempt": GatewaySameKey => "sessions of one payment",
    "a session's first picture is trusted": LookUp => "is done with",
    "cancelled without asking Stripe": EndAtGateway => "TWICE",
    "expired by a clock": ExpireByGateway => "TWICE",
    "a webhook is done before it is handled": InboxHandled => "is done with",
    "cancelled without asking, and the surplus is not given back": EndAtGateway StrayReturned => "never given back",
    "cancelled without asking, and the surplus is not kept": EndAtGateway StrayKept => "is not shown",
    "a refund under another key at each attempt": RefundKey => "made twice at Stripe",
    "refunds without a cap": RefundCap => "exceed it",
    "a refund is sent before it is committed": RefundCommitted => "that is not committed",
}

/// The guards that, taken away alone, let a patient be charged for one consultation twice: each with the number of
/// seeds it took, trying `most`.
pub fn charging_twice(most: u64) -> Vec<(Guard, u64)> {
    let alone = |guard: &Guard| {
        let plan = Plan::without(&[*guard]);
        let seeds = (0..most).position(|seed| run(seed, &plan).charges_twice())?;
        Some((*guard, seeds as u64 + 1))
    };
    Guard::ALL.iter().filter_map(alone).collect()
}
