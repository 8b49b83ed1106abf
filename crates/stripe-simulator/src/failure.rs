//! Why a request did not get what it asked for.

use crate::api::error::ApiError;
use crate::storage::StorageError;

/// Either the client's mistake, answered in Stripe's shape, or the database's, answered as a 500.
#[derive(Debug)]
pub(crate) enum Failure {
    Api(Box<ApiError>),
    Storage(StorageError),
}

impl Failure {
    /// For transactions in which no request is answered, so that nothing but the database can fail.
    pub(crate) fn into_storage(self) -> StorageError {
        match self {
            Self::Storage(error) => error,
            Self::Api(error) => StorageError::Corrupt(error.message),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
