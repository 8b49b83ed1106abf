//! The values of the payment domain and the rules they keep.

pub mod capture;
pub mod checkout;
pub mod consultation;
pub mod currency;
pub mod decimal;
pub mod dispute;
pub mod file;
pub mod idempotency;
pub mod ids;
pub mod invoice;
pub mod money;
pub mod payment;
pub mod record;
pub mod refund;
pub mod tax;
pub mod time;
pub mod user;

pub use capture::{Capture, Disposition};
pub use checkout::{CheckoutSession, SessionState};
pub use consultation::{Consultation, Terms};
pub use currency::Currency;
pub use decimal::{Decimal, DecimalError};
pub use dispute::{Dispute, DisputeState};
pub use file::PaymentFile;
pub use idempotency::{Fingerprint, IdempotencyKey, KeyError};
pub use ids::{ConsultationId, InvoiceId, PaymentId};
pub use invoice::{Invoice, InvoiceStatus, invoice_number};
pub use money::{Money, MoneyError};
pub use payment::{Payment, PaymentMethod, Receipt, Status};
pub use record::{Actor, Entry, Head, Origin, RecordedEvent, What};
pub use refund::{Refund, RefundOrigin, RefundState};
pub use tax::{TaxLine, TaxRule};
pub use time::Timestamp;
pub use user::{Role, User, UserId};
