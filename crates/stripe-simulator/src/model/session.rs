//! Checkout Sessions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metadata;
use super::method::{Decline, Payer, PaymentMethod, US_BANK_ACCOUNT, address, card_only};
use crate::storage::objects::Document;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

/// A 3-D Secure challenge that waits for its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// Names this attempt, so that the page of an older one answers nothing.
    pub(crate) id: String,
    pub(crate) payment_method: PaymentMethod,
    /// Whether the bank turns the card down after all.
    pub(crate) decline: Option<Decline>,
}

/// A payment from a bank account that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BankDebit {
    /// Unix seconds at which the bank is done.
    pub(crate) settles_at: i64,
    /// Why it will have failed then, if it will.
    pub(crate) failure: Option<Decline>,
}

/// What is handed on to the payment intent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct IntentData {
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) receipt_email: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LineItem {
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) product: String,
    pub(crate) name: String,
    pub(crate) unit_amount: i64,
    pub(crate) quantity: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) status: SessionStatus,
    pub(crate) currency: String,
    pub(crate) amount_total: i64,
    pub(crate) line_items: Vec<LineItem>,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) submit_type: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) intent_data: IntentData,
    pub(crate) payment_intent: Option<String>,
    /// Whoever tried last: shown in the object once the session is complete.
    pub(crate) payer: Option<Payer>,
    pub(crate) challenge: Option<Challenge>,
    #[serde(default = "card_only")]
    pub(crate) payment_method_types: Vec<String>,
    /// The payment from a bank account that a complete session still waits for.
    #[serde(default)]
    pub(crate) debit: Option<BankDebit>,
    /// Whether a complete session was not paid: the bank has not answered, or has turned the payment down.
    #[serde(default)]
    pub(crate) unpaid: bool,
}

impl Document for Session {
    const KIND: &'static str = "checkout.session";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        self.payment_intent.as_deref()
    }

    fn due(&self) -> Option<i64> {
        if self.is_open() { Some(self.expires_at) } else { self.debit.as_ref().map(|debit| debit.settles_at) }
    }

    /// The e-mail that lists are filtered by.
    fn second(&self) -> Option<&str> {
        let payer = self.payer.as_ref().filter(|_| self.status == SessionStatus::Complete);
        payer.map(|payer| payer.email.as_str()).or(self.customer_email.as_deref())
    }
}

impl Session {
    pub(crate) fn is_open(&self) -> bool {
        self.status == SessionStatus::Open
    }

    /// Whether the payer may use a bank account.
    pub(crate) fn takes_bank_accounts(&self) -> bool {
        self.payment_method_types.iter().any(|kind| kind == US_BANK_ACCOUNT)
    }

    /// Where the browser goes after the payment.
    pub(crate) fn success_address(&self) -> String {
        self.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// What is paid for, in the words of the line items.
    pub(crate) fn summary(&self) -> String {
        let names: Vec<String> = self
            .line_items
            .iter()
            .map(|item| match item.quantity {
                1 => item.name.clone(),
                quantity => format!("{quantity} × {}", item.name),
            })
            .collect();
        names.join(", ")
    }

    /// Stripe's object `checkout.session`. `public_base` is where browsers reach the simulator.
    pub(crate) fn render(&self, public_base: &str) -> Value {
        let paid = self.status == SessionStatus::Complete && !self.unpaid;
        let url = self.is_open().then(|| format!("{public_base}/c/pay/{}", self.id));
        json!({
            "id": self.id,
            "object": "checkout.session",
            "after_expiration": null,
            "allow_promotion_codes": null,
            "amount_subtotal": self.amount_total,
            "amount_total": self.amount_total,
            "automatic_tax": {"enabled": false, "status": null},
            "billing_address_collection": null,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "consent": null,
            "consent_collection": null,
            "created": self.created,
            "currency": self.currency,
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": {"shipping_address": null, "submit": null},
            "customer": null,
            "customer_creation": "if_required",
            "customer_details": self.customer_details(),
            "customer_email": self.customer_email,
            "expires_at": self.expires_at,
            "invoice": null,
            "invoice_creation": {"enabled": false, "invoice_data": {
                "account_tax_ids": null,
                "custom_fields": null,
                "description": null,
                "footer": null,
                "metadata": {},
                "rendering_options": null,
            }},
            "livemode": false,
            "locale": self.locale,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.payment_intent,
            "payment_link": null,
            "payment_method_collection": "if_required",
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "payment_status": if paid { "paid" } else { "unpaid" },
            "phone_number_collection": {"enabled": false},
            "recovered_from": null,
            "setup_intent": null,
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_details": null,
            "shipping_options": [],
            "status": self.status,
            "submit_type": self.submit_type,
            "subscription": null,
            "success_url": self.success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "url": url,
        })
    }

    fn customer_details(&self) -> Value {
        match (self.status, &self.payer, &self.customer_email) {
            (SessionStatus::Complete, Some(payer), _) => json!({
                "address": address(),
                "email": payer.email,
                "name": payer.name,
                "phone": null,
                "tax_exempt": "none",
                "tax_ids": [],
            }),
            (_, _, Some(email)) => json!({
                "address": null,
                "email": email,
                "name": null,
                "phone": null,
                "tax_exempt": "none",
                "tax_ids": null,
            }),
            _ => Value::Null,
        }
    }
}

impl LineItem {
    /// Stripe's object `item`.
    pub(crate) fn render(&self, session: &Session) -> Value {
        let total = self.unit_amount * self.quantity;
        json!({
            "id": self.id,
            "object": "item",
            "amount_discount": 0,
            "amount_subtotal": total,
            "amount_tax": 0,
            "amount_total": total,
            "currency": session.currency,
            "description": self.name,
            "price": {
                "id": self.price,
                "object": "price",
                "active": false,
                "billing_scheme": "per_unit",
                "created": session.created,
                "currency": session.currency,
                "custom_unit_amount": null,
                "livemode": false,
                "lookup_key": null,
                "metadata": {},
                "nickname": null,
                "product": self.product,
                "recurring": null,
                "tax_behavior": "unspecified",
                "tiers_mode": null,
                "transform_quantity": null,
                "type": "one_time",
                "unit_amount": self.unit_amount,
                "unit_amount_decimal": self.unit_amount.to_string(),
            },
            "quantity": self.quantity,
        })
    }
}
