//! Nodes as OPA writes them in one line (`String()`): in messages, in traces and as the `text` of expressions. It is no
//! formatter (that is `fmt`): calls of infix operators are written `plus(x, 1)`, but `=` of an expression is not; sets and
//! objects are sorted; wildcards are `_`.

use std::fmt::{self, Display, Write};

use super::order::{entries, members};
use super::{
    Annotations, Body, Comment, Every, Expr, ExprKind, Head, Import, Language, Logical, Module, Package, Rule,
    TemplatePart, Term, TermKind, With,
};

type Out<'a, 'b> = &'a mut fmt::Formatter<'b>;

/// The operator that a builtin of two operands (three for `internal.member_3`) is written with.
pub fn infix(name: &str) -> Option<&'static str> {
    Some(match name {
        "eq" => "=",
        "assign" => ":=",
        "internal.member_2" | "internal.member_3" => "in",
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        "neq" => "!=",
        "equal" => "==",
        "plus" => "+",
        "minus" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        "and" => "&",
        "or" => "|",
        _ => return None,
    })
}

const KEYWORDS: [&str; 15] = [
    "not", "package", "import", "as", "default", "else", "with", "null", "true", "false", "some", "if", "contains",
    "in", "every",
];

/// Words that v1 keeps for itself; v0 has them without the last four.
pub fn is_keyword(word: &str, language: Language) -> bool {
    let known = match language {
        Language::V0 => &KEYWORDS[..11],
        Language::V0CompatV1 | Language::V1 => &KEYWORDS[..],
    };
    known.contains(&word)
}

/// Could stand after a dot or as a variable: a letter or `_`, then letters, digits and `_`, all ASCII.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Go's `strconv.Quote`: double quotes, with escapes where a character cannot be printed.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape(&mut out, text);
    out.push('"');
    out
}

fn escape(out: &mut String, text: &str) {
    for char in text.chars() {
        let short = match char {
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{b}' => "\\v",
            '\\' => "\\\\",
            '"' => "\\\"",
            _ if is_printable(char) => {
                out.push(char);
                continue;
            }
            _ => {
                let code = u32::from(char);
                // Writing to a `String` cannot fail.
                let _ = match code {
                    0..0x80 => write!(out, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                continue;
            }
        };
        out.push_str(short);
    }
}

/// Go's `unicode.IsPrint`.
fn is_printable(char: char) -> bool {
    if char.is_ascii() {
        return char == ' ' || char.is_ascii_graphic();
    }
    // The standard library's table of what `Debug` shows is the same: all but controls, formats, separators and what is
    // unassigned. After another character it lets combining marks stand too.
    let mut pair = String::with_capacity(5);
    pair.push('a');
    pair.push(char);
    pair.escape_debug().nth(1) != Some('\\')
}

/// A body: expressions with `; ` between.
pub fn body(body: &Body) -> String {
    struct Text<'a>(&'a Body);
    impl Display for Text<'_> {
        fn fmt(&self, f: Out) -> fmt::Result {
            write_body(f, self.0)
        }
    }
    Text(body).to_string()
}

/// A reference: `data.a.b[x]["c d"]`.
pub fn reference(terms: &[Term]) -> String {
    struct Text<'a>(&'a [Term]);
    impl Display for Text<'_> {
        fn fmt(&self, f: Out) -> fmt::Result {
            write_reference(f, self.0)
        }
    }
    Text(terms).to_string()
}

/// A rule as its module's language writes it, with its annotations.
pub fn rule(rule: &Rule, module: &Module) -> String {
    struct Text<'a>(&'a Rule, &'a Module);
    impl Display for Text<'_> {
        fn fmt(&self, f: Out) -> fmt::Result {
            for annotations in self.0.annotations.iter().filter_map(|at| self.1.annotations.get(*at)) {
                write!(f, "# METADATA\n# {annotations}\n")?;
            }
            write_rule(f, self.0, self.1.language)
        }
    }
    Text(rule, module).to_string()
}

impl Display for Module {
    fn fmt(&self, f: Out) -> fmt::Result {
        for annotations in &self.annotations {
            if matches!(&*annotations.scope, "package" | "subpackages") {
                write!(f, "# METADATA\n# {annotations}\n")?;
            }
        }
        writeln!(f, "{}", self.package)?;
        for import in &self.imports {
            write!(f, "\n{import}")?;
        }
        if !self.imports.is_empty() {
            f.write_str("\n")?;
        }
        for one in &self.rules {
            write!(f, "\n{}", rule(one, self))?;
        }
        Ok(())
    }
}

impl Display for Package {
    fn fmt(&self, f: Out) -> fmt::Result {
        f.write_str("package ")?;
        match self.path.split_first() {
            Some((_, path)) if !path.is_empty() => write_reference(f, path),
            _ => {
                f.write_str("<illegal path \"")?;
                write_reference(f, &self.path)?;
                f.write_str("\">")
            }
        }
    }
}

impl Display for Import {
    fn fmt(&self, f: Out) -> fmt::Result {
        write!(f, "import {}", self.path)?;
        match &self.alias {
            Some(alias) => write!(f, " as {alias}"),
            None => Ok(()),
        }
    }
}

impl Display for Comment {
    fn fmt(&self, f: Out) -> fmt::Result {
        write!(f, "#{}", self.text)
    }
}

/// OPA's one line of JSON.
impl Display for Annotations {
    fn fmt(&self, f: Out) -> fmt::Result {
        f.write_str(&super::json::annotations(self))
    }
}

/// In v1, without annotations; [`rule`] knows the module.
impl Display for Rule {
    fn fmt(&self, f: Out) -> fmt::Result {
        write_rule(f, self, Language::V1)
    }
}

fn write_rule(f: Out, rule: &Rule, language: Language) -> fmt::Result {
    if rule.default {
        f.write_str("default ")?;
    }
    write_head(f, &rule.head, language)?;
    if !rule.default {
        write_rule_body(f, rule, language)?;
    }
    let mut next = rule.else_rule.as_deref();
    while let Some(rule) = next {
        f.write_str(" else ")?;
        if let Some(value) = &rule.head.value {
            write!(f, "= {value}")?;
        }
        write_rule_body(f, rule, language)?;
        next = rule.else_rule.as_deref();
    }
    Ok(())
}

fn write_rule_body(f: Out, rule: &Rule, language: Language) -> fmt::Result {
    f.write_str(if language == Language::V0 { " { " } else { " if { " })?;
    write_body(f, &rule.body)?;
    f.write_str(" }")
}

/// In v1.
impl Display for Head {
    fn fmt(&self, f: Out) -> fmt::Result {
        write_head(f, self, Language::V1)
    }
}

fn write_head(f: Out, head: &Head, language: Language) -> fmt::Result {
    write_reference(f, &head.reference)?;
    let mut key = head.key.as_ref();
    if !head.args.is_empty() {
        f.write_str("(")?;
        write_terms(f, &head.args)?;
        f.write_str(")")?;
    } else if head.reference.len() == 1
        && let Some(term) = key.take()
    {
        match language {
            Language::V0 => write!(f, "[{term}]")?,
            Language::V0CompatV1 | Language::V1 => write!(f, " contains {term}")?,
        }
    }
    match (&head.value, key) {
        (Some(value), _) => write!(f, " {} {value}", if head.assign { ":=" } else { "=" }),
        (None, Some(key)) => write!(f, " contains {key}"),
        (None, None) => Ok(()),
    }
}

fn write_body(f: Out, body: &Body) -> fmt::Result {
    for (at, expr) in body.iter().enumerate() {
        if at > 0 {
            f.write_str("; ")?;
        }
        write!(f, "{expr}")?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: Out) -> fmt::Result {
        if self.negated {
            f.write_str("not ")?;
        }
        match &self.kind {
            ExprKind::Term(term) => write!(f, "{term}")?,
            ExprKind::Call { operator, args } => match args.as_slice() {
                [left, right] if is_global(operator, "eq") => write!(f, "{left} = {right}")?,
                _ => {
                    write!(f, "{operator}(")?;
                    write_terms(f, args)?;
                    f.write_str(")")?;
                }
            },
            ExprKind::Some { symbols, .. } => write_some(f, symbols)?,
            ExprKind::Every(every) => write!(f, "{every}")?,
            ExprKind::Not { body, explicit, .. } => write_not(f, body, *explicit)?,
            ExprKind::And(both) => write_logical(f, both, Operator::And)?,
            ExprKind::Or(both) => write_logical(f, both, Operator::Or)?,
        }
        for with in &self.with {
            write!(f, " {with}")?;
        }
        Ok(())
    }
}

fn write_not(f: Out, body: &Body, explicit: bool) -> fmt::Result {
    let (open, close) = match body.as_slice() {
        [only] if !explicit => {
            let brackets = !only.with.is_empty()
                || match &only.kind {
                    ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not { .. } => true,
                    ExprKind::Term(term) => has_leading_brace(term),
                    _ => false,
                };
            if brackets { ("(", ")") } else { ("", "") }
        }
        _ => ("{", "}"),
    };
    write!(f, "not {open}")?;
    write_body(f, body)?;
    f.write_str(close)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
}

fn write_logical(f: Out, both: &Logical, operator: Operator) -> fmt::Result {
    write_operand(f, &both.lhs, both.explicit_lhs, operator, false)?;
    f.write_str(if operator == Operator::And { " and " } else { " or " })?;
    write_operand(f, &both.rhs, both.explicit_rhs, operator, true)
}

fn write_operand(f: Out, body: &Body, explicit: bool, operator: Operator, right: bool) -> fmt::Result {
    let (open, close) = match body.as_slice() {
        [only] if !explicit => {
            let brackets = !only.with.is_empty()
                || match &only.kind {
                    ExprKind::Or(_) => operator == Operator::And || right,
                    ExprKind::And(_) => operator == Operator::And && right,
                    ExprKind::Term(term) => has_leading_brace(term),
                    _ => false,
                };
            if brackets { ("(", ")") } else { ("", "") }
        }
        _ => ("{ ", " }"),
    };
    f.write_str(open)?;
    write_body(f, body)?;
    f.write_str(close)
}

/// In the place of a body, such a term would be read as one.
fn has_leading_brace(term: &Term) -> bool {
    match &term.kind {
        TermKind::Set(written) => !written.is_empty(),
        TermKind::Object(_) | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => true,
        TermKind::Ref(terms) => terms.first().is_some_and(has_leading_brace),
        _ => false,
    }
}

/// Whether a call's operator is the builtin of one word.
fn is_global(operator: &Term, name: &str) -> bool {
    match &operator.kind {
        TermKind::Var(have) => **have == *name,
        TermKind::Ref(terms) => {
            matches!(terms.as_slice(), [Term { kind: TermKind::Var(have), .. }] if **have == *name)
        }
        _ => false,
    }
}

fn write_some(f: Out, symbols: &[Term]) -> fmt::Result {
    f.write_str("some ")?;
    match symbols.first().map(|first| &first.kind) {
        Some(TermKind::Call(call)) => match call.as_slice() {
            [_, value, domain] => write!(f, "{value} in {domain}"),
            [_, key, value, domain] => write!(f, "{key}, {value} in {domain}"),
            _ => write_terms(f, symbols),
        },
        _ => write_terms(f, symbols),
    }
}

impl Display for Every {
    fn fmt(&self, f: Out) -> fmt::Result {
        f.write_str("every ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}, ")?;
        }
        write!(f, "{} in {} {{ ", self.value, self.domain)?;
        write_body(f, &self.body)?;
        f.write_str(" }")
    }
}

impl Display for With {
    fn fmt(&self, f: Out) -> fmt::Result {
        write!(f, "with {} as {}", self.target, self.value)
    }
}

fn write_terms<'a>(f: Out, terms: impl IntoIterator<Item = &'a Term>) -> fmt::Result {
    for (at, term) in terms.into_iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{term}")?;
    }
    Ok(())
}

impl Display for Term {
    fn fmt(&self, f: Out) -> fmt::Result {
        match &self.kind {
            TermKind::Null => f.write_str("null"),
            TermKind::Bool(value) => write!(f, "{value}"),
            TermKind::Number(number) => write!(f, "{number}"),
            TermKind::String(text) => f.write_str(&quote(text)),
            TermKind::Var(name) if name.starts_with('$') => f.write_str("_"),
            TermKind::Var(name) => f.write_str(name),
            TermKind::Ref(terms) => write_reference(f, terms),
            TermKind::Array(items) => {
                f.write_str("[")?;
                write_terms(f, items)?;
                f.write_str("]")
            }
            TermKind::Object(written) => {
                f.write_str("{")?;
                for (at, (key, value)) in entries(written).into_iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
            TermKind::Set(written) if written.is_empty() => f.write_str("set()"),
            TermKind::Set(written) => {
                f.write_str("{")?;
                write_terms(f, members(written))?;
                f.write_str("}")
            }
            TermKind::ArrayCompr { term, body } => write_comprehension(f, '[', &[term], body, ']'),
            TermKind::SetCompr { term, body } => write_comprehension(f, '{', &[term], body, '}'),
            TermKind::ObjectCompr { key, value, body } => write_comprehension(f, '{', &[key, value], body, '}'),
            TermKind::Call(call) => match call.split_first() {
                Some((operator, args)) => {
                    write!(f, "{operator}(")?;
                    write_terms(f, args)?;
                    f.write_str(")")
                }
                None => Ok(()),
            },
            TermKind::Template { parts, .. } => write_template(f, parts),
        }
    }
}

fn write_comprehension(f: Out, open: char, terms: &[&Term], body: &Body, close: char) -> fmt::Result {
    f.write_char(open)?;
    for (at, term) in terms.iter().enumerate() {
        if at > 0 {
            f.write_str(": ")?;
        }
        write_comprehension_term(f, term)?;
    }
    f.write_str(" | ")?;
    write_body(f, body)?;
    f.write_char(close)
}

/// Infix operators here in their own notation and in brackets, so that none is taken for the bar.
fn write_comprehension_term(f: Out, term: &Term) -> fmt::Result {
    if let TermKind::Call(call) = &term.kind
        && let [operator, left, right] = call.as_slice()
        && let Some(sign) = infix(&operator.to_string()).filter(|sign| *sign != "in")
    {
        f.write_str("(")?;
        write_comprehension_term(f, left)?;
        write!(f, " {sign} ")?;
        write_comprehension_term(f, right)?;
        return f.write_str(")");
    }
    write!(f, "{term}")
}

fn write_template(f: Out, parts: &[TemplatePart]) -> fmt::Result {
    f.write_str("$\"")?;
    for part in parts {
        match part {
            TemplatePart::Expr(expr) => write!(f, "{{{expr}}}")?,
            TemplatePart::Text(Term { kind: TermKind::String(text), .. }) => {
                let mut escaped = String::with_capacity(text.len());
                escape(&mut escaped, text);
                f.write_str(&escape_braces(&escaped))?;
            }
            TemplatePart::Text(term) => write!(f, "{term}")?,
        }
    }
    f.write_str("\"")
}

/// A template's literal text with a backslash before each brace that would open an expression.
pub fn escape_braces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for char in text.chars() {
        if char == '{' && before != '\\' {
            out.push('\\');
        }
        out.push(char);
        before = char;
    }
    out
}

fn write_reference(f: Out, terms: &[Term]) -> fmt::Result {
    let Some((first, path)) = terms.split_first() else {
        return Ok(());
    };
    match &first.kind {
        // The path of a package, of which `data` was left out.
        TermKind::String(name) => f.write_str(name)?,
        _ => write!(f, "{first}")?,
    }
    for term in path {
        match &term.kind {
            TermKind::String(name) if is_name(name) && !is_keyword(name, Language::V1) => write!(f, ".{name}")?,
            TermKind::String(name) if name.contains(|char: char| char == '\\' || char.is_control()) => {
                write!(f, "[{}]", quote(name))?;
            }
            // A quote within is not escaped, as in OPA.
            TermKind::String(name) => write!(f, "[\"{name}\"]")?,
            _ => write!(f, "[{term}]")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;
    use crate::value::Number;

    fn term(kind: TermKind) -> Term {
        Term::new(Span::default(), kind)
    }

    fn var(name: &str) -> Term {
        Term::var(Span::default(), name)
    }

    fn string(text: &str) -> Term {
        Term::string(Span::default(), text)
    }

    fn number(number: i64) -> Term {
        term(TermKind::Number(Number::from(number)))
    }

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(
            quote("a\"\\\n\u{7}\u{0}\u{7f}é\u{301}\u{ad}\u{2028}😀\u{e0001}\u{fffd}"),
            "\"a\\\"\\\\\\n\\a\\x00\\x7fé\u{301}\\u00ad\\u2028😀\\U000e0001\u{fffd}\""
        );
    }

    #[test]
    fn references_have_dots_where_a_name_stands_and_no_keyword() {
        let path = [
            var("data"),
            string("a"),
            string("if"),
            string("b c"),
            string("q\"t"),
            string("n\n"),
            var("$3"),
            number(1),
        ];
        assert_eq!(reference(&path), "data.a[\"if\"][\"b c\"][\"q\"t\"][\"n\\n\"][_][1]");
    }

    #[test]
    fn sets_and_objects_are_sorted_and_have_each_key_once() {
        let set = term(TermKind::Set(vec![number(3), number(1), number(3)]));
        assert_eq!(set.to_string(), "{1, 3}");
        assert_eq!(term(TermKind::Set(vec![])).to_string(), "set()");
        let object =
            term(TermKind::Object(vec![(string("b"), number(1)), (string("a"), number(2)), (string("b"), number(3))]));
        assert_eq!(object.to_string(), "{\"a\": 2, \"b\": 3}");
    }

    #[test]
    fn only_unification_of_an_expression_is_infix_and_terms_of_comprehensions_are() {
        let operator = |name: &str| term(TermKind::Ref(vec![var(name)]));
        let call = |name: &str| ExprKind::Call { operator: operator(name), args: vec![var("x"), number(1)] };
        let expr = |kind| Expr { span: Span::default(), kind, negated: true, with: vec![], generated: false };
        assert_eq!(expr(call("eq")).to_string(), "not x = 1");
        assert_eq!(expr(call("plus")).to_string(), "not plus(x, 1)");
        let sum = term(TermKind::Call(vec![operator("plus"), var("x"), number(1)]));
        let compr = term(TermKind::ArrayCompr { term: Box::new(sum), body: vec![expr(call("eq"))] });
        assert_eq!(compr.to_string(), "[(x + 1) | not x = 1]");
    }
}
