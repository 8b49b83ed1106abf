//! What time does by itself: sessions run out, banks answer, refunds arrive or bounce.

use crate::model::refund::Refund;
use crate::model::session::Session;
use crate::storage::{StorageError, objects};
use crate::work::Work;
use crate::{bank, checkout, refunds};

/// Whether something is due.
pub(crate) fn any(work: &mut Work<'_>) -> Result<bool, StorageError> {
    let now = work.now();
    let sessions: Vec<Session> = objects::due(work.tx, now, 1)?;
    let refunds: Vec<Refund> = objects::due(work.tx, now, 1)?;
    Ok(!sessions.is_empty() || !refunds.is_empty())
}

/// Does what is due, at most `limit` things of each kind; returns how many there were.
pub(crate) fn run(work: &mut Work<'_>, limit: i64) -> Result<usize, StorageError> {
    let now = work.now();
    let sessions: Vec<Session> = objects::due(work.tx, now, limit)?;
    let refunds: Vec<Refund> = objects::due(work.tx, now, limit)?;
    let count = sessions.len() + refunds.len();
    // Nobody asked for it, whatever request happened to notice it.
    let cause = std::mem::take(&mut work.cause);
    for mut session in sessions {
        if session.is_open() {
            checkout::expire(work, &mut session)?;
        } else {
            bank::settle_as_planned(work, &mut session)?;
        }
    }
    for mut refund in refunds {
        refunds::settle_as_planned(work, &mut refund)?;
    }
    work.cause = cause;
    Ok(count)
}
