//! Names to references. In: modules as parsed. Out: the same, where the names of the package's rules and of imports are
//! `data.…` references; and which imports nobody used. What a body, arguments or an `every` declare hides them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::terms;
use super::vars::{self, Skip, Vars};
use super::walk::{self, Node};
use crate::ast::{Body, Expr, ExprKind, Import, Module, Name, Ref, Rule, TemplatePart, Term, TermKind};
use crate::error::{Code, RegoError};

/// The path of an import.
pub(super) fn import_path(import: &Import) -> Ref {
    match &import.path.kind {
        TermKind::Ref(terms) => terms.clone(),
        _ => vec![import.path.clone()],
    }
}

/// `future.…` and `rego.…` name keywords, not documents.
pub(super) fn is_of_keywords(import: &Import) -> bool {
    let head = match &import.path.kind {
        TermKind::Ref(terms) => terms::ref_head(terms),
        TermKind::Var(name) => Some(name),
        _ => None,
    };
    head.is_some_and(|head| matches!(&**head, "future" | "rego"))
}

/// What an import is called: its alias, or the last part of its path.
pub(super) fn import_name(import: &Import) -> Option<Name> {
    if let Some(alias) = &import.alias {
        return Some(alias.clone());
    }
    match &import.path.kind {
        TermKind::Var(name) => Some(name.clone()),
        TermKind::Ref(terms) => match terms.as_slice() {
            [Term { kind: TermKind::Var(name), .. }] => Some(name.clone()),
            [.., Term { kind: TermKind::String(last), .. }] => Some(last.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Names that rules of each package give, by the package's path.
pub(super) type Exports = HashMap<String, HashSet<Name>>;

pub(super) fn exports(modules: &[Module]) -> Exports {
    let mut exports = Exports::new();
    for module in modules {
        let names = exports.entry(package_key(&module.package.path)).or_default();
        names.extend(module.rules.iter().filter_map(|rule| terms::ref_head(&rule.head.reference)).cloned());
    }
    exports
}

pub(super) fn package_key(path: &[Term]) -> String {
    crate::ast::text::reference(path)
}

/// What names mean at the top of a module or query.
pub(super) struct Globals<'a> {
    package: &'a [Term],
    exported: Option<&'a HashSet<Name>>,
    imports: HashMap<Name, Ref>,
    used: RefCell<HashSet<Name>>,
}

impl<'a> Globals<'a> {
    pub(super) fn new(package: &'a [Term], exported: Option<&'a HashSet<Name>>, imports: &[Import]) -> Globals<'a> {
        let known = imports.iter().filter(|import| !is_of_keywords(import));
        let imports = known.filter_map(|import| Some((import_name(import)?, import_path(import)))).collect();
        Globals { package, exported, imports, used: RefCell::default() }
    }

    /// The reference that stands for a name, placed where the name is.
    fn of(&self, name: &Name, at: &Term) -> Option<Ref> {
        let mut reference = match self.imports.get(name) {
            Some(path) => {
                self.used.borrow_mut().insert(name.clone());
                path.clone()
            }
            None if self.exported.is_some_and(|names| names.contains(name)) => {
                let mut path = self.package.to_vec();
                path.push(Term::new(at.span, TermKind::String(name.clone())));
                path
            }
            None => return None,
        };
        reference.iter_mut().for_each(|term| term.span = at.span);
        Some(reference)
    }

    pub(super) fn unused<'b>(&self, imports: &'b [Import]) -> Vec<&'b Import> {
        let used = self.used.borrow();
        let known = imports.iter().filter(|import| !is_of_keywords(import));
        known.filter(|import| import_name(import).is_some_and(|name| !used.contains(&name))).collect()
    }
}

/// Resolves a rule and its `else` branches.
pub(super) fn rule(globals: &Globals<'_>, rule: &mut Rule) -> Result<(), RegoError> {
    let mut branch = Some(rule);
    while let Some(rule) = branch {
        let mut shadow = None;
        let mut args = Vars::new();
        for arg in &rule.head.args {
            walk::term(arg, &mut |node| {
                let Node::Term(term) = node else { return true };
                if let Some(root) = terms::root_name(term) {
                    shadow.get_or_insert_with(|| root.clone());
                    return true;
                }
                match &term.kind {
                    TermKind::Var(name) => {
                        args.insert(name.clone());
                        false
                    }
                    TermKind::Set(_) | TermKind::Call(_) => true,
                    _ => terms::is_comprehension(term),
                }
            });
        }
        if let Some(root) = shadow {
            let message = format!("args must not shadow {root} (use a different variable name)");
            return Err(RegoError::new(Code::Compile, rule.span, message));
        }
        let mut resolver = Resolver { globals, hidden: vec![args, declared_in_body(&rule.body)] };
        let head = &mut rule.head;
        for term in head.reference.iter_mut().skip(1).chain(&mut head.key).chain(&mut head.value) {
            resolver.term(term);
        }
        resolver.body(&mut rule.body);
        branch = rule.else_rule.as_deref_mut();
    }
    Ok(())
}

pub(super) fn query(globals: &Globals<'_>, body: &mut Body) {
    let hidden = vec![declared_in_body(body)];
    Resolver { globals, hidden }.body(body);
}

/// Names that a body declares: `:=`, `some`; not in comprehensions.
pub(super) fn declared_in_body(body: &[Expr]) -> Vars {
    let mut declared = Vars::new();
    body.iter().for_each(|expr| declared_in(expr, &mut declared));
    declared
}

pub(super) fn declared_in(expr: &Expr, declared: &mut Vars) {
    walk::expr(expr, &mut |node| match node {
        Node::Expr(expr) => {
            match &expr.kind {
                ExprKind::Call { .. } if terms::is_assignment(expr) => {
                    if let Some((left, _)) = terms::two(expr) {
                        declared.extend(vars::of_term(left, Skip::default()));
                    }
                }
                ExprKind::Some { symbols, .. } => {
                    for symbol in symbols {
                        match &symbol.kind {
                            TermKind::Var(name) => {
                                declared.insert(name.clone());
                            }
                            TermKind::Call(call) => {
                                // All but the operator and what is iterated over.
                                let bound = call.get(1..call.len().saturating_sub(1)).unwrap_or(&[]);
                                declared.extend(vars::of_terms(bound, Skip::default()));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            false
        }
        Node::Term(term) => terms::is_comprehension(term),
        _ => false,
    });
}

struct Resolver<'a> {
    globals: &'a Globals<'a>,
    hidden: Vec<Vars>,
}

impl Resolver<'_> {
    fn meaning(&self, name: &Name, at: &Term) -> Option<Ref> {
        if self.hidden.iter().any(|hidden| hidden.contains(name)) {
            return None;
        }
        self.globals.of(name, at)
    }

    fn body(&mut self, body: &mut Body) {
        body.iter_mut().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { operator, args } => {
                self.term(operator);
                args.iter_mut().for_each(|arg| self.term(arg));
            }
            ExprKind::Some { symbols, .. } => {
                for symbol in symbols {
                    if let TermKind::Call(call) = &mut symbol.kind {
                        call.iter_mut().for_each(|term| self.term(term));
                    }
                }
            }
            ExprKind::Every(every) => {
                let mut bound = vars::of_term(&every.value, Skip::default());
                bound.extend(every.key.iter().flat_map(|key| vars::of_term(key, Skip::default())));
                self.hidden.push(bound);
                self.term(&mut every.domain);
                self.body(&mut every.body);
                self.hidden.pop();
            }
            ExprKind::Not { body, .. } => self.body(body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.body(&mut logical.lhs);
                self.body(&mut logical.rhs);
            }
        }
        for with in &mut expr.with {
            self.term(&mut with.target);
            self.term(&mut with.value);
        }
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {}
            TermKind::Var(name) => {
                let name = name.clone();
                if let Some(reference) = self.meaning(&name, term) {
                    term.kind = TermKind::Ref(reference);
                }
            }
            TermKind::Ref(reference) => {
                let head = match reference.first() {
                    Some(head @ Term { kind: TermKind::Var(name), .. }) => self.meaning(name, head),
                    _ => None,
                };
                // What an import or package is made of are constants.
                let mut from = usize::from(matches!(reference.first(), Some(Term { kind: TermKind::Var(_), .. })));
                if let Some(path) = head {
                    from = path.len();
                    reference.splice(..1, path);
                }
                reference.iter_mut().skip(from).for_each(|inner| self.term(inner));
            }
            TermKind::Array(items) => items.iter_mut().for_each(|item| self.term(item)),
            TermKind::Call(items) => items.iter_mut().for_each(|item| self.term(item)),
            TermKind::Set(items) => {
                items.iter_mut().for_each(|item| self.term(item));
                terms::sort(term);
            }
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.term(value);
                }
                terms::sort(term);
            }
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                self.hidden.push(declared_in_body(body));
                self.term(term);
                self.body(body);
                self.hidden.pop();
            }
            TermKind::ObjectCompr { key, value, body } => {
                self.hidden.push(declared_in_body(body));
                self.term(key);
                self.term(value);
                self.body(body);
                self.hidden.pop();
            }
            TermKind::Template { parts, .. } => {
                for part in parts {
                    if let TemplatePart::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
        }
    }
}

/// Two imports of one name.
pub(super) fn duplicate_imports(module: &Module) -> Vec<RegoError> {
    let mut seen: HashMap<Name, &Import> = HashMap::new();
    let mut errors = Vec::new();
    for import in &module.imports {
        let Some(name) = import_name(import) else { continue };
        match seen.get(&name) {
            Some(first) => {
                let message = format!("import must not shadow {first}");
                errors.push(RegoError::new(Code::Compile, import.span, message));
            }
            None => {
                seen.insert(name, import);
            }
        }
    }
    errors
}

/// Rules, arguments and variables that are called `data` or `input`.
pub(super) fn root_overrides_of_module(module: &Module) -> Vec<RegoError> {
    let mut errors = Vec::new();
    for rule in &module.rules {
        if let Some(name) = terms::ref_head(&rule.head.reference).filter(|name| is_root(name)) {
            let message = format!("rules must not shadow {name} (use a different rule name)");
            errors.push(RegoError::new(Code::Compile, rule.span, message));
        }
        for arg in &rule.head.args {
            if let Some(root) = terms::root_name(arg) {
                let message = format!("args must not shadow {root} (use a different variable name)");
                errors.push(RegoError::new(Code::Compile, arg.span, message));
            }
        }
    }
    for rule in &module.rules {
        walk::rule(rule, &mut |node| see_override(node, &mut errors));
    }
    errors
}

pub(super) fn root_overrides_of_query(body: &[Expr]) -> Vec<RegoError> {
    let mut errors = Vec::new();
    walk::body(body, &mut |node| see_override(node, &mut errors));
    errors
}

fn is_root(name: &str) -> bool {
    matches!(name, "data" | "input")
}

fn see_override(node: Node<'_>, errors: &mut Vec<RegoError>) -> bool {
    if let Node::Expr(expr) = node
        && terms::is_assignment(expr)
        && let ExprKind::Call { args, .. } = &expr.kind
    {
        let name = args.first().and_then(|target| match &target.kind {
            TermKind::Var(name) => Some(name),
            _ => terms::root_name(target),
        });
        if let Some(name) = name.filter(|name| is_root(name)) {
            let message = format!("variables must not shadow {name} (use a different variable name)");
            errors.push(RegoError::new(Code::Compile, expr.span, message));
        }
    }
    false
}
