//! What is done to an installation under load.

use super::{Asking, Scene};
use crate::database::client;
use crate::eye::Eye;
use rustix::process::{Pid, Signal, kill_process};
use sekali_test_support::postgres;
use tokio_postgres::Client;

/// The life of a server, at most, in milliseconds.
const LIFE: u64 = 60;
/// How long something stands still, at most, likewise.
const STANDSTILL: u64 = 120;

/// `kill -9` of one of the servers at a random moment, and another one in its place at once.
pub async fn kill_a_server(scene: &mut Scene) {
    let servers = scene.stage.servers.len() as u64;
    scene.moment(LIFE * servers).await;
    let victim = usize::try_from(scene.random.below(servers)).unwrap_or(0);
    let server = scene.stage.servers.remove(victim);
    let address = server.address;
    server.signal(Signal::KILL);
    let asked = scene.world.asked(address);
    drop(server);
    scene.stage.front.lead_to(scene.stage.servers.iter().map(|server| server.address));
    scene.lead_on();
    scene.look(&asked).await;
    scene.end_locks();
    scene.serve().await;
}

/// One of the servers stands still at a random moment (`SIGSTOP`) until its locks are over and others have taken
/// them, then goes on where it was.
pub async fn freeze_a_server(scene: &mut Scene) {
    let servers = scene.stage.servers.len() as u64;
    scene.moment(LIFE).await;
    let victim = usize::try_from(scene.random.below(servers)).unwrap_or(0);
    scene.stage.servers[victim].signal(Signal::STOP);
    let asked = scene.world.asked(scene.stage.servers[victim].address);
    scene.end_locks();
    scene.look(&asked).await;
    scene.moment(STANDSTILL).await;
    scene.stage.servers[victim].signal(Signal::CONT);
}

/// Redis loses all it had.
pub async fn flush_redis(scene: &mut Scene) {
    scene.moment(LIFE).await;
    let asked = all_asked(scene);
    if let Some(mut redis) = scene.stage.redis_connection() {
        redis::cmd("FLUSHALL").exec(&mut redis).expect("a Redis that runs");
    }
    scene.look(&asked).await;
}

/// `kill -9` of Redis; it comes back with what it held, and is used again before it dies again.
pub async fn kill_redis(scene: &mut Scene) {
    scene.moment(LIFE).await;
    let asked = all_asked(scene);
    scene.stage.redis.as_mut().expect("a Redis of the test's own").kill();
    scene.look(&asked).await;
    scene.moment(STANDSTILL).await;
    scene.stage.redis.as_mut().expect("a Redis of the test's own").restart();
    scene.stage.redis_is_used().await;
}

/// Redis stands still until its locks are over, and is used again before it does so again.
pub async fn freeze_redis(scene: &mut Scene) {
    scene.moment(LIFE).await;
    let asked = all_asked(scene);
    scene.stage.redis.as_ref().expect("a Redis of the test's own").pause();
    scene.look(&asked).await;
    scene.moment(STANDSTILL).await;
    scene.stage.redis.as_ref().expect("a Redis of the test's own").resume();
    scene.end_locks();
    scene.stage.redis_is_used().await;
}

/// PostgreSQL's connections are ended, one of its processes is killed (all of it then starts anew), or the whole
/// server is, and comes back: whichever it is this time.
pub async fn strike_postgres(scene: &mut Scene, server: &postgres::Server) {
    scene.moment(LIFE * 4).await;
    let url = scene.stage.database.url();
    let asked = all_asked(scene);
    match scene.random.below(3) {
        0 => {
            let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            scene.stage.database.execute(all).await;
        }
        1 => {
            let some = "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()
                 ORDER BY (state = 'active') DESC, random() LIMIT 1";
            let looking = client(&url).await;
            let victim = looking.query_opt(some, &[]).await.expect("a query of the test's own");
            // Gone by itself meanwhile: then nothing is struck this time.
            let struck = victim
                .and_then(|victim| Pid::from_raw(victim.get(0)))
                .is_some_and(|victim| kill_process(victim, Signal::KILL).is_ok());
            // The first process ends all others when it notices.
            crate::wait::until("PostgreSQL starts anew", crate::stage::SOON, async || {
                (!struck || looking.is_closed()).then_some(())
            })
            .await;
        }
        _ => {
            server.crash();
            server.start_again();
        }
    }
    comes_back(&url).await;
    scene.eye = Eye::on(&scene.stage.database).await;
    scene.look(&asked).await;
}

async fn comes_back(url: &str) -> Client {
    crate::wait::until("PostgreSQL is back", crate::stage::SOON, async || {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        client.batch_execute("SELECT 1").await.ok()?;
        Some(client)
    })
    .await
}

pub(super) fn all_asked(scene: &Scene) -> Vec<Asking> {
    scene.world.all_asked().map(|(_, asking)| asking).collect()
}
