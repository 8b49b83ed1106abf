//! The host application: takes messages, refuses, takes one and loses the answer.

use crate::executor::lock;
use crate::plan::Fault;
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::ports::{Host, HostError, HostMessage};

/// What it was told, in the order in which it came.
#[derive(Default)]
pub(crate) struct HostBooks {
    pub(crate) taken: Vec<HostMessage>,
}

#[async_trait]
impl Host for Sim {
    async fn deliver(&self, message: &HostMessage) -> Result<(), HostError> {
        self.travel().await;
        if self.fault(Fault::HostRefuses) {
            return Err(HostError("503".into()));
        }
        lock(&self.host).taken.push(message.clone());
        self.note(|| (format!("tells the host {}", message.id), message.body.chars().take(60).collect()));
        if self.fault(Fault::HostAnswerLost) {
            return Err(HostError("the answer was lost".into()));
        }
        self.travel_back().await;
        Ok(())
    }
}
