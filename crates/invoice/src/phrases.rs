//! The invoice's fixed words in both languages.

use crate::Language;
use sekali_core::domain::Status;

/// The words of one language.
pub(crate) struct Phrases {
    pub invoice: &'static str,
    pub tax_id: &'static str,
    pub billed_to: &'static str,
    pub patient: &'static str,
    pub number: &'static str,
    pub issued: &'static str,
    pub paid_at: &'static str,
    pub consultation: &'static str,
    pub payment: &'static str,
    pub payment_status: &'static str,
    pub description: &'static str,
    pub amount: &'static str,
    pub total_due: &'static str,
    pub total_paid: &'static str,
    pub total: &'static str,
    pub due: &'static str,
    pub refunded: &'static str,
    pub remaining: &'static str,
    pub taxes: &'static str,
    pub tax: &'static str,
    pub rate: &'static str,
    pub taxes_note: &'static str,
    pub no_taxes: &'static str,
    pub disputed: &'static str,
    pub returned: &'static str,
    pub test: &'static str,
    pub electronic: &'static str,
    pub page: &'static str,
    pub of: &'static str,
}

const INDONESIAN: Phrases = Phrases {
    invoice: "Faktur",
    tax_id: "NPWP",
    billed_to: "Ditagihkan kepada",
    patient: "Pasien",
    number: "nomor",
    issued: "Tanggal terbit",
    paid_at: "Tanggal bayar",
    consultation: "Konsultasi",
    payment: "Pembayaran",
    payment_status: "Status pembayaran",
    description: "Uraian",
    amount: "Jumlah",
    total_due: "Total yang harus dibayar",
    total_paid: "Total dibayar",
    total: "Total",
    due: "Harus dibayar",
    refunded: "Dikembalikan",
    remaining: "Sisa setelah pengembalian",
    taxes: "Pajak yang dicatat",
    tax: "Pajak",
    rate: "Tarif",
    taxes_note: "Pajak dicatat di samping pembayaran dan tidak ditambahkan ke total di atas.",
    no_taxes: "Tidak ada pajak yang dicatat untuk konsultasi ini.",
    disputed: "Pembayaran ini sedang disanggah melalui bank penerbit kartu.",
    returned: "Uang yang masuk untuk pembayaran ini sudah dikembalikan:",
    test: "bukan uang sungguhan",
    electronic: "Diterbitkan secara elektronik.",
    page: "Halaman",
    of: "dari",
};

const ENGLISH: Phrases = Phrases {
    invoice: "Invoice",
    tax_id: "Tax ID (NPWP)",
    billed_to: "Billed to",
    patient: "Patient",
    number: "no.",
    issued: "Issued",
    paid_at: "Paid",
    consultation: "Consultation",
    payment: "Payment",
    payment_status: "Payment status",
    description: "Description",
    amount: "Amount",
    total_due: "Total due",
    total_paid: "Total paid",
    total: "Total",
    due: "Amount due",
    refunded: "Refunded",
    remaining: "Remaining after refund",
    taxes: "Taxes recorded",
    tax: "Tax",
    rate: "Rate",
    taxes_note: "Taxes are recorded beside the payment and are not added to the total above.",
    no_taxes: "No tax was recorded for this consultation.",
    disputed: "This payment is disputed through the bank that issued the card.",
    returned: "Money that arrived for this payment was returned:",
    test: "no real money",
    electronic: "Issued electronically.",
    page: "Page",
    of: "of",
};

/// The words of `language`.
pub(crate) fn phrases(language: Language) -> &'static Phrases {
    language.pick(&INDONESIAN, &ENGLISH)
}

/// A payment's status for a patient.
pub(crate) fn payment_status(status: Status, language: Language) -> &'static str {
    match status {
        Status::Pending => language.pick("menunggu pembayaran", "pending"),
        Status::Processing => language.pick("sedang dibayar", "processing"),
        Status::Completed => language.pick("lunas", "completed"),
        Status::Failed => language.pick("gagal", "failed"),
        Status::Cancelled => language.pick("dibatalkan", "cancelled"),
        Status::Expired => language.pick("kedaluwarsa", "expired"),
        Status::Refunded => language.pick("dikembalikan", "refunded"),
    }
}
