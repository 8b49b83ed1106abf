//! The pages' words: those of the session's locale where it is Indonesian, else English.

use crate::model::session::Session;

/// Each text of the pages, and its Indonesian.
const INDONESIAN: &[(&str, &str)] = &[
    (
        "this is a simulator: no money moves. Use a test card.",
        "ini simulator: tidak ada uang yang berpindah. Pakai kartu uji.",
    ),
    ("Pay", "Bayar"),
    ("Book", "Pesan"),
    ("Donate", "Donasi"),
    ("by bank", "lewat bank"),
    ("← Back", "← Kembali"),
    ("Email", "Email"),
    ("Card number", "Nomor kartu"),
    ("MM / YY", "BB / TT"),
    ("CVC", "CVC"),
    ("Cardholder name", "Nama pada kartu"),
    ("Or from a bank account", "Atau dari rekening bank"),
    ("Account number", "Nomor rekening"),
    ("Account holder", "Nama pemilik rekening"),
    ("3-D Secure 2 – test page of the bank", "3-D Secure 2 – halaman uji dari bank"),
    ("Is it you who pays", "Apakah Anda yang membayar"),
    ("Complete authentication", "Ya, ini saya"),
    ("Fail authentication", "Bukan saya"),
    ("Authenticate the payment", "Konfirmasi pembayaran"),
    ("This payment is with your bank", "Pembayaran ini sedang diproses bank Anda"),
    ("It may take some days until it is certain that", "Perlu beberapa hari sampai pasti bahwa"),
    ("was paid.", "sudah dibayar."),
    ("You are not charged again.", "Anda tidak akan ditagih lagi."),
    ("Continue", "Lanjutkan"),
    ("This payment is complete", "Pembayaran ini sudah selesai"),
    ("This payment page has expired", "Halaman pembayaran ini sudah tidak berlaku"),
    ("Nothing was charged.", "Tidak ada yang ditagih."),
    ("Go back and start again", "Kembali dan mulai lagi"),
    ("Go back to where you came from and start again.", "Kembali ke aplikasi Anda dan mulai lagi."),
    ("Payment page closed", "Halaman pembayaran ditutup"),
    ("Enter an e-mail address.", "Isi alamat email."),
    ("Enter the card number.", "Isi nomor kartu."),
    ("Your card number is invalid.", "Nomor kartu Anda tidak benar."),
    ("Enter the expiry date.", "Isi masa berlaku kartu."),
    ("Your card's expiry date is incomplete.", "Masa berlaku kartu belum lengkap."),
    ("Your card's expiry date is in the past.", "Masa berlaku kartu sudah lewat."),
    ("Your card's expiry year is invalid.", "Tahun masa berlaku kartu tidak benar."),
    ("Enter the security code.", "Isi kode keamanan."),
    ("Your card's security code is incomplete.", "Kode keamanan kartu belum lengkap."),
    ("Enter the name on the card.", "Isi nama pada kartu."),
    ("Your account number is invalid.", "Nomor rekening Anda tidak benar."),
    ("Enter the name on the account.", "Isi nama pemilik rekening."),
    ("Your card was declined.", "Kartu Anda ditolak."),
    ("Your card has insufficient funds.", "Dana pada kartu Anda tidak cukup."),
    ("Your card has expired.", "Kartu Anda sudah kedaluwarsa."),
    ("Your card's security code is incorrect.", "Kode keamanan kartu Anda salah."),
    (
        "Your card could not be authenticated. Try again, or use another card.",
        "Bank belum dapat memastikan bahwa ini Anda. Coba lagi, atau pakai kartu lain.",
    ),
    (
        "The card could not be processed just now. Try again in a little while.",
        "Kartu belum dapat diproses. Coba lagi sebentar lagi.",
    ),
    (
        "Your card was declined: this is a test, and the number is not one of the test cards.",
        "Kartu Anda ditolak: ini uji coba, dan nomornya bukan kartu uji.",
    ),
];

/// The language of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Also where the shop has named another one than these two, or none.
    English,
    Indonesian,
}

impl Language {
    pub(crate) fn of(session: &Session) -> Self {
        match session.locale.as_deref() {
            Some("id") => Self::Indonesian,
            _ => Self::English,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Indonesian => "id",
        }
    }

    /// A text in this language; one that has no translation stays as it is.
    pub(crate) fn say(self, english: &str) -> &str {
        let known = INDONESIAN.iter().filter(|_| self == Self::Indonesian);
        known.filter(|(key, _)| *key == english).map(|(_, text)| *text).next().unwrap_or(english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources that speak through [`Language::say`], or whose texts are handed to it.
    const SOURCES: [&str; 3] =
        [include_str!("page.rs"), include_str!("form.rs"), include_str!("../model/card.rs")];

    #[test]
    fn no_translation_is_left_over() {
        for (english, _) in INDONESIAN {
            let there = SOURCES.iter().any(|source| source.contains(&format!("\"{english}\"")));
            assert!(there, "{english} is said nowhere");
        }
    }

    /// Every sentence that the form or a card can answer with ends in a full stop.
    #[test]
    fn each_mistake_and_refusal_has_its_translation() {
        let mut sentences = 0;
        for source in [SOURCES[1], SOURCES[2]] {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for text in line.split('"').skip(1).step_by(2).filter(|text| text.ends_with('.')) {
                    assert_ne!(Language::Indonesian.say(text), text);
                    sentences += 1;
                }
            }
        }
        assert!(sentences > 15, "the sentences are found");
    }
}
