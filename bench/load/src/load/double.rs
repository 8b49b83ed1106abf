//! The same button pressed twice.

use super::{Patients, Shot, micros};
use crate::trouble::Outcome;
use crate::wire::Connection;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between the two presses of a double click.
const APART: Duration = Duration::from_millis(5);

impl Patients {
    pub(super) async fn twice(self, mut one: Connection, mut other: Connection) -> Outcome<Vec<Shot>> {
        let mut shots = Vec::new();
        while let Some((click, _)) = self.next() {
            let second = async {
                sleep(APART).await;
                self.press_on(&mut other, click, true).await
            };
            let (first, second) = tokio::join!(self.press_on(&mut one, click, false), second);
            shots.extend([first?, second?]);
        }
        Ok(shots)
    }

    async fn press_on(&self, connection: &mut Connection, click: usize, repeated: bool) -> Outcome<Shot> {
        let sent = Instant::now();
        let answer = connection.press(&self.clicks[click].request).await?;
        let micros = micros(sent.elapsed());
        Ok(Shot { click, repeated, status: answer.status, payment: answer.payment, micros })
    }
}
