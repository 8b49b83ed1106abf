//! The laid-out pages, drawn.

use super::PdfError;
use super::face::{Fonts, Weight};
use super::layout::{ACCENT, LaidOut, SMALL};
use super::paragraph::Line;
use super::sheet::{Colour, HEIGHT, LEFT, Mark, Node, RIGHT, Shape, Style, WIDTH};
use krilla::color::rgb;
use krilla::configure::{Configuration, Validator};
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{self, ArtifactType, ContentTag, Identifier, SpanTag, TagGroup, TagTree};
use krilla::{Document, SerializeSettings};

const WATERMARK: Style = Style { weight: Weight::Bold, size: 190.0, colour: [238, 241, 244] };
const WATERMARK_TILT: f32 = -35.0;

/// Writes the PDF.
pub(super) fn draw(
    laid_out: &LaidOut<'_>,
    fonts: &Fonts,
    metadata: Metadata,
    title: String,
) -> Result<Vec<u8>, PdfError> {
    let mut document = Document::new_with(settings());
    document.set_metadata(metadata);
    let mut identifiers = vec![None; laid_out.sheet.texts()];
    for page in 0..laid_out.sheet.pages.len() {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| unwritable(&"page size"))?;
        let mut blank = document.start_page_with(settings);
        Pen { surface: blank.surface(), fonts }.page(laid_out, page, &mut identifiers);
    }
    document.set_outline(outline(title));
    document.set_tag_tree(tag_tree(&laid_out.structure, &mut identifiers));
    document.finish().map_err(|error| explain(&error))
}

fn settings() -> SerializeSettings {
    let configuration = Configuration::new_with_validator(Validator::UA1);
    SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() }
}

/// PDF/UA asks for one, even of a single page.
fn outline(title: String) -> Outline {
    let mut outline = Outline::new();
    outline.push_child(OutlineNode::new(title, XyzDestination::new(0, Point::from_xy(0.0, 0.0))));
    outline
}

fn tag_tree(structure: &[Node], identifiers: &mut [Option<Identifier>]) -> TagTree {
    let nodes = structure.iter().filter_map(|node| tag(node, identifiers));
    TagTree::from(nodes.collect::<Vec<_>>())
}

fn tag(node: &Node, identifiers: &mut [Option<Identifier>]) -> Option<tagging::Node> {
    match node {
        Node::Text(id) => identifiers.get_mut(*id).and_then(Option::take).map(tagging::Node::from),
        Node::Group(kind, children) => {
            let children = children.iter().filter_map(|child| tag(child, identifiers)).collect();
            Some(TagGroup::with_children(kind.clone(), children).into())
        }
    }
}

fn explain(error: &KrillaError) -> PdfError {
    match error {
        KrillaError::Font(..) => PdfError::Font,
        other => unwritable(other),
    }
}

fn unwritable(what: &dyn std::fmt::Debug) -> PdfError {
    PdfError::Unwritable(format!("{what:?}"))
}

/// Draws onto one page.
struct Pen<'a, 'b> {
    surface: Surface<'a>,
    fonts: &'b Fonts,
}

impl Pen<'_, '_> {
    fn page(mut self, laid_out: &LaidOut<'_>, page: usize, identifiers: &mut [Option<Identifier>]) {
        self.backdrop(laid_out);
        for mark in &laid_out.sheet.pages[page] {
            self.mark(mark, identifiers);
        }
        self.footer(laid_out, page + 1);
    }

    fn mark(&mut self, mark: &Mark, identifiers: &mut [Option<Identifier>]) {
        if let Some((degrees, x, y)) = mark.turn {
            self.surface.push_transform(&Transform::from_rotate_at(degrees, x, y));
        }
        match &mark.shape {
            Shape::Text { id: Some(id), line, style } => {
                // Readers take the letters of turned text one by one, so its words are named.
                let words = mark.turn.map(|_| line.text.as_str());
                let span = SpanTag::empty().with_actual_text(words);
                identifiers[*id] = Some(self.surface.start_tagged(ContentTag::Span(span)));
                self.text(line, *style, (mark.x, mark.y), false);
                self.surface.end_tagged();
            }
            Shape::Text { id: None, line, style } => {
                self.decorate(ArtifactType::Other, |pen| pen.text(line, *style, (mark.x, mark.y), false));
            }
            Shape::Box { width, height, fill, border } => {
                self.decorate(ArtifactType::Other, |pen| {
                    pen.rectangle((mark.x, mark.y), (*width, *height), *fill, *border);
                });
            }
        }
        if mark.turn.is_some() {
            self.surface.pop();
        }
    }

    /// What carries no meaning of its own, and is not read out.
    fn decorate(&mut self, kind: ArtifactType, draw: impl FnOnce(&mut Self)) {
        self.surface.start_tagged(ContentTag::Artifact(kind));
        draw(self);
        self.surface.end_tagged();
    }

    fn text(&mut self, line: &Line, style: Style, (x, y): (f32, f32), outlined: bool) {
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(paint(style.colour)));
        let font = self.fonts.face(style.weight).font();
        self.surface.draw_glyphs(Point::from_xy(x, y), &line.glyphs, font, &line.text, style.size, outlined);
    }

    fn rectangle(
        &mut self,
        (x, y): (f32, f32),
        (width, height): (f32, f32),
        fill: Option<Colour>,
        border: Option<(f32, Colour)>,
    ) {
        let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
        let mut path = PathBuilder::new();
        path.push_rect(rect);
        let Some(path) = path.finish() else { return };
        self.surface.set_fill(fill.map(paint));
        self.surface.set_stroke(border.map(|(width, colour)| stroke(width, colour)));
        self.surface.draw_path(&path);
    }

    fn backdrop(&mut self, laid_out: &LaidOut<'_>) {
        self.decorate(ArtifactType::Page, |pen| {
            pen.rectangle((0.0, 0.0), (WIDTH, 7.0), Some(ACCENT), None);
        });
        if let Some(word) = laid_out.watermark {
            self.decorate(ArtifactType::Page, |pen| pen.watermark(word));
        }
    }

    /// As outlines, not as text: it must not get between the words that someone selects.
    fn watermark(&mut self, word: &str) {
        let line = Line::whole(self.fonts.face(WATERMARK.weight), word);
        let size = WATERMARK.size;
        let (x, y) = ((WIDTH - line.width * size) / 2.0, HEIGHT / 2.0 + size * 0.36);
        let turn = Transform::from_rotate_at(WATERMARK_TILT, WIDTH / 2.0, HEIGHT / 2.0);
        self.surface.push_transform(&turn);
        self.text(&line, WATERMARK, (x, y), true);
        self.surface.pop();
    }

    fn footer(&mut self, laid_out: &LaidOut<'_>, page: usize) {
        let (words, of) = laid_out.page_words;
        let number = format!("{words} {page} {of} {}", laid_out.sheet.pages.len());
        let face = self.fonts.face(SMALL.weight);
        let number = Line::whole(face, &number);
        let room = RIGHT - LEFT - number.width * SMALL.size - 20.0;
        let left = super::paragraph::wrap(face, &laid_out.footer, room / SMALL.size).into_iter().next();
        let y = HEIGHT - 40.0;
        self.decorate(ArtifactType::Footer, |pen| {
            if let Some(line) = left {
                pen.text(&line, SMALL, (LEFT, y), false);
            }
            let x = RIGHT - number.width * SMALL.size;
            pen.text(&number, SMALL, (x, y), false);
        });
    }
}

fn paint(colour: Colour) -> Fill {
    let [red, green, blue] = colour;
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

fn stroke(width: f32, colour: Colour) -> Stroke {
    let [red, green, blue] = colour;
    Stroke { paint: rgb::Color::new(red, green, blue).into(), width, ..Stroke::default() }
}
