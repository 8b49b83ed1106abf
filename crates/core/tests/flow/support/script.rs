//! What a port is told to do instead of its work.

use sekali_core::ports::StoreError;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Mutex;

/// Answers for the next calls; when there are none left, the port does its work.
pub(crate) struct Queue<T>(Mutex<VecDeque<T>>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&self, next: T) {
        self.0.lock().unwrap().push_back(next);
    }

    pub(crate) fn extend(&self, next: impl IntoIterator<Item = T>) {
        self.0.lock().unwrap().extend(next);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.lock().unwrap().pop_front()
    }
}

/// What becomes of one call of the store.
pub(crate) enum Fault<T> {
    /// It answers this, and does nothing.
    Answers(T),
    /// It does nothing and fails.
    Fails(StoreError),
    /// It does its work, and the answer is lost.
    AnswerLost(StoreError),
}

impl<T> Queue<Fault<T>> {
    /// The call as it should be, or as the next fault has it.
    pub(crate) async fn or<F>(&self, work: F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        match self.pop() {
            None => work.await,
            Some(Fault::Answers(answer)) => Ok(answer),
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::AnswerLost(error)) => work.await.and(Err(error)),
        }
    }
}
