//! `/v1/checkout/sessions`: create, retrieve, list, expire, line items.

use serde_json::{Value, json};

use super::error::ApiError;
use super::expand::Expand;
use super::lists::{self, Page, Selection};
use super::params::{Params, missing};
use super::{Call, Command};
use crate::checkout;
use crate::failure::Failure;
use crate::model::method::{KINDS, card_only};
use crate::model::money;
use crate::model::session::{IntentData, LineItem, Session, SessionStatus};
use crate::storage::objects;
use crate::work::Work;

const LOCALES: &[&str] = &[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru",
    "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];
/// Stripe's limits for `expires_at`, in seconds from the creation.
const SHORTEST: i64 = 30 * 60;
const LONGEST: i64 = 24 * 60 * 60;
const MAX_LINE_ITEMS: usize = 100;

/// A session that was asked for and is not made yet.
struct NewSession {
    items: Vec<NewItem>,
    currency: String,
    amount_total: i64,
    success_url: String,
    cancel_url: Option<String>,
    client_reference_id: Option<String>,
    customer_email: Option<String>,
    expires_at: Option<i64>,
    locale: Option<String>,
    submit_type: Option<String>,
    payment_method_types: Vec<String>,
    metadata: crate::model::Metadata,
    intent_data: IntentData,
}

struct NewItem {
    currency: String,
    name: String,
    unit_amount: i64,
    quantity: i64,
}

pub(crate) fn create(call: Call) -> Result<Command, ApiError> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let new = read_new(&mut params)?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let session = make(work, new)?;
        objects::insert(work.tx, &session)?;
        let mut object = session.render(work.public_base);
        expand.apply(work, &mut object)?;
        Ok(object)
    }))
}

fn read_new(params: &mut Params) -> Result<NewSession, ApiError> {
    let mode = params.required_text("mode", 20)?;
    if mode != "payment" {
        return Err(ApiError::bad_value("mode", "The simulator knows the mode 'payment' only."));
    }
    let items = read_items(params)?;
    let (currency, amount_total) = total(&items)?;
    Ok(NewSession {
        items,
        currency,
        amount_total,
        success_url: params.address("success_url")?.ok_or_else(|| missing("success_url"))?,
        cancel_url: params.address("cancel_url")?,
        client_reference_id: params.text("client_reference_id", 200)?,
        customer_email: params.text("customer_email", 800)?,
        expires_at: params.integer("expires_at")?,
        locale: params.choice("locale", LOCALES)?,
        submit_type: params.choice("submit_type", &["auto", "book", "donate", "pay"])?,
        payment_method_types: read_method_types(params)?,
        metadata: params.metadata("metadata")?,
        intent_data: read_intent_data(params)?,
    })
}

fn read_method_types(params: &mut Params) -> Result<Vec<String>, ApiError> {
    let kinds = params.texts("payment_method_types", 100)?;
    if kinds.is_empty() {
        return Ok(card_only());
    }
    let refuse = |message: String| Err(ApiError::bad_value("payment_method_types", message));
    if let Some(stranger) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return refuse(format!("The simulator knows {}, and not '{stranger}'.", KINDS.join(" and ")));
    }
    if KINDS.iter().any(|known| kinds.iter().filter(|kind| kind == known).count() > 1) {
        return refuse("A payment method type is given twice.".to_owned());
    }
    Ok(kinds)
}

fn read_items(params: &mut Params) -> Result<Vec<NewItem>, ApiError> {
    let groups = params.groups("line_items")?;
    if groups.is_empty() {
        return Err(missing("line_items"));
    }
    if groups.len() > MAX_LINE_ITEMS {
        let message = format!("A session has at most {MAX_LINE_ITEMS} line items.");
        return Err(ApiError::bad_value("line_items", message));
    }
    groups.into_iter().map(read_item).collect()
}

fn read_item(mut item: Params) -> Result<NewItem, ApiError> {
    let price_name = item.name("price_data");
    let quantity_name = item.name("quantity");
    let quantity = item.required_integer("quantity")?;
    let mut price = item.group("price_data")?.ok_or_else(|| missing(&price_name))?;
    item.finish()?;

    let currency = price.required_text("currency", 10)?.to_lowercase();
    if !money::is_supported(&currency) {
        let message = format!("Invalid currency: {currency}");
        return Err(ApiError::bad_value(&price.name("currency"), message));
    }
    let amount_name = price.name("unit_amount");
    let unit_amount = price.required_integer("unit_amount")?;
    let product_name = price.name("product_data");
    let mut product = price.group("product_data")?.ok_or_else(|| missing(&product_name))?;
    price.finish()?;
    let name = product.required_text("name", 5000)?;
    product.finish()?;

    if !(0..=money::MAX_AMOUNT).contains(&unit_amount) {
        let message = format!("Invalid amount: it is between 0 and {}.", money::MAX_AMOUNT);
        return Err(ApiError::parameter("parameter_invalid_integer", &amount_name, message));
    }
    if !(1..=money::MAX_AMOUNT).contains(&quantity) {
        let message = "Invalid quantity: it is at least 1.";
        return Err(ApiError::parameter("parameter_invalid_integer", &quantity_name, message));
    }
    Ok(NewItem { currency, name, unit_amount, quantity })
}

fn total(items: &[NewItem]) -> Result<(String, i64), ApiError> {
    let currency = items.first().map(|item| item.currency.clone()).unwrap_or_default();
    if items.iter().any(|item| item.currency != currency) {
        return Err(ApiError::bad_value("line_items", "All line items have to be in one currency."));
    }
    // Both factors have eight digits at most, and there are at most 100 products of them.
    let total: i64 = items.iter().map(|item| item.unit_amount * item.quantity).sum();
    if total == 0 {
        let message = "The amount has to be greater than zero.";
        return Err(ApiError::parameter("amount_too_small", "line_items", message));
    }
    if total > money::MAX_AMOUNT {
        let message = format!("The amount is at most {}.", money::MAX_AMOUNT);
        return Err(ApiError::parameter("amount_too_large", "line_items", message));
    }
    let step = money::step(&currency);
    if total % step != 0 {
        let message = format!("An amount in {currency} has to be a multiple of {step}.");
        return Err(ApiError::bad_value("line_items", message));
    }
    Ok((currency, total))
}

fn read_intent_data(params: &mut Params) -> Result<IntentData, ApiError> {
    let Some(mut group) = params.group("payment_intent_data")? else { return Ok(IntentData::default()) };
    let data = IntentData {
        description: group.text("description", 1000)?,
        metadata: group.metadata("metadata")?,
        receipt_email: group.text("receipt_email", 800)?,
    };
    group.finish()?;
    Ok(data)
}

fn make(work: &mut Work<'_>, new: NewSession) -> Result<Session, ApiError> {
    let created = work.now();
    let expires_at = new.expires_at.unwrap_or(created + LONGEST);
    if !(created + SHORTEST..=created + LONGEST).contains(&expires_at) {
        let message = "'expires_at' has to lie between 30 minutes and 24 hours after the session's creation.";
        return Err(ApiError::bad_value("expires_at", message));
    }
    let line_items = new.items.into_iter().map(|item| make_item(work, item)).collect();
    Ok(Session {
        id: work.new_id("cs_test_a1", 58),
        created,
        expires_at,
        status: SessionStatus::Open,
        currency: new.currency,
        amount_total: new.amount_total,
        line_items,
        success_url: new.success_url,
        cancel_url: new.cancel_url,
        client_reference_id: new.client_reference_id,
        customer_email: new.customer_email,
        locale: new.locale,
        submit_type: new.submit_type,
        metadata: new.metadata,
        intent_data: new.intent_data,
        payment_intent: None,
        payer: None,
        challenge: None,
        payment_method_types: new.payment_method_types,
        debit: None,
        unpaid: false,
    })
}

fn make_item(work: &Work<'_>, item: NewItem) -> LineItem {
    LineItem {
        id: work.new_id("li_1", 23),
        price: work.new_id("price_1", 23),
        product: work.new_id("prod_", 14),
        name: item.name,
        unit_amount: item.unit_amount,
        quantity: item.quantity,
    }
}

/// The session with this id, or Stripe's 404.
pub(crate) fn find(work: &mut Work<'_>, id: &str) -> Result<Session, Failure> {
    let found = objects::find(work.tx, id)?;
    found.ok_or_else(|| ApiError::missing("checkout.session", "session", id).into())
}

pub(crate) fn retrieve(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    params.finish()?;
    let mut object = find(work, &call.id)?.render(work.public_base);
    expand.apply(work, &mut object)?;
    Ok(object)
}

pub(crate) fn list(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let page = Page::read(&mut params)?;
    let created = lists::read_created(&mut params)?;
    let selection = read_selection(&mut params)?;
    params.finish()?;
    let base = work.public_base;
    let render = |session: &Session| session.render(base);
    let mut list = lists::fetch(work, &page, selection, created, "/v1/checkout/sessions", render)?;
    expand.apply(work, &mut list)?;
    Ok(list)
}

fn read_selection(params: &mut Params) -> Result<Selection, ApiError> {
    lists::refuse_strangers(params, &["customer", "payment_link", "subscription"])?;
    let intent = params.text("payment_intent", 5000)?;
    let email = match params.group("customer_details")? {
        Some(mut details) => {
            let email = details.required_text("email", 800)?;
            details.finish()?;
            Some(email)
        }
        None => None,
    };
    Ok(Selection::of(intent, email))
}

pub(crate) fn expire(call: Call) -> Result<Command, ApiError> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    params.finish()?;
    let id = call.id;
    Ok(Box::new(move |work| {
        let mut session = find(work, &id)?;
        if !session.is_open() {
            let message = "Only Checkout Sessions with a status of 'open' can be expired.";
            return Err(ApiError::invalid(message).into());
        }
        checkout::expire(work, &mut session)?;
        let mut object = session.render(work.public_base);
        expand.apply(work, &mut object)?;
        Ok(object)
    }))
}

pub(crate) fn line_items(work: &mut Work<'_>, call: Call) -> Result<Value, Failure> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let page = Page::read(&mut params)?;
    params.finish()?;
    let session = find(work, &call.id)?;
    let place = |param: &str, id: &Option<String>| -> Result<Option<usize>, ApiError> {
        let Some(id) = id else { return Ok(None) };
        let place = session.line_items.iter().position(|item| item.id == *id);
        place.map(Some).ok_or_else(|| ApiError::bad_cursor("item", param, id))
    };
    let after = place("starting_after", &page.starting_after)?.map_or(0, |place| place + 1);
    let before = place("ending_before", &page.ending_before)?;
    let (from, to) = match before {
        Some(before) => (before.saturating_sub(page.limit), before),
        None => (after, session.line_items.len().min(after + page.limit)),
    };
    let has_more = if before.is_some() { from > 0 } else { to < session.line_items.len() };
    let data: Vec<Value> = session.line_items[from..to].iter().map(|item| item.render(&session)).collect();
    let url = format!("/v1/checkout/sessions/{}/line_items", session.id);
    let mut list = json!({"object": "list", "data": data, "has_more": has_more, "url": url});
    expand.apply(work, &mut list)?;
    Ok(list)
}
