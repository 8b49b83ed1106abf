//! PostgreSQL behind the storage: a small pool, the schema `stripe_simulator`, and one advisory lock for
//! whoever writes.

use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction};
use tokio::runtime::Handle;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{IsolationLevel, NoTls};

use super::{Access, Row, StorageError, Tx, Value, schema};
use crate::failure::Failure;

/// Writers run one at a time anyway; a few readers fit beside them.
const CONNECTIONS: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Taken by every transaction that writes, in the lock space of the whole database: "strpsimu" in ASCII.
const BEGIN_WRITE: &str = "SET LOCAL search_path TO stripe_simulator; SET LOCAL lock_timeout TO '10s'; \
                           SELECT pg_advisory_xact_lock(8319400238958341493)";
const BEGIN_READ: &str = "SET LOCAL search_path TO stripe_simulator";

#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, StorageError> {
        let mut config: tokio_postgres::Config = url.parse()?;
        config.connect_timeout(TIMEOUT);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(TIMEOUT))
            .create_timeout(Some(TIMEOUT))
            .build()
            .map_err(|error| StorageError::Corrupt(error.to_string()))?;
        let postgres = Self { pool };
        postgres.transact(Access::Write, |tx| Ok(migrate(tx)?)).await.map_err(Failure::into_storage)?;
        Ok(postgres)
    }

    pub(super) async fn transact<T, F>(&self, access: Access, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, Failure> + Send + 'static,
    {
        let mut client = self.pool.get().await.map_err(StorageError::from)?;
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let begin = async {
                let builder = client.build_transaction();
                let (transaction, set_up) = match access {
                    Access::Read => {
                        let snapshot =
                            builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true);
                        (snapshot.start().await?, BEGIN_READ)
                    }
                    // Each statement sees what the lock's last holder committed.
                    Access::Write => {
                        (builder.isolation_level(IsolationLevel::ReadCommitted).start().await?, BEGIN_WRITE)
                    }
                };
                transaction.batch_execute(set_up).await?;
                Ok::<_, StorageError>(transaction)
            };
            let mut open = PostgresTx { transaction: runtime.block_on(begin)?, runtime: &runtime };
            let outcome = job(&mut open)?;
            runtime.block_on(open.transaction.commit()).map_err(StorageError::from)?;
            Ok(outcome)
        })
        .await
        .map_err(StorageError::from)?
    }
}

fn migrate(tx: &mut dyn Tx) -> Result<(), StorageError> {
    tx.batch("CREATE SCHEMA IF NOT EXISTS stripe_simulator")?;
    schema::migrate(tx, "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
}

struct PostgresTx<'a> {
    transaction: Transaction<'a>,
    runtime: &'a Handle,
}

impl Tx for PostgresTx<'_> {
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
        self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(sql).await?;
            Ok(self.transaction.execute(&statement, &references(params)).await?)
        })
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        let rows = self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(sql).await?;
            self.transaction.query(&statement, &references(params)).await
        })?;
        rows.iter().map(row).collect()
    }

    fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        Ok(self.runtime.block_on(self.transaction.batch_execute(sql))?)
    }
}

fn references(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

fn row(read: &tokio_postgres::Row) -> Result<Row, StorageError> {
    let values = (0..read.len()).map(|column| read.try_get::<_, Value>(column)).collect::<Result<_, _>>()?;
    Ok(Row(values))
}

type BoxedError = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxedError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql_checked(kind, out),
            Self::Text(text) => text.to_sql_checked(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        if *kind == Type::INT8 {
            Ok(Self::Int(i64::from_sql(kind, raw)?))
        } else {
            Ok(Self::Text(String::from_sql(kind, raw)?))
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxedError> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT)
    }
}
