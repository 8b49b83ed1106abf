//! How a change of status reaches the cached answers of every server.

use crate::domain::{Payment, PaymentId};
use crate::ports::StatusBoard;

/// Before the commit: nobody may answer from what is cached until the new status is published. A
/// board out of reach changes nothing: the other servers may then show the old status until their
/// entries end (contract, part 3).
pub(super) async fn changing(board: &dyn StatusBoard, payment: PaymentId) {
    if board.changing(payment).await.is_err() {
        metrics::counter!("sekali_status_unpublished_total").increment(1);
    }
}

/// After the commit.
pub(super) async fn publish(board: &dyn StatusBoard, payment: &Payment) {
    if board.publish(payment).await.is_err() {
        metrics::counter!("sekali_status_unpublished_total").increment(1);
    }
}
