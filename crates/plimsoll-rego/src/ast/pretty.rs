//! The tree of a module as `opa parse` prints it: a node a line, indented by its depth. Meant for people; much is left out, as
//! in OPA (operands of template strings, texts of comments and annotations, keys of heads).

use super::order::{entries, members};
use super::{Body, Expr, ExprKind, Head, Module, Rule, Term, TermKind};

/// The whole tree; comments count only where they are wanted.
pub fn module(module: &Module, comments: bool) -> String {
    let mut printer = Printer::default();
    printer.line("module");
    printer.depth += 1;
    printer.line("package");
    printer.nested(|printer| printer.reference(&module.package.path));
    for import in &module.imports {
        printer.line("import");
        printer.nested(|printer| {
            printer.term(&import.path);
            printer.line(import.alias.as_deref().unwrap_or(""));
        });
    }
    for rule in &module.rules {
        printer.rule(rule);
    }
    for _ in &module.annotations {
        printer.line("annotations");
    }
    for _ in module.comments.iter().filter(|_| comments) {
        printer.line("comment");
    }
    printer.out
}

#[derive(Default)]
struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, text: &str) {
        self.out.extend(std::iter::repeat_n(' ', self.depth));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self)) {
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }

    fn rule(&mut self, rule: &Rule) {
        let depth = self.depth;
        let mut next = Some(rule);
        while let Some(rule) = next {
            self.line("rule");
            self.depth += 1;
            self.line("head");
            self.nested(|printer| printer.head(&rule.head));
            self.body(&rule.body);
            next = rule.else_rule.as_deref();
        }
        self.depth = depth;
    }

    fn head(&mut self, head: &Head) {
        self.reference(&head.reference);
        if !head.args.is_empty() {
            self.line("args");
            self.nested(|printer| printer.terms(&head.args));
        }
        if let Some(value) = &head.value {
            self.term(value);
        }
    }

    fn body(&mut self, body: &Body) {
        self.line("body");
        self.nested(|printer| {
            for (index, expr) in body.iter().enumerate() {
                let negated = if expr.negated { "negated " } else { "" };
                printer.line(&format!("expr {negated}index={index}"));
                printer.nested(|printer| printer.expr(expr));
            }
        });
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { operator, args } => {
                self.term(operator);
                self.terms(args);
            }
            ExprKind::Some { symbols, .. } => {
                self.line("somedecl");
                self.nested(|printer| printer.terms(symbols));
            }
            ExprKind::Every(every) => {
                self.line("every");
                self.nested(|printer| {
                    printer.terms(&every.key);
                    printer.term(&every.value);
                    printer.term(&every.domain);
                    printer.body(&every.body);
                });
            }
            ExprKind::Not { body, .. } => {
                self.line("not");
                self.nested(|printer| printer.body(body));
            }
            ExprKind::And(both) | ExprKind::Or(both) => {
                self.line(if matches!(expr.kind, ExprKind::And(_)) { "logicaland" } else { "logicalor" });
                self.nested(|printer| {
                    printer.body(&both.lhs);
                    printer.body(&both.rhs);
                });
            }
        }
        for with in &expr.with {
            self.line("with");
            self.nested(|printer| {
                printer.term(&with.target);
                printer.term(&with.value);
            });
        }
    }

    fn terms<'a>(&mut self, terms: impl IntoIterator<Item = &'a Term>) {
        for term in terms {
            self.term(term);
        }
    }

    fn reference(&mut self, terms: &[Term]) {
        self.line("ref");
        self.nested(|printer| printer.terms(terms));
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Ref(terms) => self.reference(terms),
            TermKind::Array(items) => self.composite("array", items),
            TermKind::Call(call) => self.composite("call", call),
            TermKind::Set(written) => self.composite("set", members(written)),
            TermKind::Object(written) => {
                self.composite("object", entries(written).into_iter().flat_map(|(key, value)| [key, value]));
            }
            TermKind::ArrayCompr { term, body } => self.comprehension("arraycomprehension", &[term], body),
            TermKind::SetCompr { term, body } => self.comprehension("setcomprehension", &[term], body),
            TermKind::ObjectCompr { key, value, body } => {
                self.comprehension("objectcomprehension", &[key, value], body);
            }
            TermKind::Template { .. } => self.line("templatestring"),
            _ => self.line(&as_format(&term.to_string())),
        }
    }

    fn composite<'a>(&mut self, name: &str, terms: impl IntoIterator<Item = &'a Term>) {
        self.line(name);
        self.nested(|printer| printer.terms(terms));
    }

    fn comprehension(&mut self, name: &str, terms: &[&Term], body: &Body) {
        self.line(name);
        self.nested(|printer| {
            printer.terms(terms.iter().copied());
            printer.body(body);
        });
    }
}

/// OPA gives its values to Go's `Fprintf` as formats without arguments: what that makes of percent signs.
fn as_format(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let after = after.trim_start_matches(['+', '-', '#', '0', ' ']);
        let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let after = match after.strip_prefix('.') {
            Some(precision) => precision.trim_start_matches(|digit: char| digit.is_ascii_digit()),
            None => after,
        };
        let mut chars = after.chars();
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => {
                out.push_str("%!");
                out.push(verb);
                out.push_str("(MISSING)");
            }
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::as_format;

    #[test]
    fn percent_signs_are_taken_for_verbs() {
        assert_eq!(as_format("100% %d %-5s"), "100%d %!s(MISSING)");
        assert_eq!(as_format("50%"), "50%!(NOVERB)");
        assert_eq!(as_format("%5.1f%% a"), "%!f(MISSING)% a");
    }
}
