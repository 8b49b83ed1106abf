//! The flows, held to what they promise whatever the ports do.
//!
//! The database is the embedded one and the coordination the one in memory, each behind a watcher that
//! notes every call and can fail it; Stripe is a fake, and time passes only when somebody sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod pay {
    mod attempts;
    mod counted;
    mod crash;
    mod duplicates;
    mod log;
    mod outages;
    mod prices;
    mod refusals;
    mod steps;
    mod together;
    mod toll;
    mod waiting;
}
mod checkout {
    mod crash;
    mod lost_answers;
    mod opening;
    mod outcomes;
    mod refusals;
}

mod settle {
    mod counted;
    mod crash;
    mod inbox;
    mod outcomes;
    mod replay;
    mod together;
}

mod cancel {
    mod asking;
    mod ending;
}

mod refund {
    mod crash;
    mod dashboard;
    mod disputes;
    pub(crate) mod wishes;
}

mod reconcile {
    mod asked;
    mod comparing;
    mod lease;
    mod passes;
    mod stray;
    mod sweeping;
}

mod host {
    mod delivery;
    mod messages;
    mod record;
}
