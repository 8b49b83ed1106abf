//! Where everything stands on the pages.

use super::face::{Fonts, Weight};
use super::parts;
use super::sheet::{Colour, FULL, Node, Sheet, Style};
use super::table::table;
use crate::content::Content;
use krilla::tagging::Tag;
use std::num::NonZeroU16;

pub(super) const INK: Colour = [23, 33, 43];
pub(super) const QUIET: Colour = [82, 96, 109];
pub(super) const TINT: Colour = [241, 245, 249];
pub(super) const ACCENT: Colour = [11, 79, 214];
pub(super) const WARNING: Colour = [138, 90, 0];

pub(super) const BODY: Style = Style { weight: Weight::Regular, size: 9.5, colour: INK };
pub(super) const SMALL: Style = Style { weight: Weight::Regular, size: 8.5, colour: QUIET };
pub(super) const LABEL: Style = Style { weight: Weight::Bold, size: 8.0, colour: QUIET };
pub(super) const STRONG: Style = Style { weight: Weight::Bold, size: 11.5, colour: INK };

/// The filled pages and what a reader hears.
pub(super) struct LaidOut<'a> {
    pub sheet: Sheet<'a>,
    pub structure: Vec<Node>,
    /// What stands at the foot of each page before its number.
    pub footer: String,
    /// `Halaman`, `dari`.
    pub page_words: (&'static str, &'static str),
    /// Written across each page.
    pub watermark: Option<&'static str>,
}

/// Places all of `content`.
pub(super) fn lay_out<'a>(content: &Content, fonts: &'a Fonts) -> LaidOut<'a> {
    let mut sheet = Sheet::new(fonts);
    let mut structure = Vec::new();
    structure.extend(content.test.as_ref().map(|test| parts::banner(&mut sheet, test)));
    structure.extend(parts::header(&mut sheet, content));
    structure.push(parts::facts(&mut sheet, &content.facts));
    sheet.skip(18.0);
    structure.push(table(&mut sheet, &content.items, &content.totals));
    structure.extend(taxes(&mut sheet, content));
    structure.extend(content.notes.iter().map(|note| parts::note(&mut sheet, note)));
    sheet.skip(22.0);
    structure.push(Node::group(Tag::P, sheet.paragraph(content.closing, SMALL, FULL)));
    LaidOut {
        sheet,
        structure,
        footer: content.number.clone(),
        page_words: content.page_words,
        watermark: content.test.as_ref().map(|_| "TEST"),
    }
}

fn taxes(sheet: &mut Sheet<'_>, content: &Content) -> Vec<Node> {
    let heading = Style { size: 11.0, ..STRONG };
    sheet.skip(26.0);
    // The heading does not stay behind alone.
    sheet.need(heading.leading() + 60.0);
    let title = Tag::Hn(NonZeroU16::MIN.saturating_add(1), Some(content.taxes_heading.into()));
    let mut nodes = vec![Node::group(title, sheet.paragraph(content.taxes_heading, heading, FULL))];
    sheet.skip(5.0);
    nodes.extend(content.taxes.as_ref().map(|taxes| table(sheet, taxes, &[])));
    sheet.skip(6.0);
    nodes.push(Node::group(Tag::P, sheet.paragraph(content.taxes_note, SMALL, FULL)));
    nodes
}
