//! JSON, read by itself: most of what a gate is asked about is JSON, and a reader that need not think of all of YAML takes an eighth
//! of the time. In: text. Out: the tree that the reader of YAML makes of it, place for place, or nothing where that is not certain:
//! then that reader is asked. What it does not do: find fault.

use std::sync::Arc;

use super::{MAX_DEPTH, Node, Start, Value, twice};

/// Values of one text, far below what the reader of YAML takes, which counts more than values.
const MAX_VALUES: usize = 200_000;
/// Bytes of a key between its quotes: YAML gives up on keys longer than 1,024 characters.
const MAX_KEY: usize = 512;

/// The tree of a text that is one JSON object or list.
pub(super) fn document(text: &str) -> Option<Arc<Node>> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, line: 1, line_start: 0, longer: 0, values: 0 };
    reader.blanks();
    let node = match reader.peek()? {
        b'{' | b'[' => reader.value(0)?,
        _ => return None,
    };
    reader.blanks();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    line: u32,
    /// Where the line begins.
    line_start: usize,
    /// Bytes of this line beyond its characters: columns count these.
    longer: usize,
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn start(&self) -> Start {
        let column = (self.at - self.line_start).saturating_sub(self.longer) + 1;
        Start { line: self.line, column: super::number(column), byte: self.at }
    }

    /// Spaces and line feeds; of other blanks YAML may think otherwise.
    fn blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.line_start = self.at;
                self.longer = 0;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Arc<Node>> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return None;
        }
        let start = self.start();
        let value = match self.peek()? {
            b'{' => self.map(depth)?,
            b'[' => self.list(depth)?,
            b'"' => Value::Scalar { text: self.string(usize::MAX)?, plain: false },
            _ => Value::Scalar { text: self.word()?.to_owned(), plain: true },
        };
        Some(Node::new(value, start, self.at))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.take(b'[')?;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']').is_some() {
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']').is_some() {
                return Some(Value::List(items));
            }
            self.take(b',')?;
            self.blanks();
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.take(b'{')?;
        let mut pairs = Vec::new();
        self.blanks();
        if self.take(b'}').is_some() {
            return Some(Value::Map(pairs));
        }
        loop {
            self.values += 1;
            let start = self.start();
            let key = Value::Scalar { text: self.string(MAX_KEY)?, plain: false };
            let key = Node::new(key, start, self.at);
            // On the key's own line, as YAML wants it.
            self.take(b':')?;
            self.blanks();
            pairs.push((key, self.value(depth + 1)?));
            self.blanks();
            if self.take(b'}').is_some() {
                break;
            }
            self.take(b',')?;
            self.blanks();
        }
        // A key that stands twice is a fault, and the other reader's to tell.
        twice(&pairs).is_none().then_some(Value::Map(pairs))
    }

    /// A number, `true`, `false` or `null`, as it is written.
    fn word(&mut self) -> Option<&str> {
        let start = self.at;
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n');
        let rest = self.bytes.get(start..)?;
        let word = rest.get(..rest.iter().position(ends)?)?;
        if !matches!(word, b"true" | b"false" | b"null") && !is_number(word) {
            return None;
        }
        self.at += word.len();
        self.text.get(start..self.at)
    }

    /// The text between quotes, of at most so many bytes.
    fn string(&mut self, most: usize) -> Option<String> {
        self.take(b'"')?;
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let plain = rest.iter().position(|byte| !matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'))?;
        self.at += plain;
        if self.peek()? == b'"' {
            let text = self.text.get(start..self.at)?;
            self.at += 1;
            return (plain <= most).then(|| text.to_owned());
        }
        let mut text = self.text.get(start..self.at)?.to_owned();
        loop {
            match self.peek()? {
                b'"' => {
                    let length = self.at - start;
                    self.at += 1;
                    return (length <= most).then_some(text);
                }
                b'\\' => text.push(self.escaped()?),
                byte @ b' '..=b'~' => {
                    self.at += 1;
                    text.push(char::from(byte));
                }
                _ => {
                    let letter = self.text.get(self.at..)?.chars().next()?;
                    // What nobody sees, ends a line to some, or is none: control characters, marks of byte orders.
                    let seen = matches!(letter, '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..);
                    if !seen {
                        return None;
                    }
                    self.at += letter.len_utf8();
                    self.longer += letter.len_utf8() - 1;
                    text.push(letter);
                }
            }
        }
    }

    /// What an escape stands for; nothing of half a pair, which is a fault in YAML.
    fn escaped(&mut self) -> Option<char> {
        self.take(b'\\')?;
        let letter = self.peek()?;
        self.at += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                self.at += 4;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        })
    }
}

/// A number of JSON's grammar.
fn is_number(word: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = word.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    /// All that a tree says, its places too.
    fn told(node: &Node, out: &mut String) {
        let Node { line, column, start, end, depth, merged, size, .. } = node;
        out.push_str(&format!("{line}:{column} {start}..{end} {depth} {merged} {size} "));
        match &node.value {
            Value::Scalar { text, plain } => out.push_str(&format!("{text:?} {plain}\n")),
            Value::List(items) => {
                out.push_str("[\n");
                items.iter().for_each(|item| told(item, out));
                out.push_str("]\n");
            }
            Value::Map(pairs) => {
                out.push_str("{\n");
                for (key, value) in pairs {
                    told(key, out);
                    told(value, out);
                    assert_eq!(node.get(key.text().unwrap_or_default()).map(|found| found.start), Some(value.start));
                }
                out.push_str("}\n");
            }
        }
    }

    /// Whether this reader takes it; where it does the other one says the same, and finds no fault.
    fn agreed(text: &str) -> bool {
        let Some(ours) = document(text) else { return false };
        let (theirs, fault) = read(text, true);
        assert_eq!(fault, None, "{text:?}");
        assert_eq!(theirs.len(), 1, "{text:?}");
        let (mut one, mut other) = (String::new(), String::new());
        told(&ours, &mut one);
        told(&theirs[0], &mut other);
        assert_eq!(one, other, "{text:?}");
        true
    }

    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }

        fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
            texts[self.below(texts.len())]
        }
    }

    fn blank(chance: &mut Chance) -> &'static str {
        chance.of(&["", "", "", " ", "\n", "  ", "\n    ", " \n"])
    }

    const STRINGS: [&str; 22] = [
        "",
        "a",
        "name",
        "a b ",
        " a",
        "#x",
        "a: b",
        "- a",
        "<<",
        "&a",
        "*a",
        "!!str",
        "é",
        "漢字",
        "\u{1f600}",
        "\\n",
        "\\\"x\\\\",
        "\\u003c\\u0026",
        "\\u0000",
        "\\/\\b\\f\\r\\t",
        "null",
        "{{ .Values.x }}",
    ];

    fn value(chance: &mut Chance, depth: usize, out: &mut String) {
        match chance.below(if depth > 4 { 4 } else { 8 }) {
            0 | 1 => out.push_str(&format!("\"{}\"", chance.of(&STRINGS))),
            2 => out.push_str(chance.of(&["0", "-0", "1", "-12.5e+3", "1E9", "8080", "0.10", "1e-2"])),
            3 => out.push_str(chance.of(&["true", "false", "null"])),
            4 | 5 => {
                out.push('[');
                let count = chance.below(4);
                for at in 0..count {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(blank(chance));
                    value(chance, depth + 1, out);
                    out.push_str(blank(chance));
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                let count = if chance.below(20) == 0 { 20 } else { chance.below(5) };
                for at in 0..count {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(blank(chance));
                    out.push_str(&format!("\"{}{}\":", chance.of(&STRINGS), chance.below(1000)));
                    out.push_str(blank(chance));
                    value(chance, depth + 1, out);
                    out.push_str(blank(chance));
                }
                out.push('}');
            }
        }
    }

    #[test]
    fn both_readers_make_the_same_tree_of_json_and_of_what_is_nearly_json() {
        let mut chance = Chance(7);
        let (mut taken, mut nearly) = (0, 0);
        for _ in 0..4_000 {
            let mut text = blank(&mut chance).to_owned();
            value(&mut chance, 0, &mut text);
            text.push_str(blank(&mut chance));
            taken += usize::from(agreed(&text));
            // Something in it goes, comes or changes.
            for _ in 0..4 {
                let mut other: Vec<char> = text.chars().collect();
                let at = chance.below(other.len().max(1));
                let letter = chance.of(&[
                    "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\r", "#", "-", "0", "e", "'", "\u{85}",
                    "\u{2028}", "\u{feff}", "\u{7f}", "\u{1}", "\u{ffff}", "é", "!", "&", "*", "|", "?", "%", "@", "`",
                    "n",
                ]);
                match chance.below(3) {
                    0 => drop((at < other.len()).then(|| other.remove(at))),
                    1 => other.insert(at, letter.chars().next().unwrap()),
                    _ if at < other.len() => other[at] = letter.chars().next().unwrap(),
                    _ => {}
                }
                let other: String = other.into_iter().collect();
                nearly += usize::from(agreed(&other));
            }
        }
        assert!(taken > 1_500 && nearly > 1_500, "{taken} and {nearly}");
    }

    #[test]
    fn every_letter_that_is_taken_is_read_the_same() {
        let mut taken = 0;
        for letter in (0..=0x3000).chain(0xd7f0..0xe010).chain(0xfd00..0x10010).chain([0x1fffe, 0x10_ffff]) {
            let escape = if letter <= 0xffff { format!("\\u{letter:04x}") } else { "x".into() };
            taken += usize::from(agreed(&format!("{{\"a\": \"{escape}\", \"b\": 1}}")));
            let Some(letter) = char::from_u32(letter) else { continue };
            taken += usize::from(agreed(&format!("{{\"a\": \"x{letter}\", \"b\": [\"{letter}\"]}}")));
        }
        assert!(taken > 20_000, "{taken}");
    }

    #[test]
    fn what_the_other_reader_refuses_is_left_to_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(agreed(&nested(MAX_DEPTH)) && document(&nested(MAX_DEPTH + 1)).is_none());
        let keyed = |length: usize| format!("{{\"{}\": 1}}", "k".repeat(length));
        assert!(agreed(&keyed(MAX_KEY)) && document(&keyed(MAX_KEY + 1)).is_none());
        let many = |count: usize| format!("[{}1]", "1,".repeat(count));
        assert!(agreed(&many(MAX_VALUES - 2)) && document(&many(MAX_VALUES)).is_none());
        for text in [
            "{\"a\": 1, \"a\": 2}",
            "{\"a\": 1} {\"b\": 1}",
            "{\"a\": 1}\n---\n{}",
            "{\"a\": 1,}",
            "[1,]",
            "{a: 1}",
            "{\"a\" : 1}",
            "[01]",
            "[1.]",
            "[+1]",
            "[nan]",
            "[tru]",
            "{\"a\": \"\\x41\"}",
            "{\"a\": \"\\ud83d\\ude00\"}",
            "{\"a\":\t1}",
            "{\"a\": 1}\r\n",
            "1",
            "\"a\"",
            "",
            "{",
            "[\"",
            "{\"a\": 1} # x",
            "\u{feff}{}",
            "{\"a\": \"b\n  c\"}",
        ] {
            assert!(document(text).is_none(), "{text:?}");
        }
        let keys: String = (0..40).map(|at| format!("\"k{at}\": {at}, ")).collect();
        assert!(agreed(&format!("{{{keys}\"<<\": {{\"x\": 1}}}}")));
        assert!(document(&format!("{{{keys}\"k7\": 1}}")).is_none());
    }
}
