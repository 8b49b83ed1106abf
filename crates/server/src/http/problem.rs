//! Every error's one shape: problem+json (RFC 9457), with `message` for people and, for 422, the
//! fields that failed.

use super::language::Language;
use crate::telemetry;
use crate::uncancelled::Panicked;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use sekali_core::flow::pay::PayError;
use sekali_core::ports::StoreError;
use serde::Serialize;
use std::collections::BTreeMap;

/// What went wrong. Each kind has a page of its own in `docs/problems`, served under
/// `/problems/<name>`: that address is the problem's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each kind's page says what it means")]
pub enum Kind {
    MalformedRequest,
    InvalidIdempotencyKey,
    Unauthorized,
    Forbidden,
    NotFound,
    ConsultationNotFound,
    PaymentNotFound,
    MethodNotAllowed,
    RequestTimeout,
    InFlight,
    BeingPaid,
    NotCancellable,
    NotRefundable,
    ChangedMeanwhile,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidFields,
    KeyReused,
    RateLimited,
    WebhookRejected,
    Internal,
    Overloaded,
    DatabaseUnavailable,
}

/// What each kind says: its page's name, status, and title in both languages.
struct Entry(Kind, &'static str, StatusCode, &'static str, &'static str);

use Kind as K;
const ENTRIES: &[Entry] = &[
    Entry(
        K::MalformedRequest,
        "malformed-request",
        StatusCode::BAD_REQUEST,
        "Permintaan tidak dapat dibaca",
        "The request cannot be read",
    ),
    Entry(
        K::InvalidIdempotencyKey,
        "invalid-idempotency-key",
        StatusCode::BAD_REQUEST,
        "Kunci idempotensi tidak sah",
        "The idempotency key is not valid",
    ),
    Entry(
        K::Unauthorized,
        "unauthorized",
        StatusCode::UNAUTHORIZED,
        "Silakan masuk kembali",
        "Please sign in again",
    ),
    Entry(
        K::Forbidden,
        "forbidden",
        StatusCode::FORBIDDEN,
        "Anda tidak berhak melakukan ini",
        "You are not allowed to do this",
    ),
    Entry(
        K::NotFound,
        "not-found",
        StatusCode::NOT_FOUND,
        "Halaman tidak ditemukan",
        "There is nothing at this address",
    ),
    Entry(
        K::ConsultationNotFound,
        "consultation-not-found",
        StatusCode::NOT_FOUND,
        "Konsultasi tidak ditemukan",
        "No such consultation",
    ),
    Entry(
        K::PaymentNotFound,
        "payment-not-found",
        StatusCode::NOT_FOUND,
        "Pembayaran tidak ditemukan",
        "No such payment",
    ),
    Entry(
        K::MethodNotAllowed,
        "method-not-allowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "Metode tidak diizinkan",
        "This method is not allowed here",
    ),
    Entry(
        K::RequestTimeout,
        "request-timeout",
        StatusCode::REQUEST_TIMEOUT,
        "Permintaan terlalu lambat",
        "The request arrived too slowly",
    ),
    Entry(
        K::InFlight,
        "in-flight",
        StatusCode::CONFLICT,
        "Permintaan yang sama masih diproses",
        "The same request is still being worked on",
    ),
    Entry(
        K::BeingPaid,
        "being-paid",
        StatusCode::CONFLICT,
        "Konsultasi ini sedang dibayar",
        "This consultation is being paid",
    ),
    Entry(
        K::NotCancellable,
        "not-cancellable",
        StatusCode::CONFLICT,
        "Pembayaran ini tidak dapat dibatalkan lagi",
        "This payment can no longer be cancelled",
    ),
    Entry(
        K::NotRefundable,
        "not-refundable",
        StatusCode::CONFLICT,
        "Pembayaran ini tidak dapat dikembalikan",
        "This payment cannot be refunded",
    ),
    Entry(
        K::ChangedMeanwhile,
        "changed-meanwhile",
        StatusCode::CONFLICT,
        "Keadaannya sudah berubah",
        "It has changed meanwhile",
    ),
    Entry(
        K::BodyTooLarge,
        "body-too-large",
        StatusCode::PAYLOAD_TOO_LARGE,
        "Permintaan terlalu besar",
        "The request is too large",
    ),
    Entry(
        K::UnsupportedMediaType,
        "unsupported-media-type",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Jenis isi harus application/json",
        "The content type must be application/json",
    ),
    Entry(
        K::InvalidFields,
        "invalid-fields",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Data pembayaran tidak sah",
        "Some fields are not valid",
    ),
    Entry(
        K::KeyReused,
        "key-reused",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Kunci idempotensi sudah dipakai untuk permintaan lain",
        "The idempotency key was used for another request",
    ),
    Entry(
        K::RateLimited,
        "rate-limited",
        StatusCode::TOO_MANY_REQUESTS,
        "Terlalu banyak permintaan, coba lagi sebentar",
        "Too many requests, please try again shortly",
    ),
    Entry(
        K::WebhookRejected,
        "webhook-rejected",
        StatusCode::BAD_REQUEST,
        "Webhook ditolak",
        "The webhook was rejected",
    ),
    Entry(
        K::Internal,
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        "Terjadi kesalahan pada sistem",
        "Something went wrong on our side",
    ),
    Entry(
        K::Overloaded,
        "overloaded",
        StatusCode::SERVICE_UNAVAILABLE,
        "Sistem sedang sibuk, coba lagi sebentar",
        "The service is busy, please try again shortly",
    ),
    Entry(
        K::DatabaseUnavailable,
        "database-unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "Sistem pembayaran sedang tidak tersedia, coba lagi sebentar",
        "Payments are not available right now, please try again shortly",
    ),
];

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.0)
    }

    fn entry(self) -> &'static Entry {
        // The table's order is the enum's: a test holds them together.
        &ENTRIES[self as usize]
    }

    /// The last part of its address.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// Its HTTP status.
    pub fn status(self) -> StatusCode {
        self.entry().2
    }
}

/// Texts in both languages; the one that is asked for is picked at the end.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// Indonesian.
    pub id: String,
    /// English.
    pub en: String,
}

impl Text {
    /// A pair.
    pub(super) fn new(id: impl Into<String>, en: impl Into<String>) -> Self {
        Self { id: id.into(), en: en.into() }
    }

    fn pick(&self, language: Language) -> &str {
        language.pick(&self.id, &self.en)
    }
}

/// The fields that failed, each with everything that is wrong with it.
pub(super) type FieldErrors = BTreeMap<&'static str, Vec<Text>>;

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<Text>,
    errors: Option<FieldErrors>,
    retry_after: Option<u64>,
    /// Boxed: most have none, and every endpoint hands problems on.
    more: Option<Box<Members>>,
}

/// Members of a problem's own.
type Members = serde_json::Map<String, serde_json::Value>;

impl Problem {
    /// Of a kind, with nothing more to say than its title.
    pub(super) fn new(kind: Kind) -> Self {
        let busy = kind.status() == StatusCode::SERVICE_UNAVAILABLE;
        Self { kind, detail: None, errors: None, retry_after: busy.then_some(1), more: None }
    }

    /// Says what exactly.
    #[must_use]
    pub(super) fn detail(self, id: impl Into<String>, en: impl Into<String>) -> Self {
        Self { detail: Some(Text::new(id, en)), ..self }
    }

    /// With a member of its own beside the usual ones (RFC 9457, part 3.2).
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.more.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// 422 with the fields that failed.
    pub(super) fn fields(errors: FieldErrors) -> Self {
        Self { errors: Some(errors), ..Self::new(Kind::InvalidFields) }
    }

    /// 422 with one field that failed.
    pub(super) fn field(
        kind: Kind,
        field: &'static str,
        id: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        let text = Text::new(id, en);
        let errors = FieldErrors::from([(field, vec![text.clone()])]);
        Self { errors: Some(errors), detail: Some(text), ..Self::new(kind) }
    }

    /// Worth another try after so many seconds.
    #[must_use]
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The answer, in the client's language; the address of `type` is under `public_url`.
    pub(super) fn respond(&self, language: Language, public_url: &str) -> Response {
        let Entry(_, name, status, id, en) = self.kind.entry();
        let title = language.pick(*id, *en);
        let first_error = self.errors.as_ref().and_then(|all| all.values().next()?.first());
        let detail = self.detail.as_ref().or(first_error).map_or(title, |text| text.pick(language));
        let errors = self.errors.as_ref().map(|errors| {
            let texts = |all: &Vec<Text>| all.iter().map(|text| text.pick(language).to_owned()).collect();
            errors.iter().map(|(field, all)| (*field, texts(all))).collect()
        });
        let body = Body {
            r#type: format!("{public_url}/problems/{name}"),
            title,
            status: status.as_u16(),
            detail,
            request_id: telemetry::request_id(),
            message: detail,
            errors,
            more: self.more.as_deref(),
        };
        let mut response = (*status, serde_json::to_vec(&body).unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sekali\", error=\"invalid_token\""),
            );
        }
        response
    }
}

/// Written out of a handler before the client's language is known: the outermost layer finishes it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<BTreeMap<&'static str, Vec<String>>>,
    #[serde(flatten)]
    more: Option<&'a Members>,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        metrics::counter!("sekali_database_errors_total").increment(1);
        match error {
            StoreError::Broken(_) => {
                tracing::error!(%error, "Database error");
                Self::new(Kind::Internal)
            }
            StoreError::Conflict(_) | StoreError::Unclear(_) | StoreError::Unavailable(_) => {
                tracing::error!(%error, "Database out of reach");
                Self::new(Kind::DatabaseUnavailable)
            }
        }
    }
}

/// A task that panicked: the caller learns nothing of it.
impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Self {
        tracing::error!(%error, "A request's task failed");
        Self::new(Kind::Internal)
    }
}

/// The same without a task.
impl From<Panicked> for Problem {
    fn from(error: Panicked) -> Self {
        tracing::error!(%error, "A request's work failed");
        Self::new(Kind::Internal)
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::OverLimit => Self::new(Kind::RateLimited),
            PayError::InFlight => Self::new(Kind::InFlight).retry_after(1),
            PayError::KeyReused => Self::field(
                Kind::KeyReused,
                "idempotency_key",
                "Kunci ini sudah dipakai untuk konsultasi, jumlah atau metode lain.",
                "This key was used for another consultation, amount or method.",
            ),
            PayError::NoConsultation => Self::new(Kind::ConsultationNotFound),
            PayError::Forbidden => Self::new(Kind::Forbidden),
            PayError::NotTheFee { currency } => Self::field(
                Kind::InvalidFields,
                "amount",
                format!("Jumlah tidak sama dengan biaya konsultasi dalam {currency}."),
                format!("The amount is not the consultation's fee in {currency}."),
            ),
            PayError::Unpriced(why) => {
                tracing::error!(%why, "Consultation without a proper price");
                Self::field(
                    Kind::InvalidFields,
                    "amount",
                    "Biaya konsultasi ini belum ditetapkan dengan benar.",
                    "This consultation's fee is not set properly.",
                )
            }
            PayError::PaidByAnother => Self::new(Kind::BeingPaid),
            PayError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_kind_at_its_place() {
        for (at, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(entry.0 as usize, at, "{:?}", entry.0);
        }
        assert_eq!(ENTRIES.len(), Kind::DatabaseUnavailable as usize + 1);
    }
}
