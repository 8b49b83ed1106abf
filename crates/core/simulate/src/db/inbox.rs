//! Webhooks between their arrival and their end.

use super::Db;
use crate::plan::Guard;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{InboxEvent, StoreError};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) object: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) leased_until: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) number: usize,
}

impl Db {
    pub(crate) fn receive_event(
        &mut self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        at: Timestamp,
    ) -> bool {
        let number = self.events.len();
        if let Some(known) = self.events.get_mut(id) {
            if known.due_at.is_none() && known.finished_at.is_none() {
                (known.due_at, known.attempts) = (Some(at), 0);
            }
            return false;
        }
        let event = Event {
            kind: kind.to_owned(),
            object: object.map(str::to_owned),
            attempts: 0,
            due_at: Some(at),
            leased_until: None,
            finished_at: None,
            number,
        };
        self.events.insert(id.to_owned(), event);
        true
    }

    pub(crate) fn claim_events(&mut self, now: Timestamp, lease: Duration, limit: u32) -> Vec<InboxEvent> {
        let handled_first = self.guards.has(Guard::InboxHandled);
        let is_due = |event: &Event| {
            event.due_at.is_some_and(|due| due <= now) && event.leased_until.is_none_or(|until| until <= now)
        };
        let mut due: Vec<_> = self.events.iter_mut().filter(|(_, event)| is_due(event)).collect();
        due.sort_by_key(|(_, event)| (event.due_at, event.number));
        let mut claimed = Vec::new();
        for (id, event) in due.into_iter().take(limit as usize) {
            event.leased_until = Some(now.plus(lease));
            event.attempts += 1;
            let (kind, object, attempts) = (event.kind.clone(), event.object.clone(), event.attempts);
            claimed.push(InboxEvent { id: id.clone(), kind, object, attempts });
            if !handled_first {
                (event.finished_at, event.due_at, event.leased_until) = (Some(now), None, None);
            }
        }
        claimed
    }

    pub(crate) fn finish_event(&mut self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let event = self.events.get_mut(id).ok_or_else(|| StoreError::Broken("no such event".into()))?;
        event.finished_at = event.finished_at.or(Some(at.whole_second()));
        (event.due_at, event.leased_until) = (None, None);
        Ok(())
    }

    pub(crate) fn postpone_event(&mut self, id: &str, next: Option<Timestamp>) {
        if let Some(event) = self.events.get_mut(id).filter(|event| event.finished_at.is_none()) {
            (event.due_at, event.leased_until) = (next, None);
        }
    }
}
