//! The parts of the invoice, from its top to its foot.

use super::face::Weight;
use super::layout::{BODY, INK, LABEL, QUIET, WARNING};
use super::paragraph::Line;
use super::sheet::{Colour, Column, FULL, LEFT, Mark, Node, RIGHT, Shape, Sheet, Style};
use crate::content::Content;
use crate::stamp::Stamp;
use krilla::tagging::{ListNumbering, Tag};
use std::num::NonZeroU16;

const TILT: f32 = -6.0;
const FACTS_IN_A_ROW: usize = 3;
/// Between columns.
pub(super) const GAP: f32 = 14.0;

/// Says that no money moves.
pub(super) fn banner(sheet: &mut Sheet<'_>, text: &str) -> Node {
    let style = Style { weight: Weight::Bold, size: 9.5, colour: WARNING };
    let (width, height) = (RIGHT - LEFT, 22.0);
    let shape = Shape::Box { width, height, fill: Some([255, 247, 230]), border: Some((0.8, WARNING)) };
    let top = sheet.y;
    sheet.put(Mark { x: LEFT, y: top, shape, turn: None });
    let line = Line::whole(sheet.fonts.face(style.weight), text);
    let x = LEFT + (width - line.width * style.size) / 2.0;
    let y = top + (height - style.leading()) / 2.0 + style.baseline();
    let node = sheet.text(line, style, (x, y));
    sheet.skip(height + 18.0);
    Node::group(Tag::P, vec![node])
}

/// Title, number and stamp at the right, the seller at the left.
pub(super) fn header(sheet: &mut Sheet<'_>, content: &Content) -> Vec<Node> {
    let middle = LEFT + (RIGHT - LEFT) * 0.52;
    let top = sheet.y;
    let right = Column { left: middle + GAP, right: RIGHT, to_right: true };
    let mut nodes = title(sheet, content, right);
    let (page, below) = (sheet.pages.len(), sheet.y);
    if page == 1 {
        sheet.y = top;
    }
    nodes.extend(seller(sheet, content, Column { left: LEFT, right: middle, to_right: false }));
    if sheet.pages.len() == page {
        sheet.y = sheet.y.max(below);
    }
    sheet.skip(20.0);
    nodes
}

fn title(sheet: &mut Sheet<'_>, content: &Content, column: Column) -> Vec<Node> {
    let style = Style { weight: Weight::Bold, size: 25.0, colour: INK };
    let mut heading = sheet.paragraph(&content.heading.to_uppercase(), style, column);
    sheet.skip(1.0);
    heading.extend(sheet.paragraph(&content.number, Style { size: 10.0, ..BODY }, column));
    let heading = Node::group(Tag::Hn(NonZeroU16::MIN, Some(content.title())), heading);
    vec![heading, stamp(sheet, content, column)]
}

fn seller(sheet: &mut Sheet<'_>, content: &Content, column: Column) -> Vec<Node> {
    let name = Style { weight: Weight::Bold, size: 14.0, colour: INK };
    sheet.skip(7.0);
    let name = Node::group(Tag::P, sheet.paragraph(&content.seller, name, column));
    sheet.skip(4.0);
    let quiet = Style { colour: QUIET, ..BODY };
    let lines = content.seller_lines.iter().flat_map(|line| sheet.paragraph(line, quiet, column));
    let lines: Vec<Node> = lines.collect();
    vec![name, Node::group(Tag::P, lines)]
}

/// Two frames around the words, the whole turned a little.
fn stamp(sheet: &mut Sheet<'_>, content: &Content, column: Column) -> Node {
    let colour = stamp_colour(content.stamp);
    let style = Style { weight: Weight::Bold, size: 13.5, colour };
    let words = content.stamp.words(content.language);
    let line = Line::whole(sheet.fonts.face(style.weight), words).spaced(0.05);
    let (width, height) = (line.width * style.size + 34.0, 33.0);
    sheet.skip(19.0);
    let (x, y) = (column.right - width - 4.0, sheet.y);
    let turn = Some((TILT, x + width / 2.0, y + height / 2.0));
    for (inset, border) in [(0.0, 2.2), (3.6, 0.7)] {
        let (width, height) = (width - 2.0 * inset, height - 2.0 * inset);
        let shape = Shape::Box { width, height, fill: None, border: Some((border, colour)) };
        sheet.put(Mark { x: x + inset, y: y + inset, shape, turn });
    }
    let baseline = y + (height - style.leading()) / 2.0 + style.baseline();
    let node = sheet.turned_text(line, style, (x + 17.0, baseline), turn);
    sheet.skip(height + 14.0);
    Node::group(Tag::P, vec![node])
}

fn stamp_colour(stamp: Stamp) -> Colour {
    match stamp {
        Stamp::Pending => WARNING,
        Stamp::Paid => [11, 122, 75],
        Stamp::Void => [180, 35, 24],
        Stamp::PartlyRefunded | Stamp::Refunded => [91, 61, 184],
    }
}

/// Labels with their values, between two rules.
pub(super) fn facts(sheet: &mut Sheet<'_>, facts: &[(&'static str, String)]) -> Node {
    sheet.rule();
    sheet.skip(8.0);
    let mut items = Vec::new();
    for row in facts.chunks(FACTS_IN_A_ROW) {
        items.extend(facts_row(sheet, row));
    }
    sheet.skip(8.0);
    sheet.rule();
    Node::group(Tag::L(ListNumbering::None), items)
}

fn facts_row(sheet: &mut Sheet<'_>, facts: &[(&'static str, String)]) -> Vec<Node> {
    sheet.need(LABEL.leading() + BODY.leading() + 10.0);
    let columns = thirds();
    let labels: Vec<_> =
        facts.iter().zip(columns).map(|((label, _), column)| (*label, LABEL, column)).collect();
    let values: Vec<_> =
        facts.iter().zip(columns).map(|((_, value), column)| (value.as_str(), BODY, column)).collect();
    sheet.skip(5.0);
    let labels = sheet.row(&labels, 0.0);
    let values = sheet.row(&values, 0.0);
    sheet.skip(5.0);
    let item = |(label, value)| {
        let parts = vec![Node::group(Tag::Lbl, label), Node::group(Tag::LBody, value)];
        Node::group(Tag::LI, parts)
    };
    labels.into_iter().zip(values).map(item).collect()
}

fn thirds() -> [Column; FACTS_IN_A_ROW] {
    let width = (RIGHT - LEFT - 2.0 * GAP) / 3.0;
    [0.0, 1.0, 2.0].map(|index| {
        let left = LEFT + index * (width + GAP);
        Column { left, right: left + width, to_right: false }
    })
}

/// Something that has to be known, marked at its side.
pub(super) fn note(sheet: &mut Sheet<'_>, text: &str) -> Node {
    sheet.skip(14.0);
    sheet.need(BODY.leading() + 12.0);
    let (top, page) = (sheet.y, sheet.pages.len());
    let cells = [(text, BODY, Column { left: LEFT + 12.0, ..FULL })];
    let nodes = sheet.row(&cells, 5.0).into_iter().flatten().collect();
    if sheet.pages.len() == page {
        sheet.fill((LEFT, top), (3.0, sheet.y - top), WARNING);
    }
    Node::group(Tag::P, nodes)
}
