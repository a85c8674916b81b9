//! Terms: references, calls, lists of all kinds, comprehensions, template strings. Lists keep the lines that their author
//! gave them; only indentation, commas and white space are set.

use super::place::{Bracket, Place};
use super::walk;
use super::writer::{Done, Failed, Rest, Why, Writer};
use crate::ast::order::{entries, members};
use crate::ast::text::{escape_braces, infix, is_name, quote};
use crate::ast::{Body, Expr, TemplatePart, Term, TermKind};
use crate::error::{Code, RegoError};

/// An element of a list: a term, or a key with its value.
#[derive(Clone, Copy)]
pub(super) enum Element<'a> {
    Term(&'a Term),
    Pair(&'a Term, &'a Term),
}

impl<'a> Element<'a> {
    fn first(self) -> &'a Term {
        match self {
            Element::Term(term) | Element::Pair(term, _) => term,
        }
    }
}

/// Unions (`x | y`) must have brackets where a bar would begin a comprehension's body.
pub(super) fn is_union(term: &Term) -> bool {
    matches!(&term.kind, TermKind::Call(call) if call.first().is_some_and(|operator| is_operator(operator, "or")))
}

/// Whether a call's operator is the reference to a builtin of one word.
pub(super) fn is_operator(operator: &Term, name: &str) -> bool {
    matches!(&operator.kind, TermKind::Ref(terms)
        if matches!(terms.as_slice(), [Term { kind: TermKind::Var(have), .. }] if **have == *name))
}

/// The operator that a call is written with, and how many operands that takes.
pub(super) fn infix_of(operator: &Term) -> Option<(&'static str, usize)> {
    // The longest of these names is `internal.member_3`.
    let name = match &operator.kind {
        TermKind::Var(name) => name.to_string(),
        TermKind::Ref(terms) if terms.len() <= 2 => operator.to_string(),
        _ => return None,
    };
    Some((infix(&name)?, if name == "internal.member_3" { 3 } else { 2 }))
}

/// Whether such a term is written with a leading brace.
pub(super) fn has_leading_brace(term: &Term) -> bool {
    match &term.kind {
        TermKind::Set(written) => !written.is_empty(),
        TermKind::Object(_) | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => true,
        TermKind::Ref(terms) => terms.first().is_some_and(has_leading_brace),
        TermKind::Call(call) => match call.as_slice() {
            [operator, first, rest @ ..] => {
                infix_of(operator).is_some_and(|(_, arity)| arity == rest.len() + 1) && has_leading_brace(first)
            }
            _ => false,
        },
        _ => false,
    }
}

impl<'a> Writer<'a> {
    pub fn term(&mut self, term: &'a Term, rest: Rest) -> Done {
        let place = self.term_place(term);
        self.term_at(term, place, rest)
    }

    /// Lays a term out or, where comments are in the way, leaves it as it was; that is still told as a failure.
    pub fn term_at(&mut self, term: &'a Term, place: Place, rest: Rest) -> Done {
        let (length, level) = (self.out.len(), self.level);
        let failed = match self.bracketed_at(false, term, place, rest) {
            Ok(rest) => return Ok(rest),
            Err(failed) => failed,
        };
        if !failed.is_comment() {
            return Err(self.lost(failed));
        }
        self.out.truncate(length);
        self.level = level;
        // A comment within the text is written with that.
        if place.start < place.end
            && let Some(note) = self.before_end.and_then(|at| self.comments.get(at))
            && (place.row..=self.places.end_row(place)).contains(&note.row)
        {
            self.before_end = None;
        }
        let rest = self.write_unformatted(self.text_of(term), place, rest)?;
        Err(Failed { rest, why: Why::Comment })
    }

    pub fn bracketed(&mut self, brackets: bool, term: &'a Term, rest: Rest) -> Done {
        let place = self.term_place(term);
        self.bracketed_at(brackets, term, place, rest)
    }

    /// A term, in brackets if it is an infix call and `brackets` says so.
    fn bracketed_at(&mut self, brackets: bool, term: &'a Term, place: Place, rest: Rest) -> Done {
        let wanted = self.bracket_term.take_if(|wanted| std::ptr::eq(*wanted, term)).is_some();
        let rest = self.insert_comments(rest, place.row).map_err(|failed| self.lost(failed))?;
        self.ensure_line();
        let rest = self.term_kind(brackets || wanted, term, place, rest).map_err(|failed| self.lost(failed))?;
        self.ensure_line();
        Ok(rest)
    }

    fn term_kind(&mut self, brackets: bool, term: &'a Term, place: Place, rest: Rest) -> Done {
        match &term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) => {
                let text = term.to_string();
                self.write(&text);
                Ok(rest)
            }
            TermKind::String(text) => {
                self.string(term, text);
                Ok(rest)
            }
            TermKind::Var(name) => {
                self.var(name);
                Ok(rest)
            }
            TermKind::Ref(terms) => self.reference(terms, rest),
            TermKind::Call(call) => self.call(brackets, call, place, rest),
            TermKind::Array(items) => {
                let items = items.iter().map(Element::Term).collect();
                self.enclosed("[", "]", |writer| writer.list(items, place, Some(Bracket::Square), rest, true))
            }
            TermKind::Object(written) => {
                let items = entries(written).into_iter().map(|(key, value)| Element::Pair(key, value)).collect();
                self.enclosed("{", "}", |writer| writer.list(items, place, Some(Bracket::Curly), rest, true))
            }
            TermKind::Set(written) if written.is_empty() => {
                self.write("set()");
                let row = self.places.closing(Bracket::Round, place);
                self.insert_comments(rest, row)
            }
            TermKind::Set(written) => {
                let items = members(written).into_iter().map(Element::Term).collect();
                self.enclosed("{", "}", |writer| writer.list(items, place, Some(Bracket::Curly), rest, true))
            }
            TermKind::ArrayCompr { term, body } => self.enclosed("[", "]", |writer| {
                let at = writer.term_place(term);
                writer.comprehension(Bracket::Square, term, at, body, place, rest)
            }),
            TermKind::SetCompr { term, body } => self.enclosed("{", "}", |writer| {
                let at = writer.term_place(term);
                writer.comprehension(Bracket::Curly, term, at, body, place, rest)
            }),
            TermKind::ObjectCompr { key, value, body } => self.enclosed("{", "}", |writer| {
                let rest = writer.in_union_brackets(is_union(key), |writer| writer.term(key, rest))?;
                writer.write(": ");
                // The value stays on the line that the comprehension opens on.
                let at = Place { row: place.row, ..writer.term_place(value) };
                writer.comprehension(Bracket::Curly, value, at, body, place, rest)
            }),
            TermKind::Template { parts, multi_line } => self.template(parts, *multi_line, rest),
        }
    }

    /// What closes is written after a failure too.
    pub fn enclosed(&mut self, open: &str, close: &str, inner: impl FnOnce(&mut Self) -> Done) -> Done {
        self.write(open);
        let done = inner(self);
        self.write(close);
        done
    }

    /// … and here it is not.
    fn in_union_brackets(&mut self, brackets: bool, inner: impl FnOnce(&mut Self) -> Done) -> Done {
        if !brackets {
            return inner(self);
        }
        self.write("(");
        let rest = inner(self)?;
        self.write(")");
        Ok(rest)
    }

    /// Strings stay as they were written, escapes and all.
    fn string(&mut self, term: &Term, text: &str) {
        let written = self.text_of(term);
        match written.chars().next() {
            Some('`') => self.write(written),
            Some('"') if written.ends_with('"') => self.write(written),
            // Brackets around it, or a key that was written as a name.
            _ => self.write(&quote(text)),
        }
    }

    pub fn var(&mut self, name: &str) {
        match name.strip_prefix('$') {
            // One that stands in several places must stay the same in all.
            Some(number) if self.facts.repeated_wildcards.contains(name) => {
                if !number.starts_with('_') {
                    self.write("_");
                }
                self.write(number);
            }
            Some(_) => self.write("_"),
            None => self.write(name),
        }
    }

    fn template(&mut self, parts: &'a [TemplatePart], multi_line: bool, mut rest: Rest) -> Done {
        let mark = if multi_line { "`" } else { "\"" };
        self.write("$");
        self.write(mark);
        for (index, part) in parts.iter().enumerate() {
            match part {
                TemplatePart::Expr(expr) => {
                    let next = parts.get(index + 1).map(|next| match next {
                        // OPA counts a leading line end before it looks at the place.
                        TemplatePart::Text(term) if self.written_with(term, '\n') => self.term_place(term).row + 1,
                        TemplatePart::Text(term) => self.term_place(term).row,
                        TemplatePart::Expr(expr) => self.place(expr.span).row,
                    });
                    rest = self.template_expr(expr, next, rest)?;
                }
                TemplatePart::Text(Term { kind: TermKind::String(text), .. }) if multi_line => {
                    self.write(&escape_braces(text));
                }
                TemplatePart::Text(term) => {
                    let text = term.to_string();
                    let text = match &term.kind {
                        TermKind::String(_) => escape_braces(&text),
                        _ => text,
                    };
                    let text = text.strip_prefix('"').unwrap_or(&text);
                    self.write(text.strip_suffix('"').unwrap_or(text));
                }
            }
        }
        self.write(mark);
        Ok(rest)
    }

    fn template_expr(&mut self, expr: &'a Expr, next_row: Option<i64>, mut rest: Rest) -> Done {
        self.write("{");
        self.level += 1;
        if self.before_end.is_some() {
            // A comment on the line of the opening brace.
            self.end_line();
            self.start_line();
        } else {
            let row = self.place(expr.span).row;
            let (before, _, _) = self.partition(rest, row);
            if self.next_row(before.start).is_some_and(|next| next < row) {
                self.write(" ");
                self.inline = true;
                rest = before.end;
                self.write_comments(before);
            }
        }
        rest = self.expr(expr, rest)?;
        if let Some(row) = next_row
            && self.next_row(rest).is_some_and(|next| next < row)
        {
            let (before, _, _) = self.partition(rest, row);
            self.end_line();
            rest = before.end;
            self.write_comments(before);
            self.start_line();
        }
        self.write("}");
        match self.down() {
            Ok(()) => Ok(rest),
            Err(why) => Err(Failed { rest: self.none(), why }),
        }
    }

    /// Names after dots where they can stand there, else in brackets.
    pub fn reference(&mut self, terms: &'a [Term], rest: Rest) -> Done {
        let Some((first, path)) = terms.split_first() else {
            return Ok(rest);
        };
        let brackets = matches!(first.kind, TermKind::Call(_)) && self.written_with(first, '(');
        let rest = self.bracketed(brackets, first, rest)?;
        self.path(path, rest)
    }

    pub fn path(&mut self, path: &'a [Term], mut rest: Rest) -> Done {
        for term in path {
            match &term.kind {
                TermKind::String(name) if self.wants_brackets(name, term) => {
                    self.write("[");
                    self.write(&quote(name));
                    self.write("]");
                }
                TermKind::String(name) => {
                    self.write(".");
                    self.write(name);
                }
                TermKind::Var(name) => {
                    self.write("[");
                    self.var(name);
                    self.write("]");
                }
                _ => {
                    self.write("[");
                    match self.term(term, rest) {
                        Ok(left) => rest = left,
                        Err(failed) if failed.is_comment() => {
                            rest = failed.rest;
                            // The bracket must not stand in the comment.
                            self.write("\n");
                        }
                        Err(failed) => return Err(self.lost(failed)),
                    }
                    self.write("]");
                }
            }
        }
        Ok(rest)
    }

    fn wants_brackets(&self, name: &str, term: &Term) -> bool {
        !is_name(name)
            || self.facts.is_keyword(name)
                && (!self.facts.keywords_in_refs
                    // What was written in quotes stays so.
                    || self.written_with(term, '"'))
    }

    /// Whether a node's own text begins so.
    fn written_with(&self, term: &Term, first: char) -> bool {
        self.text_of(term).starts_with(first)
    }

    fn call(&mut self, brackets: bool, call: &'a [Term], place: Place, rest: Rest) -> Done {
        let Some((operator, operands)) = call.split_first() else {
            return Ok(rest);
        };
        match infix_of(operator) {
            None => self.plain_call(operator, operands, rest),
            Some(("in", arity)) => self.membership(true, operands, arity, place, rest),
            Some((sign, arity)) => {
                if brackets {
                    self.write("(");
                }
                let [left, right] = operands else {
                    self.wrong_arity(&operator.to_string(), operands, arity, place);
                    return Ok(self.none());
                };
                let rest = self.bracketed(true, left, rest)?;
                self.sign(sign);
                let rest = self.bracketed(true, right, rest)?;
                if brackets {
                    self.write(")");
                }
                Ok(rest)
            }
        }
    }

    pub fn sign(&mut self, sign: &str) {
        self.write(" ");
        self.write(sign);
        self.write(" ");
    }

    /// `f(x, y)`
    pub fn plain_call(&mut self, operator: &'a Term, operands: &'a [Term], rest: Rest) -> Done {
        match &operator.kind {
            // Comments that it lets out are looked at again with the operands.
            TermKind::Ref(terms) => {
                self.reference(terms, rest)?;
            }
            _ => {
                let text = operator.to_string();
                self.write(&text);
            }
        }
        let place = self.term_place(operator);
        let operands = operands.iter().map(Element::Term).collect();
        self.enclosed("(", ")", |writer| writer.list(operands, place, Some(Bracket::Round), rest, false))
            .map_err(|failed| self.lost(failed))
    }

    /// `x in xs`, `k, v in xs`
    pub fn membership(
        &mut self,
        brackets: bool,
        operands: &'a [Term],
        arity: usize,
        place: Place,
        mut rest: Rest,
    ) -> Done {
        if operands.len() != arity {
            let name = if arity == 3 { "internal.member_3" } else { "internal.member_2" };
            self.wrong_arity(name, operands, arity, place);
            return Ok(self.none());
        }
        let brackets = brackets && arity == 3;
        let mut inner = |writer: &mut Self| {
            for (index, operand) in operands.iter().enumerate() {
                match arity - index {
                    1 => writer.sign("in"),
                    2 if arity == 3 => writer.write(", "),
                    _ => {}
                }
                rest = writer.bracketed(true, operand, rest)?;
            }
            Ok(rest)
        };
        match brackets {
            true => self.enclosed("(", ")", inner),
            false => inner(self),
        }
    }

    pub fn wrong_arity(&mut self, name: &str, operands: &[Term], arity: usize, place: Place) {
        let want = match name {
            "plus" | "mul" | "div" | "rem" => "number",
            "minus" => "any<number, set[any]>",
            "and" | "or" => "set[any]",
            _ => "any",
        };
        let span = crate::span::Span { source: self.facts.source, start: place.start, end: place.end };
        let have: Vec<&str> = operands.iter().map(crate::ast::json::type_name).collect();
        let mut error = RegoError::new(Code::Type, span, format!("{name}: arity mismatch"));
        error.details = vec![format!("have: ({})", have.join(",")), format!("want: ({})", vec![want; arity].join(","))];
        self.errors.push(error);
    }

    /// Elements in the lines that their author gave them. `list` is the place of the whole, with its brackets.
    pub fn list(
        &mut self,
        elements: Vec<Element<'a>>,
        list: Place,
        bracket: Option<Bracket>,
        rest: Rest,
        union_brackets: bool,
    ) -> Done {
        let close = bracket.map_or(super::place::NOWHERE, |bracket| self.places.closing(bracket, list));
        let lines = self.grouped(elements, list.row);
        let mut several = lines.len() > 1;
        if !several {
            // Comments between elements of one line have no place in the layout.
            let (_, _, behind) = self.partition(rest, list.row);
            if self.next_row(behind).is_some_and(|next| next < close) {
                return Err(Failed { rest, why: Why::Comment });
            }
            if let Some(first) = lines.first().and_then(|line| line.first()) {
                several = self.moved.is_none() && self.places.breaks_before(list, self.term_place(first.first()));
            }
        }
        let done = self.lines(lines, several, close, rest, union_brackets);
        done.map_err(|failed| self.lost(failed))
    }

    fn lines(
        &mut self,
        lines: Vec<Vec<Element<'a>>>,
        several: bool,
        close: i64,
        mut rest: Rest,
        union_brackets: bool,
    ) -> Done {
        if several {
            self.delay = true;
            self.end_line();
            self.level += 1;
            self.start_line();
        }
        for (number, line) in lines.into_iter().enumerate() {
            if number > 0 {
                self.write(",");
                self.end_line();
                self.start_line();
            }
            for (index, element) in line.into_iter().enumerate() {
                if index > 0 {
                    self.write(", ");
                }
                rest = self.element(element, union_brackets, rest)?;
            }
        }
        if several {
            self.write(",");
            self.end_line();
            rest = self.insert_comments(rest, close)?;
            self.down().map_err(|why| Failed { rest, why })?;
            self.start_line();
        }
        Ok(rest)
    }

    fn element(&mut self, element: Element<'a>, union_brackets: bool, rest: Rest) -> Done {
        match element {
            Element::Pair(key, value) => {
                let rest = self
                    .in_union_brackets(is_union(key), |writer| writer.term(key, rest))
                    .map_err(|failed| self.lost(failed))?;
                self.write(": ");
                match is_union(value) {
                    true => self.enclosed("(", ")", |writer| writer.term(value, rest)),
                    false => self.term(value, rest),
                }
            }
            Element::Term(term) => match is_union(term) && (union_brackets || self.written_with(term, '(')) {
                true => self.enclosed("(", ")", |writer| writer.term(term, rest)),
                false => self.term(term, rest),
            },
        }
    }

    /// Elements by the lines they begin on, in the order of the text.
    fn grouped(&self, mut elements: Vec<Element<'a>>, row: i64) -> Vec<Vec<Element<'a>>> {
        // Names that the compiler would give tell nothing of places. OPA does not look into pairs.
        let generated = |element: &Element| match element {
            Element::Term(term) => self.has_generated(term),
            Element::Pair(..) => false,
        };
        if self.facts.generated && elements.iter().any(generated) {
            return vec![elements];
        }
        if self.moved.is_none() {
            elements.sort_by_key(|element| self.places.start(element.first()));
        }
        let mut lines: Vec<Vec<Element>> = vec![Vec::new()];
        let mut last = row;
        for (index, element) in elements.into_iter().enumerate() {
            let row = self.term_place(element.first()).row;
            if row > last && index > 0 {
                lines.push(Vec::new());
            }
            last = row;
            if let Some(line) = lines.last_mut() {
                line.push(element);
            }
        }
        lines
    }

    fn has_generated(&self, term: &Term) -> bool {
        let mut found = Generated(false);
        walk::term(term, &mut found);
        found.0
    }

    fn comprehension(
        &mut self,
        bracket: Bracket,
        term: &'a Term,
        at: Place,
        body: &'a Body,
        place: Place,
        rest: Rest,
    ) -> Done {
        if at.row > place.row {
            self.end_line();
            self.start_line();
        }
        let brackets =
            matches!(term.kind, TermKind::Call(_)) && (is_union(term) || self.places.text(at).starts_with('('));
        let rest = self.bracketed_at(brackets, term, at, rest)?;
        self.write(" |");
        self.comprehension_body(bracket, body, at.row, place, rest)
    }

    /// A body in brackets: on the same line, or in lines of its own. `row` is where what stands before it begins.
    pub fn comprehension_body(&mut self, bracket: Bracket, body: &'a Body, row: i64, place: Place, rest: Rest) -> Done {
        let close = self.places.closing(bracket, place);
        let first = body.first().map_or(row, |first| self.place(first.span).row);
        if first <= row && !self.has_lines(body, row) {
            let mut rest = rest;
            for (index, expr) in body.iter().enumerate() {
                self.write(if index == 0 { " " } else { "; " });
                rest = self.expr(expr, rest)?;
            }
            return self.insert_comments(rest, close).map_err(|failed| self.lost(failed));
        }
        self.end_line();
        self.level += 1;
        let mut done = self.body(body, rest);
        if let Ok(rest) = done {
            done = self.insert_comments(rest, close).map_err(|failed| self.lost(failed));
        }
        if let Err(Why::Fatal(words)) = self.down() {
            self.fault(words);
        }
        self.start_line();
        done
    }

    /// Whether expressions of a body begin on several lines.
    fn has_lines(&self, body: &Body, row: i64) -> bool {
        if self.facts.generated && body.iter().any(|expr| self.expr_has_generated(expr)) {
            return false;
        }
        let mut rows: Vec<(u32, i64)> = body.iter().map(|expr| (expr.span.start, self.place(expr.span).row)).collect();
        rows.sort_by_key(|at| at.0);
        let mut last = row;
        rows.into_iter().enumerate().any(|(index, (_, row))| {
            let breaks = row > last && index > 0;
            last = row;
            breaks
        })
    }

    fn expr_has_generated(&self, expr: &Expr) -> bool {
        let mut found = Generated(false);
        walk::expr(expr, &mut found);
        found.0
    }

    /// An error of the formatter itself.
    pub fn fault(&mut self, words: &str) {
        let span = crate::span::Span { source: self.facts.source, start: 0, end: 0 };
        self.errors.push(RegoError::new(Code::Format, span, words));
    }
}

struct Generated(bool);

impl walk::Visitor for Generated {
    fn term(&mut self, term: &Term) {
        self.0 |= matches!(&term.kind, TermKind::Var(name) if name.starts_with("__local"));
    }
}
