//! What an invoice says.

use sekali_core::domain::{
    ConsultationId, InvoiceStatus, Money, PaymentId, Status, TaxLine, Timestamp, UserId,
};

/// A language that invoices are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Bahasa Indonesia.
    Indonesian,
    /// English.
    English,
}

impl Language {
    /// The text in this language.
    pub(crate) fn pick<T>(self, indonesian: T, english: T) -> T {
        match self {
            Self::Indonesian => indonesian,
            Self::English => english,
        }
    }

    /// `id` or `en`.
    pub fn code(self) -> &'static str {
        self.pick("id", "en")
    }
}

/// Who is paid: the clinic, from the installation's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seller {
    /// Its name.
    pub name: String,
    /// Its address, line by line.
    pub address: Vec<String>,
    /// Its tax number (NPWP), as it is to be printed.
    pub tax_id: Option<String>,
    /// Where patients can ask.
    pub email: Option<String>,
}

/// One tax as it was recorded beside the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTax {
    /// Name, rate and amount at the time of the payment.
    pub line: TaxLine,
    /// How much of it went back with refunds; zero for none.
    pub refunded: Money,
}

/// An invoice and what became of its payment. All amounts are in the payment's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceDocument {
    /// `INV-20240115103000-000100`.
    pub number: String,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Where it stands: its stamp.
    pub status: InvoiceStatus,
    /// When the payment was captured, if it was.
    pub paid_at: Option<Timestamp>,
    /// The payment's number.
    pub payment: PaymentId,
    /// The payment's status.
    pub payment_status: Status,
    /// What was paid for.
    pub consultation: ConsultationId,
    /// What is charged, taxes or not: they are recorded beside it, never added (contract, part 4).
    pub amount: Money,
    /// How much of it went back for certain; zero for nothing.
    pub refunded: Money,
    /// The payment is disputed with the card's bank.
    pub disputed: bool,
    /// The taxes that were recorded; empty for an exempt consultation.
    pub taxes: Vec<RecordedTax>,
    /// Who is paid.
    pub seller: Seller,
    /// Who pays: the user's number in the host application.
    pub payer: UserId,
    /// What it is written in.
    pub language: Language,
    /// Paid at the simulator: marked TEST all over, as no money moved.
    pub test: bool,
}
