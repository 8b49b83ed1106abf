//! Hears from Redis which locks were given back.

use super::breaker::RETRY_PAUSE;
use super::scripts::GIVEN_BACK;
use crate::bells::Bells;
use futures_util::StreamExt;
use redis::RedisResult;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A connection on which nothing was said for so long is made anew: each heartbeat says something to all.
const QUIET: Duration = Duration::from_secs(5);
/// A Redis that refuses is asked again after this, at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A connection of its own that listens, for as long as this value lives. It belongs to the link that calls are made
/// over, and is made anew with it: a network that swallows what is said tells nobody.
pub(super) struct Ears {
    open: Arc<AtomicBool>,
    bells: Arc<Bells>,
    listening: JoinHandle<()>,
}

impl Ears {
    pub(super) fn open(client: redis::Client, bells: Arc<Bells>) -> Self {
        let open = Arc::new(AtomicBool::new(false));
        let listening = tokio::spawn(keep_listening(client, Arc::clone(&bells), Arc::clone(&open)));
        Self { open, bells, listening }
    }

    /// Whether word would come.
    pub(super) fn are_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Drop for Ears {
    /// Whoever waits for word from here must look again.
    fn drop(&mut self) {
        self.listening.abort();
        self.open.store(false, Ordering::Release);
        self.bells.ring_all();
    }
}

async fn keep_listening(client: redis::Client, bells: Arc<Bells>, open: Arc<AtomicBool>) {
    let (mut pause, mut said) = (RETRY_PAUSE, false);
    loop {
        let ended = listen(&client, &bells, &open).await;
        if open.swap(false, Ordering::AcqRel) {
            bells.ring_all();
            (pause, said) = (RETRY_PAUSE, false);
        }
        match ended {
            // The link over which calls go tells of outages.
            Err(error) if error.is_io_error() => tracing::debug!(%error, "{UNHEARD}"),
            Err(error) if !said => {
                tracing::warn!(%error, "{UNHEARD}");
                said = true;
            }
            Ok(()) | Err(_) => {}
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// For the log.
pub(super) const UNHEARD: &str =
    "Redis does not tell which locks are given back, whoever waits looks by himself";

/// Until the connection ends.
async fn listen(client: &redis::Client, bells: &Bells, open: &AtomicBool) -> RedisResult<()> {
    let mut connection = client.get_async_pubsub().await?;
    connection.subscribe(GIVEN_BACK).await?;
    open.store(true, Ordering::Release);
    let mut heard = connection.on_message();
    // A network that has forgotten a connection on which nothing was said does not tell.
    while let Ok(Some(message)) = timeout(QUIET, heard.next()).await {
        if let Ok(lock) = message.get_payload::<String>() {
            bells.ring(&lock);
        }
    }
    Ok(())
}
