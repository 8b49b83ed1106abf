//! The point to die at.

use rustix::process::{Signal, getpid, kill_process};
use sekali::telemetry::metrics::StepDurations;
use sekali_core::ports::{Point, Probe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where to die, and at which passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failpoint {
    point: Point,
    time: u32,
}

impl Failpoint {
    /// Reads `name` or `name:n`. The error is one sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, time) = text.split_once(':').unwrap_or((text, "1"));
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let time = time.parse().ok().filter(|time| *time > 0);
        let names = || Point::ALL.map(Point::name).join(", ");
        match (point, time) {
            (Some(point), Some(time)) => Ok(Self { point, time }),
            (None, _) => {
                Err(format!("SEKALI_FAILPOINT is {text:?}, which names no point: give one of {}", names()))
            }
            (_, None) => {
                Err(format!("SEKALI_FAILPOINT is {text:?}: after the colon stands a number from 1 on"))
            }
        }
    }
}

/// Measures as the service does, and dies where it is told to.
pub(crate) struct Watch {
    failpoint: Option<Failpoint>,
    passed: AtomicU32,
}

impl Watch {
    pub(crate) fn new(failpoint: Option<Failpoint>) -> Self {
        Self { failpoint, passed: AtomicU32::new(0) }
    }

    /// Whether this passing is the one.
    fn is_due(&self, point: Point) -> bool {
        self.failpoint.is_some_and(|failpoint| {
            failpoint.point == point && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == failpoint.time
        })
    }
}

impl Probe for Watch {
    fn passed(&self, point: Point, took: Duration) {
        StepDurations.passed(point, took);
        if self.is_due(point) {
            // KILL, so that nothing is tidied up: no destructor, no rollback, no goodbye to anybody.
            // It fails only for a process that is not there.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_can_be_named() {
        for point in Point::ALL {
            assert_eq!(Failpoint::parse(point.name()), Ok(Failpoint { point, time: 1 }));
            assert_eq!(Failpoint::parse(&format!("{}:3", point.name())), Ok(Failpoint { point, time: 3 }));
        }
        for wrong in ["", "nowhere", "lock:", "lock:0", "lock:-1", "lock:x"] {
            assert!(Failpoint::parse(wrong).unwrap_err().contains("SEKALI_FAILPOINT"), "{wrong}");
        }
    }

    #[test]
    fn only_the_named_passing_is_due() {
        let watch = Watch::new(Some(Failpoint { point: Point::Locked, time: 2 }));
        let points = [Point::Locked, Point::Committed, Point::Locked, Point::Locked];
        assert_eq!(points.map(|point| watch.is_due(point)), [false, false, true, false]);
        assert!(!Watch::new(None).is_due(Point::Locked));
    }
}
