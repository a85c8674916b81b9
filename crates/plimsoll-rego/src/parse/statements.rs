//! A text's statements in order: packages, imports, rules and bodies, and which keywords imports bring.

use super::parser::Parser;
use super::token::{Keywords, Tok};
use super::{Features, Options};
use crate::ast::json::type_name;
use crate::ast::{Body, Import, Language, Package, Ref, Rule, Term, TermKind, text};

#[derive(Debug)]
pub(super) enum Statement {
    Package(Package),
    Import(Import),
    Rule(Rule),
    Body(Body),
}

/// The keywords that a text may import, and those that hold from its start.
pub(super) struct Vocabulary {
    pub allowed: Keywords,
    pub selected: Keywords,
}

impl Vocabulary {
    /// The error is the message of one that has no place.
    pub(super) fn of(options: &Options) -> Result<Vocabulary, String> {
        let Features { rego_v1, future_keywords, .. } = options.features();
        let v1 = matches!(options.language, Language::V1);
        if v1 && !rego_v1 {
            return Err("illegal capabilities: rego_v1 feature required for parsing v1 Rego".to_owned());
        }
        let mut allowed = if v1 || rego_v1 { Keywords::V0 } else { Keywords::NONE };
        match future_keywords {
            None => allowed = allowed.with(if v1 { Keywords::V1 } else { Keywords::ALL }),
            Some(names) => {
                for name in names {
                    let Some(keyword) = Keywords::named(&name) else {
                        return Err(format!("illegal capabilities: unknown keyword: {name}"));
                    };
                    allowed = allowed.with(keyword);
                }
            }
        }
        let mut selected = match (options.all_future_keywords, v1) {
            (true, _) => allowed,
            (false, true) => Keywords::V0,
            (false, false) => Keywords::NONE,
        };
        for name in &options.future_keywords {
            match Keywords::named(name) {
                Some(keyword) if allowed.has(name) => selected = selected.with(keyword),
                _ => return Err(format!("unknown future keyword: {name}")),
            }
        }
        Ok(Vocabulary { allowed, selected })
    }
}

fn first_is(path: &Ref, name: &str) -> bool {
    matches!(path.first(), Some(Term { kind: TermKind::Var(first), .. }) if &**first == name)
}

fn string(term: &Term) -> Option<&str> {
    match &term.kind {
        TermKind::String(text) => Some(text),
        _ => None,
    }
}

/// `rego.v1`, `rego.v2`
pub(super) fn rego_version(import: &Import) -> Option<&str> {
    match &import.path.kind {
        TermKind::Ref(path) if path.len() == 2 && first_is(path, "rego") => string(&path[1]),
        _ => None,
    }
}

impl Parser<'_> {
    /// All statements up to the first that cannot be read.
    pub(super) fn statements(&mut self, skip_rules: bool, allowed: Keywords) -> Vec<Statement> {
        let mut statements = Vec::new();
        while self.s.tok != Tok::Eof && !self.is_stopped() {
            if self.statement(skip_rules, allowed, &mut statements).is_none()
                && !(self.options.recover && self.recover())
            {
                break;
            }
        }
        statements
    }

    pub(super) fn statement(
        &mut self,
        skip_rules: bool,
        allowed: Keywords,
        statements: &mut Vec<Statement>,
    ) -> Option<()> {
        let saved = self.s;
        if !skip_rules && self.error_keyword_as_name(false) {
            return None;
        }
        if self.s.tok == Tok::Package {
            if let Some(package) = self.package() {
                self.no_minus()?;
                statements.push(Statement::Package(package));
                return Some(());
            }
            self.or_else(saved)?;
        }
        if self.s.tok == Tok::Import {
            if let Some(import) = self.import() {
                self.no_minus()?;
                self.take_keywords(&import, allowed);
                statements.push(Statement::Import(import));
                return Some(());
            }
            self.or_else(saved)?;
        }
        if !skip_rules {
            if let Some(rules) = self.rules() {
                statements.extend(rules.into_iter().map(Statement::Rule));
                return Some(());
            }
            self.or_else(saved)?;
        }
        let body = self.query(true, Tok::Eof)?;
        statements.push(Statement::Body(body));
        Some(())
    }

    /// Without an error, the text may be another kind of statement.
    fn or_else(&mut self, saved: super::parser::State) -> Option<()> {
        if self.has_errors() {
            return None;
        }
        self.s = saved;
        Some(())
    }

    /// A minus behind a path would be taken for the next statement's.
    fn no_minus(&mut self) -> Option<()> {
        if self.s.tok == Tok::Sub {
            self.illegal("");
            return None;
        }
        Some(())
    }

    /// Steps over the keyword and stands at a path's first word; nothing where this is no such statement.
    fn path_follows(&mut self) -> Option<()> {
        self.scan_ws();
        if matches!(self.s.tok, Tok::Dot | Tok::LBrack) {
            return None;
        }
        if self.s.tok == Tok::Whitespace {
            self.scan();
        }
        if !self.take_name() {
            self.illegal("");
            return None;
        }
        Some(())
    }

    fn package(&mut self) -> Option<Package> {
        let start = self.s.start;
        self.path_follows()?;
        let Some(term) = self.term() else {
            if !self.has_errors() {
                self.error_here("expected path");
            }
            return None;
        };
        let parts = match term.kind {
            TermKind::Var(_) => vec![term],
            TermKind::Ref(parts) => parts,
            _ => {
                self.illegal("");
                return None;
            }
        };
        let mut path = Vec::with_capacity(parts.len() + 1);
        for (at, part) in parts.into_iter().enumerate() {
            match &part.kind {
                TermKind::Var(name) if at == 0 => {
                    path.push(Term::var(part.span, "data"));
                    path.push(Term::string(part.span, name));
                }
                TermKind::String(_) if at > 0 => path.push(part),
                _ => {
                    let wanted = if at == 0 { "var" } else { "string" };
                    let message = format!("unexpected {} token: expecting {wanted}", type_name(&part));
                    self.error(self.inner_start(part.span), message);
                    return None;
                }
            }
        }
        Some(Package { span: self.span_from(start), path })
    }

    fn import(&mut self) -> Option<Import> {
        let start = self.s.start;
        self.path_follows()?;
        // Paths may hold keywords that must be imported, so that those can be.
        let keywords = std::mem::replace(&mut self.s.keywords, Keywords::NONE);
        let before = self.s;
        let failures = std::mem::take(self.failures());
        let term = self.term();
        *self.failures() = failures;
        self.s.keywords = keywords;
        let path = match term {
            Some(Term { span, kind: TermKind::Var(name) }) => Some((span, vec![Term::new(span, TermKind::Var(name))])),
            Some(Term { span, kind: TermKind::Ref(parts) }) => {
                if let Some(part) = parts.iter().skip(1).find(|part| string(part).is_none()) {
                    // Errors in the path itself are not told then.
                    self.s = before;
                    let message = format!("unexpected {} token: expecting string", type_name(part));
                    self.error(self.inner_start(part.span), message);
                    return None;
                }
                Some((span, parts))
            }
            _ => None,
        };
        let Some((span, path)) = path else {
            self.error_here("expected path");
            return None;
        };
        if !["data", "input", "future", "rego"].iter().any(|root| first_is(&path, root)) {
            self.hint("if this is unexpected, try updating OPA");
            let got = path.first().map(ToString::to_string).unwrap_or_default();
            let message =
                format!("unexpected import path, must begin with one of: {{data, future, input, rego}}, got: {got}");
            self.error(span.start as usize, message);
            return None;
        }
        let (mut alias, mut alias_span) = (None, None);
        if self.s.tok == Tok::As {
            let (name, at) = self.alias()?;
            (alias, alias_span) = (Some(name), Some(at));
        } else {
            self.check_last_part(&path);
        }
        let path = Term::new(span, TermKind::Ref(path));
        Some(Import { span: self.span_from(start), path, alias, alias_span })
    }

    fn alias(&mut self) -> Option<(crate::ast::Name, crate::span::Span)> {
        self.scan();
        if self.s.tok != Tok::Ident {
            self.illegal("expected var");
            return None;
        }
        match self.term() {
            Some(Term { span, kind: TermKind::Var(name) }) => return Some((name, span)),
            Some(Term { span, kind: TermKind::Ref(parts) })
                if parts.len() == 1 && (first_is(&parts, "data") || first_is(&parts, "input")) =>
            {
                let name = text::reference(&parts);
                let message = format!("unexpected import alias, must not be a reserved name, got: {name}");
                self.error(span.start as usize, message);
            }
            _ => self.illegal("expected var"),
        }
        None
    }

    /// Without an alias, the last part is the import's name: no keyword.
    fn check_last_part(&mut self, path: &Ref) {
        let Some(last) = path.last() else { return };
        let name = match &last.kind {
            TermKind::Var(name) | TermKind::String(name) => name,
            _ => return,
        };
        if path.len() > 1 && first_is(path, "future") || !text::is_keyword(name, self.options.language) {
            return;
        }
        self.hint("import a different path or use an alias");
        let message = format!("unexpected import path, must not end with a keyword, got: {name}");
        self.error(last.span.start as usize, message);
    }

    /// What an import of `rego` or `future` brings.
    fn take_keywords(&mut self, import: &Import, allowed: Keywords) {
        let TermKind::Ref(path) = &import.path.kind else { return };
        if first_is(path, "rego") {
            self.rego_import(import, path);
        } else if first_is(path, "future") {
            self.future_import(import, path, allowed);
        } else {
            return;
        }
        // The token was read before the keywords held.
        if self.s.tok == Tok::Ident
            && let Some(tok) = self.s.keywords.tok(self.text())
        {
            self.s.tok = tok;
        }
    }

    fn rego_import(&mut self, import: &Import, path: &Ref) {
        let at = import.path.span.start as usize;
        let features = &self.features;
        let (version, supported) = match rego_version(import) {
            Some("v1") => ("v1", features.rego_v1_import || features.rego_v1 || features.rego_v2),
            Some("v2") => ("v2", features.rego_v2_import || features.rego_v2),
            _ => {
                let path = text::reference(path);
                return self.error(at, format!("invalid import `{path}`, must be one of: `rego.v1`, `rego.v2`"));
            }
        };
        if !supported {
            return self
                .error(at, format!("invalid import, `rego.{version}` is not supported by current capabilities"));
        }
        if let Some(alias) = import.alias_span {
            return self.error(alias.start as usize, "`rego` imports cannot be aliased");
        }
        if version == "v2" {
            self.s.keywords = self.s.keywords.with(Keywords::ALL);
            self.not_bodies = true;
        } else if !matches!(self.options.language, Language::V1) {
            self.s.keywords = self.s.keywords.with(Keywords::V0);
        }
    }

    fn future_import(&mut self, import: &Import, path: &Ref, allowed: Keywords) {
        let at = import.path.span.start as usize;
        if path.get(1).and_then(string) != Some("keywords") {
            return self.error(at, "invalid import, must be `future.keywords`");
        }
        if let Some(alias) = import.alias_span {
            return self.error(alias.start as usize, "`future` imports cannot be aliased");
        }
        let mut taken = allowed;
        if let [_, _, word] = path.as_slice() {
            let known = string(word).and_then(|word| Keywords::named(word).filter(|_| allowed.has(word)));
            let Some(keyword) = known else {
                let names = allowed.names().join(" ");
                return self.error(at, format!("unexpected keyword, must be one of [{names}]"));
            };
            taken = keyword;
        }
        self.not_bodies |= taken.has("not");
        self.s.keywords = self.s.keywords.with(taken);
    }
}
