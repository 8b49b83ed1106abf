//! The traits through which the flows reach the outside. Each has at least two adapters, and all
//! of them pass the suites in `contract`.

pub mod clock;
pub mod coordination;
pub mod gateway;
pub mod probe;
pub mod schema;
pub mod store;

pub use clock::{Clock, Random};
pub use coordination::{
    CachedPayment, CoordinationDown, Current, IdempotencyCache, Lock, LockAttempt, LockName, LockToken,
    Lookup, Rate, RateLimit, StatusBoard,
};
pub use gateway::{Gateway, GatewayError, GatewayEvent, GatewaySession, GatewayStatus, SessionDraft};
pub use probe::{NoProbe, Point, Probe};
pub use schema::{Migration, SchemaState, SchemaStore};
pub use store::{
    AuditStore, CheckoutStore, ConsultationStore, CreateOutcome, InboxEvent, InboxStore, NewPayment,
    NewSession, OpenOutcome, Page, PaymentStore, PutOutcome, SettleOutcome, Settlement, Store, StoreError,
    Table,
};
