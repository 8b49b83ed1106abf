//! The threads that read. They see what is committed, and neither wait for the writer nor hold it up.

use crate::connection::{Sql, open_reader};
use sekali_core::ports::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A few: a read takes microseconds, and one slow audit query must not stand in everybody's way.
const THREADS: usize = 4;
/// At most so many reads wait.
const QUEUE: usize = 4096;

type Job = Box<dyn FnOnce(&Sql<'_>) + Send>;

/// The way to the reading threads.
pub(crate) struct Readers {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path, sent: &Arc<AtomicU64>) -> Result<Self, StoreError> {
        let (queue, waiting) = sync_channel::<Job>(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        // From here on a failure drops this, which ends the threads that run already.
        let mut readers = Self { queue: Some(queue), threads: Vec::new() };
        for number in 0..THREADS {
            let connection = open_reader(path)?;
            let (waiting, sent) = (Arc::clone(&waiting), Arc::clone(sent));
            let thread = std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || serve(&Sql::new(&connection, &sent), &waiting))
                .map_err(|error| StoreError::Unavailable(format!("no thread to read with: {error}")))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Does `work` on a connection that cannot write.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let gone = || StoreError::Unavailable("the reading threads have stopped".into());
        let (caller, answer) = oneshot::channel();
        let job: Job = Box::new(move |sql| {
            if !caller.is_closed() {
                let _ = caller.send(work(sql));
            }
        });
        self.queue.as_ref().ok_or_else(gone)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable(format!("{QUEUE} reads are waiting already")),
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Broken("the read panicked".into())))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(sql: &Sql<'_>, waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: one thread waits for the next job, the others for the lock.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // The caller sees a panic as a lost answer; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| job(sql)));
        // One that panicked may have left its snapshot open, and would hold up the log's truncation.
        sql.roll_back();
    }
}
