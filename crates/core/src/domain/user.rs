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
