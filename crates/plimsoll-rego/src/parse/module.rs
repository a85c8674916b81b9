//! Statements to a module: bodies that are meant as rules, what v1 asks of rules, and annotations on what they stand above.

use super::bodies::implicit_body;
use super::rules::{first_name, head_of};
use super::statements::{Statement, rego_version};
use super::{Reading, annotations};
use crate::ast::json::type_name;
use crate::ast::{Body, Expr, ExprKind, Head, Language, Module, Name, Rule, Term, TermKind, text};
use crate::builtins;
use crate::error::{Code, RegoError};
use crate::span::{Source, Span};

fn error(span: Span, message: impl Into<String>) -> RegoError {
    RegoError::new(Code::Parse, span, message)
}

/// In: what was read, without errors. Out: the module, or what is wrong with it as a whole.
pub(super) fn assemble(
    reading: Reading,
    source: u32,
    text: &Source,
    language: Language,
) -> Result<Module, Vec<RegoError>> {
    let Reading { statements, comments, annotations } = reading;
    let no_place = Span::new(source, 0, 0);
    let hints = HeadHints::of(&statements, text);
    let mut errors = Vec::new();
    let mut rest = statements.into_iter();
    let package = match rest.next() {
        Some(Statement::Package(package)) => package,
        Some(other) => {
            errors.push(error(other.span(), "package expected"));
            crate::ast::Package { span: no_place, path: Vec::new() }
        }
        None => return Err(vec![error(Span::of_whole(source), "empty module")]),
    };
    let mut module =
        Module { source, language, package, imports: Vec::new(), rules: Vec::new(), comments, annotations: Vec::new() };
    let mut v1 = !matches!(language, Language::V0);
    for (at, statement) in rest.enumerate() {
        match statement {
            Statement::Import(import) => {
                if rego_version(&import).is_some() {
                    v1 = true;
                    if matches!(module.language, Language::V0) {
                        module.language = Language::V0CompatV1;
                    }
                }
                module.imports.push(import);
            }
            Statement::Rule(rule) => module.rules.push(rule),
            Statement::Body(body) => {
                let span = body.first().map_or(no_place, |expr| expr.span);
                match rule_of_body(body) {
                    Ok(rule) => module.rules.push(Rule { generated_body: true, ..rule }),
                    Err(mut message) => {
                        if !v1 && let Some(hint) = hints.of_statement(at + 1) {
                            message.push_str(hint);
                        }
                        errors.push(error(span, message));
                    }
                }
            }
            Statement::Package(package) => errors.push(error(package.span, "unexpected package")),
        }
    }
    if v1 {
        module.rules.iter().for_each(|rule| check_v1(rule, &mut errors));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    module.annotations = annotations;
    let errors = annotations::attach(&mut module, text);
    if errors.is_empty() { Ok(module) } else { Err(errors) }
}

impl Statement {
    fn span(&self) -> Span {
        match self {
            Statement::Package(package) => package.span,
            Statement::Import(import) => import.span,
            Statement::Rule(rule) => rule.span,
            Statement::Body(body) => body.first().map(|expr| expr.span).unwrap_or_default(),
        }
    }
}

/// Statements that v0 made of `p if { … }` and `p contains x`: the keyword became a name of its own.
struct HeadHints {
    rows: Vec<(usize, Option<&'static str>)>,
}

impl HeadHints {
    fn of(statements: &[Statement], text: &Source) -> HeadHints {
        let row = |statement: &Statement| text.row_column(statement.span().start).0;
        HeadHints { rows: statements.iter().map(|statement| (row(statement), keyword(statement))).collect() }
    }

    fn of_statement(&self, at: usize) -> Option<&'static str> {
        let (row, own) = self.rows.get(at)?;
        let next = self.rows.get(at + 1).filter(|(next, _)| next == row).and_then(|(_, keyword)| *keyword);
        Some(match own.or(next)? {
            "if" => " (hint: `import future.keywords.if` for `p if { ... }` rules)",
            _ => " (hint: `import future.keywords.contains` for `p contains x` rules)",
        })
    }
}

fn keyword(statement: &Statement) -> Option<&'static str> {
    let name: Option<&Name> = match statement {
        Statement::Rule(rule) => rule.head.name.as_ref(),
        Statement::Body(body) => match body.as_slice() {
            [Expr { kind: ExprKind::Term(Term { kind: TermKind::Var(name), .. }), .. }] => Some(name),
            _ => None,
        },
        _ => None,
    };
    match &**name? {
        "if" => Some("if"),
        "contains" => Some("contains"),
        _ => None,
    }
}

/// A body that stands alone, read as a rule.
fn rule_of_body(mut body: Body) -> Result<Rule, String> {
    let (Some(expr), true) = (body.pop(), body.is_empty()) else {
        return Err("multiple expressions cannot be used for rule head".to_owned());
    };
    if !expr.with.is_empty() {
        return Err("expressions using with keyword cannot be used for rule head".to_owned());
    }
    if expr.negated {
        return Err("negated expressions cannot be used for rule head".to_owned());
    }
    match expr.kind {
        ExprKind::Some { .. } => Err("'some' declarations cannot be used for rule head".to_owned()),
        ExprKind::Term(term) => rule_of_term(term),
        ExprKind::Call { operator, args } => rule_of_call(expr.span, operator, args),
        _ => Err("expression cannot be used for rule head".to_owned()),
    }
}

fn made(span: Span, body: Span, head: Head) -> Rule {
    let body = implicit_body(body);
    Rule { span, default: false, head, body, else_rule: None, generated_body: true, annotations: Vec::new() }
}

fn truth(span: Span) -> Option<Term> {
    Some(Term::new(span, TermKind::Bool(true)))
}

fn check_head(parts: &[Term]) -> Result<(), String> {
    match parts.first().map(|first| &first.kind) {
        Some(TermKind::Var(_)) => Ok(()),
        _ => Err(format!("invalid rule head: {}", text::reference(parts))),
    }
}

/// `p.q.r` is a complete rule, `p[x]` a partial set.
fn rule_of_term(term: Term) -> Result<Rule, String> {
    let (span, kind) = (term.span, type_name(&term));
    let TermKind::Ref(parts) = term.kind else {
        return Err(format!("{kind} cannot be used for rule name"));
    };
    if parts.len() > 2 {
        check_head(&parts)?;
        let head = Head { value: truth(span), generated_value: true, ..head_of(span, parts) };
        return Ok(made(span, span, head));
    }
    if parts.len() == 1 {
        return Err("refs cannot be used for rule head".to_owned());
    }
    check_head(&parts)?;
    let mut parts = parts.into_iter();
    let mut head = head_of(span, parts.next().into_iter().collect());
    (head.key, head.multi_value) = (parts.next(), true);
    Ok(made(span, span, head))
}

fn rule_of_call(span: Span, operator: Term, mut args: Vec<Term>) -> Result<Rule, String> {
    let name = operator.to_string();
    if matches!(name.as_str(), "eq" | "assign") {
        let (Some(rhs), Some(lhs), true) = (args.pop(), args.pop(), args.is_empty()) else {
            return Err("assignment requires two operands".to_owned());
        };
        let mut rule = rule_of_equation(lhs, rhs)?;
        rule.head.assign = name == "assign";
        rule.head.span = span;
        return Ok(Rule { span, ..rule });
    }
    if builtins::named(&name).is_some() {
        return Err("rule name conflicts with built-in function".to_owned());
    }
    if args.is_empty() {
        return Err("rule argument list must take at least one argument".to_owned());
    }
    let at = operator.span;
    let TermKind::Ref(parts) = operator.kind else {
        return Err(format!("{name} cannot be used for rule name"));
    };
    check_head(&parts)?;
    let head = Head { args, value: truth(at), ..head_of(at, parts) };
    Ok(made(at, at, head))
}

/// `f(x) = y`, `p[x] = y`, `p = y`.
fn rule_of_equation(lhs: Term, rhs: Term) -> Result<Rule, String> {
    let (span, body, kind) = (lhs.span, rhs.span, type_name(&lhs));
    match lhs.kind {
        TermKind::Call(mut call) if !call.is_empty() => {
            let operator = call.remove(0);
            let TermKind::Ref(parts) = operator.kind else {
                return Err(format!("{kind} cannot be used for rule name"));
            };
            if check_head(&parts).is_err() {
                return Err(format!("{kind} cannot be used for rule name"));
            }
            Ok(made(span, body, Head { args: call, value: Some(rhs), ..head_of(span, parts) }))
        }
        TermKind::Ref(parts) => {
            check_head(&parts)?;
            let mut head = head_of(body, parts);
            if let [_, key] = head.reference.as_slice() {
                (head.name, head.key) = (first_name(&head.reference), Some(key.clone()));
            }
            head.value = Some(rhs);
            Ok(made(body, body, head))
        }
        TermKind::Var(name) => {
            let head = head_of(span, vec![Term::new(span, TermKind::Var(name))]);
            Ok(made(span, body, Head { value: Some(rhs), ..head }))
        }
        _ => Err(format!("{kind} cannot be used for rule name")),
    }
}

/// What v1 asks of a rule and of each `else` of it.
fn check_v1(rule: &Rule, errors: &mut Vec<RegoError>) {
    let mut next = Some(rule);
    while let Some(rule) = next {
        let kind = if rule.head.args.is_empty() { "rule" } else { "function" };
        let mut refuse = |message: String| errors.push(error(rule.span, message));
        if rule.head.reference.len() < 2
            && let Some(name) = rule.head.name.as_ref().filter(|name| text::is_keyword(name, Language::V1))
        {
            refuse(format!("{name} keyword cannot be used for rule name"));
        }
        if rule.generated_body && rule.head.generated_value {
            refuse(format!("{kind} must have value assignment and/or body declaration"));
        }
        if !rule.generated_body && !rule.head.if_written && !rule.default {
            refuse(format!("`if` keyword is required before {kind} body"));
        }
        if rule.head.value.is_none() && rule.head.key.is_some() && !rule.head.contains_written {
            refuse("`contains` keyword is required for partial set rules".to_owned());
        }
        next = rule.else_rule.as_deref();
    }
}
