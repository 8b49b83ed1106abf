//! What is only read: payment intents, charges, events.

use serde_json::Value;

use super::Call;
use super::error::ApiError;
use super::expand::Expand;
use super::lists::{self, Page};
use super::params::Params;
use crate::failure::Failure;
use crate::model::charge::Charge;
use crate::model::event::Event;
use crate::model::payment_intent::PaymentIntent;
use crate::storage::objects::{self, Document, Links};
use crate::work::Work;

/// A kind of object that one retrieves by id and lists.
trait Resource: Document {
    /// Where its list is.
    const URL: &'static str;
    /// What Stripe calls the id in the path.
    const PARAM: &'static str;
    fn show(&self) -> Value;
    /// The filters that only this kind has.
    fn filters(params: &mut Params) -> Result<Links, ApiError>;
}

impl Resource for PaymentIntent {
    const URL: &'static str = "/v1/payment_intents";
    const PARAM: &'static str = "intent";

    fn show(&self) -> Value {
        self.render()
    }

    fn filters(_: &mut Params) -> Result<Links, ApiError> {
        Ok(Links::Any)
    }
}

impl Resource for Charge {
    const URL: &'static str = "/v1/charges";
    const PARAM: &'static str = "charge";

    fn show(&self) -> Value {
        self.render()
    }

    fn filters(params: &mut Params) -> Result<Links, ApiError> {
        let intent = params.text("payment_intent", 5000)?;
        Ok(intent.map_or(Links::Any, |id| Links::OneOf(vec![id])))
    }
}

impl Resource for Event {
    const URL: &'static str = "/v1/events";
    const PARAM: &'static str = "id";

    fn show(&self) -> Value {
        self.render()
    }

    /// `type`, which may end in `*`, or `types[]`.
    fn filters(params: &mut Params) -> Result<Links, ApiError> {
        let name = params.text("type", 5000)?;
        let names = params.texts("types", 5000)?;
        match (name, names.is_empty()) {
            (None, true) => Ok(Links::Any),
            (None, false) => Ok(Links::OneOf(names)),
            (Some(name), true) => Ok(match name.strip_suffix('*') {
                Some(prefix) => Links::StartingWith(prefix.to_owned()),
                None => Links::OneOf(vec![name]),
            }),
            (Some(_), false) => {
                Err(ApiError::bad_value("types", "Only one of 'type' and 'types' can be given."))
            }
        }
    }
}

fn retrieve<R: Resource>(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    params.finish()?;
    let found: Option<R> = objects::find(work.tx, &call.id)?;
    let mut object = found.ok_or_else(|| ApiError::missing(R::KIND, R::PARAM, &call.id))?.show();
    expand.apply(work, &mut object)?;
    Ok(object)
}

fn list<R: Resource>(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let page = Page::read(&mut params)?;
    let created = lists::read_created(&mut params)?;
    let links = R::filters(&mut params)?;
    params.finish()?;
    let mut list = lists::fetch(work, &page, links, created, R::URL, R::show)?;
    expand.apply(work, &mut list)?;
    Ok(list)
}

pub(crate) fn retrieve_payment_intent(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    retrieve::<PaymentIntent>(work, call)
}

pub(crate) fn list_payment_intents(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    list::<PaymentIntent>(work, call)
}

pub(crate) fn retrieve_charge(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    retrieve::<Charge>(work, call)
}

pub(crate) fn list_charges(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    list::<Charge>(work, call)
}

pub(crate) fn retrieve_event(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    retrieve::<Event>(work, call)
}

pub(crate) fn list_events(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    list::<Event>(work, call)
}
