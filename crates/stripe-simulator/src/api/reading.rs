//! What is only read: payment intents, charges, events.

use serde_json::Value;

use super::Call;
use super::error::ApiError;
use super::expand::Expand;
use super::lists::{self, Page, Selection};
use super::params::Params;
use crate::failure::Failure;
use crate::model::charge::Charge;
use crate::model::dispute::Dispute;
use crate::model::event::Event;
use crate::model::payment_intent::PaymentIntent;
use crate::model::refund::Refund;
use crate::storage::objects::{self, Document, Links};
use crate::work::Work;

/// A kind of object that one retrieves by id and lists.
pub(crate) trait Resource: Document {
    /// Where its list is.
    const URL: &'static str;
    /// What Stripe calls the id in the path.
    const PARAM: &'static str;
    fn show(&self) -> Value;
    /// Reads the parameters that retrieving one has beside `expand`.
    fn extras(_: &mut Params) -> Result<(), ApiError> {
        Ok(())
    }
    /// The filters that only this kind has.
    fn filters(params: &mut Params) -> Result<Selection, ApiError>;
}

impl Resource for PaymentIntent {
    const URL: &'static str = "/v1/payment_intents";
    const PARAM: &'static str = "intent";

    fn show(&self) -> Value {
        self.render()
    }

    /// Stripe wants the secret where a publishable key asks, and reads past it otherwise.
    fn extras(params: &mut Params) -> Result<(), ApiError> {
        params.text("client_secret", 5000).map(|_| ())
    }

    fn filters(params: &mut Params) -> Result<Selection, ApiError> {
        lists::refuse_strangers(params, &["customer"])?;
        Ok(Selection::of(None, None))
    }
}

impl Resource for Charge {
    const URL: &'static str = "/v1/charges";
    const PARAM: &'static str = "charge";

    fn show(&self) -> Value {
        self.render()
    }

    fn filters(params: &mut Params) -> Result<Selection, ApiError> {
        lists::refuse_strangers(params, &["customer"])?;
        // No charge of the simulator's belongs to a group, and an unknown group is no error at Stripe.
        let group = params.text("transfer_group", 5000)?;
        Ok(Selection::of(params.text("payment_intent", 5000)?, group))
    }
}

impl Resource for Refund {
    const URL: &'static str = "/v1/refunds";
    const PARAM: &'static str = "refund";

    fn show(&self) -> Value {
        self.render()
    }

    fn filters(params: &mut Params) -> Result<Selection, ApiError> {
        Ok(Selection::of(params.text("payment_intent", 5000)?, params.text("charge", 5000)?))
    }
}

impl Resource for Dispute {
    const URL: &'static str = "/v1/disputes";
    const PARAM: &'static str = "dispute";

    fn show(&self) -> Value {
        self.render()
    }

    fn filters(params: &mut Params) -> Result<Selection, ApiError> {
        Ok(Selection::of(params.text("payment_intent", 5000)?, params.text("charge", 5000)?))
    }
}

impl Resource for Event {
    const URL: &'static str = "/v1/events";
    const PARAM: &'static str = "id";

    fn show(&self) -> Value {
        self.render()
    }

    /// `type`, which may end in `*`, or `types[]`; and whether every receiver has answered.
    fn filters(params: &mut Params) -> Result<Selection, ApiError> {
        let name = params.text("type", 5000)?;
        let names = params.texts("types", 5000)?;
        let delivered = params.choice("delivery_success", &["true", "false"])?;
        let links = match (name, names.is_empty()) {
            (None, true) => Links::Any,
            (None, false) => Links::OneOf(names),
            (Some(name), true) => match name.strip_suffix('*') {
                Some(prefix) => Links::StartingWith(prefix.to_owned()),
                None => Links::OneOf(vec![name]),
            },
            (Some(_), false) => {
                return Err(ApiError::bad_value("types", "Only one of 'type' and 'types' can be given."));
            }
        };
        Ok(Selection { links, second: delivered })
    }
}

pub(crate) fn retrieve<R: Resource>(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    R::extras(&mut params)?;
    params.finish()?;
    let mut object = find::<R>(work, &call.id)?.show();
    expand.apply(work, &mut object)?;
    Ok(object)
}

pub(crate) fn list<R: Resource>(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let page = Page::read(&mut params)?;
    let created = lists::read_created(&mut params)?;
    let selection = R::filters(&mut params)?;
    params.finish()?;
    let mut list = lists::fetch(work, &page, selection, created, R::URL, R::show)?;
    expand.apply(work, &mut list)?;
    Ok(list)
}

/// The object with this id, or Stripe's 404.
pub(crate) fn find<R: Resource>(work: &mut Work<'_>, id: &str) -> Result<R, Failure> {
    let found: Option<R> = objects::find(work.tx, id)?;
    found.ok_or_else(|| ApiError::missing(R::KIND, R::PARAM, id).into())
}
