//! What an expression sees as input and data, below `with`. In: the real documents and replacements. Out: documents at paths.
//!
//! Views are a stack: one is made when `with` is entered and dropped when evaluation goes back behind it. Each has a cache of
//! its own, so that nothing that was found out under a replacement is believed elsewhere.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::code::{Callee, WithTarget};
use super::index::follow;
use super::memo::Memo;
use crate::budget::{Exhausted, Meter};
use crate::value::{MAX_DEPTH, Value};

/// What replaces a function.
#[derive(Clone)]
pub(super) enum Mock {
    Value(Value),
    Function(u32),
    Rule(u32),
    Builtin(Callee),
}

/// Which function is replaced.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Mocked {
    Function(u32),
    Builtin(Arc<str>),
}

#[derive(Clone)]
pub(super) struct View {
    pub input: Option<Value>,
    /// What stands for parts of data.
    pub replaced: Option<Value>,
    /// The paths (with `data`) that are replaced, of this view and those below it.
    pub targets: Shared<Box<[Value]>>,
    /// The newest is last.
    pub mocks: Shared<(Mocked, Mock)>,
    /// Functions are replaced here, or were in the view that this one's cache is from: OPA then believes what it found last, be
    /// that below a replacement or not.
    pub is_mocked: bool,
    /// Number of its cache.
    pub cache: u32,
    pub parent: u32,
}

/// A list that views share, and that is nothing in memory while it is empty, as in most evaluations.
#[derive(Clone)]
pub(super) struct Shared<T>(Option<Arc<Vec<T>>>);

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared(None)
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T: Clone> Shared<T> {
    fn push(&mut self, item: T) {
        Arc::make_mut(self.0.get_or_insert_default()).push(item);
    }
}

impl View {
    pub fn base(input: Option<Value>) -> View {
        View {
            input,
            replaced: None,
            targets: Shared::default(),
            mocks: Shared::default(),
            is_mocked: false,
            cache: 0,
            parent: 0,
        }
    }

    /// What looking up the replacements above a path costs.
    #[inline]
    pub fn looking_up(&self) -> u64 {
        self.targets.len() as u64
    }

    /// Whether what is at the path (with `data`) is replaced, so that no rule there counts.
    #[inline]
    pub fn hides(&self, path: &[Value]) -> bool {
        !self.targets.is_empty() && self.targets.iter().any(|target| path.starts_with(target))
    }

    /// What making the base document at a path costs, in members that are copied.
    pub fn cost(&self, data: &Value, path: &[Value]) -> u64 {
        let system = match data {
            Value::Object(object) if path.is_empty() && object.get_str("system").is_some() => object.entries().len(),
            _ => 0,
        };
        let replaced = || self.replaced.as_ref().and_then(|replaced| follow(replaced, path));
        let merged = match (self.targets.is_empty(), replaced(), follow(data, path)) {
            (false, Some(replaced), Some(real)) => merging(replaced, real),
            _ => 0,
        };
        self.looking_up() + system as u64 + merged
    }

    /// The base document at a path without `data`; [`View::cost`] is paid.
    pub fn document(&self, data: &Value, path: &[Value]) -> Option<Value> {
        let real = || match path {
            [] => Some(without_system(data)),
            path => follow(data, path).cloned(),
        };
        if self.targets.is_empty() {
            return real();
        }
        let replaced = self.replaced.as_ref().and_then(|replaced| follow(replaced, path)).cloned();
        let hidden = self.targets.iter().any(|target| target.get(1..).is_some_and(|target| path.starts_with(target)));
        if hidden {
            return replaced;
        }
        match (replaced, real()) {
            (Some(replaced), Some(real)) => Some(merged(&replaced, &real)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    pub fn mock(&self, what: &Mocked) -> Option<&Mock> {
        self.mocks.iter().rev().find(|(mocked, _)| mocked == what).map(|(_, mock)| mock)
    }

    pub fn mock_of_builtin(&self, name: &str) -> Option<&Mock> {
        let is = |mocked: &Mocked| matches!(mocked, Mocked::Builtin(other) if **other == *name);
        self.mocks.iter().rev().find(|(mocked, _)| is(mocked)).map(|(_, mock)| mock)
    }

    /// The view with a replacement more.
    pub fn replace(&mut self, target: &WithTarget, mock: Mock, meter: &mut Meter) -> Result<(), Exhausted> {
        // The lists of what is replaced are copied where an outer view has them too.
        let lists = (self.mocks.len() + self.targets.len()) as u64;
        meter.steps(lists)?;
        meter.memory(lists * MEMBER)?;
        match (target, mock) {
            (WithTarget::Function(group), mock) => {
                self.is_mocked = true;
                self.mocks.push((Mocked::Function(*group), mock));
            }
            (WithTarget::Builtin(name), mock) => {
                self.is_mocked = true;
                self.mocks.push((Mocked::Builtin(name.clone()), mock));
            }
            (WithTarget::Input(path), Mock::Value(value)) => {
                self.input = Some(put(self.input.take(), path, value, meter)?);
            }
            (WithTarget::Data(path), Mock::Value(value)) => {
                self.replaced = Some(put(self.replaced.take(), path.get(1..).unwrap_or(&[]), value, meter)?);
                self.targets.push(path.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Data that begins with `system` is OPA's own.
fn without_system(data: &Value) -> Value {
    match data {
        Value::Object(object) if object.get_str("system").is_some() => {
            let keep = object.entries().iter().filter(|(key, _)| key.as_str() != Some("system"));
            Value::object(keep.cloned().collect())
        }
        data => data.clone(),
    }
}

/// Bytes of a member of an object.
pub(super) const MEMBER: u64 = size_of::<(Value, Value)>() as u64;

/// How many members [`merged`] copies.
pub(super) fn merging(a: &Value, b: &Value) -> u64 {
    let (Value::Object(x), Value::Object(y)) = (a, b) else { return 0 };
    if x.entries().is_empty() || y.entries().is_empty() {
        return 0;
    }
    let (few, many) = if x.entries().len() <= y.entries().len() { (x, y) } else { (y, x) };
    let below = few.entries().iter().filter_map(|(key, value)| many.get(key).map(|other| merging(value, other)));
    below.fold((x.entries().len() + y.entries().len()) as u64, u64::saturating_add)
}

/// Both objects' members; where both have one that is no object, the first one's. As deep as values may be.
pub(super) fn merged(a: &Value, b: &Value) -> Value {
    let (Value::Object(x), Value::Object(y)) = (a, b) else { return a.clone() };
    if y.entries().is_empty() {
        return a.clone();
    }
    if x.entries().is_empty() {
        return b.clone();
    }
    let mut entries = Vec::with_capacity(x.entries().len() + y.entries().len());
    for (key, value) in x.entries() {
        let value = match y.get(key) {
            Some(other) => merged(value, other),
            None => value.clone(),
        };
        entries.push((key.clone(), value));
    }
    entries.extend(y.entries().iter().filter(|(key, _)| x.get(key).is_none()).cloned());
    Value::object(entries)
}

/// The document with a value put at a path; what is no object on the way gives way.
fn put(document: Option<Value>, path: &[Value], value: Value, meter: &mut Meter) -> Result<Value, Exhausted> {
    if path.len() + value.depth() as usize > MAX_DEPTH as usize {
        return Err(Exhausted::Depth);
    }
    let mut on_the_way: Vec<Option<Value>> = Vec::with_capacity(path.len());
    let mut at = document;
    for key in path {
        let below = at.as_ref().and_then(|at| match at {
            Value::Object(object) => Some((object.get(key).cloned(), object.entries().len() as u64)),
            _ => None,
        });
        // Every object on the way is copied.
        let members = below.as_ref().map_or(0, |(_, members)| *members) + 1;
        meter.steps(members)?;
        meter.memory(members.saturating_mul(MEMBER))?;
        let below = below.and_then(|(below, _)| below);
        on_the_way.push(at);
        at = below;
    }
    Ok(path.iter().zip(on_the_way).rev().fold(value, |below, (key, around)| match around {
        Some(Value::Object(object)) => {
            let mut entries = object.entries().to_vec();
            match entries.binary_search_by(|(have, _)| have.cmp(key)) {
                Ok(at) => {
                    if let Some(entry) = entries.get_mut(at) {
                        entry.1 = below;
                    }
                }
                Err(at) => entries.insert(at, (key.clone(), below)),
            }
            Value::object(entries)
        }
        _ => Value::object(vec![(key.clone(), below)]),
    }))
}

/// What is known of a rule.
#[derive(Clone)]
pub(super) enum Known {
    Undefined,
    Value(Value),
}

/// What was found out under one view.
#[derive(Default)]
pub(super) struct Cache {
    /// Whole rules, by group, of the view at the bottom.
    dense: Vec<Option<Known>>,
    touched: Vec<u32>,
    /// Whole rules, by group, of other views.
    sparse: HashMap<u32, Known>,
    by_arguments: Memo,
}

impl Cache {
    /// For so many groups at the bottom; nothing may be known.
    pub fn fit(&mut self, groups: usize) {
        self.dense.resize(groups, None);
    }

    /// As new, with its memory kept.
    pub fn clear(&mut self) {
        for group in self.touched.drain(..) {
            if let Some(known) = self.dense.get_mut(group as usize) {
                *known = None;
            }
        }
        self.sparse.clear();
        self.by_arguments.clear();
    }

    #[inline]
    pub fn whole(&self, group: u32) -> Option<&Known> {
        if self.dense.is_empty() { self.sparse.get(&group) } else { self.dense.get(group as usize)?.as_ref() }
    }

    pub fn keep_whole(&mut self, group: u32, known: Known) {
        match self.dense.get_mut(group as usize) {
            Some(place) => {
                *place = Some(known);
                self.touched.push(group);
            }
            None => {
                self.sparse.insert(group, known);
            }
        }
    }

    /// What a call of a group with these arguments or keys gave.
    #[inline]
    pub fn of(&self, group: u32, arguments: &[Option<Value>], meter: &mut Meter) -> Result<Option<&Known>, Exhausted> {
        if self.by_arguments.is_empty() { Ok(None) } else { self.by_arguments.of(group, arguments, meter) }
    }

    pub fn keep(
        &mut self,
        group: u32,
        arguments: &[Option<Value>],
        known: Known,
        meter: &mut Meter,
    ) -> Result<(), Exhausted> {
        self.by_arguments.keep(group, arguments, known, meter)
    }

    /// How much room it has.
    pub fn room(&self) -> usize {
        self.dense.capacity().max(self.sparse.capacity()).max(self.by_arguments.capacity())
    }
}
