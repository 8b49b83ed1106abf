//! Connections, and how work is done on them.

use crate::errors::{self, WhenLost, classify};
use crate::sql::Sql;
use crate::{Options, tls};
use deadpool_postgres::{
    GenericClient, Hook, HookError, Manager, ManagerConfig, Object, QueueMode, RecyclingMethod, Runtime,
};
use futures_util::future::BoxFuture;
use scopeguard::ScopeGuard;
use sekali_core::ports::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row, SimpleQueryMessage};

/// Longer than the server allows itself for a statement: only a server that is gone without a word
/// takes so long.
const GRACE: Duration = Duration::from_secs(5);
/// A transaction that nobody goes on with gives its locks back after this.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(30);

/// The values of a statement's parameters.
pub(crate) type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

/// The store's connections; clones share them.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    shared: Arc<Shared>,
}

struct Shared {
    /// How many statements were sent.
    statements: AtomicU64,
    /// What each transaction is told at its start, where sessions are not ours.
    pooled: Option<String>,
    /// Longest wait for a statement's answer.
    limit: Duration,
}

/// Names the type of a piece of work, which the compiler cannot infer for a closure that borrows.
pub(crate) fn work<T, W>(work: W) -> W
where
    W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>>,
{
    work
}

impl Pool {
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, StoreError> {
        let (mut config, tls) = tls::read_address(url)?;
        config.application_name("sekali").connect_timeout(options.connect_timeout);
        // A server that vanished without closing its connections is noticed by these two.
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(options.statement_timeout + GRACE);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let builder = deadpool_postgres::Pool::builder(Manager::from_config(config, tls, manager))
            .max_size(options.connections)
            // The session that was used last has its plans and tables at hand, in the processor's caches too.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.connect_timeout))
            .runtime(Runtime::Tokio1);
        // What a session behind such a pooler is told would be told to somebody else's.
        let builder = if options.pooled { builder } else { builder.post_create(tells_session(options)) };
        let connections = builder.build().map_err(|error| StoreError::Broken(error.to_string()))?;
        let shared = Shared {
            statements: AtomicU64::new(0),
            pooled: options.pooled.then(|| settings(options, "SET LOCAL")),
            limit: options.statement_timeout + GRACE,
        };
        Ok(Self { connections, shared: Arc::new(shared) })
    }

    /// How many statements were sent.
    pub(crate) fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// Does work that writes nothing. It ends where it stands if the caller goes away.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>>,
    {
        self.run(work).await
    }

    /// Does work in the caller's own task, which has to see to it that work that writes is not dropped half-way.
    /// A connection is given back only when its work has ended well: whatever was wrong with it, nobody else shall find
    /// out, or wait for a statement whose caller has gone.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>>,
    {
        let object = self.connections.get().await.map_err(|error| errors::unreachable(&error))?;
        let object = scopeguard::guard(object, discard as fn(Object));
        let mut connection = Connection { object, shared: self.shared.clone() };
        let result = work(&mut connection).await?;
        drop(ScopeGuard::into_inner(connection.object));
        Ok(result)
    }

    /// Does work that writes, to its end, also when the caller goes away.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let pool = self.clone();
        let task = tokio::spawn(async move { pool.run(work).await });
        // A task that panicked, or that the runtime's end cut off, may have sent its COMMIT.
        task.await.unwrap_or_else(|_| Err(StoreError::Unclear("the task that wrote was cut off".to_owned())))
    }
}

fn discard(object: Object) {
    drop(Object::take(object));
}

fn tells_session(options: &Options) -> Hook {
    let settings = format!("{}; {VANISHED}", settings(options, "SET"));
    Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let settings = settings.clone();
        Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
    })
}

/// PostgreSQL, too, notices within a minute that we have vanished (a network that swallows everything). Between a
/// statement and the end of its transaction, that we had sent and it has not got, nothing else would ever end the
/// session, which holds its locks.
const VANISHED: &str =
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/// What a session, or behind a pooler each transaction, is told at its start: durable commits whatever
/// the server's default is, and an end to every wait. The rest is about plans: they are made once, since planning
/// a statement over arrays costs more than executing it, and so they may be made while the tables are still empty.
/// Every statement finds its rows by an index; the switches keep a plan from reading whole tables,
/// which is cheaper only as long as they are small. A plan that has to do it all the same then looks so dear that
/// PostgreSQL would compile it, which takes longer than any of our statements.
fn settings(options: &Options, set: &str) -> String {
    let wait = |name: &str, wait: Duration| format!("{name} = {}", wait.as_millis());
    [
        "synchronous_commit = on".to_owned(),
        "default_transaction_isolation = 'read committed'".to_owned(),
        "timezone = 'UTC'".to_owned(),
        "plan_cache_mode = force_generic_plan".to_owned(),
        "enable_seqscan = off".to_owned(),
        "enable_hashjoin = off".to_owned(),
        "enable_mergejoin = off".to_owned(),
        "jit = off".to_owned(),
        wait("lock_timeout", options.lock_timeout),
        wait("statement_timeout", options.statement_timeout),
        wait("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
    ]
    .map(|setting| format!("{set} {setting}"))
    .join("; ")
}

/// A connection that is in use.
pub(crate) struct Connection {
    object: ScopeGuard<Object, fn(Object)>,
    shared: Arc<Shared>,
}

impl Connection {
    /// A statement that writes nothing. It needs no settings: it waits for no row, and its answer is not waited for
    /// for ever.
    pub(crate) async fn read(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        self.shared.send(&*self.object, &self.object, sql, params, WhenLost::NothingWritten).await
    }

    /// A statement that commits by itself; behind a pooler a transaction of its own, so that its commit is as
    /// durable, and its waits end as soon, as they must, whatever the session is like that it is handed to.
    pub(crate) async fn write(&mut self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        if self.shared.pooled.is_some() {
            let tx = self.begin().await?;
            let rows = tx.send(sql, params).await?;
            tx.commit().await?;
            return Ok(rows);
        }
        self.shared.send(&*self.object, &self.object, sql, params, WhenLost::Unclear).await
    }

    /// Starts a transaction. Dropped without [`Transaction::commit`], it is rolled back.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.start(IsolationLevel::ReadCommitted, false).await
    }

    /// Starts a transaction that cannot write.
    pub(crate) async fn begin_read_only(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.start(IsolationLevel::ReadCommitted, true).await
    }

    /// Starts a transaction that cannot write, and all of whose statements see the same.
    pub(crate) async fn begin_snapshot(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.start(IsolationLevel::RepeatableRead, true).await
    }

    async fn start(&mut self, level: IsolationLevel, read_only: bool) -> Result<Transaction<'_>, StoreError> {
        let shared = &self.shared;
        let builder = self.object.build_transaction().isolation_level(level).read_only(read_only);
        let inner = shared.within(builder.start(), WhenLost::NothingWritten).await?;
        if let Some(settings) = &shared.pooled {
            shared.within(inner.batch_execute(settings), WhenLost::NothingWritten).await?;
        }
        Ok(Transaction { inner, shared })
    }
}

/// An open transaction.
pub(crate) struct Transaction<'c> {
    inner: deadpool_postgres::Transaction<'c>,
    shared: &'c Shared,
}

impl Transaction<'_> {
    /// A statement.
    pub(crate) async fn send(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        let client = self.inner.client();
        self.shared.send(&self.inner, client, sql, params, WhenLost::NothingWritten).await
    }

    /// A statement that has to find exactly one row to change.
    pub(crate) async fn change(&self, sql: &Sql, params: Params<'_>) -> Result<(), StoreError> {
        match self.send(sql, params).await?.len() {
            1 => Ok(()),
            found => {
                Err(StoreError::Broken(format!("{found} rows where one was to be changed: {}", sql.text)))
            }
        }
    }

    /// Statements as they are written, without parameters. Takes as long as it needs.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), StoreError> {
        self.shared.count();
        let done = self.inner.batch_execute(sql).await;
        done.map_err(|error| classify(&error, WhenLost::NothingWritten))
    }

    /// One query as somebody wrote it, its values as text. Takes as long as [`Self::script`] has allowed.
    pub(crate) async fn text(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, StoreError> {
        // Preparing refuses what holds more than one statement, and so could end the transaction. What was
        // prepared is closed at once, still within it: behind a pooler nobody else meets its name.
        self.shared.within(self.inner.prepare(sql), WhenLost::NothingWritten).await?;
        self.shared.count();
        let rows = self.inner.simple_query(sql).await;
        rows.map_err(|error| classify(&error, WhenLost::NothingWritten))
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.shared.within(self.inner.commit(), WhenLost::Unclear).await
    }
}

impl Shared {
    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    async fn send(
        &self,
        cache: &impl GenericClient,
        client: &tokio_postgres::Client,
        sql: &Sql,
        params: Params<'_>,
        when_lost: WhenLost,
    ) -> Result<Vec<Row>, StoreError> {
        if client.is_closed() {
            return Err(StoreError::Unavailable("the connection was closed".to_owned()));
        }
        if self.pooled.is_some() {
            let typed: Vec<_> = params.iter().copied().zip(sql.types.iter().cloned()).collect();
            return self.within(client.query_typed(sql.text, &typed), when_lost).await;
        }
        let prepare = cache.prepare_typed_cached(sql.text, sql.types);
        let prepared = tokio::time::timeout(self.limit, prepare).await.map_err(|_| silent())?;
        let statement = prepared.map_err(|error| classify(&error, WhenLost::NothingWritten))?;
        self.within(client.query(&statement, params), when_lost).await
    }

    /// Counts a statement and waits for its answer, but not for ever.
    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
        when_lost: WhenLost,
    ) -> Result<T, StoreError> {
        self.count();
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|error| classify(&error, when_lost)),
            Err(_) => Err(errors::lost(SILENT.to_owned(), when_lost)),
        }
    }
}

const SILENT: &str = "the server does not answer";

fn silent() -> StoreError {
    StoreError::Unavailable(SILENT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PostgresStore, sql};
    use sekali_core::ports::{AuditStore, SchemaStore};
    use sekali_test_support::postgres;

    const INSERT: &str = "INSERT INTO konsultasis (id, patient_id, fee) VALUES (5, 1, 5000)";
    const COUNT: &str = "SELECT count(*) FROM konsultasis";

    /// With a single connection, so that whoever comes next gets the one that was left.
    async fn migrated() -> (postgres::TestDatabase, PostgresStore) {
        let database = postgres::database();
        let options = Options { connections: 1, ..Options::default() };
        let store = PostgresStore::connect(&database.url, &options).unwrap();
        store.migrate().await.unwrap();
        (database, store)
    }

    #[tokio::test]
    async fn a_transaction_whose_task_panicked_is_rolled_back_before_the_connection_is_used_again() {
        let (_database, store) = migrated().await;
        let panics = work(|c: &mut Connection| {
            Box::pin(async move {
                let tx = c.begin().await?;
                tx.script(INSERT).await?;
                panic!("a fault in the middle of a transaction");
                #[expect(unreachable_code, reason = "tells the type")]
                Ok(())
            })
        });
        assert!(matches!(store.pool.write(panics).await, Err(StoreError::Unclear(_))));
        let commits = work(|c| Box::pin(async move { c.begin().await?.commit().await }));
        store.pool.write(commits).await.unwrap();
        assert_eq!(store.query(COUNT).await.unwrap().rows, [["0"]]);
    }

    #[tokio::test]
    async fn the_session_that_was_used_last_is_used_next() {
        let database = postgres::database();
        let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
        let session = async || {
            let asks = work(|c| {
                Box::pin(
                    async move { c.begin().await?.text("SELECT pg_backend_pid(), pg_sleep(0.05)").await },
                )
            });
            let answer = store.pool.read(asks).await.unwrap();
            let pid = answer.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
            pid.unwrap()
        };
        let (one, other) = futures_util::future::join(session(), session()).await;
        assert_ne!(one, other, "there are two");
        let last = session().await;
        for _ in 0..4 {
            assert_eq!(session().await, last);
        }
    }

    #[tokio::test]
    async fn a_write_goes_on_when_its_caller_is_gone() {
        let (_database, store) = migrated().await;
        let (started, starts) = tokio::sync::oneshot::channel();
        let writes = work(|c| {
            Box::pin(async move {
                let tx = c.begin().await?;
                let _ = started.send(());
                tx.script(INSERT).await?;
                tx.commit().await
            })
        });
        let pool = store.pool.clone();
        let caller = tokio::spawn(async move { pool.write(writes).await });
        starts.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        // The only connection is free when the write is over.
        assert_eq!(store.query(COUNT).await.unwrap().rows, [["1"]]);
    }

    /// Nobody comes upon the statement of a caller who has gone.
    #[tokio::test]
    async fn a_session_whose_read_was_given_up_is_used_no_more() {
        let (_database, store) = migrated().await;
        let reads = work(|c| {
            Box::pin(async move {
                let tx = c.begin_read_only().await?;
                tx.text("SELECT pg_sleep(5)").await
            })
        });
        let short = tokio::time::timeout(Duration::from_millis(20), store.pool.read(reads)).await;
        assert!(short.is_err());
        let set =
            work(|c| Box::pin(async move { c.write(&sql::SET_NEXT_IDS, &[&1_i64, &1_i64, &1_i64]).await }));
        let written = tokio::time::timeout(Duration::from_secs(3), store.pool.write(set)).await;
        written.expect("it waits for the statement that was given up").unwrap();
    }
}
