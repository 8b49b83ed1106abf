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
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Runs `future` to its end even if whoever waits for it goes away (a client that hangs up drops
/// its handler): what touches money is never stopped between two lines.
pub async fn uncancelled<F>(future: F) -> Result<F::Output, tokio::task::JoinError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match request_id() {
        Some(id) => tokio::spawn(in_request(id, future)).await,
        None => tokio::spawn(future).await,
    }
}
