//! SQLite without a service around it: the original's SQL in a loop, one commit a payment.

use crate::click::key;
use crate::rows::{Fault, faults_of_count};
use crate::sample::{Cpu, Sample};
use crate::stats::Latency;
use crate::store::Store;
use crate::trouble::{Outcome, While, fail};
use crate::usage;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

const SCHEMA: &str = "bench/baseline/schema.sqlite.sql";
const ACTIVE: &str = "SELECT id FROM payments WHERE consultation_id = ?1 AND user_id = ?2
    AND status IN ('pending', 'processing', 'completed')";
const PAYMENT: &str =
    "INSERT INTO payments (user_id, consultation_id, amount, payment_method, status, idempotency_key)
    VALUES (?1, ?2, ?3, 'stripe', 'pending', ?4) RETURNING id";
const TAX: &str =
    "INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount) VALUES (?1, ?2, ?3, ?4)";
const INVOICE: &str = "INSERT INTO invoices (payment_id, invoice_number, amount, status)
    VALUES (?1, ?2, ?3, 'pending')";

/// The loop's file, and where it stands.
pub(crate) struct SqliteLoop {
    connection: Connection,
    store: Store,
    next: i64,
}

impl SqliteLoop {
    /// Makes the file with its tables: a write-ahead log, and every commit on the disk before it is done.
    pub(crate) fn new(file: &Path) -> Outcome<Self> {
        let connection = Connection::open(file).while_doing("making a file for SQLite")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let schema = std::fs::read_to_string(SCHEMA).while_doing(format!("reading {SCHEMA}"))?;
        connection.execute_batch(&schema).while_doing("making tables")?;
        Ok(Self { connection, store: Store::Sqlite(file.to_owned()), next: 1 })
    }

    /// A round: for `time`, with `room` consultations at most.
    pub(crate) async fn round(&mut self, time: Duration, room: i64) -> Outcome<(Sample, Vec<Fault>)> {
        let consultations = self.next..self.next + room;
        self.next = consultations.end;
        self.store.seed(consultations.clone()).await?;
        let (begun, cpu) = (Instant::now(), usage::own_seconds());
        let mut micros = Vec::new();
        for consultation in consultations.clone() {
            if begun.elapsed() >= time {
                break;
            }
            let sent = Instant::now();
            pay(&mut self.connection, consultation)?;
            micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        let (took, made) = (begun.elapsed(), micros.len());
        let sample = Sample {
            answers: made,
            throughput: made as f64 / took.as_secs_f64(),
            latency: Latency::of(micros),
            cpu: Cpu {
                service: (usage::own_seconds() - cpu) * 1000.0 / made.max(1) as f64,
                ..Cpu::default()
            },
            commits: Some(1.0),
            ..Sample::default()
        };
        Ok((sample, faults_of_count(made, &self.store.rows(&consultations).await?)))
    }
}

fn pay(connection: &mut Connection, consultation: i64) -> Outcome<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (patient, fee): (i64, String) = transaction
        .prepare_cached("SELECT patient_id, fee FROM konsultasis WHERE id = ?1")?
        .query_row([consultation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let active = transaction.prepare_cached(ACTIVE)?.query_row([consultation, patient], |_| Ok(()));
    if active.optional()?.is_some() {
        return fail(format!("consultation {consultation} is paid already"));
    }
    let key = key(consultation);
    let payment: i64 = transaction
        .prepare_cached(PAYMENT)?
        .query_row(params![patient, consultation, fee, key], |row| row.get(0))?;
    for (name, rate, amount) in [("VAT", "12", "600.00"), ("PPh", "15", "750.00")] {
        transaction.prepare_cached(TAX)?.execute(params![payment, name, rate, amount])?;
    }
    let number = format!("INV-20240115103000-{payment:06}");
    transaction.prepare_cached(INVOICE)?.execute(params![payment, number, fee])?;
    Ok(transaction.commit()?)
}
