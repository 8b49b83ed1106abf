//! The attacks, one subject a file.

mod amounts;
mod clicks;
mod headers;
mod judge;
mod keys;
mod late;
mod lost;
mod malformed;
mod pipelined;
mod retry;
mod reuse;
mod shape;
mod slow;
mod standard;
mod storms;
mod users;

use crate::client::Halt;
use crate::rule::Rule;
use crate::scene::Scene;
use crate::trial::Trial;
use futures_util::future::BoxFuture;

pub(crate) use late::Early;

/// An attack.
pub(crate) struct Check {
    /// Its name in reports; it stays.
    pub id: &'static str,
    /// What is tried, in one sentence.
    pub title: &'static str,
    /// Where it is written what is right.
    pub rules: &'static [Rule],
    pub run: for<'a> fn(&'a Scene, &'a mut Trial) -> BoxFuture<'a, Result<(), Halt>>,
}

/// All attacks but the late replay, which needs an early payment.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    let parts = [
        clicks::CHECKS,
        storms::CHECKS,
        lost::CHECKS,
        reuse::CHECKS,
        users::CHECKS,
        retry::CHECKS,
        malformed::CHECKS,
        slow::CHECKS,
        pipelined::CHECKS,
        headers::CHECKS,
        keys::CHECKS,
        amounts::CHECKS,
        standard::CHECKS,
        shape::CHECKS,
    ];
    parts.into_iter().flatten()
}

pub(crate) const LATE: &Check = &late::CHECK;
