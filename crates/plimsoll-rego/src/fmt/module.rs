//! Modules: package, imports in groups, rules with their heads, bodies and `else`.

use super::expr::{is_set, past_comment};
use super::imports::Directive;
use super::place::Bracket;
use super::walk;
use super::writer::{Done, Failed, Rest, Writer};
use crate::ast::{Expr, ExprKind, Module, Rule, Term, TermKind};

/// What stands in a module behind its package.
enum Statement<'a> {
    Import(&'a Directive<'a>),
    Rule(&'a Rule),
}

fn is_true(term: &Term) -> bool {
    matches!(term.kind, TermKind::Bool(true))
}

/// Whether a body is nothing but `true`: it is not written.
fn is_implied(body: &[Expr]) -> bool {
    match body {
        [] => true,
        [Expr { kind: ExprKind::Term(term), negated: false, with, .. }] => is_true(term) && with.is_empty(),
        _ => false,
    }
}

impl<'a> Writer<'a> {
    pub fn module(&mut self, module: &'a Module, imports: &'a [Directive<'a>]) -> Done {
        let mut statements: Vec<(i64, usize, Statement<'a>)> = Vec::new();
        statements.extend(imports.iter().map(|import| (import.row, import.column, Statement::Import(import))));
        statements.extend(module.rules.iter().map(|rule| {
            let place = self.place(rule.span);
            (place.row, self.places.column(place), Statement::Rule(rule))
        }));
        statements.sort_by_key(|statement| (statement.0, statement.1));

        let mut rest = self.package(module)?;
        // An import that would come after a rule would have no effect there.
        let first_rule = module.rules.iter().map(|rule| self.place(rule.span).row).min();
        if first_rule.is_some_and(|first| imports.iter().any(|import| import.added && import.row >= first)) {
            let (added, others) = statements
                .into_iter()
                .partition::<Vec<_>, _>(|statement| matches!(statement.2, Statement::Import(import) if import.added));
            statements = others;
            let added: Vec<_> = added
                .iter()
                .filter_map(|statement| match statement.2 {
                    Statement::Import(import) => Some(import),
                    Statement::Rule(_) => None,
                })
                .collect();
            rest = self.imports(&added, rest)?;
        }
        let mut statements = statements.into_iter().map(|statement| statement.2).peekable();
        while statements.peek().is_some() {
            let mut imports = Vec::new();
            while let Some(Statement::Import(import)) = statements.next_if(|next| matches!(next, Statement::Import(_)))
            {
                imports.push(import);
            }
            rest = self.imports(&imports, rest)?;
            let mut rules = Vec::new();
            while let Some(Statement::Rule(rule)) = statements.next_if(|next| matches!(next, Statement::Rule(_))) {
                rules.push(rule);
            }
            rest = self.rules(&rules, rest);
        }
        self.trailing_comments(rest);
        Ok(rest)
    }

    fn trailing_comments(&mut self, rest: Rest) {
        let mut any = false;
        for at in rest..self.comments.len() {
            let Some(text) = self.comments.get(at).filter(|note| !note.taken).map(|note| note.text) else {
                continue;
            };
            self.ensure_line();
            self.write(text);
            self.end_line();
            any = true;
        }
        if any {
            self.write("\n");
        }
    }

    fn package(&mut self, module: &'a Module) -> Done {
        let row = self.place(module.package.span).row;
        let rest = self.insert_comments(0, row)?;
        self.start_line();
        let Some((Term { kind: TermKind::String(first), .. }, path)) =
            module.package.path.get(1..).and_then(<[Term]>::split_first)
        else {
            return Err(Failed::fatal(rest, "invalid package path"));
        };
        self.write("package ");
        self.write(first);
        let none = self.none();
        self.path(path, none)?;
        self.blank_line();
        Ok(rest)
    }

    /// In groups as they stood, each sorted, and comments on their lines with them.
    fn imports(&mut self, imports: &[&'a Directive<'a>], rest: Rest) -> Done {
        let mut notes: Vec<Option<usize>> = Vec::with_capacity(imports.len());
        for import in imports {
            let at = rest + self.comments.get(rest..).unwrap_or(&[]).partition_point(|note| note.row < import.row);
            let note = self.comments.get_mut(at).filter(|note| note.row == import.row && !note.taken);
            notes.push(note.map(|note| {
                note.taken = true;
                at
            }));
        }
        let mut rest = self.skip_taken(rest);
        let mut group: Vec<(&Directive, Option<usize>)> = Vec::new();
        let mut imports = imports.iter().copied().zip(notes).peekable();
        while let Some(import) = imports.next() {
            let row = import.0.row;
            group.push(import);
            if imports.peek().is_some_and(|next| next.0.row - row <= 1) {
                continue;
            }
            let first = group.first().map_or(row, |first| first.0.row);
            rest = self.insert_comments(rest, first).map_err(|failed| self.lost(failed))?;
            group.sort_by(|a, b| a.0.order(b.0));
            for (import, note) in group.drain(..) {
                self.start_line();
                let text = import.text(&self.facts);
                self.write(&text);
                if let Some(note) = note.and_then(|note| self.comments.get(note)) {
                    let text = note.text;
                    self.write(" ");
                    self.write(text);
                }
                self.end_line();
            }
            self.blank_line();
        }
        Ok(rest)
    }

    fn rules(&mut self, rules: &[&'a Rule], mut rest: Rest) -> Rest {
        for (index, rule) in rules.iter().copied().enumerate() {
            let row = self.place(rule.span).row;
            rest = self.insert_comments(rest, row).unwrap_or_else(|failed| self.swallow(failed));
            rest = self.rule(rule, false, rest).unwrap_or_else(|failed| self.swallow(failed));
            // Rules of a line each stay together where they stood together.
            let grouped = self.is_one_liner(rule)
                && rules
                    .get(index + 1)
                    .is_some_and(|next| self.is_one_liner(next) && self.place(next.span).row == row + 1);
            if !grouped {
                self.blank_line();
            }
        }
        rest
    }

    fn uses_if(&self, rule: &Rule) -> bool {
        // `p[x]` would become another kind of rule.
        (self.facts.v1 || self.facts.ifs) && (self.facts.contains || rule.head.value.is_some())
    }

    fn is_one_liner(&self, rule: &Rule) -> bool {
        let short = match rule.body.as_slice() {
            [] => true,
            [only] => !is_set(only),
            _ => false,
        };
        short && !rule.default && rule.else_rule.is_none() && self.uses_if(rule)
    }

    fn rule(&mut self, rule: &'a Rule, is_else: bool, rest: Rest) -> Done {
        if !is_else {
            self.start_line();
        }
        if rule.default {
            self.write("default ");
        }
        let implied = is_implied(&rule.body) && rule.else_rule.is_none();
        self.comment_on_final_line = implied;
        let mut comment_in_head = false;
        let mut rest = match self.head(rule, is_else, implied, rest) {
            Ok(rest) => rest,
            Err(failed) if failed.is_comment() => {
                comment_in_head = true;
                failed.rest
            }
            Err(failed) => return Err(self.lost(failed)),
        };
        let (false, Some(first)) = (implied, rule.body.first()) else {
            self.end_line();
            return Ok(rest);
        };
        self.comment_on_final_line = true;

        let uses_if = self.uses_if(rule);
        let place = self.place(rule.span);
        let moved = (is_else && self.places.is_bare_else(rule)).then_some(place);
        if uses_if {
            self.write(" if");
            let head_end = self.places.end_row(self.place(rule.head.span));
            let first_row = moved.unwrap_or_else(|| self.place(first.span)).row;
            // Braces around a lone set must stay: without them it would be a body.
            if rule.body.len() == 1 && first_row == head_end && !is_set(first) {
                self.write(" ");
                self.moved = moved;
                let done = self.expr(first, rest);
                self.moved = None;
                rest = done.or_else(past_comment).map_err(|failed| self.lost(failed))?;
                self.end_line();
                return self.else_of(rule, rest);
            }
        }
        if comment_in_head && self.next_row(rest).is_some() {
            self.write(" { ");
        } else {
            self.write(" {");
            self.end_line();
        }
        if uses_if && !is_else {
            self.mark_leading_union(first);
        }
        self.level += 1;
        self.moved = moved;
        let done = self.body(&rule.body, rest);
        self.moved = None;
        rest = done.or_else(past_comment).map_err(|failed| self.lost(failed))?;
        // The head of an `else` branch has lost its arguments.
        let close = if !rule.head.args.is_empty() && !is_else {
            self.places.closing_behind(Bracket::Round, Bracket::Curly, place)
        } else if rule.head.key.is_some() {
            self.places.closing_behind(Bracket::Square, Bracket::Curly, place)
        } else {
            self.places.closing(Bracket::Curly, place)
        };
        rest = self.insert_comments(rest, close).map_err(|failed| self.lost(failed))?;
        self.down().map_err(|why| Failed { rest: self.none(), why })?;
        self.start_line();
        self.write("}");
        self.else_of(rule, rest)
    }

    /// On the line of the closing brace if it stood there.
    fn else_of(&mut self, rule: &'a Rule, rest: Rest) -> Done {
        let Some(branch) = rule.else_rule.as_deref() else {
            return Ok(rest);
        };
        let place = self.place(rule.span);
        let own = self.place(branch.span);
        let was_inline = own.row > place.row
            && own.row <= self.places.end_row(place)
            && !self.places.line(own.row).trim().starts_with("else");
        let head = self.place(branch.head.span);
        let comment_above = self.next_row(rest).is_some_and(|next| next < head.row) || self.before_end.is_some();
        if !comment_above && was_inline {
            self.write(" ");
        } else {
            self.blank_line();
            self.start_line();
        }
        let rest = self.insert_comments(rest, head.row).map_err(|failed| self.lost(failed))?;
        if comment_above && !was_inline {
            self.start_line();
        }
        self.rule(branch, true, rest)
    }

    fn head(&mut self, rule: &'a Rule, is_else: bool, implied: bool, rest: Rest) -> Done {
        let head = &rule.head;
        let place = self.place(head.span);
        let mut rest = if is_else {
            let rest = self.insert_comments(rest, place.row).map_err(|failed| self.lost(failed))?;
            self.ensure_line();
            self.write("else");
            rest
        } else {
            match head.reference.as_slice() {
                [name, key] if !self.facts.ref_heads => {
                    // With a comment in the key all stays as it is.
                    if self.next_row(rest) == Some(self.term_place(key).row) {
                        return self.write_unformatted(self.places.text(place), place, rest);
                    }
                    self.plain_term(name);
                    self.write("[");
                    self.plain_term(key);
                    self.write("]");
                    rest
                }
                reference => self.reference(reference, rest).map_err(|failed| self.lost(failed))?,
            }
        };
        if !head.args.is_empty() && !is_else {
            rest = self.head_args(&head.args, place, rest)?;
        }
        if let (Some(key), None) = (&head.key, &head.value) {
            if self.facts.contains {
                self.write(" contains ");
                rest = self.term(key, rest)?;
            } else {
                self.write("[");
                rest = self.term(key, rest)?;
                self.write("]");
            }
        }
        match &head.value {
            Some(value) if head.key.is_some() || !is_true(value) || implied || rule.default => {
                self.head_value(rule, value, is_else, implied, rest)
            }
            _ => Ok(rest),
        }
    }

    fn head_value(&mut self, rule: &'a Rule, value: &'a Term, is_else: bool, implied: bool, rest: Rest) -> Done {
        let head = &rule.head;
        let place = self.place(head.span);
        // `a.b.c` alone is none of v1's rules; `f(1)` is.
        let wants_value = self.facts.v1 && implied && head.key.is_none() && (head.args.is_empty() || is_else);
        if has_implied_value(rule, value) && !is_else && is_true(value) && !wants_value {
            return Ok(rest);
        }
        self.write(if head.assign || self.facts.v1 { " := " } else { " = " });
        // In an `else` branch the value's place is that of the head.
        let at = if is_else { place } else { self.term_place(value) };
        self.term_at(value, at, rest)
    }

    /// One line, whatever the author's lines were.
    fn plain_term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Var(name) => self.var(name),
            _ => {
                let text = term.to_string();
                self.write(&text);
            }
        }
    }
}

/// Whether the value is one that OPA gives the head's own place: of `f(1)` and the like, where nothing but the head stands, of
/// bodies that share a head, of `p[x] if …`.
fn has_implied_value(rule: &Rule, value: &Term) -> bool {
    let head = &rule.head;
    head.span == value.span
        && (rule.generated_body
            || head.span == rule.span
            || head.if_written && head.reference.len() == 2 && head.args.is_empty())
}

/// What of the rules decides how all of them are written.
pub(super) fn has_reference_heads(module: &Module) -> bool {
    let mut found = false;
    for rule in &module.rules {
        walk::rules(rule, |rule| {
            let head = &rule.head;
            let parts = head.reference.len();
            found |= parts > 2 || parts == 2 && head.key.is_some() && head.value.is_none();
        });
    }
    found
}
