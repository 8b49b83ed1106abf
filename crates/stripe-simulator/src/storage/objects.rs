//! Stripe's objects as documents: sessions, payment intents, charges, refunds, disputes, events; and the
//! faults that were asked for.

use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Row, StorageError, Tx, Value, exactly_one};

/// A kind of document, and how its columns are read from it.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// Stripe's name of the object, which is also the value of its field `object`.
    const KIND: &'static str;
    fn id(&self) -> &str;
    /// Unix seconds.
    fn created(&self) -> i64;
    /// What lists of this kind are filtered by.
    fn link(&self) -> Option<&str>;
    /// What else they are filtered by.
    fn second(&self) -> Option<&str> {
        None
    }
    /// Unix seconds at which the object changes by itself.
    fn due(&self) -> Option<i64> {
        None
    }
}

/// Which documents a list holds, newest first.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) links: Links,
    /// Only documents whose [`Document::second`] is this.
    pub(crate) second: Option<String>,
    /// Unix seconds, both inclusive.
    pub(crate) created: (i64, i64),
    /// Only documents older than this sequence number.
    pub(crate) older_than: Option<i64>,
    /// Only documents newer than this sequence number; the oldest of them are taken.
    pub(crate) newer_than: Option<i64>,
}

impl Filter {
    /// All documents with these links.
    pub(crate) fn of(links: Links) -> Self {
        Self { links, second: None, created: (i64::MIN, i64::MAX), older_than: None, newer_than: None }
    }
}

/// What the documents of a list have in common.
#[derive(Debug, Clone)]
pub(crate) enum Links {
    Any,
    OneOf(Vec<String>),
    StartingWith(String),
}

pub(crate) fn insert<D: Document>(tx: &mut dyn Tx, document: &D) -> Result<(), StorageError> {
    let rows = tx.execute(
        "INSERT INTO objects (kind, id, created, link, second, due, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::from(D::KIND),
            Value::from(document.id()),
            Value::from(document.created()),
            Value::from(document.link()),
            Value::from(document.second()),
            Value::from(document.due()),
            Value::Text(encode(document)?),
        ],
    )?;
    exactly_one("insert of an object", rows)
}

pub(crate) fn update<D: Document>(tx: &mut dyn Tx, document: &D) -> Result<(), StorageError> {
    let rows = tx.execute(
        "UPDATE objects SET link = $3, second = $4, due = $5, body = $6 WHERE kind = $1 AND id = $2",
        &[
            Value::from(D::KIND),
            Value::from(document.id()),
            Value::from(document.link()),
            Value::from(document.second()),
            Value::from(document.due()),
            Value::Text(encode(document)?),
        ],
    )?;
    exactly_one("update of an object", rows)
}

/// Removes the document; returns whether it was there.
pub(crate) fn delete<D: Document>(tx: &mut dyn Tx, id: &str) -> Result<bool, StorageError> {
    let sql = "DELETE FROM objects WHERE kind = $1 AND id = $2";
    Ok(tx.execute(sql, &[Value::from(D::KIND), Value::from(id)])? == 1)
}

pub(crate) fn find<D: Document>(tx: &mut dyn Tx, id: &str) -> Result<Option<D>, StorageError> {
    let sql = "SELECT body FROM objects WHERE kind = $1 AND id = $2";
    tx.query(sql, &[Value::from(D::KIND), Value::from(id)])?.first().map(decode).transpose()
}

/// A document that another one names, so that it must be there.
pub(crate) fn get<D: Document>(tx: &mut dyn Tx, id: &str) -> Result<D, StorageError> {
    find(tx, id)?.ok_or_else(|| StorageError::Corrupt(format!("{} {id} is missing", D::KIND)))
}

/// The place of a document in the order of creation.
pub(crate) fn sequence<D: Document>(tx: &mut dyn Tx, id: &str) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT seq FROM objects WHERE kind = $1 AND id = $2";
    tx.query(sql, &[Value::from(D::KIND), Value::from(id)])?.first().map(|row| row.int(0)).transpose()
}

/// At most `limit` documents, newest first.
pub(crate) fn list<D: Document>(
    tx: &mut dyn Tx,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<D>, StorageError> {
    let mut params = vec![
        Value::from(D::KIND),
        Value::from(filter.created.0),
        Value::from(filter.created.1),
        Value::from(filter.older_than.unwrap_or(i64::MAX)),
        Value::from(filter.newer_than.unwrap_or(i64::MIN)),
        Value::from(i64::try_from(limit).unwrap_or(i64::MAX)),
    ];
    let mut links = links_condition(&filter.links, &mut params);
    if let Some(second) = &filter.second {
        params.push(Value::from(second.as_str()));
        let _ = write!(links, " AND second = ${}", params.len());
    }
    let order = if filter.newer_than.is_some() { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT body FROM objects WHERE kind = $1 AND created >= $2 AND created <= $3 \
         AND seq < $4 AND seq > $5{links} ORDER BY seq {order} LIMIT $6"
    );
    let mut found = tx.query(&sql, &params)?.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    if filter.newer_than.is_some() {
        found.reverse();
    }
    Ok(found)
}

fn links_condition(links: &Links, params: &mut Vec<Value>) -> String {
    match links {
        Links::Any => String::new(),
        Links::StartingWith(prefix) => {
            params.push(Value::from(prefix.as_str()));
            let place = params.len();
            format!(" AND substr(link, 1, length(CAST(${place} AS TEXT))) = ${place}")
        }
        Links::OneOf(names) => {
            let places: Vec<String> = names
                .iter()
                .map(|name| {
                    params.push(Value::from(name.as_str()));
                    format!("${}", params.len())
                })
                .collect();
            format!(" AND link IN ({})", places.join(", "))
        }
    }
}

/// The first `limit` documents whose time came, the most overdue first.
pub(crate) fn due<D: Document>(tx: &mut dyn Tx, now: i64, limit: i64) -> Result<Vec<D>, StorageError> {
    let sql = "SELECT body FROM objects WHERE due IS NOT NULL AND due <= $2 AND kind = $1 \
               ORDER BY due, seq LIMIT $3";
    let params = [Value::from(D::KIND), Value::from(now), Value::from(limit)];
    tx.query(sql, &params)?.iter().map(decode).collect()
}

fn encode<D: Document>(document: &D) -> Result<String, StorageError> {
    serde_json::to_string(document).map_err(|error| StorageError::Corrupt(error.to_string()))
}

fn decode<D: Document>(row: &Row) -> Result<D, StorageError> {
    serde_json::from_str(row.text(0)?)
        .map_err(|error| StorageError::Corrupt(format!("a stored {}: {error}", D::KIND)))
}
