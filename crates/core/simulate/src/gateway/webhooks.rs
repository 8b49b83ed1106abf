//! Webhooks: in any order, repeated, and late by minutes or days.

use super::{Books, Due};
use crate::executor::{Process, Who};
use crate::plan::Fault;
use crate::world::Sim;
use sekali_core::ports::GatewayStatus;
use std::time::Duration;

/// Attempts of Stripe's, spread over some days.
const ATTEMPTS: u64 = 8;

impl Sim {
    /// Something has happened at Stripe, and it tells.
    pub(crate) fn webhook(&self, kind: &'static str, object: &str) {
        let number = self.books(|books, _| {
            books.events += 1;
            if let Some(due) = due(books, kind, object) {
                books.due.insert(format!("evt_{}", books.events), due);
            }
            books.events
        });
        let (sim, object) = (self.arc(), object.to_owned());
        let late = self.fault(Fault::WebhookLate);
        let twice = self.fault(Fault::WebhookTwice);
        let draw = self.executor.draw();
        let body = format!(r#"{{"id":"evt_{number}","type":"{kind}","object":"{object}"}}"#);
        let tell = async move {
            let pace = sim.setting.pace;
            let wait = if late { draw % (8 * pace) } else { 1000 + draw % 400_000 };
            sim.executor.sleep(Duration::from_micros(wait)).await;
            let mut to_come = if twice { 2 } else { 1 };
            for attempt in 1..=ATTEMPTS {
                if sim.deliver_webhook(&body, number).await {
                    to_come -= 1;
                    if to_come == 0 {
                        return;
                    }
                }
                sim.executor.sleep(Duration::from_micros(attempt * attempt * (1 + draw % pace.max(2)))).await;
            }
        };
        self.spawn(Process::World, Who::Gateway, &[0x3e8, number], tell);
    }

    /// Whether it was answered 2xx.
    async fn deliver_webhook(&self, body: &str, number: u64) -> bool {
        let server = self.any_server();
        let (sim, bytes) = (self.arc(), body.to_owned());
        let name = [0x3e9, number, self.executor.draw()];
        let who = Who::Request(0, u32::try_from(number).unwrap_or(0));
        let handled = self
            .request(server, who, &name, move |flows| async move {
                let received = flows.inbox.receive(bytes.as_bytes(), "signed").await;
                sim.ring(flows.server);
                received.is_ok()
            })
            .await;
        self.note(|| (format!("webhook {body}"), format!("{handled:?}")));
        handled == Some(true)
    }
}

/// What follows from an event, at the least.
fn due(books: &Books, kind: &str, object: &str) -> Option<Due> {
    let session = &books.sessions[books.find(object)?];
    match (kind, session.status) {
        ("checkout.session.expired", GatewayStatus::Expired) => Some(Due::Ended(session.name)),
        (_, GatewayStatus::Paid) => session.intent.clone().map(Due::Captured),
        _ => None,
    }
}
