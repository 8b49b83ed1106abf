//! The databases that are measured: filled with consultations before a round, read after it.

use crate::rows::Row;
use crate::services::postgres::connect;
use crate::trouble::{Outcome, While};
use rusqlite::Connection;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// The same question to every schema: the names are the contract's.
const ROWS: &str = "SELECT p.consultation_id, p.id,
       (SELECT count(*) FROM invoices i WHERE i.payment_id = p.id),
       (SELECT count(*) FROM tax_records t WHERE t.payment_id = p.id)
  FROM payments p WHERE p.consultation_id >= ";

/// A database that holds payments.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// On PostgreSQL, by its address.
    Postgres(String),
    /// A file.
    Sqlite(PathBuf),
}

impl Store {
    /// Makes consultations of 5000 PHP, each of the patient with its number.
    pub(crate) async fn seed(&self, consultations: Range<i64>) -> Outcome<()> {
        let (from, last) = (consultations.start, consultations.end - 1);
        match self {
            Self::Postgres(url) => {
                let sql = format!(
                    "INSERT INTO konsultasis (id, patient_id, fee, currency)
                     SELECT id, id, 5000.00, 'PHP' FROM generate_series({from}, {last}) AS id"
                );
                connect(url).await?.batch_execute(&sql).await.while_doing("making consultations")
            }
            Self::Sqlite(_) => {
                let sql = format!(
                    "WITH RECURSIVE ids (id) AS (SELECT {from} UNION ALL SELECT id + 1 FROM ids WHERE id < {last})
                     INSERT INTO konsultasis (id, patient_id, fee, currency) SELECT id, id, '5000.00', 'PHP' FROM ids"
                );
                self.open()?.execute_batch(&sql).while_doing("making consultations")
            }
        }
    }

    /// The payments of these consultations.
    pub(crate) async fn rows(&self, consultations: &Range<i64>) -> Outcome<Vec<Row>> {
        let sql = format!("{ROWS}{} AND p.consultation_id < {}", consultations.start, consultations.end);
        match self {
            Self::Postgres(url) => {
                let rows = connect(url).await?.query(&sql, &[]).await.while_doing("reading payments")?;
                let row = |row: &tokio_postgres::Row| Row {
                    consultation: row.get(0),
                    payment: row.get(1),
                    invoices: row.get(2),
                    taxes: row.get(3),
                };
                Ok(rows.iter().map(row).collect())
            }
            Self::Sqlite(_) => {
                let connection = self.open()?;
                let mut statement = connection.prepare(&sql).while_doing("reading payments")?;
                let rows = statement.query_map((), |row| {
                    Ok(Row {
                        consultation: row.get(0)?,
                        payment: row.get(1)?,
                        invoices: row.get(2)?,
                        taxes: row.get(3)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
        }
    }

    /// Begins each round at the same point: with nothing left to be written of the one before.
    pub(crate) async fn settle(&self) -> Outcome<()> {
        match self {
            Self::Postgres(url) => {
                connect(url).await?.batch_execute("CHECKPOINT").await.while_doing("writing a checkpoint")
            }
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// The number of the next transaction that writes; `None` where they are not numbered.
    pub(crate) async fn transactions(&self) -> Outcome<Option<i64>> {
        let Self::Postgres(url) = self else { return Ok(None) };
        let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
        let row = connect(url).await?.query_one(sql, &[]).await.while_doing("counting transactions")?;
        Ok(Some(row.get(0)))
    }

    fn open(&self) -> Outcome<Connection> {
        let Self::Sqlite(path) = self else { return Err("this database is no file".into()) };
        let connection = Connection::open(path).while_doing(format!("opening {}", path.display()))?;
        connection.busy_timeout(Duration::from_secs(30))?;
        Ok(connection)
    }
}
