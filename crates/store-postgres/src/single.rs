//! Work that is one statement.

use crate::pool::{Pool, work};
use crate::sql::Sql;
use sekali_core::ports::StoreError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The values of a statement's parameters, handed over with it.
pub(crate) type Values = Vec<Box<dyn ToSql + Send + Sync>>;

/// [`Values`] of what is listed, in the order of the parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => {{
        let values: $crate::single::Values = vec![$(Box::new($value)),*];
        values
    }};
}
pub(crate) use values;

impl Pool {
    /// The rows that one statement reads.
    pub(crate) async fn rows(&self, sql: &'static Sql, values: Values) -> Result<Vec<Row>, StoreError> {
        let work = work(move |c| Box::pin(async move { c.read(sql, &borrowed(&values)).await }));
        self.read(work).await
    }

    /// The rows that one statement reads, as `read` reads each.
    pub(crate) async fn list<T>(
        &self,
        sql: &'static Sql,
        values: Values,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows(sql, values).await?.iter().map(read).collect()
    }

    /// The only row that one statement can find.
    pub(crate) async fn find<T>(
        &self,
        sql: &'static Sql,
        values: Values,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.rows(sql, values).await?.first().map(read).transpose()
    }

    /// The rows that one statement returns that writes, and commits by itself.
    pub(crate) async fn change(&self, sql: &'static Sql, values: Values) -> Result<Vec<Row>, StoreError> {
        let work = work(move |c| Box::pin(async move { c.write(sql, &borrowed(&values)).await }));
        self.write(work).await
    }
}

fn borrowed(values: &Values) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}
