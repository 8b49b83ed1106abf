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

/// Runs `future` to its end even if whoever waits for it goes away (a client that hangs up drops
/// its handler): what touches money is never stopped between two lines.
pub async fn uncancelled<F>(future: F) -> Result<F::Output, tokio::task::JoinError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // On the heap from the first: on its way into the task a future is moved several times.
    let future = Box::pin(future);
    match request_id() {
        Some(id) => tokio::spawn(in_request(id, future)).await,
        None => tokio::spawn(future).await,
    }
}
