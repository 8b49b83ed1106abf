//! The traits through which the flows reach the outside. Each has at least two adapters, and all
//! of them pass the suites in `contract`.

pub mod clock;
pub mod console;
pub mod coordination;
pub mod gateway;
pub mod host;
pub mod operations;
pub mod probe;
pub mod schema;
pub mod store;

pub use clock::{Clock, Random};
pub use console::ConsoleStore;
pub use coordination::{
    CachedPayment, CoordinationDown, Count, Current, Entered, GivenBack, IdempotencyCache, Lock, LockAttempt,
    LockName, LockToken, Lookup, Rate, RateLimit, StatusBoard, Turnstile,
};
pub use gateway::{
    Gateway, GatewayCharge, GatewayDispute, GatewayError, GatewayEvent, GatewayIntent, GatewayPage,
    GatewayRefund, GatewaySession, GatewayStatus, RefundDraft, SessionDraft,
};
pub use host::{Host, HostError, HostMessage};
pub use operations::{
    AwaitedRefund, AwaitedSession, Case, CaseKind, CaseStore, Delivery, FURTHEST_AHEAD, LeaseStore,
    OutboxEntry, OutboxQuery, OutboxStore, ReconcileStore, StrayCapture,
};
pub use probe::{NoProbe, Point, Probe};
pub use schema::{Migration, SchemaState, SchemaStore};
pub use store::{
    AuditStore, ConsultationStore, CreateOutcome, Decided, FileStore, InboxEvent, InboxStore, Judge,
    NewPayment, Page, PaymentStore, PutOutcome, Remark, Store, StoreError, Table,
};
