//! The inbox of webhooks.

use crate::rows::column;
use crate::{SqliteStore, sql};
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{InboxEvent, InboxStore, StoreError};
use std::time::Duration;

#[async_trait]
impl InboxStore for SqliteStore {
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
        self.write(move |sql| {
            let event = (&id, kind, object, payload, at.sql(), at.as_micros());
            let new = sql.run(sql::RECEIVE_EVENT, event)? == 1;
            if !new {
                sql.run(sql::REVIVE_EVENT, (id, at.as_micros()))?;
            }
            Ok(new)
        })
        .await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<InboxEvent>, StoreError> {
        let params = (now.as_micros(), now.plus(lease).as_micros(), limit);
        self.write(move |sql| {
            sql.rows(sql::CLAIM_EVENTS, params, |row| {
                Ok(InboxEvent {
                    id: column(row, 0)?,
                    kind: column(row, 1)?,
                    object: column(row, 2)?,
                    attempts: column(row, 3)?,
                })
            })
        })
        .await
    }

    async fn finish_event(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |sql| sql.run_on_one(sql::FINISH_EVENT, (id, at.sql()))).await
    }

    async fn postpone_event(&self, id: &str, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        let (id, error, next) = (id.to_owned(), error.to_owned(), next.map(Timestamp::as_micros));
        self.write(move |sql| sql.run(sql::POSTPONE_EVENT, (id, error, next)).map(drop)).await
    }
}
