//! `and`, `or` and `not` with bodies (`future.keywords.and` and so on): operands in braces are bodies, brackets group.

use super::bodies::expression;
use super::parser::Parser;
use super::token::Tok;
use crate::ast::json::type_name;
use crate::ast::{Body, Expr, ExprKind, Logical, Term, TermKind, text};
use crate::span::Span;

/// An operand: its expressions, whether braces were written, its place.
type Operand = (Body, bool, Span);

/// Builtins without a result, which always succeed.
const VOID: [&str; 1] = ["print"];

impl Parser<'_> {
    pub(super) fn logical_keywords_hold(&self) -> bool {
        self.is_keyword("and") || self.is_keyword("or")
    }

    /// `{ … } and …` at the start of an expression; `None` where the braces are something else.
    pub(super) fn braces_as_operand(&mut self) -> Option<Option<Expr>> {
        let saved = self.s;
        let failures = self.failures().clone();
        let start = self.s.start;
        self.scan();
        if let Some(body) = self.body(Tok::RBrace) {
            self.scan();
            if matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) {
                if self.is_ambiguous(&body) {
                    self.error_ambiguous(start, &body, "");
                    return Some(None);
                }
                let span = self.span(start, start + 1);
                return Some(self.or_chain(body, true, span).and_then(|chain| self.attach_with(chain)));
            }
        }
        self.s = saved;
        *self.failures() = failures;
        None
    }

    pub(super) fn fold(&mut self, mut body: Body, explicit: bool, span: Span) -> Option<Expr> {
        let expr = match self.s.tok {
            Tok::LogicalAnd | Tok::LogicalOr => self.or_chain(body, explicit, span)?,
            _ if body.is_empty() => return None,
            _ => body.swap_remove(0),
        };
        self.attach_with(expr)
    }

    /// An expression was read and `and` or `or` follows.
    pub(super) fn operand_then_chain(&mut self, expr: Expr, negated: bool, with_at: Option<usize>) -> Option<Expr> {
        let op = self.s.tok.text();
        if let Some(at) = with_at {
            self.error_with_on_operand(at, op);
            return None;
        }
        let span = expr.span;
        let written = self.slice(span.start as usize, span.end as usize);
        if !negated && written.starts_with('{') {
            let empty =
                matches!(&expr.kind, ExprKind::Term(Term { kind: TermKind::Object(pairs), .. }) if pairs.is_empty());
            if empty {
                self.error(span.start as usize, "found empty body");
            } else {
                self.error_brace_led(span.start as usize, written, op);
            }
            return None;
        }
        let chain = self.or_chain(vec![expr], false, span)?;
        self.attach_with(chain)
    }

    fn error_with_on_operand(&mut self, at: usize, op: &str) {
        self.hint(format!(
            "Wrap the operand in `(...)` or `{{...}}` to scope, or move `with` after the `{op}` expression to apply it to \
             the whole expression"
        ));
        self.error(at, format!("`with` modifier is not allowed on operand of `{op}`"));
    }

    /// At an operator, after its left operand. `and` binds more tightly than `or`; both to the left.
    fn or_chain(&mut self, lhs: Body, explicit: bool, span: Span) -> Option<Expr> {
        let mut links = 0;
        let chain = self.or_links(lhs, explicit, span, &mut links);
        self.shallow(links);
        chain
    }

    fn or_links(&mut self, mut lhs: Body, mut explicit_lhs: bool, mut span: Span, links: &mut u32) -> Option<Expr> {
        if self.s.tok == Tok::LogicalAnd {
            let chain = self.and_links(lhs, explicit_lhs, span, links)?;
            span = chain.span;
            (lhs, explicit_lhs) = (vec![chain], false);
        }
        while self.s.tok == Tok::LogicalOr {
            self.scan();
            let (mut rhs, mut explicit_rhs, at) = self.operand("or")?;
            if self.s.tok == Tok::LogicalAnd {
                rhs = vec![self.and_links(rhs, explicit_rhs, at, links)?];
                explicit_rhs = false;
            }
            self.check_void(&lhs, &rhs, "or");
            if !self.deepen(1) {
                return None;
            }
            *links += 1;
            span = self.span_from(span.start as usize);
            let node = Logical { span, lhs, rhs, explicit_lhs, explicit_rhs };
            (lhs, explicit_lhs) = (vec![expression(span, ExprKind::Or(Box::new(node)))], false);
        }
        lhs.pop()
    }

    fn and_links(&mut self, mut lhs: Body, mut explicit_lhs: bool, mut span: Span, links: &mut u32) -> Option<Expr> {
        while self.s.tok == Tok::LogicalAnd {
            self.scan();
            let (rhs, explicit_rhs, _) = self.operand("and")?;
            self.check_void(&lhs, &rhs, "and");
            if !self.deepen(1) {
                return None;
            }
            *links += 1;
            span = self.span_from(span.start as usize);
            let node = Logical { span, lhs, rhs, explicit_lhs, explicit_rhs };
            (lhs, explicit_lhs) = (vec![expression(span, ExprKind::And(Box::new(node)))], false);
        }
        lhs.pop()
    }

    /// Braces hold either a body or a value that should have had brackets around it. `op` is empty where this is only tried.
    fn brace_body(&mut self, report: impl FnOnce(&mut Self, usize, &str, &Term), tried: bool) -> Option<Body> {
        let saved = self.s;
        let start = self.s.start;
        self.scan();
        let empty = self.s.tok == Tok::RBrace;
        if let Some(body) = self.body(Tok::RBrace) {
            self.scan();
            return Some(body);
        }
        if empty || tried {
            return None;
        }
        let failed = std::mem::replace(&mut self.s, saved);
        match self.infix() {
            Some(term) => report(self, start, self.slice(start, self.s.last_end), &term),
            None => self.s = failed,
        }
        None
    }

    /// `not { … }`, at the brace.
    pub(super) fn not_body(&mut self, not: usize) -> Option<Expr> {
        let start = self.s.start;
        let report = |parser: &mut Self, at: usize, written: &str, term: &Term| {
            parser.hint(format!(
                "write `not ({written})` to negate the value, or `not {{{written}}}` for a body holding it"
            ));
            let kind = brace_led_kind(term);
            parser.error(at, format!("`{{...}}` in an operand position must contain expression(s), got: {kind}"));
        };
        let body = self.brace_body(report, false)?;
        if self.is_ambiguous(&body) {
            self.error_ambiguous(start, &body, "not ");
            return None;
        }
        let span = self.span_from(not);
        Some(expression(span, ExprKind::Not { span, body, explicit: true }))
    }

    fn operand(&mut self, op: &str) -> Option<Operand> {
        if self.s.tok == Tok::LBrace {
            let start = self.s.start;
            let report = |parser: &mut Self, at: usize, written: &str, _: &Term| {
                parser.error_brace_led(at, written, op);
            };
            let body = self.brace_body(report, op.is_empty())?;
            if self.is_ambiguous(&body) {
                self.error_ambiguous(start, &body, "");
            }
            return Some((body, true, self.span(start, start + 1)));
        }
        let mut not = None;
        if self.is_not() {
            not = Some(self.s.start);
            self.scan();
            if self.not_bodies && self.s.tok == Tok::LBrace {
                let body = self.not_body(not.unwrap_or_default())?;
                let span = body.span;
                return Some((vec![body], false, span));
            }
        }
        if self.s.tok == Tok::LParen
            && self.logical_keywords_hold()
            && (not.is_none() || self.not_bodies)
            && let Some(group) = self.group(true, if not.is_some() { "not " } else { "" })
        {
            let (body, explicit, span) = group?;
            return Some(match not {
                None => (body, explicit, span),
                Some(not) => {
                    let span = self.span_from(not);
                    (vec![expression(span, ExprKind::Not { span, body, explicit })], false, span)
                }
            });
        }
        let start = self.s.start;
        let mut expr = self.expr()?;
        expr.span = self.span_from(start);
        if let Some(not) = not {
            if self.not_bodies {
                let span = self.span_from(not);
                expr = expression(span, ExprKind::Not { span, body: vec![expr], explicit: false });
            } else {
                expr.negated = true;
            }
        }
        let span = expr.span;
        Some((vec![expr], false, span))
    }

    /// Brackets around operands; `None` where they are part of a term. `operand` tells that they stand where only an operand
    /// may.
    pub(super) fn group(&mut self, operand: bool, prefix: &str) -> Option<Option<Operand>> {
        if !self.enter() {
            return Some(None);
        }
        let group = self.group_inside(operand, prefix);
        self.leave();
        group
    }

    fn group_inside(&mut self, operand: bool, prefix: &str) -> Option<Option<Operand>> {
        let saved = self.s;
        let start = self.s.start;
        self.scan();
        if self.s.tok == Tok::RParen {
            if operand {
                self.error(start, "empty parenthesized group");
                return Some(None);
            }
            self.s = saved;
            return None;
        }
        let Some((mut lhs, explicit, span)) = self.operand("") else {
            self.s = saved;
            return None;
        };
        if matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) {
            let chain = self.or_chain(lhs, explicit, span).and_then(|chain| self.attach_with(chain));
            let Some(chain) = chain else { return Some(None) };
            return Some(self.close_group().map(|()| (vec![chain], false, self.span_from(start))));
        }
        if self.s.tok == Tok::With && !explicit && lhs.len() == 1 {
            return self.group_with(saved, operand, lhs);
        }
        if explicit {
            return self.group_of_braces(saved, span, prefix);
        }
        let stays = match lhs.as_slice() {
            [only] => only.negated || matches!(only.kind, ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not { .. }),
            _ => false,
        };
        if !stays {
            self.s = saved;
            return None;
        }
        let lhs = std::mem::take(&mut lhs);
        Some(self.close_group().map(|()| (lhs, false, self.span_from(start))))
    }

    fn close_group(&mut self) -> Option<()> {
        if self.s.tok != Tok::RParen {
            self.error_here("expected ) to close parenthesized group");
            return None;
        }
        self.scan();
        Some(())
    }

    /// `(x with input as y)`
    fn group_with(&mut self, saved: super::parser::State, operand: bool, mut lhs: Body) -> Option<Option<Operand>> {
        let with_at = self.s.start;
        let Some(expr) = lhs.pop().and_then(|only| self.attach_with(only)) else { return Some(None) };
        if matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) {
            self.error_with_on_operand(with_at, self.s.tok.text());
            return Some(None);
        }
        if self.close_group().is_none() {
            return Some(None);
        }
        if operand || matches!(self.s.tok, Tok::LogicalAnd | Tok::LogicalOr) {
            return Some(Some((vec![expr], false, self.span_from(saved.start))));
        }
        self.s = saved;
        None
    }

    /// `({ … })` is a value; a body needs no brackets.
    fn group_of_braces(&mut self, saved: super::parser::State, braces: Span, prefix: &str) -> Option<Option<Operand>> {
        let written = self.slice(braces.start as usize, self.s.last_end);
        self.s = saved;
        self.scan();
        let is_term = self.term().is_some();
        self.s = saved;
        if is_term {
            return None;
        }
        self.hint(format!("drop the parens to keep the body: `{prefix}{written}`"));
        self.error(saved.start, "`(...)` in an operand position cannot contain a body");
        Some(None)
    }

    /// `{ a | b }` could be a comprehension or a body with a union.
    fn is_ambiguous(&self, body: &Body) -> bool {
        let Some(Expr { span, kind: ExprKind::Call { operator, .. }, .. }) = body.first() else { return false };
        let written = |span: Span| self.slice(span.start as usize, span.end as usize);
        operator.to_string() == "or" && written(operator.span) == "|" && !written(*span).trim_start().starts_with('(')
    }

    fn error_ambiguous(&mut self, start: usize, body: &Body, prefix: &str) {
        let braces = self.slice(start, self.s.last_end);
        let mut union = braces.to_owned();
        if let Some(first) = body.first() {
            let (from, to) = (first.span.start as usize, first.span.end as usize);
            if from > start && to <= start + braces.len() {
                let (before, inner, after) = (self.slice(start, from), self.slice(from, to), &braces[to - start..]);
                union = format!("{before}({inner}){after}");
            }
        }
        self.hint(format!("write `{prefix}({braces})` for the comprehension, or `{prefix}{union}` for the set union"));
        self.error(
            start,
            "ambiguous `{ ... | ... }` operand: read as a body holding a set-union expression, not as a comprehension",
        );
    }

    fn error_brace_led(&mut self, at: usize, written: &str, op: &str) {
        self.hint(format!("wrap the operand to keep the value: `({written}) {op} ...`"));
        self.error(at, format!("operand of `{op}` cannot begin with `{{` unless the braces hold a body"));
    }

    fn check_void(&mut self, lhs: &Body, rhs: &Body, op: &str) {
        for body in [lhs, rhs] {
            let Some((name, span)) = void_call(body) else { continue };
            self.hint(format!(
                "`{name}` produces no value and always succeeds, so the operand can never fail; move it out of the operand, \
                 or add an expression that can fail"
            ));
            self.error(span.start as usize, format!("operand of `{op}` cannot consist only of calls to `{name}`"));
        }
    }
}

/// The first call of a body that holds nothing but calls without results.
fn void_call(body: &Body) -> Option<(String, Span)> {
    let mut first = None;
    for expr in body {
        let ExprKind::Call { operator, .. } = &expr.kind else { return None };
        let name = operator.to_string();
        if expr.negated || !VOID.contains(&name.as_str()) {
            return None;
        }
        first.get_or_insert((name, expr.span));
    }
    first
}

/// What a brace at the start of a term opens: infix calls begin with their left operand.
fn brace_led_kind(mut term: &Term) -> &'static str {
    while let TermKind::Call(call) = &term.kind
        && let [operator, lhs, ..] = call.as_slice()
        && text::infix(&operator.to_string()).is_some()
    {
        term = lhs;
    }
    type_name(term)
}
