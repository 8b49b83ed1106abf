//! Webhooks, kept before they are answered.

use crate::pool::work;
use crate::rows::{At, value};
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{InboxEvent, InboxStore, StoreError};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait]
impl InboxStore for PostgresStore {
    async fn receive_event(
        &self,
        id: &str,
        kind: &str,
        object: Option<&str>,
        payload: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, kind, payload) = (id.to_owned(), kind.to_owned(), payload.to_owned());
        let object = object.map(str::to_owned);
        let work = work(move |c| {
            Box::pin(async move {
                let new = c.write(&sql::RECEIVE_EVENT, &[&id, &kind, &object, &payload, &At(at)]).await?;
                Ok(!new.is_empty())
            })
        });
        self.pool.write(work).await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<InboxEvent>, StoreError> {
        let work = work(move |c| {
            Box::pin(async move {
                let until = At(now.plus(lease));
                let claimed = c.write(&sql::CLAIM_EVENTS, &[&At(now), &until, &i64::from(limit)]).await?;
                claimed.iter().map(event).collect()
            })
        });
        self.pool.write(work).await
    }

    async fn finish_event(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        let work =
            work(move |c| Box::pin(async move { one(&c.write(&sql::FINISH_EVENT, &[&id, &At(at)]).await?) }));
        self.pool.write(work).await
    }

    async fn postpone_event(&self, id: &str, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        let (id, error) = (id.to_owned(), error.to_owned());
        let work = work(move |c| {
            Box::pin(async move { one(&c.write(&sql::POSTPONE_EVENT, &[&id, &error, &next.map(At)]).await?) })
        });
        self.pool.write(work).await
    }
}

fn event(row: &Row) -> Result<InboxEvent, StoreError> {
    Ok(InboxEvent {
        id: value(row, "id")?,
        kind: value(row, "kind")?,
        object: value(row, "object")?,
        attempts: u32::try_from(value::<i64>(row, "attempts")?).unwrap_or(u32::MAX),
    })
}

/// Events are never deleted, so one that is not there was never received.
fn one(changed: &[Row]) -> Result<(), StoreError> {
    match changed {
        [_] => Ok(()),
        _ => Err(StoreError::Broken("no such event was received".to_owned())),
    }
}
