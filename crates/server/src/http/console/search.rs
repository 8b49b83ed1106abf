//! Which payments an id names that somebody has pasted, whatever kind of id it is.

use crate::http::App;
use crate::http::problem::Problem;
use sekali_core::domain::{IdempotencyKey, PaymentId};
use sekali_core::ports::console::{FoundAs, Needle};
use sekali_core::ports::{GatewayError, StoreError};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Payments of one patient or consultation that are found, the newest.
const MOST: u32 = 1_000;
/// Stripe is waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// What Stripe knew of an id that is not kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtStripe {
    Found,
    NotFound,
    Unreachable,
}

impl AtStripe {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What an id has led to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The payments, each with what the id is of it.
    pub payments: BTreeMap<PaymentId, Vec<FoundAs>>,
    /// Whether Stripe was asked.
    pub asked: Option<AtStripe>,
}

impl Found {
    fn add(&mut self, kind: FoundAs, payment: PaymentId) {
        let kinds = self.payments.entry(payment).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
            kinds.sort_unstable();
        }
    }

    fn add_all(&mut self, found: Vec<(FoundAs, PaymentId)>, called: Option<FoundAs>) {
        for (kind, payment) in found {
            self.add(called.unwrap_or(kind), payment);
        }
    }
}

/// Finds by any id.
pub(super) async fn find(app: &App, text: &str) -> Result<Found, Problem> {
    let mut found = Found::default();
    if text.starts_with("evt_") {
        for event in app.console.kept_events(&[text.to_owned()], &[], 1).await? {
            let Some(object) = event.object else { continue };
            of_object(app, &object, Some(FoundAs::Event), &mut found).await?;
        }
    } else {
        of_object(app, text, None, &mut found).await?;
    }
    // A key may look like anything.
    if let Ok(key) = IdempotencyKey::new(text) {
        found.add_all(app.console.find(&Needle::Key(key), MOST).await?, None);
    }
    Ok(found)
}

/// The payments that one of Stripe's objects is of: for whoever has its event.
pub(super) async fn payments_of_object(app: &App, object: &str) -> Result<Vec<PaymentId>, Problem> {
    let mut found = Found::default();
    of_object(app, object, None, &mut found).await?;
    Ok(found.payments.into_keys().collect())
}

async fn of_object(app: &App, text: &str, called: Option<FoundAs>, found: &mut Found) -> Result<(), Problem> {
    if let Some(needle) = needle(text) {
        found.add_all(app.console.find(&needle, MOST).await?, called);
    }
    let is_stripes =
        ["ch_", "py_", "pi_", "re_", "pyr_", "dp_", "du_"].iter().any(|form| text.starts_with(form));
    if !is_stripes || !found.payments.is_empty() {
        return Ok(());
    }
    let kind = called.or_else(|| kind_of(text));
    found.asked = Some(match tokio::time::timeout(PATIENCE, needle_from_stripe(app, text)).await {
        Ok(Ok(Some(needle))) => {
            found.add_all(app.console.find(&needle, MOST).await?, kind);
            if found.payments.is_empty() { AtStripe::NotFound } else { AtStripe::Found }
        }
        Ok(Ok(None) | Err(GatewayError::NotFound | GatewayError::Refused { .. })) => AtStripe::NotFound,
        Ok(Err(error)) => {
            tracing::warn!(%error, "Console: Stripe cannot say whose object this is");
            AtStripe::Unreachable
        }
        Err(_) => AtStripe::Unreachable,
    });
    Ok(())
}

/// By its form.
fn needle(text: &str) -> Option<Needle> {
    let starts = |forms: &[&str]| forms.iter().any(|form| text.starts_with(form));
    let number = text.strip_prefix('#').unwrap_or(text);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.parse().ok().map(Needle::Number);
    }
    if let Ok(name) = Uuid::try_parse(text) {
        return Some(Needle::Name(name));
    }
    let upper = text.to_ascii_uppercase();
    if upper.starts_with("INV-") {
        return Some(Needle::Invoice(upper));
    }
    let text = text.to_owned();
    match () {
        () if starts(&["cs_"]) => Some(Needle::Session(text)),
        () if starts(&["pi_"]) => Some(Needle::Intent(text)),
        () if starts(&["re_", "pyr_"]) => Some(Needle::Refund(text)),
        () if starts(&["dp_", "du_"]) => Some(Needle::Dispute(text)),
        () => None,
    }
}

/// What an id of Stripe's is, also where it is not kept here.
fn kind_of(text: &str) -> Option<FoundAs> {
    match text.split('_').next()? {
        "ch" | "py" => Some(FoundAs::Charge),
        "pi" => Some(FoundAs::PaymentIntent),
        "re" | "pyr" => Some(FoundAs::Refund),
        "dp" | "du" => Some(FoundAs::Dispute),
        _ => None,
    }
}

/// Asks Stripe for what we keep of an object that we do not: the money it is of, or its session.
async fn needle_from_stripe(app: &App, text: &str) -> Result<Option<Needle>, GatewayError> {
    let settle = &app.inbox.settle;
    let Ok(_place) = app.limits.at_stripe.try_acquire() else {
        return Err(GatewayError::Unknown("too many questions are waiting for Stripe".into()));
    };
    let gateway = &settle.gateway;
    let intent = match kind_of(text) {
        Some(FoundAs::Charge) => gateway.charge(text).await?.payment_intent,
        Some(FoundAs::Refund) => gateway.refund(text).await?.payment_intent,
        Some(FoundAs::Dispute) => gateway.dispute(text).await?.payment_intent,
        _ => Some(text.to_owned()),
    };
    let Some(intent) = intent else { return Ok(None) };
    let kept = settle.store.payment_of_intent(&intent).await.map_err(|error| unknown(&error))?;
    if kept.is_some() {
        return Ok(Some(Needle::Intent(intent)));
    }
    let session = gateway.session_of_intent(&intent).await?;
    let ours = session.filter(|session| session.installation == Some(settle.installation));
    Ok(ours.and_then(|session| session.session).map(Needle::Name))
}

fn unknown(error: &StoreError) -> GatewayError {
    GatewayError::Unknown(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_form() {
        let name = "6b2b1a58-7c0e-4d0b-9d3f-000000000007";
        for (text, expected) in [
            ("100", Some(Needle::Number(100))),
            ("#100", Some(Needle::Number(100))),
            ("inv-20240115103000-000100", Some(Needle::Invoice("INV-20240115103000-000100".into()))),
            (name, Some(Needle::Name(Uuid::parse_str(name).unwrap()))),
            ("cs_test_1", Some(Needle::Session("cs_test_1".into()))),
            ("pi_1", Some(Needle::Intent("pi_1".into()))),
            ("re_1", Some(Needle::Refund("re_1".into()))),
            ("du_1", Some(Needle::Dispute("du_1".into()))),
            ("ch_1", None),
            ("payment-1705321200000-a3d5f2c1", None),
            ("99999999999999999999", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(needle(text), expected, "{text}");
        }
    }
}
