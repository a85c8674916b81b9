//! Rules: heads, bodies, `else`, `default`, and bodies that share a head.

use super::MAX_ELSES;
use super::bodies::implicit_body;
use super::parser::Parser;
use super::token::Tok;
use crate::ast::json::type_name;
use crate::ast::{Body, Expr, ExprKind, Head, Ref, Rule, TemplatePart, Term, TermKind, text};
use crate::span::Span;

/// A head of a reference, with the name that OPA's has: that of references of one part.
pub(super) fn head_of(span: Span, reference: Ref) -> Head {
    let name = match reference.as_slice() {
        [Term { kind: TermKind::Var(name), .. }] => Some(name.clone()),
        _ => None,
    };
    Head { span, name, reference, ..Head::default() }
}

pub(super) fn first_name(reference: &Ref) -> Option<crate::ast::Name> {
    match reference.first()?.kind {
        TermKind::Var(ref name) => Some(name.clone()),
        _ => None,
    }
}

/// No variable in it.
pub(super) fn is_ground(term: &Term) -> bool {
    match &term.kind {
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => true,
        TermKind::Var(_) => false,
        TermKind::Ref(parts) => parts.iter().skip(1).all(is_ground),
        TermKind::Array(items) | TermKind::Set(items) | TermKind::Call(items) => items.iter().all(is_ground),
        TermKind::Object(pairs) => pairs.iter().all(|(key, value)| is_ground(key) && is_ground(value)),
        TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => false,
        TermKind::Template { parts, .. } => parts.iter().all(|part| match part {
            TemplatePart::Text(_) => true,
            TemplatePart::Expr(_) => false,
        }),
    }
}

impl Parser<'_> {
    /// A rule and those that share its head; nothing, and perhaps errors, where none begins here.
    pub(super) fn rules(&mut self) -> Option<Vec<Rule>> {
        let start = self.s.start;
        let first = self.token_span();
        self.take_ref_keyword();
        let default = self.s.tok == Tok::Default;
        if default {
            self.scan();
            self.take_ref_keyword();
        }
        if self.s.tok != Tok::Ident {
            if default {
                self.error_keyword_as_name(true);
            }
            return None;
        }
        let (mut head, contains) = self.head(default)?;
        head.contains_written = contains;
        head.multi_value = contains;
        if default {
            return self.default_rule(start, first, head).map(|rule| vec![rule]);
        }
        let has_if = self.s.tok == Tok::If;
        self.settle_head(&mut head, has_if, contains)?;
        let body = if has_if {
            head.if_written = true;
            self.scan();
            self.if_body()?
        } else if self.s.tok == Tok::LBrace {
            self.braces()?
        } else if contains {
            let span = head.span;
            let body = implicit_body(first);
            return Some(vec![Rule { generated_body: true, ..rule(span, head, body) }]);
        } else {
            return None;
        };
        let mut else_rule = None;
        if self.s.tok == Tok::Else && !self.take_ref_keyword() {
            if head.reference.len() > 1 && !head.reference.iter().skip(1).all(is_ground) {
                self.error_here("else keyword cannot be used on rules with variables in head");
                return None;
            }
            if head.key.is_some() {
                self.error_here("else keyword cannot be used on multi-value rules");
                return None;
            }
            else_rule = Some(Box::new(self.else_rules(&head)?));
        }
        let span = self.span_from(start);
        let mut rules = vec![Rule { else_rule, ..rule(span, head, body) }];
        self.more_bodies(&mut rules)?;
        Some(rules)
    }

    /// `p { … } { … }`
    fn more_bodies(&mut self, rules: &mut Vec<Rule>) -> Option<()> {
        while self.s.tok == Tok::LBrace {
            let first = rules.first()?;
            if first.else_rule.is_some() {
                self.error_here("expected else keyword");
                return None;
            }
            let mut head = first.head.clone();
            let start = self.s.start;
            let body = self.braces()?;
            let span = self.span_from(start);
            self.rename_wildcards(&mut head);
            place_head(&mut head, span);
            rules.push(rule(span, head, body));
        }
        Some(())
    }

    /// Arguments that are wildcards get names of their own in each rule.
    fn rename_wildcards(&mut self, head: &mut Head) {
        for arg in &mut head.args {
            if matches!(&arg.kind, TermKind::Var(name) if name.starts_with('$')) {
                arg.kind = self.wildcard();
            }
        }
    }

    fn default_rule(&mut self, start: usize, first: Span, head: Head) -> Option<Rule> {
        let Some(value) = &head.value else {
            self.error(start, "illegal default rule (must have a value)");
            return None;
        };
        let mut faults = Vec::new();
        faults_of_default(value, &mut faults);
        if faults.is_empty() {
            faults_of_args(&head.args, &mut faults);
        }
        if !faults.is_empty() {
            for fault in faults {
                self.error(start, format!("illegal default rule ({fault})"));
            }
            return None;
        }
        Some(Rule { default: true, ..rule(self.span_from(start), head, implicit_body(first)) })
    }

    /// What `p[x]` means depends on what stands behind it.
    fn settle_head(&mut self, head: &mut Head, has_if: bool, contains: bool) -> Option<()> {
        let [_, second] = head.reference.as_slice() else { return Some(()) };
        if contains {
            return Some(());
        }
        let second = second.clone();
        if has_if {
            let dynamic = !is_ground(&second) || matches!(second.kind, TermKind::Ref(_));
            if dynamic && head.args.is_empty() {
                head.key = Some(second);
            }
            if head.value.is_none() {
                head.generated_value = true;
                head.value = Some(Term::new(head.span, TermKind::Bool(true)));
            } else {
                head.name = Some(first_name(&head.reference)?);
            }
        } else if head.args.is_empty() {
            head.name = Some(first_name(&head.reference)?);
            head.key = Some(second);
            if head.value.is_none() {
                head.reference.truncate(1);
                head.multi_value = true;
            }
        }
        Some(())
    }

    /// After `if`: an expression, or a body in braces.
    fn if_body(&mut self) -> Option<Body> {
        let saved = self.s;
        let leading_brace = self.s.tok == Tok::LBrace;
        if let Some(expr) = self.literal() {
            // A set is never false: `{ true }` is meant as a body.
            let set = matches!(&expr.kind, ExprKind::Term(Term { kind: TermKind::Set(_), .. }));
            if !(leading_brace && set) {
                return Some(vec![expr]);
            }
        }
        if !leading_brace || self.is_stopped() {
            return None;
        }
        self.s = saved;
        self.braces()
    }

    fn braces(&mut self) -> Option<Body> {
        self.scan();
        let body = self.body(Tok::RBrace)?;
        self.scan();
        Some(body)
    }

    /// At `else`, with all that follow.
    fn else_rules(&mut self, first: &Head) -> Option<Rule> {
        let mut chain = Vec::new();
        loop {
            if chain.len() == MAX_ELSES {
                self.too_deep();
                return None;
            }
            let (rule, ended) = self.else_rule(first)?;
            chain.push(rule);
            if ended || self.s.tok != Tok::Else {
                break;
            }
        }
        let end = self.s.last_end;
        let mut whole: Option<Rule> = None;
        while let Some(mut rule) = chain.pop() {
            rule.span = self.span(rule.span.start as usize, end);
            rule.else_rule = whole.map(Box::new);
            whole = Some(rule);
        }
        whole
    }

    /// One `else`, and whether it can have no further one.
    fn else_rule(&mut self, first: &Head) -> Option<(Rule, bool)> {
        let start = self.s.start;
        let span = self.token_span();
        let mut head =
            Head { generated_value: false, if_written: false, contains_written: false, span, ..first.clone() };
        self.rename_wildcards(&mut head);
        self.scan();
        match self.s.tok {
            Tok::LBrace | Tok::If => {
                head.generated_value = true;
                head.value = Some(Term::new(Span::NONE, TermKind::Bool(true)));
            }
            Tok::Assign | Tok::Unify => {
                head.assign = self.s.tok == Tok::Assign;
                self.scan();
                head.value = Some(self.infix()?);
                head.span = self.span_from(start);
            }
            _ => {
                self.illegal("expected else value term or rule body");
                return None;
            }
        }
        if !matches!(self.s.tok, Tok::If | Tok::LBrace) {
            let body = implicit_body(span);
            return Some((Rule { generated_body: true, ..rule(self.span_from(start), head, body) }, true));
        }
        if self.s.tok == Tok::If {
            head.if_written = true;
            self.scan();
        }
        let body = match self.s.tok {
            Tok::LBrace => self.braces()?,
            Tok::Eof => {
                self.illegal("rule body expected");
                return None;
            }
            _ => vec![self.literal()?],
        };
        Some((rule(self.span_from(start), head, body), false))
    }

    /// The head, and whether `contains` was written.
    fn head(&mut self, default: bool) -> Option<(Head, bool)> {
        let start = self.s.start;
        let (mut head, contains) = self.head_inside(default)?;
        head.span = self.span_from(start);
        if head.value.is_none() && head.key.is_none() && (head.reference.len() != 2 || !head.args.is_empty()) {
            head.generated_value = true;
            // It has no place, as in OPA.
            head.value = Some(Term::new(Span::NONE, TermKind::Bool(true)));
        }
        Some((head, contains))
    }

    fn head_inside(&mut self, default: bool) -> Option<(Head, bool)> {
        let start = self.s.start;
        let name = self.variable();
        let Some(term) = self.finish_head(name) else {
            self.illegal("expected rule head name");
            return None;
        };
        let span = self.span_from(start);
        let mut head = match term.kind {
            TermKind::Var(_) => head_of(span, vec![term]),
            TermKind::Ref(parts) => head_of(span, parts),
            TermKind::Call(mut call) => {
                let TermKind::Ref(parts) = call.remove(0).kind else { return None };
                if first_name(&parts).is_none() {
                    self.illegal(&format!("rule head ref {} invalid", text::reference(&parts)));
                    return None;
                }
                Head { args: call, ..head_of(span, parts) }
            }
            _ => return None,
        };
        let name = |head: &Head| text::reference(&head.reference);
        match self.s.tok {
            Tok::Contains => {
                if !head.args.is_empty() {
                    self.illegal(&format!(
                        "the contains keyword can only be used with multi-value rule definitions (e.g., {} contains \
                         <VALUE> {{ ... }})",
                        name(&head)
                    ));
                }
                self.scan();
                head.key = self.infix();
                if head.key.is_none() {
                    self.illegal(&format!("expected rule key term (e.g., {} contains <VALUE> {{ ... }})", name(&head)));
                }
                return Some((head, true));
            }
            Tok::Unify => {
                self.scan();
                head.value = self.infix();
                if head.value.is_none() {
                    self.illegal(&format!(
                        "expected rule value term (e.g., {}[<nil>] = <VALUE> {{ ... }})",
                        name(&head)
                    ));
                }
            }
            Tok::Assign => {
                self.scan();
                head.assign = true;
                head.value = self.infix();
                if head.value.is_none() {
                    let name = name(&head);
                    self.illegal(&match () {
                        () if !head.args.is_empty() => {
                            format!("expected function value term (e.g., {name}(...) := <VALUE> {{ ... }})")
                        }
                        () if default => {
                            format!("expected default rule value term (e.g., default {name} := <VALUE>)")
                        }
                        () => format!("expected rule value term (e.g., {name} := <VALUE> {{ ... }})"),
                    });
                }
            }
            _ => {}
        }
        Some((head, false))
    }

    /// Reports a keyword that is used as a rule's name; tells whether it is.
    pub(super) fn error_keyword_as_name(&mut self, default: bool) -> bool {
        let (call, ifs) = match self.s.tok {
            Tok::Every | Tok::If | Tok::In | Tok::Some | Tok::As => (true, true),
            Tok::Package | Tok::Import => (true, false),
            Tok::Not | Tok::LogicalAnd | Tok::LogicalOr => (false, true),
            Tok::Contains => (false, true),
            _ => return false,
        };
        let assigns = self.s.tok != Tok::Contains;
        if !default {
            let follows = match self.peek() {
                Tok::Assign | Tok::Unify => assigns,
                Tok::If | Tok::Contains => ifs,
                Tok::LParen => call,
                _ => false,
            };
            if !follows {
                return false;
            }
        }
        self.error_here(format!("{} keyword cannot be used for rule name", self.s.tok.text()));
        true
    }
}

fn rule(span: Span, head: Head, body: Body) -> Rule {
    Rule { span, default: false, head, body, else_rule: None, generated_body: false, annotations: Vec::new() }
}

/// What a default value may not hold: references, variables and calls, comprehensions' own aside.
fn faults_of_default(term: &Term, faults: &mut Vec<String>) {
    match &term.kind {
        TermKind::Ref(_) | TermKind::Var(_) | TermKind::Call(_) => {
            faults.push(format!("value cannot contain {}", type_name(term)));
        }
        TermKind::Array(items) | TermKind::Set(items) => items.iter().for_each(|item| faults_of_default(item, faults)),
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                faults_of_default(key, faults);
                faults_of_default(value, faults);
            }
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(expr) = part {
                    faults_of_expr(expr, faults);
                }
            }
        }
        _ => {}
    }
}

fn faults_of_expr(expr: &Expr, faults: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Term(term) => faults_of_default(term, faults),
        ExprKind::Call { operator, args } => {
            faults_of_default(operator, faults);
            args.iter().for_each(|arg| faults_of_default(arg, faults));
        }
        _ => {}
    }
}

fn faults_of_args(args: &[Term], faults: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    for arg in args {
        match &arg.kind {
            TermKind::Var(name) if !seen.insert(name) => {
                faults.push(format!("arguments cannot be repeated {}", text_of_var(name)));
            }
            TermKind::Var(_) => {}
            _ => faults.push(format!("arguments cannot contain {}", type_name(arg))),
        }
    }
}

fn text_of_var(name: &str) -> &str {
    if name.starts_with('$') { "_" } else { name }
}

/// Gives every part of a head but its reference one place, as OPA does: that of the body that repeats it.
fn place_head(head: &mut Head, span: Span) {
    head.span = span;
    let parts = head.args.iter_mut().chain(&mut head.key).chain(&mut head.value);
    parts.for_each(|term| place(term, span));
}

fn place(term: &mut Term, span: Span) {
    term.span = span;
    match &mut term.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter_mut().for_each(|term| place(term, span));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                place(key, span);
                place(value, span);
            }
        }
        _ => {}
    }
}
