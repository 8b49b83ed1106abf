//! One invoice of every kind.

use sekali_core::domain::{
    ConsultationId, Currency, InvoiceStatus, Money, PaymentId, Status, TaxRule, Timestamp, UserId, tax::taxes,
};
use sekali_invoice::{InvoiceDocument, Language, RecordedTax, Seller};

/// Each with its name.
pub(crate) fn samples() -> Vec<(&'static str, InvoiceDocument)> {
    vec![
        ("pending", pending()),
        ("paid", paid()),
        ("void", void()),
        ("partly-refunded", refunded(200_000, InvoiceStatus::Paid)),
        ("refunded", refunded(500_000, InvoiceStatus::Refunded)),
        ("test", InvoiceDocument { test: true, ..paid() }),
        ("long", long()),
    ]
}

/// The contract's payment, just made.
pub(crate) fn pending() -> InvoiceDocument {
    let amount = Money::new(500_000, Currency::PHP);
    let record = |line| RecordedTax { line, refunded: Money::new(0, amount.currency) };
    InvoiceDocument {
        number: "INV-20240115103000-000100".into(),
        issued_at: Timestamp::from_seconds(1_705_314_600),
        status: InvoiceStatus::Pending,
        paid_at: None,
        payment: PaymentId(100),
        payment_status: Status::Pending,
        consultation: ConsultationId(5),
        amount,
        refunded: Money::new(0, amount.currency),
        disputed: false,
        taxes: taxes(&TaxRule::defaults(), amount, false).into_iter().map(record).collect(),
        seller: Seller {
            name: "Klinik Sehat Sentosa".into(),
            address: vec!["Jl. Jenderal Sudirman Kav. 52–53".into(), "Jakarta Selatan 12190".into()],
            tax_id: Some("01.234.567.8-901.000".into()),
            email: Some("tagihan@sehatsentosa.example".into()),
        },
        payer: UserId(1),
        language: Language::Indonesian,
        test: false,
    }
}

/// The same, paid.
pub(crate) fn paid() -> InvoiceDocument {
    InvoiceDocument {
        status: InvoiceStatus::Paid,
        payment_status: Status::Completed,
        paid_at: Some(Timestamp::from_seconds(1_705_314_760)),
        ..pending()
    }
}

/// The same, run out of time.
pub(crate) fn void() -> InvoiceDocument {
    InvoiceDocument { status: InvoiceStatus::Void, payment_status: Status::Expired, ..pending() }
}

/// So much of it went back, and of each tax the same part.
pub(crate) fn refunded(minor: i64, status: InvoiceStatus) -> InvoiceDocument {
    let mut document = paid();
    document.status = status;
    if status == InvoiceStatus::Refunded {
        document.payment_status = Status::Refunded;
    }
    document.refunded.minor = minor;
    for tax in &mut document.taxes {
        tax.refunded.minor = tax.line.amount.minor * minor / document.amount.minor;
    }
    document
}

/// More of everything than anyone should have.
pub(crate) fn long() -> InvoiceDocument {
    let mut document = refunded(200_000, InvoiceStatus::Paid);
    document.number = format!("INV-20240115103000-{}", "123456789".repeat(6));
    document.amount.minor = 999_999_999_999;
    document.refunded.minor = 444_444_444_444;
    document.disputed = true;
    document.test = true;
    document.seller.name =
        "Perhimpunan Klinik Kesehatan Ibu dan Anak Nguyễn Thị Ánh Đặng & Peñaflor, 李明".into();
    document.seller.address =
        (1..=14).map(|floor| format!("Gedung Kesehatan Nusantara, lantai {floor}")).collect();
    let tax = document.taxes.remove(0);
    document.taxes = (1..=10_i64)
        .map(|index| {
            let mut tax = tax.clone();
            tax.line.name = format!("Pajak daerah khusus pelayanan kesehatan nomor {index}");
            tax.line.rate_ppm = index * 12_345;
            tax.line.amount.minor = 99_999_999_999 * index;
            tax.refunded.minor = 11_111_111_111 * index;
            tax
        })
        .collect();
    document
}
