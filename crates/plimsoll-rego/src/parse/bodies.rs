//! Bodies and the expressions in them: `not`, `with`, `some`, `every`, `:=` and `=`.

use super::parser::{Parser, State};
use super::terms::{called, operator};
use super::token::Tok;
use crate::ast::{Body, Every, Expr, ExprKind, Term, TermKind, With};
use crate::span::Span;

pub(super) fn expression(span: Span, kind: ExprKind) -> Expr {
    Expr { span, kind, negated: false, with: Vec::new(), generated: false }
}

/// The body of what has none.
pub(super) fn implicit_body(span: Span) -> Body {
    let mut expr = expression(span, ExprKind::Term(Term::new(span, TermKind::Bool(true))));
    expr.generated = true;
    vec![expr]
}

/// A call as the whole of an expression; any other term as it is.
pub(super) fn from_term(term: Term) -> Expr {
    let span = term.span;
    match term.kind {
        TermKind::Call(mut call) if !call.is_empty() => {
            let operator = call.remove(0);
            expression(span, ExprKind::Call { operator, args: call })
        }
        kind => expression(span, ExprKind::Term(Term { span, kind })),
    }
}

/// A call of one of the two builtins behind `in`, with as many operands as that has.
enum Membership {
    Value(Term, Term),
    KeyValue(Term, Term, Term),
    WrongCount,
    Other,
    /// No call at all.
    No,
}

fn membership(term: Term) -> Membership {
    let TermKind::Call(call) = term.kind else { return Membership::No };
    let name = called(&call);
    let count = call.len();
    let mut args = call.into_iter().skip(1);
    match (name.as_str(), count, args.next(), args.next(), args.next()) {
        ("internal.member_2", 3, Some(value), Some(domain), _) => Membership::Value(value, domain),
        ("internal.member_3", 4, Some(key), Some(value), Some(domain)) => Membership::KeyValue(key, value, domain),
        ("internal.member_2" | "internal.member_3", ..) => Membership::WrongCount,
        _ => Membership::Other,
    }
}

fn is_membership(term: &Term) -> bool {
    match &term.kind {
        TermKind::Call(call) => matches!(called(call).as_str(), "internal.member_2" | "internal.member_3"),
        _ => false,
    }
}

impl Parser<'_> {
    /// Expressions up to a closing bracket, which is the token then.
    pub(super) fn body(&mut self, end: Tok) -> Option<Body> {
        if !self.enter() {
            return None;
        }
        let body = self.query(false, end);
        self.leave();
        body
    }

    /// Expressions up to `end`, parted by semicolons or (unless those are required) new lines.
    pub(super) fn query(&mut self, semicolon_required: bool, end: Tok) -> Option<Body> {
        if self.s.tok == end {
            self.error_here("found empty body");
            return None;
        }
        let mut body = Vec::new();
        loop {
            body.push(self.literal()?);
            if self.s.tok == Tok::Semicolon {
                self.scan();
                continue;
            }
            if self.s.tok == end || semicolon_required {
                return Some(body);
            }
            if !self.s.skipped_newline {
                if !self.has_errors() {
                    self.hint_missing_infix();
                    self.illegal(&format!("expected \\n or ; or {}", end.text()));
                }
                return None;
            }
        }
    }

    /// `in`, `and` or `or` that is no keyword here.
    fn hint_missing_infix(&mut self) {
        if self.has_hints() || self.guessing {
            return;
        }
        let word = match self.s.tok {
            Tok::Ident if self.is_foreign(self.s.end) => return,
            Tok::Ident => self.text(),
            Tok::Comma => {
                let found = self.guess(|parser| {
                    parser.scan();
                    parser.infix().is_some_and(|term| is_membership(&term))
                });
                if !found {
                    return;
                }
                "in"
            }
            _ => return,
        };
        let example = match word {
            "in" => "x in xs",
            "and" => "x and y",
            "or" => "x or y",
            _ => return,
        };
        self.hint(format!("`import future.keywords.{word}` for `{example}` expressions"));
    }

    /// One expression with what negates and modifies it.
    pub(super) fn literal(&mut self) -> Option<Expr> {
        let start = self.s.start;
        let mut expr = self.literal_inside()?;
        expr.span = self.span_from(start);
        let whole = expr.span;
        if let ExprKind::Not { body, explicit: false, .. } = &mut expr.kind {
            body.iter_mut().for_each(|inner| inner.span = whole);
        }
        Some(expr)
    }

    fn literal_inside(&mut self) -> Option<Expr> {
        if self.logical_keywords_hold() {
            match self.s.tok {
                Tok::LBrace => {
                    if let Some(found) = self.braces_as_operand() {
                        return found;
                    }
                }
                Tok::LParen => {
                    if let Some(group) = self.group(false, "") {
                        let (body, explicit, span) = group?;
                        return self.fold(body, explicit, span);
                    }
                }
                _ => {}
            }
        }
        if self.take_ref_keyword() {
            return self.literal_expr(None);
        }
        let mut not = None;
        if self.is_not() {
            not = Some(self.s.start);
            self.scan();
            if self.not_bodies && self.s.tok == Tok::LBrace {
                let body = self.not_body(not.unwrap_or_default())?;
                let span = body.span;
                return self.fold(vec![body], false, span);
            }
        }
        match self.s.tok {
            Tok::Some | Tok::Every if not.is_some() => {
                self.illegal(&format!("illegal negation of '{}'", self.s.tok.text()));
                None
            }
            Tok::Some => self.some(),
            Tok::Every => self.every(),
            _ => self.literal_expr(not),
        }
    }

    /// The keyword, not a reference that begins with it.
    pub(super) fn is_not(&mut self) -> bool {
        self.s.tok == Tok::Not && !matches!(self.peek_ws(), Tok::Dot | Tok::LBrack)
    }

    /// `not` is where `not` was written.
    fn literal_expr(&mut self, not: Option<usize>) -> Option<Expr> {
        let saved = self.s;
        if let Some(not) = not
            && self.not_bodies
            && self.s.tok == Tok::LParen
            && let Some(group) = self.group(true, "not ")
        {
            let (body, explicit, _) = group?;
            let span = self.span_from(not);
            return self.fold(vec![expression(span, ExprKind::Not { span, body, explicit })], false, span);
        }
        let mut expr = self.expr()?;
        let mut with_at = None;
        if self.s.tok == Tok::With {
            with_at = Some(self.s.start);
            expr.with = self.withs()?;
        }
        self.hint_every(&expr, saved);
        if let (Some(not), true) = (not, self.not_bodies) {
            let span = self.span_from(not);
            let with = std::mem::take(&mut expr.with);
            expr = expression(span, ExprKind::Not { span, body: vec![expr], explicit: false });
            expr.with = with;
        } else {
            expr.negated = not.is_some();
            expr.span = self.span_from(saved.start);
        }
        if matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) {
            return self.operand_then_chain(expr, not.is_some(), with_at);
        }
        Some(expr)
    }

    /// `every` that is no keyword here, with what follows it.
    fn hint_every(&mut self, expr: &Expr, saved: State) {
        let plain = matches!(&expr.kind, ExprKind::Term(Term { kind: TermKind::Var(name), .. }) if &**name == "every");
        if !plain || !self.could_import("every") {
            return;
        }
        let here = std::mem::replace(&mut self.s, saved);
        let found = self.guess(|parser| parser.every().is_some());
        self.s = here;
        if found {
            self.hint("`import future.keywords.every` for `every x in xs { ... }` expressions");
        }
    }

    /// At the first `with`.
    pub(super) fn withs(&mut self) -> Option<Vec<With>> {
        let mut withs = Vec::new();
        while self.s.tok == Tok::With {
            let start = self.s.start;
            self.scan();
            if self.s.tok != Tok::Ident {
                self.illegal("expected ident");
                return None;
            }
            let target = self.term()?;
            if !matches!(target.kind, TermKind::Ref(_) | TermKind::Var(_)) {
                self.illegal("expected with target path");
            }
            if self.s.tok != Tok::As {
                self.illegal("expected as keyword");
                return None;
            }
            self.scan();
            let value = self.infix()?;
            withs.push(With { span: self.span_from(start), target, value });
        }
        Some(withs)
    }

    pub(super) fn attach_with(&mut self, mut expr: Expr) -> Option<Expr> {
        if self.s.tok == Tok::With {
            expr.with = self.withs()?;
            expr.span = self.span_from(expr.span.start as usize);
        }
        Some(expr)
    }

    fn some(&mut self) -> Option<Expr> {
        let span = self.token_span();
        let saved = self.s;
        self.scan();
        if let Some(term) = self.infix()
            && let TermKind::Call(call) = &term.kind
        {
            match (called(call).as_str(), call.len()) {
                ("internal.member_2", 3) | ("internal.member_3", 4) => {}
                ("internal.member_2" | "internal.member_3", _) => {
                    self.illegal("illegal domain");
                    return None;
                }
                _ => {
                    self.illegal("expected `x in xs` or `x, y in xs` expression");
                    return None;
                }
            }
            let mut expr = expression(span, ExprKind::Some { span, symbols: vec![term] });
            if self.s.tok == Tok::With {
                expr.with = self.withs()?;
            }
            return Some(expr);
        }
        self.s = saved;
        if self.could_import("in") {
            let found = self.guess(|parser| {
                parser.scan();
                parser.infix().is_some_and(|term| is_membership(&term))
            });
            if found {
                self.hint("`import future.keywords.in` for `some x in xs` expressions");
            }
        }
        let mut symbols = Vec::new();
        loop {
            self.scan();
            if self.s.tok != Tok::Ident {
                self.illegal("expected var");
                return None;
            }
            symbols.push(self.variable());
            self.scan();
            if self.s.tok != Tok::Comma {
                break;
            }
        }
        Some(expression(span, ExprKind::Some { span, symbols }))
    }

    fn every(&mut self) -> Option<Expr> {
        let span = self.token_span();
        self.scan();
        let term = self.infix()?;
        let is_var = |term: &Term| matches!(term.kind, TermKind::Var(_));
        let (key, value, domain) = match membership(term) {
            Membership::Value(value, domain) => (None, value, domain),
            Membership::KeyValue(key, value, domain) => {
                if !is_var(&key) {
                    self.illegal("expected key to be a variable");
                    return None;
                }
                (Some(key), value, domain)
            }
            Membership::WrongCount => {
                self.illegal("illegal domain");
                return None;
            }
            Membership::Other | Membership::No => {
                self.illegal("expected `x[, y] in xs { ... }` expression");
                return None;
            }
        };
        if !is_var(&value) {
            self.illegal("expected value to be a variable");
            return None;
        }
        if self.s.tok != Tok::LBrace {
            self.illegal("missing body");
            return None;
        }
        self.scan();
        let body = self.body(Tok::RBrace)?;
        self.scan();
        let every = Every { span, key, value, domain, body };
        let mut expr = expression(span, ExprKind::Every(Box::new(every)));
        if self.s.tok == Tok::With {
            expr.with = self.withs()?;
        }
        Some(expr)
    }

    /// A term, perhaps with `:=` or `=` and another.
    pub(super) fn expr(&mut self) -> Option<Expr> {
        let start = self.s.start;
        let lhs = self.infix()?;
        if !matches!(self.s.tok, Tok::Assign | Tok::Unify) {
            return Some(from_term(lhs));
        }
        let operator = operator(self.token_span(), self.s.tok.text());
        self.scan();
        let rhs = self.infix()?;
        Some(expression(self.span_from(start), ExprKind::Call { operator, args: vec![lhs, rhs] }))
    }
}
