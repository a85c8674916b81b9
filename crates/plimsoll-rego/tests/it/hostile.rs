//! Programs, inputs and arguments that want to hang, exhaust or abort whoever reads them. Each ends in an answer or an error
//! within a small budget, on a stack of 2 MiB (what a test thread has) in builds without optimisation.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Language;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::engine::{Builder, Policy};
use plimsoll_rego::eval::RunOptions;
use plimsoll_rego::parse;
use plimsoll_rego::value::Value;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Refused at load: the first code and its words.
    Refused(&'static str, String),
    /// Evaluation ended without an answer: the code and its words.
    Failed(&'static str, String),
    /// The value of `data.a.p` as JSON.
    Is(String),
    Undefined,
}

impl End {
    fn code(&self) -> &'static str {
        match self {
            End::Refused(code, _) | End::Failed(code, _) => code,
            End::Is(_) => "answer",
            End::Undefined => "undefined",
        }
    }
}

/// What a case may cost: a second or two in a build without optimisation.
fn small() -> Budget {
    Budget { steps: 2_000_000, memory: 64 << 20, depth: 1000, ..Budget::default() }
}

/// Whoever has not ended after this hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs it on a stack of a test thread's size, whatever the environment says, and fails where it hangs.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (told, ended) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let _ = told.send(run());
    });
    drop(thread.unwrap());
    ended.recv_timeout(PATIENCE).expect("it ends, and does not panic")
}

#[derive(Clone)]
struct Case {
    modules: Vec<(String, String)>,
    query: String,
    input: Option<Value>,
    data: Value,
    budget: Budget,
    strict: bool,
    language: Language,
}

impl Case {
    fn of(module: impl Into<String>) -> Case {
        Case {
            modules: vec![("a.rego".into(), module.into())],
            query: "data.a.p".into(),
            input: None,
            data: Value::object(Vec::new()),
            budget: small(),
            strict: false,
            language: Language::V1,
        }
    }

    /// A module whose rule `p` is this term.
    fn term(term: impl AsRef<str>) -> Case {
        Case::of(format!("package a\np := {}\n", term.as_ref()))
    }

    fn input(self, json: impl AsRef<str>) -> Case {
        self.given(&Value::from_json(json.as_ref().as_bytes()).unwrap())
    }

    fn given(self, input: &Value) -> Case {
        Case { input: Some(input.clone()), ..self }
    }

    fn strict(self) -> Case {
        Case { strict: true, ..self }
    }

    fn end(self) -> End {
        on_a_small_stack(move || self.run())
    }

    fn run(self) -> End {
        let mut builder = Builder::new().parse_options(parse::Options::of(self.language));
        for (name, text) in &self.modules {
            builder = builder.module(name, text);
        }
        let refused = |errors: &plimsoll_rego::engine::Refused| {
            assert!(!errors.to_string().is_empty());
            let first = errors.errors.first().expect("a refusal has a reason");
            End::Refused(first.code.as_str(), first.message.chars().take(300).collect())
        };
        let policy = match builder.build() {
            Ok(policy) => policy,
            Err(errors) => return refused(&errors),
        };
        let query = match policy.query(&self.query) {
            Ok(query) => query,
            Err(errors) => return refused(&errors),
        };
        let options =
            RunOptions { budget: self.budget.clone(), strict_builtin_errors: self.strict, ..RunOptions::default() };
        match query.run_with(self.input.as_ref(), &self.data, &options) {
            Ok(outcome) => {
                assert!(outcome.metrics.steps <= self.budget.steps && outcome.metrics.memory <= self.budget.memory);
                match outcome.solutions.first().and_then(|solution| solution.expressions.first()) {
                    Some(first) => End::Is(first.value.to_json()),
                    None => End::Undefined,
                }
            }
            Err(error) => End::Failed(error.code.as_str(), error.message),
        }
    }
}

/// Programs with how each must end: `|` parts what it may be.
fn hold(cases: Vec<(&str, &str, Case)>) {
    let mut wrong = String::new();
    for (name, want, case) in cases {
        let start = Instant::now();
        let end = case.end();
        let took = start.elapsed();
        let shown: String = format!("{end:?}").chars().take(200).collect();
        println!("{name}: {took:.1?} {shown}");
        if !want.split('|').any(|want| want == end.code()) {
            let _ = writeln!(wrong, "{name}: wanted {want}, ended as {shown}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn joined(count: usize, separator: &str, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(separator)
}

// What ended an engine before: hangs and aborts past its time limit, and gates that opened.

#[test]
fn nested_brackets_are_read_in_time_linear_in_them() {
    hold(vec![
        ("depth 16", "answer", Case::term(format!("{}{}", "[".repeat(16), "]".repeat(16)))),
        ("depth 16, objects", "answer", Case::term(format!("{}1{}", r#"{"a":"#.repeat(16), "}".repeat(16)))),
        ("depth 16, sets", "answer", Case::term(format!("{}1{}", "{".repeat(16), "}".repeat(16)))),
        ("depth 16, parentheses", "answer", Case::term(format!("{}1{}", "(".repeat(16), ")".repeat(16)))),
        ("depth 200", "answer", Case::term(format!("{}{}", "[".repeat(200), "]".repeat(200)))),
        ("depth 16, calls", "answer", Case::term(format!("{}1{}", "abs(".repeat(16), ")".repeat(16)))),
        ("depth 16, comprehensions", "answer", Case::term(format!("{}1{}", "[x | x := ".repeat(16), "]".repeat(16)))),
        (
            "depth 16, negated brackets",
            "answer|rego_parse_error",
            Case::term(format!("{}1{}", "-(".repeat(16), ")".repeat(16))),
        ),
    ]);
}

#[test]
fn fifteen_thousand_brackets_of_every_kind_are_refused() {
    let n = 15_000;
    let mut cases = Vec::new();
    for (open, close) in [
        ("[", "]"),
        ("{", "}"),
        ("(", ")"),
        (r#"{"a":"#, "}"),
        ("{[", "]}"),
        ("[x|x:=", "]"),
        ("{x|x:=", "}"),
        (r#"{"k":x|x:="#, "}"),
        ("abs(", ")"),
        ("x[", "]"),
        ("not ", ""),
        ("-", ""),
        (r#"$"{"#, r#"}""#),
        ("every x in [1] {", "}"),
        ("{ not {", "}}"),
        ("set(", ")"),
        ("1+(", ")"),
        ("x.y(", ")"),
        ("[{(", ")}]"),
    ] {
        for text in
            [format!("{}1{}", open.repeat(n), close.repeat(n)), open.repeat(n), format!("1 {}", close.repeat(n))]
        {
            cases.push(Case::term(&text));
            cases.push(Case::of(format!("package a\np if {{ {text} }}")));
            cases.push(Case { query: text.clone(), ..Case::of("package a") });
            cases.push(Case { language: Language::V0, ..Case::of(format!("package a\np {{ {text} }}")) });
            cases.push(Case::of(format!("package a[{text}]")));
            cases.push(Case::of(format!("package a\nimport data.{text}")));
            cases.push(Case::of(format!("package a\np{text} := 1")));
        }
    }
    let ends = cases.into_iter().map(|case| {
        ("", "rego_parse_error|rego_limit_error|rego_compile_error|undefined|answer|rego_unsafe_var_error", case)
    });
    on_a_small_stack({
        let ends: Vec<_> = ends.collect();
        move || {
            for (_, want, case) in ends {
                let query = case.query.chars().take(20).collect::<String>();
                let text =
                    case.modules.iter().map(|(_, text)| text.chars().take(40).collect::<String>()).collect::<String>();
                let end = case.run();
                assert!(want.split('|').any(|want| want == end.code()), "{text} {query}: {end:?}");
            }
        }
    });
}

#[test]
fn chains_of_thousands_of_rules_and_functions_end_in_an_answer_or_the_depth_of_the_budget() {
    let functions = |n: usize| {
        format!("package a\np := f0(1)\nf{n}(x) := x\n{}", joined(n, "\n", |i| format!("f{i}(x) := f{}(x + 1)", i + 1)))
    };
    let rules =
        |n: usize| format!("package a\np := r0\nr{n} := 1\n{}", joined(n, "\n", |i| format!("r{i} := r{} + 1", i + 1)));
    let conditions =
        |n: usize| format!("package a\np if r0\nr{n} := 1\n{}", joined(n, "\n", |i| format!("r{i} if r{}", i + 1)));
    let negations = |n: usize| {
        format!("package a\np if not r0\nr{n} := 1\n{}", joined(n, "\n", |i| format!("r{i} if not r{}", i + 1)))
    };
    let sets = |n: usize| {
        format!(
            "package a\np contains x if some x in r0\nr{n} := {{1}}\n{}",
            joined(n, "\n", |i| format!("r{i} contains x if some x in r{}", i + 1))
        )
    };
    let comprehensions = |n: usize| {
        format!(
            "package a\np := r0\nr{n} := [1]\n{}",
            joined(n, "\n", |i| format!("r{i} := [x | some x in r{}]", i + 1))
        )
    };
    let objects = |n: usize| {
        format!(
            "package a\np := r0.k\nr{n}.k := 1\n{}",
            joined(n, "\n", |i| format!("r{i}[k] := v if some k, v in r{}", i + 1))
        )
    };
    let deep = Budget { depth: 10_000, ..small() };
    let cases = |budget: &Budget, want: &'static str| {
        let of = |text: String| Case { budget: budget.clone(), ..Case::of(text) };
        vec![
            ("functions", want, of(functions(3000))),
            ("rules", want, of(rules(3000))),
            ("conditions", want, of(conditions(3000))),
            ("negations", want, of(negations(3000))),
            ("sets", want, of(sets(3000))),
            ("comprehensions", want, of(comprehensions(3000))),
            ("objects", want, of(objects(3000))),
        ]
    };
    hold(cases(&small(), "eval_budget_error"));
    hold(cases(&deep, "answer|undefined"));
}

#[test]
fn recursion_is_refused_also_through_thousands_of_rules() {
    let cycle =
        |n: usize| format!("package a\np := r0\nr{n} := p\n{}", joined(n, "\n", |i| format!("r{i} := r{}", i + 1)));
    let all = |n: usize| {
        format!(
            "package a\np := 1\n{}",
            joined(n, "\n", |i| format!("r{i} := [data.a.r{}, data.a.r{}]", (i + 1) % n, (i * 7) % n))
        )
    };
    hold(vec![
        ("itself", "rego_recursion_error", Case::of("package a\np := p")),
        ("function", "rego_recursion_error", Case::of("package a\np := f(1)\nf(x) := f(x - 1)")),
        ("by a comprehension", "rego_recursion_error", Case::of("package a\np := [x | x := data.a.p]")),
        ("by with", "rego_recursion_error", Case::of("package a\np := y if { y := q with input as p }\nq := 1")),
        ("by the package", "rego_recursion_error", Case::of("package a\np := data.a")),
        ("3,000 rules", "rego_recursion_error", Case::of(cycle(3000))),
        ("all of 300", "rego_recursion_error", Case::of(all(300))),
        ("by a variable", "rego_recursion_error", Case::of("package a\np := data[x].p")),
    ]);
}

#[test]
fn functions_that_call_themselves_by_with_end_within_the_depth() {
    hold(vec![
        (
            "a builtin replaced by who calls it",
            "rego_recursion_error|eval_budget_error|answer",
            Case::of("package a\np := y if { y := f(1) with count as f }\nf(x) := count([x])"),
        ),
        (
            "a function replaced by another that calls it",
            "rego_recursion_error|eval_budget_error|answer",
            Case::of("package a\np := y if { y := f(1) with g as f }\nf(x) := g(x)\ng(x) := x"),
        ),
        (
            "data replaced by what reads it",
            "rego_recursion_error|answer|undefined",
            Case::of("package a\np := y if { y := q with data.b as q }\nq := data.b"),
        ),
    ]);
}

#[test]
fn cyclic_imports_are_loaded_and_only_cyclic_rules_are_refused() {
    let modules = |rule: &str| Case {
        modules: vec![
            ("a.rego".into(), format!("package a\nimport data.b\np := b.q\n{rule}")),
            ("b.rego".into(), "package b\nimport data.c\nq := c.q".into()),
            ("c.rego".into(), "package c\nimport data.a\nq := a.r".into()),
        ],
        ..Case::of("")
    };
    let ring = Case {
        modules: (0..2000)
            .map(|i| {
                (format!("{i}.rego"), format!("package m{i}\nimport data.m{} as next\nq := next.q", (i + 1) % 2000))
            })
            .collect(),
        ..Case::of("")
    };
    hold(vec![
        ("imports", "answer", modules("r := 1")),
        ("imports and rules", "rego_recursion_error", modules("r := p")),
        ("import of itself", "answer", Case::of("package a\nimport data.a\np := a.q\nq := 1")),
        ("import of itself by name", "rego_recursion_error", Case::of("package a\nimport data.a.p as q\np := q")),
        ("2,000 modules in a ring", "rego_recursion_error", ring),
    ]);
}

#[test]
fn what_reaches_outside_is_an_error_also_under_not() {
    let send = r#"http.send({"method": "get", "url": "http://127.0.0.1:1/"})"#;
    let of = |body: &str| Case::of(format!("package a\np if {{ {body} }}"));
    let mut cases = Vec::new();
    for body in [
        format!("not {send}"),
        format!("not {send}.status_code == 200"),
        send.to_owned(),
        format!("x := {send}; x.status_code != 1"),
        format!("every x in [1] {{ x == 1; not {send} }}"),
        format!("count([x | x := {send}]) == 0"),
        format!("not q(1)\n}}\nq(x) if {{ {send}"),
        r#"not net.lookup_ip_addr("example.org")"#.to_owned(),
    ] {
        cases.push(("plain", "eval_denied_error", of(&body)));
        cases.push(("strict", "eval_denied_error", of(&body).strict()));
    }
    hold(cases);
}

#[test]
fn what_cannot_be_is_refused_at_load() {
    hold(vec![
        (
            "unsafe wildcard under not",
            "rego_unsafe_var_error",
            Case::of("package a\np if not startswith(input.image, input.repos[_])").input("{}"),
        ),
        ("unknown function", "rego_type_error", Case::of("package a\np if nosuch(1)")),
        ("unknown function under not", "rego_type_error", Case::of("package a\np if not data.lib.nosuch(1)")),
        (
            "unknown function in a rule that nobody asks",
            "rego_type_error",
            Case::of("package a\np := 1\nq if x.y.z(1)"),
        ),
        (
            "unknown builtin of a known family",
            "rego_type_error",
            Case::of("package a\np if not regex.nosuch(`a`, `b`)"),
        ),
        ("too many arguments", "rego_type_error", Case::of("package a\np if not count([], 1, 2)")),
        ("an argument of a wrong type", "rego_type_error", Case::of("package a\np if not count(1)")),
        ("an absent rule of the package's own", "undefined", Case::of("package a\nq := 1")),
    ]);
}

#[test]
fn errors_of_builtins_are_undefined_or_end_the_evaluation_as_asked() {
    let of = |body: &str| Case::of(format!("package a\np if {{ {body} }}")).input(r#"{"n": 0, "s": "x", "a": [1]}"#);
    for (body, code) in [
        ("1 / input.n", "eval_builtin_error"),
        ("1 % input.n", "eval_builtin_error"),
        ("input.s + 1", "eval_type_error"),
        ("input.s - 1 == 0", "eval_type_error"),
        ("count(input.n) >= 0", "eval_type_error"),
        // Of `startswith(input.n, `a`)` the index sees that it cannot hold.
        ("startswith(input.n, input.s)", "eval_type_error"),
        ("to_number(input.s)", "eval_builtin_error"),
        ("regex.match(`(`, input.s)", "eval_builtin_error"),
        ("json.unmarshal(input.s)", "eval_builtin_error"),
        ("numbers.range(1, input.s)", "eval_type_error"),
        ("sprintf(input.s, input.s)", "eval_type_error"),
        ("base64.decode(input.s)", "eval_builtin_error"),
        ("units.parse(input.s)", "eval_builtin_error"),
        ("time.parse_rfc3339_ns(input.s)", "eval_builtin_error"),
        ("net.cidr_contains(input.s, input.s)", "eval_builtin_error"),
        ("object.get(input.s, 1, 2)", "eval_type_error"),
    ] {
        hold(vec![(body, "undefined", of(body)), (body, code, of(body).strict())]);
    }
}

#[test]
fn huge_ranges_networks_widths_and_shifts_end_within_the_budget() {
    hold(vec![
        ("range", "eval_budget_error", Case::term("numbers.range(1, 5e7)")),
        ("counted range", "eval_budget_error", Case::term("count(numbers.range(1, 50000000))")),
        ("range of big numbers", "eval_budget_error", Case::term("numbers.range(1, 1e30)")),
        ("range down", "eval_budget_error", Case::term("numbers.range(1e300, -1e300)")),
        ("range by steps", "eval_budget_error", Case::term("numbers.range_step(0, 1e18, 2)")),
        (
            "ranges of ranges",
            "eval_budget_error",
            Case::term("[x | some i in numbers.range(1, 10000); some x in numbers.range(1, i)]"),
        ),
        ("all of IPv4", "eval_budget_error", Case::term(r#"net.cidr_expand("0.0.0.0/0")"#)),
        ("all of IPv6", "eval_budget_error", Case::term(r#"net.cidr_expand("::/0")"#)),
        ("a part of IPv4", "eval_budget_error", Case::term(r#"count(net.cidr_expand("10.0.0.0/8"))"#)),
        (
            "merge of many",
            "answer|eval_budget_error",
            Case::term(
                r#"count(net.cidr_merge([c | some i in numbers.range(1, 20000); c := sprintf("10.%d.%d.0/24", [i % 256, floor(i / 256) % 256])]))"#,
            ),
        ),
        (
            "contains matches",
            "answer|eval_budget_error|undefined",
            Case::term(
                r#"count(net.cidr_contains_matches([c | some i in numbers.range(0, 2000); c := sprintf("10.0.%d.0/24", [i % 256])], [c | some i in numbers.range(0, 2000); c := sprintf("10.0.0.%d", [i % 256])]))"#,
            ),
        ),
        ("width", "answer|eval_budget_error|undefined", Case::term(r#"count(sprintf("%2000000000d", [1]))"#)),
        (
            "width of the language's largest",
            "answer|eval_budget_error|undefined",
            Case::term(r#"count(sprintf("%999999d", [1]))"#),
        ),
        ("precision", "answer|eval_budget_error|undefined", Case::term(r#"count(sprintf("%.2000000000f", [1.5]))"#)),
        (
            "widths",
            "answer|eval_budget_error|undefined",
            Case::term(format!("count(sprintf(`{}`, numbers.range(1, 1000)))", "%999999d".repeat(1000))),
        ),
        (
            "precisions",
            "answer|eval_budget_error|undefined",
            Case::term(format!(
                "count(sprintf(`{}`, [x | some i in numbers.range(1, 1000); x := i + 0.5]))",
                "%.999999f".repeat(1000)
            )),
        ),
        (
            "width from an argument",
            "answer|eval_budget_error|undefined",
            Case::term(r#"count(sprintf("%*d", [2000000000, 1]))"#),
        ),
        ("argument by a huge index", "answer|undefined", Case::term(r#"sprintf("%[99999999999999999999]d", [1])"#)),
        ("left shift", "eval_budget_error|eval_builtin_error|undefined", Case::term("bits.lsh(1, 1e9)")),
        (
            "left shift of a lot",
            "eval_budget_error|eval_builtin_error|undefined",
            Case::term("bits.lsh(1, 9223372036854775807)"),
        ),
        ("left shift beyond all", "eval_budget_error|eval_builtin_error|undefined", Case::term("bits.lsh(1, 1e40)")),
        ("left shift that is let", "answer", Case::term("bits.lsh(1, 1000)")),
        ("right shift", "answer|undefined", Case::term("bits.rsh(1, 9223372036854775807)")),
        (
            "shifts of shifts",
            "eval_budget_error|eval_builtin_error|undefined",
            Case::term(format!("{}1{}", "bits.lsh(".repeat(100), ", 60000)".repeat(100))),
        ),
        ("substring", "answer|undefined", Case::term(r#"substring("abc", 9223372036854775807, 9223372036854775807)"#)),
        ("slice", "answer|undefined", Case::term("array.slice([1], -9223372036854775808, 9223372036854775807)")),
        (
            "split by a huge count",
            "answer|undefined",
            Case::term(r#"strings.split_n("a,b", ",", 9223372036854775807)"#),
        ),
        ("date of huge years", "answer|undefined", Case::term("time.add_date(0, 2147483647, 2147483647, 2147483647)")),
        ("time of huge nanoseconds", "answer|undefined", Case::term("time.clock(9e300)")),
        (
            "difference of huge times",
            "answer|undefined",
            Case::term("time.diff(9223372036854775807, -9223372036854775808)"),
        ),
        ("huge duration", "answer|undefined", Case::term(r#"time.parse_duration_ns("99999999999999999999h")"#)),
        ("random of a huge number", "answer|undefined", Case::term(r#"rand.intn("a", 1e300)"#)),
        ("base 1e9", "answer|undefined", Case::term("format_int(5, 1e9)")),
        (
            "units",
            "answer|undefined|eval_budget_error|eval_builtin_error",
            Case::term(r#"[units.parse("1e1000000000"), units.parse_bytes("1e1000000000Ei")]"#),
        ),
        (
            "semver",
            "answer|undefined",
            Case::term(format!(
                r#"semver.compare("1.0.0-{}", "1.0.0-{}")"#,
                "1.".repeat(20000) + "1",
                "9".repeat(30000)
            )),
        ),
    ]);
}

#[test]
fn numbers_of_ten_thousand_digits_cost_what_they_are() {
    let big = "9".repeat(10_000);
    let point = format!("0.{big}");
    let powers = |n: usize, operator: &str, first: &str| {
        format!(
            "package a\np := x{n} > 0\nx0 := {first}\n{}",
            joined(n, "\n", |i| format!("x{} := x{i} {operator} x{i}", i + 1))
        )
    };
    let numbers = "rego_parse_error|eval_budget_error|eval_builtin_error|answer|undefined|eval_internal_error";
    hold(vec![
        ("itself", "answer", Case::term(&big)),
        ("product", numbers, Case::term(format!("{big} * {big}"))),
        ("quotient", numbers, Case::term(format!("{big} / {point}"))),
        ("remainder", numbers, Case::term(format!("{big} % 97"))),
        ("remainder of a fraction", numbers, Case::term(format!("{big} % {point}"))),
        ("squares", numbers, Case::of(powers(60, "*", &big))),
        ("squares of two", numbers, Case::of(powers(60, "*", "2"))),
        ("squares of a fraction", numbers, Case::of(powers(60, "*", "1.5"))),
        ("squares of a small fraction", numbers, Case::of(powers(60, "*", "1e-1000"))),
        ("doubles", numbers, Case::of(powers(1000, "+", &big))),
        ("differences of far apart", numbers, Case::term("1e1000000000 - 1e-1000000000")),
        ("sum of far apart", numbers, Case::term("sum([1e999999999, 1e-999999999, 1])")),
        ("huge exponent", numbers, Case::term("1e99999999999999999999")),
        ("exponent of input", numbers, Case::term("input.a + 1").input(r#"{"a": 1e9999}"#)),
        (
            "rounded",
            numbers,
            Case::term("[ceil(1e999999999), floor(-1e-999999999), round(1e999999999), abs(-1e999999999)]"),
        ),
        ("product of a range", numbers, Case::term("product(numbers.range(1, 100000))")),
        (
            "product of many big ones",
            numbers,
            Case::term(format!("product([x | some i in numbers.range(1, 2000); x := {big} - i])")),
        ),
        (
            "sum of many big ones",
            numbers,
            Case::term(format!("sum([x | some i in numbers.range(1, 2000); x := {big} - i])")),
        ),
        (
            "compared",
            numbers,
            Case::term(format!("[x | some i in numbers.range(1, 1000); x := {big}{big}1 < {big}{big}2]")),
        ),
        ("from text", numbers, Case::term(format!("to_number(\"{big}\") * to_number(\"{big}.5\")"))),
        (
            "from long text",
            numbers,
            Case::term("to_number(concat(``, [x | some i in numbers.range(1, 500000); x := `9`]))"),
        ),
        (
            "from JSON",
            numbers,
            Case::term("json.unmarshal(concat(``, [x | some i in numbers.range(1, 500000); x := `9`]))"),
        ),
        (
            "from YAML",
            numbers,
            Case::term("yaml.unmarshal(concat(``, [x | some i in numbers.range(1, 100000); x := `9`]))"),
        ),
        ("formatted", numbers, Case::term(format!("format_int({big}, 2)"))),
        (
            "printed",
            numbers,
            Case::term(format!(
                r#"sprintf("%d %x %b %f %e %v %s", [{big}, {big}, {big}, {big}, {big}, {big}, {big}])"#
            )),
        ),
        (
            "printed at huge exponents",
            numbers,
            Case::term(
                r#"sprintf("%d %x %b %f %e %v %s", [1e999999, 1e999999, 1e999999, 1e999999, 1e999999, 1e999999, 1e999999])"#,
            ),
        ),
        ("bits", numbers, Case::term(format!("bits.and({big}, bits.or({big}, bits.xor({big}, bits.negate({big}))))"))),
        ("range between big ones", numbers, Case::term(format!("numbers.range({big}, {big})"))),
        ("units", numbers, Case::term(format!(r#"units.parse("{big}Ei")"#))),
        ("1 MiB of digits", "rego_parse_error|rego_limit_error|answer", Case::term("9".repeat(1 << 20))),
        ("member of a set by value", numbers, Case::term(format!("{{1e10000, 1E10000, {big}}}"))),
    ]);
}

/// What a term costs with this input.
fn steps(term: &str, input: &Value) -> u64 {
    let policy = Policy::new([("a.rego", format!("package a\np := {term}\n").as_str())]);
    let query = policy.unwrap_or_else(|refused| panic!("{term}: {refused}")).query("data.a.p").unwrap();
    let outcome = query.run(Some(input), &Value::object(Vec::new()));
    outcome.unwrap_or_else(|error| panic!("{term}: {}", error.message)).metrics.steps
}

#[test]
fn members_that_are_compared_are_paid_for_by_their_weight() {
    const COUNT: usize = 64;
    // Alike up to their ends.
    let members = |bytes: usize| -> Vec<Value> {
        (100..100 + COUNT).map(|at| Value::string(format!("{}{at}", "x".repeat(bytes)))).collect()
    };
    let given = |bytes: usize| {
        let object = || Value::object(members(bytes).into_iter().map(|key| (key, Value::Null)).collect());
        let graph = members(bytes).into_iter().map(|key| (key, Value::array(Vec::new()))).collect();
        let fields = [
            ("a", Value::array(members(bytes))),
            ("b", Value::array(members(bytes))),
            ("s", Value::set(members(bytes))),
            ("t", Value::set(members(bytes))),
            ("u", Value::set(vec![Value::set(members(bytes)), Value::set(members(bytes).split_off(1))])),
            ("o", object()),
            ("q", object()),
            ("g", Value::object(graph)),
        ];
        Value::object(fields.into_iter().map(|(name, value)| (Value::string(name), value)).collect())
    };
    let (light, heavy) = (given(1), given(64 << 10));
    for term in [
        "input.s & input.t",
        "input.s | input.t",
        "input.s - input.t",
        "union(input.u)",
        "intersection(input.u)",
        "max(input.a)",
        "min(input.s)",
        "sort(input.a)",
        "object.keys(input.o)",
        "object.remove(input.o, input.s)",
        "object.remove(input.o, input.a)",
        "object.filter(input.o, input.s)",
        "object.union(input.o, input.q)",
        "object.union_n([input.o, input.q])",
        "object.subset(input.o, input.q)",
        "object.subset(input.s, input.t)",
        "object.subset(input.a, input.b)",
        "object.subset(input.a, input.s)",
        "graph.reachable(input.g, input.a)",
        "graph.reachable_paths(input.g, input.a)",
    ] {
        let (light, heavy) = (steps(term, &light), steps(term, &heavy));
        // A KiB a step, each member once at least.
        assert!(heavy >= light + (COUNT * 64) as u64 - 64, "{term}: {heavy} steps, and {light} for light ones");
    }
}

#[test]
fn numbers_are_paid_for_by_the_digits_that_they_are_worked_with_as() {
    let digits = "7".repeat(10_000);
    let input =
        Value::from_json(format!(r#"{{"x": {digits}1, "y": {digits}2, "s": [{digits}1, {digits}2]}}"#).as_bytes());
    let input = input.unwrap();
    for (term, least) in [
        ("input.x + input.y", 100_000),
        ("input.x + 1", 40_000),
        ("1e9000 + 1", 30_000),
        ("1e-9000 + 1", 30_000),
        ("input.x < input.y", 100),
        ("input.x == input.y", 100),
        ("max(input.s)", 100),
        ("[x | some x in input.s; x == input.y]", 100),
    ] {
        let cost = steps(term, &input);
        assert!(cost >= least, "{term}: {cost} steps");
    }
    assert!(steps("input + 1", &Value::int(7)) < 100);
}

#[test]
fn a_pattern_that_is_refused_is_refused_once() {
    let calls = |count: usize| {
        steps(&format!("count([1 | some i in numbers.range(1, {count}); not regex.match(`(a[`, `a`)])"), &Value::Null)
    };
    let (one, many) = (calls(1), calls(1001));
    assert!(many - one < 100 * 1000, "{many} steps, and {one} for one");
}

#[test]
fn texts_that_double_end_within_the_memory_of_the_budget() {
    let doubling = |n: usize, step: &str| {
        format!(
            "package a\np := count(x{n})\nx0 := `ab`\n{}",
            joined(n, "\n", |i| format!("x{} := {}", i + 1, step.replace('@', &format!("x{i}"))))
        )
    };
    let nested =
        |open: &str, close: &str, n: usize| Case::term(format!("count({}`aa`{})", open.repeat(n), close.repeat(n)));
    let big = "eval_budget_error";
    hold(vec![
        ("replace", big, nested("replace(", ", `a`, `aa`)", 40)),
        ("replace of nothing", big, nested("replace(", ", ``, `aa`)", 40)),
        ("concat", big, Case::of(doubling(60, "concat(``, [@, @])"))),
        ("sprintf", big, Case::of(doubling(60, "sprintf(`%s%s`, [@, @])"))),
        ("template strings", big, Case::of(doubling(60, r#"$"{@}{@}""#))),
        ("strings.replace_n", big, Case::of(doubling(60, "strings.replace_n({`a`: @, `b`: @}, @)"))),
        ("regex.replace", big, Case::of(doubling(60, "regex.replace(@, `.`, `$0$0`)"))),
        ("JSON in JSON", big, Case::of(doubling(60, "json.marshal([@, @])"))),
        ("YAML in YAML", big, Case::of(doubling(60, "yaml.marshal([@, @])"))),
        ("quotes of quotes", big, Case::of(doubling(60, r#"sprintf("%q", [@])"#).replace("`ab`", r#""\"\"""#))),
        ("encoded", big, Case::of(doubling(200, "urlquery.encode(base64.encode(@))"))),
        ("hex", big, Case::of(doubling(60, "hex.encode(@)"))),
        ("render", big, Case::of(doubling(60, "strings.render_template(`{{.a}}{{.a}}`, {`a`: @})"))),
        ("escaped by printing", big, Case::of(doubling(60, "sprintf(`%v`, [[@, @]])"))),
        ("split and joined", big, Case::of(doubling(60, "concat(@, split(@, ``))"))),
        ("upper", "answer", Case::of(doubling(60, "upper(@)"))),
    ]);
}

#[test]
fn values_that_double_or_nest_end_within_their_bounds() {
    let by_rules = |n: usize, first: &str, step: &str, last: &str| {
        format!(
            "package a\np := {}\nx0 := {first}\n{}",
            last.replace('@', &format!("x{n}")),
            joined(n, "\n", |i| format!("x{} := {}", i + 1, step.replace('@', &format!("x{i}"))))
        )
    };
    let big = "eval_budget_error|eval_internal_error|answer|undefined";
    hold(vec![
        ("arrays of twice the same", big, Case::of(by_rules(60, "[1]", "[@, @]", "@"))),
        ("the same compared", big, Case::of(by_rules(60, "[1]", "[@, @]", "@ == [@, 1]"))),
        ("the same written", big, Case::of(by_rules(40, "[1]", "[@, @]", "json.marshal(@)"))),
        ("the same printed", big, Case::of(by_rules(40, "[1]", "[@, @]", "sprintf(`%v`, [@])"))),
        ("the same walked", big, Case::of(by_rules(40, "[1]", "[@, @]", "count([1 | walk(@)])"))),
        ("the same in sets", big, Case::of(by_rules(40, "{1}", "{@, [@]}", "@"))),
        ("the same as keys", big, Case::of(by_rules(40, "{1: 1}", "{@: @, 1: @}", "@"))),
        ("the same flattened", big, Case::of(by_rules(60, "[1]", "array.concat(@, @)", "count(@)"))),
        ("the same flattened deep", big, Case::of(by_rules(40, "[1]", "[@, @]", "count(array.flatten(@))"))),
        ("unions", big, Case::of(by_rules(40, "{1}", "@ | {[x] | some x in @}", "count(@)"))),
        (
            "products of sets",
            "eval_budget_error",
            Case::of(by_rules(8, "{1, 2}", "{[x, y] | some x in @; some y in @}", "count(@)")),
        ),
        (
            "patches",
            big,
            Case::of(by_rules(
                60,
                "{`a`: 1}",
                "json.patch(@, [{`op`: `add`, `path`: `/a`, `value`: @}, {`op`: `add`, `path`: `/b`, `value`: @}])",
                "@",
            )),
        ),
        ("unions of objects", big, Case::of(by_rules(60, "{`a`: 1}", "object.union_n([{`b`: @}, {`c`: @}, @])", "@"))),
        (
            "unions of objects within",
            big,
            Case::of(by_rules(60, "{`a`: 1}", "object.union({`b`: @}, {`b`: {`c`: @}})", "@")),
        ),
        (
            "copies within one patch",
            "eval_budget_error|eval_internal_error|answer|undefined",
            Case::term(format!(
                "json.patch({{`a`: [1]}}, [{}])",
                joined(60, ",", |i| format!("{{`op`: `copy`, `from`: ``, `path`: `/a{i}`}}"))
            )),
        ),
        (
            "copies within one patch, written",
            big,
            Case::term(format!(
                "count(json.marshal(json.patch({{`a`: [1]}}, [{}])))",
                joined(60, ",", |i| format!("{{`op`: `copy`, `from`: ``, `path`: `/a{i}`}}"))
            )),
        ),
        (
            "many inserts in front",
            big,
            Case::term(
                "count(json.patch([], [o | some i in numbers.range(1, 100000); o := {`op`: `add`, `path`: `/0`, `value`: i}]))",
            ),
        ),
        (
            "unions of many",
            big,
            Case::term("count(object.union_n([o | some i in numbers.range(1, 20000); o := {i: {`a`: i}}]))"),
        ),
        ("deep by rules", big, Case::of(by_rules(3000, "[]", "[@]", "@"))),
        ("deep objects by rules", big, Case::of(by_rules(3000, "{}", "{`a`: @}", "@"))),
        ("deep keys by rules", big, Case::of(by_rules(3000, "{}", "{@: 1}", "@"))),
        ("deep by concat", big, Case::of(by_rules(3000, "[]", "array.concat([], [@])", "@"))),
        (
            "deep by patch",
            big,
            Case::of(by_rules(3000, "{}", "json.patch({}, [{`op`: `add`, `path`: `a`, `value`: @}])", "@")),
        ),
        ("deep by union", big, Case::of(by_rules(3000, "{}", "object.union({}, {`a`: @})", "@"))),
        ("deep by comprehension", big, Case::of(by_rules(3000, "[]", "[x | x := @]", "@"))),
        ("deep by text", big, Case::of(by_rules(900, "`[]`", "sprintf(`[%s]`, [@])", "json.unmarshal(@)"))),
        ("deep, walked", big, Case::of(by_rules(900, "[]", "[@]", "count([x | walk(@, [x, _])])"))),
        ("grouped", big, Case::term("count({x: y | some i in numbers.range(1, 100000); x := i % 7; y := x})")),
    ]);
}

#[test]
fn a_chain_of_50_000_rules_each_wrapping_the_last_ends() {
    let chain =
        format!("package a\np := x50000\nx0 := []\n{}", joined(50_000, "\n", |i| format!("x{} := [x{i}]", i + 1)));
    let deep = Budget { depth: 1_000_000, steps: 20_000_000, memory: 512 << 20, ..Budget::default() };
    hold(vec![
        ("small budget", "eval_budget_error", Case::of(chain.clone())),
        ("deep budget", "eval_budget_error", Case { budget: deep, ..Case::of(chain) }),
    ]);
}

#[test]
fn joins_comprehensions_and_products_end_within_the_steps() {
    let nested = |n: usize| format!("{}1{}", "[x | some x in numbers.range(1, 100); y := ".repeat(n), "]".repeat(n));
    let input = format!("[{}]", joined(1000, ",", |i| i.to_string()));
    let of = |text: &str| Case::of(format!("package a\n{text}")).input(&input);
    hold(vec![
        (
            "cartesian product",
            "eval_budget_error",
            of("p := count([1 | input[_] = a; input[_] = b; input[_] = c; a + b == c + 5000])"),
        ),
        (
            "cartesian set",
            "eval_budget_error",
            of("p := {[a, b, c] | some a in input; some b in input; some c in input}"),
        ),
        (
            "join without an index",
            "eval_budget_error",
            of("p if { some a in input; some b in input; some c in input; a + b + c < 0 }"),
        ),
        (
            "under not",
            "eval_budget_error",
            of("p if not q\nq if { some a in input; some b in input; some c in input; a + b + c < 0 }"),
        ),
        (
            "every of every",
            "eval_budget_error",
            of("p if { every a in input { every b in input { every c in input { a + b + c >= 0 } } } }"),
        ),
        ("nested comprehensions", "eval_budget_error", Case::term(nested(12))),
        (
            "functions of two that call two",
            "eval_budget_error|answer",
            Case::of(format!(
                "package a\np := f40(1)\nf0(x) := x\n{}",
                joined(40, "\n", |i| format!("f{}(x) := f{i}(x) + f{i}(x + 1)", i + 1))
            )),
        ),
        (
            "functions of objects that call two",
            "eval_budget_error|answer",
            Case::of(format!(
                "package a\np := f40([1])\nf0(x) := x[0]\n{}",
                joined(40, "\n", |i| format!(
                    "f{}(x) := f{i}(array.concat(x, [1])) + f{i}(array.concat(x, [2]))",
                    i + 1
                ))
            )),
        ),
        (
            "rules of two that ask two",
            "answer",
            Case::of(format!(
                "package a\np := r40\nr0 := 1\n{}",
                joined(40, "\n", |i| format!("r{} := r{i} + r{i}", i + 1))
            )),
        ),
        (
            "with that defeats what is kept",
            "eval_budget_error|answer",
            Case::of(format!(
                "package a\np := r30\nr0 := input\n{}",
                joined(30, "\n", |i| format!(
                    "r{} := [x, y] if {{ x := r{i} with input as [input, 1]; y := r{i} with input as [input, 2] }}",
                    i + 1
                ))
            ))
            .input("[]"),
        ),
        (
            "data with that defeats what is kept",
            "eval_budget_error|answer|eval_with_merge_error",
            Case::of(format!(
                "package a\np := r30\nr0 := data.b\n{}",
                joined(30, "\n", |i| format!(
                    "r{} := [x, y] if {{ x := r{i} with data.b as [{i}]; y := r{i} with data.b as {i} }}",
                    i + 1
                ))
            )),
        ),
        (
            "alternatives",
            "eval_budget_error|undefined",
            Case::of(
                format!(
                    "package a\np if {{ {}; false_ }}\nfalse_ := input.x\n",
                    joined(40, "; ", |i| format!("q[x{i}]"))
                ) + "q contains 1\nq contains 2\n",
            ),
        ),
        (
            "partial objects of products",
            "eval_budget_error",
            of("p[a][b][c] := 1 if { some a in input; some b in input; some c in input }"),
        ),
        ("infinite? data of itself", "answer", Case { query: "data".into(), ..of("p := 1") }),
        (
            "all tuples",
            "eval_budget_error",
            Case {
                query: "[data.a.q[_], data.a.q[_], data.a.q[_], data.a.q[_]]".into(),
                ..of("q contains x if some x in input")
            },
        ),
    ]);
}

#[test]
fn regex_and_glob_bombs_end() {
    let a = "a".repeat(30);
    let ends = "answer|undefined|eval_builtin_error|eval_budget_error";
    hold(vec![
        ("nested repetition", "answer", Case::term(format!("regex.match(`^(a+)+$`, `{a}!`)"))),
        ("alternation", "answer", Case::term(format!("regex.match(`^(a|a)*$`, `{a}!`)"))),
        ("nested counts", ends, Case::term("regex.match(`((a{1,1000}){1,1000}){1,1000}`, `a`)")),
        ("counts of classes", ends, Case::term(r"regex.match(`(\pL{1,1000}){1,1000}`, `a`)")),
        ("count", ends, Case::term(r"regex.match(`[\p{L}\p{N}]{1000}`, `a`)")),
        (
            "many different patterns",
            ends,
            Case::term(
                r"count([1 | some i in numbers.range(1, 100000); regex.match(sprintf(`(\pL{0,100}){0,%d}`, [i % 1000]), `a`)])",
            ),
        ),
        (
            "long pattern",
            ends,
            Case::term("regex.match(concat(``, [x | some i in numbers.range(1, 100000); x := `(a|b)*`]), `a`)"),
        ),
        (
            "deep pattern",
            ends,
            Case::term(format!("regex.match(`{}a{}`, `a`)", "(".repeat(50_000), ")".repeat(50_000))),
        ),
        (
            "deep classes",
            ends,
            Case::term(format!("regex.match(`{}a{}`, `a`)", "[".repeat(10_000), "]".repeat(10_000))),
        ),
        (
            "quadratic find",
            ends,
            Case::term(
                "count(regex.find_n(`.*?x`, concat(``, [x | some i in numbers.range(1, 100000); x := `a`]), -1))",
            ),
        ),
        (
            "quadratic split",
            ends,
            Case::term("count(regex.split(`a*?b`, concat(``, [x | some i in numbers.range(1, 100000); x := `a`])))"),
        ),
        (
            "split at everything",
            ends,
            Case::term("count(regex.split(``, concat(``, [x | some i in numbers.range(1, 200000); x := `a`])))"),
        ),
        (
            "all submatches",
            ends,
            Case::term(format!(
                "count(regex.find_all_string_submatch_n(`{}`, concat(``, [x | some i in numbers.range(1, 20000); x := `a`]), -1))",
                "(a?)".repeat(500)
            )),
        ),
        (
            "replaced by groups",
            ends,
            Case::term(format!(
                "count(regex.replace(concat(``, [x | some i in numbers.range(1, 20000); x := `a`]), `(a)`, `{}`))",
                "$1".repeat(10_000)
            )),
        ),
        ("templates", ends, Case::term(format!("regex.template_match(`{}`, `a`, `{{`, `}}`)", "{a*}".repeat(10_000)))),
        (
            "globs that meet",
            ends,
            Case::term(format!("regex.globs_match(`{}`, `{}`)", "[a-z]*".repeat(50), "[a-z]+".repeat(50))),
        ),
        (
            "globs that never meet",
            ends,
            Case::term(format!("regex.globs_match(`{}b`, `{}c`)", "a*".repeat(30), "a*".repeat(30))),
        ),
        ("glob of stars", ends, Case::term(format!("glob.match(`{}b`, [], `{}`)", "*a".repeat(500), "a".repeat(5000)))),
        (
            "glob of super stars",
            ends,
            Case::term(format!("glob.match(`{}b`, [`.`], `{}`)", "**a".repeat(500), "a".repeat(5000))),
        ),
        (
            "glob of alternatives",
            ends,
            Case::term(format!("glob.match(`{}c`, [], `{}`)", "{a,aa,aaa,b}".repeat(300), "a".repeat(1000))),
        ),
        (
            "glob of nested alternatives",
            ends,
            Case::term(format!("glob.match(`{}a{}`, [], `a`)", "{".repeat(5000), "}".repeat(5000))),
        ),
        ("glob of classes", ends, Case::term(format!("glob.match(`{}`, [], `a`)", "[!a-z]*".repeat(5000)))),
        (
            "many different globs",
            ends,
            Case::term(
                "count([1 | some i in numbers.range(1, 50000); glob.match(sprintf(`*%d*{a,b,c}*`, [i]), [], `a`)])",
            ),
        ),
        (
            "prefixes",
            ends,
            Case::term(
                "strings.any_prefix_match([x | some i in numbers.range(1, 30000); x := sprintf(`%d`, [i])], [x | some i in numbers.range(1, 30000); x := sprintf(`a%d`, [i])])",
            ),
        ),
        (
            "indices",
            ends,
            Case::term(
                "count(indexof_n(concat(``, [x | some i in numbers.range(1, 100000); x := `a`]), `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`))",
            ),
        ),
    ]);
}

#[test]
fn graphs_that_explode_end_within_the_budget() {
    let layers = |n: usize| {
        format!(
            "{{{}, `{n}a`: [], `{n}b`: []}}",
            joined(n, ",", |i| format!("`{i}a`: [`{0}a`, `{0}b`], `{i}b`: [`{0}a`, `{0}b`]", i + 1))
        )
    };
    let full = "{x: y | some i in numbers.range(1, 200); x := sprintf(`%d`, [i]); y := [z | some j in numbers.range(1, 200); z := sprintf(`%d`, [j])]}";
    hold(vec![
        (
            "paths through layers",
            "eval_budget_error",
            Case::term(format!("count(graph.reachable_paths({}, {{`0a`}}))", layers(40))),
        ),
        (
            "paths through all of all",
            "eval_budget_error",
            Case::term(format!("count(graph.reachable_paths({full}, {{`1`}}))")),
        ),
        ("reachable", "answer", Case::term(format!("count(graph.reachable({full}, {{`1`}}))"))),
        (
            "a long chain",
            "answer|eval_budget_error",
            Case::term(
                "count(graph.reachable_paths({x: [y] | some i in numbers.range(1, 5000); x := sprintf(`%d`, [i]); y := sprintf(`%d`, [i + 1])}, {`1`}))",
            ),
        ),
        ("a loop", "answer", Case::term("graph.reachable_paths({`a`: [`b`], `b`: [`a`]}, {`a`})")),
    ]);
}

#[test]
fn texts_of_other_formats_end() {
    let deep = |open: &str, close: &str, n: usize| {
        format!(
            "concat(``, array.concat([x | some i in numbers.range(1, {n}); x := `{open}`], [x | some i in numbers.range(1, {n}); x := `{close}`]))"
        )
    };
    let ends = "answer|undefined|eval_builtin_error|eval_budget_error";
    let laughs = format!(
        "a0: &a0 [x]\\n{}",
        joined(30, "", |i| format!("a{0}: &a{0} [*a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}]\\n", i + 1))
    );
    let merges = format!(
        "a0: &a0 {{k: x}}\\n{}",
        joined(1000, "", |i| format!("a{0}: &a{0} {{<<: [*a{i}, *a{i}], k{0}: 1}}\\n", i + 1))
    );
    let mut cases = vec![
        ("YAML laughs", ends, Case::term(format!("count(yaml.unmarshal(\"{laughs}\"))"))),
        ("YAML merges", ends, Case::term(format!("count(yaml.unmarshal(\"{merges}\"))"))),
        ("YAML of itself", ends, Case::term(r#"yaml.unmarshal("a: &a [*a]")"#)),
        ("YAML garbage", ends, Case::term(r#"yaml.unmarshal("\u0000\u0001: - ? | > %YAML !!binary")"#)),
    ];
    let mut texts = Vec::new();
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("[{\"a\":", "}]"),
        ("- ", ""),
        ("? ", ""),
        ("{", "}"),
        ("((", "))"),
        ("<", ">"),
        ("{{if .a}}", "{{end}}"),
        ("{a", "}"),
        ("!", ""),
        ("&a ", ""),
        ("---\\n", ""),
    ] {
        texts.push(deep(open, close, 15_000));
    }
    for function in [
        "json.unmarshal",
        "json.is_valid",
        "yaml.unmarshal",
        "yaml.is_valid",
        "graphql.parse_query",
        "graphql.parse_schema",
        "graphql.is_valid_schema",
        "graphql.schema_is_valid",
        "units.parse",
        "regex.is_valid",
        "uri.parse",
        "urlquery.decode_object",
        "crypto.x509.parse_certificates",
        "crypto.x509.parse_and_verify_certificates",
        "crypto.x509.parse_certificate_request",
        "crypto.x509.parse_keypair",
        "crypto.x509.parse_rsa_private_key",
        "crypto.parse_private_keys",
        "io.jwt.decode",
        "semver.is_valid",
        "uuid.parse",
        "time.parse_rfc3339_ns",
        "net.cidr_is_valid",
        "glob.quote_meta",
        "base64.decode",
        "hex.decode",
        "json.verify_schema",
    ] {
        for text in &texts {
            cases.push((function, "", Case::term(format!("x if {{ x := {function}({text}) }}"))));
        }
    }
    for text in &texts {
        cases.push((
            "rego.parse_module",
            "",
            Case::term(format!("rego.parse_module(`a.rego`, sprintf(`package a\np := %s`, [{text}]))")),
        ));
        cases.push(("strings.render_template", "", Case::term(format!("strings.render_template({text}, {{`a`: 1}})"))));
        cases.push((
            "json.patch",
            "",
            Case::term(format!("json.patch({{}}, [{{`op`: `add`, `path`: {text}, `value`: 1}}])")),
        ));
        cases.push(("json.remove", "", Case::term(format!("json.remove({{}}, [{text}])"))));
        cases.push(("regex.match", "", Case::term(format!("regex.match({text}, {text})"))));
        cases.push(("glob.match", "", Case::term(format!("glob.match({text}, [], {text})"))));
        cases.push(("sprintf", "", Case::term(format!("sprintf({text}, [1])"))));
        cases.push(("graphql.is_valid", "", Case::term(format!("graphql.is_valid({text}, {text})"))));
        cases.push(("json.match_schema", "", Case::term(format!("json.match_schema({text}, {text})"))));
        cases.push(("time.parse_ns", "", Case::term(format!("time.parse_ns({text}, {text})"))));
        cases.push(("uuid", "", Case::term(format!("uuid.rfc4122({text})"))));
    }
    on_a_small_stack(move || {
        for (name, _, case) in cases {
            let shown = case.modules.first().map(|(_, text)| text.chars().take(120).collect::<String>());
            let start = Instant::now();
            let end = case.run();
            if start.elapsed() > Duration::from_secs(1) {
                println!("{name}: {:.1?} {shown:?} {}", start.elapsed(), end.code());
            }
            assert_ne!(end.code(), "eval_internal_error", "{name} {shown:?}");
        }
    });
}

#[test]
fn keys_certificates_and_tokens_that_are_none_are_never_good() {
    let b64 = |text: &str| format!("trim_right(base64url.encode(`{text}`), `=`)");
    let token = |header: &str, payload: &str, signature: &str| {
        format!("concat(`.`, [{}, {}, {}])", b64(header), b64(payload), b64(signature))
    };
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    let mut cases = Vec::new();
    for alg in ["none", "None", "HS256", "RS256", "ES256", "PS512", "EdDSA", "", "../..", "HS257"] {
        for signature in ["", "x"] {
            let one = token(
                &format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#),
                r#"{"a":1,"exp":99999999999999999999999}"#,
                signature,
            );
            for verify in [
                "io.jwt.verify_hs256",
                "io.jwt.verify_rs256",
                "io.jwt.verify_es256",
                "io.jwt.verify_ps512",
                "io.jwt.verify_eddsa",
            ] {
                cases.push(Case::of(format!("package a\np if {{ {verify}({one}, `{pem}`) }}")));
                cases.push(Case::of(format!("package a\np if {{ {verify}({one}, ``) }}")));
            }
            cases.push(Case::of(format!(
                "package a\np if {{ [true, _, _] = io.jwt.decode_verify({one}, {{`cert`: `{pem}`}}) }}"
            )));
            cases.push(Case::of(format!(
                "package a\np if {{ [true, _, _] = io.jwt.decode_verify({one}, {{`secret`: ``, `alg`: `{alg}`}}) }}"
            )));
            cases.push(Case::of(format!("package a\np if {{ [true, _, _] = io.jwt.decode_verify({one}, {{}}) }}")));
        }
    }
    cases.push(Case::of(format!(
        "package a\np if {{ [true, _] = crypto.x509.parse_and_verify_certificates(`{pem}`) }}"
    )));
    cases.push(Case::of("package a\np if crypto.hmac.equal(`a`, `b`)"));
    on_a_small_stack(move || {
        for case in cases {
            let text = case.modules.clone();
            let end = case.run();
            assert!(!matches!(&end, End::Is(_)), "{text:?} {end:?}");
        }
    });
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    let ends = "answer|undefined|eval_builtin_error|eval_budget_error|rego_type_error";
    let deep = format!(
        "json.unmarshal(`{}`)",
        r##"{"properties":{"a":"##.repeat(200) + r##"{"$ref":"#"}"## + &"}}".repeat(200)
    );
    hold(vec![
        ("$ref to itself", ends, Case::term(r##"json.match_schema({"a": {"a": 1}}, {"$ref": "#"})"##)),
        (
            "$ref in a ring",
            ends,
            Case::term(
                r##"json.match_schema({"a": 1}, {"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}})"##,
            ),
        ),
        (
            "$ref by properties",
            ends,
            Case::term(r##"json.match_schema({"a": {"a": {"a": 1}}}, {"properties": {"a": {"$ref": "#"}}})"##),
        ),
        (
            "$ref outside",
            "eval_denied_error",
            Case::term(r#"json.match_schema({"a": 1}, {"$ref": "http://127.0.0.1:1/schema"})"#),
        ),
        (
            "$ref to a file",
            "eval_denied_error",
            Case::term(r#"json.match_schema({"a": 1}, {"$ref": "file:///etc/passwd"})"#),
        ),
        (
            "all of two of all of two",
            ends,
            Case::term(format!(
                r##"json.match_schema(1, {{"$ref": "#/definitions/d0", "definitions": {{{}, "d30": {{}}}}}})"##,
                joined(30, ",", |i| format!(
                    r##""d{i}": {{"allOf": [{{"$ref": "#/definitions/d{0}"}}, {{"$ref": "#/definitions/d{0}"}}]}}"##,
                    i + 1
                ))
            )),
        ),
        (
            "pattern",
            ends,
            Case::term(r#"json.match_schema("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", {"pattern": "^(a+)+$"})"#),
        ),
        ("deep", ends, Case::term(format!("json.verify_schema({deep})"))),
        ("deep match", ends, Case::term(format!("json.match_schema({deep}, {deep})"))),
        ("unique items", ends, Case::term(r#"json.match_schema(numbers.range(1, 20000), {"uniqueItems": true})"#)),
        ("multiple of", ends, Case::term(r#"json.match_schema(1e300, {"multipleOf": 1e-300})"#)),
        ("huge counts", ends, Case::term(r#"json.match_schema("a", {"minLength": 1e300, "maxLength": -1})"#)),
    ]);
}

#[test]
fn graphql_bombs_end() {
    let ends = "answer|undefined|eval_builtin_error|eval_budget_error|rego_type_error";
    let schema = "type Query { a: Query, b: Query }";
    let fragments = format!(
        "{{ ...f0 }} {} fragment f30 on Query {{ a {{ __typename }} }}",
        joined(30, " ", |i| format!("fragment f{i} on Query {{ a {{ ...f{0} }} b {{ ...f{0} }} }}", i + 1))
    );
    let cyclic = "{ ...f } fragment f on Query { a { ...g } } fragment g on Query { a { ...f } }";
    let deep = format!("{}__typename{}", "{ a ".repeat(5000), "}".repeat(5000));
    let wide = format!("{{ {} }}", joined(20_000, " ", |_| "a { __typename }".into()));
    let mut cases = Vec::new();
    for query in [fragments.as_str(), cyclic, deep.as_str(), wide.as_str()] {
        cases.push(("valid", ends, Case::term(format!("graphql.is_valid(`{query}`, `{schema}`)"))));
        cases.push(("parse", ends, Case::term(format!("count(json.marshal(graphql.parse(`{query}`, `{schema}`)))"))));
        cases.push(("parse query", ends, Case::term(format!("count(json.marshal(graphql.parse_query(`{query}`)))"))));
    }
    cases.push(("schema of itself", ends, Case::term("graphql.schema_is_valid(`interface A implements B { a: A } interface B implements A { a: B } type Query { a: A }`)")));
    cases.push((
        "inputs of themselves",
        ends,
        Case::term("graphql.schema_is_valid(`input A { b: B! } input B { a: A! } type Query { a(x: A): Int }`)"),
    ));
    hold(cases);
}

#[test]
fn templates_that_loop_end() {
    let ends = "answer|undefined|eval_builtin_error|eval_budget_error";
    hold(vec![
        (
            "recursive",
            ends,
            Case::term(
                r#"strings.render_template("{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}", {})"#,
            ),
        ),
        (
            "doubling",
            ends,
            Case::term(format!(
                "strings.render_template(`{}{{{{template \"t40\" .}}}}`, {{}})",
                joined(40, "", |i| format!(
                    "{{{{define \"t{}\"}}}}{{{{template \"t{i}\" .}}}}{{{{template \"t{i}\" .}}}}{{{{end}}}}",
                    i + 1
                )) + "{{define \"t0\"}}x{{end}}"
            )),
        ),
        (
            "ranges of ranges",
            ends,
            Case::term(format!(
                "count(strings.render_template(`{}x{}`, {{`a`: numbers.range(1, 1000)}}))",
                "{{range $.a}}".repeat(6),
                "{{end}}".repeat(6)
            )),
        ),
        ("range of a number", ends, Case::term("count(strings.render_template(`{{range 1000000000}}x{{end}}`, {}))")),
        ("width", ends, Case::term(r#"count(strings.render_template("{{printf \"%999999d\" 1}}", {}))"#)),
        (
            "pipes",
            ends,
            Case::term(format!(
                "count(strings.render_template(`{{{{.a{}}}}}`, {{`a`: `\"\"\"\"`}}))",
                " | printf \"%q\"".repeat(60)
            )),
        ),
        (
            "deep parentheses",
            ends,
            Case::term(format!(
                "strings.render_template(`{{{{{}1{}}}}}`, {{}})",
                "(".repeat(20_000),
                ")".repeat(20_000)
            )),
        ),
        (
            "else ifs",
            ends,
            Case::term(format!(
                "strings.render_template(`{{{{if .a}}}}{}{{{{end}}}}`, {{}})",
                "{{else if .a}}".repeat(20_000)
            )),
        ),
    ]);
}

// Whole modules of a MiB, or a quarter of it where nothing is optimised.

const HUGE: usize = if cfg!(debug_assertions) { 256 << 10 } else { 1 << 20 };

fn huge(head: &str, one: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    let mut at = 0;
    while text.len() < HUGE {
        text += &one(at);
        at += 1;
    }
    text + tail
}

#[test]
fn modules_of_a_mebibyte_of_rules_are_loaded_or_refused() {
    let any = "answer|undefined|rego_parse_error|rego_limit_error|rego_compile_error|rego_type_error|eval_budget_error|eval_conflict_error|rego_unsafe_var_error";
    hold(vec![
        ("many rules", any, Case::of(huge("package a\n", |i| format!("r{i} := {i} if input.x == {i}\n"), "p := r77"))),
        (
            "many of one name",
            any,
            Case::of(huge("package a\n", |i| format!("p := {i} if input.x == {i}\n"), "")).input(r#"{"x": 7}"#),
        ),
        (
            "many of one name that conflict",
            any,
            Case::of(huge("package a\n", |i| format!("p := {i} if input.x\n"), "")).input(r#"{"x": 7}"#),
        ),
        ("many of a set", any, Case::of(huge("package a\n", |i| format!("p contains {i}\n"), ""))),
        ("many functions", any, Case::of(huge("package a\n", |i| format!("f(x) := {i} if x == {i}\n"), "p := f(7)"))),
        ("many defaults", any, Case::of(huge("package a\n", |i| format!("default r{i} := 1\n"), "p := r7"))),
        ("many imports", any, Case::of(huge("package a\n", |i| format!("import data.b{i}.c\n"), "p := 1"))),
        ("many keys of a rule", any, Case::of(huge("package a\n", |i| format!("p.k{i}.x := {i}\n"), ""))),
        ("many comments", any, Case::of(huge("package a\n", |_| "#\n".into(), "p := 1"))),
        (
            "many annotations",
            any,
            Case::of(huge("package a\n", |i| format!("# METADATA\n# title: a\nr{i} := 1\n"), "p := 1")),
        ),
    ]);
}

#[test]
fn modules_of_one_huge_term_or_body_are_loaded_or_refused() {
    let any = "answer|undefined|rego_parse_error|rego_limit_error|rego_compile_error|rego_type_error|eval_budget_error|rego_unsafe_var_error";
    hold(vec![
        ("array", any, Case::of(huge("package a\np := [", |i| format!("{i},"), "1]"))),
        ("object", any, Case::of(huge("package a\np := {", |i| format!("\"k{i}\":{i},"), "\"z\": 1}"))),
        ("object of one key", any, Case::of(huge("package a\np := {", |i| format!("\"k\":{i},"), "\"k\": 1}"))),
        ("set", any, Case::of(huge("package a\np := {", |i| format!("{i},"), "1}"))),
        ("array of variables", any, Case::of(huge("package a\np := [", |i| format!("input.k{i},"), "1]"))),
        ("string", any, Case::of(huge("package a\np := \"", |_| "\\u0061".into(), "\""))),
        ("raw string", any, Case::of(huge("package a\np := `", |_| "\n".into(), "`"))),
        ("template string", any, Case::of(huge("package a\np := $\"", |i| format!("{{{i}}}"), "\""))),
        ("body", any, Case::of(huge("package a\np if {\n", |i| format!("x{i} := {i}\n"), "}"))),
        (
            "body of a chain of variables",
            any,
            Case::of(huge("package a\np if {\n x0 := 1\n", |i| format!("x{} = x{i}\n", i + 1), "}")),
        ),
        ("body backwards", any, Case::of(huge("package a\np if {\n", |i| format!("x{i} = x{}\n", i + 1), "x0 = 1\n}"))),
        ("body of one and the same", any, Case::of(huge("package a\np if {\n", |_| "input.x\n".into(), "}"))),
        ("some", any, Case::of(huge("package a\np if {\nsome ", |i| format!("x{i},"), "y\n y = 1\n}"))),
        ("plus", any, Case::of(huge("package a\np := 1", |_| " + 1".into(), ""))),
        (
            "and-or",
            any,
            Case::of(huge("package a\np := {1}", |i| if i % 2 == 0 { " & {1}".into() } else { " | {2}".into() }, "")),
        ),
        ("comparisons", any, Case::of(huge("package a\np := 1", |_| " == 1".into(), ""))),
        ("minus", any, Case::of(huge("package a\np := 1", |_| "-1".into(), ""))),
        ("in", any, Case::of(huge("package a\np := 1", |_| " in [1]".into(), ""))),
        (
            "else",
            any,
            Case::of(huge("package a\np if input.x == 1\n", |i| format!(" else := {i} if input.x == {i}\n"), "")),
        ),
        ("with", any, Case::of(huge("package a\np if q", |i| format!(" with input.a{i} as {i}"), "\nq := 1"))),
        ("with on one", any, Case::of(huge("package a\np if q", |i| format!(" with input as {i}"), "\nq := 1"))),
        ("reference", any, Case::of(huge("package a\np := input", |_| ".a".into(), ""))),
        ("reference of brackets", any, Case::of(huge("package a\np := input", |_| "[0]".into(), ""))),
        ("reference of variables", any, Case::of(huge("package a\np if input", |_| "[_]".into(), ""))),
        ("head", "rego_limit_error", Case::of(huge("package a\np", |_| ".a".into(), " := 1"))),
        ("package", "rego_limit_error", Case::of(huge("package a", |_| ".a".into(), "\np := 1"))),
        ("import", any, Case::of(huge("package a\nimport data", |_| ".a".into(), "\np := 1"))),
        ("arguments", any, Case::of(huge("package a\np := f(", |_| "1,".into(), "1)\nf(x) := x"))),
        ("parameters", any, Case::of(huge("package a\np := 1\nf(", |i| format!("x{i},"), "y) := y"))),
        ("one name", any, Case::of(huge("package a\np := ", |_| "x".into(), ""))),
        ("calls of calls", any, Case::of(huge("package a\np if f", |_| "(1)".into(), ""))),
        ("semicolons", any, Case::of(huge("package a\np if { 1", |_| ";1".into(), "}"))),
        ("ands of v2", any, Case::of(huge("package a\nimport rego.v2\np if { true", |_| " and true".into(), "}"))),
        (
            "comprehension bodies",
            any,
            Case::of(huge("package a\np := [x | x := 1", |i| format!("; x{i} = [y | y := x]"), "]")),
        ),
        ("unclosed string", any, Case::of(huge("package a\np := \"", |_| "a".into(), ""))),
        ("quotes", any, Case::of(huge("package a\np := ", |_| "\"".into(), ""))),
        ("line ends", any, Case::of(huge("package a\n", |_| "\r\n".into(), "p := 1"))),
        ("zeros", any, Case::of(huge("package a\n", |_| "\0".into(), ""))),
    ]);
}

#[test]
fn text_that_is_no_utf8_is_refused() {
    on_a_small_stack(|| {
        for bytes in [
            &b"package a\np := \"\xff\""[..],
            b"\xff\xfe\0",
            b"package a\np := `\xed\xa0\x80`",
            b"\xef\xbb\xbfpackage a",
            b"package a\n#\xc3",
            b"\xf4\x90\x80\x80",
        ] {
            for language in [Language::V0, Language::V1] {
                let mut sources = plimsoll_rego::span::Sources::default();
                let parsed = parse::parse_module(&mut sources, "a.rego", bytes, &parse::Options::of(language));
                assert!(parsed.module.is_some() == parsed.errors.is_empty());
                assert!(parsed.errors.iter().all(|error| !error.line(&sources).is_empty()));
                assert!(parsed.module.is_none() || std::str::from_utf8(bytes).is_ok(), "{bytes:?}");
            }
            let _ = Value::from_json(bytes);
            assert!(
                Value::from_yaml(bytes, &plimsoll_rego::value::JsonLimits::default()).is_err()
                    || std::str::from_utf8(bytes).is_ok()
            );
        }
    });
}

// Inputs of 8 MiB.

#[test]
fn inputs_of_eight_mebibytes_are_read_once_and_looked_up() {
    let size = 8 << 20;
    let wide = format!("[{}1]", "1,".repeat(size / 2));
    let keys = format!("{{{}}}", joined(size / 16, ",", |i| format!("\"k{i:07}\":{}", i % 10)));
    let one_key = format!("{{{}}}", joined(size / 8, ",", |_| "\"k\":12".into()));
    let text = format!("[\"{}\"]", "\\u00e9".repeat(size / 6));
    let nested = format!("[{}1]", "[[[[[[[[]]]]]]]],".repeat(size / 17));
    let read = |json: String| Value::from_json(json.as_bytes()).unwrap();
    let (wide, keys, one_key, text, nested) = (read(wide), read(keys), read(one_key), read(text), read(nested));
    let walk = "package a\np := count([1 | walk(input)])";
    hold(vec![
        ("wide, looked up", "answer", Case::of("package a\np := input[4000000]").given(&wide)),
        ("wide, counted", "answer", Case::of("package a\np := count(input)").given(&wide)),
        ("wide, summed", "answer|eval_budget_error", Case::of("package a\np := sum(input)").given(&wide)),
        ("wide, iterated over", "eval_budget_error", Case::of("package a\np := count([x | some x in input])").given(&wide)),
        ("wide, walked", "eval_budget_error", Case::of(walk).given(&wide)),
        ("wide, sorted", "eval_budget_error|answer", Case::of("package a\np := count(sort(input))").given(&wide)),
        ("wide, written", "eval_budget_error|answer", Case::of("package a\np := count(json.marshal(input))").given(&wide)),
        ("wide, compared", "eval_budget_error|answer", Case::of("package a\np if input == array.concat(input, [1])").given(&wide)),
        ("keys, looked up", "answer", Case::of("package a\np := input.k0012345").given(&keys)),
        ("keys, joined", "eval_budget_error", Case::of("package a\np if { some k, v in input; input[k] == v + 11 }").given(&keys)),
        ("keys, replaced by with", "answer|eval_budget_error", Case::of("package a\np := y if { y := input.k0012345 with input.x as 1 }").given(&keys)),
        ("keys, replaced by with many times", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := q with input.x as i]\nq := input.k0012345").given(&keys)),
        ("keys, removed", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := object.remove(input, [i])]").given(&keys)),
        ("keys, united", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := object.union(input, {i: 1})]").given(&keys)),
        ("keys, patched", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := json.patch(input, [{`op`: `add`, `path`: `/x`, `value`: i}])]").given(&keys)),
        ("keys as data", "answer", Case { data: keys.clone(), ..Case::of("package a\np := data.k0012345") }),
        ("keys as data, all of it", "answer|eval_budget_error", Case { data: keys.clone(), query: "data".into(), ..Case::of("package a\np := 1") }),
        ("keys as data, replaced many times", "eval_budget_error|answer", Case { data: keys.clone(), ..Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := q with data.x as i]\nq := data.k0012345") }),
        ("one key", "answer", Case::of("package a\np := input.k").given(&one_key)),
        ("text", "answer|eval_budget_error", Case::of("package a\np := count(input[0])").given(&text)),
        ("text, cut", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 100000); x := substring(input[0], i, 1)]").given(&text)),
        ("text, split", "eval_budget_error", Case::of("package a\np := count(split(input[0], ``))").given(&text)),
        ("text, compared", "eval_budget_error|answer|undefined", Case::of("package a\np := count([1 | some i in numbers.range(1, 100000); input[0] == concat(``, [input[0], ``])])").given(&text)),
        ("text, searched", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 100000); x := contains(input[0], sprintf(`%d`, [i]))]").given(&text)),
        ("text, matched", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 100000); x := regex.match(`x$`, input[0])]").given(&text)),
        ("nested, walked", "eval_budget_error", Case::of(walk).given(&nested)),
        ("nested, in a set", "eval_budget_error|answer", Case::of("package a\np := count({x | some x in input})").given(&nested)),
        ("nested, as a key", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := {input: i}[input]]").given(&nested)),
        ("nested, as an argument", "eval_budget_error|answer", Case::of("package a\np := [x | some i in numbers.range(1, 10000); x := f(input)]\nf(x) := count(x)").given(&nested)),
        ("nested, as members", "eval_budget_error|answer", Case::of("package a\np contains input if some i in numbers.range(1, 100000)").given(&nested)),
    ]);
}

#[test]
fn deep_inputs_are_refused_where_they_are_read_and_not_where_they_are_used() {
    on_a_small_stack(|| {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            for n in [100_000, (8 << 20) / (open.len() + close.len())] {
                assert!(Value::from_json(format!("{}1{}", open.repeat(n), close.repeat(n)).as_bytes()).is_err());
                assert!(Value::from_json(open.repeat(n).as_bytes()).is_err());
                let limits = plimsoll_rego::value::JsonLimits::default();
                assert!(Value::from_yaml(open.repeat(n).as_bytes(), &limits).is_err());
            }
        }
    });
    let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    let any = "answer|undefined|eval_budget_error";
    let of = |text: &str| Case::of(format!("package a\n{text}")).input(&deep);
    hold(vec![
        ("walked", any, of("p := count([x | walk(input, [x, _])])")),
        ("compared", any, of("p if input == [input[0]]")),
        ("wrapped", any, of(&format!("p := {}input{}", "[".repeat(200), "]".repeat(200)))),
        ("written", any, of("p := [json.marshal(input), sprintf(`%v`, [input])]")),
        ("read again", any, of("p := json.unmarshal(json.marshal([[[input]]]))")),
        ("flattened", any, of("p := array.flatten(input)")),
        ("in sets of sets", any, of("p := {{input}, {{input}}}")),
        (
            "patched",
            any,
            of(&format!("p := json.patch(input, [{{`op`: `add`, `path`: `{}`, `value`: input}}])", "/0".repeat(899))),
        ),
        ("filtered", any, of("p := [json.filter({`a`: input}, [`a/0/0/0`]), json.remove({`a`: input}, [`a/0/0/0`])]")),
        ("unified", any, of(&format!("p if input = {}x{}", "[".repeat(200), "]".repeat(200)))),
        ("replaced by with", any, of("p := y if { y := q with input as {`a`: input} }\nq := input")),
        ("by partial rules", any, of("p[input][x] := input if some x in input")),
        ("subsets", any, of("p if object.subset(input, [[input]])")),
        ("printed", any, of("p if print(input)")),
    ]);
}

// Ends from outside.

fn looping() -> Policy {
    let text = "package a\np := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i + j < 0])";
    Policy::new([("a.rego", text)]).unwrap()
}

#[test]
fn a_flag_set_by_another_thread_ends_an_evaluation() {
    let code = on_a_small_stack(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let setter = flag.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            setter.store(true, Ordering::Relaxed);
        });
        let budget = Budget { steps: u64::MAX, memory: u64::MAX, cancel: Some(flag), ..Budget::default() };
        let query = looping().query("data.a.p").unwrap();
        let options = RunOptions { budget, ..RunOptions::default() };
        query.run_with(None, &Value::object(Vec::new()), &options).unwrap_err().code.as_str()
    });
    assert_eq!(code, "eval_cancel_error");
}

#[test]
fn a_flag_that_is_set_and_a_deadline_that_has_passed_end_an_evaluation_before_it_gets_far() {
    for budget in [
        Budget { cancel: Some(Arc::new(AtomicBool::new(true))), ..Budget::default() },
        Budget { deadline: Some(Instant::now()), ..Budget::default() },
        Budget { deadline: Some(Instant::now() + Duration::from_millis(30)), steps: u64::MAX, ..Budget::default() },
        Budget { steps: 10_000, ..Budget::default() },
        Budget { memory: 10_000, steps: u64::MAX, ..Budget::default() },
        Budget { steps: 0, ..Budget::default() },
        Budget { memory: 0, ..Budget::default() },
        Budget { depth: 0, ..Budget::default() },
    ] {
        let error = on_a_small_stack(move || {
            let query = looping().query("data.a.p").unwrap();
            let options = RunOptions { budget, ..RunOptions::default() };
            query.run_with(None, &Value::object(Vec::new()), &options).unwrap_err()
        });
        assert!(matches!(error.code.as_str(), "eval_cancel_error" | "eval_budget_error"), "{error}");
    }
}

#[test]
fn a_builtin_that_works_long_looks_at_the_flag_too() {
    for term in [
        "count(numbers.range(1, 1e15))",
        "count(net.cidr_expand(`::/0`))",
        "count(sprintf(`%s`, [numbers.range(1, 1e9)]))",
        "count(graph.reachable_paths({x: y | some x in numbers.range(1, 60); y := numbers.range(1, 60)}, {1}))",
    ] {
        let code = on_a_small_stack(move || {
            let policy = Policy::new([("a.rego", format!("package a\np := {term}").as_str())]).unwrap();
            let flag = Arc::new(AtomicBool::new(false));
            let setter = flag.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                setter.store(true, Ordering::Relaxed);
            });
            let budget = Budget { steps: u64::MAX, memory: 256 << 20, cancel: Some(flag), ..Budget::default() };
            let options = RunOptions { budget, ..RunOptions::default() };
            let query = policy.query("data.a.p").unwrap();
            query.run_with(None, &Value::object(Vec::new()), &options).unwrap_err().code.as_str()
        });
        assert!(matches!(code, "eval_cancel_error" | "eval_budget_error"), "{term}: {code}");
    }
}
