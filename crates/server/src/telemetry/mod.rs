//! What the service says of itself: log lines and metrics.

pub mod log;
pub mod metrics;
pub mod reading;
pub mod spool;

use std::future::Future;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Runs `future` as part of the request `id`: its log lines carry the id.
pub async fn in_request<F: Future>(id: String, future: F) -> F::Output {
    REQUEST_ID.scope(id, future).await
}

/// The request that the current task works for.
pub fn request_id() -> Option<String> {
    with_request_id(str::to_owned)
}

/// What `look` makes of the request's id, if the current task works for one.
pub fn with_request_id<T>(look: impl FnOnce(&str) -> T) -> Option<T> {
    REQUEST_ID.try_with(|id| look(id)).ok()
}
