//! The request that makes a Checkout Session.

use crate::money::to_stripe;
use sekali_core::ports::SessionDraft;
use std::fmt::Write as _;

/// Metadata that names our session.
pub(crate) const SESSION: &str = "sekali_session";
/// Metadata that names the payment.
const PAYMENT: &str = "sekali_payment";
/// Metadata that names the installation.
pub(crate) const INSTALLATION: &str = "sekali_installation";

/// The form-encoded body of `POST /v1/checkout/sessions`: the same bytes for the same draft.
///
/// What Stripe and its page show is neutral: it says nothing of a consultation (design, part 1, rule 11).
pub(crate) fn encode(draft: &SessionDraft) -> String {
    let name = if draft.locale == "id" { "Pembayaran" } else { "Payment" };
    let currency = draft.amount.currency.code().to_ascii_lowercase();
    let ids =
        [(SESSION, draft.session), (PAYMENT, draft.payment_reference), (INSTALLATION, draft.installation)];
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("mode", "payment")
        // Methods that are confirmed now and paid days later would need the news of their failure handled.
        .append_pair("payment_method_types[0]", "card")
        .append_pair("line_items[0][quantity]", "1")
        .append_pair("line_items[0][price_data][currency]", &currency)
        .append_pair("line_items[0][price_data][unit_amount]", &unit_amount(draft))
        .append_pair("line_items[0][price_data][product_data][name]", name)
        .append_pair("client_reference_id", &draft.payment_reference.to_string())
        .append_pair("payment_intent_data[description]", name)
        .append_pair("success_url", &draft.success_url)
        .append_pair("cancel_url", &draft.cancel_url)
        .append_pair("expires_at", &draft.expires_at.as_seconds().to_string())
        .append_pair("locale", &draft.locale);
    // On the payment intent too: a capture is then told from another installation's without its session.
    let mut parameter = String::new();
    for (key, id) in ids {
        for owner in ["metadata", "payment_intent_data[metadata]"] {
            parameter.clear();
            // Writing to a String cannot fail.
            let _ = write!(parameter, "{owner}[{key}]");
            form.append_pair(&parameter, &id.to_string());
        }
    }
    form.finish()
}

/// An amount that Stripe cannot charge exactly is written as a decimal, which Stripe refuses as "no
/// integer": a definite answer, in place of a charge that is nearly right.
fn unit_amount(draft: &SessionDraft) -> String {
    to_stripe(draft.amount).map_or_else(|| format!("{} exactly", draft.amount), |minor| minor.to_string())
}
