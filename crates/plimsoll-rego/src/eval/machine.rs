//! The machine that runs code. In: a program, a query of it, documents, a budget. Out: an [`Outcome`]. Calls and choice points
//! are on stacks of the machine's own; see `call` for what calls do.

use std::cell::RefCell;
use std::sync::Arc;

use super::call::{Driver, Flow, Frame};
use super::code::{Arithmetic, Block, Callee, Collection, NOWHERE, Op, Path, Slot, Src, Test, WithTarget};
use super::lower::made;
use super::program::{Prepared, Program};
use super::same::{same, search_price, sort_price};
use super::trace::{Event, EventOp, Later, Node, Tracer};
use super::view::{Cache, MEMBER, Mock, View};
use super::{EvalCode, EvalError, ExpressionValue, MAX_LISTED_ERRORS, Metrics, Outcome, Printed, RunOptions, Solution};
use crate::ast::Name;
use crate::budget::{Exhausted, Meter};
use crate::builtins::{Context, Failure, FailureKind, Halt, Scratch};
use crate::span::Span;
use crate::value::{MAX_DEPTH, MAX_WEIGHT, Value};

/// What goes on when something fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChoiceKind {
    /// The collection's next member.
    Scan,
    ScanFor,
    /// Elsewhere, for good.
    Barrier,
    /// Nothing: it is told that an expression failed if it never held.
    Mark {
        held: bool,
    },
    /// Nothing: it is told that an expression is gone back to.
    Redo,
    /// Nothing: it is told that a body is gone back to.
    RedoBody,
    /// Nothing: what a call did after it gave its value is told.
    Replay,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub kind: ChoiceKind,
    /// Of the instruction that made it, or where to go on.
    pub pc: u32,
    pub at: u32,
    pub view: u32,
    pub views: u32,
    pub query: u64,
}

/// Memory that outlives an evaluation, of whatever program.
#[derive(Default)]
pub(super) struct Buffers {
    frames: Vec<Frame<'static>>,
    pub registers: Vec<Option<Value>>,
    pub choices: Vec<Choice>,
    pub collections: Vec<Vec<Value>>,
    pub spare: Vec<Vec<Value>>,
    pub views: Vec<View>,
    pub caches: Vec<Cache>,
    pub candidates: Vec<u32>,
    pub arguments: Vec<Value>,
    scratch: Scratch,
}

thread_local! {
    /// Of evaluations of this thread that ended: no other thread is waited for.
    static KEPT: RefCell<[Option<Box<Buffers>>; KEPT_BUFFERS]> = const { RefCell::new([const { None }; KEPT_BUFFERS]) };
}

/// So many evaluations' memory is kept: there are several at a time only where a builtin of the embedder's evaluates.
const KEPT_BUFFERS: usize = 4;

/// Room for more calls in one another than this is given back.
const DEEP: usize = 1 << 10;

impl Buffers {
    fn take() -> Box<Buffers> {
        // A thread that ends has none.
        let kept = KEPT.try_with(|kept| kept.try_borrow_mut().ok()?.iter_mut().find_map(Option::take));
        kept.ok().flatten().unwrap_or_default()
    }

    fn give(self: Box<Self>) {
        let _ = KEPT.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut()
                && let Some(place) = kept.iter_mut().find(|place| place.is_none())
            {
                *place = Some(self);
            }
        });
    }
}

/// The list's memory without its members; that of a deep evaluation is not kept.
fn emptied(mut frames: Vec<Frame<'_>>) -> Vec<Frame<'static>> {
    if frames.capacity() > DEEP {
        return Vec::new();
    }
    frames.clear();
    // Collecting from a list's own iterator takes that list's memory.
    frames.into_iter().map_while(|_| None).collect()
}

pub(super) struct Machine<'p, 't> {
    pub program: &'p Program,
    prepared: &'p Prepared,
    pub data: &'p Value,
    options: &'p RunOptions,
    tracer: Option<&'t mut dyn Tracer>,
    pub tracing: bool,
    pub buffers: Box<Buffers>,
    pub frames: Vec<Frame<'p>>,
    pub view: u32,
    pub meter: Meter,
    pub outcome: Outcome,
    /// The most registers that there were.
    pub high_water: usize,
    /// How many conflicts are being told about: their builtins' errors count for nothing.
    pub collecting: u32,
    /// How often something was told or called that shows outside of values: errors of builtins, prints, the embedder's builtins.
    pub effects: u64,
    pub query: u64,
    pub parents: Vec<u64>,
    /// Events of calls that gave their values, while they run on; the innermost is last.
    pub held: Vec<Vec<Later>>,
    /// The events of choice points that replay some.
    replays: Vec<Vec<Later>>,
}

const REGISTER: u64 = size_of::<Option<Value>>() as u64;

impl<'p, 't> Machine<'p, 't> {
    pub fn new(
        program: &'p Program,
        prepared: &'p Prepared,
        input: Option<&Value>,
        data: &'p Value,
        options: &'p RunOptions,
        tracer: Option<&'t mut dyn Tracer>,
    ) -> Machine<'p, 't> {
        let mut buffers = Buffers::take();
        if buffers.caches.is_empty() {
            buffers.caches.push(Cache::default());
        }
        if let Some(cache) = buffers.caches.first_mut() {
            cache.fit(program.groups.len());
        }
        buffers.views.push(View::base(input.cloned()));
        buffers.scratch.random = options.world.seed;
        let tracing = tracer.is_some() && program.options.instrument;
        Machine {
            program,
            prepared,
            data,
            options,
            tracing,
            tracer,
            frames: std::mem::take(&mut buffers.frames),
            buffers,
            view: 0,
            meter: Meter::new(&options.budget),
            outcome: Outcome::default(),
            high_water: 0,
            collecting: 0,
            effects: 0,
            query: 0,
            parents: if tracing { vec![0] } else { Vec::new() },
            held: Vec::new(),
            replays: Vec::new(),
        }
    }

    /// What there is to tell; the memory is kept for the thread's next evaluation.
    pub fn end(mut self) -> Outcome {
        self.outcome.metrics.steps = self.meter.steps_used();
        self.outcome.metrics.memory = self.meter.memory_used();
        let mut buffers = self.buffers;
        buffers.frames = emptied(self.frames);
        buffers.registers.clear();
        buffers.choices.clear();
        buffers.collections.clear();
        buffers.views.clear();
        buffers.candidates.clear();
        buffers.arguments.clear();
        buffers.scratch.clear();
        buffers.caches.truncate(1);
        if let Some(cache) = buffers.caches.first_mut() {
            cache.clear();
        }
        // A large evaluation's memory is not kept for small ones.
        let rooms = buffers.spare.iter().map(Vec::capacity).chain(buffers.caches.iter().map(Cache::room));
        let own = [buffers.registers.capacity(), buffers.choices.capacity()];
        if !rooms.chain(own).any(|room| room > LARGE) {
            buffers.give();
        }
        self.outcome
    }

    pub fn run(&mut self) -> Result<(), EvalError> {
        let block = &self.prepared.block;
        self.grow(0, block.slots)?;
        self.frames.push(Frame::new(block, 0, NOWHERE, Driver::Query));
        let result = self.tell_query(EventOp::Enter).and_then(|()| self.execute());
        result.map_err(|error| self.outer_conflict(error))
    }

    fn tell_query(&mut self, op: EventOp) -> Result<(), EvalError> {
        if self.tracing {
            let body = self.prepared.output.body.clone();
            let span = body.first().map(|expr| expr.span).unwrap_or_default();
            self.tell(op, Node::Body(&body), span, "", &[]);
        }
        Ok(())
    }

    /// Makes room for a frame's registers.
    pub fn grow(&mut self, base: usize, slots: u32) -> Result<(), EvalError> {
        let need = base + slots as usize;
        if need > self.high_water {
            let more = (need - self.high_water) as u64;
            self.meter.memory(more * REGISTER).map_err(|limit| self.exhausted_limit(limit))?;
            self.high_water = need;
        }
        self.buffers.registers.resize(need, None);
        Ok(())
    }

    /// The place of the instruction that runs.
    pub fn span(&self) -> Option<Span> {
        let frame = self.frames.last()?;
        frame.block.spans.get(frame.pc.saturating_sub(1)).copied()
    }

    #[cold]
    pub fn exhausted_limit(&self, limit: Exhausted) -> EvalError {
        EvalError::exhausted(limit, self.span())
    }

    #[cold]
    pub fn internal(&self, message: &str) -> EvalError {
        EvalError::new(EvalCode::Internal, self.span(), message)
    }

    fn execute(&mut self) -> Result<(), EvalError> {
        'frames: loop {
            let Some(frame) = self.frames.last() else { return Ok(()) };
            let block: &'p Block = frame.block;
            let base = frame.base;
            let mut pc = frame.pc;
            macro_rules! value {
                ($src:expr) => {
                    match $src.place() {
                        Ok(slot) => match self.buffers.registers.get(base + slot) {
                            Some(Some(value)) => value,
                            _ => return Err(self.internal("register is empty")),
                        },
                        Err(at) => match block.constants.get(at) {
                            Some(value) => value,
                            None => return Err(self.internal("constant is not there")),
                        },
                    }
                };
            }
            macro_rules! set {
                ($slot:expr, $value:expr) => {{
                    let value = $value;
                    match self.buffers.registers.get_mut(base + $slot as usize) {
                        Some(place) => *place = Some(value),
                        None => return Err(self.internal("register is not there")),
                    }
                }};
            }
            macro_rules! enter {
                ($flow:expr) => {{
                    if let Some(frame) = self.frames.last_mut() {
                        frame.pc = pc;
                    }
                    entered!($flow)
                }};
            }
            macro_rules! entered {
                ($flow:expr) => {
                    match $flow? {
                        Flow::On => true,
                        Flow::Fail => false,
                        Flow::Reload => continue 'frames,
                    }
                };
            }
            macro_rules! failed {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(limit) => {
                            if let Some(frame) = self.frames.last_mut() {
                                frame.pc = pc;
                            }
                            return Err(self.exhausted_limit(limit));
                        }
                    }
                };
            }
            loop {
                let Some(op) = block.ops.get(pc) else { return Err(self.internal("code ends")) };
                pc += 1;
                failed!(self.meter.steps(1));
                let holds = match *op {
                    Op::Fail => false,
                    Op::Unbound => return Err(self.internal("a variable has no value")),
                    Op::Jump { to } => {
                        pc = to as usize;
                        true
                    }
                    Op::Equal { a, b } => {
                        let (a, b) = (value!(a), value!(b));
                        failed!(same(a, b, &mut self.meter))
                    }
                    Op::Truthy { src } => !value!(src).is_false(),
                    Op::Input { dst } => {
                        self.outcome.looked = true;
                        match self.input() {
                            Some(input) => {
                                set!(dst, input.clone());
                                true
                            }
                            None => false,
                        }
                    }
                    Op::InputPath { dst, path, watched } => {
                        self.outcome.looked |= watched;
                        let found = match (self.input(), block.paths.get(path as usize)) {
                            (Some(input), Some(path)) => path.follow(input).cloned(),
                            _ => None,
                        };
                        match found {
                            Some(found) => {
                                set!(dst, found);
                                true
                            }
                            None => false,
                        }
                    }
                    Op::Path { dst, src, path } => {
                        let found = match block.paths.get(path as usize) {
                            Some(path) => path.follow(value!(src)).cloned(),
                            None => None,
                        };
                        match found {
                            Some(found) => {
                                set!(dst, found);
                                true
                            }
                            None => false,
                        }
                    }
                    Op::Get { dst, src, key } => {
                        let (from, key) = (value!(src), value!(key));
                        let price = search_price(usize::try_from(width(from)).unwrap_or(usize::MAX), key);
                        if price > 0 {
                            failed!(self.meter.steps(price));
                        }
                        match from.get(key).cloned() {
                            Some(found) => {
                                set!(dst, found);
                                true
                            }
                            None => false,
                        }
                    }
                    Op::Data { dst, path } => {
                        let path = block.paths.get(path as usize).map_or(&[][..], Path::keys);
                        match self.document(path)? {
                            Some(found) => {
                                set!(dst, found);
                                true
                            }
                            None => false,
                        }
                    }
                    Op::Call { dst, group } => enter!(self.call_whole(group, dst)),
                    Op::CallKeys { dst, group, keys } => enter!(self.call_keys(block, base, group, keys, dst)),
                    Op::Function { dst, group, args } => enter!(self.call_function(block, base, group, args, dst)),
                    Op::Builtin { dst, callee, args } => {
                        let mut arguments = std::mem::take(&mut self.buffers.arguments);
                        arguments.clear();
                        for src in block.lists.get(args as usize).map_or(&[][..], |list| list) {
                            arguments.push(value!(*src).clone());
                        }
                        let flow = self.call_builtin_at(block, pc, callee, &arguments, dst);
                        arguments.clear();
                        self.buffers.arguments = arguments;
                        entered!(flow)
                    }
                    Op::Test { test, a, b, callee } => {
                        let holds = if self.mocks(block, callee) {
                            None
                        } else {
                            failed!(test.holds(value!(a), value!(b), &mut self.meter))
                        };
                        match holds {
                            Some(holds) => holds,
                            None => {
                                let arguments = [value!(a).clone(), value!(b).clone()];
                                enter!(self.call_builtin_at(block, pc, callee, &arguments, NOWHERE))
                            }
                        }
                    }
                    Op::Compare { test, dst, a, b, callee } => {
                        let holds = if self.mocks(block, callee) {
                            None
                        } else {
                            failed!(test.holds(value!(a), value!(b), &mut self.meter))
                        };
                        match holds {
                            Some(holds) => {
                                set!(dst, Value::Bool(holds));
                                true
                            }
                            None => {
                                let arguments = [value!(a).clone(), value!(b).clone()];
                                enter!(self.call_builtin_at(block, pc, callee, &arguments, dst))
                            }
                        }
                    }
                    Op::Arithmetic { how, dst, a, b, callee } => {
                        let quick = if self.mocks(block, callee) { None } else { how.quick(value!(a), value!(b)) };
                        match quick {
                            Some(number) => {
                                set!(dst, Value::int(number));
                                true
                            }
                            None => {
                                let arguments = [value!(a).clone(), value!(b).clone()];
                                enter!(self.call_builtin_at(block, pc, callee, &arguments, dst))
                            }
                        }
                    }
                    Op::Make { what, dst, items } => {
                        let list = block.lists.get(items as usize).map_or(&[][..], |list| list);
                        failed!(self.meter.memory(VALUE + list.len() as u64 * REGISTER));
                        let mut values = Vec::with_capacity(list.len());
                        for src in list {
                            values.push(value!(*src).clone());
                        }
                        if what != Collection::Array {
                            failed!(self.meter.steps(sort_price(values.iter())));
                        }
                        let value = made(what, values);
                        failed!(shallow(&value));
                        set!(dst, value);
                        true
                    }
                    Op::IsArray { src, length } => {
                        matches!(value!(src), Value::Array(array) if array.items().len() == length as usize)
                    }
                    Op::IsObject { src, length } => {
                        matches!(value!(src), Value::Object(object) if object.entries().len() == length as usize)
                    }
                    Op::IsCollection { src } => {
                        matches!(value!(src), Value::Array(_) | Value::Object(_) | Value::Set(_))
                    }
                    Op::Scan { src, key, value } => {
                        let from = value!(src);
                        match member(from, 0) {
                            Some(found) => {
                                let (found, more) = (found.clone(), member(from, 1).is_some());
                                if key != NOWHERE
                                    && let Some(at) = member_key(from, 0)
                                {
                                    set!(key, at);
                                }
                                set!(value, found);
                                if more {
                                    failed!(self.choose(ChoiceKind::Scan, pc - 1, 1));
                                }
                                true
                            }
                            None => false,
                        }
                    }
                    Op::ScanTest { .. } => match self.scan_test(block, base, pc - 1, 0)? {
                        Some(on) => {
                            pc = on;
                            true
                        }
                        None => false,
                    },
                    Op::ScanFor { src, key, want } => {
                        let size = walked(value!(src), value!(want));
                        failed!(self.meter.steps(size));
                        let found = find(value!(src), value!(want), 0);
                        match found {
                            Some((k, next)) => {
                                set!(key, k);
                                if let Some(next) = next {
                                    failed!(self.choose(ChoiceKind::ScanFor, pc - 1, next));
                                }
                                true
                            }
                            None => false,
                        }
                    }
                    Op::Barrier { otherwise } => {
                        failed!(self.choose(ChoiceKind::Barrier, otherwise as usize, 0));
                        true
                    }
                    Op::Cut => {
                        self.cut();
                        true
                    }
                    Op::CutFail => {
                        self.cut();
                        false
                    }
                    Op::Collect { otherwise } => {
                        failed!(self.choose(ChoiceKind::Barrier, otherwise as usize, 0));
                        let collection = self.buffers.spare.pop().unwrap_or_default();
                        self.buffers.collections.push(collection);
                        true
                    }
                    Op::Add { key, value, pair } => {
                        failed!(self.meter.memory(REGISTER * 2));
                        let v = value!(value).clone();
                        let k = if pair { Some(value!(key).clone()) } else { None };
                        let Some(collection) = self.buffers.collections.last_mut() else {
                            return Err(self.internal("collection is not there"));
                        };
                        collection.extend(k);
                        collection.push(v);
                        true
                    }
                    Op::Collected { what, dst } => {
                        let Some(mut collection) = self.buffers.collections.pop() else {
                            return Err(self.internal("collection is not there"));
                        };
                        failed!(self.meter.steps(collection.len() as u64));
                        if what != Collection::Array {
                            failed!(self.meter.steps(sort_price(collection.iter())));
                        }
                        let value = if what == Collection::Object {
                            match collected_object(&mut collection) {
                                Some(value) => value,
                                None => {
                                    let span = block.spans.get(pc - 1).copied();
                                    let message = "object keys must be unique";
                                    return Err(EvalError::new(EvalCode::Conflict, span, message));
                                }
                            }
                        } else {
                            made(what, std::mem::take(&mut collection))
                        };
                        self.buffers.spare.push(collection);
                        failed!(shallow(&value));
                        set!(dst, value);
                        true
                    }
                    Op::With { with } => {
                        let Some(with) = block.withs.get(with as usize) else {
                            return Err(self.internal("with is not there"));
                        };
                        let Some(mut view) = self.buffers.views.get(self.view as usize).cloned() else {
                            return Err(self.internal("view is not there"));
                        };
                        failed!(self.meter.memory(VIEW));
                        for (target, value) in &with.targets {
                            self.outcome.looked |= matches!(target, WithTarget::Input(_));
                            let path = match target {
                                WithTarget::Input(path) | WithTarget::Data(path) => &path[..],
                                WithTarget::Function(_) | WithTarget::Builtin(_) => &[],
                            };
                            if path.iter().any(|key| key.as_str().is_none()) {
                                let span = block.spans.get(pc - 1).copied();
                                return Err(EvalError::new(EvalCode::Conflict, span, "bad document path"));
                            }
                            let mock = match value {
                                super::code::WithValue::Value(src) => Mock::Value(value!(*src).clone()),
                                super::code::WithValue::Function(group) => Mock::Function(*group),
                                super::code::WithValue::Rule(group) => Mock::Rule(*group),
                                super::code::WithValue::Builtin(callee) => Mock::Builtin(callee.clone()),
                            };
                            failed!(view.replace(target, mock, &mut self.meter));
                        }
                        view.parent = self.view;
                        view.cache = u32::try_from(self.buffers.caches.len()).unwrap_or(u32::MAX);
                        self.buffers.caches.push(Cache::default());
                        self.view = u32::try_from(self.buffers.views.len()).unwrap_or(u32::MAX);
                        self.buffers.views.push(view);
                        true
                    }
                    Op::WithEnd => {
                        self.view = self.buffers.views.get(self.view as usize).map_or(0, |view| view.parent);
                        true
                    }
                    Op::Tree { dst, node } => {
                        self.cursor_at(base, dst, node)?;
                        true
                    }
                    Op::Step { dst, cursor, key } => {
                        let key = value!(key).clone();
                        enter!(self.step(base, dst, cursor, key))
                    }
                    Op::Keys { dst, cursor } => {
                        let keys = self.keys(base, cursor)?;
                        failed!(self.meter.memory(VALUE + keys.len() as u64 * REGISTER));
                        failed!(self.meter.steps(keys.len() as u64));
                        set!(dst, Value::array(keys));
                        true
                    }
                    Op::Extent { dst, cursor } => enter!(self.extent(base, dst, cursor)),
                    Op::NextLeaf => enter!(self.next_leaf()),
                    Op::Done { value } => {
                        let value = value!(value).clone();
                        enter!(self.done(value))
                    }
                    Op::DonePartial { path, value } => {
                        let mut keys = std::mem::take(&mut self.buffers.arguments);
                        keys.clear();
                        for src in block.lists.get(path as usize).map_or(&[][..], |list| list) {
                            keys.push(value!(*src).clone());
                        }
                        let value = value!(value).clone();
                        let flow = self.done_partial(&keys, value);
                        self.buffers.arguments = keys;
                        entered!(flow)
                    }
                    Op::Solution => {
                        let output = &self.prepared.output;
                        let mut solution = Solution {
                            bindings: Default::default(),
                            expressions: Vec::with_capacity(output.expressions.len()),
                        };
                        failed!(
                            self.meter.memory(VALUE * (1 + output.bindings.len() + output.expressions.len()) as u64)
                        );
                        for (name, src) in &output.bindings {
                            solution.bindings.insert(name.clone(), value!(*src).clone());
                        }
                        for (src, text, span) in &output.expressions {
                            let value = match src {
                                Some(src) => value!(*src).clone(),
                                None => Value::Bool(true),
                            };
                            solution.expressions.push(ExpressionValue { value, text: text.clone(), span: *span });
                        }
                        self.outcome.solutions.push(solution);
                        self.tell_query(EventOp::Exit)?;
                        self.tell_query(EventOp::Redo)?;
                        false
                    }
                    Op::TraceBegin { expr, mark } => {
                        if self.tracing {
                            let at = self.buffers.choices.len();
                            failed!(self.choose(ChoiceKind::Mark { held: false }, pc - 1, 0));
                            set!(mark, Value::int(i64::try_from(at).unwrap_or(i64::MAX)));
                            if let Some(frame) = self.frames.last_mut() {
                                frame.expr = expr;
                            }
                            self.tell_expr(block, base, expr, EventOp::Eval, false);
                        }
                        true
                    }
                    Op::TraceEnd { expr, mark } => {
                        if self.tracing {
                            let at = match value!(Src::slot(mark)) {
                                Value::Number(number) => number.as_i64().and_then(|at| usize::try_from(at).ok()),
                                _ => None,
                            };
                            if let Some(choice) = at.and_then(|at| self.buffers.choices.get_mut(at))
                                && let ChoiceKind::Mark { held } = &mut choice.kind
                            {
                                *held = true;
                            }
                            let negated = block.traced.get(expr as usize).is_some_and(|traced| traced.expr.negated);
                            if !negated {
                                failed!(self.choose(ChoiceKind::Redo, pc - 1, 0));
                            }
                        }
                        true
                    }
                    Op::TraceEnter { body, save } => {
                        if self.tracing {
                            set!(save, Value::int(i64::try_from(self.query).unwrap_or(i64::MAX)));
                            self.new_query();
                            self.tell_body(block, body, EventOp::Enter);
                        }
                        true
                    }
                    Op::TraceLeave { body, save } => {
                        if self.tracing {
                            self.tell_body(block, body, EventOp::Exit);
                            failed!(self.choose(ChoiceKind::RedoBody, pc - 1, 0));
                            if let Value::Number(number) = value!(Src::slot(save)) {
                                self.query = number.as_i64().and_then(|query| u64::try_from(query).ok()).unwrap_or(0);
                            }
                        }
                        true
                    }
                };
                if !holds {
                    self.fail()?;
                    continue 'frames;
                }
            }
        }
    }

    pub fn input(&self) -> Option<&Value> {
        self.buffers.views.get(self.view as usize)?.input.as_ref()
    }

    /// The base document at a path without `data`, as the view has it.
    pub fn document(&mut self, path: &[Value]) -> Result<Option<Value>, EvalError> {
        let Some(view) = self.buffers.views.get(self.view as usize) else { return Ok(None) };
        let cost = view.cost(self.data, path);
        if cost > 0 {
            let paid = self.meter.steps(cost).and_then(|()| self.meter.memory(cost.saturating_mul(MEMBER)));
            paid.map_err(|limit| self.exhausted_limit(limit))?;
        }
        Ok(self.buffers.views.get(self.view as usize).and_then(|view| view.document(self.data, path)))
    }

    /// Whether what is at the path (with `data`) is replaced.
    pub fn hides(&mut self, path: &[Value]) -> Result<bool, EvalError> {
        let Some(view) = self.buffers.views.get(self.view as usize) else { return Ok(false) };
        let (cost, hidden) = (view.looking_up(), view.hides(path));
        self.meter.steps(cost).map_err(|limit| self.exhausted_limit(limit))?;
        Ok(hidden)
    }

    /// Makes a choice point.
    pub fn choose(&mut self, kind: ChoiceKind, pc: usize, at: usize) -> Result<(), Exhausted> {
        if self.buffers.choices.len() >= MAX_CHOICES {
            return Err(Exhausted::Memory);
        }
        self.buffers.choices.push(Choice {
            kind,
            pc: u32::try_from(pc).unwrap_or(u32::MAX),
            at: u32::try_from(at).unwrap_or(u32::MAX),
            view: self.view,
            views: u32::try_from(self.buffers.views.len()).unwrap_or(u32::MAX),
            query: self.query,
        });
        Ok(())
    }

    /// Drops the choice points down to the newest barrier of this frame.
    fn cut(&mut self) {
        let bottom = self.frames.last().map_or(0, |frame| frame.choices);
        while self.buffers.choices.len() > bottom {
            if let Some(choice) = self.buffers.choices.pop()
                && matches!(choice.kind, ChoiceKind::Barrier)
            {
                self.query = choice.query;
                break;
            }
        }
    }

    /// Drops the views that were made since.
    pub fn drop_views(&mut self, count: usize) {
        if self.buffers.views.len() > count {
            self.buffers.views.truncate(count);
            let caches = self.buffers.views.iter().map(|view| view.cache as usize + 1).max().unwrap_or(1);
            self.buffers.caches.truncate(caches);
        }
    }

    /// Goes back to the newest choice point: the newest frame knows where it goes on.
    fn fail(&mut self) -> Result<(), EvalError> {
        loop {
            let Some(frame) = self.frames.last() else { return Ok(()) };
            let (block, base): (&'p Block, usize) = (frame.block, frame.base);
            if self.buffers.choices.len() <= frame.choices {
                match self.nothing_more()? {
                    Flow::Fail => continue,
                    Flow::On | Flow::Reload => return Ok(()),
                }
            }
            let Some(choice) = self.buffers.choices.last().copied() else { return Ok(()) };
            self.view = choice.view;
            self.query = choice.query;
            self.drop_views(choice.views as usize);
            let pc = choice.pc as usize;
            match choice.kind {
                ChoiceKind::Barrier => {
                    self.buffers.choices.pop();
                    if choice.pc != u32::MAX {
                        return self.go_on(pc);
                    }
                }
                ChoiceKind::Scan => {
                    let at = choice.at as usize;
                    let Some(Op::Scan { src, key, value }) = block.ops.get(pc) else {
                        self.buffers.choices.pop();
                        match self.scan_test(block, base, pc, at)? {
                            Some(on) => return self.go_on(on),
                            None => continue,
                        }
                    };
                    let from = self.value_of(block, base, *src)?;
                    let (found, more) = (member(from, at).cloned(), member(from, at + 1).is_some());
                    let at = if *key == NOWHERE { None } else { member_key(from, at) };
                    if more {
                        if let Some(choice) = self.buffers.choices.last_mut() {
                            choice.at += 1;
                        }
                    } else {
                        self.buffers.choices.pop();
                    }
                    if let Some(found) = found {
                        if let Some(at) = at {
                            self.set(base, *key, at);
                        }
                        self.set(base, *value, found);
                        self.meter.steps(1).map_err(|limit| self.exhausted_limit(limit))?;
                        return self.go_on(pc + 1);
                    }
                }
                ChoiceKind::ScanFor => {
                    let Some(Op::ScanFor { src, key, want }) = block.ops.get(pc) else {
                        return Err(self.internal("scan is not there"));
                    };
                    let found =
                        find(self.value_of(block, base, *src)?, self.value_of(block, base, *want)?, choice.at as usize);
                    match found {
                        Some((k, next)) => {
                            match (next, self.buffers.choices.last_mut()) {
                                (Some(next), Some(choice)) => choice.at = u32::try_from(next).unwrap_or(u32::MAX),
                                _ => {
                                    self.buffers.choices.pop();
                                }
                            }
                            self.set(base, *key, k);
                            self.meter.steps(1).map_err(|limit| self.exhausted_limit(limit))?;
                            return self.go_on(pc + 1);
                        }
                        None => {
                            self.buffers.choices.pop();
                        }
                    }
                }
                _ => {
                    self.buffers.choices.pop();
                    self.tell_back(choice, block, base);
                }
            }
        }
    }

    /// Looks from a member on for one that passes the test of the instruction at `pc`; where to go on, with the member in its
    /// slot: behind the test, or where the test has to be made by its builtin, at it.
    fn scan_test(&mut self, block: &'p Block, base: usize, pc: usize, from: usize) -> Result<Option<usize>, EvalError> {
        let Some(Op::ScanTest { src, value, test, other, first, callee }) = block.ops.get(pc) else {
            return Err(self.internal("scan is not there"));
        };
        let mocked = self.mocks(block, *callee);
        let registers = &self.buffers.registers;
        let place = |src: Src| match src.place() {
            Ok(slot) => registers.get(base + slot).and_then(Option::as_ref),
            Err(at) => block.constants.get(at),
        };
        let (Some(collection), Some(other)) = (place(*src), place(*other)) else {
            return Err(self.internal("register is empty"));
        };
        let (mut at, mut found, mut limit) = (from, None, None);
        while let Some(member) = member(collection, at) {
            at += 1;
            let (a, b) = if *first { (member, other) } else { (other, member) };
            let holds = match self.meter.steps(2) {
                Ok(()) if mocked => Ok(None),
                Ok(()) => test.holds(a, b, &mut self.meter),
                Err(limit) => Err(limit),
            };
            match holds {
                Ok(Some(false)) => {}
                Ok(holds) => {
                    let on = if holds.is_some() { pc + 2 } else { pc + 1 };
                    found = Some((member.clone(), on, self::member(collection, at).is_some()));
                    break;
                }
                Err(passed) => {
                    limit = Some(passed);
                    break;
                }
            }
        }
        if let Some(limit) = limit {
            self.go_on(pc + 1)?;
            return Err(self.exhausted_limit(limit));
        }
        let Some((member, on, more)) = found else { return Ok(None) };
        if more {
            self.choose(ChoiceKind::Scan, pc, at).map_err(|limit| self.exhausted_limit(limit))?;
        }
        self.set(base, *value, member);
        Ok(Some(on))
    }

    /// What is told when a choice point is gone back to that has nothing else to do.
    pub fn tell_back(&mut self, choice: Choice, block: &'p Block, base: usize) {
        match (choice.kind, block.ops.get(choice.pc as usize)) {
            (ChoiceKind::Mark { held: false }, Some(Op::TraceBegin { expr, .. })) => {
                self.tell_expr(block, base, *expr, EventOp::Fail, false);
            }
            (ChoiceKind::Redo, Some(Op::TraceEnd { expr, .. })) => {
                self.tell_expr(block, base, *expr, EventOp::Redo, true);
            }
            (ChoiceKind::RedoBody, Some(Op::TraceLeave { body, .. })) => {
                self.tell_body(block, *body, EventOp::Redo);
            }
            (ChoiceKind::Replay, _) => {
                let events = self.replays.get_mut(choice.at as usize).map(std::mem::take).unwrap_or_default();
                for later in events {
                    self.deliver(&later.event());
                }
            }
            _ => {}
        }
    }

    /// Keeps what a call did after it gave its value for when it is gone back to.
    pub fn replay(&mut self, events: Vec<Later>) -> Result<(), Exhausted> {
        self.replays.push(events);
        let at = self.replays.len() - 1;
        self.choose(ChoiceKind::Replay, 0, at)
    }

    fn deliver(&mut self, event: &Event<'_>) {
        match (self.held.last_mut(), self.tracer.as_mut()) {
            (Some(held), _) => held.push(Later::of(event)),
            (None, Some(tracer)) => tracer.event(event),
            (None, None) => {}
        }
    }

    /// Which of a rule's definitions can hold, told at the expression that asks.
    pub fn tell_index(&mut self, count: usize, early: bool, target: &[Value]) {
        let Some(frame) = self.frames.last() else { return };
        let Some(traced) = frame.block.traced.get(frame.expr as usize) else { return };
        let expr = Arc::clone(&traced.expr);
        let rules = if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") };
        let message = format!("(matched {rules}{})", if early { ", early exit" } else { "" });
        let event = Event {
            op: EventOp::Index,
            query_id: self.query,
            parent_id: self.parent_query(),
            node: Node::Expr(&expr),
            span: expr.span,
            message: &message,
            target: Some(target),
            locals: &[],
        };
        self.deliver(&event);
    }

    fn parent_query(&self) -> u64 {
        self.parents.get(usize::try_from(self.query).unwrap_or(0)).copied().unwrap_or(0)
    }

    fn go_on(&mut self, pc: usize) -> Result<(), EvalError> {
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = pc;
        }
        Ok(())
    }

    pub fn value_of<'m>(&'m self, block: &'m Block, base: usize, src: Src) -> Result<&'m Value, EvalError> {
        let found = match src.place() {
            Ok(slot) => self.buffers.registers.get(base + slot).and_then(Option::as_ref),
            Err(at) => block.constants.get(at),
        };
        found.ok_or_else(|| self.internal("register is empty"))
    }

    pub fn set(&mut self, base: usize, slot: Slot, value: Value) {
        if slot != NOWHERE
            && let Some(place) = self.buffers.registers.get_mut(base + slot as usize)
        {
            *place = Some(value);
        }
    }

    /// Whether the builtin is replaced here.
    #[inline]
    fn mocks(&self, block: &Block, callee: u32) -> bool {
        let Some(view) = self.buffers.views.get(self.view as usize) else { return false };
        !view.mocks.is_empty()
            && block.callees.get(callee as usize).is_some_and(|callee| view.mock_of_builtin(callee.name()).is_some())
    }

    fn call_builtin_at(
        &mut self,
        block: &'p Block,
        pc: usize,
        callee: u32,
        arguments: &[Value],
        dst: Slot,
    ) -> Result<Flow, EvalError> {
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = pc;
        }
        let Some(callee) = block.callees.get(callee as usize) else {
            return Err(self.internal("builtin is not there"));
        };
        let view = self.buffers.views.get(self.view as usize);
        let mock =
            view.filter(|view| !view.mocks.is_empty()).and_then(|view| view.mock_of_builtin(callee.name())).cloned();
        match mock {
            None => self.call_builtin(callee, arguments, dst),
            Some(Mock::Value(value)) => Ok(self.answer(dst, value)),
            Some(Mock::Builtin(other)) => self.call_builtin(&other, arguments, dst),
            Some(Mock::Function(group)) => self.call_mock(group, arguments, dst),
            Some(Mock::Rule(_)) if dst == NOWHERE => Ok(Flow::On),
            Some(Mock::Rule(group)) => self.call_whole(group, dst),
        }
    }

    /// A value for a slot, or where there is no slot for whether it holds.
    pub fn answer(&mut self, dst: Slot, value: Value) -> Flow {
        if dst == NOWHERE {
            return if value.is_false() { Flow::Fail } else { Flow::On };
        }
        let base = self.frames.last().map_or(0, |frame| frame.base);
        self.set(base, dst, value);
        Flow::On
    }

    pub fn call_builtin(&mut self, callee: &Callee, arguments: &[Value], dst: Slot) -> Result<Flow, EvalError> {
        if self.tracing
            && callee.name() == "trace"
            && let Some(note) = arguments.first().and_then(Value::as_str)
        {
            let body = Arc::clone(&self.prepared.output.body);
            let span = self.span().unwrap_or_default();
            self.tell(EventOp::Note, Node::Body(&body), span, note, &[]);
        }
        let (name, result) = match callee {
            Callee::Builtin(builtin) => {
                let mut context = Context {
                    meter: &mut self.meter,
                    name: builtin.name,
                    world: &self.options.world,
                    scratch: &mut self.buffers.scratch,
                };
                (builtin.name, (builtin.run)(&mut context, arguments))
            }
            Callee::Custom(name, run) => {
                self.effects += 1;
                self.buffers.scratch.caller = self.span();
                let mut context = Context {
                    meter: &mut self.meter,
                    name,
                    world: &self.options.world,
                    scratch: &mut self.buffers.scratch,
                };
                (&**name, run(&mut context, arguments))
            }
            Callee::Missing(name) => {
                return Err(self.internal(&format!("unsupported built-in: {name}")));
            }
        };
        if !self.buffers.scratch.printed.is_empty() {
            self.effects += 1;
            let span = self.span().unwrap_or_default();
            let lines = self.buffers.scratch.printed.drain(..).map(|text| Printed { span, text });
            self.outcome.printed.extend(lines);
        }
        match result {
            Ok(Some(value)) => {
                shallow(&value).map_err(|limit| self.exhausted_limit(limit))?;
                Ok(self.answer(dst, value))
            }
            Ok(None) => Ok(Flow::Fail),
            Err(Failure::Error { kind, message }) => {
                let code = match kind {
                    FailureKind::Operand => EvalCode::Type,
                    FailureKind::Builtin => EvalCode::Builtin,
                };
                // It may show a whole document, and is kept.
                let bytes = message.len() as u64;
                let paid = self.meter.steps(bytes / 64).and_then(|()| self.meter.memory(bytes));
                paid.map_err(|limit| self.exhausted_limit(limit))?;
                let error = EvalError::new(code, self.span(), format!("{name}: {message}"));
                self.note_failure(error)?;
                Ok(Flow::Fail)
            }
            Err(Failure::Halt(halt)) => Err(match halt {
                Halt::Exhausted(limit) => self.exhausted_limit(limit),
                Halt::Denied(message) => EvalError::new(EvalCode::Denied, self.span(), message),
                Halt::Fatal(message) => EvalError::new(EvalCode::Builtin, self.span(), format!("{name}: {message}")),
            }),
        }
    }

    fn note_failure(&mut self, error: EvalError) -> Result<(), EvalError> {
        self.effects += 1;
        if self.collecting > 0 {
            return Ok(());
        }
        if self.options.strict_builtin_errors {
            return Err(error);
        }
        self.outcome.metrics.builtin_errors += 1;
        if self.outcome.builtin_errors.len() < MAX_LISTED_ERRORS {
            self.outcome.builtin_errors.push(error);
        }
        Ok(())
    }

    pub fn new_query(&mut self) {
        if self.tracing {
            self.parents.push(self.query);
            self.query = self.parents.len() as u64 - 1;
        }
    }

    fn tell_expr(&mut self, block: &'p Block, base: usize, expr: u32, op: EventOp, after: bool) {
        let Some(traced) = block.traced.get(expr as usize) else { return };
        let expr = Arc::clone(&traced.expr);
        let mut locals: Vec<(Name, Value)> = Vec::new();
        if self.tracer.as_ref().is_some_and(|tracer| tracer.wants_locals()) {
            for (name, src) in if after { &traced.after } else { &traced.before } {
                if let Ok(value) = self.value_of(block, base, *src) {
                    locals.push((name.clone(), value.clone()));
                }
            }
        }
        self.tell(op, Node::Expr(&expr), expr.span, "", &locals);
    }

    fn tell_body(&mut self, block: &'p Block, body: u32, op: EventOp) {
        let Some(body) = block.bodies.get(body as usize) else { return };
        let span = body.first().map(|expr| expr.span).unwrap_or_default();
        self.tell(op, Node::Body(body), span, "", &[]);
    }

    pub fn tell(&mut self, op: EventOp, node: Node<'_>, span: Span, message: &str, locals: &[(Name, Value)]) {
        if !self.tracing {
            return;
        }
        let parent_id = self.parent_query();
        let event = Event { op, query_id: self.query, parent_id, node, span, message, target: None, locals };
        self.deliver(&event);
    }

    pub fn metrics(&mut self) -> &mut Metrics {
        &mut self.outcome.metrics
    }
}

/// So many choice points are more than any budget of memory should pay for.
const MAX_CHOICES: usize = 4_000_000;

/// A composite's own bytes.
const VALUE: u64 = 64;

const VIEW: u64 = 256;

/// Buffers with more room than this are given back.
const LARGE: usize = 1 << 16;

pub(super) fn shallow(value: &Value) -> Result<(), Exhausted> {
    if value.depth() > MAX_DEPTH {
        return Err(Exhausted::Depth);
    }
    // What is shared many times over is small and yet endless to walk.
    if value.weight() > MAX_WEIGHT { Err(Exhausted::Memory) } else { Ok(()) }
}

/// How many members it has.
fn width(value: &Value) -> u64 {
    match value {
        Value::Array(array) => array.items().len() as u64,
        Value::Object(object) => object.entries().len() as u64,
        Value::Set(set) => set.members().len() as u64,
        _ => 0,
    }
}

/// What it takes to find all members that are equal to a value.
fn walked(collection: &Value, want: &Value) -> u64 {
    match collection {
        Value::Set(set) => 1 + search_price(set.members().len(), want),
        // The smaller of two decides how long they are compared; the members are no heavier than all of them.
        _ => width(collection)
            .saturating_add(width(collection).saturating_mul(search_price(1, want)).min(collection.weight())),
    }
}

/// A member by its number.
#[inline]
fn member(collection: &Value, at: usize) -> Option<&Value> {
    match collection {
        Value::Array(array) => array.items().get(at),
        Value::Object(object) => object.entries().get(at).map(|(_, value)| value),
        Value::Set(set) => set.members().get(at),
        _ => None,
    }
}

/// The key of a member by its number.
fn member_key(collection: &Value, at: usize) -> Option<Value> {
    match collection {
        Value::Array(_) => Some(Value::int(i64::try_from(at).unwrap_or(i64::MAX))),
        Value::Object(object) => object.entries().get(at).map(|(key, _)| key.clone()),
        Value::Set(set) => set.members().get(at).cloned(),
        _ => None,
    }
}

/// The key of the next member that equals `want`, and where to look on.
fn find(collection: &Value, want: &Value, at: usize) -> Option<(Value, Option<usize>)> {
    match collection {
        Value::Set(set) => set.contains(want).then(|| (want.clone(), None)),
        Value::Array(array) => {
            let items = array.items();
            let found = at + items.get(at..)?.iter().position(|item| item == want)?;
            let key = Value::int(i64::try_from(found).unwrap_or(i64::MAX));
            Some((key, (found + 1 < items.len()).then_some(found + 1)))
        }
        Value::Object(object) => {
            let entries = object.entries();
            let found = at + entries.get(at..)?.iter().position(|(_, value)| value == want)?;
            let key = entries.get(found)?.0.clone();
            Some((key, (found + 1 < entries.len()).then_some(found + 1)))
        }
        _ => None,
    }
}

/// An object of keys and values that alternate; `None` where one key has two values.
fn collected_object(collection: &mut Vec<Value>) -> Option<Value> {
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(collection.len() / 2);
    let mut values = collection.drain(..);
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        entries.push((key, value));
    }
    drop(values);
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let clash = entries.windows(2).any(|pair| match pair {
        [a, b] => a.0 == b.0 && a.1 != b.1,
        _ => false,
    });
    (!clash).then(|| Value::object(entries))
}

impl Test {
    /// `None`: the builtin has to say it, for the values are not of the types that are answered here.
    #[inline]
    fn holds(self, a: &Value, b: &Value, meter: &mut Meter) -> Result<Option<bool>, Exhausted> {
        if matches!(self, Test::Equal | Test::NotEqual) {
            return Ok(Some(same(a, b, meter)? == (self == Test::Equal)));
        }
        if matches!(self, Test::StartsWith | Test::EndsWith | Test::Contains) {
            let (Value::String(a), Value::String(b)) = (a, b) else { return Ok(None) };
            meter.steps((a.len() + b.len()) as u64 / 64)?;
            return Ok(Some(match self {
                Test::StartsWith => a.starts_with(&**b),
                Test::EndsWith => a.ends_with(&**b),
                _ => a.contains(&**b),
            }));
        }
        let price = search_price(1, a).min(search_price(1, b));
        if price > 0 {
            meter.steps(price)?;
        }
        Ok(Some(match self {
            Test::Less => a < b,
            Test::LessOrEqual => a <= b,
            Test::Greater => a > b,
            _ => a >= b,
        }))
    }
}

impl Arithmetic {
    /// The result where both are small whole numbers, and so is it.
    #[inline]
    fn quick(self, a: &Value, b: &Value) -> Option<i64> {
        let (Value::Number(a), Value::Number(b)) = (a, b) else { return None };
        let (a, b) = (a.as_i64()?, b.as_i64()?);
        match self {
            Arithmetic::Plus => a.checked_add(b),
            Arithmetic::Minus => a.checked_sub(b),
            Arithmetic::Times => a.checked_mul(b),
            // 0 / -1 is -0, which no integer is.
            Arithmetic::Divide => (a != 0 && a.checked_rem(b)? == 0).then(|| a.checked_div(b)).flatten(),
            Arithmetic::Remainder => a.checked_rem(b),
        }
    }
}
