//! Expressions: calls of infix operators in their own notation, declarations, `every`, `not`, `and`, `or`, and `with`.

use super::place::{Bracket, NOWHERE, Place};
use super::term::{Element, has_leading_brace, infix_of, is_operator, is_union};
use super::writer::{Done, Failed, Rest, Writer};
use crate::ast::{Body, Every, Expr, ExprKind, Logical, Term, TermKind, With};

/// A set alone would be read as a body where braces open one.
pub(super) fn is_set(expr: &Expr) -> bool {
    !expr.negated && matches!(&expr.kind, ExprKind::Term(Term { kind: TermKind::Set(_), .. }))
}

fn is_logical(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::And(_) | ExprKind::Or(_))
}

/// `x | y` would be read as a comprehension behind a brace.
fn is_union_expr(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { operator, args } if args.len() == 2 && is_operator(operator, "or"))
}

fn expr_has_leading_brace(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Term(term) => has_leading_brace(term),
        ExprKind::Call { operator, args } => leading_operand(operator, args).is_some_and(has_leading_brace),
        _ => false,
    }
}

/// What an infix call is written with first: its result where it has one, else its left operand.
fn leading_operand<'a>(operator: &Term, args: &'a [Term]) -> Option<&'a Term> {
    let (_, arity) = infix_of(operator)?;
    match args.len() {
        count if count == arity => args.first(),
        count if count == arity + 1 => args.last(),
        _ => None,
    }
}

/// An operand of `and` or `or`.
struct Operand<'a> {
    body: &'a Body,
    shape: Shape,
}

enum Shape {
    /// In braces, which open there.
    Braces(Place),
    Brackets,
    Plain,
}

/// An operator with its right operand.
struct Step<'a> {
    sign: &'static str,
    right: Operand<'a>,
    /// Where all before the operator ends.
    left_end: i64,
}

impl<'a> Writer<'a> {
    /// Expressions, each in a line, with a blank line where there was one.
    pub fn body(&mut self, body: &'a Body, rest: Rest) -> Done {
        let Some(first) = body.first() else {
            return Ok(rest);
        };
        let row = self.place(first.span).row;
        let mut rest = self.insert_comments(rest, row)?;
        let mut before: Option<Place> = None;
        for expr in body {
            let place = self.place(expr.span);
            if before.is_some_and(|before| place.row > self.places.end_row(before) + 1) {
                self.blank_line();
            }
            before = Some(place);
            self.start_line();
            rest = match self.expr(expr, rest) {
                Ok(rest) => rest,
                Err(failed) => self.swallow(failed),
            };
            self.end_line();
        }
        Ok(rest)
    }

    /// Goes on after a failure; one that is not about comments is told.
    pub fn swallow(&mut self, failed: Failed) -> Rest {
        if let super::writer::Why::Fatal(words) = failed.why {
            self.fault(words);
        }
        failed.rest
    }

    pub fn expr(&mut self, expr: &'a Expr, rest: Rest) -> Done {
        let brackets = self.bracket_expr.take_if(|wanted| std::ptr::eq(*wanted, expr)).is_some();
        let row = self.place(expr.span).row;
        let rest = self.insert_comments(rest, row)?;
        self.ensure_line();
        // Parsers give no negated `and` or `or`; trees that are made may have them.
        let negated_logical = expr.negated && is_logical(expr);
        if expr.negated {
            self.write(if negated_logical { "not (" } else { "not " });
        }
        if brackets {
            self.write("(");
        }
        let rest = self.expr_kind(expr, rest)?;
        if brackets {
            self.write(")");
        }
        if negated_logical {
            self.write(")");
        }
        self.withs(expr, rest)
    }

    fn expr_kind(&mut self, expr: &'a Expr, rest: Rest) -> Done {
        let place = self.place(expr.span);
        match &expr.kind {
            // What is left of comments counts after a failed call or term, and not after the others.
            ExprKind::Term(term) => self.term(term, rest),
            ExprKind::Call { operator, args } => self.function_call(operator, args, rest),
            ExprKind::Some { span, symbols } => {
                let place = self.place(*span);
                self.some(symbols, place, rest).map_err(|failed| self.lost(failed))
            }
            ExprKind::Every(every) => self.every(every, place, rest).map_err(|failed| self.lost(failed)),
            ExprKind::Not { body, explicit, .. } => {
                self.not(body, *explicit, place, rest).map_err(|failed| self.lost(failed))
            }
            ExprKind::And(_) | ExprKind::Or(_) => self.logical(expr, rest).map_err(|failed| self.lost(failed)),
        }
    }

    fn function_call(&mut self, operator: &'a Term, args: &'a [Term], rest: Rest) -> Done {
        let Some((sign, arity)) = infix_of(operator) else {
            return self.plain_call(operator, args, rest);
        };
        let place = self.term_place(operator);
        match args {
            _ if sign == "in" => self.membership(false, args, arity, place, rest),
            [left, right] => {
                let rest = self.term(left, rest).map_err(|failed| self.lost(failed))?;
                self.sign(sign);
                self.term(right, rest)
            }
            // `z = x + y` as a call of three.
            [left, right, result] => {
                let mut rest = rest;
                for (term, sign) in [(result, Some("=")), (left, Some(sign)), (right, None)] {
                    rest = self.term(term, rest).map_err(|failed| self.lost(failed))?;
                    if let Some(sign) = sign {
                        self.sign(sign);
                    }
                }
                Ok(rest)
            }
            _ => {
                self.wrong_arity(&operator.to_string(), args, arity, place);
                self.plain_call(operator, args, rest)
            }
        }
    }

    /// On the line of the expression's end where the first one stood there, the others in lines of their own, indented.
    fn withs(&mut self, expr: &'a Expr, mut rest: Rest) -> Done {
        let Some(first) = expr.with.first() else {
            return Ok(rest);
        };
        let place = self.place(expr.span);
        let first_place = self.place(first.span);
        let written = if first_place.start > place.start && first_place.start <= place.end {
            Place { end: first_place.start, ..place }
        } else {
            place
        };
        let kept = self.places.text(written).trim_end_matches([' ', '\t', '\r', '\n']).len();
        let end = written.start.saturating_add(u32::try_from(kept).unwrap_or(u32::MAX));
        let mut last = self.places.end_row(Place { end, ..written });
        let mut withs = expr.with.iter();
        if first_place.row == last {
            withs.next();
            rest = self.with(first, false, rest)?;
            last = first_place.row;
        }
        let mut indented = false;
        let mut done = Ok(rest);
        for with in withs {
            let row = self.place(with.span).row;
            let breaks = row > last;
            if breaks {
                if !indented {
                    self.level += 1;
                    indented = true;
                }
                self.end_line();
                self.start_line();
                last = row;
            }
            let Ok(rest) = done else { break };
            done = self.with(with, breaks, rest);
            if done.is_err() {
                break;
            }
        }
        if indented {
            self.level = self.level.saturating_sub(1);
        }
        done
    }

    fn with(&mut self, with: &'a With, on_own_line: bool, rest: Rest) -> Done {
        let row = self.place(with.span).row;
        let rest = self.insert_comments(rest, row).map_err(|failed| self.lost(failed))?;
        self.write(if on_own_line { "with " } else { " with " });
        let rest = self.term(&with.target, rest).map_err(|failed| self.lost(failed))?;
        self.write(" as ");
        // Left as it was, the value is written all the same.
        self.term(&with.value, rest).or_else(past_comment)
    }

    fn some(&mut self, symbols: &'a [Term], place: Place, rest: Rest) -> Done {
        let mut rest = self.insert_comments(rest, place.row)?;
        self.write("some ");
        let mut row = place.row;
        for (index, symbol) in symbols.iter().enumerate() {
            if let TermKind::Call(call) = &symbol.kind
                && let Some((operator, operands)) = call.split_first()
            {
                let arity = infix_of(operator).map_or(2, |(_, arity)| arity);
                rest = self.membership(false, operands, arity, place, rest)?;
                continue;
            }
            let own_row = self.term_place(symbol).row;
            if own_row > row {
                self.end_line();
                self.start_line();
                self.write("\t");
                row = own_row;
            } else if index > 0 {
                self.write(" ");
            }
            rest = self.term(symbol, rest)?;
            if index + 1 < symbols.len() {
                self.write(",");
            }
        }
        Ok(rest)
    }

    fn every(&mut self, every: &'a Every, place: Place, rest: Rest) -> Done {
        let mut rest = self.insert_comments(rest, place.row)?;
        self.write("every ");
        if let Some(key) = &every.key {
            rest = self.term(key, rest)?;
            self.write(", ");
        }
        rest = self.term(&every.value, rest)?;
        self.write(" in ");
        rest = self.term(&every.domain, rest)?;
        self.write(" {");
        rest = self.comprehension_body(Bracket::Curly, &every.body, place.row, place, rest).or_else(past_comment)?;
        if let [only] = every.body.as_slice()
            && self.place(only.span).row == self.place(every.span).row
        {
            self.write(" ");
        }
        self.write("}");
        Ok(rest)
    }

    fn not(&mut self, body: &'a Body, explicit: bool, place: Place, rest: Rest) -> Done {
        let mut rest = self.insert_comments(rest, place.row)?;
        self.write("not ");
        let [only] = body.as_slice() else {
            return self.braced(body, place, rest);
        };
        if explicit {
            return self.braced(body, place, rest);
        }
        let brackets = !only.with.is_empty()
            || is_logical(only)
            || matches!(only.kind, ExprKind::Not { .. })
            || expr_has_leading_brace(only);
        if brackets {
            self.write("(");
        }
        rest = self.expr(only, rest).or_else(past_comment)?;
        if brackets {
            self.write(")");
        }
        Ok(rest)
    }

    /// A body in braces of its own; `place` is from where its brace is looked for.
    fn braced(&mut self, body: &'a Body, place: Place, rest: Rest) -> Done {
        let (Some(first), Some(last)) = (body.first(), body.last()) else {
            self.write("{}");
            return Ok(rest);
        };
        if is_union_expr(first) {
            self.bracket_expr = Some(first);
        }
        self.write("{");
        let rest = self.comprehension_body(Bracket::Curly, body, place.row, place, rest).or_else(past_comment)?;
        if self.place(last.span).row == place.row {
            self.write(" ");
        }
        self.write("}");
        Ok(rest)
    }

    fn logical(&mut self, expr: &'a Expr, rest: Rest) -> Done {
        let (first, steps) = self.flattened(expr);
        let mut rest = self.operand(&first, rest).or_else(past_comment)?;
        let level = self.level;
        for step in &steps {
            self.write(" ");
            self.write(step.sign);
            let start = match &step.right.shape {
                Shape::Braces(brace) => Some(brace.row),
                _ => step.right.body.first().map(|first| self.place(first.span).row),
            };
            if start.is_some_and(|start| start > step.left_end) {
                self.level = level + 1;
                self.end_line();
                self.start_line();
            } else {
                self.write(" ");
            }
            let done = self.operand(&step.right, rest).or_else(past_comment);
            match done {
                Ok(left) => rest = left,
                Err(failed) => {
                    self.level = level;
                    return Err(failed);
                }
            }
        }
        self.level = level;
        Ok(rest)
    }

    fn operand(&mut self, operand: &Operand<'a>, rest: Rest) -> Done {
        match (&operand.shape, operand.body.first()) {
            (Shape::Braces(brace), _) => self.braced(operand.body, *brace, rest),
            (_, None) => Ok(rest),
            (Shape::Brackets, Some(only)) => self.enclosed("(", ")", |writer| writer.expr(only, rest)),
            (Shape::Plain, Some(only)) => self.expr(only, rest),
        }
    }

    /// A chain of operators from the left, as one list.
    fn flattened(&self, expr: &'a Expr) -> (Operand<'a>, Vec<Step<'a>>) {
        let mut steps = Vec::new();
        let mut expr = expr;
        loop {
            let (sign, both): (&'static str, &'a Logical) = match &expr.kind {
                ExprKind::And(both) => ("and", both),
                ExprKind::Or(both) => ("or", both),
                _ => {
                    // Only a chain's own left operands come here, and those are logical.
                    let plain = Operand { body: NO_BODY, shape: Shape::Plain };
                    steps.reverse();
                    return (plain, steps);
                }
            };
            let place = self.place(expr.span);
            let right = self.operand_of(&both.rhs, both.explicit_rhs, sign, true, place);
            if let [left] = both.lhs.as_slice()
                && !both.explicit_lhs
                && is_logical(left)
                && !operand_needs_brackets(left, sign, false)
            {
                steps.push(Step { sign, right, left_end: self.body_end(&both.lhs) });
                expr = left;
                continue;
            }
            let first = self.operand_of(&both.lhs, both.explicit_lhs, sign, false, place);
            let left_end = match &first.shape {
                Shape::Braces(brace) => match self.places.closing(Bracket::Curly, *brace) {
                    NOWHERE => self.body_end(first.body),
                    row => row,
                },
                _ => self.body_end(first.body),
            };
            steps.push(Step { sign, right, left_end });
            steps.reverse();
            return (first, steps);
        }
    }

    fn operand_of(&self, body: &'a Body, explicit: bool, sign: &str, right: bool, place: Place) -> Operand<'a> {
        let shape = match body.as_slice() {
            [only] if !explicit => match operand_needs_brackets(only, sign, right) {
                true => Shape::Brackets,
                false => Shape::Plain,
            },
            _ => Shape::Braces(self.opening_brace(body, place)),
        };
        Operand { body, shape }
    }

    /// The last brace before a body within the place of the whole.
    fn opening_brace(&self, body: &Body, place: Place) -> Place {
        let Some(first) = body.first().filter(|first| first.span.start >= place.start) else {
            return place;
        };
        let before = self.places.text(Place { end: first.span.start.min(place.end), ..place });
        match before.rfind('{').and_then(|at| u32::try_from(at).ok()) {
            Some(at) => {
                let start = place.start + at;
                let row = place.row + self.places.row(start) - self.places.row(place.start);
                Place { row, start, end: place.end }
            }
            None => place,
        }
    }

    fn body_end(&self, body: &Body) -> i64 {
        body.last().map_or(0, |last| self.places.end_row(self.place(last.span)))
    }

    /// Gives the union that a body begins with its brackets.
    pub fn mark_leading_union(&mut self, expr: &'a Expr) {
        if expr.negated {
            return;
        }
        if is_logical(expr) {
            let (first, _) = self.flattened(expr);
            if matches!(first.shape, Shape::Plain)
                && let Some(only) = first.body.first()
            {
                self.mark_leading_union(only);
            }
        } else if is_union_expr(expr) {
            self.bracket_expr = Some(expr);
        } else if let ExprKind::Call { operator, args } = &expr.kind
            && let Some(term) = leading_operand(operator, args).filter(|term| is_union(term))
        {
            self.bracket_term = Some(term);
        }
    }

    /// Arguments of a rule's head.
    pub fn head_args(&mut self, args: &'a [Term], place: Place, rest: Rest) -> Done {
        let args = args.iter().map(Element::Term).collect();
        self.enclosed("(", ")", |writer| writer.list(args, place, Some(Bracket::Round), rest, false))
    }
}

const NO_BODY: &Body = &Vec::new();

/// Goes on where a node was left as it was because of comments.
pub(super) fn past_comment(failed: Failed) -> Done {
    match failed.is_comment() {
        true => Ok(failed.rest),
        false => Err(failed),
    }
}

fn operand_needs_brackets(expr: &Expr, sign: &str, right: bool) -> bool {
    if !expr.with.is_empty() {
        return true;
    }
    match expr.kind {
        ExprKind::Or(_) => sign == "and" || right,
        ExprKind::And(_) => sign == "and" && right,
        _ => expr_has_leading_brace(expr),
    }
}
