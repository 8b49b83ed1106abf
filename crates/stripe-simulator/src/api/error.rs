//! Errors in Stripe's shape.

use serde_json::{Value, json};

/// An error as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    /// Stripe's `type`.
    pub(crate) kind: &'static str,
    pub(crate) code: Option<String>,
    /// What only a declined card has; boxed, as errors travel through every function here.
    pub(crate) declined: Option<Box<Declined>>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    /// The payment intent that is in the wrong state for the request.
    pub(crate) payment_intent: Option<Box<Value>>,
    /// What `Stripe-Should-Retry` says, where Stripe says it.
    pub(crate) should_retry: Option<bool>,
}

/// More about a declined card.
#[derive(Debug, Clone)]
pub(crate) struct Declined {
    pub(crate) decline_code: Option<String>,
    /// None where the card was never charged.
    pub(crate) charge: Option<String>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: code.map(str::to_owned),
            declined: None,
            message: message.into(),
            param: None,
            payment_intent: None,
            should_retry: None,
        }
    }

    /// A parameter that is missing, unknown or wrong.
    pub(crate) fn parameter(code: &str, param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(400, "invalid_request_error", Some(code), message);
        error.param = Some(param.to_owned());
        error
    }

    /// A parameter that is wrong in a way Stripe has no code for.
    pub(crate) fn bad_value(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::invalid(message);
        error.param = Some(param.to_owned());
        error
    }

    /// A request that makes no sense as a whole, or not in the object's present state.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message)
    }

    /// A request that Stripe has a code for, and that no one parameter is to blame for.
    pub(crate) fn coded(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message)
    }

    /// A payment intent that is in the wrong state for the request.
    pub(crate) fn unexpected_state(intent: Value, message: impl Into<String>) -> Self {
        let mut error = Self::coded("payment_intent_unexpected_state", message);
        error.payment_intent = Some(Box::new(intent));
        error
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "invalid_request_error", None, message)
    }

    pub(crate) fn missing(kind: &str, param: &str, id: &str) -> Self {
        let noun = kind.replace(['.', '_'], " ");
        let mut error = Self::new(
            404,
            "invalid_request_error",
            Some("resource_missing"),
            format!("No such {noun}: '{id}'"),
        );
        error.param = Some(param.to_owned());
        error
    }

    /// A list's cursor that names nothing: a wrong parameter, rather than a missing object.
    pub(crate) fn bad_cursor(kind: &str, param: &str, id: &str) -> Self {
        Self { status: 400, ..Self::missing(kind, param, id) }
    }

    pub(crate) fn no_such_address(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(404, "invalid_request_error", None, message)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, "invalid_request_error", None, "The request body is too large.")
    }

    pub(crate) fn key_reused(key: &str) -> Self {
        let message = format!(
            "The idempotency key '{key}' was used before with another path or other parameters; \
             a different request needs a key of its own."
        );
        Self::new(400, "idempotency_error", None, message)
    }

    /// Stripe gives this one, unlike a key with other parameters, the type `invalid_request_error`.
    pub(crate) fn key_in_use(key: &str) -> Self {
        let message =
            format!("Another request with the idempotency key '{key}' is in progress; try again later.");
        let mut error = Self::new(409, "invalid_request_error", Some("idempotency_key_in_use"), message);
        error.should_retry = Some(true);
        error
    }

    /// The 409 that was asked for: nothing is known of another request.
    pub(crate) fn lock_timeout() -> Self {
        let message =
            "Another request was in the way; try again later. The simulator was asked for this error.";
        let mut error = Self::new(409, "invalid_request_error", Some("lock_timeout"), message);
        error.should_retry = Some(true);
        error
    }

    pub(crate) fn card(decline: crate::model::method::Decline, charge: Option<String>) -> Self {
        let mut error = Self::new(402, "card_error", Some(&decline.code), decline.message);
        error.declined = Some(Box::new(Declined { decline_code: decline.reason, charge }));
        error
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "api_error", None, "The simulator could not reach its database.")
    }

    /// A 500 that was asked for.
    pub(crate) fn injected() -> Self {
        Self::new(500, "api_error", None, "An error that the simulator was asked for.")
    }

    pub(crate) fn rate_limited() -> Self {
        let message = "Too many requests hit the API too quickly: the simulator was asked for this error.";
        let mut error = Self::new(429, "invalid_request_error", Some("rate_limit"), message);
        error.should_retry = Some(true);
        error
    }

    /// The body of the answer to an API request, which Stripe has in its log.
    pub(crate) fn render_for(&self, request_id: &str) -> Value {
        let mut body = self.render();
        if self.status != 401 {
            let url = format!("https://dashboard.stripe.com/test/logs/{request_id}");
            body["error"]["request_log_url"] = json!(url);
        }
        body
    }

    /// The body of the answer.
    pub(crate) fn render(&self) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = &self.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(doc_url(code));
        }
        let declined = self.declined.as_deref();
        let decline_code = declined.and_then(|declined| declined.decline_code.as_ref());
        let charge = declined.and_then(|declined| declined.charge.as_ref());
        for (name, value) in
            [("decline_code", decline_code), ("charge", charge), ("param", self.param.as_ref())]
        {
            if let Some(value) = value {
                error[name] = json!(value);
            }
        }
        if let Some(intent) = &self.payment_intent {
            error["payment_intent"] = intent.as_ref().clone();
        }
        json!({"error": error})
    }
}

/// Where Stripe explains a code.
pub(crate) fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}
