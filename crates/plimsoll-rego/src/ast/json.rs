//! Nodes as OPA's JSON: what `opa parse --format json` prints and `rego.parse_module` gives, key for key in the same order.
//! Sets and objects are sorted. Nothing is read here.

use super::order::{entries, members};
use super::{
    Annotations, Body, Every, Expr, ExprKind, Head, Import, Logical, Module, Package, Rule, SchemaAnnotation,
    TemplatePart, Term, TermKind, With,
};
use crate::span::{Sources, Span};
use crate::value::Value;

/// What is put in, and how it is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// File, row, column and text (base64) of every node.
    pub locations: bool,
    pub comments: bool,
    /// Lines, indented by two, instead of one line.
    pub indent: bool,
}

impl Default for Options {
    /// As `rego.parse_module` has it.
    fn default() -> Options {
        Options { locations: false, comments: true, indent: false }
    }
}

/// A whole module.
pub fn module(module: &Module, sources: &Sources, options: Options) -> String {
    let mut writer = Writer::new(Some(sources), options);
    writer.module(module);
    writer.out
}

/// A body, as `opa eval` and `opa parse` of queries show it.
pub fn body(body: &Body, sources: &Sources, options: Options) -> String {
    let mut writer = Writer::new(Some(sources), options);
    writer.body(body);
    writer.out
}

pub fn term(term: &Term, sources: &Sources, options: Options) -> String {
    let mut writer = Writer::new(Some(sources), options);
    writer.term(term);
    writer.out
}

/// One line, without the place.
pub fn annotations(annotations: &Annotations) -> String {
    let mut writer = Writer::new(None, Options::default());
    writer.annotations(annotations);
    writer.out
}

struct Writer<'a> {
    out: String,
    options: Options,
    /// Whether places can be told.
    sources: Option<&'a Sources>,
    depth: usize,
    /// Something stands already in the array or object that is open.
    begun: bool,
}

impl<'a> Writer<'a> {
    fn new(sources: Option<&'a Sources>, options: Options) -> Writer<'a> {
        Writer { out: String::new(), options, sources, depth: 0, begun: false }
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.depth += 1;
        self.begun = false;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if self.begun {
            self.line();
        }
        self.out.push(bracket);
        self.begun = true;
    }

    fn line(&mut self) {
        if self.options.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    /// Makes room for the next member.
    fn next(&mut self) {
        if self.begun {
            self.out.push(',');
        }
        self.line();
        self.begun = true;
    }

    fn key(&mut self, key: &str) {
        self.next();
        self.string(key);
        self.out.push_str(if self.options.indent { ": " } else { ":" });
    }

    fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.open('[');
        for item in items {
            self.next();
            each(self, item);
        }
        self.close(']');
    }

    fn bool(&mut self, value: bool) {
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// As Go writes it, with `<`, `>` and `&` escaped.
    fn string(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(char)));
                }
                _ => self.out.push(char),
            }
        }
        self.out.push('"');
    }

    fn location(&mut self, span: Span) {
        if self.options.locations {
            self.located("location", span);
        }
    }

    /// OPA's text of a statement that a keyword begins is that keyword.
    fn location_of_word(&mut self, span: Span, word: &str) {
        let end = if word.is_empty() { span.end } else { span.start.saturating_add(word.len() as u32) };
        self.location(Span { end, ..span });
    }

    /// OPA's place of a term is inside the brackets around it, its text is not; that of a negative number is the sign.
    fn location_of_term(&mut self, term: &Term) {
        let Some(text) = self.sources.and_then(|sources| Some(sources.get(term.span.source)?.slice(term.span))) else {
            return;
        };
        if self.options.locations && text.starts_with('(') {
            let inside = text.trim_start_matches(['(', ' ', '\t', '\r', '\n']);
            let start = term.span.start.saturating_add((text.len() - inside.len()) as u32);
            self.located_at("location", Span { start, ..term.span }, term.span);
        } else if matches!(term.kind, TermKind::Number(_)) && text.starts_with('-') {
            self.location_of_word(term.span, "-");
        } else {
            self.location(term.span);
        }
    }

    fn located(&mut self, key: &str, span: Span) {
        self.located_at(key, span, span);
    }

    fn located_at(&mut self, key: &str, place: Span, span: Span) {
        let Some(source) = self.sources.and_then(|sources| sources.get(span.source)) else {
            return;
        };
        let (row, column) = source.row_column(place.start);
        self.key(key);
        self.open('{');
        self.key("file");
        self.string(&source.name);
        self.key("row");
        self.out.push_str(&row.to_string());
        self.key("col");
        self.out.push_str(&column.to_string());
        let text = source.slice(span);
        if self.options.locations && !text.is_empty() {
            self.key("text");
            self.base64(text);
        }
        self.close('}');
    }

    fn base64(&mut self, text: &str) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        self.out.push('"');
        for three in text.as_bytes().chunks(3) {
            let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            for index in 0..4 {
                let six = bits >> (18 - 6 * index) & 63;
                let char = if index <= three.len() { ALPHABET[six as usize] } else { b'=' };
                self.out.push(char::from(char));
            }
        }
        self.out.push('"');
    }

    fn module(&mut self, module: &Module) {
        self.open('{');
        self.key("package");
        self.package(&module.package);
        if !module.imports.is_empty() {
            self.key("imports");
            self.array(&module.imports, Self::import);
        }
        if !module.annotations.is_empty() {
            self.key("annotations");
            self.array(&module.annotations, Self::annotations);
        }
        if !module.rules.is_empty() {
            self.key("rules");
            self.array(&module.rules, |writer, rule| writer.rule(rule, &module.annotations));
        }
        if self.options.comments && !module.comments.is_empty() {
            self.key("comments");
            self.array(&module.comments, |writer, comment| {
                writer.open('{');
                writer.key("Text");
                writer.base64(&comment.text);
                writer.located("Location", comment.span);
                writer.close('}');
            });
        }
        self.close('}');
    }

    fn package(&mut self, package: &Package) {
        self.open('{');
        self.location_of_word(package.span, "package");
        self.key("path");
        self.terms(&package.path);
        self.close('}');
    }

    fn import(&mut self, import: &Import) {
        self.open('{');
        if let Some(alias) = &import.alias {
            self.key("alias");
            self.string(alias);
        }
        if let Some(span) = import.alias_span
            && self.options.locations
        {
            self.located("alias_location", span);
        }
        self.location_of_word(import.span, "import");
        self.key("path");
        self.term(&import.path);
        self.close('}');
    }

    fn annotations(&mut self, annotations: &Annotations) {
        // Go's marshaller sorts the keys.
        let content = |key: &'static str| annotations.content.get(key).map(|value| (key, value));
        self.open('{');
        if let Some((key, authors)) = content("authors") {
            self.key(key);
            self.authors(authors);
        }
        if let Some(compile) = &annotations.compile {
            self.key("compile");
            self.open('{');
            if !compile.unknowns.is_empty() {
                self.key("unknowns");
                self.array(&compile.unknowns, |writer, unknown| writer.terms(unknown));
            }
            if let Some(rule) = &compile.mask_rule {
                self.key("mask_rule");
                self.terms(rule);
            }
            self.close('}');
        }
        for (key, value) in ["custom", "description"].into_iter().filter_map(content) {
            self.key(key);
            self.value(value);
        }
        if annotations.entrypoint {
            self.key("entrypoint");
            self.bool(true);
        }
        if let Some((key, value)) = content("labels") {
            self.key(key);
            self.value(value);
        }
        self.location(annotations.span);
        for (key, value) in ["organizations", "related_resources"].into_iter().filter_map(content) {
            self.key(key);
            self.value(value);
        }
        if !annotations.schemas.is_empty() {
            self.key("schemas");
            self.array(&annotations.schemas, |writer, (path, schema)| writer.schema(path, schema));
        }
        self.key("scope");
        self.string(&annotations.scope);
        if let Some((key, value)) = content("title") {
            self.key(key);
            self.value(value);
        }
        self.close('}');
    }

    /// A name goes before an address.
    fn authors(&mut self, authors: &Value) {
        let Value::Array(authors) = authors else {
            return self.value(authors);
        };
        self.array(authors.items(), |writer, author| match author {
            Value::Object(author) => {
                writer.open('{');
                for (key, value) in ["name", "email"].into_iter().filter_map(|key| Some((key, author.get_str(key)?))) {
                    writer.key(key);
                    writer.value(value);
                }
                writer.close('}');
            }
            other => writer.value(other),
        });
    }

    fn schema(&mut self, path: &[Term], schema: &SchemaAnnotation) {
        self.open('{');
        self.key("path");
        // The places of a path's terms count from the start of its YAML key and are left out.
        let locations = std::mem::replace(&mut self.options.locations, false);
        self.terms(path);
        self.options.locations = locations;
        match schema {
            SchemaAnnotation::Reference(reference) => {
                self.key("schema");
                self.terms(reference);
            }
            SchemaAnnotation::Definition(value) => {
                self.key("definition");
                self.value(value);
            }
        }
        self.close('}');
    }

    fn rule(&mut self, rule: &Rule, annotations: &[Annotations]) {
        // Else branches end an object each; a loop over them writes the same without a frame for each.
        let mut open = 0usize;
        let mut next = Some(rule);
        let mut tails: Vec<&Rule> = Vec::new();
        while let Some(rule) = next {
            self.open('{');
            open += 1;
            if !rule.annotations.is_empty() {
                self.key("annotations");
                let known = rule.annotations.iter().filter_map(|at| annotations.get(*at));
                self.array(known, Self::annotations);
            }
            self.key("body");
            self.body(&rule.body);
            if rule.default {
                self.key("default");
                self.bool(true);
            }
            tails.push(rule);
            next = rule.else_rule.as_deref();
            if next.is_some() {
                self.key("else");
            }
        }
        while open > 0 {
            open -= 1;
            if let Some(rule) = tails.pop() {
                self.key("head");
                self.head(&rule.head);
                let word = if rule.default { "default" } else { "" };
                self.location_of_word(rule.span, word);
            }
            self.close('}');
        }
    }

    fn head(&mut self, head: &Head) {
        self.open('{');
        if let Some(name) = head.name.as_deref().filter(|name| !name.is_empty()) {
            self.key("name");
            self.string(name);
        }
        if !head.args.is_empty() {
            self.key("args");
            self.terms(&head.args);
        }
        if let Some(key) = &head.key {
            self.key("key");
            self.term(key);
        }
        if let Some(value) = &head.value {
            self.key("value");
            self.term(value);
        }
        if head.assign {
            self.key("assign");
            self.bool(true);
        }
        self.key("ref");
        self.terms(&head.reference);
        self.location(head.span);
        self.close('}');
    }

    fn body(&mut self, body: &Body) {
        self.array(body.iter().enumerate(), |writer, (index, expr)| writer.expr(expr, index));
    }

    fn expr(&mut self, expr: &Expr, index: usize) {
        self.open('{');
        if expr.generated {
            self.key("generated");
            self.bool(true);
        }
        self.key("index");
        self.out.push_str(&index.to_string());
        self.location(expr.span);
        if expr.negated {
            self.key("negated");
            self.bool(true);
        }
        self.key("terms");
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { operator, args } => {
                self.array(std::iter::once(operator).chain(args), Self::term);
            }
            ExprKind::Some { span, symbols } => {
                self.open('{');
                self.location(*span);
                self.key("symbols");
                self.terms(symbols);
                self.close('}');
            }
            ExprKind::Every(every) => self.every(every),
            ExprKind::Not { body, explicit, .. } => {
                self.open('{');
                self.key("body");
                self.body(body);
                self.key("explicit_body");
                self.bool(*explicit);
                self.key("type");
                self.string("not");
                self.close('}');
            }
            ExprKind::And(both) => self.logical(both, "and"),
            ExprKind::Or(both) => self.logical(both, "or"),
        }
        if !expr.with.is_empty() {
            self.key("with");
            self.array(&expr.with, Self::with);
        }
        self.close('}');
    }

    fn every(&mut self, every: &Every) {
        self.open('{');
        self.key("body");
        self.body(&every.body);
        self.key("domain");
        self.term(&every.domain);
        self.key("key");
        match &every.key {
            Some(key) => self.term(key),
            None => self.out.push_str("null"),
        }
        self.location(every.span);
        self.key("value");
        self.term(&every.value);
        self.close('}');
    }

    fn logical(&mut self, both: &Logical, name: &str) {
        self.open('{');
        for (key, explicit) in [("explicit_lhs", both.explicit_lhs), ("explicit_rhs", both.explicit_rhs)] {
            if explicit {
                self.key(key);
                self.bool(true);
            }
        }
        self.key("lhs");
        self.body(&both.lhs);
        self.key("rhs");
        self.body(&both.rhs);
        self.key("type");
        self.string(name);
        self.close('}');
    }

    fn with(&mut self, with: &With) {
        self.open('{');
        self.location(with.span);
        self.key("target");
        self.term(&with.target);
        self.key("value");
        self.term(&with.value);
        self.close('}');
    }

    fn terms(&mut self, terms: &[Term]) {
        self.array(terms, Self::term);
    }

    fn term(&mut self, term: &Term) {
        self.open('{');
        self.location_of_term(term);
        self.key("type");
        self.string(type_name(term));
        self.key("value");
        match &term.kind {
            // Go has an empty struct for it.
            TermKind::Null => self.out.push_str("{}"),
            TermKind::Bool(value) => self.bool(*value),
            TermKind::Number(number) => self.out.push_str(&number.to_string()),
            TermKind::String(text) | TermKind::Var(text) => self.string(text),
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Call(terms) => self.terms(terms),
            TermKind::Object(written) => self.array(entries(written), |writer, (key, value)| {
                writer.array([key, value], Self::term);
            }),
            TermKind::Set(written) => self.array(members(written), Self::term),
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                self.comprehension(&[("term", term)], body);
            }
            TermKind::ObjectCompr { key, value, body } => self.comprehension(&[("key", key), ("value", value)], body),
            TermKind::Template { parts, multi_line } => {
                self.open('{');
                self.key("parts");
                if parts.is_empty() {
                    self.out.push_str("null");
                } else {
                    self.array(parts, |writer, part| match part {
                        TemplatePart::Text(term) => writer.term(term),
                        TemplatePart::Expr(expr) => writer.expr(expr, 0),
                    });
                }
                self.key("multi_line");
                self.bool(*multi_line);
                self.close('}');
            }
        }
        self.close('}');
    }

    fn comprehension(&mut self, terms: &[(&str, &Term)], body: &Body) {
        self.open('{');
        for (key, term) in terms {
            self.key(key);
            self.term(term);
        }
        self.key("body");
        self.body(body);
        self.close('}');
    }

    /// Sets, which no annotation has, as arrays.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.bool(*value),
            Value::Number(number) => self.out.push_str(&number.to_string()),
            Value::String(text) => self.string(text),
            Value::Array(array) => self.array(array.items(), Self::value),
            Value::Set(set) => self.array(set.members(), Self::value),
            Value::Object(object) => {
                self.open('{');
                for (key, value) in object.entries() {
                    match key.as_str() {
                        Some(key) => self.key(key),
                        None => self.key(&key.to_string()),
                    }
                    self.value(value);
                }
                self.close('}');
            }
        }
    }
}

/// OPA's name of a term's kind: `null`, `boolean`, `ref`, `arraycomprehension` …
pub fn type_name(term: &Term) -> &'static str {
    match term.kind {
        TermKind::Null => "null",
        TermKind::Bool(_) => "boolean",
        TermKind::Number(_) => "number",
        TermKind::String(_) => "string",
        TermKind::Var(_) => "var",
        TermKind::Ref(_) => "ref",
        TermKind::Array(_) => "array",
        TermKind::Object(_) => "object",
        TermKind::Set(_) => "set",
        TermKind::ArrayCompr { .. } => "arraycomprehension",
        TermKind::SetCompr { .. } => "setcomprehension",
        TermKind::ObjectCompr { .. } => "objectcomprehension",
        TermKind::Call(_) => "call",
        TermKind::Template { .. } => "templatestring",
    }
}
