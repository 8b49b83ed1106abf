//! The requests that make something: the same bytes for the same draft.
//!
//! What Stripe, its dashboard and its page show is neutral: opaque names and amounts, and nothing of a
//! consultation (design, part 1, rule 11).

use crate::money::to_stripe;
use sekali_core::domain::Money;
use sekali_core::ports::{RefundDraft, SessionDraft};
use std::fmt::Write as _;

/// Metadata that names our session; on the session, and on the payment intent and its charge.
pub(crate) const SESSION: &str = "sekali_session";
/// Metadata that names the payment, beside [`SESSION`].
const PAYMENT: &str = "sekali_payment";
/// Metadata that names our refund.
pub(crate) const REFUND: &str = "sekali_refund";
/// Metadata that names the installation; on all of them.
pub(crate) const INSTALLATION: &str = "sekali_installation";

/// The form-encoded body of `POST /v1/checkout/sessions`.
pub(crate) fn session(payment_method_types: &[String], draft: &SessionDraft) -> String {
    let name = if draft.locale == "id" { "Pembayaran" } else { "Payment" };
    let currency = draft.amount.currency.code().to_ascii_lowercase();
    let ids =
        [(SESSION, draft.session), (PAYMENT, draft.payment_reference), (INSTALLATION, draft.installation)];
    let mut form = Form::new();
    form.add("mode", "payment");
    for (place, method) in payment_method_types.iter().enumerate() {
        form.add_to("payment_method_types", place, method);
    }
    form.add("line_items[0][quantity]", "1");
    form.add("line_items[0][price_data][currency]", &currency);
    form.add("line_items[0][price_data][unit_amount]", &minor_units(draft.amount));
    form.add("line_items[0][price_data][product_data][name]", name);
    form.add("client_reference_id", &draft.payment_reference.to_string());
    form.add("payment_intent_data[description]", name);
    form.add("success_url", &draft.success_url);
    form.add("cancel_url", &draft.cancel_url);
    form.add("expires_at", &draft.expires_at.as_seconds().to_string());
    form.add("locale", &draft.locale);
    // On the payment intent too: a capture is then told from another installation's without its session.
    for (key, id) in ids {
        for owner in ["metadata", "payment_intent_data[metadata]"] {
            form.add_to(owner, key, &id.to_string());
        }
    }
    form.finish()
}

/// The form-encoded body of `POST /v1/refunds`.
pub(crate) fn refund(draft: &RefundDraft) -> String {
    let mut form = Form::new();
    form.add("payment_intent", &draft.payment_intent);
    form.add("amount", &minor_units(draft.amount));
    form.add_to("metadata", REFUND, &draft.refund.to_string());
    form.add_to("metadata", INSTALLATION, &draft.installation.to_string());
    form.finish()
}

/// An amount that Stripe cannot charge exactly is written as a decimal, which Stripe refuses as "no
/// integer": a definite answer, in place of a charge that is nearly right.
fn minor_units(amount: Money) -> String {
    to_stripe(amount).map_or_else(|| format!("{amount} exactly"), |minor| minor.to_string())
}

/// A form in Stripe's style: `owner[key]=value`.
struct Form {
    serializer: form_urlencoded::Serializer<'static, String>,
    parameter: String,
}

impl Form {
    fn new() -> Self {
        Self { serializer: form_urlencoded::Serializer::new(String::new()), parameter: String::new() }
    }

    fn add(&mut self, parameter: &str, value: &str) {
        self.serializer.append_pair(parameter, value);
    }

    fn add_to(&mut self, owner: &str, key: impl std::fmt::Display, value: &str) {
        self.parameter.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.parameter, "{owner}[{key}]");
        self.serializer.append_pair(&self.parameter, value);
    }

    fn finish(mut self) -> String {
        self.serializer.finish()
    }
}
