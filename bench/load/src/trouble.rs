//! What keeps a run from being made.

use std::error::Error;
use std::fmt::Display;

/// A result whose error is read by a person.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Says what was being done when an error came up.
pub(crate) trait While<T> {
    /// The value, or an error that begins with `doing`.
    fn while_doing(self, doing: impl Display) -> Outcome<T>;
}

impl<T, E: Into<Box<dyn Error>>> While<T> for Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|error| format!("{doing}: {}", whole(error.into().as_ref())).into())
    }
}

/// An error with its causes: some say no more by themselves than that there was one.
fn whole(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", whole(cause)),
        None => error.to_string(),
    }
}

/// An error in words of its own.
pub(crate) fn fail<T>(words: impl Into<String>) -> Outcome<T> {
    Err(words.into().into())
}
