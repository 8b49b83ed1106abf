//! Text broken into lines.

use super::face::{Cluster, Face};
use krilla::text::KrillaGlyph;

/// One line of glyphs; a space at its end is kept, as it parts the words for who copies the text.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
    /// In ems, without the space at the end.
    pub width: f32,
}

impl Line {
    /// All of `text`, however wide.
    pub(super) fn whole(face: &Face, text: &str) -> Self {
        Self::of(text, &face.shape(text))
    }

    fn of(text: &str, clusters: &[Cluster]) -> Self {
        let (Some(first), Some(last)) = (clusters.first(), clusters.last()) else {
            return Self { text: String::new(), glyphs: Vec::new(), width: 0.0 };
        };
        let start = first.range.start;
        let mut glyphs: Vec<KrillaGlyph> = clusters.iter().flat_map(|c| c.glyphs.iter().cloned()).collect();
        for glyph in &mut glyphs {
            glyph.text_range = glyph.text_range.start - start..glyph.text_range.end - start;
        }
        let visible = clusters.iter().rposition(|cluster| !is_space(text, cluster)).map_or(0, |at| at + 1);
        let width = clusters[..visible].iter().map(|cluster| cluster.advance).sum();
        Self { text: text[start..last.range.end].to_owned(), glyphs, width }
    }

    /// Wider by `gap` ems after each glyph, as capitals in a stamp look better.
    #[must_use]
    pub(super) fn spaced(mut self, gap: f32) -> Self {
        for glyph in &mut self.glyphs {
            glyph.x_advance += gap;
            self.width += gap;
        }
        // Nothing follows the last one.
        self.width -= gap;
        self
    }
}

/// `text` in lines of at most `width` ems: broken after spaces, and inside a word only where the
/// word is wider than a line.
pub(super) fn wrap(face: &Face, text: &str, width: f32) -> Vec<Line> {
    let clusters = face.shape(text);
    let mut rest = clusters.as_slice();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (line, later) = rest.split_at(fitting(text, rest, width));
        lines.push(Line::of(text, line));
        rest = later;
    }
    lines
}

/// How many of the clusters go onto one line; at least one.
fn fitting(text: &str, clusters: &[Cluster], width: f32) -> usize {
    let mut used = 0.0;
    let mut after_space = None;
    for (index, cluster) in clusters.iter().enumerate() {
        let space = is_space(text, cluster);
        if !space && used + cluster.advance > width {
            return after_space.unwrap_or(index).max(1);
        }
        used += cluster.advance;
        if space {
            after_space = Some(index + 1);
        }
    }
    clusters.len()
}

fn is_space(text: &str, cluster: &Cluster) -> bool {
    &text[cluster.range.clone()] == " "
}

#[cfg(test)]
mod tests {
    use super::super::face::{Fonts, Weight};
    use super::*;

    fn lines(text: &str, width: f32) -> Vec<Line> {
        wrap(Fonts::load().unwrap().face(Weight::Regular), text, width)
    }

    fn texts(text: &str, width: f32) -> Vec<String> {
        lines(text, width).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(texts("Klinik Sehat Sentosa", 8.0), ["Klinik Sehat ", "Sentosa"]);
        assert_eq!(texts("Klinik", 8.0), ["Klinik"]);
        assert!(texts("", 8.0).is_empty());
    }

    #[test]
    fn nothing_is_wider_than_its_column_and_nothing_is_lost() {
        let long = "W".repeat(300);
        for text in
            [long.as_str(), "a much longer text with words of several lengths", "PHP\u{a0}9.999.999.999,99 x"]
        {
            for width in [3.0, 5.5, 20.0] {
                let lines = lines(text, width);
                assert!(lines.iter().all(|line| line.width <= width), "{text} {width}");
                assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<String>(), text);
            }
        }
    }

    #[test]
    fn a_column_narrower_than_a_letter_still_ends() {
        assert_eq!(texts("WW", 0.1), ["W", "W"]);
    }

    #[test]
    fn an_amount_is_not_broken_at_its_space() {
        assert_eq!(texts("x PHP\u{a0}5.000,00", 7.0), ["x ", "PHP\u{a0}5.000,00"]);
    }
}
