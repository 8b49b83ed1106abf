//! A process that dies at an exact point: nothing after it is run, nothing is cleaned up.

use sekali_core::ports::{Point, Probe};
use std::future::Future;
use std::time::Duration;

/// Dies when the point is reached.
pub(crate) struct DiesAt(pub(crate) Point);

impl Probe for DiesAt {
    fn passed(&self, point: Point, _: Duration) {
        assert_ne!(point, self.0, "the process dies here, as the test wants it");
    }
}

/// Runs what is to die, and makes sure that it did.
pub(crate) async fn dies<F>(work: F)
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let ended = tokio::spawn(work).await;
    assert!(ended.is_err_and(|error| error.is_panic()), "the point was never reached");
}
