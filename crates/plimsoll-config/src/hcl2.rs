//! HCL 2 (Terraform's language). In: text. Out: attributes and blocks as maps: a block's labels nest, its bodies are a list;
//! what is more than a literal stays as its text in `${…}`, as conftest's converter has it.
//!
//! Nothing is evaluated: no variable, function or file is looked up. <https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md>

mod convert;
mod template;

use std::collections::BTreeMap;

use crate::cursor::Cursor;
use crate::{Fault, Made, Value, deep};

/// An expression and the bytes it stands in.
#[derive(Debug, Clone)]
struct Expr {
    start: usize,
    end: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    /// A piece of a template.
    Text(String),
    Template(Vec<Expr>),
    /// A template of one interpolation.
    Wrap(Box<Expr>),
    Tuple(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Conditional {
        condition: (usize, usize),
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    Join {
        key: String,
        value: String,
        collection: (usize, usize),
        body: Box<Expr>,
    },
    /// A name with its attributes and constant indices.
    Traversal,
    Other,
}

/// A body: attributes, and blocks with their types and labels, in order.
#[derive(Debug, Default)]
struct Body {
    attributes: BTreeMap<String, Expr>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    kind: String,
    labels: Vec<String>,
    body: Body,
    at: usize,
}

pub fn read(text: &str) -> Result<Value, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { cursor: Cursor::new(text), made: Made::default(), depth: 0, lines: true };
    let body = parser.body(false)?;
    convert::body(text, &body).map(Value::Map)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    made: Made,
    depth: usize,
    /// Line ends mean something here.
    lines: bool,
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// The operator that a text begins with, and how strong it binds.
fn operator(text: &str) -> Option<(&'static str, usize)> {
    const LEVELS: &[(&str, usize)] = &[
        ("||", 0),
        ("&&", 1),
        ("==", 2),
        ("!=", 2),
        (">=", 3),
        ("<=", 3),
        (">", 3),
        ("<", 3),
        ("+", 4),
        ("-", 4),
        ("*", 5),
        ("/", 5),
        ("%", 5),
    ];
    LEVELS.iter().find(|(operator, _)| text.starts_with(operator)).copied()
}

impl<'a> Parser<'a> {
    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(self.cursor.fault(message))
    }

    /// Passes white space and comments; line ends only where they mean nothing.
    fn space(&mut self) -> Result<(), Fault> {
        loop {
            let lines = self.lines;
            self.cursor.take_while(|c| matches!(c, ' ' | '\t' | '\r') || !lines && c == '\n');
            let start = self.cursor.at;
            let rest = self.cursor.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.cursor.take_while(|c| c != '\n');
            } else if self.cursor.take("/*") {
                let Some(end) = self.cursor.rest().find("*/") else {
                    return Err(self.cursor.fault_at(start, "Unterminated comment"));
                };
                self.cursor.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// Takes a word of punctuation behind white space.
    fn take(&mut self, word: &str) -> Result<bool, Fault> {
        self.space()?;
        Ok(self.cursor.take(word))
    }

    fn expect(&mut self, word: &str, why: &str) -> Result<(), Fault> {
        match self.take(word)? {
            true => Ok(()),
            false => self.fault(why),
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        self.cursor.peek().filter(|c| starts_name(*c))?;
        Some(self.cursor.take_while(in_name))
    }

    /// With line ends taken as said.
    fn with_lines<T>(&mut self, lines: bool, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let (before, depth) = (std::mem::replace(&mut self.lines, lines), self.depth);
        self.depth += 1;
        let done = deep(self.depth).map_err(|message| self.cursor.fault(message)).and_then(|()| inner(self));
        self.depth = depth;
        self.lines = before;
        done
    }

    fn body(&mut self, inner: bool) -> Result<Body, Fault> {
        let mut body = Body::default();
        loop {
            self.space()?;
            if self.cursor.take("\n") {
                continue;
            }
            if inner && self.cursor.take("}") {
                return Ok(body);
            }
            if self.cursor.ended() {
                return match inner {
                    true => self.fault("Unclosed configuration block"),
                    false => Ok(body),
                };
            }
            self.item(&mut body, false)?;
        }
    }

    /// An attribute or a block; of a block in one line nothing ends the attribute but its brace.
    fn item(&mut self, body: &mut Body, one_line: bool) -> Result<(), Fault> {
        let at = self.cursor.at;
        let Some(name) = self.name() else { return self.fault("Argument or block definition required") };
        self.made.one().map_err(|message| self.cursor.fault(message))?;
        self.space()?;
        let rest = self.cursor.rest();
        if rest.starts_with('=') && !rest.starts_with("==") {
            self.cursor.next();
            if body.attributes.contains_key(name) {
                return Err(self.cursor.fault_at(at, format!("Attribute redefined: {name}")));
            }
            let value = self.expression()?;
            self.space()?;
            let ended =
                self.cursor.ended() || self.cursor.take("\n") || one_line && self.cursor.rest().starts_with('}');
            if !ended {
                return self.fault("Missing newline after argument");
            }
            body.attributes.insert(name.to_owned(), value);
            return Ok(());
        }
        if one_line {
            return self.fault("Invalid single-argument block definition");
        }
        let mut labels = Vec::new();
        loop {
            self.space()?;
            if self.cursor.take("{") {
                break;
            }
            let made = deep(self.depth + labels.len()).and_then(|()| self.made.one());
            made.map_err(|message| self.cursor.fault(message))?;
            if self.cursor.rest().starts_with('"') {
                let label = self.string()?;
                labels.push(match label.kind {
                    Kind::Template(parts) => match parts.as_slice() {
                        [Expr { kind: Kind::Text(text), .. }] => text.clone(),
                        _ => return Err(self.cursor.fault_at(label.start, "Invalid string template in a label")),
                    },
                    _ => return Err(self.cursor.fault_at(label.start, "Invalid string template in a label")),
                });
            } else if let Some(label) = self.name() {
                labels.push(label.to_owned());
            } else {
                return self.fault("Invalid block definition: a label, an opening brace or = is expected");
            }
        }
        // Each label nests what is in the block.
        self.depth += labels.len();
        let block = self.with_lines(true, |parser| {
            parser.space()?;
            if parser.cursor.take("\n") {
                return parser.body(true);
            }
            let mut body = Body::default();
            if parser.cursor.take("}") {
                return Ok(body);
            }
            parser.item(&mut body, true)?;
            parser.space()?;
            match parser.cursor.take("}") {
                true => Ok(body),
                false => parser.fault("Invalid single-argument block definition"),
            }
        })?;
        self.depth -= labels.len();
        self.space()?;
        if !(self.cursor.ended() || self.cursor.take("\n") || self.cursor.rest().starts_with('}')) {
            return self.fault("Missing newline after block definition");
        }
        body.blocks.push(Block { kind: name.to_owned(), labels, body: block, at });
        Ok(())
    }

    fn expression(&mut self) -> Result<Expr, Fault> {
        let lines = self.lines;
        self.with_lines(lines, Parser::conditional)
    }

    fn conditional(&mut self) -> Result<Expr, Fault> {
        let condition = self.binary(0)?;
        if !self.take("?")? {
            return Ok(condition);
        }
        let yes = self.expression()?;
        self.expect(":", "Missing false expression in conditional")?;
        let no = self.expression()?;
        Ok(Expr {
            start: condition.start,
            end: no.end,
            kind: Kind::Conditional {
                condition: (condition.start, condition.end),
                yes: Box::new(yes),
                no: Box::new(no),
            },
        })
    }

    /// Operands and operators that bind at least as strong as a level; the higher, the stronger.
    fn binary(&mut self, least: usize) -> Result<Expr, Fault> {
        let mut left = self.postfix()?;
        loop {
            self.space()?;
            let Some((operator, level)) = operator(self.cursor.rest()).filter(|(_, level)| *level >= least) else {
                return Ok(left);
            };
            self.cursor.at += operator.len();
            let right = self.binary(level + 1)?;
            left = Expr { start: left.start, end: right.end, kind: Kind::Other };
        }
    }

    fn postfix(&mut self) -> Result<Expr, Fault> {
        let mut expr = self.term()?;
        loop {
            let before = self.cursor.at;
            self.space()?;
            if self.cursor.rest().starts_with("...") {
                self.cursor.at = before;
                return Ok(expr);
            }
            let was_traversal = matches!(expr.kind, Kind::Traversal);
            if self.cursor.take(".") {
                self.space()?;
                let splat = self.cursor.take("*");
                let digits = !splat && self.cursor.peek().is_some_and(|c| c.is_ascii_digit());
                if digits {
                    self.cursor.take_while(|c| c.is_ascii_digit());
                } else if !splat && self.name().is_none() {
                    return self.fault("Invalid attribute name");
                }
                let kind = if splat || !was_traversal { Kind::Other } else { Kind::Traversal };
                expr = Expr { start: expr.start, end: self.cursor.at, kind };
            } else if self.cursor.take("[") {
                let constant = self.with_lines(false, |parser| {
                    parser.space()?;
                    if parser.cursor.take("*") {
                        parser.expect("]", "Missing close bracket on splat index")?;
                        return Ok(false);
                    }
                    let index = parser.expression()?;
                    parser.expect("]", "Missing close bracket on index")?;
                    Ok(match &index.kind {
                        Kind::Number(_) => true,
                        Kind::Template(parts) => matches!(parts.as_slice(), [Expr { kind: Kind::Text(_), .. }]),
                        _ => false,
                    })
                })?;
                let kind = if constant && was_traversal { Kind::Traversal } else { Kind::Other };
                expr = Expr { start: expr.start, end: self.cursor.at, kind };
            } else {
                self.cursor.at = before;
                return Ok(expr);
            }
        }
    }

    fn term(&mut self) -> Result<Expr, Fault> {
        self.space()?;
        self.made.one().map_err(|message| self.cursor.fault(message))?;
        let start = self.cursor.at;
        let done = |parser: &Self, kind: Kind| Ok(Expr { start, end: parser.cursor.at, kind });
        let Some(c) = self.cursor.peek() else { return self.fault("Missing expression") };
        match c {
            '0'..='9' => {
                let text = self.number();
                done(self, Kind::Number(text))
            }
            '"' => self.string(),
            '<' if self.cursor.rest().starts_with("<<") => self.heredoc(),
            '(' => {
                self.cursor.next();
                self.with_lines(false, |parser| {
                    parser.expression()?;
                    parser.expect(")", "Unbalanced parentheses")
                })?;
                done(self, Kind::Other)
            }
            '[' => self.tuple(),
            '{' => self.object(),
            '-' | '!' => {
                self.cursor.next();
                let lines = self.lines;
                let operand = self.with_lines(lines, Parser::postfix)?;
                let end = operand.end;
                let operand = Box::new(operand);
                let kind = if c == '-' { Kind::Negative(operand) } else { Kind::Not(operand) };
                Ok(Expr { start, end, kind })
            }
            c if starts_name(c) => {
                let name = self.name().unwrap_or_default();
                match name {
                    "true" => return done(self, Kind::Bool(true)),
                    "false" => return done(self, Kind::Bool(false)),
                    "null" => return done(self, Kind::Null),
                    _ => {}
                }
                while self.cursor.rest().starts_with("::") {
                    self.cursor.at += 2;
                    if self.name().is_none() {
                        return self.fault("Invalid name of a function");
                    }
                }
                let after = self.cursor.at;
                self.space()?;
                if self.cursor.take("(") {
                    self.arguments()?;
                    return done(self, Kind::Other);
                }
                self.cursor.at = after;
                done(self, Kind::Traversal)
            }
            _ => self.fault("Invalid expression"),
        }
    }

    fn number(&mut self) -> String {
        let start = self.cursor.at;
        self.cursor.take_while(|c| c.is_ascii_digit());
        let point =
            self.cursor.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if point {
            self.cursor.at += 1;
            self.cursor.take_while(|c| c.is_ascii_digit());
        }
        let rest = self.cursor.rest();
        if rest.starts_with(['e', 'E']) {
            let sign = usize::from(rest[1..].starts_with(['+', '-']));
            if rest[1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                self.cursor.at += 1 + sign;
                self.cursor.take_while(|c| c.is_ascii_digit());
            }
        }
        self.cursor.text[start..self.cursor.at].to_owned()
    }

    fn arguments(&mut self) -> Result<(), Fault> {
        self.with_lines(false, |parser| {
            loop {
                if parser.take(")")? {
                    return Ok(());
                }
                parser.expression()?;
                if parser.take("...")? {
                    return parser.expect(")", "Missing closing parenthesis");
                }
                if parser.take(")")? {
                    return Ok(());
                }
                parser.expect(",", "Missing argument separator")?;
            }
        })
    }

    fn tuple(&mut self) -> Result<Expr, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let kind = self.with_lines(false, |parser| {
            if parser.is_for()? {
                parser.for_head()?;
                parser.expression()?;
                parser.for_tail("]")?;
                return Ok(Kind::Other);
            }
            let mut items = Vec::new();
            loop {
                if parser.take("]")? {
                    return Ok(Kind::Tuple(items));
                }
                items.push(parser.expression()?);
                if parser.take("]")? {
                    return Ok(Kind::Tuple(items));
                }
                parser.expect(",", "Missing item separator: expected a comma")?;
            }
        })?;
        Ok(Expr { start, end: self.cursor.at, kind })
    }

    fn object(&mut self) -> Result<Expr, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        if self.with_lines(false, |parser| parser.is_for())? {
            self.with_lines(false, |parser| {
                parser.for_head()?;
                parser.expression()?;
                parser.expect("=>", "Invalid 'for' expression: => is missing")?;
                parser.expression()?;
                parser.take("...")?;
                parser.for_tail("}")
            })?;
            return Ok(Expr { start, end: self.cursor.at, kind: Kind::Other });
        }
        let items = self.with_lines(true, |parser| {
            let mut items = Vec::new();
            loop {
                parser.space()?;
                if parser.cursor.take("\n") {
                    continue;
                }
                if parser.cursor.take("}") {
                    return Ok(items);
                }
                let key = parser.expression()?;
                parser.space()?;
                let rest = parser.cursor.rest();
                let assigned = rest.starts_with('=') && !rest.starts_with("==") || rest.starts_with(':');
                if !assigned {
                    return parser.fault("Missing attribute value: expected = or :");
                }
                parser.cursor.next();
                items.push((key, parser.expression()?));
                parser.space()?;
                if parser.cursor.take("}") {
                    return Ok(items);
                }
                if !(parser.cursor.take(",") || parser.cursor.take("\n")) {
                    return parser.fault("Missing attribute separator: expected a newline or comma");
                }
            }
        })?;
        Ok(Expr { start, end: self.cursor.at, kind: Kind::Object(items) })
    }

    /// Whether `for` follows, and then a name.
    fn is_for(&mut self) -> Result<bool, Fault> {
        self.space()?;
        let before = self.cursor.at;
        let found = self.name() == Some("for");
        self.space()?;
        let found = found && self.cursor.peek().is_some_and(starts_name);
        self.cursor.at = before;
        Ok(found)
    }

    fn for_head(&mut self) -> Result<(), Fault> {
        self.name();
        self.space()?;
        self.name();
        if self.take(",")? {
            self.space()?;
            if self.name().is_none() {
                return self.fault("Invalid 'for' expression: a name is expected");
            }
        }
        self.space()?;
        if self.name() != Some("in") {
            return self.fault("Invalid 'for' expression: 'in' is expected");
        }
        self.expression()?;
        self.expect(":", "Invalid 'for' expression: a colon is expected")
    }

    fn for_tail(&mut self, close: &str) -> Result<(), Fault> {
        self.space()?;
        let before = self.cursor.at;
        match self.name() {
            Some("if") => {
                self.expression()?;
            }
            _ => self.cursor.at = before,
        }
        self.expect(close, "Invalid 'for' expression: extra characters")
    }
}
