use super::*;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

const BEGIN_AND_COMMIT: u64 = 2;
const SAVEPOINT_INSERT_RELEASE: u64 = 3;
const INSERT: &str = "INSERT INTO t (id) VALUES (?1)";
const COUNT: &str = "SELECT count(*) FROM t";

/// A writer on a table `t` in memory, and how many statements it has sent.
fn writer(setup: &str) -> (Arc<Writer>, Arc<AtomicU64>) {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)").unwrap();
    connection.execute_batch(setup).unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    (Arc::new(Writer::start(connection, Arc::clone(&sent)).unwrap()), sent)
}

/// Holds the writing thread inside a job until the returned sender is used or dropped.
async fn hold(writer: &Arc<Writer>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let writer = Arc::clone(writer);
    let held = tokio::spawn(async move {
        writer
            .write(move |_| {
                begun.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            })
            .await
    });
    has_begun.await.unwrap();
    (release, held)
}

/// Queues a write before it returns, and gives what waits for its end.
fn queue<T: Send + 'static>(
    writer: &Arc<Writer>,
    work: impl FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
) -> std::pin::Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>> {
    let writer = Arc::clone(writer);
    let mut write = Box::pin(async move { writer.write(work).await });
    let polled = write.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    match polled {
        std::task::Poll::Pending => write,
        std::task::Poll::Ready(end) => Box::pin(std::future::ready(end)),
    }
}

fn insert(id: i64) -> impl FnOnce(&Sql<'_>) -> Result<i64, StoreError> + Send + 'static {
    move |sql| sql.insert(INSERT, [id])
}

async fn count(writer: &Arc<Writer>) -> i64 {
    let read = |sql: &Sql<'_>| sql.row(COUNT, (), |row| crate::rows::column(row, 0));
    writer.write(read).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_queued_up_shares_a_commit() {
    let (writer, sent) = writer("");
    let (release, held) = hold(&writer).await;
    let waiting: Vec<_> = (1..=100).map(|id| queue(&writer, insert(id))).collect();
    let before = sent.load(Ordering::Relaxed);
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    for (id, write) in (1..=100).zip(waiting) {
        assert_eq!(write.await, Ok(id), "each is answered with its own");
    }
    let end_of_the_held_one = 2;
    let two_groups = 100 * SAVEPOINT_INSERT_RELEASE + 2 * BEGIN_AND_COMMIT;
    assert_eq!(sent.load(Ordering::Relaxed) - before, end_of_the_held_one + two_groups, "64 and 36 a commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_alone_waits_for_nobody() {
    let (writer, sent) = writer("");
    assert_eq!(writer.write(insert(1)).await, Ok(1));
    assert_eq!(sent.load(Ordering::Relaxed), SAVEPOINT_INSERT_RELEASE + BEGIN_AND_COMMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_or_panics_harms_no_neighbour() {
    let (writer, _) = writer("");
    let (release, held) = hold(&writer).await;
    let good = queue(&writer, insert(1));
    let failing = queue(&writer, |sql| {
        sql.insert(INSERT, [2])?;
        sql.insert(INSERT, [2])
    });
    let panicking = queue(&writer, |sql| -> Result<(), StoreError> {
        sql.insert(INSERT, [3])?;
        panic!("expected by the test")
    });
    let also_good = queue(&writer, insert(4));
    drop(release);
    held.await.unwrap().unwrap();
    assert_eq!(good.await, Ok(1));
    assert!(matches!(failing.await, Err(StoreError::Broken(text)) if text.contains("UNIQUE")));
    assert!(matches!(panicking.await, Err(StoreError::Broken(text)) if text.contains("panicked")));
    assert_eq!(also_good.await, Ok(4));
    assert_eq!(count(&writer).await, 2, "what the others had done is undone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_turns_down_at_once() {
    let (writer, _) = writer("");
    let (release, held) = hold(&writer).await;
    let waiting: Vec<_> = (1..=QUEUE).map(|id| queue(&writer, insert(i64::try_from(id).unwrap()))).collect();
    let refused = writer.write(insert(0)).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("waiting")),
        "{refused:?}"
    );
    drop(release);
    held.await.unwrap().unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(count(&writer).await, i64::try_from(QUEUE).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_a_whole_write() {
    let (writer, _) = writer("");
    let (release, held) = hold(&writer).await;
    drop(queue(&writer, |sql| {
        sql.insert(INSERT, [1])?;
        sql.insert(INSERT, [2])
    }));
    drop(release);
    held.await.unwrap().unwrap();
    assert_eq!(count(&writer).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_keeps_what_was_answered_and_nothing_else() {
    let (writer, _) = writer("PRAGMA page_size = 4096; PRAGMA max_page_count = 40");
    let (release, held) = hold(&writer).await;
    let waiting: Vec<_> = (1..=30_i64)
        .map(|id| {
            queue(&writer, move |sql| {
                sql.insert("INSERT INTO t (id, data) VALUES (?1, zeroblob(10000))", [id])
            })
        })
        .collect();
    drop(release);
    held.await.unwrap().unwrap();
    let mut kept = 0;
    for write in waiting {
        match write.await {
            Ok(_) => kept += 1,
            Err(StoreError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(kept < 30, "the disk was full");
    assert_eq!(count(&writer).await, kept);
    assert_eq!(writer.write(insert(99)).await, Ok(99), "a small one still fits, and the thread lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_given_up_by_the_database_fails_the_whole_group() {
    let (writer, _) = writer("");
    let (release, held) = hold(&writer).await;
    let before = queue(&writer, insert(1));
    // SQLite ends a transaction by itself when the disk fails at a bad moment.
    let given_up = queue(&writer, |sql| sql.run("ROLLBACK", ()).map(drop));
    let after = queue(&writer, insert(2));
    drop(release);
    held.await.unwrap().unwrap();
    for end in [before.await.map(drop), given_up.await, after.await.map(drop)] {
        assert!(matches!(end, Err(StoreError::Unavailable(_))), "{end:?}");
    }
    assert_eq!(count(&writer).await, 0);
    assert_eq!(writer.write(insert(3)).await, Ok(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_is_unclear_to_all_and_the_next_goes_on() {
    // A deferred constraint is the one thing that fails in COMMIT itself on demand.
    let (writer, _) = writer(
        "PRAGMA foreign_keys = ON; CREATE TABLE child (id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let (release, held) = hold(&writer).await;
    let neighbour = queue(&writer, insert(1));
    let orphan = queue(&writer, |sql| sql.insert("INSERT INTO child (id) VALUES (404)", ()));
    drop(release);
    held.await.unwrap().unwrap();
    for end in [neighbour.await, orphan.await] {
        assert!(matches!(end, Err(StoreError::Unclear(_))), "{end:?}");
    }
    assert_eq!(writer.write(insert(3)).await, Ok(3));
    assert_eq!(count(&writer).await, 1);
}

#[test]
fn what_is_queued_is_done_before_the_writer_ends() {
    let (writer, _) = writer("");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (done, seen) = mpsc::channel();
    runtime.block_on(async {
        for id in 1..=10 {
            let done = done.clone();
            drop(queue(&writer, move |sql| {
                sql.insert(INSERT, [id])?;
                done.send(id).map_err(|error| broken(error.to_string()))
            }));
        }
    });
    drop((writer, done));
    assert_eq!(seen.iter().collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
}
