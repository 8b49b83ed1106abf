//! What a history is made of: which guards stand, which faults may happen, and what of it is left out.

use std::collections::BTreeSet;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The one that a word is for.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == word)
            }

            /// A word for it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words! {
    /// Something that keeps a patient from paying twice, or the books from being wrong. Each can be taken away, to
    /// see what follows.
    Guard {
        /// The database's unique index on active payments.
        ActiveIndex = "active-index",
        /// The consultation is locked between looking for an active payment and writing one.
        ConsultationLock = "consultation-lock",
        /// The primary key of idempotency keys.
        KeyTable = "key-table",
        /// In the database keys belong to their user.
        KeyScope = "key-scope",
        /// Answers are kept in the cache.
        Cache = "cache",
        /// One request at a time for a patient and a consultation.
        Lock = "lock",
        /// In the cache keys belong to their user.
        CacheScope = "cache-scope",
        /// What a key stands for is compared with what is asked.
        Fingerprint = "fingerprint",
        /// A payment is answered and cached only after it is committed.
        CommitFirst = "commit-first",
        /// Payment, invoice, taxes, key and record are one transaction.
        OneTransaction = "one-transaction",
        /// An invoice is written with each payment.
        Invoice = "invoice",
        /// Tax records are written with each payment.
        Taxes = "taxes",
        /// A lock is released only with its own token.
        LockToken = "lock-token",
        /// Who finds a lock held learns for which key.
        LockHolder = "lock-holder",
        /// Only the consultation's patient pays for it, and sees its payment.
        Patient = "patient",
        /// The payment is locked while it is decided upon.
        PaymentLock = "payment-lock",
        /// Each change names the state it leaves.
        NamedStates = "named-states",
        /// What has ended is shown as ended to whoever decides.
        Ended = "ended",
        /// Entries of a record are numbered without gaps, by a unique index.
        RecordIndex = "record-index",
        /// Every entry of the record is written.
        RecordWhole = "record-whole",
        /// Every entry of the record carries its hash.
        RecordHash = "record-hash",
        /// What is announced in the record reaches the outbox in the same transaction.
        OutboxWritten = "outbox-written",
        /// A message counts as delivered only when the host has taken it.
        OutboxTold = "outbox-told",
        /// A commit whose answer is lost is taken for unclear, not for a failure.
        UnclearIsUnclear = "unclear-is-unclear",
        /// An unclear commit is done again, not looked up.
        UnclearRepeated = "unclear-repeated",
        /// One live Checkout Session a consultation, by a unique index and by the decision that looks for one.
        LiveSession = "live-session",
        /// Calls that make a session carry an idempotency key.
        GatewayKey = "gateway-key",
        /// A repeated call for a session carries the key of the first.
        GatewaySameKey = "gateway-same-key",
        /// Sessions are looked up before they are relied on.
        LookUp = "look-up",
        /// A payment is cancelled when the gateway has ended its session.
        EndAtGateway = "end-at-gateway",
        /// A session is over when the gateway says so, not when a clock does.
        ExpireByGateway = "expire-by-gateway",
        /// A webhook is done with when it was handled.
        InboxHandled = "inbox-handled",
        /// A capture is counted once, by its payment intent.
        CaptureKey = "capture-key",
        /// Money that settles nothing is given back.
        StrayReturned = "stray-returned",
        /// Money that settles nothing is kept, and shown.
        StrayKept = "stray-kept",
        /// A repeated call for a refund carries the key of the first.
        RefundKey = "refund-key",
        /// Refunds never exceed their capture, by a constraint and by the decision that adds them up.
        RefundCap = "refund-cap",
        /// A refund is sent only after its intent is committed.
        RefundCommitted = "refund-committed",
    }
}

words! {
    /// Something that goes wrong around the service.
    Fault {
        /// A server's process dies at an await.
        Crash = "crash",
        /// A call takes seconds.
        Slow = "slow call",
        /// The database is out of reach: nothing was written.
        DatabaseDown = "database out of reach",
        /// A transaction loses against another one.
        Conflict = "conflict",
        /// A commit whose answer is lost, and which happened.
        UnclearDone = "commit happened, answer lost",
        /// A commit whose answer is lost, and which happens later.
        UnclearLater = "commit happens later, answer lost",
        /// A commit whose answer is lost, and which never happens.
        UnclearNever = "commit never happens, answer lost",
        /// The cache is out of reach.
        CacheDown = "cache out of reach",
        /// The cache does what it is told, and the answer is lost.
        CacheAnswerLost = "cache's answer lost",
        /// The cache is emptied.
        CacheFlushed = "cache emptied",
        /// The cache fails over to an older state.
        CacheFailover = "cache failed over to an older state",
        /// A lock is given to a second holder.
        LockTwice = "lock given to two",
        /// A lock expires under its holder.
        LockExpired = "lock expired early",
        /// The gateway is out of reach: nothing happened.
        GatewayDown = "gateway out of reach",
        /// The gateway has done it, and the answer is lost.
        GatewayAnswerLost = "gateway's answer lost",
        /// The gateway does it after the caller has given up.
        GatewayLate = "gateway late",
        /// The gateway is handed the call twice.
        GatewayTwice = "call handed to the gateway twice",
        /// The gateway fails with 500, saved under the key, and has done nothing.
        Gateway500 = "gateway's 500, nothing done",
        /// The gateway fails with 500, saved under the key, and has done it.
        Gateway500Done = "gateway's 500, done all the same",
        /// The gateway says 409.
        Gateway409 = "gateway's 409",
        /// The gateway says 429.
        Gateway429 = "gateway's 429",
        /// The gateway refuses definitely.
        GatewayRefuses = "gateway refuses",
        /// A webhook comes late, by minutes to days.
        WebhookLate = "webhook late",
        /// A webhook comes more than once.
        WebhookTwice = "webhook repeated",
        /// A server's clock jumps by ten minutes.
        ClockJump = "clock jumped 10 minutes",
        /// A server's clock jumps by a day.
        ClockJumpDay = "clock jumped a day",
        /// The host takes no message.
        HostRefuses = "host refuses",
        /// The host takes a message, and its answer is lost.
        HostAnswerLost = "host's answer lost",
        /// A client goes away in mid-request.
        Disconnect = "client disconnected",
    }
}

/// A set of guards that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    missing: BTreeSet<Guard>,
}

impl Guards {
    /// Every guard stands: the service as it is.
    pub fn all() -> Self {
        Self::default()
    }

    /// These do not stand.
    pub fn without(missing: &[Guard]) -> Self {
        Self { missing: missing.iter().copied().collect() }
    }

    /// Those that are missing.
    pub fn missing(&self) -> impl Iterator<Item = Guard> + '_ {
        self.missing.iter().copied()
    }

    /// Whether a guard stands.
    pub fn has(&self, guard: Guard) -> bool {
        // Nearly always none is missing, and this is asked at every step.
        self.missing.is_empty() || !self.missing.contains(&guard)
    }
}

/// One fault of a history: the stream it was drawn from, and the how-manieth draw of that stream.
pub type FaultId = (u64, u32);

/// What a history is made of, beside its seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Which guards stand.
    pub guards: Guards,
    /// Whether the history is written down line by line; else only what it comes to.
    pub written: bool,
    /// Faults that do not happen.
    pub no_faults: BTreeSet<FaultId>,
    /// Patients that are left out, by their number.
    pub no_patients: BTreeSet<u64>,
    /// Wishes of patients that are left out: patient and number of the wish.
    pub no_wishes: BTreeSet<(u64, u32)>,
}

impl Plan {
    /// The service as it is, but for these guards.
    pub fn without(missing: &[Guard]) -> Self {
        Self { guards: Guards::without(missing), ..Self::default() }
    }
}
