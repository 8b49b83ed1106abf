//! A host application that takes messages, or does not.

use super::script::Queue;
use async_trait::async_trait;
use sekali_core::ports::{Host, HostError, HostMessage};
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct FakeHost {
    taken: Mutex<Vec<HostMessage>>,
    /// Whether the next messages are refused; beyond that they are taken.
    pub(crate) refuses: Queue<bool>,
}

impl FakeHost {
    /// Every message that came, in order.
    pub(crate) fn messages(&self) -> Vec<HostMessage> {
        self.taken.lock().unwrap().clone()
    }

    /// The types of the messages that were taken.
    pub(crate) fn types(&self) -> Vec<String> {
        self.messages().iter().map(|message| field(message, "type").as_str().unwrap().to_owned()).collect()
    }
}

/// A member of a message's body.
pub(crate) fn field(message: &HostMessage, name: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(&message.body).unwrap()[name].clone()
}

#[async_trait]
impl Host for FakeHost {
    async fn deliver(&self, message: &HostMessage) -> Result<(), HostError> {
        if self.refuses.pop().unwrap_or(false) {
            return Err(HostError("503".into()));
        }
        self.taken.lock().unwrap().push(message.clone());
        Ok(())
    }
}
