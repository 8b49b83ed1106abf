//! The host application, which is told of each transition.

use crate::domain::Timestamp;
use async_trait::async_trait;
use thiserror::Error;

/// One message, in the form of Standard Webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMessage {
    /// `webhook-id`: the same however often it is sent, so that a receiver can tell a repeat.
    pub id: String,
    /// The JSON text that is sent, and signed.
    pub body: String,
    /// `webhook-timestamp`: of this attempt.
    pub at: Timestamp,
}

/// Why the host has not taken a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Where messages go.
#[async_trait]
pub trait Host: Send + Sync {
    /// Signs and sends one message. An answer 2xx is its receipt; everything else is an error, and the
    /// message may have been taken all the same.
    async fn deliver(&self, message: &HostMessage) -> Result<(), HostError>;
}
