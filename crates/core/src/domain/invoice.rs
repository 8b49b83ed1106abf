//! The invoice that goes with each payment.

use super::{InvoiceId, Money, PaymentId, Status, Timestamp};

/// Follows the payment (contract, part 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    /// Not paid yet.
    Pending,
    /// Paid.
    Paid,
    /// Will never be paid.
    Void,
    /// Paid, and wholly refunded.
    Refunded,
}

impl InvoiceStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Paid, Self::Void, Self::Refunded];

    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Refunded => "refunded",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The invoice's status that belongs to a payment's.
    pub fn of(payment: Status) -> Self {
        match payment {
            Status::Pending | Status::Processing => Self::Pending,
            Status::Completed => Self::Paid,
            Status::Failed | Status::Cancelled | Status::Expired => Self::Void,
            Status::Refunded => Self::Refunded,
        }
    }
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its row.
    pub id: InvoiceId,
    /// The payment it is for.
    pub payment: PaymentId,
    /// What is printed on it: `INV-20240115103000-000100`.
    pub number: String,
    /// The payment's amount.
    pub amount: Money,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// When it was made: with the payment.
    pub issued_at: Timestamp,
}

/// `INV-`, the UTC second, and the payment's id in at least six digits.
pub fn invoice_number(issued_at: Timestamp, payment: PaymentId) -> String {
    format!("INV-{}-{:06}", issued_at.compact(), payment.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_at_least_six_digits() {
        let at = Timestamp::from_seconds(1_705_314_600);
        assert_eq!(invoice_number(at, PaymentId(100)), "INV-20240115103000-000100");
        assert_eq!(invoice_number(at, PaymentId(12_345_678)), "INV-20240115103000-12345678");
    }
}
