//! The stamp on an invoice: its status in one or two words.

use crate::{InvoiceDocument, Language};
use sekali_core::domain::InvoiceStatus;

/// Which stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Not paid yet.
    Pending,
    /// Paid.
    Paid,
    /// Will never be paid.
    Void,
    /// Paid, and a part of it refunded.
    PartlyRefunded,
    /// Paid, and wholly refunded.
    Refunded,
}

impl Stamp {
    /// The invoice's status has no word for a part that went back, so the amounts decide.
    pub(crate) fn of(document: &InvoiceDocument) -> Self {
        match document.status {
            InvoiceStatus::Pending => Self::Pending,
            InvoiceStatus::Void => Self::Void,
            InvoiceStatus::Paid if document.refunded.minor <= 0 => Self::Paid,
            InvoiceStatus::Paid if document.refunded.minor < document.amount.minor => Self::PartlyRefunded,
            InvoiceStatus::Paid | InvoiceStatus::Refunded => Self::Refunded,
        }
    }

    /// What it says.
    pub(crate) fn words(self, language: Language) -> &'static str {
        match self {
            Self::Pending => language.pick("MENUNGGU PEMBAYARAN", "PENDING"),
            Self::Paid => language.pick("LUNAS", "PAID"),
            Self::Void => language.pick("BATAL", "VOID"),
            Self::PartlyRefunded => language.pick("SEBAGIAN DIKEMBALIKAN", "PARTLY REFUNDED"),
            Self::Refunded => language.pick("DIKEMBALIKAN", "REFUNDED"),
        }
    }
}
