//! Memory under connections that do nothing.

use crate::load::Scenario;
use crate::stage::Stage;
use crate::trouble::{Outcome, While};
use crate::usage;
use crate::wire::Connection;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const IDLE: usize = 10_000;
const PRESSING: usize = 16;
const TIME: Duration = Duration::from_secs(3);
const ROOM: i64 = 30_000;

/// What connections cost that have asked once and are kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Idle {
    /// How many.
    pub(super) connections: usize,
    /// The server's resident memory before them, in MiB ...
    pub(super) before: f64,
    /// ... with them ...
    pub(super) with: f64,
    /// ... and while 16 others press beside them.
    pub(super) pressed: f64,
    /// KiB for each.
    pub(super) each: f64,
    /// First payments at 16 connections without them: p50 in ms ...
    pub(super) p50_before: f64,
    /// ... and beside them.
    pub(super) p50_with: f64,
}

pub(super) async fn measure(stage: &mut Stage) -> Outcome<Idle> {
    let mut service = stage.sekali("idle", 1, true, true).await?;
    let (address, process) = (service.addresses[0], service.processes[0]);
    let shared = stage.shared();
    let mut press = async || service.round(Scenario::First, PRESSING, TIME, ROOM, shared).await;
    press().await?;
    let (alone, _) = press().await?;
    let before = usage::resident_memory(process);
    eprintln!("opening {IDLE} connections");
    let mut idle = Vec::with_capacity(IDLE);
    for opened in 0..IDLE {
        let mut connection =
            Connection::open(address).await.while_doing(format!("opening connection {opened}"))?;
        connection.press(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await?;
        idle.push(connection);
    }
    let with = usage::resident_memory(process);
    let (beside, _) = press().await?;
    let pressed = usage::resident_memory(process);
    drop(idle);
    Ok(Idle {
        connections: IDLE,
        before,
        with,
        pressed,
        each: (with - before) * 1024.0 / IDLE as f64,
        p50_before: alone.latency.p50,
        p50_with: beside.latency.p50,
    })
}
