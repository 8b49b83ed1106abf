//! One answer, from the task that works it out to the one that waits for it.

use crate::executor::lock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

struct State<T> {
    answer: Option<T>,
    closed: bool,
    waker: Option<Waker>,
}

/// The side that answers. Dropped without an answer, the other side learns that there will be none.
pub(crate) struct Answer<T>(Arc<Mutex<State<T>>>);

/// The side that waits.
pub(crate) struct Awaited<T>(Arc<Mutex<State<T>>>);

pub(crate) fn slot<T>() -> (Answer<T>, Awaited<T>) {
    let state = Arc::new(Mutex::new(State { answer: None, closed: false, waker: None }));
    (Answer(Arc::clone(&state)), Awaited(state))
}

impl<T> Answer<T> {
    pub(crate) fn give(self, answer: T) {
        lock(&self.0).answer = Some(answer);
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = lock(&self.0);
            state.closed = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Awaited<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        if state.closed {
            return Poll::Ready(state.answer.take());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
