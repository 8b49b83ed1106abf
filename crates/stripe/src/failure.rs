//! A call that brought no object, and what that proves.

use reqwest::StatusCode;
use sekali_core::ports::GatewayError;
use serde_json::Value;

/// Of a server's words, in characters, for the log.
const LONGEST_MESSAGE: usize = 300;
/// Stripe's code for an id that names nothing.
const MISSING: &str = "resource_missing";

/// What a failed call proves.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody knows.
    Unknown(String),
    /// The idempotency key's stored answer is a failure of Stripe's own.
    Spent(String),
    /// Stripe's own refusal.
    Refused(Refusal),
}

/// A refusal in Stripe's own form.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: Option<String>,
    parameter: Option<String>,
    message: String,
    /// Nothing before it can have succeeded, and no repeat of it will. A key revoked between two attempts
    /// refuses the second one and says nothing of the first.
    certain: bool,
}

impl Refusal {
    /// Reads Stripe's error object, if the answer has one.
    pub(crate) fn read(status: StatusCode, error: Option<&Value>) -> Self {
        let text =
            |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str).map(str::to_owned);
        Self {
            status,
            code: text("code"),
            parameter: text("param"),
            message: text("message").unwrap_or_else(|| "no words".to_owned()),
            certain: true,
        }
    }

    /// The same, when something before it may have succeeded or the same may yet succeed.
    pub(crate) fn doubted(self, doubt: bool) -> Self {
        Self { certain: self.certain && !doubt, ..self }
    }

    /// The status and Stripe's words.
    pub(crate) fn describe(&self) -> String {
        format!("{}: {}", self.status, self.message)
    }

    /// Whether it says that an id names nothing. Any 404 will not do: a wrong base address is answered by one
    /// too, and proves nothing of the object.
    fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.code.as_deref() == Some(MISSING)
    }

    fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    fn definite(self, status: StatusCode) -> GatewayError {
        if self.certain {
            GatewayError::Refused { status: status.as_u16(), message: self.message }
        } else {
            GatewayError::Unknown(self.describe())
        }
    }
}

impl Failure {
    /// What it proves where an object was asked for or ended. That an object does not exist is definite,
    /// whatever went before.
    pub(crate) fn of_object(self) -> GatewayError {
        match self {
            Self::Unknown(message) => GatewayError::Unknown(message),
            Self::Spent(message) => GatewayError::Spent(message),
            Self::Refused(refusal) if refusal.is_missing() => GatewayError::NotFound,
            Self::Refused(refusal) if refusal.is_not_found() => GatewayError::Unknown(refusal.describe()),
            Self::Refused(refusal) => {
                let status = refusal.status;
                refusal.definite(status)
            }
        }
    }

    /// What it proves where something was to be made out of nothing: there is nothing to be found then, and a
    /// 404 says that the address is wrong.
    pub(crate) fn of_making(self) -> GatewayError {
        match self {
            Self::Refused(refusal) if refusal.is_not_found() => nobody_there(&refusal),
            other => other.of_object(),
        }
    }

    /// What it proves where a refund was to be made. A payment intent that Stripe does not have gives nothing
    /// back: as definite as any other parameter that it does not take, which Stripe answers with 400.
    pub(crate) fn of_refunding(self) -> GatewayError {
        match self {
            Self::Refused(refusal)
                if refusal.is_missing() && refusal.parameter.as_deref() == Some("payment_intent") =>
            {
                refusal.definite(StatusCode::BAD_REQUEST)
            }
            other => other.of_making(),
        }
    }

    /// Without what must not get into a log: whatever a server echoes of the key, or half of it, cut off.
    pub(crate) fn masked(self, secret: &str) -> Self {
        let mask = |text: String| -> String {
            text.replace(secret, "sk_***").chars().take(LONGEST_MESSAGE).collect()
        };
        match self {
            Self::Unknown(message) => Self::Unknown(mask(message)),
            Self::Spent(message) => Self::Spent(mask(message)),
            Self::Refused(refusal) => {
                let message = mask(refusal.message);
                Self::Refused(Refusal { message, ..refusal })
            }
        }
    }
}

fn nobody_there(refusal: &Refusal) -> GatewayError {
    GatewayError::Unknown(format!("there is no Stripe API at the base address ({})", refusal.describe()))
}
