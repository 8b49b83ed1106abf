//! What a list's address says of which payments it shows.

use crate::http::problem::{Kind, Problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekali_core::domain::{Currency, Decimal, PaymentId, Status, Timestamp};
use sekali_core::ports::console::{AMOUNT_DECIMALS, Filter, Place};

/// Rows of one page, at most.
pub(super) const LARGEST_PAGE: u32 = 100;
const DEFAULT_PAGE: u32 = 25;
/// The longest id that there is: an idempotency key.
const LONGEST_ID: usize = 255;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// An id that was pasted.
    pub id: Option<String>,
    /// The rest.
    pub filter: Filter,
    /// Where the page before ended.
    pub before: Option<Place>,
    /// Rows.
    pub limit: u32,
}

/// Reads an address's parameters; an empty one is none. Those that it does not know it ignores, as every browser's
/// extension may add its own.
pub(super) fn read(parameters: &[(String, String)]) -> Result<Wanted, Problem> {
    let mut wanted = Wanted { limit: DEFAULT_PAGE, ..Wanted::default() };
    for (name, value) in parameters {
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        take(&mut wanted, name, value).ok_or_else(|| {
            Problem::new(Kind::MalformedRequest)
                .detail(format!("Parameter {name} tidak sah."), format!("The parameter {name} is not valid."))
        })?;
    }
    Ok(wanted)
}

/// `None`: the value cannot be read.
fn take(wanted: &mut Wanted, name: &str, value: &str) -> Option<()> {
    let filter = &mut wanted.filter;
    match name {
        "q" => {
            let is_id = value.chars().count() <= LONGEST_ID && !value.chars().any(char::is_control);
            wanted.id = Some(is_id.then(|| value.to_owned())?);
        }
        "status" => {
            let statuses: Option<Vec<_>> = value.split(',').map(str::trim).map(Status::parse).collect();
            filter.statuses.extend(statuses?);
        }
        "from" => filter.from = Some(Timestamp::from_rfc3339(value)?),
        "to" => filter.to = Some(Timestamp::from_rfc3339(value)?),
        "min" => filter.least = Some(amount(value)?),
        "max" => filter.most = Some(amount(value)?),
        "currency" => filter.currency = Some(Currency::from_code(&value.to_ascii_uppercase())?),
        "limit" => {
            let limit: u32 = value.parse().ok().filter(|limit| *limit > 0)?;
            wanted.limit = limit.min(LARGEST_PAGE);
        }
        "cursor" => wanted.before = Some(read_cursor(value)?),
        _ => {}
    }
    Some(())
}

fn amount(text: &str) -> Option<i64> {
    Decimal::parse_digits(text).ok()?.to_minor(AMOUNT_DECIMALS)
}

/// Opaque to the page, so that its form may change.
pub(super) fn cursor(place: Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("c{}.{}", place.at.as_micros(), place.payment))
}

fn read_cursor(text: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (at, id) = std::str::from_utf8(&bytes).ok()?.strip_prefix('c')?.split_once('.')?;
    let at = Timestamp::from_micros(at.parse().ok().filter(|at| *at >= 0)?);
    Some(Place { at, payment: PaymentId(id.parse().ok().filter(|id| *id > 0)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(address: &str) -> Result<Wanted, Problem> {
        let pairs: Vec<_> = url::form_urlencoded::parse(address.as_bytes()).into_owned().collect();
        read(&pairs)
    }

    #[test]
    fn an_address_is_a_view() {
        let wanted = reading(
            "q=+INV-1+&status=pending,completed&status=failed&from=2024-01-15&to=2024-01-15T17:30:00%2B07:00\
             &min=50.5&max=5000&currency=php&limit=1000&utm=x&cursor=",
        )
        .unwrap();
        assert_eq!(wanted.id.as_deref(), Some("INV-1"));
        assert_eq!(wanted.filter.statuses, [Status::Pending, Status::Completed, Status::Failed]);
        assert_eq!(wanted.filter.from, Timestamp::from_rfc3339("2024-01-15T00:00:00Z"));
        assert_eq!(wanted.filter.to, Timestamp::from_rfc3339("2024-01-15T10:30:00Z"));
        assert_eq!((wanted.filter.least, wanted.filter.most), (Some(505_000), Some(50_000_000)));
        assert_eq!(wanted.filter.currency, Some(Currency::PHP));
        assert_eq!((wanted.limit, wanted.before), (LARGEST_PAGE, None));
        assert_eq!(reading("").unwrap().limit, DEFAULT_PAGE);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_no_wider_list_is_shown() {
        for address in [
            "status=paid",
            "status=pending,",
            "from=yesterday",
            "to=2024-13-01",
            "min=1e3",
            "max=5,000",
            "min=0.00001",
            "currency=PH",
            "limit=0",
            "limit=-1",
            "limit=x",
            "cursor=x",
            "cursor=YzE",
            "q=cs_%00",
        ] {
            assert!(reading(address).is_err(), "{address}");
        }
        assert_eq!(reading("q=&status=").unwrap().id, None, "an empty one is none");
        assert!(reading(&format!("q={}", "k".repeat(256))).is_err());
    }

    #[test]
    fn a_cursor_comes_back() {
        let place = Place { at: Timestamp::from_seconds(1_705_314_600), payment: PaymentId(7) };
        assert_eq!(read_cursor(&cursor(place)), Some(place));
    }
}
