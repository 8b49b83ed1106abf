//! Lists: newest first, by cursor.

use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use crate::failure::Failure;
use crate::storage::objects::{self, Document, Filter, Links};
use crate::work::Work;

pub(crate) const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: i64 = 100;

/// Which page of a list is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) starting_after: Option<String>,
    pub(crate) ending_before: Option<String>,
}

impl Page {
    pub(crate) fn read(params: &mut Params) -> Result<Self, ApiError> {
        let limit = params.integer("limit")?.unwrap_or(10);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let message = format!("'limit' is between 1 and {MAX_LIMIT}.");
            return Err(ApiError::parameter("parameter_invalid_integer", "limit", message));
        }
        let starting_after = params.text("starting_after", 5000)?;
        let ending_before = params.text("ending_before", 5000)?;
        if starting_after.is_some() && ending_before.is_some() {
            let message = "Only one of 'starting_after' and 'ending_before' can be given.";
            return Err(ApiError::bad_value("ending_before", message));
        }
        let limit = usize::try_from(limit).unwrap_or(DEFAULT_LIMIT);
        Ok(Self { limit, starting_after, ending_before })
    }
}

/// What a list is filtered by, beside the time of creation.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) links: Links,
    pub(crate) second: Option<String>,
}

impl Selection {
    /// Objects of one payment intent, if one is named, and with this second property.
    pub(crate) fn of(link: Option<String>, second: Option<String>) -> Self {
        Self { links: link.map_or(Links::Any, |id| Links::OneOf(vec![id])), second }
    }
}

/// `customer` and the like: kinds of objects of which the simulator has none, so that no id of theirs exists.
pub(crate) fn refuse_strangers(params: &mut Params, names: &[&str]) -> Result<(), ApiError> {
    for name in names {
        if let Some(id) = params.text(name, 5000)? {
            return Err(ApiError::bad_cursor(name, name, &id));
        }
    }
    Ok(())
}

/// `created=…`, or `created[gte]=…` and the like, as an inclusive range of Unix seconds.
pub(crate) fn read_created(params: &mut Params) -> Result<(i64, i64), ApiError> {
    if params.is_text("created") {
        let exactly = params.required_integer("created")?;
        return Ok((exactly, exactly));
    }
    let Some(mut range) = params.group("created")? else { return Ok((i64::MIN, i64::MAX)) };
    let gt = range.integer("gt")?.map_or(i64::MIN, |bound| bound.saturating_add(1));
    let gte = range.integer("gte")?.unwrap_or(i64::MIN);
    let lt = range.integer("lt")?.map_or(i64::MAX, |bound| bound.saturating_sub(1));
    let lte = range.integer("lte")?.unwrap_or(i64::MAX);
    range.finish()?;
    Ok((gt.max(gte), lt.min(lte)))
}

/// One page of the documents of `selection` that were created in the range.
pub(crate) fn fetch<D: Document>(
    work: &mut Work<'_>,
    page: &Page,
    selection: Selection,
    created: (i64, i64),
    url: &str,
    render: impl Fn(&D) -> Value,
) -> Result<Value, Failure> {
    let filter = Filter {
        links: selection.links,
        second: selection.second,
        created,
        older_than: cursor::<D>(work, "starting_after", page.starting_after.as_deref())?,
        newer_than: cursor::<D>(work, "ending_before", page.ending_before.as_deref())?,
    };
    let mut found: Vec<D> = objects::list(work.tx, &filter, page.limit + 1)?;
    let has_more = found.len() > page.limit;
    if has_more && filter.newer_than.is_some() {
        found.remove(0);
    }
    found.truncate(page.limit);
    let data: Vec<Value> = found.iter().map(render).collect();
    Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
}

fn cursor<D: Document>(work: &mut Work<'_>, param: &str, id: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(id) = id else { return Ok(None) };
    let sequence = objects::sequence::<D>(work.tx, id)?;
    sequence.map(Some).ok_or_else(|| ApiError::bad_cursor(D::KIND, param, id).into())
}
