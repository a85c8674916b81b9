//! Rules: their bodies, then what type of document they give.

use super::annotations::{Schemas, override_at};
use super::env::type_of_reference;
use super::fault::Fault;
use super::tree::{Key, head_key, key, keys};
use super::{Checker, json_schema};
use crate::ast::{Body, Expr, ExprKind, Module, Rule, SchemaAnnotation, TemplatePart, Term, TermKind, text};
use crate::compile::{RuleId, RuleInfo, RuleKind};
use crate::types::{Signature, Type};
use crate::value::Value;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn check_rule(&mut self, id: RuleId, schemas: &Schemas) {
        let (Some(rule), Some(info)) = (self.program.rule(id), self.program.info(id)) else { return };
        if !self.pay(1) {
            return;
        }
        self.forget_closures();
        self.push(Arc::default());
        self.put_schemas(rule, info, schemas);
        self.push(Arc::default());
        let faults = self.check_body(&rule.body);
        let of = if faults.is_empty() { self.type_of_rule(rule, info) } else { Type::Any };
        self.pop();
        self.pop();

        if !faults.is_empty() {
            self.faults.extend(faults);
            // The whole head: what refers to a rule in error meets no further fault.
            let path = whole_path(rule, info);
            if let Some(tree) = self.tree_mut(1) {
                tree.put(&"data".into(), &path, Type::Any);
            }
            return;
        }
        if matches!(of, Type::Unknown) {
            return;
        }
        let of = if of.has_empty_collection() && self.is_replaced(id) { of.without_empty_collections() } else { of };
        let path: Vec<Value> =
            info.path.get(..info.ground).unwrap_or_default().iter().skip(1).flatten().cloned().collect();
        self.pay(path.len() + if info.is_ground() { 1 } else { 8 });
        if let Some(tree) = self.tree_mut(1) {
            tree.insert(&"data".into(), &keys(&path), &of);
        }
    }

    /// What the rule gives at the ground part of its path.
    fn type_of_rule(&mut self, rule: &Rule, info: &RuleInfo) -> Type {
        if !rule.head.args.is_empty() {
            let mut names = Vec::new();
            rule.head.args.iter().for_each(|arg| variables(arg, &mut names));
            for name in names {
                if matches!(self.variable(&name), Type::Unknown) {
                    self.put_variable(&name, Type::Any);
                }
            }
            let args = rule.head.args.iter().map(|arg| self.type_of(arg)).collect();
            let result = rule.head.value.as_ref().map_or(Type::Unknown, |value| self.type_of(value));
            return Type::function(Signature::new(args, result));
        }
        let of = match info.kind {
            RuleKind::SingleValue => rule.head.value.as_ref().map_or(Type::Unknown, |value| self.type_of(value)),
            RuleKind::MultiValue => match rule.head.key.as_ref().map_or(Type::Unknown, |key| self.type_of(key)) {
                Type::Unknown => Type::Unknown,
                of => Type::set(of),
            },
        };
        // Each variable part of the path is a level of keys that are not known.
        let dynamic = rule.head.reference.get(info.ground.saturating_sub(info.package)..).unwrap_or_default();
        dynamic.iter().rev().fold(of, |of, term| match (of, self.type_of(term)) {
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (of, key) => Type::object(Vec::new(), Some((key, of))),
        })
    }

    /// Whether a `with` anywhere replaces the rule, so that its value is not known.
    fn is_replaced(&mut self, id: RuleId) -> bool {
        if self.replaced.is_none() {
            let mut targets = Targets::default();
            self.program.modules.iter().for_each(|module| targets.module(module));
            let mut replaced = vec![false; self.program.rules.len()];
            for target in targets.found {
                let rules = self.program.tree.rules_of(self.program.rules, &target, true);
                self.pay(rules.len() + 1);
                for id in rules {
                    if let Some(flag) = replaced.get_mut(id.0 as usize) {
                        *flag = true;
                    }
                }
            }
            self.replaced = Some(replaced);
        }
        self.replaced.as_ref().and_then(|replaced| replaced.get(id.0 as usize)).copied().unwrap_or(false)
    }

    /// Documents for which annotations of the rule name schemas, in the layer on top.
    fn put_schemas(&mut self, rule: &Rule, info: &RuleInfo, schemas: &Schemas) {
        for (path, schema) in schemas.of(info) {
            let of = match self.schema_type(rule, schema) {
                Ok(Some(of)) => of,
                Ok(None) => continue,
                Err(fault) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            let trees = || self.layers.iter().rev().map(|layer| &*layer.tree);
            let mut prefix = path.len();
            let mut had = Type::Unknown;
            for upto in 1..path.len().max(2) {
                let part = path.get(..upto).unwrap_or(path);
                had = type_of_reference(trees(), part);
                if !matches!(had, Type::Unknown) {
                    prefix = part.len();
                    break;
                }
            }
            let put = if matches!(had, Type::Unknown) || prefix == path.len() {
                Ok((path.as_slice(), of))
            } else {
                let (known, below) = path.split_at(prefix);
                override_at(below, &had, &of).map(|of| (known, of))
            };
            match put {
                Ok((path, of)) => {
                    let layer = self.layers.len() - 1;
                    if let Some((Term { kind: TermKind::Var(root), .. }, below)) = path.split_first()
                        && let Some(tree) = self.tree_mut(layer)
                    {
                        tree.put(root, &below.iter().filter_map(key).collect::<Vec<_>>(), of);
                    }
                }
                Err(message) => self.faults.push(Fault::new(rule.span, message)),
            }
        }
    }

    fn schema_type(&mut self, rule: &Rule, annotation: &SchemaAnnotation) -> Result<Option<Type>, Fault> {
        let failed = |message: String| Fault::new(rule.span, message);
        let (schema, name) = match annotation {
            SchemaAnnotation::Reference(reference) => {
                let name = text::reference(reference);
                if let Some(known) = self.schema_types.get(&name) {
                    return Ok(Some(known.clone()));
                }
                if self.about.schemas.is_empty() {
                    return Ok(None);
                }
                let schema = self.about.schemas.at(reference);
                (schema.ok_or_else(|| failed(format!("undefined schema: {name}")))?, Some(name))
            }
            SchemaAnnotation::Definition(schema) => (schema, None),
        };
        let (of, definitions) = json_schema::type_of(schema).map_err(failed)?;
        self.definitions.push(definitions);
        if let Some(name) = name {
            self.schema_types.insert(name, of.clone());
        }
        Ok(Some(of))
    }
}

/// The rule's path below `data`, variables as they are.
fn whole_path(rule: &Rule, info: &RuleInfo) -> Vec<Key> {
    let package = info.path.get(..info.package).unwrap_or_default().iter().skip(1).flatten().cloned().map(Key::Value);
    let head = rule.head.reference.iter().enumerate().map(|(at, term)| match &term.kind {
        TermKind::Var(name) if at == 0 => Some(Key::Value(Value::string(&**name))),
        _ => head_key(term),
    });
    package.chain(head.flatten()).collect()
}

/// The variables in a term, roots of references too.
fn variables(term: &Term, names: &mut Vec<crate::ast::Name>) {
    match &term.kind {
        TermKind::Var(name) => names.push(name.clone()),
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|term| variables(term, names));
        }
        TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            variables(key, names);
            variables(value, names);
        }),
        _ => {}
    }
}

/// What `with` replaces, anywhere in modules.
#[derive(Default)]
struct Targets {
    found: std::collections::BTreeSet<Vec<Option<Value>>>,
}

impl Targets {
    fn module(&mut self, module: &Module) {
        module.rules.iter().for_each(|rule| {
            let mut next = Some(rule);
            while let Some(rule) = next {
                self.rule(rule);
                next = rule.else_rule.as_deref();
            }
        });
    }

    fn rule(&mut self, rule: &Rule) {
        self.terms(&rule.head.args);
        self.terms(rule.head.key.as_slice());
        self.terms(rule.head.value.as_slice());
        self.body(&rule.body);
    }

    fn body(&mut self, body: &Body) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { args, .. } => self.terms(args),
            ExprKind::Some { symbols, .. } => self.terms(symbols),
            ExprKind::Every(every) => {
                self.term(&every.domain);
                self.body(&every.body);
            }
            ExprKind::Not { body, .. } => self.body(body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.body(&logical.lhs);
                self.body(&logical.rhs);
            }
        }
        for with in &expr.with {
            if let TermKind::Ref(target) = &with.target.kind
                && matches!(target.first().map(|head| &head.kind), Some(TermKind::Var(root)) if &**root == "data")
            {
                self.found.insert(crate::compile::keys(target));
            }
            self.term(&with.value);
        }
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                self.terms(terms);
            }
            TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
                self.term(key);
                self.term(value);
            }),
            TermKind::Template { parts, .. } => parts.iter().for_each(|part| match part {
                TemplatePart::Text(_) => {}
                TemplatePart::Expr(expr) => self.expr(expr),
            }),
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                self.term(term);
                self.body(body);
            }
            TermKind::ObjectCompr { key, value, body } => {
                self.term(key);
                self.term(value);
                self.body(body);
            }
            _ => {}
        }
    }
}
