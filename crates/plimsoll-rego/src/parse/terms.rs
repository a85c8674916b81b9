//! Terms: scalars, references, calls, composites, comprehensions, template strings, and infix operators by how tightly they
//! bind. What fails leaves its error in the parser and gives nothing; an operator without a right operand leaves an error and
//! gives the left one, as in OPA, so that what follows is read where OPA reads it.

use super::lexer::{Mode, unescape};
use super::number::{self, Fault};
use super::parser::Parser;
use super::token::Tok;
use crate::ast::json::type_name;
use crate::ast::{ExprKind, Ref, TemplatePart, Term, TermKind};
use crate::span::Span;
use crate::value::Number;

/// A builtin's name as the reference that calls of it have.
pub(super) fn operator(span: Span, name: &str) -> Term {
    let mut parts = name.split('.');
    let first = Term::var(span, parts.next().unwrap_or_default());
    let rest = parts.map(|part| Term::string(span, part));
    Term::new(span, TermKind::Ref(std::iter::once(first).chain(rest).collect()))
}

/// The name of the builtin that a call is of, where its operator is one of a single word or of `internal`.
pub(super) fn called(call: &[Term]) -> String {
    call.first().map(ToString::to_string).unwrap_or_default()
}

fn is_root(term: &Term) -> bool {
    matches!(&term.kind, TermKind::Var(name) if matches!(&**name, "data" | "input"))
}

impl Parser<'_> {
    /// A term with operators and `in`, `k, v in xs` too.
    pub(super) fn infix(&mut self) -> Option<Term> {
        self.infix_in(None, true)
    }

    /// A term of a list: a comma ends it.
    pub(super) fn infix_in_list(&mut self, first: Option<Term>) -> Option<Term> {
        self.infix_in(first, false)
    }

    fn infix_in(&mut self, first: Option<Term>, key_value: bool) -> Option<Term> {
        let start = first.as_ref().map_or(self.s.start, |first| first.span.start as usize);
        let mut links = 0;
        let lhs = self.climb(first, 1);
        let result = lhs.and_then(|lhs| self.membership(lhs, key_value, start, &mut links));
        self.shallow(links);
        result
    }

    fn membership(&mut self, mut lhs: Term, key_value: bool, start: usize, links: &mut u32) -> Option<Term> {
        loop {
            if key_value && self.s.tok == Tok::Comma {
                let saved = self.s;
                self.scan();
                if let Some(middle) = self.climb(None, 1)
                    && self.s.tok == Tok::In
                {
                    let op = operator(self.token_span(), "internal.member_3");
                    self.scan();
                    if let Some(rhs) = self.climb(None, 1) {
                        let call = TermKind::Call(vec![op, lhs, middle, rhs]);
                        lhs = Term::new(self.span_from(start), call);
                        if self.s.tok == Tok::In && self.deepen(1) {
                            *links += 1;
                            continue;
                        }
                        return Some(lhs);
                    }
                }
                self.s = saved;
            }
            self.take_ref_keyword();
            if self.s.tok != Tok::In {
                return Some(lhs);
            }
            let op = operator(self.token_span(), "internal.member_2");
            self.scan();
            let Some(rhs) = self.climb(None, 1) else { return Some(lhs) };
            lhs = Term::new(self.span_from(start), TermKind::Call(vec![op, lhs, rhs]));
            if self.s.tok != Tok::In || !self.deepen(1) {
                return Some(lhs);
            }
            *links += 1;
        }
    }

    /// A term with operators that bind at least as tightly as `least`, all to the left.
    fn climb(&mut self, first: Option<Term>, least: u8) -> Option<Term> {
        let start = first.as_ref().map_or(self.s.start, |first| first.span.start as usize);
        let mut lhs = match first {
            Some(first) => first,
            None => self.term()?,
        };
        let (mut most, mut links) = (5, 0);
        loop {
            let level = self.s.tok.level();
            if level < least || level > most {
                break;
            }
            let op = operator(self.token_span(), self.s.tok.text());
            self.scan();
            let rhs = if level == 5 { self.term() } else { self.climb(None, level + 1) };
            let Some(rhs) = rhs else {
                most = level - 1;
                continue;
            };
            lhs = Term::new(self.span_from(start), TermKind::Call(vec![op, lhs, rhs]));
            most = level;
            if !self.deepen(1) {
                break;
            }
            links += 1;
        }
        self.shallow(links);
        Some(lhs)
    }

    /// A term without operators.
    pub(super) fn term(&mut self) -> Option<Term> {
        if !self.enter() {
            return None;
        }
        let start = self.s.start;
        let term = if self.has_failed(start) { None } else { self.term_inside() };
        self.note_outcome(start, term.is_some());
        self.leave();
        term
    }

    fn term_inside(&mut self) -> Option<Term> {
        // Where a term must stand, `and(` and `or(` can only be the builtins.
        if matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) && self.peek_ws() == Tok::LParen {
            self.s.tok = Tok::Ident;
        }
        let span = self.token_span();
        let head = match self.s.tok {
            Tok::Null => Term::new(span, TermKind::Null),
            Tok::True => Term::new(span, TermKind::Bool(true)),
            Tok::False => Term::new(span, TermKind::Bool(false)),
            Tok::Sub => return self.minus(),
            Tok::Dot | Tok::Number => self.number()?,
            Tok::String => self.string()?,
            Tok::TemplatePart | Tok::TemplateEnd => self.template(false)?,
            Tok::RawTemplatePart | Tok::RawTemplateEnd => self.template(true)?,
            Tok::Ident | Tok::Contains => self.variable(),
            Tok::LBrack => self.array()?,
            Tok::LBrace => self.set_or_object()?,
            Tok::LParen => self.parenthesized()?,
            _ => {
                self.illegal("");
                return None;
            }
        };
        self.finish(head)
    }

    /// `-1`, or `-x`, which is `minus(0, x)`.
    fn minus(&mut self) -> Option<Term> {
        let span = self.token_span();
        let saved = self.s;
        self.scan();
        if !matches!(self.s.tok, Tok::Ident | Tok::Contains) {
            self.s = saved;
            let number = self.number()?;
            return self.finish(number);
        }
        let head = self.variable();
        let term = self.finish(head)?;
        let zero = Term::new(Span::NONE, TermKind::Number(Number::from(0i64)));
        let call = TermKind::Call(vec![operator(Span::NONE, "minus"), zero, term]);
        Some(Term::new(self.span_from(span.start as usize), call))
    }

    fn parenthesized(&mut self) -> Option<Term> {
        let start = self.s.start;
        self.scan();
        let mut term = self.infix()?;
        if self.s.tok != Tok::RParen {
            self.error_here("non-terminated expression");
            return None;
        }
        term.span = self.span(start, self.s.end);
        Some(term)
    }

    /// What stands right behind a term: `.x`, `[x]`, `(x)`.
    fn finish(&mut self, head: Term) -> Option<Term> {
        self.scan_ws();
        match self.s.tok {
            Tok::LParen | Tok::Dot | Tok::LBrack => return self.reference(head),
            Tok::Whitespace => self.scan(),
            _ => {}
        }
        Some(root(head))
    }

    /// The same for a rule's head, where white space may come between.
    pub(super) fn finish_head(&mut self, head: Term) -> Option<Term> {
        self.scan_ws();
        if self.s.tok.level() > 0 {
            self.illegal("");
        } else if self.s.tok == Tok::Whitespace {
            self.scan();
        }
        match self.s.tok {
            Tok::LParen | Tok::Dot | Tok::LBrack => self.reference(head),
            _ => Some(root(head)),
        }
    }

    fn reference(&mut self, head: Term) -> Option<Term> {
        let start = head.span.start as usize;
        let mut links = 0;
        let result = self.reference_links(head, start, &mut links);
        self.shallow(links);
        result
    }

    fn reference_links(&mut self, mut head: Term, start: usize, links: &mut u32) -> Option<Term> {
        loop {
            self.check_head(&head);
            let mut parts = vec![head];
            let called = self.reference_parts(&mut parts)?;
            let operator = Term::new(self.span_from(start), TermKind::Ref(parts));
            if !called {
                return Some(operator);
            }
            let operator = Term { span: self.span(start, self.s.start), ..operator };
            let call = self.call(operator, start)?;
            if self.s.tok == Tok::Whitespace {
                self.scan();
                return Some(call);
            }
            if !matches!(self.s.tok, Tok::Dot | Tok::LBrack) || !self.deepen(2) {
                return Some(call);
            }
            *links += 2;
            head = call;
        }
    }

    fn check_head(&mut self, head: &Term) {
        let scalar =
            matches!(head.kind, TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_));
        if scalar || matches!(head.kind, TermKind::Ref(_) | TermKind::Template { .. }) {
            self.error(self.inner_start(head.span), format!("illegal ref (head cannot be {})", type_name(head)));
        }
    }

    /// Takes parts up to what is none; tells whether that is the opening bracket of a call.
    fn reference_parts(&mut self, parts: &mut Ref) -> Option<bool> {
        loop {
            match self.s.tok {
                Tok::Dot => {
                    self.scan_ws();
                    if self.s.tok != Tok::Ident && !self.allowed_in_ref() {
                        self.illegal("expected identifier");
                        return None;
                    }
                    parts.push(Term::string(self.token_span(), &self.name()));
                    self.scan_ws();
                }
                Tok::LBrack => {
                    self.scan();
                    let part = self.infix()?;
                    if self.s.tok != Tok::RBrack {
                        self.illegal("expected [");
                        return None;
                    }
                    parts.push(part);
                    self.scan_ws();
                }
                Tok::LParen => return Some(true),
                Tok::Whitespace => {
                    self.scan();
                    return Some(false);
                }
                _ => return Some(false),
            }
        }
    }

    fn call(&mut self, operator: Term, start: usize) -> Option<Term> {
        self.scan();
        let mut call = vec![operator];
        if self.s.tok != Tok::RParen {
            self.list(Tok::RParen, &mut call)?;
        }
        let span = self.span(start, self.s.end);
        let empty_set = call.len() == 1
            && matches!(&call[0].kind, TermKind::Ref(parts)
                if matches!(parts.as_slice(), [Term { kind: TermKind::Var(name), .. }] if &**name == "set"));
        self.scan_ws();
        Some(Term::new(span, if empty_set { TermKind::Set(Vec::new()) } else { TermKind::Call(call) }))
    }

    /// Terms with commas between and perhaps one behind.
    fn list(&mut self, end: Tok, terms: &mut Vec<Term>) -> Option<()> {
        while self.s.tok != end {
            let term = self.infix_in_list(None)?;
            terms.push(term);
            self.comma(end)?;
        }
        Some(())
    }

    fn comma(&mut self, end: Tok) -> Option<()> {
        match self.s.tok {
            tok if tok == end => Some(()),
            Tok::Comma => {
                self.scan();
                Some(())
            }
            _ => {
                self.illegal(&format!("expected \",\" or \"{}\"", end.text()));
                None
            }
        }
    }

    fn pairs(&mut self, mut pairs: Vec<(Term, Term)>) -> Option<TermKind> {
        while self.s.tok != Tok::RBrace {
            let key = self.infix_in_list(None)?;
            if self.s.tok != Tok::Colon {
                self.illegal("expected \":\"");
                return None;
            }
            self.scan();
            let value = self.infix_in_list(None)?;
            pairs.push((key, value));
            self.comma(Tok::RBrace)?;
        }
        Some(TermKind::Object(pairs))
    }

    /// A comma may stand first. Tells whether none does: only then may this be a comprehension.
    fn no_leading_comma(&mut self) -> bool {
        let comma = self.s.tok == Tok::Comma;
        if comma {
            self.scan();
        }
        !comma
    }

    /// Reading goes on behind the closing bracket, which is the token now.
    fn closed(&self, start: usize, kind: TermKind) -> Term {
        Term::new(self.span(start, self.s.end), kind)
    }

    fn array(&mut self) -> Option<Term> {
        let start = self.s.start;
        self.scan();
        if self.s.tok == Tok::RBrack {
            return Some(self.closed(start, TermKind::Array(Vec::new())));
        }
        let comprehension = self.no_leading_comma();
        let saved = self.s;
        // Comprehensions come before unions: `[x | y]` is one.
        let head = self.term()?;
        let mut items = Vec::new();
        if self.s.tok == Tok::Or && comprehension {
            self.scan();
            if let Some(body) = self.body(Tok::RBrack) {
                return Some(self.closed(start, TermKind::ArrayCompr { term: Box::new(head), body }));
            }
            if self.s.tok != Tok::Comma {
                return None;
            }
            self.s = saved;
        } else {
            items.push(self.infix_in_list(Some(head))?);
            self.comma(Tok::RBrack)?;
        }
        self.list(Tok::RBrack, &mut items)?;
        Some(self.closed(start, TermKind::Array(items)))
    }

    fn set_or_object(&mut self) -> Option<Term> {
        let start = self.s.start;
        self.scan();
        if self.s.tok == Tok::RBrace {
            return Some(self.closed(start, TermKind::Object(Vec::new())));
        }
        let comprehension = self.no_leading_comma();
        let saved = self.s;
        let head = self.term()?;
        let kind = match self.s.tok {
            Tok::Or if comprehension => self.set_comprehension(saved, head)?,
            Tok::RBrace | Tok::Comma => self.set(head)?,
            Tok::Colon => self.object(head, comprehension)?,
            _ => {
                let head = self.infix_in_list(Some(head))?;
                match self.s.tok {
                    Tok::RBrace | Tok::Comma => self.set(head)?,
                    Tok::Colon => self.object(head, comprehension)?,
                    _ => {
                        self.illegal("non-terminated set");
                        return None;
                    }
                }
            }
        };
        Some(self.closed(start, kind))
    }

    fn set(&mut self, head: Term) -> Option<TermKind> {
        let mut members = vec![head];
        if self.s.tok == Tok::Comma {
            self.scan();
        }
        self.list(Tok::RBrace, &mut members)?;
        Some(TermKind::Set(members))
    }

    fn set_comprehension(&mut self, saved: super::parser::State, head: Term) -> Option<TermKind> {
        self.scan();
        if let Some(body) = self.body(Tok::RBrace) {
            return Some(TermKind::SetCompr { term: Box::new(head), body });
        }
        if self.s.tok != Tok::Comma {
            return None;
        }
        self.s = saved;
        let mut members = Vec::new();
        self.list(Tok::RBrace, &mut members)?;
        Some(TermKind::Set(members))
    }

    /// After a key, at the colon.
    fn object(&mut self, key: Term, comprehension: bool) -> Option<TermKind> {
        self.scan();
        let saved = self.s;
        let value = self.term()?;
        let value = match self.s.tok {
            Tok::RBrace | Tok::Comma => value,
            Tok::Or if comprehension => {
                self.scan();
                if let Some(body) = self.body(Tok::RBrace) {
                    return Some(TermKind::ObjectCompr { key: Box::new(key), value: Box::new(value), body });
                }
                self.s = saved;
                self.infix_in_list(None)?
            }
            _ => self.infix_in_list(Some(value))?,
        };
        match self.s.tok {
            Tok::RBrace => Some(TermKind::Object(vec![(key, value)])),
            Tok::Comma => {
                self.scan();
                self.pairs(vec![(key, value)])
            }
            _ => {
                self.illegal("non-terminated object");
                None
            }
        }
    }

    fn number(&mut self) -> Option<Term> {
        let start = self.s.start;
        let mut prefix = String::new();
        if self.s.tok == Tok::Sub {
            prefix.push('-');
            self.scan();
            if !matches!(self.s.tok, Tok::Number | Tok::Dot) {
                self.illegal("expected number");
                return None;
            }
        }
        if self.s.tok == Tok::Dot {
            prefix.push('.');
            self.scan();
            if self.s.tok != Tok::Number {
                self.illegal("expected number");
                return None;
            }
        }
        let written = self.text();
        if !prefix.ends_with('.') && number::has_leading_zero(written) {
            self.illegal("expected number without leading zero");
            return None;
        }
        // What cannot stand behind a number makes it none, as in OPA, whose message is of the number.
        let foreign = if self.is_foreign(self.s.end) { "\u{FFFD}" } else { "" };
        if foreign.len() > 1 && written == "0" && !prefix.ends_with('.') {
            self.illegal("expected number without leading zero");
            return None;
        }
        let text = prefix.replace('.', "0.") + written + foreign;
        let number = match number::check(&text) {
            Ok(()) => Number::parse(&text),
            Err(fault) => {
                match fault {
                    Fault::TooBig => self.error_here("number too big"),
                    Fault::Invalid => self.illegal("invalid float"),
                }
                return None;
            }
        };
        let Some(number) = number else {
            self.error_here("number too big");
            return None;
        };
        Some(Term::new(self.span(start, self.s.end), TermKind::Number(number)))
    }

    fn string(&mut self) -> Option<Term> {
        let written = self.text();
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let span = self.token_span();
        if written.starts_with('`') || !inner.contains('\\') {
            return Some(Term::string(span, inner));
        }
        let Some(text) = unescape(inner) else {
            self.error_here(format!("illegal string literal: {written}"));
            return None;
        };
        Some(Term::string(span, &text))
    }

    fn template(&mut self, multi_line: bool) -> Option<Term> {
        let start = self.s.start;
        if !self.features.template_strings {
            self.error(start, "template strings are not supported by current capabilities");
            return None;
        }
        let mut parts = Vec::new();
        loop {
            self.template_text(multi_line, &mut parts)?;
            if matches!(self.s.tok, Tok::TemplateEnd | Tok::RawTemplateEnd) {
                break;
            }
            let comments = self.s.comments;
            self.scan();
            let commented = self.s.comments != comments;
            // Counted twice, because it takes the stack of two.
            if !self.enter() {
                return None;
            }
            let expr = self.literal();
            self.leave();
            let Some(expr) = expr else {
                self.error_here("invalid template-string expression");
                return None;
            };
            if let Some(fault) = unfit_for_template(&expr) {
                self.error(expr.span.start as usize, fault);
                return None;
            }
            let part = match expr.kind {
                ExprKind::Term(term)
                    if !commented
                        && matches!(
                            term.kind,
                            TermKind::String(_) | TermKind::Number(_) | TermKind::Bool(_) | TermKind::Null
                        ) =>
                {
                    TemplatePart::Text(term)
                }
                _ => TemplatePart::Expr(Box::new(expr)),
            };
            parts.push(part);
            if self.s.tok != Tok::RBrace {
                self.error_here("expected } to end template string expression");
                return None;
            }
            self.advance(false, Mode::Template { raw: multi_line });
        }
        Some(Term::new(self.span(start, self.s.end), TermKind::Template { parts, multi_line }))
    }

    /// The text between two expressions.
    fn template_text(&mut self, raw: bool, parts: &mut Vec<TemplatePart>) -> Option<()> {
        if !matches!(self.s.tok, Tok::TemplatePart | Tok::TemplateEnd | Tok::RawTemplatePart | Tok::RawTemplateEnd) {
            self.error_here("expected template-string part");
            return None;
        }
        let written = self.text();
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let text = match (raw, inner.contains('\\')) {
            (_, false) => inner.to_owned(),
            (true, true) => inner.replace("\\{", "{"),
            (false, true) => {
                let plain = unescape_braces(inner);
                let Some(text) = unescape(&plain) else {
                    let (open, close) = (&written[..1], &written[written.len() - 1..]);
                    self.error_here(format!("illegal template-string part: {open}{plain}{close}"));
                    return None;
                };
                text
            }
        };
        if !text.is_empty() {
            parts.push(TemplatePart::Text(Term::string(self.token_span(), &text)));
        }
        Some(())
    }
}

/// `\{` is a brace; what other backslashes escape stays as it is.
fn unescape_braces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('{') => out.push('{'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

fn unfit_for_template(expr: &crate::ast::Expr) -> Option<&'static str> {
    if expr.negated {
        return Some("unexpected negation ('not') in template-string expression");
    }
    match &expr.kind {
        ExprKind::Call { operator, .. } => match operator.to_string().as_str() {
            "eq" => Some("unexpected unification ('=') in template-string expression"),
            "assign" => Some("unexpected assignment (':=') in template-string expression"),
            _ => None,
        },
        ExprKind::Every(_) => Some("unexpected 'every' in template-string expression"),
        ExprKind::Some { .. } => Some("unexpected 'some' in template-string expression"),
        _ => None,
    }
}

/// `input` and `data` alone are references.
fn root(head: Term) -> Term {
    if !is_root(&head) {
        return head;
    }
    let span = head.span;
    Term::new(span, TermKind::Ref(vec![head]))
}
