//! The one thread that writes, and group commit: one `fsync` for all that has queued up.

use crate::connection::Sql;
use crate::failure::{before_commit, broken, of_commit};
use crate::sql;
use rusqlite::Connection;
use sekali_core::ports::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// At most so many writes share a commit, so that the first of them does not wait for very long.
const GROUP: usize = 64;
/// At most so many writes wait; what comes beyond is turned down at once instead of after a time-out.
const QUEUE: usize = 1024;

/// A write that waits its turn.
trait Job: Send {
    /// Does its work inside the transaction; whether that is to be kept.
    fn run(&mut self, sql: &Sql<'_>) -> bool;
    /// Tells the caller how it ended: `group` is what became of the transaction as a whole.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

struct Write<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, sql: &Sql<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A panic must not take the thread, and all later payments, with it. What it left undone is
        // rolled back with its savepoint.
        let result = catch_unwind(AssertUnwindSafe(|| work(sql)))
            .unwrap_or_else(|_| Err(broken("the write panicked and was rolled back")));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let answer = match (self.result, group) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(group)) => Err(group),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(broken("the write was left out of its group")),
        };
        // A caller that went away wants no answer; its write stands or not, whole either way.
        let _ = self.caller.send(answer);
    }
}

/// The way to the writing thread.
pub(crate) struct Writer {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, sent: Arc<AtomicU64>) -> Result<Self, StoreError> {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || serve(&Sql::new(&connection, &sent), &waiting))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write with: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does `work` in a transaction, and returns after its commit. Once it is queued it is done
    /// whole or not at all, also if the caller no longer waits.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Write { work: Some(work), result: None, caller });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable(format!("{QUEUE} writes are waiting already")),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unclear("the writing thread died".into())))
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writing thread has stopped".into())
}

impl Drop for Writer {
    /// Waits for the writes that are queued, so that whoever opens the file next finds it closed.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(sql: &Sql<'_>, waiting: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        // IMMEDIATE: a transaction that begins as a reader and then writes fails when another process
        // wrote in between, and waiting does not help it.
        let end = match sql.run(sql::BEGIN, ()) {
            Ok(_) => {
                group.extend(waiting.try_iter().take(GROUP - 1));
                write(sql, &mut group)
            }
            Err(error) => {
                // They have waited while this one did: nobody waits for one busy time-out after another.
                group.extend(waiting.try_iter());
                Err(error)
            }
        };
        sql.roll_back();
        for job in group {
            job.answer(end.clone());
        }
    }
}

/// Runs the group in the transaction that has begun. An error is every job's: none of them was
/// committed, or, when it is [`StoreError::Unclear`], all or none.
fn write(sql: &Sql<'_>, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    for job in group {
        in_savepoint(sql, job.as_mut())?;
    }
    sql.try_run(sql::COMMIT, ()).map(drop).map_err(|error| of_commit(&error))
}

/// Runs one job so that its failure undoes its own work and nothing of its neighbours'.
fn in_savepoint(sql: &Sql<'_>, job: &mut dyn Job) -> Result<(), StoreError> {
    let send = |statement| sql.try_run(statement, ()).map_err(|error| before_commit(&error));
    send(sql::SAVEPOINT)?;
    let keep = job.run(sql);
    if !sql.in_transaction() {
        // A full disk or a failing one: SQLite has given up the transaction, the neighbours' work too.
        return Err(StoreError::Unavailable("the transaction was rolled back by the database".into()));
    }
    if !keep {
        send(sql::UNDO_SAVEPOINT)?;
    }
    send(sql::RELEASE_SAVEPOINT)?;
    Ok(())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
