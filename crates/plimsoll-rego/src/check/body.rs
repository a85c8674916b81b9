//! Bodies and expressions.

use std::sync::Arc;

use super::env::{as_reference, ground_prefix};
use super::fault::Fault;
use super::tree::{Tree, key};
use super::{Checker, Layer};
use crate::ast::{Body, Expr, ExprKind, Ref, Term, TermKind, text};
use crate::compile::keys;
use crate::types::Type;

impl Checker<'_> {
    /// The faults of a body; the types of its variables go to the layer on top.
    pub(super) fn check_body(&mut self, body: &Body) -> Vec<Fault> {
        let mut faults = Vec::new();
        for expr in body {
            if !self.pay(1) {
                break;
            }
            let height = self.layers.len();
            let context = if expr.with.is_empty() { None } else { Some(self.push_replacements(expr)) };

            let in_closures = self.check_closures(expr);
            let in_references = self.check_references(expr);
            let own = self.check_expr(expr);
            // What is only there because of a type that is unknown after a more telling fault is left out.
            let told_before = !in_closures.is_empty() || !in_references.is_empty();
            faults.extend(in_closures);
            faults.extend(in_references);
            faults.extend(own.filter(|fault| !(told_before && fault.by_unknown())));

            self.layers.truncate(height);
            if let Some(context) = context {
                self.contexts.current = context;
            }
        }
        faults
    }

    /// Layers in which documents that `with` replaces may also be of their replacement's type, and rules that depend on them
    /// may be anything. Gives the context to go back to.
    fn push_replacements(&mut self, expr: &Expr) -> u32 {
        let variables = self.layers.last().map_or(0, |layer| layer.variables);
        let mut replaced: Vec<(Ref, Type)> = Vec::new();
        let mut influenced = Vec::new();
        let mut signs: Vec<Type> = Vec::new();
        for with in &expr.with {
            let Some(target) = as_reference(&with.target) else { continue };
            let had = self.type_of_reference(target);
            let is_function = matches!(had, Type::Function(_));
            influenced.extend(self.influenced(target, is_function));
            if is_function {
                signs.push(Type::Unknown);
                continue;
            }
            let ground = ground_prefix(target);
            let mut of = Type::Any;
            if ground == target.len() && !matches!(had, Type::Unknown) {
                let value = self.type_of(&with.value);
                if !matches!(value, Type::Unknown) {
                    of = match had.or(&value) {
                        Type::Unknown => Type::Any,
                        either => either,
                    };
                }
            }
            signs.push(of.clone());
            replaced.push((target.get(..ground).unwrap_or(target).to_vec(), of));
        }
        for tree in influenced {
            self.layers.push(Layer { tree, variables });
        }
        if !replaced.is_empty() {
            let mut tree = Tree::default();
            for (target, of) in replaced {
                if let Some((Term { kind: TermKind::Var(root), .. }, below)) = target.split_first() {
                    tree.put(root, &below.iter().filter_map(key).collect::<Vec<_>>(), of);
                }
            }
            self.layers.push(Layer { tree: Arc::new(tree), variables });
        }
        self.contexts.enter(expr, &signs)
    }

    /// A tree in which all rules that depend on a document are of any type; for a function not itself.
    fn influenced(&mut self, target: &[Term], is_function: bool) -> Option<Arc<Tree>> {
        let name = format!("{}{}", if is_function { "f:" } else { "" }, text::reference(target));
        if let Some(known) = self.influenced.get(&name) {
            return known.clone();
        }
        let program = self.program;
        let mut stack = program.tree.rules_of(program.rules, &keys(target), true);
        let mut seen = std::collections::HashSet::new();
        let mut tree: Option<Tree> = None;
        let own = keys(target);
        while let Some(id) = stack.pop() {
            if !seen.insert(id) {
                continue;
            }
            if !self.pay(24) {
                break;
            }
            stack.extend(program.dependents.get(id.0 as usize).into_iter().flatten());
            let Some(info) = program.info(id) else { continue };
            let path = info.path.get(..info.ground).unwrap_or_default();
            if is_function && path == own {
                continue;
            }
            let below: Vec<_> = path.iter().skip(1).flatten().cloned().collect();
            tree.get_or_insert_default().put(&"data".into(), &super::tree::keys(&below), Type::Any);
        }
        let tree = tree.map(Arc::new);
        self.influenced.insert(name, tree.clone());
        tree
    }

    fn check_expr(&mut self, expr: &Expr) -> Option<Fault> {
        for with in &expr.with {
            let Some(target) = as_reference(&with.target) else { continue };
            if let Type::Function(want) = self.type_of_reference(target)
                && let Type::Function(have) = self.type_of(&with.value)
                && !self.unifies(&Type::Function(want.clone()), &Type::Function(have.clone()))
            {
                let have = have.args.iter().map(|param| param.of.clone()).collect();
                return Some(Fault::args(with.span, &with.target, "arity mismatch", have, want, false));
            }
        }
        let ExprKind::Call { operator, args } = &expr.kind else { return None };
        match builtin_name(operator) {
            Some(["eq"]) if args.len() == 2 => return self.check_equality(expr, args),
            Some(["internal", "member_2"]) => {
                if let Some([member, collection]) = args.get(..2) {
                    let collection = self.type_of(collection);
                    if let Some(fault) = self.check_member(expr, None, member, &collection) {
                        return Some(fault);
                    }
                }
            }
            Some(["internal", "member_3"]) => {
                if let Some([key, member, collection]) = args.get(..3) {
                    let collection = self.type_of(collection);
                    if let Some(fault) = self.check_member(expr, Some(key), member, &collection) {
                        return Some(fault);
                    }
                }
            }
            _ => {}
        }
        self.check_call(expr, operator, args)
    }

    fn check_equality(&mut self, expr: &Expr, args: &[Term]) -> Option<Fault> {
        let [a, b] = args else { return None };
        let (of_a, of_b) = (self.type_of(a), self.type_of(b));
        if self.unify_terms(a, &of_a, b, &of_b) {
            return None;
        }
        Some(Fault::unified(expr.span, of_a, of_b))
    }

    /// `in`: what is looked for may be among the keys and values of the collection.
    fn check_member(&mut self, expr: &Expr, key: Option<&Term>, member: &Term, collection: &Type) -> Option<Fault> {
        let values = collection.values();
        // Of what does not iterate nothing is a member, which is no fault.
        if matches!(values, Type::Unknown) {
            return None;
        }
        if let Some(key) = key
            && let Some(fault) = self.check_member_operand(expr, key, &collection.keys())
        {
            return Some(fault);
        }
        self.check_member_operand(expr, member, &values)
    }

    fn check_member_operand(&mut self, expr: &Expr, term: &Term, of: &Type) -> Option<Fault> {
        if of.is_unknown() {
            return None;
        }
        let have = self.type_of(term);
        if !have.is_unknown() && !self.unifies(&have, of) || !self.unify(term, of, false) {
            return Some(Fault::unified(expr.span, have, of.clone()));
        }
        None
    }

    fn check_call(&mut self, expr: &Expr, operator: &Term, args: &[Term]) -> Option<Fault> {
        let undefined = || Some(Fault::new(expr.span, format!("undefined function {operator}")));
        let signature = match self.type_of(operator) {
            Type::Function(signature) => signature,
            // Nothing is known of it: it may be defined elsewhere.
            Type::Any => return None,
            _ => return undefined(),
        };
        let places = signature.arity() + usize::from(signature.result.is_some());
        let have: Vec<Type> = args.iter().map(|arg| self.type_of(arg)).collect();
        if args.len() > places && signature.variadic.is_none() {
            return Some(Fault::args(expr.span, operator, "too many arguments", have, signature, true));
        }
        if args.len() < signature.arity() {
            return Some(Fault::args(expr.span, operator, "too few arguments", have, signature, true));
        }
        for (at, (arg, of)) in args.iter().zip(&have).enumerate() {
            let want = signature.place(at);
            if !of.is_unknown() && !self.unifies(of, &want) {
                return Some(Fault::args(expr.span, operator, "invalid argument(s)", have, signature, true));
            }
            if !self.unify(arg, &want, false) {
                let have = args.iter().map(|arg| self.type_of(arg)).collect();
                return Some(Fault::args(expr.span, operator, "invalid argument(s)", have, signature, true));
            }
        }
        None
    }
}

/// The parts of a builtin's name.
fn builtin_name(operator: &Term) -> Option<&'static [&'static str]> {
    const KNOWN: [&[&str]; 3] = [&["eq"], &["internal", "member_2"], &["internal", "member_3"]];
    let TermKind::Ref(terms) = &operator.kind else { return None };
    KNOWN.into_iter().find(|parts| {
        parts.len() == terms.len()
            && parts.iter().zip(terms).all(|(part, term)| match &term.kind {
                TermKind::Var(name) | TermKind::String(name) => **name == **part,
                _ => false,
            })
    })
}
