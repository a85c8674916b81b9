//! Who depends on whom. In: modules whose locals are renamed, the rule tree. Out: for each rule and `else` branch the rules
//! that its references may give, an order in which what is depended on comes first, and the errors of rules that depend on
//! themselves, with the path. A variable in a reference is narrowed to the constants it can hold where the body says so.
//!
//! Every walk of the graph has its own stack. Cycles are found once for all rules (strongly connected components), paths are
//! looked for only inside of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::conflicts::Rules;
use super::env::{Env, place};
use super::terms;
use super::tree::{RuleId, keys};
use super::vars::{self, Skip, Vars};
use super::walk::{self, Node};
use crate::ast::{ExprKind, Name, Rule, Term, TermKind, text};
use crate::error::{Code, RegoError};
use crate::span::Span;
use crate::types::Type;
use crate::value::Value;

/// More references than this are not made of one by narrowing.
const MAX_NARROWED: usize = 64;
/// Edges of a graph; beyond it the program is refused.
const MAX_EDGES: usize = 20_000_000;

pub(super) struct Graph {
    /// By [`RuleId`], sorted.
    pub edges: Vec<Vec<RuleId>>,
    pub dependents: Vec<Vec<RuleId>>,
    /// What is depended on first; empty where there are cycles.
    pub order: Vec<RuleId>,
    pub recursion: Vec<RegoError>,
    pub too_large: bool,
}

/// One reference of a rule and the rules it may give.
struct Dependency<'a> {
    /// Which occurrence of a reference in the rule it is.
    occurrence: usize,
    written: &'a [Term],
    /// Narrowed, where that leaves one.
    selecting: &'a [Term],
    has_var: bool,
    at: usize,
    rules: &'a [RuleId],
}

fn rule_of<'a>(rules: &Rules<'a>, id: RuleId) -> Option<&'a Rule> {
    let info = rules.infos.get(id.0 as usize)?;
    let mut rule = rules.modules.get(info.module as usize)?.rules.get(info.index as usize)?;
    for _ in 0..info.else_depth {
        rule = rule.else_rule.as_deref()?;
    }
    Some(rule)
}

/// A constant term's value.
pub(super) fn value_of(term: &Term) -> Option<Value> {
    let all = |terms: &[Term]| terms.iter().map(value_of).collect::<Option<Vec<Value>>>();
    match &term.kind {
        TermKind::Array(items) => all(items).map(Value::array),
        TermKind::Set(items) => all(items).map(Value::set),
        TermKind::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((value_of(key)?, value_of(value)?)));
            entries.collect::<Option<Vec<_>>>().map(Value::object)
        }
        _ => super::tree::scalar(term),
    }
}

fn term_of(value: &Value, span: Span) -> Term {
    let kind = match value {
        Value::Null => TermKind::Null,
        Value::Bool(value) => TermKind::Bool(*value),
        Value::Number(number) => TermKind::Number(number.clone()),
        Value::String(text) => TermKind::String(text.clone().into()),
        Value::Array(array) => TermKind::Array(array.items().iter().map(|item| term_of(item, span)).collect()),
        Value::Set(set) => TermKind::Set(set.members().iter().map(|item| term_of(item, span)).collect()),
        Value::Object(object) => {
            let entries = object.entries().iter().map(|(key, value)| (term_of(key, span), term_of(value, span)));
            TermKind::Object(entries.collect())
        }
    };
    Term::new(span, kind)
}

fn members(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(array) => Some(array.items().to_vec()),
        Value::Set(set) => Some(set.members().to_vec()),
        Value::Object(object) => Some(object.entries().iter().map(|(_, value)| value.clone()).collect()),
        _ => None,
    }
}

/// Variables that a body binds to one of some constants, and by which expression.
type Known = HashMap<Name, (usize, Vec<Value>)>;

struct KnownBefore<'a> {
    known: &'a Known,
    at: usize,
}

impl KnownBefore<'_> {
    fn of(&self, name: &Name) -> Option<&Vec<Value>> {
        let (index, values) = self.known.get(name)?;
        (*index < self.at).then_some(values)
    }

    /// The constants a term can be.
    fn values(&self, term: &Term) -> Option<Vec<Value>> {
        match &term.kind {
            TermKind::Var(name) => self.of(name).cloned(),
            TermKind::Ref(reference) => {
                let (head, rest) = reference.split_first()?;
                let mut values = self.values(head)?;
                for key in rest {
                    let mut next = Vec::new();
                    if let Some(key) = value_of(key) {
                        next.extend(values.iter().filter_map(|value| value.get(&key).cloned()));
                    } else {
                        for value in &values {
                            next.extend(members(value)?);
                            if next.len() > MAX_NARROWED {
                                return None;
                            }
                        }
                    }
                    if next.len() > MAX_NARROWED {
                        return None;
                    }
                    values = next;
                }
                Some(values)
            }
            _ => value_of(term).map(|value| vec![value]),
        }
    }
}

fn known_of(rule: &Rule) -> Known {
    let mut known = Known::new();
    for (at, expr) in rule.body.iter().enumerate() {
        if !terms::is_equality(expr) || expr.negated || !expr.with.is_empty() {
            continue;
        }
        let Some((left, right)) = terms::two(expr) else { continue };
        let before = KnownBefore { known: &known, at };
        let mut found = None;
        for (var, other) in [(left, right), (right, left)] {
            if let TermKind::Var(name) = &var.kind
                && let Some(values) = before.values(other)
            {
                found = Some((name.clone(), values));
                break;
            }
        }
        if let Some((name, values)) = found {
            known.entry(name).or_insert((at, values));
        }
    }
    known
}

/// References that one can be, its variables replaced by what they can hold.
fn narrowed(reference: &[Term], before: &KnownBefore<'_>) -> Vec<Vec<Term>> {
    let mut all = vec![reference.to_vec()];
    for (at, term) in reference.iter().enumerate().skip(1) {
        if terms::is_constant(term) {
            continue;
        }
        let Some(values) = before.values(term).filter(|values| !values.is_empty()) else { continue };
        if all.len().saturating_mul(values.len()) > MAX_NARROWED {
            continue;
        }
        let mut next = Vec::with_capacity(all.len() * values.len());
        for prefix in &all {
            for value in &values {
                let mut copy = prefix.clone();
                if let Some(slot) = copy.get_mut(at) {
                    *slot = term_of(value, term.span);
                }
                next.push(copy);
            }
        }
        all = next;
    }
    all
}

/// Keys for a look-up in the tree: a constant that is no scalar is a key that nothing has.
fn look_up_keys(reference: &[Term]) -> Vec<Option<Value>> {
    let mut found = keys(reference);
    for (key, term) in found.iter_mut().zip(reference) {
        if key.is_none() && terms::is_constant(term) {
            *key = Some(Value::array(Vec::new()));
        }
    }
    found
}

/// All rules that references of a rule may give.
fn dependencies(rules: &Rules<'_>, rule: &Rule, mut each: impl FnMut(Dependency<'_>)) {
    let mut known: Option<Known> = None;
    let mut occurrence = 0;
    let mut at = 0;
    let mut see = |node: Node<'_>, at: usize| {
        let Node::Term(Term { kind: TermKind::Ref(reference), .. }) = node else { return false };
        if terms::ref_head(reference).is_none_or(|head| &**head != "data") {
            return false;
        }
        occurrence += 1;
        let has_var = reference.iter().skip(1).any(|term| !terms::is_constant(term));
        let mut all: Option<Vec<Vec<Term>>> = None;
        if has_var {
            let known = known.get_or_insert_with(|| known_of(rule));
            if !known.is_empty() {
                all = Some(narrowed(reference, &KnownBefore { known, at }));
            }
        }
        let all: Vec<&[Term]> = match &all {
            Some(all) => all.iter().map(Vec::as_slice).collect(),
            None => vec![reference],
        };
        let selecting = match all.as_slice() {
            [one] => *one,
            _ => reference,
        };
        for one in &all {
            let found = rules.tree.rules_of(rules.infos, &look_up_keys(one), true);
            each(Dependency { occurrence, written: reference, selecting, has_var, at, rules: &found });
        }
        false
    };
    for expr in &rule.body {
        walk::expr(expr, &mut |node| see(node, at));
        at += 1;
    }
    walk::head(&rule.head, &mut |node| see(node, at));
}

impl Graph {
    pub(super) fn build(rules: &Rules<'_>, env: &Env<'_>) -> Graph {
        let count = rules.infos.len();
        let mut edges: Vec<Vec<RuleId>> = Vec::with_capacity(count);
        let mut total = 0_usize;
        let mut too_large = false;
        for at in 0..count {
            let id = RuleId(u32::try_from(at).unwrap_or(u32::MAX));
            let mut to: Vec<RuleId> = Vec::new();
            if let Some(rule) = rule_of(rules, id).filter(|_| !too_large) {
                dependencies(rules, rule, |dependency| {
                    for id in dependency.rules {
                        let mut branch = Some(*id);
                        while let Some(id) = branch {
                            to.push(id);
                            branch = rules.info(id).and_then(|info| info.next_else);
                        }
                    }
                });
                to.sort();
                to.dedup();
            }
            total += to.len();
            too_large |= total > MAX_EDGES;
            edges.push(to);
        }
        let mut dependents: Vec<Vec<RuleId>> = vec![Vec::new(); count];
        for (at, to) in edges.iter().enumerate() {
            for id in to {
                if let Some(list) = dependents.get_mut(id.0 as usize) {
                    list.push(RuleId(u32::try_from(at).unwrap_or(u32::MAX)));
                }
            }
        }
        let mut graph = Graph { edges, dependents, order: Vec::new(), recursion: Vec::new(), too_large };
        let component = graph.components();
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        component.iter().for_each(|component| *sizes.entry(*component).or_default() += 1);
        let cyclic = |id: RuleId| {
            let at = id.0 as usize;
            component.get(at).and_then(|component| sizes.get(component)).is_some_and(|size| *size > 1)
                || graph.edges.get(at).is_some_and(|to| to.contains(&id))
        };
        let mut recursive: Vec<RuleId> =
            (0..count).map(|at| RuleId(u32::try_from(at).unwrap_or(u32::MAX))).filter(|id| cyclic(*id)).collect();
        if recursive.is_empty() {
            graph.order = graph.sorted(rules);
        } else {
            // In the order of the tree, as many as are ever said.
            let mut places: HashMap<RuleId, usize> = HashMap::new();
            rules.tree.depth_first(super::tree::RuleTree::ROOT, |_, node| {
                for id in &node.rules {
                    let mut branch = Some(*id);
                    while let Some(id) = branch {
                        places.insert(id, places.len());
                        branch = rules.info(id).and_then(|info| info.next_else);
                    }
                }
                true
            });
            recursive.sort_by_key(|id| places.get(id).copied().unwrap_or(usize::MAX));
            recursive.truncate(super::ERROR_LIMIT);
            let errors: Vec<RegoError> =
                recursive.into_iter().filter_map(|id| graph.recursion_of(rules, env, id)).collect();
            graph.recursion = errors;
        }
        graph
    }

    fn of(&self, id: RuleId) -> &[RuleId] {
        self.edges.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Strongly connected components (Tarjan), by rule.
    fn components(&self) -> Vec<usize> {
        let count = self.edges.len();
        let mut index = vec![usize::MAX; count];
        let mut low = vec![0_usize; count];
        let mut on_stack = vec![false; count];
        let mut component = vec![usize::MAX; count];
        let mut stack: Vec<usize> = Vec::new();
        let (mut next, mut found) = (0, 0);
        for root in 0..count {
            if index[root] != usize::MAX {
                continue;
            }
            let mut work: Vec<(usize, usize)> = vec![(root, 0)];
            while let Some((node, edge)) = work.pop() {
                if edge == 0 {
                    index[node] = next;
                    low[node] = next;
                    next += 1;
                    stack.push(node);
                    on_stack[node] = true;
                }
                match self.edges[node].get(edge) {
                    Some(to) => {
                        work.push((node, edge + 1));
                        let to = to.0 as usize;
                        if index[to] == usize::MAX {
                            work.push((to, 0));
                        } else if on_stack[to] {
                            low[node] = low[node].min(index[to]);
                        }
                    }
                    None => {
                        if low[node] == index[node] {
                            while let Some(member) = stack.pop() {
                                on_stack[member] = false;
                                component[member] = found;
                                if member == node {
                                    break;
                                }
                            }
                            found += 1;
                        }
                        if let Some((parent, _)) = work.last() {
                            low[*parent] = low[*parent].min(low[node]);
                        }
                    }
                }
            }
        }
        component
    }

    /// Rules by place, each after what it depends on.
    fn sorted(&self, rules: &Rules<'_>) -> Vec<RuleId> {
        let count = self.edges.len();
        let mut by_place: Vec<usize> = (0..count).collect();
        let place_of = |at: &usize| rules.infos.get(*at).map(|info| place(rules.sources, info.span));
        by_place.sort_by(|a, b| place_of(a).cmp(&place_of(b)));
        let mut rank = vec![0_usize; count];
        for (position, at) in by_place.iter().enumerate() {
            rank[*at] = position;
        }
        let mut done = vec![false; count];
        let mut order = Vec::with_capacity(count);
        for root in by_place {
            let mut work: Vec<(usize, Vec<usize>)> = Vec::new();
            let enter = |at: usize| {
                let mut next: Vec<usize> = self.edges[at].iter().map(|id| id.0 as usize).collect();
                next.sort_by_key(|at| std::cmp::Reverse(rank[*at]));
                (at, next)
            };
            if !done[root] {
                done[root] = true;
                work.push(enter(root));
            }
            while let Some((at, next)) = work.last_mut() {
                match next.pop() {
                    Some(other) if done[other] => {}
                    Some(other) => {
                        done[other] = true;
                        work.push(enter(other));
                    }
                    None => {
                        order.push(RuleId(u32::try_from(*at).unwrap_or(u32::MAX)));
                        work.pop();
                    }
                }
            }
        }
        order
    }

    /// A path from a rule to itself, over edges that are allowed.
    fn path(&self, from: RuleId, allowed: &mut dyn FnMut(RuleId, RuleId) -> bool) -> Option<Vec<RuleId>> {
        if self.of(from).contains(&from) && allowed(from, from) {
            return Some(vec![from, from]);
        }
        let mut seen = BTreeSet::from([from]);
        let mut path = vec![(from, 0_usize)];
        while let Some((at, edge)) = path.last_mut() {
            let (here, next) = (*at, self.of(*at).get(*edge).copied());
            *edge += 1;
            match next {
                None => {
                    path.pop();
                }
                Some(next) if !allowed(here, next) => {}
                Some(next) if next == from => {
                    let mut ids: Vec<RuleId> = path.iter().map(|(id, _)| *id).collect();
                    ids.push(from);
                    return Some(ids);
                }
                Some(next) => {
                    if seen.insert(next) {
                        path.push((next, 0));
                    }
                }
            }
        }
        None
    }

    fn recursion_of(&self, rules: &Rules<'_>, env: &Env<'_>, id: RuleId) -> Option<RegoError> {
        let mut causes = Causes { rules, by_rule: HashMap::new() };
        let mut path = self.path(id, &mut |_, _| true)?;
        let mut verb = "is";
        let mut cause = String::new();
        let dynamic = path.windows(2).any(|pair| matches!(pair, [a, b] if causes.of(*a, *b).is_some()));
        if dynamic {
            match self.path(id, &mut |a, b| causes.of(a, b).is_none()) {
                Some(static_path) => path = static_path,
                None => {
                    verb = "may be";
                    cause = causes.text(env, &path);
                }
            }
        }
        let names: Vec<String> = path.iter().map(|id| rules.written(*id)).collect();
        let span = rules.info(id).map_or(Span::NONE, |info| info.span);
        let message = format!("rule {} {verb} recursive: {}{cause}", rules.written(id), names.join(" -> "));
        Some(RegoError::new(Code::Recursion, span, message))
    }
}

/// A reference that gives rules only for some values of its variables.
struct Dynamic {
    written: Vec<Term>,
    selecting: Vec<Term>,
    at: usize,
    bound: Vars,
}

struct Causes<'a, 'b> {
    rules: &'a Rules<'b>,
    by_rule: HashMap<RuleId, (Vec<Dynamic>, BTreeMap<RuleId, usize>)>,
}

/// Where a variable's value is from.
enum Origin {
    Input(Vec<Term>),
    Rule(Vec<Term>),
    Collection(Term, Vec<Value>),
    Builtin(String),
    HeadKey,
    HeadArg,
}

impl Causes<'_, '_> {
    fn load(&mut self, id: RuleId) -> &(Vec<Dynamic>, BTreeMap<RuleId, usize>) {
        let rules = self.rules;
        self.by_rule.entry(id).or_insert_with(|| {
            let mut found: Vec<(usize, RuleId)> = Vec::new();
            let mut always: BTreeSet<RuleId> = BTreeSet::new();
            let mut list: Vec<Dynamic> = Vec::new();
            let mut last = usize::MAX;
            if let Some(rule) = rule_of(rules, id) {
                dependencies(rules, rule, |dependency| {
                    let bound = bound_before(rule, dependency.at);
                    let selecting = dependency.selecting;
                    let certain = |id: &RuleId| !dependency.has_var || selects(rules, selecting, *id, &bound, None);
                    if dependency.occurrence != last {
                        last = dependency.occurrence;
                        let (written, selecting) = (dependency.written.to_vec(), selecting.to_vec());
                        list.push(Dynamic { written, selecting, at: dependency.at, bound: bound.clone() });
                    }
                    always.extend(dependency.rules.iter().filter(|id| certain(id)));
                    found.extend(dependency.rules.iter().map(|id| (list.len() - 1, *id)));
                });
            }
            let mut of: BTreeMap<RuleId, usize> = BTreeMap::new();
            for (at, id) in found {
                let mut branch = Some(id).filter(|id| !always.contains(id));
                while let Some(id) = branch {
                    of.entry(id).or_insert(at);
                    branch = rules.info(id).and_then(|info| info.next_else);
                }
            }
            (list, of)
        })
    }

    fn of(&mut self, from: RuleId, to: RuleId) -> Option<&Dynamic> {
        let (list, of) = self.load(from);
        list.get(*of.get(&to)?)
    }

    /// What closes the cycle: ` (data.x[y] refers to data.x.p if y is "p")`.
    fn text(&mut self, env: &Env<'_>, path: &[RuleId]) -> String {
        let rules = self.rules;
        for (step, pair) in path.windows(2).enumerate() {
            let [from, to] = pair else { continue };
            let Some(edge) = self.of(*from, *to) else { continue };
            let target = rules.reference(*to);
            let mut shown: Vec<Term> = edge.written.iter().take(target.len()).cloned().collect();
            rules.rename(&mut shown);
            let mut out = format!(" ({}", text::reference(&shown));
            if step > 0 {
                out.push_str(&format!(" in {}", rules.written(*from)));
            }
            let mut positions = Vec::new();
            selects(rules, &edge.selecting, *to, &edge.bound, Some(&mut positions));
            let mut conditions: Vec<(usize, &Term, &Term)> = Vec::new();
            let mut possible = true;
            for position in positions {
                let (Some(term), Some(value)) = (shown.get(position), target.get(position)) else { continue };
                match conditions.iter().find(|(_, other, _)| other.same(term)) {
                    None => conditions.push((position, term, value)),
                    Some((_, _, other)) => possible &= other.same(value),
                }
            }
            let origins = rule_of(rules, *from).map(|rule| origins(env, rule, edge)).unwrap_or_default();
            let unmet = conditions.iter().any(|(position, _, value)| {
                let origin = match edge.selecting.get(*position).map(|term| &term.kind) {
                    Some(TermKind::Var(name)) => origins.get(name),
                    _ => None,
                };
                match origin {
                    Some(Origin::Collection(_, values)) => {
                        value_of(value).is_some_and(|value| !values.contains(&value))
                    }
                    Some(Origin::Builtin(name)) => !may_return(env, name, value),
                    _ => false,
                }
            });
            if !possible || unmet || conditions.is_empty() || conditions.len() > 2 {
                out.push_str(&format!(" could refer to {})", rules.written(*to)));
                return out;
            }
            out.push_str(&format!(" refers to {}", rules.written(*to)));
            for (index, (position, term, value)) in conditions.iter().enumerate() {
                out.push_str(if index == 0 { " if " } else { " and " });
                out.push_str(&format!("{term} is {value}"));
                let note = note(rules, edge, &origins, *from, *position, term);
                if !note.is_empty() {
                    out.push_str(&format!(" ({note})"));
                }
            }
            out.push(')');
            return out;
        }
        String::new()
    }
}

fn note(
    rules: &Rules<'_>,
    edge: &Dynamic,
    origins: &BTreeMap<Name, Origin>,
    from: RuleId,
    position: usize,
    term: &Term,
) -> String {
    match edge.written.get(position).map(|term| &term.kind) {
        Some(TermKind::Ref(reference)) if terms::ref_head(reference).is_some_and(|head| &**head == "data") => {
            "rule values aren't known at compile time".to_owned()
        }
        Some(TermKind::Var(name)) => match origins.get(name) {
            None => String::new(),
            Some(Origin::Input(reference)) => {
                let mut reference = reference.clone();
                rules.rename(&mut reference);
                format!("{term} comes from {}", text::reference(&reference))
            }
            Some(Origin::Rule(reference)) => format!(
                "{term} comes from rule {}, whose value isn't known at compile time",
                text::reference(reference)
            ),
            Some(Origin::Collection(_, values)) if values.len() > 5 => {
                format!("{term} is one of {} values", values.len())
            }
            Some(Origin::Collection(collection, _)) => format!("{term} is one of {collection}"),
            Some(Origin::Builtin(name)) => format!("{term} is computed by {name}"),
            Some(Origin::HeadKey) => format!("{term} is a key of {}", rules.written(from)),
            Some(Origin::HeadArg) => format!("{term} is an argument of {}", rules.written(from)),
        },
        _ => String::new(),
    }
}

fn may_return(env: &Env<'_>, name: &str, value: &Term) -> bool {
    let of = match &value.kind {
        TermKind::Null => Type::Null,
        TermKind::Bool(_) => Type::Boolean,
        TermKind::Number(_) => Type::Number,
        TermKind::String(_) => Type::String,
        _ => return true,
    };
    match env.capabilities.function(name).map(|function| &function.decl) {
        Some(Type::Function(signature)) => {
            let result = signature.result();
            result.is_unknown() || result.contains(&of)
        }
        _ => true,
    }
}

/// Variables that may have a value when the expression at an index is evaluated.
fn bound_before(rule: &Rule, at: usize) -> Vars {
    let mut bound = vars::of_body(rule.body.get(..at).unwrap_or(&rule.body), Skip::default());
    for term in rule.head.args.iter().chain(&rule.head.key).chain(&rule.head.value) {
        bound.extend(vars::of_term(term, Skip::default()));
    }
    bound.extend(terms::ref_head(&rule.head.reference).cloned());
    bound
}

/// Whether a reference gives a rule whatever its variables hold; `positions`: terms that must equal the rule's path for it.
fn selects(
    rules: &Rules<'_>,
    reference: &[Term],
    id: RuleId,
    bound: &Vars,
    mut positions: Option<&mut Vec<usize>>,
) -> bool {
    let Some(info) = rules.info(id) else { return false };
    let mut always = true;
    for (at, (term, key)) in reference.iter().zip(&info.path).enumerate().skip(1) {
        let Some(key) = key else { continue };
        if let TermKind::Var(name) = &term.kind
            && !bound.contains(name)
        {
            let same = |term: &&Term| matches!(&term.kind, TermKind::Var(other) if other == name);
            if reference.iter().filter(same).count() == 1 {
                continue;
            }
        }
        if terms::is_constant(term) {
            if value_of(term).as_ref() != Some(key) {
                return false;
            }
            continue;
        }
        let Some(positions) = positions.as_mut() else { return false };
        always = false;
        positions.push(at);
    }
    always
}

fn origins(env: &Env<'_>, rule: &Rule, edge: &Dynamic) -> BTreeMap<Name, Origin> {
    let mut bindings: HashMap<&Name, &Term> = HashMap::new();
    let mut outputs: HashMap<&Name, String> = HashMap::new();
    for expr in rule.body.iter().take(edge.at) {
        if expr.negated || !expr.with.is_empty() {
            continue;
        }
        if terms::is_equality(expr) {
            let Some((left, right)) = terms::two(expr) else { continue };
            for (var, other) in [(left, right), (right, left)] {
                if let TermKind::Var(name) = &var.kind {
                    bindings.entry(name).or_insert(other);
                }
            }
            continue;
        }
        let ExprKind::Call { operator, args } = &expr.kind else { continue };
        let Some(function) = env.function(operator) else { continue };
        if let Some(Term { kind: TermKind::Var(name), .. }) = args.last()
            && function.arity().is_some_and(|arity| args.len() == arity + 1)
        {
            outputs.insert(name, function.name.to_string());
        }
    }
    let head_kind = |name: &Name| {
        let is = |term: &Term| matches!(&term.kind, TermKind::Var(other) if other == name);
        if rule.head.args.iter().any(is) {
            return Some(Origin::HeadArg);
        }
        let key = rule.head.reference.iter().skip(1).any(is) || rule.head.key.as_ref().is_some_and(is);
        key.then_some(Origin::HeadKey)
    };
    let resolve = |name: &Name| {
        let mut name = name.clone();
        for _ in 0..=rule.body.len() {
            if let Some(builtin) = outputs.get(&name) {
                return Some(Origin::Builtin(builtin.clone()));
            }
            if let Some(term) = bindings.get(&name) {
                match &term.kind {
                    TermKind::Var(next) => {
                        name = next.clone();
                        continue;
                    }
                    TermKind::Ref(reference) => {
                        let constant = || {
                            let end =
                                reference.iter().enumerate().position(|(at, term)| at > 0 && !terms::is_constant(term));
                            reference.get(..end.unwrap_or(reference.len())).unwrap_or(reference).to_vec()
                        };
                        match terms::ref_head(reference) {
                            Some(head) if &**head == "input" => return Some(Origin::Input(constant())),
                            Some(head) if &**head == "data" => return Some(Origin::Rule(constant())),
                            _ => {}
                        }
                        if let [collection, key] = reference.as_slice()
                            && !terms::is_constant(key)
                        {
                            let mut collection = collection;
                            for _ in 0..=bindings.len() {
                                let TermKind::Var(name) = &collection.kind else { break };
                                match bindings.get(name) {
                                    Some(next) => collection = next,
                                    None => break,
                                }
                            }
                            if let Some(values) = value_of(collection).as_ref().and_then(members) {
                                return Some(Origin::Collection(collection.clone(), values));
                            }
                        }
                    }
                    _ => {}
                }
            }
            return head_kind(&name);
        }
        None
    };
    let mut found = BTreeMap::new();
    for term in edge.selecting.iter().skip(1) {
        if let TermKind::Var(name) = &term.kind
            && let Some(origin) = resolve(name)
        {
            found.insert(name.clone(), origin);
        }
    }
    found
}
