//! Writes random programs: modules, a query, an input and data that they look into. Most compile; some are wrong on purpose,
//! by a term of another kind, a variable that nobody binds, a rule that calls itself, or an alteration of the finished text.
//!
//! What it makes: v1 modules, v0 modules, and v0 modules with keywords; several packages that call each other, with imports
//! and their aliases; complete rules, sets, objects, general references with constants and variables, functions with patterns
//! for arguments, defaults, chains of `else`, several bodies of one head; `some`, `every`, `in`, `with` of documents, rules and
//! functions, `not`, `and`, `or`, comprehensions, template strings, about 200 builtins with arguments that mostly fit, `walk`,
//! results as arguments; conditions that an index of rules reads, under strict and lenient errors of builtins.
//!
//! What it does not make: annotations and schemas, `print`, rules inside of `system`, input and data of more than a few dozen
//! members, deep nesting, builtins that reach outside (`http.send`), give chance or need keys.

use super::builtins::{Arg, CALLS, Call, KINDS, Kind};
use super::random::Random;
use super::rope::{Rope, cat, list, maybe, term};
use super::values;

/// How modules are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    V1,
    /// v0 as it was.
    V0,
    /// v0 with future keywords or `rego.v1`.
    V0WithKeywords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Its value is of a kind.
    Complete,
    Set,
    Object,
    /// `p.a`, `p[x].b`: an object of what rules put into it.
    General,
    /// With so many arguments.
    Function(usize),
}

#[derive(Debug, Clone)]
struct Rule {
    package: usize,
    name: String,
    shape: Shape,
    /// Of the value, or of its members.
    kind: Kind,
}

#[derive(Debug, Clone)]
pub struct Program {
    pub v0: bool,
    pub strict: bool,
    pub strict_builtin_errors: bool,
    pub modules: Vec<(String, Rope)>,
    pub query: Rope,
    pub input: Option<Rope>,
    pub data: Rope,
}

struct Writer<'r> {
    random: &'r mut Random,
    style: Style,
    rules: Vec<Rule>,
    package: usize,
    /// Variables that are bound here, innermost last.
    scope: Vec<(String, Kind)>,
    fresh: usize,
    /// `not`, `and`, `or` as bodies and operators of their own.
    logical: bool,
    /// No new variables here: what is written cannot bind them.
    ground: bool,
    /// What the module's imports call paths.
    imports: Vec<(&'static str, &'static str)>,
}

const PACKAGES: &[&str] = &["t", "t.sub", "lib"];
const IMPORTS: &[(&str, &str)] = &[
    ("base", "data.base"),
    ("o", "input.obj"),
    ("deep", "input.deep"),
    ("req", "input"),
    ("lib", "data.lib"),
    ("other", "data.t.sub"),
    ("pp", "data.t.p"),
];
const NAMES: &[&str] = &["p", "q", "r", "s", "u", "v", "w", "allow", "deny", "g"];

/// Fields of input and data and what they mostly hold.
const FIELDS: &[(&str, Kind)] = &[
    ("n", Kind::Number),
    ("m", Kind::Number),
    ("name", Kind::Str),
    ("word", Kind::Str),
    ("flag", Kind::Bool),
    ("nothing", Kind::Null),
    ("nums", Kind::Numbers),
    ("tags", Kind::Strings),
    ("obj", Kind::Object),
    ("deep.obj", Kind::Object),
    ("deep.nums", Kind::Numbers),
    ("items[0].name", Kind::Str),
    ("items[1].tags", Kind::Strings),
    ("mixed", Kind::Any),
    ("items", Kind::Any),
    ("missing", Kind::Any),
];

const STRINGS: &[&str] = &[
    "\"a\"",
    "\"b\"",
    "\"ab\"",
    "\"foo\"",
    "\"\"",
    "\"a/b\"",
    "\"é\"",
    "\"x y\"",
    "`r\\aw`",
    "\"A\"",
    "\"10\"",
    "\"a.b.c\"",
    "\"\\n\"",
    "\"\\u00e9\"",
    "\"1.5\"",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "10",
    "-1",
    "1.5",
    "0.1",
    "1e3",
    "100000000000000000000",
    "9223372036854775807",
    "1.0",
    "-0",
    "7",
    "1e-7",
    "0.30000000000000004",
    "3.14159",
];

impl Writer<'_> {
    fn variable(&mut self, kind: Kind) -> String {
        self.fresh += 1;
        let name = format!("{}{}", self.random.one(&["x", "y", "z", "i", "k"]), self.fresh);
        self.scope.push((name.clone(), kind));
        name
    }

    /// Runs with a scope of its own.
    fn inside<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.scope.len();
        let made = write(self);
        self.scope.truncate(depth);
        made
    }

    /// Writes what mostly binds nothing.
    fn grounded<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.ground;
        self.ground = before || self.random.chance(95);
        let made = write(self);
        self.ground = before;
        made
    }

    /// A value without variables, references and calls.
    fn constant(&mut self, kind: Kind) -> Rope {
        if self.random.chance(3) {
            return self.grounded(|writer| writer.literal(kind, 1));
        }
        Rope::from(match kind {
            Kind::Number => *self.random.one(NUMBERS),
            Kind::Str => *self.random.one(STRINGS),
            Kind::Bool => *self.random.one(&["true", "false"]),
            Kind::Null => "null",
            Kind::Numbers => *self.random.one(&["[]", "[1, 2]"]),
            Kind::Strings => *self.random.one(&["[\"a\"]", "[]"]),
            Kind::NumberSet => *self.random.one(&["set()", "{1, 2, 1.0}"]),
            Kind::StrSet => *self.random.one(&["set()", "{\"b\", \"a\"}"]),
            Kind::Object => *self.random.one(&["{}", "{\"a\": {\"b\": [1]}}"]),
            Kind::Any => *self.random.one(&["{\"x\": set()}", "[[]]", "{null}"]),
        })
    }

    fn known(&mut self, kind: Kind) -> Option<String> {
        let fits: Vec<String> = self
            .scope
            .iter()
            .filter(|(_, have)| kind == Kind::Any || *have == kind)
            .map(|(name, _)| name.clone())
            .collect();
        (!fits.is_empty()).then(|| self.random.one(&fits).clone())
    }

    fn literal(&mut self, kind: Kind, depth: usize) -> Rope {
        let items = |writer: &mut Self, kind: Kind| {
            let count = writer.random.below(4);
            (0..count).map(|_| writer.term(kind, depth.saturating_sub(1))).collect::<Vec<_>>()
        };
        match kind {
            Kind::Number => Rope::from(*self.random.one(NUMBERS)),
            Kind::Str => {
                if self.style == Style::V1 && depth > 0 && self.random.chance(8) {
                    let inner = self.grounded(|writer| writer.term(Kind::Any, depth - 1));
                    return cat!["$\"<", maybe(cat!["{", inner, "}"]), ">\""];
                }
                Rope::from(*self.random.one(STRINGS))
            }
            Kind::Bool => Rope::from(*self.random.one(&["true", "false"])),
            Kind::Null => "null".into(),
            Kind::Numbers => cat!["[", list(", ", 0, items(self, Kind::Number)), "]"],
            Kind::Strings => cat!["[", list(", ", 0, items(self, Kind::Str)), "]"],
            Kind::NumberSet | Kind::StrSet => {
                let inner = if kind == Kind::NumberSet { Kind::Number } else { Kind::Str };
                let items = items(self, inner);
                if items.is_empty() { "set()".into() } else { cat!["{", list(", ", 1, items), "}"] }
            }
            Kind::Object => {
                let count = self.random.below(4);
                let pairs = (0..count).map(|_| {
                    let key = Rope::from(*self.random.one(&["\"a\"", "\"b\"", "\"c\"", "\"d\""]));
                    let value = self.any_kind();
                    cat![key, ": ", self.term(value, depth.saturating_sub(1))]
                });
                let pairs = pairs.collect();
                cat!["{", list(", ", 0, pairs), "}"]
            }
            Kind::Any => {
                let kind = self.any_kind();
                if kind == Kind::Any { "[1, {\"a\": {2}}]".into() } else { self.literal(kind, depth) }
            }
        }
    }

    fn any_kind(&mut self) -> Kind {
        *self.random.one(KINDS)
    }

    /// A place in input or data.
    fn place(&mut self, kind: Kind) -> Rope {
        let fits: Vec<&str> =
            FIELDS.iter().filter(|(_, have)| *have == kind || kind == Kind::Any).map(|(name, _)| *name).collect();
        let root = *self.random.one(&["input", "input", "data.base"]);
        let path = match fits.is_empty() {
            false => format!("{root}.{}", self.random.one(&fits)),
            true => format!("{root}.mixed"),
        };
        self.by_import(path).into()
    }

    /// A path as the module's imports let it be written, sometimes.
    fn by_import(&mut self, path: String) -> String {
        let fits: Vec<String> = self
            .imports
            .iter()
            .filter_map(|(alias, whole)| {
                let rest = path.strip_prefix(whole)?;
                (rest.is_empty() || rest.starts_with('.')).then(|| format!("{alias}{rest}"))
            })
            .collect();
        if fits.is_empty() || self.random.chance(30) { path } else { self.random.one(&fits).clone() }
    }

    /// A name that a rule is known by here.
    fn name(&mut self, rule: &Rule) -> String {
        if rule.package == self.package && self.random.chance(80) {
            rule.name.clone()
        } else {
            self.by_import(format!("data.{}.{}", PACKAGES[rule.package], rule.name))
        }
    }

    fn rule_value(&mut self, kind: Kind, depth: usize) -> Option<Rope> {
        let fits: Vec<Rule> = self
            .rules
            .iter()
            .filter(|rule| match rule.shape {
                Shape::Set => {
                    kind == Kind::Any
                        || (rule.kind == Kind::Number && kind == Kind::NumberSet)
                        || (rule.kind == Kind::Str && kind == Kind::StrSet)
                }
                Shape::Object | Shape::General => kind == Kind::Any || kind == Kind::Object,
                Shape::Complete | Shape::Function(_) => kind == Kind::Any || rule.kind == kind,
            })
            .cloned()
            .collect();
        if fits.is_empty() {
            return None;
        }
        let rule = self.random.one(&fits).clone();
        let name = self.name(&rule);
        Some(match rule.shape {
            Shape::Function(count) => {
                let count = if self.random.chance(3) { count + 1 } else { count };
                let args = (0..count).map(|_| {
                    let kind = self.any_kind();
                    self.term(kind, depth.saturating_sub(1))
                });
                let args = args.collect();
                cat![name, "(", list(", ", 1, args), ")"]
            }
            _ => name.into(),
        })
    }

    fn argument(&mut self, arg: &Arg, depth: usize) -> Rope {
        match arg {
            Arg::From(texts) => match self.random.below(100) {
                0..90 => Rope::from(*self.random.one(texts)),
                90..97 => self.place(Kind::Any),
                _ => self.term(Kind::Any, 0),
            },
            Arg::Of(kind) => self.term(*kind, depth.saturating_sub(1)),
        }
    }

    fn call(&mut self, call: &Call, depth: usize) -> Rope {
        let args: Vec<Rope> = call.args.iter().map(|arg| self.argument(arg, depth)).collect();
        cat![call.name, "(", list(", ", args.len(), args), ")"]
    }

    fn builtin(&mut self, kind: Kind, depth: usize) -> Option<Rope> {
        let fits: Vec<&Call> = CALLS
            .iter()
            .filter(|call| (call.gives == kind || kind == Kind::Any) && (!call.old || self.style == Style::V0))
            .collect();
        if fits.is_empty() {
            return None;
        }
        let call = *self.random.one(&fits);
        Some(self.call(call, depth))
    }

    fn comprehension(&mut self, kind: Kind, depth: usize) -> Option<Rope> {
        let (open, inner, close) = match kind {
            Kind::Numbers => ("[", Kind::Number, "]"),
            Kind::Strings => ("[", Kind::Str, "]"),
            Kind::NumberSet => ("{", Kind::Number, "}"),
            Kind::StrSet => ("{", Kind::Str, "}"),
            Kind::Object => ("{", Kind::Any, "}"),
            _ => return None,
        };
        Some(self.inside(|writer| {
            let body = writer.body(depth.saturating_sub(1), 2);
            let body = list("; ", 1, body);
            let head = match kind {
                Kind::Object => {
                    let key = writer.term(Kind::Str, 0);
                    cat![key, ": ", writer.term(inner, 1)]
                }
                _ => cat![writer.term(inner, 1)],
            };
            cat![open, head, " | ", body, close]
        }))
    }

    fn infix(&mut self, kind: Kind, depth: usize) -> Option<Rope> {
        let operators: &[&str] = match kind {
            Kind::Number => &["+", "-", "*", "/", "%"],
            Kind::NumberSet | Kind::StrSet => &["&", "|", "-"],
            _ => return None,
        };
        let operator = *self.random.one(operators);
        let left = self.term(kind, depth - 1);
        let right = self.term(kind, depth - 1);
        let close = self.random.chance(92);
        Some(if close {
            cat!["(", left, " ", operator, " ", right, ")"]
        } else {
            cat![left, " ", operator, " ", right]
        })
    }

    /// A member of a collection, by a key that is bound here or by it.
    fn member(&mut self, kind: Kind, depth: usize) -> Option<Rope> {
        let of = match kind {
            Kind::Number => Kind::Numbers,
            Kind::Str => Kind::Strings,
            Kind::Any => *self.random.one(&[Kind::Object, Kind::Any, Kind::Numbers, Kind::StrSet]),
            _ => return None,
        };
        let base = if self.random.chance(60) {
            self.place(of)
        } else {
            self.rule_value(of, 0).unwrap_or_else(|| self.place(of))
        };
        let key: Rope = match self.random.below(6) {
            0 if !self.ground => "_".into(),
            1 if !self.ground => self.variable(Kind::Any).into(),
            2 => self.known(Kind::Any).unwrap_or_else(|| "0".into()).into(),
            3 => Rope::from(*self.random.one(&["0", "1", "\"a\"", "\"b\"", "-1", "2"])),
            4 => self.term(Kind::Number, depth.saturating_sub(1)),
            _ => return Some(cat![base, ".", *self.random.one(&["a", "b", "c", "name"])]),
        };
        Some(cat![base, "[", key, "]"])
    }

    fn term(&mut self, wanted: Kind, depth: usize) -> Rope {
        let kind = if self.random.chance(1) { self.any_kind() } else { wanted };
        let made = match self.random.below(if depth == 0 { 5 } else { 11 }) {
            0 | 1 => self.known(kind).map(Rope::from),
            2 => Some(self.place(kind)),
            3 => None,
            4 => self.member(kind, depth),
            5 => self.rule_value(kind, depth),
            6 | 7 => self.builtin(kind, depth),
            8 => self.comprehension(kind, depth),
            _ => self.infix(kind, depth),
        };
        term(made.unwrap_or_else(|| self.literal(kind, depth)))
    }

    /// Something to iterate over, and what its members are.
    fn domain(&mut self, depth: usize) -> (Rope, Kind) {
        let kind = *self.random.one(&[Kind::Numbers, Kind::Strings, Kind::NumberSet, Kind::StrSet, Kind::Object]);
        let inner = match kind {
            Kind::Numbers | Kind::NumberSet => Kind::Number,
            Kind::Strings | Kind::StrSet => Kind::Str,
            _ => Kind::Any,
        };
        (self.term(kind, depth), inner)
    }

    /// A pattern that binds new variables, and a term that may be of its form.
    fn pattern(&mut self, depth: usize, plain: bool) -> (Rope, Rope) {
        match self.random.below(if plain { 2 } else { 4 }) {
            0 => {
                let right = cat!["[", self.term(Kind::Number, depth), ", ", self.term(Kind::Any, depth), "]"];
                let (first, second) = (self.variable(Kind::Number), self.variable(Kind::Any));
                (cat!["[", first, ", ", second, "]"], right)
            }
            1 => {
                let right =
                    if self.random.chance(90) { self.place(Kind::Object) } else { self.term(Kind::Object, depth) };
                let name = self.variable(Kind::Any);
                (cat!["{\"a\": ", name, "}"], right)
            }
            2 => {
                let right = cat!["{\"a\": [", self.term(Kind::Str, depth), "], \"b\": 1}"];
                let name = self.variable(Kind::Str);
                (cat!["{\"a\": [", name, "], \"b\": ", *self.random.one(&["1", "_", "2"]), "}"], right)
            }
            _ => {
                let right = self.place(Kind::Numbers);
                let (first, second) = (self.variable(Kind::Number), self.variable(Kind::Number));
                (cat!["[", first, ", 1, ", second, "]"], right)
            }
        }
    }

    /// An expression that binds nothing to the outside.
    fn condition(&mut self, depth: usize) -> Rope {
        let lower = depth.saturating_sub(1);
        match self.random.below(8) {
            0..=3 => {
                let kind =
                    *self.random.one(&[Kind::Number, Kind::Number, Kind::Str, Kind::Bool, Kind::Any, Kind::NumberSet]);
                let operator = *self.random.one(&["==", "!=", "<", "<=", ">", ">=", "=="]);
                let left = if kind == Kind::Any { self.place(kind) } else { self.term(kind, lower) };
                cat![left, " ", operator, " ", self.term(kind, lower)]
            }
            4 => self.term(Kind::Bool, lower),
            5 if self.style != Style::V0 => {
                let (domain, kind) = self.domain(lower);
                let left = self.term(kind, lower);
                cat![left, " in ", domain]
            }
            6 => self.term(Kind::Any, lower),
            _ => self.builtin(Kind::Bool, lower).unwrap_or_else(|| "true".into()),
        }
    }

    /// What an index of rules reads: a question to a document before anything is run.
    fn asked(&mut self) -> Rope {
        let of = |writer: &mut Self, kind: Kind| -> Rope {
            match writer.known(kind).filter(|_| writer.random.chance(40)) {
                Some(name) => name.into(),
                None => writer.place(kind),
            }
        };
        let text = |writer: &mut Self| Rope::from(*writer.random.one(&["\"a\"", "\"b\"", "\"\"", "\"a.b\"", "\"x\""]));
        let number = |writer: &mut Self| Rope::from(*writer.random.one(&["0", "1", "2", "1.0", "10"]));
        let keywords = self.style != Style::V0;
        match self.random.below(12) {
            0 => cat![of(self, Kind::Str), *self.random.one(&[" == ", " = "]), text(self)],
            1 => cat![number(self), " == ", of(self, Kind::Number)],
            2 if keywords => cat![text(self), " in ", of(self, Kind::Strings)],
            3 => cat![self.place(Kind::Numbers), "[_] == ", number(self)],
            4 if keywords => {
                let members = vec![text(self), text(self), text(self)];
                cat![of(self, Kind::Str), " in {", list(", ", 1, members), "}"]
            }
            5 if keywords => {
                let members = vec![number(self), number(self)];
                cat![of(self, Kind::Any), " in [", list(", ", 0, members), "]"]
            }
            6 => {
                let pattern = *self.random.one(&["\"*\"", "\"a.*\"", "\"*.b\"", "\"a*\"", "\"a:*\"", "\"a\\\\.b\""]);
                let delimiters = *self.random.one(&["[]", "[\".\"]", "[\":\", \".\"]", "null"]);
                cat!["glob.match(", pattern, ", ", delimiters, ", ", of(self, Kind::Str), ")"]
            }
            7 => cat![*self.random.one(&["startswith(", "endswith("]), of(self, Kind::Str), ", ", text(self), ")"],
            8 => {
                let name = *self.random.one(&["strings.any_prefix_match(", "strings.any_suffix_match("]);
                cat![name, of(self, Kind::Any), ", [", list(", ", 0, vec![text(self), text(self)]), "])"]
            }
            9 => cat!["data.base.", *self.random.one(&["obj", "deep.obj", "nums"]), "[", of(self, Kind::Any), "]"],
            10 => {
                let first = number(self);
                cat![self.place(Kind::Numbers), " = [", first, ", ", *self.random.one(&["_", "2", "1"]), "]"]
            }
            _ => self.place(Kind::Any),
        }
    }

    /// A template of several parts.
    fn template(&mut self, depth: usize) -> Rope {
        let (open, close) = if self.random.chance(70) { ("$\"", "\"") } else { ("$`", "`") };
        let count = 1 + self.random.below(3);
        let parts = (0..count).map(|_| {
            let kind = self.any_kind();
            let inner = self.grounded(|writer| writer.term(kind, depth));
            cat![*self.random.one(&["", "a", " \\{ "]), "{", inner, "}"]
        });
        let parts = parts.collect();
        cat![open, list("", 0, parts), close]
    }

    /// A function in the place of another.
    fn with_function(&mut self) -> Rope {
        let functions: Vec<Rule> =
            self.rules.iter().filter(|rule| matches!(rule.shape, Shape::Function(_))).cloned().collect();
        let any = |writer: &mut Self, builtins: &[&str]| -> Rope {
            if functions.is_empty() || writer.random.chance(50) {
                return Rope::from(*writer.random.one(builtins));
            }
            let rule = writer.random.one(&functions).clone();
            if writer.random.chance(30) { rule.name.into() } else { writer.name(&rule).into() }
        };
        let target = any(self, &["count", "upper", "lower", "startswith", "abs", "concat"]);
        let value = match self.random.chance(30) {
            true => {
                let kind = self.any_kind();
                self.constant(kind)
            }
            false => any(self, &["lower", "upper", "sum", "max", "endswith", "trim_space", "is_string"]),
        };
        cat![" with ", target, " as ", value]
    }

    fn with(&mut self, depth: usize) -> Rope {
        if self.random.chance(25) {
            return self.with_function();
        }
        let target: Rope = match self.random.below(10) {
            0 => "input".into(),
            1..=4 => {
                cat!["input.", *self.random.one(&["n", "name", "flag", "nums", "obj", "obj.a", "deep.obj", "tags"])]
            }
            5 | 6 => cat!["data.base.", *self.random.one(&["n", "nums", "obj", "new"])],
            7 => match self.rules.last().cloned() {
                Some(rule) => format!("data.{}.{}", PACKAGES[rule.package], rule.name).into(),
                None => "data.base".into(),
            },
            8 => Rope::from(*self.random.one(&["count", "upper", "startswith", "time.now_ns"])),
            _ => Rope::from(*self.random.one(&["data", "data.t", "data.nowhere.x"])),
        };
        let value = self.grounded(|writer| writer.term(Kind::Any, depth.saturating_sub(1)));
        cat![" with ", target, " as ", value]
    }

    fn statement(&mut self, depth: usize, out: &mut Vec<Rope>) {
        let lower = depth.saturating_sub(1);
        let keywords = self.style != Style::V0;
        let made: Rope = match self.random.below(24) {
            20 | 21 => self.asked(),
            22 if self.style == Style::V1 => {
                let value = self.template(lower);
                cat![self.variable(Kind::Str), " := ", value]
            }
            0..=2 => {
                let kind = self.any_kind();
                let value = self.term(kind, depth);
                cat![self.variable(kind), " := ", value]
            }
            3 | 4 if keywords => {
                let (domain, kind) = self.domain(lower);
                let value = self.variable(kind);
                cat!["some ", value, " in ", domain]
            }
            5 if keywords => {
                let (domain, kind) = self.domain(lower);
                let (key, value) = (self.variable(Kind::Any), self.variable(kind));
                cat!["some ", key, ", ", value, " in ", domain]
            }
            6 => {
                let (place, kind) =
                    *self.random.one(&[("nums", Kind::Number), ("tags", Kind::Str), ("obj", Kind::Any)]);
                let root = *self.random.one(&["input", "data.base"]);
                let (key, value) = (self.variable(Kind::Any), self.variable(kind));
                out.push(cat!["some ", key.as_str(), ", ", value.as_str()]);
                cat![value, " = ", root, ".", place, "[", key, "]"]
            }
            7 => {
                let sign = *self.random.one(&[" = ", " := ", " = "]);
                let plain = sign == " := " && !self.random.chance(4);
                let (left, right) = self.pattern(lower, plain);
                let swap = self.random.chance(20);
                if swap && sign == " = " { cat![right, sign, left] } else { cat![left, sign, right] }
            }
            8 | 9 => {
                if self.logical && self.random.chance(50) {
                    self.inside(|writer| {
                        let body = writer.body(lower, 2);
                        cat!["not { ", list("; ", 1, body), " }"]
                    })
                } else {
                    self.inside(|writer| writer.grounded(|writer| cat!["not ", writer.condition(depth)]))
                }
            }
            10 if keywords => {
                let (domain, kind) = self.domain(lower);
                self.inside(|writer| {
                    let value = writer.variable(kind);
                    let mut uses =
                        vec![cat![value.as_str(), *writer.random.one(&[" != ", " == ", " > "]), writer.term(kind, 0)]];
                    let key: Rope = match writer.random.chance(30) {
                        true => {
                            let key = writer.variable(Kind::Any);
                            uses.push(cat![key.as_str(), " != ", writer.term(Kind::Number, 0)]);
                            cat![key, ", "]
                        }
                        false => "".into(),
                    };
                    if writer.random.chance(4) {
                        uses.clear();
                    }
                    let mut body = uses;
                    body.extend(writer.body(lower, 2));
                    cat!["every ", key, value, " in ", domain, " { ", list("; ", 1, body), " }"]
                })
            }
            11 => {
                // What a variable of the expression is bound to is not known to its own modifier.
                let with = self.with(depth);
                let more = if self.random.chance(15) { self.with(depth) } else { "".into() };
                let inner = self.condition(depth);
                cat![inner, maybe(with), maybe(more)]
            }
            12 if self.random.chance(30) => {
                let of = self.term(Kind::Any, lower);
                let (path, value) = (self.variable(Kind::Any), self.variable(Kind::Any));
                cat!["walk(", of, ", [", path, ", ", value, "])"]
            }
            13 => {
                let Some(Rope::Cat(mut parts)) = self.builtin(Kind::Any, lower) else { return };
                // The result as one argument more.
                let value = self.variable(Kind::Any);
                parts.pop();
                parts.push(cat![", ", value, ")"]);
                Rope::Cat(parts)
            }
            14 => {
                let kind = self.any_kind();
                let value = self.term(kind, lower);
                let name = self.variable(kind);
                if self.random.chance(50) { cat![value, " = ", name] } else { cat![name, " = ", value] }
            }
            15 if self.logical => {
                let operator = *self.random.one(&[" and ", " or "]);
                let left = self.condition(lower);
                let right = self.condition(lower);
                cat![left, operator, right]
            }
            _ => self.condition(depth),
        };
        out.push(term(made));
    }

    fn body(&mut self, depth: usize, most: usize) -> Vec<Rope> {
        let mut out = Vec::new();
        for _ in 0..=self.random.below(most.max(1)) {
            self.statement(depth, &mut out);
        }
        if self.random.chance(6) {
            self.random.shuffle(&mut out);
        }
        if out.is_empty() {
            out.push("true".into());
        }
        out
    }

    /// The body of a rule with its keyword.
    fn block(&mut self, body: Vec<Rope>) -> Rope {
        let open = if self.style == Style::V0 { " {\n\t" } else { " if {\n\t" };
        cat![open, list("\n\t", 1, body), "\n}"]
    }

    /// The value after the body, which binds what it speaks of.
    fn value(&mut self, kind: Kind) -> Rope {
        self.grounded(|writer| writer.term(kind, 1))
    }

    fn rule(&mut self, rule: &Rule) -> Rope {
        let name = rule.name.as_str();
        let assign = *self.random.one(&[" := ", " := ", " = "]);
        self.inside(|writer| match rule.shape {
            Shape::Complete => {
                let mut parts: Vec<Rope> = Vec::new();
                if writer.random.chance(25) {
                    let value = writer.inside(|writer| {
                        writer.scope.clear();
                        writer.constant(rule.kind)
                    });
                    parts.push(maybe(cat!["default ", name, assign, value, "\n"]));
                }
                let times = if writer.random.chance(15) { 2 } else { 1 };
                for _ in 0..times {
                    let made = writer.inside(|writer| {
                        let body = writer.body(3, 4);
                        let head = match writer.random.below(4) {
                            0 => Rope::from(name),
                            _ => cat![name, maybe(cat![assign, writer.value(rule.kind)])],
                        };
                        cat![head, writer.block(body)]
                    });
                    let mut elses = Vec::new();
                    while writer.random.chance(15) && elses.len() < 3 {
                        elses.push(writer.inside(|writer| {
                            let body = writer.body(2, 2);
                            let value = writer.value(rule.kind);
                            cat![" else", assign, value, writer.block(body)]
                        }));
                    }
                    if elses.is_empty() && writer.style == Style::V0 && writer.random.chance(12) {
                        // One more body of the head before, which binds what that one speaks of, or not.
                        let body = writer.inside(|writer| writer.body(2, 2));
                        elses.push(cat![" {\n\t", list("\n\t", 1, body), "\n}"]);
                    }
                    parts.push(cat![made, list("", 0, elses), "\n"]);
                }
                list("", 0, parts)
            }
            Shape::Set => {
                let body = writer.body(3, 4);
                let member = writer.value(rule.kind);
                let head = if writer.style == Style::V0 {
                    cat![name, "[", member, "]"]
                } else {
                    cat![name, " contains ", member]
                };
                cat![head, writer.block(body), "\n"]
            }
            Shape::Object => {
                let body = writer.body(3, 4);
                let key = writer.value(Kind::Str);
                let value = writer.value(rule.kind);
                cat![name, "[", key, "]", assign, value, writer.block(body), "\n"]
            }
            Shape::General => {
                let body = writer.body(3, 3);
                let path = match writer.random.below(8) {
                    4 => cat!["[", writer.value(Kind::Str), "].b[", writer.value(Kind::Any), "]"],
                    5 => Rope::from(".a.b"),
                    6 => cat![".a[", writer.value(Kind::Str), "].b"],
                    7 => cat!["[", writer.value(Kind::Bool), "]"],
                    0 => Rope::from(".a"),
                    1 => cat![".b[", writer.value(Kind::Str), "]"],
                    2 => cat!["[", writer.value(Kind::Str), "].c"],
                    _ => cat!["[", writer.value(Kind::Any), "][", writer.value(Kind::Number), "]"],
                };
                let rest = match writer.random.chance(25) && writer.style != Style::V0 {
                    true => cat![" contains ", writer.value(rule.kind)],
                    false => cat![assign, writer.value(rule.kind)],
                };
                cat![name, path, rest, writer.block(body), "\n"]
            }
            Shape::Function(count) => {
                let mut parts: Vec<Rope> = Vec::new();
                if writer.random.chance(10) && writer.style == Style::V1 {
                    parts.push(maybe(cat![
                        "default ",
                        name,
                        "(",
                        vec!["_"; count].join(", "),
                        ") := ",
                        writer.constant(rule.kind),
                        "\n"
                    ]));
                }
                let times = if writer.random.chance(30) { 2 } else { 1 };
                for _ in 0..times {
                    parts.push(writer.inside(|writer| {
                        // Functions see their arguments, not what others bind.
                        let args: Vec<Rope> = (0..count)
                            .map(|_| match writer.random.below(10) {
                                0 => "_".into(),
                                1 => Rope::from(*writer.random.one(&["1", "\"a\"", "true", "null", "[]", "{}"])),
                                2 => cat!["[", writer.variable(Kind::Number), ", ", writer.variable(Kind::Any), "]"],
                                3 => cat!["{\"a\": ", writer.variable(Kind::Any), "}"],
                                _ => {
                                    let kind = writer.any_kind();
                                    writer.variable(kind).into()
                                }
                            })
                            .collect();
                        let depth = writer.scope.len();
                        let body = writer.body(2, 3);
                        let value = writer.value(rule.kind);
                        let mut elses = Vec::new();
                        while writer.random.chance(18) && elses.len() < 3 {
                            // Of what the body bound nothing is left.
                            writer.scope.truncate(depth);
                            let body = writer.body(2, 2);
                            let value = writer.value(rule.kind);
                            elses.push(cat![" else", assign, value, writer.block(body)]);
                        }
                        cat![
                            name,
                            "(",
                            list(", ", count, args),
                            ")",
                            maybe(cat![assign, value]),
                            writer.block(body),
                            list("", 0, elses),
                            "\n"
                        ]
                    }));
                }
                list("", 0, parts)
            }
        })
    }

    fn module(&mut self, package: usize, count: usize) -> Rope {
        self.package = package;
        let mut imports: Vec<Rope> = Vec::new();
        if self.style == Style::V0WithKeywords {
            imports.push(Rope::from(*self.random.one(&["import rego.v1", "import future.keywords"])));
        } else if self.style == Style::V1 && self.random.chance(4) {
            imports.push("import rego.v1".into());
        }
        self.imports.clear();
        for (alias, path) in IMPORTS {
            if self.random.chance(8) {
                self.imports.push((alias, path));
                let plain = path.rsplit('.').next() == Some(alias);
                let text = if plain { format!("import {path}") } else { format!("import {path} as {alias}") };
                imports.push(text.into());
            }
        }
        if self.logical {
            imports.extend(
                ["import future.keywords.not", "import future.keywords.and", "import future.keywords.or"]
                    .map(Rope::from),
            );
        }
        let mut rules = Vec::new();
        for _ in 0..count {
            let shape = match self.random.below(10) {
                0..=3 => Shape::Complete,
                4 | 5 => Shape::Set,
                6 => Shape::Object,
                7 => Shape::General,
                _ => Shape::Function(1 + self.random.below(2)),
            };
            let name = if self.random.chance(8) {
                (*self.random.one(NAMES)).to_owned()
            } else {
                let taken: Vec<&str> =
                    self.rules.iter().filter(|rule| rule.package == package).map(|rule| rule.name.as_str()).collect();
                let free: Vec<&&str> = NAMES.iter().filter(|name| !taken.contains(name)).collect();
                if free.is_empty() { "extra".into() } else { (**self.random.one(&free)).to_owned() }
            };
            let rule = Rule { package, name, shape, kind: self.any_kind() };
            // Rules speak of those before them; now and then of themselves.
            let recursive = self.random.chance(2);
            if recursive {
                self.rules.push(rule.clone());
            }
            rules.push(self.rule(&rule));
            if self.random.chance(15) {
                rules.push(self.rule(&rule));
            }
            if !recursive {
                self.rules.push(rule);
            }
        }
        cat!["package ", PACKAGES[package], "\n\n", list("\n", 0, imports), "\n\n", list("\n", 0, rules)]
    }

    fn query(&mut self) -> Rope {
        self.package = usize::MAX;
        self.imports.clear();
        match self.random.below(10) {
            0..=3 => "data.t = x".into(),
            4..=7 => {
                let rules: Vec<Rule> = self.rules.clone();
                if rules.is_empty() {
                    return "data = x".into();
                }
                let rule = self.random.one(&rules).clone();
                let name = self.name(&rule);
                match rule.shape {
                    Shape::Function(count) => {
                        let args = (0..count).map(|_| self.term(Kind::Any, 1)).collect();
                        cat![name, "(", list(", ", 1, args), ") = result"]
                    }
                    Shape::Complete => cat![name, maybe(" = x")],
                    _ => match self.random.below(4) {
                        0 => cat![name, "[key]"],
                        1 => cat![name, "[key] = value"],
                        2 => cat![name, "[\"a\"]"],
                        _ => cat![name, " = x"],
                    },
                }
            }
            _ => {
                let body = self.body(3, 3);
                list("; ", 1, body)
            }
        }
    }
}

const NOISE: &[&str] = &[
    "x", "_", "1", "{", "}", "[", "]", "(", ")", ",", ":", "=", ":=", "not", "some", "input", "data", "if", "in", "|",
    ";", "\n", ".", "\"", "with", "as", "default", "else", "contains", "every", "import", "package", "set(", "p",
    "null", "$\"", "#", "`",
];

/// One thing that is probably wrong.
fn alter(random: &mut Random, rope: &mut Rope) {
    if random.chance(60) {
        let mut leaves = Vec::new();
        rope.leaves(&mut leaves);
        leaves.retain(|leaf| !leaf.trim().is_empty());
        if leaves.len() < 2 {
            return;
        }
        let other = leaves[random.below(leaves.len())].clone();
        let at = random.below(leaves.len());
        let leaf = &mut *leaves[at];
        match random.below(5) {
            0 => leaf.clear(),
            1 => *leaf = other,
            2 => leaf.push_str(random.one::<&str>(NOISE)),
            3 => leaf.insert_str(0, random.one::<&str>(NOISE)),
            _ => *leaf = (*random.one(NOISE)).to_owned(),
        }
        return;
    }
    let lists = rope.lists();
    if lists == 0 {
        return;
    }
    let mut number = random.below(lists);
    if let Some(items) = rope.list_mut(&mut number).filter(|items| !items.is_empty()) {
        let at = random.below(items.len());
        match random.below(3) {
            0 => drop(items.remove(at)),
            1 => items.push(items[at].clone()),
            _ => {
                let other = random.below(items.len());
                items.swap(at, other);
            }
        }
    }
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let style = *random.one(&[Style::V1, Style::V1, Style::V1, Style::V0, Style::V0WithKeywords]);
    let logical = style == Style::V1 && random.chance(6);
    let input = random.chance(90).then(|| values::object(&mut random));
    let data = cat!["{\"base\": ", values::object(&mut random), "}"];
    let mut writer = Writer {
        random: &mut random,
        style,
        rules: Vec::new(),
        package: 0,
        scope: Vec::new(),
        fresh: 0,
        logical,
        ground: false,
        imports: Vec::new(),
    };
    let mut modules = Vec::new();
    if writer.random.chance(25) {
        modules.push(("lib.rego".to_owned(), writer.module(2, 2)));
    }
    if writer.random.chance(10) {
        modules.push(("sub.rego".to_owned(), writer.module(1, 2)));
    }
    let count = 1 + writer.random.below(4);
    modules.push(("t.rego".to_owned(), writer.module(0, count)));
    let query = writer.query();
    let mut program = Program {
        v0: style != Style::V1,
        strict: random.chance(6),
        strict_builtin_errors: random.chance(25),
        modules,
        query,
        input,
        data,
    };
    if random.chance(18) {
        for _ in 0..=random.below(2) {
            let at = random.below(program.modules.len());
            if let Some((_, rope)) = program.modules.get_mut(at) {
                alter(&mut random, rope);
            }
        }
    }
    program
}
