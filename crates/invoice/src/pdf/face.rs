//! The two fonts, and text turned into their glyphs.

use super::PdfError;
use harfrust::{
    Direction, Feature, FontRef, GlyphInfo, GlyphPosition, ShaperData, Tag, UnicodeBuffer, script,
};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use std::ops::Range;

const REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/Inter-Bold.ttf");
const MISSING: u32 = 0;

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The fonts of an invoice.
pub(super) struct Fonts {
    regular: Face,
    bold: Face,
}

impl Fonts {
    pub(super) fn load() -> Result<Self, PdfError> {
        Ok(Self { regular: Face::load(REGULAR)?, bold: Face::load(BOLD)? })
    }

    pub(super) fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

/// One font, for shaping and for drawing.
pub(super) struct Face {
    drawn: Font,
    shaped: FontRef<'static>,
    tables: ShaperData,
    replacement: Replacement,
}

/// The glyph of U+FFFD, shown for what the font does not have.
#[derive(Clone, Copy)]
struct Replacement {
    glyph: u32,
    advance: i32,
}

/// The glyphs that belong together, with the text they stand for. Sizes are in ems.
pub(super) struct Cluster {
    pub range: Range<usize>,
    pub glyphs: Vec<KrillaGlyph>,
    pub advance: f32,
}

impl Face {
    fn load(bytes: &'static [u8]) -> Result<Self, PdfError> {
        let drawn = Font::new(bytes.into(), 0).ok_or(PdfError::Font)?;
        let shaped = FontRef::new(bytes).map_err(|_| PdfError::Font)?;
        let tables = ShaperData::new(&shaped);
        let replacement = Replacement { glyph: MISSING, advance: 0 };
        let mut face = Self { drawn, shaped, tables, replacement };
        face.replacement = face.find_replacement()?;
        Ok(face)
    }

    /// As krilla draws it.
    pub(super) fn font(&self) -> Font {
        self.drawn.clone()
    }

    fn find_replacement(&self) -> Result<Replacement, PdfError> {
        let shaped = self.shape_all(&char::REPLACEMENT_CHARACTER.to_string());
        let (info, position) = shaped.first().ok_or(PdfError::Font)?;
        if info.glyph_id == MISSING {
            return Err(PdfError::Font);
        }
        Ok(Replacement { glyph: info.glyph_id, advance: position.x_advance })
    }

    /// The glyphs of one line of text, from left to right: no script that runs the other way is in
    /// the fonts. Figures all have one width, so that amounts stand under each other.
    pub(super) fn shape(&self, text: &str) -> Vec<Cluster> {
        let shaped = self.shape_all(text);
        let groups: Vec<_> = shaped.chunk_by(|(one, _), (next, _)| offset(one) == offset(next)).collect();
        let starts = groups.iter().map(|group| offset(&group[0].0));
        let ends = starts.clone().skip(1).chain([text.len()]);
        let ranges = starts.zip(ends).map(|(start, end)| start..end);
        ranges.zip(&groups).map(|(range, group)| self.cluster(range, group)).collect()
    }

    fn shape_all(&self, text: &str) -> Vec<(GlyphInfo, GlyphPosition)> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_script(script::LATIN);
        let shaper = self.tables.shaper(&self.shaped).build();
        let glyphs = shaper.shape(buffer, &[Feature::new(Tag::new(b"tnum"), 1, ..)]);
        glyphs.glyph_infos().iter().copied().zip(glyphs.glyph_positions().iter().copied()).collect()
    }

    fn cluster(&self, range: Range<usize>, shaped: &[(GlyphInfo, GlyphPosition)]) -> Cluster {
        let glyphs: Vec<_> =
            shaped.iter().map(|(info, position)| self.glyph(&range, info, position)).collect();
        let advance = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Cluster { range, glyphs, advance }
    }

    fn glyph(&self, range: &Range<usize>, info: &GlyphInfo, position: &GlyphPosition) -> KrillaGlyph {
        let (glyph, advance) = match info.glyph_id {
            MISSING => (self.replacement.glyph, self.replacement.advance),
            glyph => (glyph, position.x_advance),
        };
        let (x, y) = (self.ems(position.x_offset), self.ems(position.y_offset));
        KrillaGlyph::new(GlyphId::new(glyph), self.ems(advance), x, y, 0.0, range.clone(), None)
    }

    #[expect(clippy::cast_precision_loss, reason = "a glyph's measures are a few thousand units")]
    fn ems(&self, units: i32) -> f32 {
        units as f32 / self.drawn.units_per_em()
    }
}

/// Where in the text a glyph's cluster begins, in bytes.
fn offset(info: &GlyphInfo) -> usize {
    usize::try_from(info.cluster).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyphs(text: &str) -> Vec<u32> {
        let fonts = Fonts::load().unwrap();
        let clusters = fonts.face(Weight::Regular).shape(text);
        clusters.iter().flat_map(|cluster| &cluster.glyphs).map(|glyph| glyph.glyph_id.to_u32()).collect()
    }

    #[test]
    fn names_of_the_region_are_in_the_fonts() {
        let fonts = Fonts::load().unwrap();
        let names = "Nguyễn Thị Ánh Đặng Trần Ngọc Hữu Peñaflor Ñuñez Ramón dela Cruz José Ŋ ƯỚC Müller Łukasz \
                     Александр Δημήτρης ₱ € £ ¥ ₫ – — ‘’ “” … · № ™";
        for weight in [Weight::Regular, Weight::Bold] {
            let face = fonts.face(weight);
            for cluster in face.shape(names) {
                let missing = cluster.glyphs.iter().any(|g| g.glyph_id.to_u32() == face.replacement.glyph);
                assert!(!missing, "{weight:?} has no {:?}", &names[cluster.range]);
            }
        }
    }

    #[test]
    fn what_the_fonts_lack_is_a_box_and_never_nothing() {
        let boxed = glyphs("\u{fffd}")[0];
        assert_ne!(boxed, MISSING);
        for text in ["李", "م", "ก", "😀", "\u{e000}", "\u{10ffff}"] {
            assert_eq!(glyphs(text), [boxed], "{text}");
        }
    }

    #[test]
    fn decomposed_letters_are_the_composed_ones() {
        assert_eq!(glyphs("e\u{302}\u{301}"), glyphs("ế"));
    }

    #[test]
    fn hyphens_are_not_widened_with_the_figures() {
        let fonts = Fonts::load().unwrap();
        let face = fonts.face(Weight::Regular);
        assert!((face.shape("1-1")[1].advance - face.shape("a-a")[1].advance).abs() < 0.02);
    }

    #[test]
    fn all_figures_are_of_one_width() {
        let fonts = Fonts::load().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let widths: Vec<f32> = fonts
                .face(weight)
                .shape("0 1 2 3 4 5 6 7 8 9")
                .iter()
                .step_by(2)
                .map(|c| c.advance)
                .collect();
            assert!(widths.windows(2).all(|pair| (pair[0] - pair[1]).abs() < f32::EPSILON), "{widths:?}");
        }
    }
}
