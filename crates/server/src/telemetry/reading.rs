//! Reads this process's own metrics from the text that Prometheus is given: one source for both.

use std::collections::BTreeMap;

/// The samples by their names, as written, labels included.
pub struct Reading(BTreeMap<String, f64>);

/// Durations in buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// How many were counted.
    pub count: u64,
    /// Their sum in seconds.
    pub sum: f64,
    /// Upper bounds in seconds, each with how many were no longer, in order.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// In seconds; `None`: nothing was counted.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^52")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The bound in seconds below which this share of them lies; `None`: nothing was counted, or it lies beyond the
    /// last bound.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^52")]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = self.count as f64 * share;
        let bucket = self.buckets.iter().find(|(_, count)| *count > 0 && *count as f64 >= wanted)?;
        bucket.0.is_finite().then_some(bucket.0)
    }
}

impl Reading {
    /// Of the text of `GET /metrics`.
    pub fn of(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// A counter's value; 0 where there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and not negative"
    )]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let key = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) };
        self.0.get(&key).map_or(0, |value| *value as u64)
    }

    /// A histogram with one label; `None`: nothing was counted under it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and not negative"
    )]
    pub fn histogram(&self, name: &str, (label, value): (&str, &str)) -> Option<Histogram> {
        let labelled = format!("{{{label}=\"{value}\"");
        let count = *self.0.get(&format!("{name}_count{labelled}}}"))? as u64;
        let sum = self.0.get(&format!("{name}_sum{labelled}}}")).copied().unwrap_or(0.0);
        let start = format!("{name}_bucket{labelled},le=\"");
        let bucket = |(key, count): (&String, &f64)| {
            let bound = key.strip_prefix(&start)?.strip_suffix("\"}")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, *count as u64))
        };
        let mut buckets: Vec<(f64, u64)> = self.0.iter().filter_map(bucket).collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Some(Histogram { count, sum, buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::recorder;

    const TEXT: &str = "# HELP a A.\n# TYPE a counter\na{x=\"1\"} 3\nb 4\n\
        h_bucket{s=\"y\",le=\"0.5\"} 8\nh_bucket{s=\"y\",le=\"0.25\"} 1\nh_bucket{s=\"y\",le=\"1\"} 9\n\
        h_bucket{s=\"y\",le=\"+Inf\"} 10\nh_sum{s=\"y\"} 5\nh_count{s=\"y\"} 10\n";

    #[test]
    fn counters_and_histograms_are_read() {
        let reading = Reading::of(TEXT);
        assert_eq!((reading.count("a", &[("x", "1")]), reading.count("b", &[])), (3, 4));
        assert_eq!(reading.count("a", &[("x", "2")]), 0);
        let histogram = reading.histogram("h", ("s", "y")).unwrap();
        assert_eq!((histogram.count, histogram.mean()), (10, Some(0.5)));
        assert_eq!(histogram.quantile(0.1), Some(0.25));
        assert_eq!(histogram.quantile(0.5), Some(0.5));
        assert_eq!(histogram.quantile(0.9), Some(1.0));
        assert_eq!(histogram.quantile(0.99), None, "beyond the last bound");
        assert_eq!(reading.histogram("h", ("s", "z")), None);
    }

    #[test]
    fn what_the_recorder_writes_is_what_is_read() {
        recorder();
        metrics::histogram!("sekali_reading_seconds", "step" => "one").record(0.003);
        metrics::counter!("sekali_reading_total", "kind" => "one").increment(2);
        let reading = Reading::of(&recorder().render());
        let histogram = reading.histogram("sekali_reading_seconds", ("step", "one")).unwrap();
        assert_eq!((histogram.count, histogram.quantile(0.5)), (1, Some(0.005)));
        assert_eq!(reading.count("sekali_reading_total", &[("kind", "one")]), 2);
    }
}
