//! A schema without what keeps the guarantee.

use tokio_postgres::NoTls;

/// Neither an index that refuses the second payment, nor a row that the second request waits for.
const GUARDS: &str = "
    DROP INDEX IF EXISTS payments_one_active;
    DROP INDEX IF EXISTS checkout_sessions_one_live;
    DO $$
    BEGIN
        EXECUTE (SELECT replace(replace(pg_get_functiondef(oid), 'FOR NO KEY UPDATE OF k SKIP LOCKED', ''),
                                'FOR NO KEY UPDATE OF k', '')
                   FROM pg_proc WHERE proname = 'sekali_create_payments');
    END $$";

/// Takes them out of the database that `DATABASE_URL` names. Who cannot do so says why, and ends: a bug that is
/// not there would not be found.
pub(crate) fn take_the_guards_away() {
    // Called from within a runtime, which must not be blocked by a second one on its own thread.
    let done = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(change())
    });
    match done.join() {
        Ok(Ok(())) => {}
        other => panic!("the guards cannot be taken away: {other:?}"),
    }
}

async fn change() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, connection) = tokio_postgres::connect(&std::env::var("DATABASE_URL")?, NoTls).await?;
    let connection = tokio::spawn(connection);
    // Two servers that start at once do it one after the other.
    let sql = format!("SELECT pg_advisory_lock(1);{GUARDS};SELECT pg_advisory_unlock(1)");
    client.batch_execute(&sql).await?;
    drop(client);
    let _ = connection.await;
    Ok(())
}
