//! Work for several services side by side: each lane has a thread and a runtime of its own, and takes the
//! next piece when it has finished one.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Lanes at work.
pub struct Lanes<R> {
    /// Takes away what nobody has begun.
    stop: Box<dyn Fn() + Send>,
    results: UnboundedReceiver<R>,
    threads: Vec<JoinHandle<()>>,
}

impl<R: Send + 'static> Lanes<R> {
    /// So many lanes, for these pieces of work.
    pub fn work<P, F>(lanes: usize, pieces: impl IntoIterator<Item = P>, work: &F) -> Self
    where
        P: Send + 'static,
        F: AsyncFn(P) -> R + Clone + Send + 'static,
    {
        let pieces: Arc<Mutex<VecDeque<P>>> = Arc::new(Mutex::new(pieces.into_iter().collect()));
        let (sender, results) = unbounded_channel();
        let threads = (0..lanes).map(|number| {
            let (pieces, sender, work) = (Arc::clone(&pieces), sender.clone(), work.clone());
            let thread = Builder::new().name(format!("lane {number}"));
            let lane = move || {
                while let Some(piece) = take(&pieces) {
                    // Nobody listens once another lane has failed.
                    if sender.send(runtime().block_on(work(piece))).is_err() {
                        return;
                    }
                }
            };
            thread.spawn(lane).expect("a thread")
        });
        let threads = threads.collect();
        Self { stop: Box::new(move || lock(&pieces).clear()), results, threads }
    }

    /// What one of them has brought; `None` at the end. A lane that failed fails the test, once the others have
    /// ended what they had begun, and so the services that they have started.
    pub async fn next(&mut self) -> Option<R> {
        if let Some(failed) = self.threads.iter().position(JoinHandle::is_finished) {
            let failed = self.threads.swap_remove(failed).join();
            if let Err(panic) = failed {
                (self.stop)();
                self.threads.drain(..).for_each(|thread| drop(thread.join()));
                resume_unwind(panic);
            }
        }
        if let Some(result) = self.results.recv().await {
            return Some(result);
        }
        for thread in self.threads.drain(..) {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        None
    }
}

fn take<P>(pieces: &Mutex<VecDeque<P>>) -> Option<P> {
    lock(pieces).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_piece_is_worked_on_once_and_a_failure_is_the_tests() {
        let mut lanes = Lanes::work(3, 1..=100, &async |piece: u64| piece);
        let mut sum = 0;
        while let Some(piece) = lanes.next().await {
            sum += piece;
        }
        assert_eq!(sum, 5_050);
        let failing = tokio::spawn(async {
            let mut lanes = Lanes::work(2, 1..=10, &async |piece: u64| assert_ne!(piece, 5, "the fifth"));
            while lanes.next().await.is_some() {}
        });
        assert!(failing.await.is_err(), "a lane that failed went unnoticed");
    }
}
