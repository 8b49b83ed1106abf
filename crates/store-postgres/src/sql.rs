//! Every statement, in one list, so that a test can prepare each against the schema.

use tokio_postgres::types::Type;

/// A statement with the types of its parameters: they are named because a pooler may not let the
/// server infer them ahead of the call.
pub(crate) struct Sql {
    pub(crate) text: &'static str,
    pub(crate) types: &'static [Type],
}

/// Declares the statements, and the list of them.
macro_rules! statements {
    ($list:ident; $($(#[$doc:meta])* $name:ident($($kind:ident),*) = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: Sql = Sql {
            text: $text,
            types: &[$(tokio_postgres::types::Type::$kind),*],
        };)*
        /// All of them.
        #[cfg(test)]
        pub(crate) static $list: &[(&str, &Sql)] = &[$((stringify!($name), &$name)),*];
    };
}

/// A payment `p` with its invoice `v`: the columns that `rows::receipt` reads.
macro_rules! receipt {
    () => {
        "p.id, p.reference, p.user_id, p.consultation_id, p.amount_minor, p.currency, p.payment_method, \
         p.status, p.created_at, p.updated_at, p.refunded_minor, p.dispute, \
         p.cancel_requested_at IS NOT NULL AS cancel_requested, \
         (p.status = 'processing' AND NOT EXISTS (SELECT FROM checkout_sessions s \
            WHERE s.payment_id = p.id AND s.state IN ('creating', 'open'))) AS submitted, \
         v.id AS invoice_id, v.invoice_number, v.status AS invoice_status, v.issued_at"
    };
}

/// A consultation `c`: the columns that `rows::consultation` reads.
macro_rules! consultation {
    () => {
        "c.id AS c_id, c.patient_id, c.fee::text AS fee, c.currency AS c_currency, c.tax_exempt"
    };
}

/// A session `s`: the columns that `rows::session` reads.
macro_rules! session {
    () => {
        "s.id, s.payment_id, s.state, s.request, s.gateway_id, s.ending, s.created_at"
    };
}

/// A capture `c`: the columns that `rows::capture` reads.
macro_rules! capture {
    () => {
        "c.payment_intent, c.payment_id, c.session_id, c.amount_minor, c.currency, c.disposition, c.created_at"
    };
}

/// A refund `r`: the columns that `rows::refund` reads.
macro_rules! refund {
    () => {
        "r.id, r.payment_id, r.payment_intent, r.amount_minor, r.currency, r.state, r.origin, \
         r.requested_by, r.idempotency_key, r.fingerprint, r.reason, r.request, r.gateway_id, r.replaces, \
         r.failure, r.created_at"
    };
}

/// An entry `e` of a record: the columns that `rows::event` reads.
macro_rules! event {
    () => {
        "e.payment_id, e.seq, e.at, e.kind, e.data, e.announces, e.prev_hash, e.hash"
    };
}

mod audit;
mod changes;
mod console;
mod consultations;
mod files;
mod inbox;
mod operations;
mod outbox;
mod payments;
mod reconcile;

pub(crate) use audit::*;
pub(crate) use changes::*;
pub(crate) use console::*;
pub(crate) use consultations::*;
pub(crate) use files::*;
pub(crate) use inbox::*;
pub(crate) use operations::*;
pub(crate) use outbox::*;
pub(crate) use payments::*;
pub(crate) use reconcile::*;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, PostgresStore};
    use sekali_core::ports::SchemaStore;
    use tokio_postgres::NoTls;

    #[tokio::test]
    async fn every_statement_fits_the_schema() {
        let database = sekali_test_support::postgres::database();
        let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
        store.migrate().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let lists =
            [AUDIT, CHANGES, CONSOLE, CONSULTATIONS, FILES, INBOX, OPERATIONS, OUTBOX, PAYMENTS, RECONCILE];
        for (name, sql) in lists.concat() {
            let prepared = client.prepare_typed(sql.text, sql.types).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(prepared.params(), sql.types, "{name} has other parameters");
            assert!(!prepared.columns().is_empty(), "{name} returns nothing that could be counted");
        }
        drop(client);
        connection.await.unwrap().unwrap();
    }
}
