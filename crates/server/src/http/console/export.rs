//! `GET /console/api/payments/export.csv` and `.json`: the whole of a list as a file.
//!
//! It is read page by page as fast as it is taken, so that a million rows need no more memory than one page. When the
//! database fails on the way the connection breaks: half a file never looks like a whole one.

use super::filter::{Wanted, read};
use super::list::page;
use super::search::{self, Found};
use super::view::{Row, ZONE};
use crate::http::App;
use crate::http::problem::{Kind, Problem};
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use sekali_core::domain::{DisputeState, Receipt};
use sekali_invoice::format_money;
use std::fmt::Write;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Rows that are read at a time.
const PAGE: u32 = 500;
/// The mark by which Excel knows UTF-8.
const MARK: &str = "\u{feff}";
const COLUMNS: &str = "id,reference,consultation_id,user_id,status,amount,currency,amount_text,refunded,\
refunded_text,dispute,invoice_number,invoice_status,created_at,updated_at,zone\r\n";

type Parameters = Query<Vec<(String, String)>>;

/// As CSV (RFC 4180), in UTF-8.
pub(super) async fn csv(State(app): State<Arc<App>>, asked: Parameters) -> Result<Response, Problem> {
    export(app, &asked, Form::Csv).await
}

/// As one JSON object, whose last member says that it is whole.
pub(super) async fn json(State(app): State<Arc<App>>, asked: Parameters) -> Result<Response, Problem> {
    export(app, &asked, Form::Json).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

async fn export(app: Arc<App>, asked: &Parameters, form: Form) -> Result<Response, Problem> {
    let mut wanted = read(asked)?;
    (wanted.before, wanted.limit) = (None, PAGE);
    let Ok(place) = app.exports.clone().try_acquire_owned() else {
        return Err(Problem::new(Kind::Overloaded).detail(
            "Unduhan lain sedang berjalan; coba lagi sebentar.",
            "Other downloads are running; please try again shortly.",
        ));
    };
    let found = match &wanted.id {
        Some(id) => Some(search::find(&app, id).await?),
        None => None,
    };
    let (kind, ending) = match form {
        Form::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Form::Json => ("application/json", "json"),
    };
    let moment = app.clock.now().rfc3339().replace(['-', ':'], "");
    let name = format!("attachment; filename=\"payments-{moment}.{ending}\"");
    let begun = Export { app, wanted, found, form, rows: 0, stage: Stage::Begins, _place: place };
    let parts = stream::unfold(Some(begun), |state| async move {
        let export = state?;
        Some(match export.part().await {
            Ok((text, export)) => (Ok(Bytes::from(text)), export),
            Err(problem) => {
                tracing::warn!("Console: An export was broken off");
                (Err(std::io::Error::other(format!("{problem:?}"))), None)
            }
        })
    });
    Ok(([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], Body::from_stream(parts))
        .into_response())
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begins,
    GoesOn,
}

struct Export {
    app: Arc<App>,
    wanted: Wanted,
    found: Option<Found>,
    form: Form,
    rows: u64,
    stage: Stage,
    _place: OwnedSemaphorePermit,
}

impl Export {
    /// The next part of the file, and the export where it goes on.
    async fn part(mut self) -> Result<(String, Option<Self>), Problem> {
        let listed = page(&self.app, &self.wanted, self.found.as_ref()).await?;
        let mut text = String::new();
        if self.stage == Stage::Begins {
            // Writing to a String cannot fail.
            let _ = match self.form {
                Form::Csv => write!(text, "{MARK}{COLUMNS}"),
                Form::Json => write!(text, "{{\"zone\":\"{ZONE}\",\"data\":["),
            };
            self.stage = Stage::GoesOn;
        }
        for receipt in &listed.found {
            match self.form {
                Form::Csv => line(&mut text, receipt),
                Form::Json => {
                    let comma = if self.rows == 0 { "" } else { "," };
                    let row = serde_json::to_string(&Row::of(receipt)).unwrap_or_default();
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{comma}\n{row}");
                }
            }
            self.rows += 1;
        }
        if listed.next.is_some() {
            self.wanted.before = listed.next;
            return Ok((text, Some(self)));
        }
        if self.form == Form::Json {
            let _ = writeln!(text, "\n],\"rows\":{},\"complete\":true}}", self.rows);
        }
        Ok((text, None))
    }
}

fn line(text: &mut String, receipt: &Receipt) {
    let (payment, invoice) = (&receipt.payment, &receipt.invoice);
    let fields = [
        payment.id.to_string(),
        payment.reference.to_string(),
        payment.consultation.to_string(),
        payment.user.to_string(),
        payment.status.as_str().to_owned(),
        payment.amount.to_string(),
        payment.amount.currency.code().to_owned(),
        format_money(payment.amount),
        payment.refunded.to_string(),
        format_money(payment.refunded),
        payment.dispute.map(DisputeState::as_str).unwrap_or_default().to_owned(),
        invoice.number.clone(),
        invoice.status.as_str().to_owned(),
        payment.created_at.rfc3339(),
        payment.updated_at.rfc3339(),
        ZONE.to_owned(),
    ];
    let cells: Vec<String> = fields.iter().map(|field| cell(field)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection), quoted where it has to be.
fn cell(field: &str) -> String {
    let is_number = field.strip_prefix('-').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    let dangerous = field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number;
    let safe = if dangerous { format!("'{field}") } else { field.to_owned() };
    if safe.contains(['"', ',', '\r', '\n', ';']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (field, expected) in [
            ("PHP 5.000,00", "\"PHP 5.000,00\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("+62", "'+62"),
            ("\t=1", "'\t=1"),
            ("-5.00", "-5.00"),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("", ""),
        ] {
            assert_eq!(cell(field), expected);
        }
    }
}
