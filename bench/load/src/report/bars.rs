//! Horizontal bars as SVG.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 270.0;
const VALUES: f64 = 80.0;
const ROW: f64 = 24.0;
const TOP: f64 = 44.0;

/// A bar.
pub(super) struct Bar {
    /// Beside it.
    pub(super) label: String,
    /// How long it is.
    pub(super) value: f64,
    /// Whether it is Sekali's.
    pub(super) ours: bool,
}

/// Bars with their values; so many decimals each.
pub(super) fn bars(title: &str, bars: &[Bar], decimals: usize) -> String {
    let height = TOP + ROW * bars.len() as f64 + 10.0;
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = opened(title, WIDTH, height);
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let length = ((WIDTH - LABELS - VALUES) * bar.value / longest).max(1.0);
        let colour = if bar.ours { OURS } else { THEIRS };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text><rect x="{LABELS}" y="{y:.0}" width="{length:.1}" height="{:.0}" fill="{colour}"/><text x="{:.1}" y="{:.0}">{:.decimals$}</text>"#,
            LABELS - 8.0,
            y + 14.0,
            escaped(&bar.label),
            ROW - 6.0,
            LABELS + length + 6.0,
            y + 14.0,
            bar.value,
        );
    }
    svg + "</svg>\n"
}

/// Sekali's colour.
pub(super) const OURS: &str = "#0b6e4f";
/// Everybody else's.
pub(super) const THEIRS: &str = "#9aa5b1";

/// The beginning of a plot: white, so that it can be read on dark pages as well.
pub(super) fn opened(title: &str, width: f64, height: f64) -> String {
    let title = escaped(title);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="#1f2933">
<title>{title}</title><rect width="100%" height="100%" fill="#ffffff"/><text x="12" y="24" font-size="15" font-weight="600">{title}</text>
"##
    )
}

/// Text that XML takes as text.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_the_rest_are_in_proportion() {
        let bar = |value| Bar { label: "a & b".to_owned(), value, ours: false };
        let svg = bars("t", &[bar(100.0), bar(50.0)], 0);
        assert!(svg.contains(r#"width="410.0""#) && svg.contains(r#"width="205.0""#), "{svg}");
        assert!(svg.contains("a &amp; b") && !svg.contains("a & b"));
    }
}
