//! Points in time as people read them.

use crate::Language;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sekali_core::domain::Timestamp;

const INDONESIAN_MONTHS: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `15 Januari 2024 10.30 UTC`, `15 January 2024 10:30 UTC`: each language with its own sign between
/// hours and minutes.
pub(crate) fn spelled(at: Timestamp, language: Language) -> String {
    let civil = utc(at);
    let months = language.pick(INDONESIAN_MONTHS, ENGLISH_MONTHS);
    let month = usize::try_from(civil.month() - 1).ok().and_then(|index| months.get(index)).unwrap_or(&"");
    let sign = language.pick('.', ':');
    let (day, year, hour, minute) = (civil.day(), civil.year(), civil.hour(), civil.minute());
    format!("{day} {month} {year} {hour:02}{sign}{minute:02} UTC")
}

/// The date and time of day in UTC; what is out of range becomes the last moment in range.
pub(crate) fn utc(at: Timestamp) -> DateTime {
    let instant = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::MAX);
    TimeZone::UTC.to_datetime(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_stands_beside_the_time() {
        let moment = Timestamp::from_seconds(1_705_314_600);
        assert_eq!(spelled(moment, Language::Indonesian), "15 Januari 2024 10.30 UTC");
        assert_eq!(spelled(moment, Language::English), "15 January 2024 10:30 UTC");
    }

    #[test]
    fn small_hours_and_the_ends_of_the_year() {
        let first = Timestamp::from_sql("2025-01-01 00:00:00").unwrap();
        let last = Timestamp::from_sql("2025-12-31 23:59:59").unwrap();
        assert_eq!(spelled(first, Language::Indonesian), "1 Januari 2025 00.00 UTC");
        assert_eq!(spelled(last, Language::English), "31 December 2025 23:59 UTC");
    }

    #[test]
    fn no_moment_makes_it_panic() {
        for micros in [i64::MIN, i64::MAX] {
            assert!(spelled(Timestamp::from_micros(micros), Language::English).ends_with(" UTC"));
        }
    }
}
