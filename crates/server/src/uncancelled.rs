//! Work that is done to its end even if whoever waits for it goes away: a client that hangs up drops its handler, and
//! what touches money is never stopped between two lines.
//!
//! It goes on where it was asked for; only when that is dropped, in a task of its own. (A task for each request from
//! its beginning would wake another thread for every press, and be waited for by this one.)

use crate::telemetry::{in_request, request_id};
use futures_util::future::CatchUnwind;
use futures_util::{FutureExt, ready};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::runtime::Handle;

/// The work panicked; what it panicked with is on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the work panicked")]
pub struct Panicked;

/// Runs `work` to its end, from when this is waited for first.
///
/// # Errors
/// It panicked.
pub async fn uncancelled<F>(work: F) -> Result<F::Output, Panicked>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Kept(Some(Box::pin(AssertUnwindSafe(work).catch_unwind()))).await
}

/// On the heap from the first, as it may have to move into a task after it has begun.
struct Kept<F>(Option<Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static;

impl<F> Future for Kept<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = self.0.as_mut() else { return Poll::Pending };
        let ended = ready!(work.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(ended.map_err(|_| Panicked))
    }
}

impl<F> Drop for Kept<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the process is ending, and all of its tasks with it.
        let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        match request_id() {
            Some(id) => drop(runtime.spawn(in_request(id, work))),
            None => drop(runtime.spawn(work)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::{Receiver, channel};
    use tokio::sync::{mpsc, oneshot};

    /// Work that says that it has begun, waits until it may end, and says then for which request it worked.
    fn work(
        begun: mpsc::Sender<()>,
        may_end: Receiver<()>,
    ) -> (impl Future<Output = ()> + Send, Receiver<Option<String>>) {
        let (tells, told) = channel();
        let work = async move {
            begun.send(()).await.unwrap();
            may_end.await.unwrap();
            tells.send(request_id()).unwrap();
        };
        (work, told)
    }

    #[tokio::test]
    async fn work_that_is_dropped_half_way_goes_on_for_the_same_request() {
        let (begins, mut begun) = mpsc::channel(1);
        let (end, may_end) = oneshot::channel();
        let (work, told) = work(begins, may_end);
        let caller = tokio::spawn(in_request("req-1".to_owned(), uncancelled(work)));
        begun.recv().await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        end.send(()).unwrap();
        assert_eq!(told.await.unwrap().as_deref(), Some("req-1"));
    }

    #[tokio::test]
    async fn work_that_is_waited_for_takes_no_task() {
        let during =
            tokio::spawn(async { (tokio::task::id(), uncancelled(async { tokio::task::id() }).await) });
        let (caller, worker) = during.await.unwrap();
        assert_eq!(worker, Ok(caller));
    }

    #[tokio::test]
    async fn work_that_nobody_waited_for_does_not_begin() {
        let (begins, mut begun) = mpsc::channel(1);
        let (_end, may_end) = oneshot::channel();
        let (work, told) = work(begins, may_end);
        drop(uncancelled(work));
        assert_eq!(begun.recv().await, None);
        assert!(told.await.is_err());
    }

    #[tokio::test]
    async fn a_panic_is_told_and_goes_no_further() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("half-way");
        };
        assert_eq!(uncancelled(panics).await, Err(Panicked));
    }
}
