//! What is done to a pooler between two servers and PostgreSQL, and who else uses it.

use super::Scene;
use super::blow::all_asked;
use crate::database::client;
use futures_util::future::join_all;
use sekali_test_support::postgres::{Pooler, Pooling};

/// The time between two blows, at most, and that for which nothing comes through, in milliseconds.
const LIFE: u64 = 240;
const STANDSTILL: u64 = 120;
/// Neighbours at a time: as many as the pooler has sessions in transaction mode.
const NEIGHBOURS: i64 = 4;

/// What is committed by ours on a session where it would not be durable is an error.
const WATCH: &str = "
    CREATE FUNCTION watched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('application_name') = 'sekali' AND
           (current_setting('synchronous_commit'), current_setting('lock_timeout'),
            current_setting('transaction_isolation')) <> ('on', '10s', 'read committed') THEN
            RAISE EXCEPTION 'not durable, or waits for ever';
        END IF;
        RETURN NULL;
    END $$";
const WATCHED: [&str; 7] =
    ["payments", "idempotency_keys", "checkout_sessions", "captures", "refunds", "gateway_events", "outbox"];

/// Another application of the same user leaves its settings in the session, and keeps the session for long enough
/// that the others get others.
const NEIGHBOUR: &str = "BEGIN;
    SET synchronous_commit = off; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
    SET default_transaction_isolation = 'repeatable read'; SET timezone = 'Asia/Manila';
    SELECT pg_sleep(0.01); COMMIT";

/// Makes it an error, once and for all, if a write of ours is not as durable as it must be.
pub async fn watch(scene: &Scene) {
    let (database, watching) =
        (&scene.stage.database, "SELECT count(*) FROM pg_proc WHERE proname = 'watched'");
    if database.number(watching).await > 0 {
        return;
    }
    database.execute(WATCH).await;
    // Each by itself: all tables at once would be locked in another order than payments are made in.
    for table in WATCHED {
        let trigger = format!(
            "CREATE TRIGGER watched AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION watched()"
        );
        database.execute(&trigger).await;
    }
}

/// The pooler is killed (`kill -9`) and comes back, lets go of every session, cuts everybody off, or, where it hands
/// out transactions, holds everybody up: whichever it is this time. Then neighbours come by.
pub async fn strike_pooler(scene: &mut Scene, pooler: &Pooler) {
    scene.moment(LIFE).await;
    let url = scene.stage.database.url();
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    let tell = |words: &str| {
        let told = tokio::task::block_in_place(|| pooler.tell(&url, words));
        told.unwrap_or_else(|error| panic!("{words}: {error}"));
    };
    let asked = all_asked(scene);
    // In session mode a pause would wait until every client has left.
    let kinds = if pooler.pooling == Pooling::Transaction { 4 } else { 3 };
    let kind = match scene.random.below(kinds) {
        0 => {
            pooler.kill();
            scene.look(&asked).await;
            scene.moment(STANDSTILL).await;
            pooler.start_again();
            "the pooler killed"
        }
        1 => {
            tell("RECONNECT");
            scene.look(&asked).await;
            "every session let go of"
        }
        2 => {
            tell(&format!("KILL {name}"));
            scene.look(&asked).await;
            scene.moment(STANDSTILL).await;
            tell(&format!("RESUME {name}"));
            "everybody cut off"
        }
        _ => {
            tell("PAUSE");
            scene.look(&asked).await;
            scene.moment(STANDSTILL).await;
            tell("RESUME");
            "everybody held up"
        }
    };
    scene.landed.count(kind, 1);
    if pooler.pooling == Pooling::Transaction {
        neighbours(&pooler.through(&url)).await;
        scene.landed.count("sessions that somebody else had set otherwise", NEIGHBOURS);
    }
}

async fn neighbours(url: &str) {
    join_all((0..NEIGHBOURS).map(async |_| {
        client(url).await.batch_execute(NEIGHBOUR).await.expect("a neighbour is served");
    }))
    .await;
}
