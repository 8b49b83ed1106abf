//! Crowds: many presses for one consultation at the same instant, each with a key of its own, through all servers.

use crate::http::{Answer, Connection};
use crate::invariants::said_no;
use crate::press::{Press, names_payment, payment_id};
use crate::program::Program;
use crate::server::Server;
use crate::site::Combination;
use crate::stage::{Stage, Webhooks};
use crate::violation::Violation;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

const ONE: &str = "of many presses at once one makes a payment";

/// A crowd of so many for each of the consultations, one after the other; what is broken.
pub async fn crowds(
    combination: Combination,
    program: Program,
    consultations: RangeInclusive<i64>,
    presses: usize,
) -> Vec<Violation> {
    let mut stage = Stage::empty(combination, Webhooks::Off, &[]).await;
    for _ in 0..combination.servers() {
        stage.serve_with(program.serve(), &program.settings()).await;
    }
    stage.database.seed(*consultations.end(), |id| id).await;
    let servers = stage.servers.iter().cycle().take(presses);
    let mut connections: Vec<Connection> = servers.map(Server::connect).collect();
    let mut found = Vec::new();
    for consultation in consultations.clone() {
        found.extend(crowd(&mut connections, consultation).await);
    }
    let rows = stage.database.rows().await;
    let expected = consultations.count();
    if usize::try_from(rows.payments) != Ok(expected) {
        found.push(Violation::of(ONE, format!("for {expected} consultations there is {rows:?}")));
    }
    found.extend(said_no(&stage.run(&["verify"]), "what sekali verify asks the database"));
    found
}

async fn crowd(connections: &mut [Connection], consultation: i64) -> Option<Violation> {
    let presses = connections.iter_mut().enumerate().map(|(at, connection)| {
        let request = Press::own(consultation, format!("crowd-{at}")).request();
        async move { connection.call(&request).await }
    });
    let answers = join_all(presses).await;
    let wrong = |detail: String| Some(Violation::of(ONE, format!("consultation {consultation}: {detail}")));
    let answers: Vec<Answer> = match answers.into_iter().collect() {
        Ok(answers) => answers,
        Err(error) => return wrong(format!("no answer: {error}")),
    };
    if let Some(odd) = answers.iter().find(|answer| !names_payment(answer)) {
        return wrong(format!("neither 201 nor 409, but {} {}", odd.status, odd.body));
    }
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let payments: BTreeSet<i64> = answers.iter().map(payment_id).collect();
    if (created, payments.len()) == (1, 1) {
        return None;
    }
    wrong(format!("{created} answers 201, payments {payments:?}"))
}
