//! Who asks.

use serde::{Deserialize, Serialize};

/// A user's number in the host application: the token's `sub`. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the token's claim `role` says; a token without it is a patient's (contract, part 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Pays for consultations of their own.
    Patient,
    /// The host application: keeps consultations and reads every payment.
    Service,
    /// A person who operates the service: reads every payment.
    Admin,
    /// A role of the host application's that means nothing here: it may do nothing.
    Other,
}

impl Role {
    /// The role as the token writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Service => "service",
            Self::Admin => "admin",
            Self::Other => "other",
        }
    }

    /// Reads the claim.
    pub fn parse(word: &str) -> Self {
        let known = [Self::Patient, Self::Service, Self::Admin];
        known.into_iter().find(|role| role.as_str() == word).unwrap_or(Self::Other)
    }
}

/// An authenticated caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// As what.
    pub role: Role,
}

impl User {
    /// Whether every payment may be read, not only the caller's own.
    pub fn reads_all(&self) -> bool {
        matches!(self.role, Role::Service | Role::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_the_contracts_words_and_any_other_word_may_do_nothing() {
        for (word, role) in [("patient", Role::Patient), ("service", Role::Service), ("admin", Role::Admin)] {
            assert_eq!((Role::parse(word), role.as_str()), (role, word));
        }
        for word in ["", "Admin", "admins", "other", "doctor"] {
            assert_eq!(Role::parse(word), Role::Other, "{word}");
        }
        assert_eq!(Role::Other.as_str(), "other");
    }

    #[test]
    fn only_the_host_and_operators_read_what_is_not_theirs() {
        for (role, reads) in
            [(Role::Patient, false), (Role::Service, true), (Role::Admin, true), (Role::Other, false)]
        {
            assert_eq!(User { id: UserId(1), role }.reads_all(), reads, "{role:?}");
        }
    }
}
