//! Templates: quoted strings and here-documents, with `${…}` and `%{…}` in them.

use super::{Expr, Kind, Parser};
use crate::Fault;

/// A piece of a template as it is read.
enum Piece {
    Text(Expr),
    Value(Expr),
    If { condition: (usize, usize), start: usize },
    Else { start: usize },
    EndIf,
    For { key: String, value: String, collection: (usize, usize), start: usize },
    EndFor,
}

/// What ends a template.
enum End<'a> {
    Quote,
    /// A line of nothing but this word.
    Marker(&'a str),
}

impl<'a> Parser<'a> {
    pub(super) fn string(&mut self) -> Result<Expr, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let pieces = self.with_lines(false, |parser| parser.pieces(&End::Quote))?;
        self.template(start, pieces)
    }

    pub(super) fn heredoc(&mut self) -> Result<Expr, Fault> {
        let start = self.cursor.at;
        self.cursor.take("<<");
        let flush = self.cursor.take("-");
        let Some(marker) = self.name() else { return self.fault("Invalid here-document: a marker is expected") };
        self.cursor.take("\r");
        if !self.cursor.take("\n") {
            return self.fault("Invalid here-document: its marker ends the line");
        }
        let mut pieces = self.with_lines(false, |parser| parser.pieces(&End::Marker(marker)))?;
        if flush {
            unindent(&mut pieces);
        }
        self.template(start, pieces)
    }

    fn template(&self, start: usize, pieces: Vec<Piece>) -> Result<Expr, Fault> {
        let end = self.cursor.at;
        let mut pieces = pieces;
        if let [Piece::Value(_)] = pieces.as_slice()
            && let Some(Piece::Value(inner)) = pieces.pop()
        {
            return Ok(Expr { start, end, kind: Kind::Wrap(Box::new(inner)) });
        }
        let mut pieces = pieces.into_iter();
        let (parts, closed) = self.parts(&mut pieces)?;
        match closed {
            None => Ok(Expr { start, end, kind: Kind::Template(filled(parts, end)) }),
            Some(_) => Err(self.cursor.fault_at(start, "Unexpected directive: it closes nothing")),
        }
    }

    /// Expressions up to a directive that closes. How deep they nest was counted where the pieces were read.
    fn parts(&self, pieces: &mut std::vec::IntoIter<Piece>) -> Result<(Vec<Expr>, Option<Piece>), Fault> {
        let at = self.cursor.at;
        let body = |parts: Vec<Expr>, start: usize| Expr { start, end: at, kind: Kind::Template(filled(parts, start)) };
        let mut parts = Vec::new();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(part) | Piece::Value(part) => parts.push(part),
                Piece::If { condition, start } => {
                    let (yes, closed) = self.parts(pieces)?;
                    let no = match closed {
                        Some(Piece::EndIf) => Expr { start, end: at, kind: Kind::Text(String::new()) },
                        Some(Piece::Else { start: from }) => match self.parts(pieces)? {
                            (no, Some(Piece::EndIf)) => body(no, from),
                            _ => return Err(self.cursor.fault_at(start, "Unclosed template if directive")),
                        },
                        _ => return Err(self.cursor.fault_at(start, "Unclosed template if directive")),
                    };
                    let kind = Kind::Conditional { condition, yes: Box::new(body(yes, start)), no: Box::new(no) };
                    parts.push(Expr { start, end: at, kind });
                }
                Piece::For { key, value, collection, start } => match self.parts(pieces)? {
                    (inner, Some(Piece::EndFor)) => {
                        let kind = Kind::Join { key, value, collection, body: Box::new(body(inner, start)) };
                        parts.push(Expr { start, end: at, kind });
                    }
                    _ => return Err(self.cursor.fault_at(start, "Unclosed template for directive")),
                },
                closing => return Ok((parts, Some(closing))),
            }
        }
        Ok((parts, None))
    }

    fn pieces(&mut self, end: &End<'_>) -> Result<Vec<Piece>, Fault> {
        let mut pieces: Vec<Piece> = Vec::new();
        let open = self.cursor.at;
        let outer = self.depth;
        let mut text = String::new();
        let mut from = self.cursor.at;
        let mut trim_next = false;
        let mut at_line = true;
        loop {
            if at_line && let End::Marker(marker) = end {
                at_line = false;
                let line = self.cursor.rest().split('\n').next().unwrap_or_default();
                if line.trim() == *marker {
                    push(&mut pieces, &mut text, from, self.cursor.at, &mut trim_next);
                    self.cursor.at += line.trim_end().len();
                    return Ok(pieces);
                }
            }
            let at = self.cursor.at;
            let Some(c) = self.cursor.next() else {
                return Err(self.cursor.fault_at(open, "Unterminated template string"));
            };
            let next = self.cursor.peek();
            match (c, end) {
                ('"', End::Quote) => {
                    push(&mut pieces, &mut text, from, at, &mut trim_next);
                    return Ok(pieces);
                }
                ('\n', End::Quote) => return Err(self.cursor.fault_at(at, "Invalid multi-line string")),
                ('\n', End::Marker(_)) => {
                    text.push('\n');
                    push(&mut pieces, &mut text, from, self.cursor.at, &mut trim_next);
                    from = self.cursor.at;
                    at_line = true;
                }
                ('\\', End::Quote) => self.escape(at, &mut text)?,
                ('$' | '%', _) if self.cursor.rest().starts_with(&format!("{c}{{")) => {
                    // `$${` is the text `${`.
                    self.cursor.at += 2;
                    text.push(c);
                    text.push('{');
                }
                ('$' | '%', _) if next == Some('{') => {
                    self.cursor.next();
                    if self.cursor.take("~") {
                        text.truncate(text.trim_end().len());
                        if text.is_empty()
                            && let Some(Piece::Text(Expr { kind: Kind::Text(before), .. })) = pieces.last_mut()
                        {
                            before.truncate(before.trim_end().len());
                        }
                    }
                    push(&mut pieces, &mut text, from, at, &mut trim_next);
                    self.made.one().map_err(|message| self.cursor.fault(message))?;
                    let piece = match c {
                        '$' => Piece::Value(self.expression()?),
                        _ => self.directive(at)?,
                    };
                    // What an open directive holds is that much deeper, templates in templates too.
                    match piece {
                        Piece::If { .. } | Piece::For { .. } => {
                            self.depth += 1;
                            crate::deep(self.depth).map_err(|message| self.cursor.fault_at(at, message))?;
                        }
                        Piece::EndIf | Piece::EndFor => self.depth = outer.max(self.depth - 1),
                        _ => {}
                    }
                    pieces.push(piece);
                    self.space()?;
                    trim_next = self.cursor.take("~");
                    if !self.cursor.take("}") {
                        return self.fault("Extra characters after interpolation expression");
                    }
                    from = self.cursor.at;
                }
                (c, _) => text.push(c),
            }
        }
    }

    fn directive(&mut self, start: usize) -> Result<Piece, Fault> {
        self.space()?;
        match self.name() {
            Some("if") => {
                let condition = self.expression()?;
                Ok(Piece::If { condition: (condition.start, condition.end), start })
            }
            Some("else") => Ok(Piece::Else { start }),
            Some("endif") => Ok(Piece::EndIf),
            Some("endfor") => Ok(Piece::EndFor),
            Some("for") => {
                self.space()?;
                let mut value = self.name().unwrap_or_default().to_owned();
                let mut key = String::new();
                if self.take(",")? {
                    self.space()?;
                    key = std::mem::replace(&mut value, self.name().unwrap_or_default().to_owned());
                }
                self.space()?;
                if value.is_empty() || self.name() != Some("in") {
                    return self.fault("Invalid 'for' directive");
                }
                let collection = self.expression()?;
                Ok(Piece::For { key, value, collection: (collection.start, collection.end), start })
            }
            _ => self.fault("Invalid template directive"),
        }
    }

    fn escape(&mut self, at: usize, text: &mut String) -> Result<(), Fault> {
        let c = match self.cursor.next() {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some(c @ ('"' | '\\')) => Some(c),
            Some('u') => self.cursor.hexadecimal(4),
            Some('U') => self.cursor.hexadecimal(8),
            _ => None,
        };
        text.push(c.ok_or_else(|| self.cursor.fault_at(at, "Invalid escape sequence"))?);
        Ok(())
    }
}

/// A template of nothing is one empty text.
fn filled(parts: Vec<Expr>, start: usize) -> Vec<Expr> {
    match parts.is_empty() {
        true => vec![Expr { start, end: start, kind: Kind::Text(String::new()) }],
        false => parts,
    }
}

fn push(pieces: &mut Vec<Piece>, text: &mut String, start: usize, end: usize, trim: &mut bool) {
    let mut text = std::mem::take(text);
    if start == end {
        return;
    }
    if std::mem::take(trim) {
        text = text.trim_start().to_owned();
    }
    pieces.push(Piece::Text(Expr { start, end, kind: Kind::Text(text) }));
}

/// Takes away the white space that all lines begin with; lines of nothing else do not count.
fn unindent(pieces: &mut [Piece]) {
    let mut least = usize::MAX;
    let mut at_line = true;
    let mut adjust = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let text = match piece {
            Piece::Text(Expr { kind: Kind::Text(text), .. }) => Some(text),
            _ => None,
        };
        if std::mem::take(&mut at_line) {
            let spaces = match text {
                Some(text) if text.trim_start().is_empty() && text.ends_with('\n') => usize::MAX,
                Some(text) => {
                    adjust.push(at);
                    text.chars().take_while(|c| c.is_whitespace()).count()
                }
                None => 0,
            };
            least = least.min(spaces);
        }
        at_line = text.is_some_and(|text| text.ends_with('\n'));
    }
    for at in adjust {
        if let Some(Piece::Text(Expr { kind: Kind::Text(text), .. })) = pieces.get_mut(at) {
            *text = text.chars().skip(least).collect();
        }
    }
}
