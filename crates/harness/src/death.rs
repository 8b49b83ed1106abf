//! A server that dies at a named point of a story.

use crate::program;
use crate::stage::{SOON, Stage};
use crate::story::{EACH, Story};
use crate::wait::until;
use sekali_core::ports::Point;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Where, at which passing, and in which story.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// The point.
    pub point: Point,
    /// At its so-manieth passing by the server that dies.
    pub time: u64,
    /// The number of the story.
    pub story: i64,
}

const UNDELIVERED: &str = "SELECT count(*) FROM outbox WHERE delivered_seq < last_seq";

/// Plays the story on a server that dies, whose reconciler comes every `reconciler` seconds; whether it died. Nobody
/// serves afterwards.
pub async fn dies(stage: &mut Stage, death: &Death, reconciler: &str) -> bool {
    let failpoint = format!("{}:{}", death.point.name(), death.time);
    let more = [("SEKALI_FAILPOINT", failpoint.as_str()), ("SEKALI_RECONCILE_INTERVAL", reconciler)];
    stage.serve_with(Command::new(program::failpoints()), &more).await;
    let played = Story::on(stage, death.story).play().await;
    let payments = usize::try_from(death.story * EACH).expect("not so many");
    let Stage { servers, database, host, .. } = stage;
    let dead = until("the host is told, or the server dead", SOON, async || {
        if servers[0].is_dead() {
            return Some(true);
        }
        let told = host.stories();
        let over = played.is_ok() && told.len() == payments && told == database.announced().await;
        (over && database.number(UNDELIVERED).await == 0).then_some(false)
    })
    .await;
    if dead {
        let end = stage.servers[0].ended(SOON).await;
        assert_eq!(end.signal(), Some(9), "at {failpoint}: {}", stage.said());
    }
    stage.kill_servers();
    dead
}
