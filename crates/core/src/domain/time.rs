//! Points in time, counted in microseconds: what both databases can hold exactly.

use serde::{Deserialize, Serialize};
use std::time::Duration;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A point in UTC time, in microseconds since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// The second this lies in. Payments and invoices carry whole seconds, as the original's do, so
    /// that the time in an invoice's number and beside it are the same in both databases.
    #[must_use]
    pub const fn whole_second(self) -> Self {
        Self::from_seconds(self.as_seconds())
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// `2024-01-15T10:30:00Z` (RFC 3339), to the second.
    pub fn rfc3339(self) -> String {
        self.written(["-", "T", ":"], "Z")
    }

    /// `2024-01-15T10:30:00.000000Z`: for logs, where the order within a second matters.
    pub fn rfc3339_micros(self) -> String {
        let mut text = self.written(["-", "T", ":"], ".");
        put_digits(&mut text, self.civil().subsec_nanosecond() / 1000, 6);
        text.push('Z');
        text
    }

    /// `2024-01-15 10:30:00`, as SQLite keeps it.
    pub fn sql(self) -> String {
        self.written(["-", " ", ":"], "")
    }

    /// `20240115103000`, as it stands in an invoice's number.
    pub fn compact(self) -> String {
        self.written(["", "", ""], "")
    }

    /// Reads [`Self::sql`]'s form.
    pub fn from_sql(text: &str) -> Option<Self> {
        let civil = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_microsecond()))
    }

    /// Reads a day, or a point in time with its zone (RFC 3339).
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(Self(instant.as_microsecond()));
        }
        // Read by this pattern alone: a day with a time behind it and no zone is neither.
        let day = jiff::civil::Date::strptime("%Y-%m-%d", text).ok()?;
        Some(Self(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond()))
    }

    /// As a calendar and a clock show it.
    fn civil(self) -> jiff::civil::DateTime {
        // Out of jiff's range means a year beyond 9999: shown as the last moment in range.
        let instant = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        jiff::tz::Offset::UTC.to_datetime(instant)
    }

    /// To the second, with what stands within the day, between it and the time, within the time, and behind. Each log
    /// line has a moment in it: a pattern that is read anew each time costs more than all the rest of the line.
    fn written(self, [in_day, between, in_time]: [&str; 3], behind: &str) -> String {
        let civil = self.civil();
        let mut text = String::with_capacity(LONGEST);
        put_digits(&mut text, civil.year().into(), 4);
        let parts = [
            (in_day, civil.month()),
            (in_day, civil.day()),
            (between, civil.hour()),
            (in_time, civil.minute()),
            (in_time, civil.second()),
        ];
        for (before, number) in parts {
            text.push_str(before);
            put_digits(&mut text, number.into(), 2);
        }
        text.push_str(behind);
        text
    }
}

/// Characters of the longest form.
const LONGEST: usize = "2024-01-15T10:30:00.000000Z".len();

/// The last so many digits of a number; of a negative one as if it were none (there are no years before Christ here).
fn put_digits(text: &mut String, number: i32, digits: u32) {
    let mut place = 10_u32.pow(digits);
    for _ in 0..digits {
        place /= 10;
        let digit = number.unsigned_abs() / place % 10;
        text.extend(char::from_digit(digit, 10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: Timestamp = Timestamp::from_seconds(1_705_314_600);

    #[test]
    fn the_contracts_moment_is_printed_as_the_contract_prints_it() {
        assert_eq!(GOLDEN.rfc3339(), "2024-01-15T10:30:00Z");
        assert_eq!(GOLDEN.rfc3339_micros(), "2024-01-15T10:30:00.000000Z");
        assert_eq!(GOLDEN.sql(), "2024-01-15 10:30:00");
        assert_eq!(GOLDEN.compact(), "20240115103000");
        assert_eq!(Timestamp::from_sql("2024-01-15 10:30:00"), Some(GOLDEN));
        assert_eq!(Timestamp::from_sql("yesterday"), None);
    }

    #[test]
    fn a_moment_is_read_with_its_zone_and_a_day_from_its_beginning() {
        for text in ["2024-01-15T10:30:00Z", "2024-01-15T17:30:00+07:00", "2024-01-15T10:30:00.000000Z"] {
            assert_eq!(Timestamp::from_rfc3339(text), Some(GOLDEN), "{text}");
        }
        let day = Timestamp::from_sql("2024-01-15 00:00:00");
        assert_eq!(Timestamp::from_rfc3339("2024-01-15"), day);
        for text in ["", "yesterday", "2024-01-15T10:30:00", "2024-02-30", "10:30"] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn every_part_keeps_its_place() {
        let early = Timestamp::from_sql("0987-06-05 04:03:02").unwrap().plus(Duration::from_micros(1));
        assert_eq!(early.rfc3339_micros(), "0987-06-05T04:03:02.000001Z");
        assert_eq!(early.compact(), "09870605040302");
        let last = Timestamp::from_micros(i64::MAX);
        assert_eq!(last.rfc3339(), "9999-12-30T22:00:00Z", "the last moment that jiff knows");
        let before = Timestamp::from_micros(-1);
        assert_eq!(before.rfc3339_micros(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn fractions_are_dropped_downwards() {
        assert_eq!(Timestamp::from_micros(1_999_999).whole_second(), Timestamp::from_seconds(1));
        assert_eq!(Timestamp::from_micros(-1).whole_second(), Timestamp::from_seconds(-1));
    }

    #[test]
    fn adding_and_taking_away_saturates() {
        assert_eq!(Timestamp::from_micros(i64::MAX).plus(Duration::from_secs(1)).as_micros(), i64::MAX);
        assert_eq!(GOLDEN.plus(Duration::from_secs(5)).minus(Duration::from_secs(5)), GOLDEN);
    }
}
