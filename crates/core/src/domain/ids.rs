//! Numbers that name things. Each has a type of its own, so that none is taken for another.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A consultation's number, given by the host application.
    ConsultationId
}
id! {
    /// A payment's number, given by the database. After a restored backup numbers come again:
    /// whatever leaves the installation is named by the payment's reference instead.
    PaymentId
}
id! {
    /// An invoice's number in the database (not the number printed on it).
    InvoiceId
}
