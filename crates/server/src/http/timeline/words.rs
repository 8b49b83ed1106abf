//! The record in words for people, in both languages.

use crate::http::language::Language;
use sekali_core::domain::record::{Amount, EndReason};
use sekali_core::domain::{Actor, Currency, Decimal, Entry, Money, What};
use sekali_invoice::format_money;

/// What an entry says. One of a kind that this version does not know is named by its kind.
pub(super) fn tell(entry: Option<&Entry>, kind: &str, language: Language) -> String {
    let Some(Entry { what, origin }) = entry else {
        return language.pick(format!("Tercatat: {kind}."), format!("Recorded: {kind}."));
    };
    let (id, en) = match what {
        What::Created { amount, .. } => (
            format!("Tombol BAYAR ditekan; satu pembayaran {} dibuat beserta fakturnya.", show(amount)),
            format!(
                "The pay button was pressed; one payment of {} was made, with its invoice.",
                show(amount)
            ),
        ),
        What::Imported {} => pair(
            "Pembayaran ini dibuat sebelum ada catatan; catatannya mulai di sini.",
            "This payment was made before there was a record; its record begins here.",
        ),
        What::Duplicate { times, caught, .. } => duplicate(*times, caught),
        What::CheckoutIntended { .. } => pair(
            "Pasien diteruskan ke halaman pembayaran Stripe.",
            "The patient was taken on to Stripe's payment page.",
        ),
        What::SessionOpened { .. } => {
            pair("Halaman pembayaran Stripe terbuka.", "Stripe's payment page is open.")
        }
        What::CardDeclined { code, .. } => (
            format!(
                "Kartu ditolak ({code}); belum ada yang ditagih, pasien dapat mencoba lagi di halaman yang sama."
            ),
            format!(
                "A card was declined ({code}); nothing was charged, and the patient can try again on the same page."
            ),
        ),
        What::Submitted { .. } => pair(
            "Pasien sudah mengonfirmasi; bank sedang memproses pembayarannya.",
            "The patient has confirmed; the bank is working on the payment.",
        ),
        What::CancelRequested { .. } => cancel_requested(origin.by),
        What::Completed { amount, .. } => (
            format!("{} diterima; pembayaran selesai.", show(amount)),
            format!("{} received; the payment is complete.", show(amount)),
        ),
        What::Ended { to, reason, .. } => ended(to, *reason),
        What::Mismatched { amount, .. } => (
            format!("Masuk {}, yang bukan jumlah yang ditunggu; dana itu dikembalikan.", show(amount)),
            format!("{} came, which is not the amount that was awaited; it is given back.", show(amount)),
        ),
        What::SurplusCaptured { amount, .. } => (
            format!("Masuk {} yang tidak ditunggu; dana itu dikembalikan sekali.", show(amount)),
            format!("{} came that was not awaited; it is given back, once.", show(amount)),
        ),
        What::RefundRequested { amount, wanted_by, .. } => refund_requested(&show(amount), wanted_by),
        What::RefundPending { amount, .. } => (
            format!("Pengembalian {} sedang diproses oleh bank.", show(amount)),
            format!("The bank is working on the refund of {}.", show(amount)),
        ),
        What::RefundSucceeded { amount, refunded, .. } => refund_succeeded(&show(amount), refunded.as_ref()),
        What::RefundFailed { amount, refunded, .. } => refund_failed(&show(amount), refunded.is_some()),
        What::Disputed { state, .. } => disputed(state),
        What::ReconcileAsked {} => pair(
            "Petugas menanyakan keadaan pembayaran ini kepada Stripe.",
            "An operator had Stripe asked how this payment stands.",
        ),
        What::EventReplayed { event_kind, .. } => (
            format!("Petugas memproses ulang pemberitahuan Stripe ({event_kind})."),
            format!("An operator had a notice of Stripe's worked off again ({event_kind})."),
        ),
    };
    language.pick(id, en)
}

fn pair(id: &str, en: &str) -> (String, String) {
    (id.to_owned(), en.to_owned())
}

/// As on the button. What a later version has recorded in a currency that this one does not know stays as it is.
fn show(amount: &Amount) -> String {
    let money = Currency::from_code(&amount.currency)
        .zip(Decimal::parse_digits(&amount.amount).ok())
        .and_then(|(currency, decimal)| Money::from_decimal(decimal, currency).ok());
    money.map_or_else(|| format!("{} {}", amount.currency, amount.amount), format_money)
}

fn duplicate(times: u64, caught: &str) -> (String, String) {
    let (by_id, by_en) = match caught {
        "cache" => ("dijawab dari cache", "answered from the cache"),
        "lock" => (
            "menunggu tekanan pertama, lalu dijawab dari cache",
            "it waited for the first press, and was answered from the cache",
        ),
        _ => ("dijawab oleh basis data", "answered by the database"),
    };
    if times == 1 {
        (
            format!("Tombol ditekan lagi; {by_id}; tidak ada pembayaran kedua."),
            format!("The button was pressed again; {by_en}; no second payment."),
        )
    } else {
        (
            format!("Tombol ditekan {times} kali lagi; {by_id}; tidak ada pembayaran kedua."),
            format!("The button was pressed {times} times more; {by_en}; no second payment."),
        )
    }
}

fn cancel_requested(by: Actor) -> (String, String) {
    match by {
        Actor::Admin | Actor::Service => pair(
            "Petugas meminta pembatalan; halaman pembayaran di Stripe ditutup dahulu.",
            "An operator asked to cancel; the payment page at Stripe is closed first.",
        ),
        _ => pair(
            "Pasien meminta pembatalan; halaman pembayaran di Stripe ditutup dahulu.",
            "The patient asked to cancel; the payment page at Stripe is closed first.",
        ),
    }
}

fn ended(to: &str, reason: EndReason) -> (String, String) {
    if reason == EndReason::WrongMoneyReturned {
        return (
            format!(
                "Dana yang tidak sesuai sudah dikembalikan seluruhnya ({to}). Konsultasi dapat dibayar lagi."
            ),
            format!(
                "All of the money that did not match has gone back ({to}). The consultation can be paid again."
            ),
        );
    }
    let (id, en) = match reason {
        EndReason::Cancelled => ("Pembayaran dibatalkan", "The payment was cancelled"),
        EndReason::SessionExpired => {
            ("Halaman pembayaran habis waktunya", "The payment page ran out of time")
        }
        EndReason::NeverStarted => {
            ("Tidak ada yang melanjutkan pembayaran ini", "Nobody went on to pay this payment")
        }
        EndReason::Refused => ("Stripe tidak menerima pembayaran ini", "Stripe did not take this payment"),
        EndReason::NeverOpened => {
            ("Stripe tidak pernah membuka halaman pembayarannya", "Stripe has never opened its payment page")
        }
        EndReason::BankFailed => ("Bank tidak membayar", "The bank did not pay"),
        EndReason::WrongMoneyReturned => {
            ("Dana yang tidak sesuai sudah dikembalikan", "The money that did not match has gone back")
        }
    };
    (
        format!("{id}; tidak ada yang ditagih ({to}). Konsultasi dapat dibayar lagi."),
        format!("{en}; nothing was charged ({to}). The consultation can be paid again."),
    )
}

fn refund_requested(amount: &str, wanted_by: &str) -> (String, String) {
    match wanted_by {
        "automatic" => (
            format!("Pengembalian {amount} dimulai secara otomatis."),
            format!("A refund of {amount} was started automatically."),
        ),
        "dashboard" => (
            format!("Pengembalian {amount} dibuat di dasbor Stripe."),
            format!("A refund of {amount} was made in Stripe's dashboard."),
        ),
        _ => (
            format!("Petugas meminta pengembalian {amount}."),
            format!("An operator asked for a refund of {amount}."),
        ),
    }
}

fn refund_succeeded(amount: &str, refunded: Option<&Amount>) -> (String, String) {
    match refunded {
        Some(total) => (
            format!("{amount} dikembalikan; seluruhnya sudah kembali {}.", show(total)),
            format!("{amount} was refunded; {} is back in all.", show(total)),
        ),
        None => (
            format!("{amount} yang tidak ditunggu sudah dikembalikan."),
            format!("{amount} that was not awaited has gone back."),
        ),
    }
}

fn refund_failed(amount: &str, bounced: bool) -> (String, String) {
    if bounced {
        (
            format!("Pengembalian {amount} dipulangkan oleh bank; petugas menanganinya."),
            format!("The refund of {amount} was sent back by the bank; an operator looks into it."),
        )
    } else {
        (format!("Pengembalian {amount} gagal."), format!("The refund of {amount} failed."))
    }
}

fn disputed(state: &str) -> (String, String) {
    match state {
        "won" => pair("Sengketa dimenangkan oleh klinik.", "The dispute was decided for the clinic."),
        "lost" => pair("Sengketa diputuskan untuk pembayar.", "The dispute was decided for the payer."),
        "closed" => pair("Pertanyaan dari bank ditutup.", "The bank's inquiry was closed."),
        "under_review" => pair("Bank memeriksa sengketa ini.", "The bank is looking into the dispute."),
        _ => pair("Bank pembayar membuka sengketa.", "The payer's bank has opened a dispute."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::Origin;

    fn told(what: What, language: Language) -> String {
        tell(Some(&Entry { what, origin: Origin::of(Actor::Patient) }), "", language)
    }

    #[test]
    fn a_duplicate_is_told_as_a_patient_would_understand_it() {
        let once = What::Duplicate { times: 1, caught: "cache".into(), key_hash: String::new() };
        let expected = "The button was pressed again; answered from the cache; no second payment.";
        assert_eq!(told(once, Language::English), expected);
        let often = What::Duplicate { times: 9, caught: "lock".into(), key_hash: String::new() };
        assert!(told(often, Language::Indonesian).starts_with("Tombol ditekan 9 kali lagi; menunggu"));
    }

    #[test]
    fn an_unknown_kind_is_named() {
        assert_eq!(tell(None, "of_next_year", Language::English), "Recorded: of_next_year.");
    }
}
