//! Percentiles and medians.

use serde::Serialize;

/// How long requests took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// Half were quicker.
    pub(crate) p50: f64,
    /// 99 in 100 were quicker.
    pub(crate) p99: f64,
    /// 999 in 1,000 were quicker.
    pub(crate) p999: f64,
    /// The slowest.
    pub(crate) max: f64,
}

impl Latency {
    /// Of so many microseconds each.
    pub(crate) fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |permille| percentile(&micros, permille).map_or(0.0, |micros| f64::from(micros) / 1000.0);
        Self { p50: at(500), p99: at(990), p999: at(999), max: at(1000) }
    }
}

/// The smallest value that so many in a thousand do not exceed (nearest rank): a value that was measured.
pub(crate) fn percentile(sorted: &[u32], permille: usize) -> Option<u32> {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

/// The middle value; between the two middle ones where there is an even number.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(*upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<u32> = (1..=100).collect();
        let rows = [(500, 50), (990, 99), (999, 100), (1000, 100), (1, 1)];
        for (permille, expected) in rows {
            assert_eq!(percentile(&hundred, permille), Some(expected), "{permille}");
        }
        assert_eq!(percentile(&[7], 500), Some(7));
        assert_eq!(percentile(&[], 500), None);
        let two = Latency::of(vec![3000, 1000]);
        assert_eq!(two, Latency { p50: 1.0, p99: 3.0, p999: 3.0, max: 3.0 });
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), Some(3.0));
        assert_eq!(median([]), None);
    }
}
