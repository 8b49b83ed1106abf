//! Reads the text out of a PDF as a viewer does: through the fonts' maps to Unicode, knowing nothing
//! of how it was written.

use flate2::read::ZlibDecoder;
use std::collections::HashMap;
use std::io::Read;

/// The pages' texts: what a reader hears, and what is decoration.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Texts with a place in the structure, in the order of drawing.
    pub(crate) texts: Vec<String>,
    /// Texts without.
    pub(crate) artifacts: Vec<String>,
    pub(crate) pages: usize,
}

impl Reading {
    /// Reads `pdf`; panics where it is none.
    pub(crate) fn of(pdf: &[u8]) -> Self {
        let mut reading = Self::default();
        for number in objects(pdf) {
            let page = object(pdf, number);
            if contains(page, b"/Type /Page\n") {
                reading.pages += 1;
                reading.page(pdf, page);
            }
        }
        reading
    }

    /// Everything, each text on its line.
    pub(crate) fn all(&self) -> String {
        self.texts.join("\n")
    }

    fn page(&mut self, pdf: &[u8], page: &[u8]) {
        let fonts = fonts(pdf, page);
        let mut scope = Scope::default();
        let mut operands = Vec::new();
        for token in tokens(&stream(pdf, reference(page, b"/Contents "))) {
            let Token::Word(operator) = token else {
                operands.push(token);
                continue;
            };
            match operator.as_str() {
                "BDC" | "BMC" => scope.enter(&operands),
                "EMC" => scope.leave(),
                "Tf" => scope.font.clone_from(&operands[0].name()),
                "Tj" | "TJ" => scope.show(&operands, &fonts[&scope.font]),
                "ET" if scope.artifact() => self.artifacts.push(std::mem::take(&mut scope.text)),
                "ET" => self.texts.push(std::mem::take(&mut scope.text)),
                _ => {}
            }
            operands.clear();
        }
    }
}

#[derive(Default)]
struct Scope {
    font: String,
    text: String,
    /// Of each marked content around: its name, and the text that stands for all in it.
    around: Vec<(String, Option<String>)>,
}

impl Scope {
    fn enter(&mut self, operands: &[Token]) {
        let actual = operands.iter().position(|token| token.name() == "ActualText");
        let actual = actual.map(|at| text_string(operands[at + 1].bytes()));
        self.text.push_str(actual.as_deref().unwrap_or_default());
        self.around.push((operands[0].name(), actual));
    }

    fn leave(&mut self) {
        self.around.pop();
    }

    fn artifact(&self) -> bool {
        self.around.iter().any(|(name, _)| name == "Artifact")
    }

    fn show(&mut self, operands: &[Token], map: &HashMap<u16, String>) {
        if self.around.iter().any(|(_, actual)| actual.is_some()) {
            return;
        }
        for pair in operands.iter().flat_map(|token| token.bytes().chunks(2)) {
            self.text.push_str(&map[&u16::from_be_bytes([pair[0], pair[1]])]);
        }
    }
}

enum Token {
    Name(String),
    Text(Vec<u8>),
    Word(String),
    Number,
}

impl Token {
    fn name(&self) -> String {
        if let Self::Name(name) = self { name.clone() } else { String::new() }
    }

    fn bytes(&self) -> &[u8] {
        if let Self::Text(bytes) = self { bytes } else { &[] }
    }
}

/// Brackets and numbers mean nothing here.
fn tokens(content: &[u8]) -> Vec<Token> {
    let mut rest = content;
    let mut tokens = Vec::new();
    while let Some((&first, after)) = rest.split_first() {
        match first {
            b'(' => {
                let (bytes, later) = literal(after);
                tokens.push(Token::Text(bytes));
                rest = later;
            }
            b'<' if after.starts_with(b"<") => rest = &after[1..],
            b'<' => {
                let end = find(after, b">").unwrap();
                tokens.push(Token::Text(hex(&after[..end])));
                rest = &after[end + 1..];
            }
            b'>' | b'[' | b']' => rest = after,
            _ if first.is_ascii_whitespace() => rest = after,
            _ => {
                let end = after.iter().position(|b| b.is_ascii_whitespace() || b"()<>[]/".contains(b));
                let end = end.map_or(rest.len(), |at| at + 1);
                tokens.push(word(&String::from_utf8_lossy(&rest[..end])));
                rest = &rest[end..];
            }
        }
    }
    tokens
}

fn word(text: &str) -> Token {
    match text.strip_prefix('/') {
        Some(name) => Token::Name(name.into()),
        None if text.parse::<f64>().is_ok() => Token::Number,
        None => Token::Word(text.into()),
    }
}

/// A string in parentheses (ISO 32000, part 7.3.4.2), from behind the first.
fn literal(content: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut bytes, mut at, mut depth) = (Vec::new(), 0, 0);
    loop {
        match content[at] {
            b')' if depth == 0 => return (bytes, &content[at + 1..]),
            b'\\' => {
                let digits = content[at + 1..].iter().take(3).take_while(|b| b.is_ascii_digit()).count();
                bytes.push(escaped(&content[at + 1..at + 1 + digits.max(1)]));
                at += digits.max(1);
            }
            byte => {
                depth += i32::from(byte == b'(') - i32::from(byte == b')');
                bytes.push(byte);
            }
        }
        at += 1;
    }
}

fn escaped(escape: &[u8]) -> u8 {
    match escape {
        b"n" => b'\n',
        b"r" => b'\r',
        b"t" => b'\t',
        b"b" => 8,
        b"f" => 12,
        [digit, ..] if digit.is_ascii_digit() => {
            u8::from_str_radix(std::str::from_utf8(escape).unwrap(), 8).unwrap()
        }
        other => other[0],
    }
}

fn hex(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// UTF-16 behind its mark, or ASCII.
fn text_string(bytes: &[u8]) -> String {
    bytes.strip_prefix(&[0xfe, 0xff]).map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), utf16)
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

/// Each font's map from codes to text.
fn fonts(pdf: &[u8], page: &[u8]) -> HashMap<String, HashMap<u16, String>> {
    let list = String::from_utf8_lossy(&page[find(page, b"/Font <<").unwrap() + 8..]).into_owned();
    let list = list.split(">>").next().unwrap().to_owned();
    let words: Vec<&str> = list.split_whitespace().collect();
    let font = |entry: &[&str]| {
        let font = object(pdf, entry[1].parse().unwrap());
        let map = stream(pdf, reference(font, b"/ToUnicode "));
        (entry[0].trim_start_matches('/').to_owned(), unicode(&String::from_utf8(map).unwrap()))
    };
    words.chunks(4).map(font).collect()
}

fn unicode(map: &str) -> HashMap<u16, String> {
    let lines = map.lines().filter_map(|line| line.strip_prefix('<')?.strip_suffix('>')?.split_once("> <"));
    let entry = |(code, text): (&str, &str)| {
        Some((u16::from_str_radix(code, 16).ok()?, utf16(&hex(text.as_bytes()))))
    };
    lines.filter_map(entry).collect()
}

fn objects(pdf: &[u8]) -> Vec<usize> {
    (1..100_000).take_while(|number| find(pdf, format!("\n{number} 0 obj\n").as_bytes()).is_some()).collect()
}

fn object(pdf: &[u8], number: usize) -> &[u8] {
    let start = find(pdf, format!("\n{number} 0 obj\n").as_bytes()).unwrap();
    &pdf[start..start + find(&pdf[start..], b"endobj").unwrap()]
}

fn stream(pdf: &[u8], number: usize) -> Vec<u8> {
    let object = object(pdf, number);
    let start = find(object, b"stream\n").unwrap() + 7;
    let bytes = &object[start..];
    if !contains(&object[..start], b"/FlateDecode") {
        return bytes[..find(bytes, b"endstream").unwrap()].to_vec();
    }
    let mut decoded = Vec::new();
    ZlibDecoder::new(bytes).read_to_end(&mut decoded).unwrap();
    decoded
}

fn reference(object: &[u8], key: &[u8]) -> usize {
    let start = find(object, key).unwrap() + key.len();
    let digits: Vec<u8> = object[start..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).unwrap().parse().unwrap()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

pub(crate) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    find(bytes, wanted).is_some()
}
