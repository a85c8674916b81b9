//! `# METADATA` blocks. In: a module's comments. Out: what the blocks say, each on the statement that it stands above, and
//! OPA's words of what is wrong with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rules::is_ground;
use super::yaml::{self, Fault, Kind, Node};
use super::{Options, one_term};
use crate::ast::{
    AnnotationTarget, Annotations, Comment, CompileAnnotation, Module, Ref, SchemaAnnotation, Term, TermKind, text,
};
use crate::error::{Code, RegoError};
use crate::span::{Source, Span};
use crate::value::Value;

fn error(span: Span, message: impl Into<String>) -> RegoError {
    RegoError::new(Code::Parse, span, message)
}

/// A block: where its first line is, and the lines below that.
struct Block<'c> {
    first: &'c Comment,
    lines: &'c [Comment],
}

fn is_metadata(comment: &Comment, column: usize) -> bool {
    column == 1 && comment.text.trim().starts_with("METADATA")
}

/// Reads every block among the comments. The errors have the line they stand in yet to come.
pub(super) fn read(comments: &[Comment], text: &Source) -> (Vec<Annotations>, Vec<RegoError>) {
    let (mut annotations, mut errors) = (Vec::new(), Vec::new());
    let places: Vec<(usize, usize)> = comments.iter().map(|comment| text.row_column(comment.span.start)).collect();
    for (at, comment) in comments.iter().enumerate() {
        if !is_metadata(comment, places[at].1) {
            continue;
        }
        let goes_on = |next: &usize| {
            let (row, column) = places[*next];
            column == 1 && row == places[next - 1].0 + 1 && !is_metadata(&comments[*next], column)
        };
        let lines = (at + 1..comments.len()).take_while(goes_on).count();
        let block = Block { first: comment, lines: &comments[at + 1..at + 1 + lines] };
        match block.read(text) {
            Ok(read) => annotations.push(read),
            Err(error) => errors.push(error),
        }
    }
    (annotations, errors)
}

impl Block<'_> {
    fn read(&self, source: &Source) -> Result<Annotations, RegoError> {
        let mut yaml = String::new();
        for line in self.lines {
            yaml.push_str(line.text.strip_prefix(' ').unwrap_or(&line.text));
            yaml.push('\n');
        }
        let refuse = |message: String| error(self.first.span, message);
        if yaml.trim().is_empty() {
            return Err(refuse("expected METADATA block, found whitespace".to_owned()));
        }
        let document = yaml::document(&yaml).map_err(|fault| self.misread(fault, source))?;
        let mut reader = Reader { faults: Vec::new() };
        let raw = reader.raw(document.as_ref());
        if let Some((line, _)) = reader.faults.first() {
            let line = Some(*line);
            let told: Vec<String> = reader.faults.iter().map(|(line, what)| format!("  line {line}: {what}")).collect();
            let message = format!("yaml: unmarshal errors:\n{}", told.join("\n"));
            return Err(self.misread(Fault { line, message }, source));
        }
        let last = self.lines.last().unwrap_or(self.first);
        let span = self.first.span.to(last.span);
        raw.annotations(span).map_err(refuse)
    }

    /// OPA's place of a fault is the comment after the line.
    fn misread(&self, fault: Fault, source: &Source) -> RegoError {
        let Fault { line, mut message } = fault;
        let at = line.unwrap_or(0).min(self.lines.len().saturating_sub(1));
        let place = self.lines.get(at).unwrap_or(self.first);
        for line in self.lines {
            let odd = odd_after_colon(&line.text);
            if !odd.is_empty() {
                let (row, _) = source.row_column(line.span.start);
                message.push_str(&format!(
                    "\n  Hint: on line {row}, symbol(s) [{}] immediately following a key/value separator ':' is not a legal \
                     yaml space character",
                    odd.join(" ")
                ));
            }
        }
        error(place.span, message)
    }
}

/// What stands behind colons where a space should.
fn odd_after_colon(text: &str) -> Vec<String> {
    let mut odd = Vec::new();
    let mut parts = text.split(':').skip(1).peekable();
    while let Some(part) = parts.next() {
        let first = match part.chars().next() {
            None if parts.peek().is_none() => break,
            Some(' ' | '\t') => break,
            first => first.unwrap_or('\u{FFFD}'),
        };
        odd.push(match first {
            '\'' => r"'\''".to_owned(),
            '\\' => r"'\\'".to_owned(),
            ' '..='~' => format!("'{first}'"),
            '\u{0}'..='\u{7F}' => format!("'\\x{:02x}'", u32::from(first)),
            '\u{80}'..='\u{FFFF}' => format!("'\\u{:04x}'", u32::from(first)),
            _ => format!("'\\U{:08x}'", u32::from(first)),
        });
    }
    odd
}

/// A block's keys as they are written.
#[derive(Default)]
struct Raw {
    scope: String,
    title: String,
    entrypoint: bool,
    description: String,
    organizations: Vec<String>,
    related_resources: Vec<Node>,
    authors: Vec<Node>,
    schemas: Vec<Node>,
    compile: Option<Node>,
    custom: Option<Node>,
    labels: Option<Node>,
}

/// Reads nodes into what a key wants; notes what does not fit.
struct Reader {
    faults: Vec<(usize, String)>,
}

impl Reader {
    fn unfit(&mut self, node: &Node, wanted: &str) {
        let shown = match &node.kind {
            Kind::Scalar { text, .. } if text.len() > 10 => {
                let short: String = text.chars().take(7).collect();
                format!(" `{short}...`")
            }
            Kind::Scalar { text, .. } => format!(" `{text}`"),
            _ => String::new(),
        };
        self.faults.push((node.line, format!("cannot unmarshal {}{shown} into {wanted}", node.tag())));
    }

    fn raw(&mut self, document: Option<&Node>) -> Raw {
        let mut raw = Raw::default();
        let Some(document) = document.filter(|node| !node.is_null()) else { return raw };
        let Kind::Map(pairs) = &document.kind else {
            self.unfit(document, "ast.rawAnnotation");
            return raw;
        };
        let pairs = self.unique(pairs);
        for (key, value) in pairs {
            let Kind::Scalar { text, .. } = &key.kind else { continue };
            match text.as_str() {
                "scope" => raw.scope = self.string(value),
                "title" => raw.title = self.string(value),
                "description" => raw.description = self.string(value),
                "entrypoint" => raw.entrypoint = self.boolean(value),
                "organizations" => raw.organizations = self.strings(value),
                "related_resources" => raw.related_resources = self.list(value, "[]interface {}"),
                "authors" => raw.authors = self.list(value, "[]interface {}"),
                "schemas" => {
                    raw.schemas = self.list(value, "[]map[string]interface {}");
                    for schema in &raw.schemas {
                        self.map(schema);
                    }
                }
                "compile" => raw.compile = self.map(value),
                "custom" => raw.custom = self.map(value),
                "labels" => raw.labels = self.map(value),
                _ => {}
            }
        }
        raw
    }

    fn unique<'n>(&mut self, pairs: &'n [(Node, Node)]) -> Vec<(&'n Node, &'n Node)> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (key, _) in pairs {
            let Kind::Scalar { text, .. } = &key.kind else { continue };
            if let Some(before) = seen.get(text.as_str()) {
                self.faults
                    .push((key.line, format!("mapping key {} already defined at line {before}", text::quote(text))));
            }
            seen.insert(text, key.line);
        }
        pairs.iter().map(|(key, value)| (key, value)).collect()
    }

    fn string(&mut self, node: &Node) -> String {
        match &node.kind {
            _ if node.is_null() => String::new(),
            Kind::Scalar { text, .. } => text.clone(),
            _ => {
                self.unfit(node, "string");
                String::new()
            }
        }
    }

    fn boolean(&mut self, node: &Node) -> bool {
        if let Kind::Scalar { text, plain: true } = &node.kind {
            match text.as_str() {
                "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return true,
                "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return false,
                _ if node.is_null() => return false,
                _ => {}
            }
        }
        self.unfit(node, "bool");
        false
    }

    fn strings(&mut self, node: &Node) -> Vec<String> {
        self.list(node, "[]string").iter().map(|item| self.string(item)).collect()
    }

    fn list(&mut self, node: &Node, wanted: &str) -> Vec<Node> {
        match &node.kind {
            Kind::List(items) => items.clone(),
            _ if node.is_null() => Vec::new(),
            _ => {
                self.unfit(node, wanted);
                Vec::new()
            }
        }
    }

    fn map(&mut self, node: &Node) -> Option<Node> {
        match &node.kind {
            Kind::Map(pairs) => {
                self.unique(pairs);
                Some(node.clone())
            }
            _ if node.is_null() => None,
            _ => {
                self.unfit(node, "map[string]interface {}");
                None
            }
        }
    }
}

impl Raw {
    fn annotations(self, span: Span) -> Result<Annotations, String> {
        let mut content = BTreeMap::new();
        let mut put = |key: &str, value: Value| content.insert(key.to_owned(), value);
        for (key, written) in [("title", &self.title), ("description", &self.description)] {
            if !written.is_empty() {
                put(key, Value::string(written.as_str()));
            }
        }
        if !self.organizations.is_empty() {
            put(
                "organizations",
                Value::array(self.organizations.iter().map(|name| Value::string(name.as_str())).collect()),
            );
        }
        let resources = self.related_resources.iter().map(|node| {
            related_resource(node)
                .map_err(|why| format!("invalid related-resource definition {}: {why}", go_text(node)))
        });
        let resources = resources.collect::<Result<Vec<_>, _>>()?;
        if !resources.is_empty() {
            put("related_resources", Value::array(resources));
        }
        let compile = self.compile.as_ref().map(|node| compile(node, span)).transpose()?;
        let schemas = self.schemas.iter().map(|node| schema(node, span)).collect::<Result<Vec<_>, _>>()?;
        let authors = self
            .authors
            .iter()
            .map(|node| author(node).map_err(|why| format!("invalid author definition {}: {why}", go_text(node))));
        let authors = authors.collect::<Result<Vec<_>, _>>()?;
        if !authors.is_empty() {
            put("authors", Value::array(authors));
        }
        for (key, node) in [("custom", &self.custom), ("labels", &self.labels)] {
            if let Some(Node { kind: Kind::Map(pairs), .. }) = node
                && !pairs.is_empty()
            {
                put(key, object(pairs)?);
            }
        }
        let Raw { scope, entrypoint, .. } = self;
        let target = AnnotationTarget::Nothing;
        Ok(Annotations { span, scope: scope.into(), content, entrypoint, schemas, compile, target })
    }
}

fn keys_are_text(node: &Node) -> Result<Value, String> {
    node.value().ok_or_else(|| "invalid map key type(s): ".to_owned())
}

/// Keys of the outermost level are taken as texts whatever they are.
fn object(pairs: &[(Node, Node)]) -> Result<Value, String> {
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if let Kind::Scalar { text, .. } = &key.kind {
            entries.push((Value::string(text.as_str()), keys_are_text(value)?));
        }
    }
    Ok(Value::object(entries))
}

/// A value as Go prints it with `%s`.
fn go_text(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, .. } => match node.tag() {
            "!!int" => format!("%!s(int={text})"),
            "!!float" => format!("%!s(float64={text})"),
            "!!bool" => format!("%!s(bool={text})"),
            "!!null" => "%!s(<nil>)".to_owned(),
            _ => text.clone(),
        },
        Kind::List(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Kind::Map(pairs) => {
            let shown: BTreeSet<String> =
                pairs.iter().map(|(key, value)| format!("{}:{}", go_text(key), go_text(value))).collect();
            format!("map[{}]", shown.into_iter().collect::<Vec<_>>().join(" "))
        }
    }
}

/// A key's text, trimmed; empty where it is none.
fn member(value: &Value, key: &str) -> String {
    value.get(&Value::string(key)).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

fn named(pairs: &[(&str, &str)]) -> Value {
    let given = pairs.iter().filter(|(_, text)| !text.is_empty());
    Value::object(given.map(|(key, text)| (Value::string(*key), Value::string(*text))).collect())
}

fn related_resource(node: &Node) -> Result<Value, String> {
    match keys_are_text(node)? {
        Value::String(text) if text.is_empty() => Err("ref URL may not be empty string".to_owned()),
        Value::String(text) => Ok(named(&[("ref", &url(&text)?)])),
        value @ Value::Object(_) => {
            let target = member(&value, "ref");
            if target.is_empty() {
                return Err("'ref' value required in object".to_owned());
            }
            Ok(named(&[("ref", &url(&target)?), ("description", &member(&value, "description"))]))
        }
        _ => Err("invalid value type, must be string or map".to_owned()),
    }
}

/// A URL as Go reads and writes it again.
fn url(text: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("parse {}: {why}", text::quote(text)));
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7F) {
        return refuse("net/url: invalid control character in URL");
    }
    if text.starts_with(':') {
        return refuse("missing protocol scheme");
    }
    let scheme_end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
    let has_scheme =
        scheme_end.is_some_and(|at| text[at..].starts_with(':')) && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if has_scheme && scheme_end.is_some_and(|at| !text[at + 1..].starts_with('/')) {
        return Ok(text.to_owned());
    }
    let first_segment = text.split('/').next().unwrap_or_default();
    if !has_scheme && first_segment.split(['?', '#']).next().unwrap_or_default().contains(':') {
        return refuse("first path segment in URL cannot contain colon");
    }
    if let Some((_, rest)) = text.split_once("://").filter(|_| has_scheme)
        && rest.split(['/', '?', '#']).next().unwrap_or_default().contains(' ')
    {
        return refuse("invalid character \" \" in host name");
    }
    let (before_fragment, fragment) = text.split_once('#').map_or((text, None), |(a, b)| (a, Some(b)));
    let (path, query) = before_fragment.split_once('?').map_or((before_fragment, None), |(a, b)| (a, Some(b)));
    for part in [Some(path), fragment].into_iter().flatten() {
        for (at, _) in part.match_indices('%') {
            let escape: String = part[at..].chars().take(3).collect();
            if escape.len() != 3 || !escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return refuse(&format!("invalid URL escape {}", text::quote(&escape)));
            }
        }
    }
    let mut out = escaped(path);
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(&escaped(fragment));
    }
    Ok(out)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                out.push_str(&format!("%{byte:02X}"));
            }
            byte => out.push(char::from(byte)),
        }
    }
    out
}

fn author(node: &Node) -> Result<Value, String> {
    match keys_are_text(node)? {
        Value::String(text) => {
            let mut words: Vec<&str> = text.split_whitespace().collect();
            if words.is_empty() {
                return Err("author is an empty string".to_owned());
            }
            let email = words.last().and_then(|last| last.strip_prefix('<')?.strip_suffix('>'));
            if email.is_some() {
                words.pop();
            }
            Ok(author_value(&words.join(" "), email.unwrap_or_default()))
        }
        value @ Value::Object(_) => {
            let (name, email) = (member(&value, "name"), member(&value, "email"));
            if name.is_empty() && email.is_empty() {
                return Err("'name' and/or 'email' values required in object".to_owned());
            }
            Ok(author_value(&name, &email))
        }
        _ => Err("invalid value type, must be string or map".to_owned()),
    }
}

fn author_value(name: &str, email: &str) -> Value {
    named(&[("name", name), ("email", email)])
}

fn place(reference: Ref, span: Span) -> Ref {
    reference.into_iter().map(|term| Term { span, ..term }).collect()
}

/// One pair of path and schema.
fn schema(node: &Node, span: Span) -> Result<(Ref, SchemaAnnotation), String> {
    let pair = match &node.kind {
        Kind::Map(pairs) => pairs.first(),
        _ => None,
    };
    let path = match pair.map(|(key, _)| &key.kind) {
        Some(Kind::Scalar { text, .. }) => text.as_str(),
        _ => "",
    };
    let Some(Term { kind: TermKind::Ref(reference), .. }) = one_term(path, &Options::default()) else {
        return Err("invalid document reference".to_owned());
    };
    let declared = pair.map(|(_, value)| value);
    let schema = match declared.map(|value| (&value.kind, value.tag())) {
        Some((Kind::Scalar { text, .. }, "!!str")) => SchemaAnnotation::Reference(schema_reference(text, span)?),
        Some((Kind::Map(_), _)) => {
            let value = declared.and_then(Node::value);
            SchemaAnnotation::Definition(
                value.ok_or_else(|| "invalid schema definition: invalid map key type(s): ".to_owned())?,
            )
        }
        _ => return Err(format!("invalid schema declaration for path {}", text::quote(path))),
    };
    Ok((place(reference, span), schema))
}

fn schema_reference(written: &str, span: Span) -> Result<Ref, String> {
    let is_schema = |term: &Term| matches!(&term.kind, TermKind::Var(name) if &**name == "schema");
    match one_term(written, &Options::default()) {
        Some(term) if is_schema(&term) => Ok(vec![Term { span, ..term }]),
        Some(Term { kind: TermKind::Ref(parts), .. }) if parts.first().is_some_and(is_schema) => Ok(place(parts, span)),
        _ => Err("invalid schema reference".to_owned()),
    }
}

fn compile(node: &Node, span: Span) -> Result<CompileAnnotation, String> {
    let mut compile = CompileAnnotation::default();
    let Kind::Map(pairs) = &node.kind else { return Ok(compile) };
    for (key, value) in pairs {
        match (&key.kind, &value.kind) {
            (Kind::Scalar { text, .. }, Kind::List(items)) if text == "unknowns" => {
                for item in items {
                    let Kind::Scalar { text, .. } = &item.kind else { continue };
                    match one_term(text, &Options::default()) {
                        Some(Term { kind: TermKind::Ref(parts), .. }) => compile.unknowns.push(place(parts, span)),
                        _ => return Err(format!("invalid unknowns element {}: no reference", text::quote(text))),
                    }
                }
            }
            (Kind::Scalar { text: key, .. }, Kind::Scalar { text, .. }) if key == "mask_rule" => {
                compile.mask_rule = match one_term(text, &Options::default()) {
                    Some(Term { kind: TermKind::Ref(parts), .. }) => Some(place(parts, span)),
                    Some(term @ Term { kind: TermKind::Var(_) | TermKind::String(_), .. }) => {
                        Some(vec![Term { span, ..term }])
                    }
                    _ => return Err(format!("invalid mask_rule annotation {}: no reference", text::quote(text))),
                };
            }
            _ => {}
        }
    }
    Ok(compile)
}

/// Gives each block the statement below it and each rule its blocks.
pub(super) fn attach(module: &mut Module, source: &Source) -> Vec<RegoError> {
    if module.annotations.is_empty() {
        return Vec::new();
    }
    let row = |span: Span| source.row_column(span.start).0;
    let mut statements = vec![(row(module.package.span), AnnotationTarget::Package)];
    statements.extend(module.imports.iter().enumerate().map(|(at, it)| (row(it.span), AnnotationTarget::Import(at))));
    statements.extend(module.rules.iter().enumerate().map(|(at, it)| (row(it.span), AnnotationTarget::Rule(at))));
    statements.sort_by_key(|(row, _)| *row);
    let mut errors = Vec::new();
    for annotation in &mut module.annotations {
        let above = row(annotation.span);
        let next = statements.partition_point(|(row, _)| *row <= above);
        annotation.target = statements.get(next).map(|(_, target)| *target).unwrap_or_default();
        if annotation.scope.is_empty() {
            annotation.scope = match annotation.target {
                AnnotationTarget::Rule(_) if annotation.entrypoint => "document",
                AnnotationTarget::Rule(_) => "rule",
                AnnotationTarget::Package => "package",
                AnnotationTarget::Import(_) => "import",
                AnnotationTarget::Nothing => "",
            }
            .into();
        }
        errors.extend(check_scope(annotation));
        if annotation.entrypoint && !matches!(&*annotation.scope, "document" | "package") {
            let message =
                format!("annotation entrypoint applied to non-document or package scope '{}'", annotation.scope);
            errors.push(error(annotation.span, message));
        }
    }
    if errors.is_empty() {
        give(module, source);
    }
    errors
}

fn check_scope(annotation: &Annotations) -> Option<RegoError> {
    let (scope, target) = (&*annotation.scope, annotation.target);
    let wanted = match scope {
        "rule" | "document" if matches!(target, AnnotationTarget::Rule(_)) => return None,
        "package" | "subpackages" if target == AnnotationTarget::Package => return None,
        "rule" | "document" => "rule",
        "package" | "subpackages" => "package",
        _ => {
            let message = format!(
                "invalid annotation scope '{scope}'. Use one of 'rule', 'document', 'package', or 'subpackages'"
            );
            return Some(error(annotation.span, message));
        }
    };
    let have = match target {
        AnnotationTarget::Nothing => "",
        AnnotationTarget::Package => " (have package)",
        AnnotationTarget::Import(_) => " (have import)",
        AnnotationTarget::Rule(_) => " (have rule)",
    };
    Some(error(annotation.span, format!("annotation scope '{scope}' must be applied to {wanted}{have}")))
}

/// Blocks of one path.
#[derive(Default)]
struct Group {
    document: Vec<usize>,
    /// Of scope rule, in order of rows.
    rule: Vec<usize>,
    /// The first of those that stands below the rule that is looked at.
    next: usize,
    /// Those above it that no rule has taken.
    pending: BTreeSet<usize>,
}

/// Each rule has the document's blocks and those above it that no earlier rule of its path took; it takes the last.
fn give(module: &mut Module, source: &Source) {
    let row = |span: Span| source.row_column(span.start).0;
    let path = |module: &Module, at: usize| -> Option<String> {
        let reference = &module.rules.get(at)?.head.reference;
        let ground = reference.iter().enumerate().take_while(|(at, term)| *at == 0 || is_ground(term));
        let ground: Ref = ground.map(|(_, term)| term.clone()).collect();
        Some(text::reference(&ground))
    };
    let mut groups: HashMap<String, Group> = HashMap::new();
    for (at, annotation) in module.annotations.iter().enumerate() {
        let AnnotationTarget::Rule(rule) = annotation.target else { continue };
        let Some(path) = path(module, rule) else { continue };
        let group = groups.entry(path).or_default();
        match &*annotation.scope {
            "document" => group.document.push(at),
            _ => group.rule.push(at),
        }
    }
    if groups.is_empty() {
        return;
    }
    for at in 0..module.rules.len() {
        let Some(group) = path(module, at).and_then(|path| groups.get_mut(&path)) else { continue };
        let below = row(module.rules[at].span);
        while let Some(next) = group.rule.get(group.next)
            && row(module.annotations[*next].span) < below
        {
            group.pending.insert(*next);
            group.next += 1;
        }
        let mut taken: Vec<usize> = group.document.iter().chain(&group.pending).copied().collect();
        taken.sort_unstable();
        module.rules[at].annotations = taken;
        group.pending.pop_last();
    }
}
