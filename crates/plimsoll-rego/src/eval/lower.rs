//! Trees to code. In: a rule or query as the compiler rewrote it, in the order in which it is safe. Out: a block. Which
//! variables have values at which place is known here, so that every `=` becomes binding, comparing or taking apart.
//!
//! It recurses over trees, whose depth the parser bounds.

use std::collections::HashMap;
use std::sync::Arc;

use super::code::{
    Arithmetic, Block, Collection, NOWHERE, Op, Path, Slot, Src, Test, Traced, With, WithTarget, WithValue,
};
use super::program::{Group, GroupKind, Output, Program};
use super::{EvalCode, EvalError};
use crate::ast::{Body, Every, Expr, ExprKind, Name, Rule, Term, TermKind};
use crate::compile::{CAPTURE, CompiledQuery, NodeId, RuleInfo, RuleTree, scalar};
use crate::span::{Sources, Span};
use crate::value::{MAX_DEPTH, Value};

type Lowering<T> = Result<T, EvalError>;

/// The code of a rule of a group for when so many leading keys are given, and its value where that is a constant.
pub(super) fn rule(
    program: &Program,
    group: &Group,
    rule: &Rule,
    info: &RuleInfo,
    keys: usize,
) -> Lowering<(Block, Option<Value>)> {
    let mut lower = Lower::new(program, rule.span);
    let mut constant = None;
    match group.kind {
        GroupKind::Complete | GroupKind::Function => {
            let arity = u32::try_from(group.arity).unwrap_or(u32::MAX);
            lower.block.slots = arity;
            let mut parts = Vec::new();
            for (slot, arg) in (0..arity).zip(&rule.head.args) {
                match &arg.kind {
                    // The same name twice must be equal.
                    TermKind::Var(name) if lower.lookup(name).is_none() => lower.bind(name, Src::slot(slot)),
                    _ => parts.push((arg, Src::slot(slot))),
                }
            }
            for (arg, src) in parts {
                lower.take_apart(arg, src)?;
            }
            lower.body(&rule.body)?;
            lower.span = rule.head.span;
            let value = match &rule.head.value {
                Some(value) => lower.term(value)?,
                None => lower.constant(Value::Bool(true)),
            };
            constant = lower.constant_of(value).cloned();
            lower.emit(Op::Done { value });
        }
        GroupKind::Set | GroupKind::Object => {
            let given = u32::try_from(keys).unwrap_or(u32::MAX);
            lower.block.slots = given;
            let dynamic = dynamic_part(rule, info, group);
            let member = member_key(rule);
            for (slot, term) in (0..given).zip(dynamic.iter().copied().chain(member)) {
                lower.take_apart(term, Src::slot(slot))?;
            }
            lower.body(&rule.body)?;
            lower.span = rule.head.span;
            let mut path = Vec::new();
            for term in dynamic {
                path.push(lower.term(term)?);
            }
            let value = match (member, &rule.head.value) {
                (Some(term), _) | (None, Some(term)) => lower.term(term)?,
                (None, None) => lower.constant(Value::Bool(true)),
            };
            let path = lower.list(path);
            lower.emit(Op::DonePartial { path, value });
        }
    }
    Ok((lower.block, constant))
}

/// The terms of a rule's reference that are below the path that its group has.
fn dynamic_part<'r>(rule: &'r Rule, info: &RuleInfo, group: &Group) -> Vec<&'r Term> {
    // The reference may or may not begin with the package's path: its end is the same.
    let count = info.path.len().saturating_sub(group.path.len());
    let reference = &rule.head.reference;
    reference.iter().skip(reference.len().saturating_sub(count)).collect()
}

fn member_key(rule: &Rule) -> Option<&Term> {
    if rule.head.value.is_some() { None } else { rule.head.key.as_ref().or(rule.head.reference.last()) }
}

/// The code of a query, and where its solutions' parts are.
pub(super) fn query(program: &Program, query: &CompiledQuery, sources: &Sources) -> Lowering<(Block, Output)> {
    let span = query.body.first().map(|expr| expr.span).unwrap_or_default();
    let mut lower = Lower::new(program, span);
    lower.body(&query.body)?;
    lower.emit(Op::Solution);
    let mut bindings: Vec<(Name, Src)> = Vec::new();
    for (name, src) in &lower.known {
        let written = query.rewritten.get(name).unwrap_or(name);
        if !is_generated(written) {
            bindings.push((written.clone(), *src));
        }
    }
    bindings.sort_by(|a, b| a.0.cmp(&b.0));
    let mut expressions = Vec::new();
    for expr in query.body.iter().filter(|expr| !expr.generated) {
        let captured = match &expr.kind {
            ExprKind::Call { args, .. } if !expr.negated => args.last().and_then(|last| match &last.kind {
                TermKind::Var(name) if name.starts_with(CAPTURE) => lower.lookup(name),
                _ => None,
            }),
            _ => None,
        };
        let text = sources.get(expr.span.source).map_or("", |source| source.slice(expr.span));
        expressions.push((captured, text.into(), expr.span));
    }
    Ok((lower.block, Output { body: Arc::new(query.body.clone()), bindings, expressions }))
}

fn is_generated(name: &str) -> bool {
    name.starts_with('$') || name.starts_with("__local")
}

struct Lower<'p> {
    program: &'p Program,
    block: Block,
    /// Where the values of variables are that have some here.
    known: HashMap<Name, Src>,
    /// In the order in which they came to be known, so that those of a closed scope can be forgotten.
    order: Vec<Name>,
    span: Span,
}

impl<'p> Lower<'p> {
    fn new(program: &'p Program, span: Span) -> Lower<'p> {
        Lower { program, block: Block::default(), known: HashMap::new(), order: Vec::new(), span }
    }

    fn internal(&self, message: impl Into<String>) -> EvalError {
        EvalError::new(EvalCode::Internal, Some(self.span), message)
    }

    fn emit(&mut self, op: Op) -> usize {
        self.block.ops.push(op);
        self.block.spans.push(self.span);
        self.block.ops.len() - 1
    }

    fn here(&self) -> u32 {
        u32::try_from(self.block.ops.len()).unwrap_or(u32::MAX)
    }

    /// The barrier at `at` goes on here.
    fn land(&mut self, at: usize) {
        let here = self.here();
        let op = self.block.ops.get_mut(at);
        if let Some(Op::Barrier { otherwise: to } | Op::Collect { otherwise: to } | Op::Jump { to }) = op {
            *to = here;
        }
    }

    fn fresh(&mut self) -> Slot {
        let slot = self.block.slots;
        self.block.slots += 1;
        slot
    }

    fn constant(&mut self, value: Value) -> Src {
        // Blocks are small and their scalars few: a look back finds most doubles. Equal numbers may be written otherwise
        // (`1.0` and `1`), and a result shows how.
        let same = |have: &Value| {
            *have == value && (!matches!(value, Value::Number(_)) || have.to_string() == value.to_string())
        };
        let from = self.block.constants.len().saturating_sub(16);
        if value.depth() == 0
            && let Some(at) = self.block.constants.iter().skip(from).position(same)
        {
            return Src::constant(u32::try_from(from + at).unwrap_or(u32::MAX));
        }
        self.block.constants.push(value);
        Src::constant(u32::try_from(self.block.constants.len() - 1).unwrap_or(u32::MAX))
    }

    fn constant_of(&self, src: Src) -> Option<&Value> {
        self.block.constants.get(src.place().err()?)
    }

    fn path(&mut self, path: Vec<Value>) -> u32 {
        self.block.paths.push(Path::new(path));
        u32::try_from(self.block.paths.len() - 1).unwrap_or(u32::MAX)
    }

    fn list(&mut self, list: Vec<Src>) -> u32 {
        self.block.lists.push(list.into());
        u32::try_from(self.block.lists.len() - 1).unwrap_or(u32::MAX)
    }

    fn callee(&mut self, name: &str) -> u32 {
        if let Some(at) = self.block.callees.iter().position(|callee| callee.name() == name) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.block.callees.push(self.program.callee(name));
        u32::try_from(self.block.callees.len() - 1).unwrap_or(u32::MAX)
    }

    fn lookup(&self, name: &Name) -> Option<Src> {
        self.known.get(name).copied()
    }

    fn bind(&mut self, name: &Name, src: Src) {
        if self.known.insert(name.clone(), src).is_none() {
            self.order.push(name.clone());
        }
    }

    /// Lowers what is closed: variables that come to be known in it are not known behind it.
    fn scope<T>(&mut self, lower: impl FnOnce(&mut Lower<'p>) -> Lowering<T>) -> Lowering<T> {
        let mark = self.order.len();
        let result = lower(self)?;
        for name in self.order.drain(mark..) {
            self.known.remove(&name);
        }
        Ok(result)
    }

    fn body(&mut self, body: &[Expr]) -> Lowering<()> {
        body.iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &Expr) -> Lowering<()> {
        let outer = std::mem::replace(&mut self.span, expr.span);
        let traced = self.program.options.instrument.then(|| self.trace_begin(expr));
        if expr.with.is_empty() {
            self.without_with(expr)?;
        } else {
            let with = self.with(expr)?;
            self.block.withs.push(with);
            let with = u32::try_from(self.block.withs.len() - 1).unwrap_or(u32::MAX);
            self.emit(Op::With { with });
            self.without_with(expr)?;
            self.emit(Op::WithEnd);
        }
        if let Some((traced, mark)) = traced {
            let after = self.locals();
            if let Some(traced) = self.block.traced.get_mut(traced as usize) {
                traced.after = after;
            }
            self.emit(Op::TraceEnd { expr: traced, mark });
        }
        self.span = outer;
        Ok(())
    }

    fn trace_begin(&mut self, expr: &Expr) -> (u32, Slot) {
        let before = self.locals();
        self.block.traced.push(Traced { expr: Arc::new(expr.clone()), before, after: Vec::new() });
        let at = u32::try_from(self.block.traced.len() - 1).unwrap_or(u32::MAX);
        let mark = self.fresh();
        self.emit(Op::TraceBegin { expr: at, mark });
        (at, mark)
    }

    fn locals(&self) -> Vec<(Name, Src)> {
        let mut locals: Vec<_> = self.known.iter().map(|(name, src)| (name.clone(), *src)).collect();
        locals.sort_by(|a, b| a.0.cmp(&b.0));
        locals
    }

    /// A body on its own under `not`, `every`, a comprehension: told as a query of its own.
    fn inner_body(&mut self, body: &Body) -> Lowering<Option<(u32, Slot)>> {
        if !self.program.options.instrument {
            self.body(body)?;
            return Ok(None);
        }
        let (at, save) = self.enter_body(body);
        self.body(body)?;
        Ok(Some((at, save)))
    }

    fn enter_body(&mut self, body: &Body) -> (u32, Slot) {
        self.block.bodies.push(Arc::new(body.clone()));
        let at = u32::try_from(self.block.bodies.len() - 1).unwrap_or(u32::MAX);
        let save = self.fresh();
        self.emit(Op::TraceEnter { body: at, save });
        (at, save)
    }

    fn leave(&mut self, entered: Option<(u32, Slot)>) {
        if let Some((body, save)) = entered {
            self.emit(Op::TraceLeave { body, save });
        }
    }

    fn without_with(&mut self, expr: &Expr) -> Lowering<()> {
        if expr.negated {
            let barrier = self.emit(Op::Barrier { otherwise: 0 });
            self.scope(|lower| {
                let mut entered = None;
                if lower.program.options.instrument {
                    let positive = Expr { negated: false, with: Vec::new(), ..expr.clone() };
                    entered = Some(lower.enter_body(&vec![positive.clone()]));
                    lower.expr(&positive)?;
                } else {
                    lower.positive(expr)?;
                }
                lower.leave(entered);
                lower.emit(Op::CutFail);
                Ok(())
            })?;
            self.land(barrier);
            return Ok(());
        }
        self.positive(expr)
    }

    fn positive(&mut self, expr: &Expr) -> Lowering<()> {
        match &expr.kind {
            ExprKind::Term(term) => {
                let src = self.term(term)?;
                self.truthy(src);
                Ok(())
            }
            ExprKind::Call { operator, args } => self.call(operator, args),
            ExprKind::Some { .. } => Ok(()),
            ExprKind::Every(every) => self.every(every),
            ExprKind::Not { body, .. } => {
                let barrier = self.emit(Op::Barrier { otherwise: 0 });
                self.closed(body, Op::CutFail)?;
                self.land(barrier);
                Ok(())
            }
            ExprKind::And(logical) => {
                for body in [&logical.lhs, &logical.rhs] {
                    self.once(body)?;
                }
                Ok(())
            }
            ExprKind::Or(logical) => {
                let left = self.emit(Op::Barrier { otherwise: 0 });
                self.closed(&logical.lhs, Op::Cut)?;
                let over = self.emit(Op::Jump { to: 0 });
                self.land(left);
                self.once(&logical.rhs)?;
                self.land(over);
                Ok(())
            }
        }
    }

    /// A body of which only matters whether it holds.
    fn once(&mut self, body: &Body) -> Lowering<()> {
        self.emit(Op::Barrier { otherwise: u32::MAX });
        self.closed(body, Op::Cut)
    }

    /// A body behind a barrier; what it binds is not known after it.
    fn closed(&mut self, body: &Body, end: Op) -> Lowering<()> {
        self.scope(|lower| {
            let entered = lower.inner_body(body)?;
            lower.leave(entered);
            lower.emit(end);
            Ok(())
        })
    }

    fn truthy(&mut self, src: Src) {
        match self.constant_of(src) {
            Some(value) if !value.is_false() => {}
            _ => {
                self.emit(Op::Truthy { src });
            }
        }
    }

    /// No member for which the body does not hold.
    fn every(&mut self, every: &Every) -> Lowering<()> {
        let domain = self.term(&every.domain)?;
        self.emit(Op::IsCollection { src: domain });
        let all = self.emit(Op::Barrier { otherwise: 0 });
        self.scope(|lower| {
            let (key, value) = (lower.fresh(), lower.fresh());
            lower.emit(Op::Scan { src: domain, key, value });
            if let Some(term) = &every.key {
                lower.take_apart(term, Src::slot(key))?;
            }
            lower.take_apart(&every.value, Src::slot(value))?;
            let one = lower.emit(Op::Barrier { otherwise: 0 });
            let entered = lower.inner_body(&every.body)?;
            lower.leave(entered);
            lower.emit(Op::CutFail);
            lower.land(one);
            lower.emit(Op::CutFail);
            Ok(())
        })?;
        self.land(all);
        Ok(())
    }

    fn with(&mut self, expr: &Expr) -> Lowering<With> {
        let mut targets = Vec::new();
        for with in &expr.with {
            let path = reference_of(&with.target);
            let target = match path.split_first() {
                Some((Term { kind: TermKind::Var(name), .. }, rest)) if &**name == "input" => {
                    WithTarget::Input(self.constants(rest)?.into())
                }
                Some((Term { kind: TermKind::Var(name), .. }, rest)) if &**name == "data" => {
                    match self.function_at(&path) {
                        Some(group) => WithTarget::Function(group),
                        None => {
                            let mut path = vec![Value::string("data")];
                            path.extend(self.constants(rest)?);
                            WithTarget::Data(path.into())
                        }
                    }
                }
                _ => WithTarget::Builtin(name_of(&path).into()),
            };
            let replaces_function = matches!(target, WithTarget::Function(_) | WithTarget::Builtin(_));
            let value = match replaces_function.then(|| self.function_named(&with.value)).flatten() {
                Some(value) => value,
                None => WithValue::Value(self.term(&with.value)?),
            };
            targets.push((target, value));
        }
        Ok(With { targets })
    }

    fn constants(&mut self, terms: &[Term]) -> Lowering<Vec<Value>> {
        let mut path = Vec::with_capacity(terms.len());
        for term in terms {
            path.push(scalar(term).ok_or_else(|| self.internal("with: path is not constant"))?);
        }
        Ok(path)
    }

    /// The function that a term names, where it names one.
    fn function_named(&self, term: &Term) -> Option<WithValue> {
        let path = reference_of(term);
        let Some(Term { kind: TermKind::Var(head), .. }) = path.first() else { return None };
        if &**head == "data" {
            return self.group_at(&path).map(|group| match group.kind {
                GroupKind::Function => WithValue::Function(group.number),
                _ => WithValue::Rule(group.number),
            });
        }
        if self.lookup(head).is_some() || &**head == "input" {
            return None;
        }
        let name = name_of(&path);
        self.program.compiled.capabilities.function(&name)?;
        Some(WithValue::Builtin(self.program.callee(&name)))
    }

    fn function_at(&self, path: &[Term]) -> Option<u32> {
        self.group_at(path).filter(|group| group.kind == GroupKind::Function).map(|group| group.number)
    }

    /// The rules of the name that a reference is.
    fn group_at(&self, path: &[Term]) -> Option<&'p Group> {
        let node = path.iter().enumerate().try_fold(RuleTree::ROOT, |node, (at, term)| {
            let key = match &term.kind {
                TermKind::Var(name) if at == 0 => Value::string(&**name),
                _ => scalar(term)?,
            };
            self.program.compiled.tree.child(node, &key)
        })?;
        self.program.group_at(node)
    }

    /// A call as an expression.
    fn call(&mut self, operator: &Term, args: &[Term]) -> Lowering<()> {
        let path = reference_of(operator);
        let name = name_of(&path);
        if let (true, [a, b]) = (matches!(&*name, "eq" | "assign"), args) {
            return self.unify(a, b);
        }
        if let Some(group) = self.function_at(&path) {
            let arity = self.program.group(group)?.arity;
            let output = args.get(arity);
            let dst = if output.is_some() { self.fresh() } else { NOWHERE };
            self.call_function(group, args.get(..arity).unwrap_or(args), dst)?;
            return output.map_or(Ok(()), |output| self.take_apart(output, Src::slot(dst)));
        }
        if path.first().is_some_and(|term| matches!(&term.kind, TermKind::Var(name) if &**name == "data")) {
            // `f() = x { … }` is no function but a rule, and `f()` is its value.
            if args.len() <= 1 {
                let value = self.term(operator)?;
                return self.output(value, args.first());
            }
            // The rules it had are gone, or it never was one.
            self.emit(Op::Fail);
            return args.iter().try_for_each(|arg| self.give_up(arg, arg));
        }
        let function = self.program.compiled.capabilities.function(&name);
        let arity = function.and_then(|function| function.arity()).unwrap_or(args.len());
        let (void, relation) = function.map_or((false, false), |function| (function.is_void(), function.relation));
        let (inputs, output) = (args.get(..arity).unwrap_or(args), args.get(arity));
        if let (Some(test), [a, b], None) = (self.test_of(&name), inputs, output) {
            let (a, b) = (self.term(a)?, self.term(b)?);
            let callee = self.callee(&name);
            self.emit_test(test, a, b, callee);
            return Ok(());
        }
        let dst = self.call_builtin(&name, inputs)?;
        if void {
            return Ok(());
        }
        if relation {
            let value = self.fresh();
            self.emit(Op::Scan { src: Src::slot(dst), key: NOWHERE, value });
            return self.output(Src::slot(value), output);
        }
        self.output(Src::slot(dst), output)
    }

    fn output(&mut self, src: Src, output: Option<&Term>) -> Lowering<()> {
        match output {
            Some(term) => self.take_apart(term, src),
            None => {
                self.truthy(src);
                Ok(())
            }
        }
    }

    /// Without a place for its value, whether it is not false.
    fn call_function(&mut self, group: u32, args: &[Term], dst: Slot) -> Lowering<()> {
        let args = self.terms(args)?;
        let args = self.list(args);
        self.emit(Op::Function { dst, group, args });
        Ok(())
    }

    /// A test, together with the search for a member that passes it where it follows one.
    fn emit_test(&mut self, test: Test, a: Src, b: Src, callee: u32) {
        if let Some(Op::Scan { src, key: NOWHERE, value }) = self.block.ops.last().copied()
            && (a == Src::slot(value)) != (b == Src::slot(value))
            && let Some(last) = self.block.ops.last_mut()
        {
            let first = a == Src::slot(value);
            *last = Op::ScanTest { src, value, test, other: if first { b } else { a }, first, callee };
        }
        self.emit(Op::Test { test, a, b, callee });
    }

    /// The embedder's own of that name is no test.
    fn test_of(&self, name: &str) -> Option<Test> {
        test_of(name).filter(|_| !self.program.options.custom.contains_key(name))
    }

    fn call_builtin(&mut self, name: &str, args: &[Term]) -> Lowering<Slot> {
        let srcs = self.terms(args)?;
        let callee = self.callee(name);
        let dst = self.fresh();
        match (self.test_of(name), arithmetic_of(name), srcs.as_slice()) {
            (Some(test), _, [a, b]) => {
                self.emit(Op::Compare { test, dst, a: *a, b: *b, callee });
            }
            (_, Some(how), [a, b]) => {
                self.emit(Op::Arithmetic { how, dst, a: *a, b: *b, callee });
            }
            _ => {
                let args = self.list(srcs);
                self.emit(Op::Builtin { dst, callee, args });
            }
        }
        Ok(dst)
    }

    /// Makes two terms equal. What cannot be done yet waits for what else the terms bind.
    fn unify(&mut self, a: &Term, b: &Term) -> Lowering<()> {
        let mut pairs = vec![(a, b)];
        while !pairs.is_empty() {
            let mut later = Vec::new();
            let count = pairs.len();
            let mut done = 0;
            let mut queue: std::collections::VecDeque<_> = pairs.into();
            while let Some((a, b)) = queue.pop_front() {
                if let (TermKind::Array(x), TermKind::Array(y)) = (&a.kind, &b.kind)
                    && (self.is_pattern(a) || self.is_pattern(b))
                {
                    done += 1;
                    if x.len() != y.len() {
                        self.emit(Op::Fail);
                        return self.give_up(a, b);
                    }
                    for pair in x.iter().zip(y).rev() {
                        queue.push_front(pair);
                    }
                    continue;
                }
                if let (TermKind::Object(x), TermKind::Object(y)) = (&a.kind, &b.kind)
                    && self.is_pattern(a)
                    && self.is_pattern(b)
                {
                    done += 1;
                    match self.pair_members(x, y) {
                        Some(members) => members.into_iter().rev().for_each(|pair| queue.push_front(pair)),
                        None => {
                            self.emit(Op::Fail);
                            return self.give_up(a, b);
                        }
                    }
                    continue;
                }
                if self.unify_pair(a, b)? {
                    done += 1;
                } else {
                    later.push((a, b));
                }
            }
            if done == 0 && later.len() == count {
                return Err(self.internal("expression has variables without values"));
            }
            pairs = later;
        }
        Ok(())
    }

    /// Code that is never reached still needs its variables to be known.
    fn give_up(&mut self, a: &Term, b: &Term) -> Lowering<()> {
        let mut stack = vec![a, b];
        while let Some(term) = stack.pop() {
            match &term.kind {
                TermKind::Var(name) if self.lookup(name).is_none() => {
                    let null = self.constant(Value::Null);
                    self.bind(name, null);
                }
                TermKind::Array(items) => stack.extend(items),
                TermKind::Object(entries) => stack.extend(entries.iter().flat_map(|(key, value)| [key, value])),
                TermKind::Ref(terms) => stack.extend(terms.iter().skip(1)),
                _ => {}
            }
        }
        Ok(())
    }

    fn pair_members<'t>(&self, x: &'t [(Term, Term)], y: &'t [(Term, Term)]) -> Option<Vec<(&'t Term, &'t Term)>> {
        let by_key = |entries: &'t [(Term, Term)]| {
            let mut list: Vec<(Value, &'t Term)> = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = match &key.kind {
                    TermKind::Var(name) => self.constant_of(self.lookup(name)?)?.clone(),
                    _ => scalar(key)?,
                };
                list.push((key, value));
            }
            list.sort_by(|a, b| a.0.cmp(&b.0));
            Some(list)
        };
        let (x, y) = (by_key(x)?, by_key(y)?);
        let same = x.len() == y.len() && x.iter().zip(&y).all(|(a, b)| a.0 == b.0);
        same.then(|| x.iter().zip(&y).map(|(a, b)| (a.1, b.1)).collect())
    }

    /// `false`: nothing can be done before other variables have values.
    fn unify_pair(&mut self, a: &Term, b: &Term) -> Lowering<bool> {
        match (self.unbound(a), self.unbound(b)) {
            (Some(x), Some(y)) => Ok(x == y),
            (Some(name), None) => {
                let name = name.clone();
                if self.is_pattern(b) {
                    return Ok(false);
                }
                let src = self.term(b)?;
                self.bind_or_equal(&name, src);
                Ok(true)
            }
            (None, Some(name)) => {
                let name = name.clone();
                if self.is_pattern(a) {
                    return Ok(false);
                }
                let src = self.term(a)?;
                self.bind_or_equal(&name, src);
                Ok(true)
            }
            (None, None) => {
                match (self.is_pattern(a), self.is_pattern(b)) {
                    (true, true) => return Ok(false),
                    (true, false) => {
                        let src = self.term(b)?;
                        self.take_apart(a, src)?;
                    }
                    (false, true) => {
                        let src = self.term(a)?;
                        self.take_apart(b, src)?;
                    }
                    (false, false) => self.equal(a, b)?,
                }
                Ok(true)
            }
        }
    }

    /// `x = xs[x]` may have bound the name on the way.
    fn bind_or_equal(&mut self, name: &Name, src: Src) {
        match self.lookup(name) {
            Some(have) => {
                self.emit(Op::Equal { a: have, b: src });
            }
            None => self.bind(name, src),
        }
    }

    fn equal(&mut self, a: &Term, b: &Term) -> Lowering<()> {
        // `x = xs[_]` with `x` known: a set is asked.
        for (one, other) in [(a, b), (b, a)] {
            let TermKind::Ref(terms) = &other.kind else { continue };
            let (Some((last, before)), true) = (terms.split_last(), self.is_simple(one)) else { continue };
            let Some(name) = self.unbound(last).cloned() else { continue };
            if before.is_empty() || !self.leaves_tree(before) {
                continue;
            }
            let want = self.term(one)?;
            let src = self.reference(before)?;
            // The way there may have bound it.
            if self.lookup(&name).is_some() {
                return Err(self.internal("reference binds a variable twice"));
            }
            let key = self.fresh();
            self.emit(Op::ScanFor { src, key, want });
            self.bind(&name, Src::slot(key));
            return Ok(());
        }
        let (a, b) = (self.term(a)?, self.term(b)?);
        self.emit(Op::Equal { a, b });
        Ok(())
    }

    /// Whether a reference does not end amid the rule tree.
    fn leaves_tree(&self, terms: &[Term]) -> bool {
        let Some((head, rest)) = terms.split_first() else { return false };
        if !matches!(&head.kind, TermKind::Var(name) if &**name == "data") {
            return true;
        }
        let tree = &self.program.compiled.tree;
        let mut node = tree.child(RuleTree::ROOT, &Value::string("data"));
        for term in rest {
            let (Some(at), Some(key)) = (node, self.constant_key(term)) else { return node.is_none() };
            node = tree.child(at, &key);
            if node.is_some_and(|node| self.program.group_at(node).is_some()) {
                return true;
            }
        }
        node.is_none()
    }

    /// A constant or a variable with a value.
    fn is_simple(&self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Var(name) => self.lookup(name).is_some(),
            _ => scalar(term).is_some(),
        }
    }

    fn unbound<'t>(&self, term: &'t Term) -> Option<&'t Name> {
        match &term.kind {
            TermKind::Var(name) if &**name != "input" && &**name != "data" && self.lookup(name).is_none() => Some(name),
            _ => None,
        }
    }

    /// An array or object with variables in it that have no values yet.
    fn is_pattern(&self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Array(items) => items.iter().any(|item| self.unbound(item).is_some() || self.is_pattern(item)),
            TermKind::Object(entries) => {
                entries.iter().any(|(_, value)| self.unbound(value).is_some() || self.is_pattern(value))
            }
            _ => false,
        }
    }

    /// Makes a term equal to a value.
    fn take_apart(&mut self, term: &Term, src: Src) -> Lowering<()> {
        match &term.kind {
            TermKind::Var(name) if self.unbound(term).is_some() => {
                self.bind(name, src);
                Ok(())
            }
            TermKind::Array(items) if self.is_pattern(term) => {
                self.emit(Op::IsArray { src, length: u32::try_from(items.len()).unwrap_or(u32::MAX) });
                for (at, item) in items.iter().enumerate() {
                    let key = self.constant(Value::int(i64::try_from(at).unwrap_or(i64::MAX)));
                    let dst = self.fresh();
                    self.emit(Op::Get { dst, src, key });
                    self.take_apart(item, Src::slot(dst))?;
                }
                Ok(())
            }
            TermKind::Object(entries) if self.is_pattern(term) => {
                self.emit(Op::IsObject { src, length: u32::try_from(entries.len()).unwrap_or(u32::MAX) });
                for (key, value) in entries {
                    let key = self.term(key)?;
                    let dst = self.fresh();
                    self.emit(Op::Get { dst, src, key });
                    self.take_apart(value, Src::slot(dst))?;
                }
                Ok(())
            }
            _ => {
                let b = self.term(term)?;
                self.emit(Op::Equal { a: src, b });
                Ok(())
            }
        }
    }

    fn terms(&mut self, terms: &[Term]) -> Lowering<Vec<Src>> {
        terms.iter().map(|term| self.term(term)).collect()
    }

    /// Where a term's value is.
    fn term(&mut self, term: &Term) -> Lowering<Src> {
        if let Some(value) = scalar(term) {
            return Ok(self.constant(value));
        }
        match &term.kind {
            TermKind::Var(name) => match (self.lookup(name), &**name) {
                (Some(src), _) => Ok(src),
                (None, "input" | "data") => self.reference(std::slice::from_ref(term)),
                // The compiler, as OPA's, lets some such variables pass; only who comes here fails.
                (None, _) => {
                    self.emit(Op::Unbound);
                    Ok(Src::slot(self.fresh()))
                }
            },
            TermKind::Ref(terms) => self.reference(terms),
            TermKind::Array(items) => {
                let items = self.terms(items)?;
                Ok(self.make(Collection::Array, items))
            }
            TermKind::Set(items) => {
                let items = self.terms(items)?;
                Ok(self.make(Collection::Set, items))
            }
            TermKind::Object(entries) => {
                let mut items = Vec::with_capacity(entries.len() * 2);
                for (key, value) in entries {
                    items.push(self.term(key)?);
                    items.push(self.term(value)?);
                }
                Ok(self.make(Collection::Object, items))
            }
            TermKind::ArrayCompr { term, body } => self.comprehension(Collection::Array, None, term, body),
            TermKind::SetCompr { term, body } => self.comprehension(Collection::Set, None, term, body),
            TermKind::ObjectCompr { key, value, body } => {
                self.comprehension(Collection::Object, Some(key), value, body)
            }
            TermKind::Call(terms) => {
                let Some((operator, args)) = terms.split_first() else {
                    return Err(self.internal("call of nothing"));
                };
                let path = reference_of(operator);
                if let Some(group) = self.function_at(&path) {
                    let dst = self.fresh();
                    self.call_function(group, args, dst)?;
                    return Ok(Src::slot(dst));
                }
                Ok(Src::slot(self.call_builtin(&name_of(&path), args)?))
            }
            _ => Err(self.internal("term is not one that evaluates")),
        }
    }

    fn make(&mut self, what: Collection, items: Vec<Src>) -> Src {
        let values: Option<Vec<Value>> = items.iter().map(|item| self.constant_of(*item).cloned()).collect();
        if let Some(values) = values {
            let value = made(what, values);
            if value.depth() <= MAX_DEPTH {
                return self.constant(value);
            }
        }
        let items = self.list(items);
        let dst = self.fresh();
        self.emit(Op::Make { what, dst, items });
        Src::slot(dst)
    }

    fn comprehension(&mut self, what: Collection, key: Option<&Term>, value: &Term, body: &Body) -> Lowering<Src> {
        let collect = self.emit(Op::Collect { otherwise: 0 });
        self.scope(|lower| {
            let entered = lower.inner_body(body)?;
            let value = lower.term(value)?;
            let key = match key {
                Some(key) => lower.term(key)?,
                None => value,
            };
            lower.emit(Op::Add { key, value, pair: what == Collection::Object });
            lower.leave(entered);
            lower.emit(Op::Fail);
            Ok(())
        })?;
        self.land(collect);
        let dst = self.fresh();
        self.emit(Op::Collected { what, dst });
        Ok(Src::slot(dst))
    }

    fn reference(&mut self, terms: &[Term]) -> Lowering<Src> {
        let Some((head, rest)) = terms.split_first() else { return Err(self.internal("reference to nothing")) };
        if let TermKind::Var(name) = &head.kind {
            if let Some(src) = self.lookup(name) {
                return self.walk(src, rest);
            }
            match &**name {
                "input" => {
                    let (path, rest) = self.constant_prefix(rest);
                    let dst = self.fresh();
                    if path.is_empty() {
                        self.emit(Op::Input { dst });
                    } else {
                        let watched = self.program.is_watched(&path);
                        let path = self.path(path);
                        self.emit(Op::InputPath { dst, path, watched });
                    }
                    return self.walk(Src::slot(dst), rest);
                }
                "data" => return self.data(rest),
                _ => {}
            }
        }
        let src = self.term(head)?;
        self.walk(src, rest)
    }

    /// The keys at the beginning that are constants, and the rest.
    fn constant_prefix<'t>(&self, terms: &'t [Term]) -> (Vec<Value>, &'t [Term]) {
        let path: Vec<Value> = terms.iter().map_while(|term| self.constant_key(term)).collect();
        let rest = terms.get(path.len()..).unwrap_or(&[]);
        (path, rest)
    }

    fn constant_key(&self, term: &Term) -> Option<Value> {
        match &term.kind {
            TermKind::Var(name) => self.constant_of(self.lookup(name)?).cloned(),
            _ => scalar(term),
        }
    }

    /// Goes on from a value.
    fn walk(&mut self, src: Src, terms: &[Term]) -> Lowering<Src> {
        let mut src = src;
        let mut rest = terms;
        while let Some((term, below)) = rest.split_first() {
            let (path, after) = self.constant_prefix(rest);
            if !path.is_empty() {
                let dst = self.fresh();
                let path = self.path(path);
                self.emit(Op::Path { dst, src, path });
                src = Src::slot(dst);
                rest = after;
                continue;
            }
            rest = below;
            if self.unbound(term).is_some() || self.is_pattern(term) {
                let key = if is_wildcard(term) { NOWHERE } else { self.fresh() };
                let value = self.fresh();
                self.emit(Op::Scan { src, key, value });
                if key != NOWHERE {
                    self.take_apart(term, Src::slot(key))?;
                }
                src = Src::slot(value);
            } else {
                let key = self.term(term)?;
                let dst = self.fresh();
                self.emit(Op::Get { dst, src, key });
                src = Src::slot(dst);
            }
        }
        Ok(src)
    }

    /// A reference below `data`: rules where there are some, else base documents.
    fn data(&mut self, terms: &[Term]) -> Lowering<Src> {
        let tree = &self.program.compiled.tree;
        let mut node = tree.child(RuleTree::ROOT, &Value::string("data"));
        let mut rest = terms;
        let mut path = Vec::new();
        while let Some((term, below)) = rest.split_first() {
            let Some(at) = node else { break };
            let Some(key) = self.constant_key(term) else { break };
            node = tree.child(at, &key);
            path.push(key);
            rest = below;
            if let Some(group) = node.and_then(|node| self.program.group_at(node)) {
                return self.rules(group, rest);
            }
        }
        match node {
            None => {
                let (more, rest) = self.constant_prefix(rest);
                path.extend(more);
                let dst = self.fresh();
                let path = self.path(path);
                self.emit(Op::Data { dst, path });
                self.walk(Src::slot(dst), rest)
            }
            Some(node) => self.tree(node, rest),
        }
    }

    /// A reference that is in the middle of the rule tree where its constants end.
    fn tree(&mut self, node: NodeId, terms: &[Term]) -> Lowering<Src> {
        let mut cursor = self.fresh();
        self.fresh();
        self.emit(Op::Tree { dst: cursor, node });
        for term in terms {
            let key = if self.unbound(term).is_some() || self.is_pattern(term) {
                let keys = self.fresh();
                self.emit(Op::Keys { dst: keys, cursor });
                let key = self.fresh();
                self.emit(Op::Scan { src: Src::slot(keys), key: NOWHERE, value: key });
                self.take_apart(term, Src::slot(key))?;
                Src::slot(key)
            } else {
                self.term(term)?
            };
            let dst = self.fresh();
            self.fresh();
            self.emit(Op::Step { dst, cursor, key });
            cursor = dst;
        }
        let dst = self.fresh();
        self.emit(Op::Extent { dst, cursor });
        Ok(Src::slot(dst))
    }

    /// A reference to rules, and into their value.
    fn rules(&mut self, group: &Group, terms: &[Term]) -> Lowering<Src> {
        let number = group.number;
        let mut given = Vec::new();
        let mut rest = terms;
        if matches!(group.kind, GroupKind::Set | GroupKind::Object) {
            while given.len() < group.keys()
                && let Some((term, below)) = rest.split_first()
                && self.unbound(term).is_none()
                && !self.is_pattern(term)
            {
                given.push(self.term(term)?);
                rest = below;
            }
        }
        let dst = self.fresh();
        let mut src = Src::slot(dst);
        if group.kind == GroupKind::Function {
            self.emit(Op::Fail);
        } else if given.is_empty() {
            self.emit(Op::Call { dst, group: number });
        } else {
            let keys = self.list(given.clone());
            self.emit(Op::CallKeys { dst, group: number, keys });
        }
        for key in given {
            let dst = self.fresh();
            self.emit(Op::Get { dst, src, key });
            src = Src::slot(dst);
        }
        self.walk(src, rest)
    }
}

fn is_wildcard(term: &Term) -> bool {
    matches!(&term.kind, TermKind::Var(name) if name.starts_with('$') && !name.starts_with(CAPTURE))
}

/// A term as a reference: a variable is one of a single part.
fn reference_of(term: &Term) -> Vec<Term> {
    match &term.kind {
        TermKind::Ref(terms) => terms.clone(),
        _ => vec![term.clone()],
    }
}

/// A builtin's name.
fn name_of(path: &[Term]) -> String {
    let mut name = String::new();
    for term in path {
        if !name.is_empty() {
            name.push('.');
        }
        if let TermKind::Var(part) | TermKind::String(part) = &term.kind {
            name.push_str(part);
        }
    }
    name
}

fn test_of(name: &str) -> Option<Test> {
    Some(match name {
        "equal" => Test::Equal,
        "neq" => Test::NotEqual,
        "lt" => Test::Less,
        "lte" => Test::LessOrEqual,
        "gt" => Test::Greater,
        "gte" => Test::GreaterOrEqual,
        "startswith" => Test::StartsWith,
        "endswith" => Test::EndsWith,
        "contains" => Test::Contains,
        _ => return None,
    })
}

fn arithmetic_of(name: &str) -> Option<Arithmetic> {
    Some(match name {
        "plus" => Arithmetic::Plus,
        "minus" => Arithmetic::Minus,
        "mul" => Arithmetic::Times,
        "div" => Arithmetic::Divide,
        "rem" => Arithmetic::Remainder,
        _ => return None,
    })
}

/// A collection of values; of an object keys and values alternate.
pub(super) fn made(what: Collection, values: Vec<Value>) -> Value {
    match what {
        Collection::Array => Value::array(values),
        Collection::Set => Value::set(values),
        Collection::Object => {
            let mut entries = Vec::with_capacity(values.len() / 2);
            let mut values = values.into_iter();
            while let (Some(key), Some(value)) = (values.next(), values.next()) {
                entries.push((key, value));
            }
            Value::object(entries)
        }
    }
}
