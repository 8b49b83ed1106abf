//! A card was declined: remembered, and nothing else. Its session goes on.

use super::Decision;
use crate::domain::{Origin, PaymentFile, SessionState, Timestamp, What};
use uuid::Uuid;

/// Notes a decline while the session is open; after that it is old news.
pub fn declined(
    file: &PaymentFile,
    session: Uuid,
    payment_intent: &str,
    code: &str,
    at: Timestamp,
    origin: &Origin,
) -> Decision {
    let nothing = Decision::at(at);
    match file.session(session) {
        Some(known) if known.state == SessionState::Open => nothing.note(
            origin,
            What::CardDeclined { session, payment_intent: payment_intent.to_owned(), code: code.to_owned() },
        ),
        _ => nothing,
    }
}
