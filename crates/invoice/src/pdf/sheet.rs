//! Pages that are being filled from the top: what stands where, before anything is drawn.

use super::face::{Fonts, Weight};
use super::paragraph::{Line, wrap};
use krilla::tagging::TagKind;

/// A4, in points.
pub(super) const WIDTH: f32 = 595.28;
/// A4, in points.
pub(super) const HEIGHT: f32 = 841.89;
/// Where text begins.
pub(super) const LEFT: f32 = 56.0;
/// Where text ends.
pub(super) const RIGHT: f32 = WIDTH - LEFT;
const RULE: Colour = [213, 220, 227];
const TOP: f32 = 48.0;
const BOTTOM: f32 = HEIGHT - 72.0;
/// A line's height, as a multiple of the size of its text.
const LEADING: f32 = 1.45;
/// The height of a capital, as a part of the size.
const CAPITAL: f32 = 0.727;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub weight: Weight,
    /// In points.
    pub size: f32,
    pub colour: Colour,
}

impl Style {
    /// The height of its line, in points.
    pub(super) fn leading(self) -> f32 {
        self.size * LEADING
    }

    /// How far the baseline lies under the top of the line: capitals stand in its middle.
    pub(super) fn baseline(self) -> f32 {
        f32::midpoint(self.leading(), self.size * CAPITAL)
    }
}

/// A column of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub left: f32,
    pub right: f32,
    /// Text stands at its right side.
    pub to_right: bool,
}

/// Text in its style and column.
pub(super) type Cell<'a> = (&'a str, Style, Column);

/// The whole width of the page.
pub(super) const FULL: Column = Column { left: LEFT, right: RIGHT, to_right: false };

/// What is seen at one place.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// The text with this number in the structure; without one it repeats what was said before.
    Text { id: Option<usize>, line: Line, style: Style },
    /// Decoration: from the place to the right and down.
    Box { width: f32, height: f32, fill: Option<Colour>, border: Option<(f32, Colour)> },
}

/// A shape at its place.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// From the left, in points.
    pub x: f32,
    /// From the top, in points; a text's baseline.
    pub y: f32,
    pub shape: Shape,
    /// Turned by so many degrees around this point.
    pub turn: Option<(f32, f32, f32)>,
}

/// Marks to be repeated on a later page.
pub(super) struct Stencil {
    marks: Vec<Mark>,
    top: f32,
    height: f32,
}

/// The structure that a reader hears: texts by their numbers, in groups with a meaning.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(usize),
    Group(TagKind, Vec<Node>),
}

impl Node {
    pub(super) fn group(tag: impl Into<TagKind>, children: Vec<Self>) -> Self {
        Self::Group(tag.into(), children)
    }
}

/// The pages.
pub(super) struct Sheet<'a> {
    pub fonts: &'a Fonts,
    pub pages: Vec<Vec<Mark>>,
    /// Where the next thing goes on the last page.
    pub y: f32,
    texts: usize,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(fonts: &'a Fonts) -> Self {
        Self { fonts, pages: vec![Vec::new()], y: TOP, texts: 0 }
    }

    /// How many texts there are.
    pub(super) fn texts(&self) -> usize {
        self.texts
    }

    /// Begins another page, and says so, where `height` does not fit onto this one. What is higher
    /// than a page asks for one of its own.
    pub(super) fn need(&mut self, height: f32) -> bool {
        let full = self.y + height.min(BOTTOM - TOP) > BOTTOM && self.y > TOP;
        if full {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        full
    }

    /// Goes down by `height`.
    pub(super) fn skip(&mut self, height: f32) {
        self.y += height;
    }

    /// Puts a mark onto the last page.
    pub(super) fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Decoration at a place on the last page.
    pub(super) fn fill(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), colour: Colour) {
        let shape = Shape::Box { width, height, fill: Some(colour), border: None };
        self.put(Mark { x, y, shape, turn: None });
    }

    /// A thin line across the page.
    pub(super) fn rule(&mut self) {
        self.fill((LEFT, self.y), (RIGHT - LEFT, 0.7), RULE);
    }

    /// What stands on the last page from `top` down to here, to be repeated.
    pub(super) fn stencil(&self, top: f32) -> Stencil {
        let below = self.pages.last().into_iter().flatten().filter(|mark| mark.y >= top);
        Stencil { marks: below.cloned().collect(), top, height: self.y - top }
    }

    /// Repeats it here, for the eye alone: the structure has it once.
    pub(super) fn repeat(&mut self, stencil: &Stencil) {
        for mark in &stencil.marks {
            let mut mark = mark.clone();
            mark.y += self.y - stencil.top;
            if let Shape::Text { id, .. } = &mut mark.shape {
                *id = None;
            }
            self.put(mark);
        }
        self.skip(stencil.height);
    }

    /// A line of text with its baseline at `y`.
    pub(super) fn text(&mut self, line: Line, style: Style, (x, y): (f32, f32)) -> Node {
        self.turned_text(line, style, (x, y), None)
    }

    /// The same, turned.
    pub(super) fn turned_text(
        &mut self,
        line: Line,
        style: Style,
        (x, y): (f32, f32),
        turn: Option<(f32, f32, f32)>,
    ) -> Node {
        let id = self.texts;
        self.texts += 1;
        self.put(Mark { x, y, shape: Shape::Text { id: Some(id), line, style }, turn });
        Node::Text(id)
    }

    /// `text` in the lines that `column` gives it.
    pub(super) fn lines(&self, text: &str, style: Style, column: Column) -> Vec<Line> {
        wrap(self.fonts.face(style.weight), text, (column.right - column.left) / style.size)
    }

    /// A line in a column, at the current height, which stays.
    pub(super) fn line_in(&mut self, line: Line, style: Style, column: Column) -> Node {
        let x = if column.to_right { column.right - line.width * style.size } else { column.left };
        let y = self.y + style.baseline();
        self.text(line, style, (x, y))
    }

    /// `text` in a column, going down, over pages if need be.
    pub(super) fn paragraph(&mut self, text: &str, style: Style, column: Column) -> Vec<Node> {
        let mut nodes = Vec::new();
        for line in self.lines(text, style, column) {
            self.need(style.leading());
            nodes.push(self.line_in(line, style, column));
            self.skip(style.leading());
        }
        nodes
    }

    /// Texts beside each other in columns, each with its style, going down by the longest. A row that
    /// fits onto a page is not broken.
    pub(super) fn row(&mut self, cells: &[Cell<'_>], padding: f32) -> Vec<Vec<Node>> {
        self.need(self.row_height(cells, padding));
        let mut lines: Vec<_> = self.wrapped(cells).into_iter().map(Vec::into_iter).collect();
        let count = lines.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let mut nodes = vec![Vec::new(); cells.len()];
        self.skip(padding);
        for _ in 0..count {
            self.need(leading(cells));
            for (((_, style, column), lines), nodes) in cells.iter().zip(&mut lines).zip(&mut nodes) {
                nodes.extend(lines.next().map(|line| self.line_in(line, *style, *column)));
            }
            self.skip(leading(cells));
        }
        self.skip(padding);
        nodes
    }

    /// How far down [`Self::row`] goes.
    #[expect(clippy::cast_precision_loss, reason = "lines of text")]
    pub(super) fn row_height(&self, cells: &[Cell<'_>], padding: f32) -> f32 {
        let count = self.wrapped(cells).iter().map(Vec::len).max().unwrap_or(0);
        count as f32 * leading(cells) + 2.0 * padding
    }

    fn wrapped(&self, cells: &[Cell<'_>]) -> Vec<Vec<Line>> {
        cells.iter().map(|(text, style, column)| self.lines(text, *style, *column)).collect()
    }
}

fn leading(cells: &[Cell<'_>]) -> f32 {
    cells.iter().map(|(_, style, _)| style.leading()).fold(0.0, f32::max)
}
