//! The values of the payment domain and the rules they keep.

pub mod checkout;
pub mod consultation;
pub mod currency;
pub mod decimal;
pub mod idempotency;
pub mod ids;
pub mod invoice;
pub mod money;
pub mod payment;
pub mod tax;
pub mod time;
pub mod user;

pub use checkout::{CheckoutSession, SessionState};
pub use consultation::{Consultation, Terms};
pub use currency::Currency;
pub use decimal::{Decimal, DecimalError};
pub use idempotency::{Fingerprint, IdempotencyKey, KeyError};
pub use ids::{ConsultationId, InvoiceId, PaymentId};
pub use invoice::{Invoice, InvoiceStatus, invoice_number};
pub use money::{Money, MoneyError};
pub use payment::{Payment, PaymentMethod, Receipt, Status};
pub use tax::{TaxLine, TaxRule};
pub use time::Timestamp;
pub use user::{Role, User, UserId};
