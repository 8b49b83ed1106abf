//! Lines over the number of connections, as SVG.

use super::bars::{OURS, escaped, opened};
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 350.0;
const THEIRS: [&str; 7] = ["#d1495b", "#edae49", "#30638e", "#8d6a9f", "#5c4033", "#00798c", "#7b8794"];
const SHAPES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "4 4"];

/// A line through points of (connections, value).
pub(super) struct Line {
    /// Beside it.
    pub(super) label: String,
    /// In the order of the connections.
    pub(super) points: Vec<(usize, f64)>,
    /// Whether it is Sekali's.
    pub(super) ours: bool,
}

/// Lines over connections (each step to the right is the next number that was measured), on a scale of tens.
pub(super) fn lines(title: &str, lines: &[Line]) -> String {
    let mut columns: Vec<usize> =
        lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    columns.sort_unstable();
    columns.dedup();
    let (least, most) = decades(lines);
    let x = |connections: usize| {
        let at = columns.iter().position(|column| *column == connections).unwrap_or(0) as f64;
        LEFT + (RIGHT - LEFT) * at / (columns.len().saturating_sub(1).max(1)) as f64
    };
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value.log10() - least) / (most - least);
    let mut svg = opened(title, WIDTH, HEIGHT);
    // Writing to a string does not fail.
    for step in 0..=(most - least) as i32 {
        let value = 10_f64.powf(least + f64::from(step));
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{RIGHT}" y1="{0:.1}" y2="{0:.1}" stroke="#e4e7eb"/><text x="{1}" y="{2:.1}" text-anchor="end">{value:.0}</text>"##,
            y(value),
            LEFT - 8.0,
            y(value) + 4.0
        );
    }
    for column in &columns {
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{column}</text>"#,
            x(*column),
            BOTTOM + 20.0
        );
    }
    let _ = writeln!(
        svg,
        r#"<text x="{}" y="{}" text-anchor="middle">connections</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 40.0
    );
    let (mut ours, mut theirs) = (0, 0);
    for (row, line) in lines.iter().enumerate() {
        let style = if line.ours { style(OURS, &mut ours, 2.5) } else { their_style(&mut theirs) };
        let points: Vec<String> =
            line.points.iter().map(|(column, value)| format!("{:.1},{:.1}", x(*column), y(*value))).collect();
        let at = TOP + 20.0 * row as f64;
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" {style}/><line x1="{}" x2="{}" y1="{at}" y2="{at}" {style}/><text x="{}" y="{}" font-size="12">{}</text>"#,
            points.join(" "),
            RIGHT + 16.0,
            RIGHT + 44.0,
            RIGHT + 50.0,
            at + 4.0,
            escaped(&line.label)
        );
    }
    svg + "</svg>\n"
}

/// Sekali's lines have one colour and differ in their strokes.
fn style(colour: &str, number: &mut usize, width: f64) -> String {
    let dashes = SHAPES[*number % SHAPES.len()];
    *number += 1;
    format!(r#"stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}""#)
}

fn their_style(number: &mut usize) -> String {
    let colour = THEIRS[*number % THEIRS.len()];
    *number += 1;
    format!(r#"stroke="{colour}" stroke-width="1.5""#)
}

/// The powers of ten below and above all values.
fn decades(lines: &[Line]) -> (f64, f64) {
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.1.max(1e-6).log10()));
    let (least, most) = (values().fold(f64::MAX, f64::min).floor(), values().fold(f64::MIN, f64::max).ceil());
    (least, most.max(least + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_where_their_values_are() {
        let line = Line { label: "one".to_owned(), points: vec![(1, 10.0), (64, 1000.0)], ours: true };
        let svg = lines("t", &[line]);
        assert!(svg.contains(r#"points="70.0,350.0 500.0,50.0""#), "{svg}");
    }
}
