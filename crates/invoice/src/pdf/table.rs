//! Tables: of what is paid for, and of taxes.

use super::layout::{BODY, LABEL, QUIET, STRONG, TINT};
use super::parts::GAP;
use super::sheet::{Column, LEFT, Node, RIGHT, Sheet, Stencil, Style};
use crate::content::{Table, Total};
use krilla::tagging::{TableHeaderScope, Tag};
use std::num::NonZeroU32;

/// Between the text of a table and its edge.
const INSET: f32 = 8.0;
/// Above and below the text of a row.
const PADDING: f32 = 6.0;
/// The widest amount: twelve digits with their dots and currency.
const AMOUNT: f32 = 122.0;
const RATE: f32 = 58.0;

/// Headings on a tint, rows with rules under them, and the totals at the right.
pub(super) fn table(sheet: &mut Sheet<'_>, table: &Table, totals: &[Total]) -> Node {
    let columns = columns(table.headings.len());
    let (head, stencil) = head(sheet, &table.headings, &columns);
    let mut rows = Vec::new();
    for row in &table.rows {
        let cells: Vec<_> =
            row.iter().zip(&columns).map(|(cell, column)| (cell.as_str(), BODY, *column)).collect();
        if sheet.need(sheet.row_height(&cells, PADDING)) {
            sheet.repeat(&stencil);
        }
        rows.push(row_node(sheet.row(&cells, PADDING)));
        sheet.rule();
    }
    let mut parts = vec![Node::group(Tag::THead, vec![head]), Node::group(Tag::TBody, rows)];
    if !totals.is_empty() {
        sheet.skip(6.0);
        let totals = totals.iter().map(|total| total_row(sheet, total, columns.len())).collect();
        parts.push(Node::group(Tag::TFoot, totals));
    }
    Node::group(Tag::Table, parts)
}

/// The headings, and what repeats them on the next page.
fn head(sheet: &mut Sheet<'_>, headings: &[&'static str], columns: &[Column]) -> (Node, Stencil) {
    let height = LABEL.leading() + 10.0;
    // With the first row, or at the top of the next page.
    sheet.need(height + BODY.leading() + 2.0 * PADDING);
    let top = sheet.y;
    sheet.fill((LEFT, top), (RIGHT - LEFT, height), TINT);
    let cells: Vec<_> = headings.iter().zip(columns).map(|(text, column)| (*text, LABEL, *column)).collect();
    let cells = sheet.row(&cells, 5.0).into_iter();
    let cells = cells.map(|cell| Node::group(Tag::TH(TableHeaderScope::Column), cell)).collect();
    (Node::group(Tag::TR, cells), sheet.stencil(top))
}

/// A row whose first cell says what the others are of.
fn row_node(cells: Vec<Vec<Node>>) -> Node {
    let cell = |(index, cell)| match index {
        0 => Node::group(Tag::TH(TableHeaderScope::Row), cell),
        _ => Node::group(Tag::TD, cell),
    };
    Node::group(Tag::TR, cells.into_iter().enumerate().map(cell).collect())
}

fn total_row(sheet: &mut Sheet<'_>, total: &Total, columns: usize) -> Node {
    let right = RIGHT - INSET;
    let amount = Column { left: right - 150.0, right, to_right: true };
    let label = Column { left: LEFT + INSET, right: amount.left - GAP, to_right: true };
    let (words, figures) =
        if total.strong { (STRONG, STRONG) } else { (Style { colour: QUIET, ..BODY }, BODY) };
    let cells = sheet.row(&[(total.label, words, label), (&total.amount, figures, amount)], 3.0);
    let mut cells = cells.into_iter();
    let span = u32::try_from(columns.saturating_sub(1)).ok().and_then(NonZeroU32::new);
    let label = Tag::TH(TableHeaderScope::Row).with_col_span(span.filter(|span| span.get() > 1));
    let label = Node::group(label, cells.next().unwrap_or_default());
    Node::group(Tag::TR, vec![label, Node::group(Tag::TD, cells.next().unwrap_or_default())])
}

/// The last columns hold amounts, the one before them a rate, and the first takes what is left.
fn columns(count: usize) -> Vec<Column> {
    let mut widths = vec![AMOUNT; count.saturating_sub(1)];
    if count > 2 {
        widths[0] = RATE;
    }
    let mut right = RIGHT - INSET;
    let mut columns = Vec::new();
    for width in widths.into_iter().rev() {
        columns.push(Column { left: right - width, right, to_right: true });
        right -= width + GAP;
    }
    columns.push(Column { left: LEFT + INSET, right, to_right: false });
    columns.reverse();
    columns
}
