//! Calls of rules and functions. In: a group of rules and what it is asked for. Out: one value, or none. A call is a frame;
//! its driver runs one rule after another in it, each as often as it holds, and gives the value to the frame below.

use super::builder::{Growing, Refusal};
use super::code::{Block, NOWHERE, Slot, Src};
use super::extent::Extents;
use super::machine::{Machine, shallow};
use super::program::{Group, GroupKind, Lowered, LoweredRule};
use super::same::same;
use super::trace::{EventOp, Node};
use super::view::{Known, MEMBER, Mock, Mocked};
use super::{EvalCode, EvalError};
use crate::budget::Exhausted;
use crate::value::Value;

/// How it goes on after an instruction that may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Fail,
    /// The newest frame is another one, or elsewhere in its code.
    Reload,
}

pub(super) struct Frame<'p> {
    pub block: &'p Block,
    pub pc: usize,
    /// Its first register.
    pub base: usize,
    /// Choice points, views and candidates below are not its own.
    pub choices: usize,
    pub views: usize,
    pub candidates: usize,
    /// What its rules see.
    pub view: u32,
    /// What the frame below saw.
    pub outer_view: u32,
    pub outer_query: u64,
    /// Where its value goes in the frame below.
    pub dst: Slot,
    /// The expression that runs, where that is told.
    pub expr: u32,
    /// It gave its value: what it does from then on is told later.
    pub holds_events: bool,
    /// What was used up and said when it began.
    pub began: Began,
    pub driver: Driver<'p>,
}

/// Where an evaluation was when a call began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Began {
    steps: u64,
    effects: u64,
}

/// A call that took fewer steps is not remembered: making it again is cheaper than looking for it. What calls it twice takes
/// more steps itself, so that nothing grows beyond all bounds.
const CHEAP: u64 = 200;

pub(super) enum Driver<'p> {
    Query,
    Whole(Whole<'p>),
    Partial(Partial<'p>),
    Extents(Extents<'p>),
}

/// A complete rule or a function.
pub(super) struct Whole<'p> {
    group: &'p Group,
    lowered: &'p Lowered,
    /// Of its candidates.
    next: usize,
    running: Option<&'p LoweredRule>,
    /// The rule that runs, or the one it is a branch of, gave a value.
    produced: bool,
    /// The first value is the only one.
    early: bool,
    value: Option<Value>,
    at_default: bool,
    conflict: Option<Box<Conflict>>,
}

/// A conflict that was found: all values are looked for, to name them.
struct Conflict {
    message: String,
    error_span: crate::span::Span,
    values: Vec<(crate::span::Span, Value)>,
    more: bool,
}

/// More conflicting values are not named.
const MAX_CONFLICTS: usize = 10;

/// A partial rule, whole or what its keys can find.
pub(super) struct Partial<'p> {
    group: &'p Group,
    lowered: &'p Lowered,
    keys: usize,
    next: usize,
    running: Option<&'p LoweredRule>,
    growing: Growing,
}

impl<'p> Frame<'p> {
    pub fn new(block: &'p Block, base: usize, dst: Slot, driver: Driver<'p>) -> Frame<'p> {
        Frame {
            block,
            pc: 0,
            base,
            choices: 0,
            views: 1,
            candidates: 0,
            view: 0,
            outer_view: 0,
            outer_query: 0,
            dst,
            expr: 0,
            holds_events: false,
            began: Began::default(),
            driver,
        }
    }
}

impl<'p> Machine<'p, '_> {
    /// A rule's whole value.
    pub fn call_whole(&mut self, number: u32, dst: Slot) -> Result<Flow, EvalError> {
        let group = self.program.group(number)?;
        if let Some(flow) = self.hidden(group, dst)? {
            return Ok(flow);
        }
        self.tell_found(group, 0, &[])?;
        match self.cache().and_then(|cache| cache.whole(number)).cloned() {
            Some(known) => return Ok(self.known(dst, known)),
            None => self.metrics().calls += 1,
        }
        let lowered = group.lowered(self.program, 0)?;
        match group.kind {
            GroupKind::Function => Ok(Flow::Fail),
            GroupKind::Complete => self.start_whole(group, lowered, dst),
            GroupKind::Set | GroupKind::Object => self.start_partial(group, lowered, 0, dst),
        }
    }

    /// What of a partial rule's value the keys can find.
    pub fn call_keys(
        &mut self,
        block: &'p Block,
        base: usize,
        number: u32,
        keys: u32,
        dst: Slot,
    ) -> Result<Flow, EvalError> {
        let group = self.program.group(number)?;
        if let Some(flow) = self.hidden(group, dst)? {
            return Ok(flow);
        }
        self.tell_found(group, 0, &[])?;
        if let Some(known) = self.cache().and_then(|cache| cache.whole(number)).cloned() {
            return Ok(self.known(dst, known));
        }
        let list = block.lists.get(keys as usize).map_or(&[][..], |list| list);
        let top = self.buffers.registers.len();
        self.push_all(block, base, list)?;
        if let Some(known) = self.remembered(number, top)? {
            return Ok(self.known(dst, known));
        }
        let lowered = group.lowered(self.program, list.len())?;
        self.start_partial_at(group, lowered, list.len(), dst, top)
    }

    pub fn call_function(
        &mut self,
        block: &'p Block,
        base: usize,
        number: u32,
        args: u32,
        dst: Slot,
    ) -> Result<Flow, EvalError> {
        let group = self.program.group(number)?;
        let list = block.lists.get(args as usize).map_or(&[][..], |list| list);
        let mocked = self.buffers.views.get(self.view as usize).is_some_and(|view| !view.mocks.is_empty());
        if !mocked && !self.tracing {
            let top = self.buffers.registers.len();
            self.push_all(block, base, list)?;
            return self.function_at(group, top, dst);
        }
        let mut arguments = std::mem::take(&mut self.buffers.arguments);
        arguments.clear();
        for src in list {
            arguments.push(self.value_of(block, base, *src)?.clone());
        }
        let mock = self
            .buffers
            .views
            .get(self.view as usize)
            .filter(|view| !view.mocks.is_empty())
            .and_then(|view| view.mock(&Mocked::Function(number)))
            .cloned();
        let flow = match mock {
            None => self.function(group, &arguments, dst),
            Some(Mock::Value(value)) => Ok(self.answer(dst, value)),
            Some(Mock::Builtin(callee)) => self.call_builtin(&callee, &arguments, dst),
            Some(Mock::Function(other)) => self.call_mock(other, &arguments, dst),
            // OPA asks for the rule where its value is wanted, and else takes the call for true.
            Some(Mock::Rule(_)) if dst == NOWHERE => Ok(Flow::On),
            Some(Mock::Rule(rule)) => self.call_whole(rule, dst),
        };
        arguments.clear();
        self.buffers.arguments = arguments;
        flow
    }

    /// A function instead of another: while it runs, nothing is replaced.
    pub fn call_mock(&mut self, number: u32, arguments: &[Value], dst: Slot) -> Result<Flow, EvalError> {
        let group = self.program.group(number)?;
        let outer = self.view;
        let views = self.buffers.views.len();
        let Some(mut view) = self.buffers.views.get(outer as usize).cloned() else {
            return Err(self.internal("view is not there"));
        };
        view.mocks = Default::default();
        view.parent = outer;
        self.view = u32::try_from(views).unwrap_or(u32::MAX);
        self.buffers.views.push(view);
        let depth = self.frames.len();
        let flow = self.function(group, arguments, dst);
        if self.frames.len() > depth
            && let Some(frame) = self.frames.last_mut()
        {
            frame.views = views;
            frame.outer_view = outer;
        } else {
            self.view = outer;
            self.buffers.views.truncate(views);
        }
        flow
    }

    fn function(&mut self, group: &'p Group, arguments: &[Value], dst: Slot) -> Result<Flow, EvalError> {
        self.tell_found(group, 0, arguments)?;
        let top = self.buffers.registers.len();
        self.buffers.registers.extend(arguments.iter().cloned().map(Some));
        self.function_at(group, top, dst)
    }

    /// A function whose arguments are the registers from `top` on.
    fn function_at(&mut self, group: &'p Group, top: usize, dst: Slot) -> Result<Flow, EvalError> {
        if let Some(known) = self.remembered(group.number, top)? {
            return Ok(self.known(dst, known));
        }
        let lowered = group.lowered(self.program, 0)?;
        self.start_whole_at(group, lowered, dst, top)
    }

    /// Puts values into new registers.
    fn push_all(&mut self, block: &Block, base: usize, list: &[Src]) -> Result<(), EvalError> {
        for src in list {
            let value = self.value_of(block, base, *src)?.clone();
            self.buffers.registers.push(Some(value));
        }
        Ok(())
    }

    /// What is known of a call with the values in the registers from `top` on, which then are no more.
    fn remembered(&mut self, number: u32, top: usize) -> Result<Option<Known>, EvalError> {
        let cache = self.buffers.views.get(self.view as usize).and_then(|view| {
            let cache = self.buffers.caches.get(view.cache as usize)?;
            Some((cache, self.buffers.registers.get(top..)?))
        });
        let known = match cache {
            Some((cache, asked)) => cache.of(number, asked, &mut self.meter).map(|known| known.cloned()),
            None => Ok(None),
        };
        let known = known.map_err(|limit| self.exhausted_limit(limit))?;
        match &known {
            Some(_) => self.buffers.registers.truncate(top),
            None => self.metrics().calls += 1,
        }
        Ok(known)
    }

    /// Tells what the index finds; it is asked before anything that is known.
    fn tell_found(&mut self, group: &'p Group, keys: usize, arguments: &[Value]) -> Result<(), EvalError> {
        if !self.tracing {
            return Ok(());
        }
        let lowered = group.lowered(self.program, keys)?;
        let top = self.buffers.registers.len();
        self.buffers.registers.extend(arguments.iter().cloned().map(Some));
        let start = self.candidates(lowered, top)?;
        self.buffers.registers.truncate(top);
        let found = self.buffers.candidates.get(start..).unwrap_or(&[]);
        let chains = found.iter().filter_map(|at| lowered.rules.get(*at as usize)).map(|rule| rule.chain);
        let mut chains: Vec<u32> = chains.collect();
        chains.dedup();
        let whole = matches!(group.kind, GroupKind::Complete | GroupKind::Function);
        let early = whole && is_early(lowered, found);
        self.buffers.candidates.truncate(start);
        self.tell_index(chains.len(), early, &group.path);
        Ok(())
    }

    fn cache(&self) -> Option<&super::view::Cache> {
        let view = self.buffers.views.get(self.view as usize)?;
        self.buffers.caches.get(view.cache as usize)
    }

    fn known(&mut self, dst: Slot, known: Known) -> Flow {
        self.metrics().cached += 1;
        match known {
            Known::Undefined => Flow::Fail,
            Known::Value(value) => self.answer(dst, value),
        }
    }

    /// Where a rule is replaced, what stands for it.
    fn hidden(&mut self, group: &Group, dst: Slot) -> Result<Option<Flow>, EvalError> {
        if !self.hides(&group.path)? {
            return Ok(None);
        }
        Ok(Some(match self.document(group.path.get(1..).unwrap_or(&[]))? {
            Some(value) => self.answer(dst, value),
            None => Flow::Fail,
        }))
    }

    fn start_whole(&mut self, group: &'p Group, lowered: &'p Lowered, dst: Slot) -> Result<Flow, EvalError> {
        let top = self.buffers.registers.len();
        self.start_whole_at(group, lowered, dst, top)
    }

    fn start_whole_at(
        &mut self,
        group: &'p Group,
        lowered: &'p Lowered,
        dst: Slot,
        base: usize,
    ) -> Result<Flow, EvalError> {
        let candidates = self.candidates(lowered, base)?;
        let found = self.buffers.candidates.get(candidates..).unwrap_or(&[]);
        let early = is_early(lowered, found);
        let whole = Whole {
            group,
            lowered,
            next: 0,
            running: None,
            produced: false,
            early,
            value: None,
            at_default: false,
            conflict: None,
        };
        self.push(base, candidates, dst, Driver::Whole(whole))?;
        self.next_rule()
    }

    fn start_partial(
        &mut self,
        group: &'p Group,
        lowered: &'p Lowered,
        keys: usize,
        dst: Slot,
    ) -> Result<Flow, EvalError> {
        let top = self.buffers.registers.len();
        self.start_partial_at(group, lowered, keys, dst, top)
    }

    fn start_partial_at(
        &mut self,
        group: &'p Group,
        lowered: &'p Lowered,
        keys: usize,
        dst: Slot,
        base: usize,
    ) -> Result<Flow, EvalError> {
        // Rules of partial rules look at no arguments.
        let candidates = self.candidates(lowered, usize::MAX)?;
        let growing = Growing::new(group.kind == GroupKind::Set);
        let partial = Partial { group, lowered, keys, next: 0, running: None, growing };
        self.push(base, candidates, dst, Driver::Partial(partial))?;
        self.next_rule()
    }

    /// Puts the rules that can hold onto the stack of candidates; where they begin.
    fn candidates(&mut self, lowered: &Lowered, base: usize) -> Result<usize, EvalError> {
        let start = self.buffers.candidates.len();
        if let [_] = &lowered.rules[..]
            && lowered.index.asks_nothing()
        {
            self.buffers.candidates.push(0);
            return Ok(start);
        }
        let arguments = self.buffers.registers.get(base..).unwrap_or(&[]);
        if let Some(view) = self.buffers.views.get(self.view as usize) {
            let cost = lowered.index.cost_of_documents(view, self.data);
            let paid = self.meter.steps(cost).and_then(|()| self.meter.memory(cost.saturating_mul(MEMBER)));
            let found = paid.and_then(|()| {
                lowered.index.find(view, self.data, arguments, &mut self.meter, &mut self.buffers.candidates)
            });
            self.outcome.looked |= found.map_err(|limit| self.exhausted_limit(limit))?;
        }
        Ok(start)
    }

    pub fn push(&mut self, base: usize, candidates: usize, dst: Slot, driver: Driver<'p>) -> Result<(), EvalError> {
        if self.frames.len() >= self.meter.depth_limit {
            return Err(self.exhausted_limit(Exhausted::Depth));
        }
        let Some(below) = self.frames.last() else { return Err(self.internal("call from nowhere")) };
        let frame = Frame {
            block: below.block,
            pc: 0,
            base,
            choices: self.buffers.choices.len(),
            views: self.buffers.views.len(),
            candidates,
            view: self.view,
            outer_view: self.view,
            outer_query: self.query,
            dst,
            expr: 0,
            holds_events: false,
            began: Began { steps: self.meter.steps_used(), effects: self.effects },
            driver,
        };
        self.frames.push(frame);
        Ok(())
    }

    /// Runs the next rule of the newest frame, or ends it.
    fn next_rule(&mut self) -> Result<Flow, EvalError> {
        let count = self.buffers.candidates.len();
        let Some(frame) = self.frames.last_mut() else { return Err(self.internal("no rule runs")) };
        let candidates = self.buffers.candidates.get(frame.candidates..count).unwrap_or(&[]);
        let next = match &mut frame.driver {
            Driver::Whole(whole) => whole.choose(candidates),
            Driver::Partial(partial) => partial.choose(candidates),
            Driver::Query | Driver::Extents(_) => None,
        };
        let Some(rule) = next else { return self.finish() };
        frame.block = &rule.block;
        frame.pc = 0;
        let base = frame.base;
        self.view = frame.view;
        let (views, outer_query) = (frame.views, frame.outer_query);
        self.drop_views(views.max(self.view as usize + 1));
        self.grow(base, rule.block.slots)?;
        if self.tracing {
            self.query = outer_query;
            self.new_query();
            self.tell_rule(rule, EventOp::Enter, "");
        }
        Ok(Flow::Reload)
    }

    fn tell_rule(&mut self, rule: &LoweredRule, op: EventOp, message: &str) {
        if self.tracing
            && let Some(node) = self.program.compiled.rule(rule.id)
        {
            self.tell(op, Node::Rule(node), rule.span, message, &[]);
        }
    }

    /// The newest frame's choice points are used up.
    pub fn nothing_more(&mut self) -> Result<Flow, EvalError> {
        match self.frames.last().map(|frame| &frame.driver) {
            Some(Driver::Whole(_) | Driver::Partial(_)) => self.next_rule(),
            Some(Driver::Extents(_)) => self.leaf_is_undefined(),
            Some(Driver::Query) | None => {
                self.frames.clear();
                Ok(Flow::Reload)
            }
        }
    }

    /// The body of a complete rule or function holds, with a value.
    pub fn done(&mut self, value: Value) -> Result<Flow, EvalError> {
        let Some(frame) = self.frames.last_mut() else { return Err(self.internal("no rule runs")) };
        let Driver::Whole(whole) = &mut frame.driver else { return Err(self.internal("no rule runs")) };
        let Some(rule) = whole.running else { return Err(self.internal("no rule runs")) };
        whole.produced = true;
        let early = whole.early;
        if let Some(conflict) = &mut whole.conflict {
            let first = conflict.values.first();
            if first.is_none_or(|(_, first)| *first != value) {
                if conflict.values.len() == MAX_CONFLICTS {
                    conflict.more = true;
                    return Err(self.conflict_error());
                }
                let is_first = conflict.values.is_empty();
                conflict.values.push((rule.span, value));
                if !is_first || early {
                    let choices = frame.choices;
                    self.buffers.choices.truncate(choices);
                }
            }
            return Ok(Flow::Fail);
        }
        match &whole.value {
            Some(have)
                if !same(have, &value, &mut self.meter).map_err(|limit| EvalError::exhausted(limit, None))? =>
            {
                let what = if whole.group.kind == GroupKind::Function { "function" } else { "rule" };
                let tail = if whole.group.kind == GroupKind::Function { " for the same inputs" } else { "" };
                let message = format!("{what} {} produced conflicting values{tail}", whole.group.name());
                whole.conflict =
                    Some(Box::new(Conflict { message, error_span: rule.span, values: Vec::new(), more: false }));
                whole.next = 0;
                whole.running = None;
                whole.produced = false;
                let choices = frame.choices;
                self.buffers.choices.truncate(choices);
                self.collecting += 1;
                self.next_rule()
            }
            Some(_) => {
                self.tell_rule(rule, EventOp::Exit, "");
                self.tell_rule(rule, EventOp::Redo, "");
                Ok(Flow::Fail)
            }
            None => {
                whole.value = Some(value);
                if self.tracing {
                    self.tell_rule(rule, EventOp::Exit, if early { "early" } else { "" });
                    self.hold_events();
                    self.tell_rule(rule, EventOp::Redo, "");
                    if early {
                        self.tell_way_back();
                    }
                }
                if early { self.finish() } else { Ok(Flow::Fail) }
            }
        }
    }

    /// From now on the newest frame's events are told when it is gone back to.
    fn hold_events(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.holds_events = true;
            self.held.push(Vec::new());
        }
    }

    /// What going back through the newest frame's choice points would tell.
    fn tell_way_back(&mut self) {
        let Some(frame) = self.frames.last() else { return };
        let (block, base, bottom) = (frame.block, frame.base, frame.choices);
        while self.buffers.choices.len() > bottom {
            if let Some(choice) = self.buffers.choices.pop() {
                self.query = choice.query;
                self.tell_back(choice, block, base);
            }
        }
    }

    /// The body of a partial rule holds, with keys and a value or member.
    pub fn done_partial(&mut self, keys: &[Value], value: Value) -> Result<Flow, EvalError> {
        let Some(frame) = self.frames.last_mut() else { return Err(self.internal("no rule runs")) };
        let Driver::Partial(partial) = &mut frame.driver else { return Err(self.internal("no rule runs")) };
        let Some(rule) = partial.running else { return Err(self.internal("no rule runs")) };
        let by_key = partial.keys > 0;
        match partial.growing.add(keys, value, rule.member, &mut self.meter) {
            Ok(double) => {
                self.tell_rule(rule, EventOp::Exit, "");
                if double && by_key {
                    self.tell_rule(rule, EventOp::Duplicate, "");
                }
                self.tell_rule(rule, EventOp::Redo, "");
                Ok(Flow::Fail)
            }
            Err(Refusal::Conflict) => {
                let message = "object keys must be unique";
                Err(EvalError::new(EvalCode::Conflict, Some(rule.head_span), message))
            }
            Err(Refusal::Exhausted(limit)) => Err(self.exhausted_limit(limit)),
        }
    }

    /// Ends the newest frame and gives its value to the one below.
    fn finish(&mut self) -> Result<Flow, EvalError> {
        let Some(frame) = self.frames.pop() else { return Err(self.internal("no rule runs")) };
        let known = match frame.driver {
            Driver::Whole(whole) if whole.conflict.is_some() => {
                self.frames.push(Frame { driver: Driver::Whole(whole), ..frame });
                return Err(self.conflict_error());
            }
            Driver::Whole(whole) => {
                let known = whole.value.map_or(Known::Undefined, Known::Value);
                let group = whole.group;
                let key = (group.kind == GroupKind::Function).then_some(group.arity);
                self.keep(group.number, frame.view, frame.base, key, &frame.began, &known)?;
                known
            }
            Driver::Partial(partial) => {
                let value = partial.growing.finish();
                shallow(&value).map_err(|limit| self.exhausted_limit(limit))?;
                let known = Known::Value(value);
                let key = (partial.keys > 0).then_some(partial.keys);
                self.keep(partial.group.number, frame.view, frame.base, key, &frame.began, &known)?;
                known
            }
            Driver::Extents(extents) => {
                Known::Value(extents.finish(&mut self.meter).map_err(|limit| self.exhausted_limit(limit))?)
            }
            Driver::Query => Known::Undefined,
        };
        self.buffers.registers.truncate(frame.base);
        self.buffers.candidates.truncate(frame.candidates);
        self.buffers.choices.truncate(frame.choices);
        self.view = frame.outer_view;
        self.query = frame.outer_query;
        self.drop_views(frame.views);
        if frame.holds_events {
            let events = self.held.pop().unwrap_or_default();
            self.replay(events).map_err(|limit| self.exhausted_limit(limit))?;
        }
        match known {
            Known::Undefined => Ok(Flow::Fail),
            Known::Value(value) => match self.answer(frame.dst, value) {
                Flow::Fail => Ok(Flow::Fail),
                _ => Ok(Flow::Reload),
            },
        }
    }

    pub fn finish_extents(&mut self) -> Result<Flow, EvalError> {
        self.finish()
    }

    /// Remembers what a call gave, by the registers that hold what it was asked.
    fn keep(
        &mut self,
        group: u32,
        view: u32,
        base: usize,
        keys: Option<usize>,
        began: &Began,
        known: &Known,
    ) -> Result<(), EvalError> {
        let Some(view) = self.buffers.views.get(view as usize) else { return Ok(()) };
        let (number, is_mocked) = (view.cache as usize, view.is_mocked);
        let asked = self.buffers.registers.get(base..base + keys.unwrap_or(0)).unwrap_or(&[]);
        if keys.is_some() && !is_mocked && !self.tracing {
            let cheap = self.meter.steps_used().saturating_sub(began.steps) < CHEAP && self.effects == began.effects;
            // To OPA 1.0 is the 1 that it was asked with before, and shows as such.
            let spelt = |value: &Value| matches!(value, Value::Number(_)) || value.has_other_spellings();
            if cheap && !asked.iter().flatten().any(spelt) {
                return Ok(());
            }
        }
        let bytes = if keys.is_some() { CALL } else { 0 } + ENTRY + asked.len() as u64 * ENTRY;
        self.meter.memory(bytes).map_err(|limit| self.exhausted_limit(limit))?;
        let Some(cache) = self.buffers.caches.get_mut(number) else { return Ok(()) };
        let Some(count) = keys else {
            cache.keep_whole(group, known.clone());
            return Ok(());
        };
        let asked = self.buffers.registers.get(base..base + count).unwrap_or(&[]);
        let kept = cache.keep(group, asked, known.clone(), &mut self.meter);
        kept.map_err(|limit| self.exhausted_limit(limit))
    }

    /// The newest frame's conflict, with all values that were found.
    fn conflict_error(&mut self) -> EvalError {
        let conflict = match self.frames.last_mut().map(|frame| &mut frame.driver) {
            Some(Driver::Whole(whole)) => whole.conflict.take(),
            _ => None,
        };
        let Some(mut conflict) = conflict else { return self.internal("no conflict") };
        self.collecting = self.collecting.saturating_sub(1);
        let mut message = std::mem::take(&mut conflict.message);
        if conflict.values.len() > 1 {
            message.push(':');
            conflict.values.sort_by_key(|(span, _)| *span);
            for (span, value) in &conflict.values {
                message.push_str("\n  ");
                message.push_str(&excerpt(&value.to_string()));
                message.push_str(" at ");
                message.push_str(&self.place(*span));
            }
            if conflict.more {
                message.push_str("\n  ...");
            }
        }
        EvalError::new(EvalCode::Conflict, Some(conflict.error_span), message)
    }

    fn place(&self, span: crate::span::Span) -> String {
        match self.program.options.sources.get(span.source) {
            Some(source) => {
                let (row, column) = source.row_column(span.start);
                if source.name.is_empty() { format!("{row}:{column}") } else { format!("{}:{row}", source.name) }
            }
            None => "<unknown>".to_owned(),
        }
    }

    /// An error while the values of a conflict were looked for: the conflict is what is told.
    pub fn outer_conflict(&mut self, error: EvalError) -> EvalError {
        if self.collecting == 0 || matches!(error.code, EvalCode::Budget | EvalCode::Cancel) {
            return error;
        }
        let outermost = self
            .frames
            .iter()
            .position(|frame| matches!(&frame.driver, Driver::Whole(whole) if whole.conflict.is_some()));
        match outermost {
            Some(at) => {
                self.frames.truncate(at + 1);
                self.conflict_error()
            }
            None => error,
        }
    }
}

/// Whether all rules that can hold have one constant for a value, so that the first that holds decides.
fn is_early(lowered: &Lowered, found: &[u32]) -> bool {
    if lowered.uniform {
        return true;
    }
    let mut constants = found.iter().map(|at| lowered.rules.get(*at as usize).map(|rule| &rule.constant));
    match constants.next() {
        Some(Some(first)) => first.is_some() && constants.all(|other| other == Some(first)),
        _ => found.is_empty(),
    }
}

/// A remembered call's own bytes, for itself and for each argument.
const ENTRY: u64 = 64;
/// Its place in the table, above that.
const CALL: u64 = 128;

/// At most 80 characters of a value.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or("")),
        None => text,
    }
}

impl<'p> Whole<'p> {
    fn choose(&mut self, candidates: &[u32]) -> Option<&'p LoweredRule> {
        if self.at_default {
            return None;
        }
        // Branches of a rule that gave a value do not run.
        let done = self.running.filter(|_| self.produced).map(|rule| rule.chain);
        while let Some(rule) = candidates.get(self.next).and_then(|at| self.lowered.rules.get(*at as usize)) {
            self.next += 1;
            if Some(rule.chain) == done {
                continue;
            }
            if self.running.is_none_or(|before| before.chain != rule.chain) {
                self.produced = false;
            }
            self.running = Some(rule);
            return Some(rule);
        }
        let default = self.lowered.default.as_ref().filter(|_| self.value.is_none() && self.conflict.is_none())?;
        self.at_default = true;
        self.running = Some(default);
        Some(default)
    }
}

impl<'p> Partial<'p> {
    fn choose(&mut self, candidates: &[u32]) -> Option<&'p LoweredRule> {
        let rule = self.lowered.rules.get(*candidates.get(self.next)? as usize)?;
        self.next += 1;
        self.running = Some(rule);
        Some(rule)
    }
}
