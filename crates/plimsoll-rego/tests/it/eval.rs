//! What the evaluator gives, refuses and survives.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use plimsoll_rego::ast::Language;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::capabilities::Function;
use plimsoll_rego::compile;
use plimsoll_rego::engine::{Builder, Policy};
use plimsoll_rego::eval::{Coverage, EvalCode, EvalError, Event, EventOp, Node, Outcome, RunOptions, Tracer};
use plimsoll_rego::parse;
use plimsoll_rego::types::{Signature, Type};
use plimsoll_rego::value::Value;

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap()
}

fn policy(text: &str) -> Policy {
    Policy::new([("test.rego", text)]).unwrap_or_else(|refused| panic!("{refused}"))
}

fn run(text: &str, query: &str, input: &str, data: &str, options: &RunOptions) -> Result<Outcome, EvalError> {
    let query = policy(text).query(query).unwrap_or_else(|refused| panic!("{refused}"));
    query.run_with(Some(&json(input)), &json(data), options)
}

/// What the query's first expression is worth, in all solutions.
fn values(text: &str, query: &str, input: &str, data: &str) -> String {
    let outcome = run(text, query, input, data, &RunOptions::default()).unwrap();
    let values: Vec<String> =
        outcome.solutions.iter().map(|solution| solution.expressions[0].value.to_string()).collect();
    values.join(" | ")
}

fn error(text: &str, query: &str, budget: Budget) -> EvalError {
    run(text, query, "{}", "{}", &RunOptions { budget, ..RunOptions::default() }).unwrap_err()
}

fn steps(steps: u64) -> Budget {
    Budget { steps, ..Budget::default() }
}

#[test]
fn undefined_is_not_false() {
    let text = "package a\np := input.x > 1\nq if not p\nr if not input.missing > 1";
    assert_eq!(values(text, "data.a", r#"{"x": 1}"#, "{}"), r#"{"p": false, "q": true}"#);
    assert_eq!(values(text, "data.a.p", "{}", "{}"), "");
}

#[test]
fn else_is_reached_only_where_what_is_before_it_is_undefined() {
    let text = "package a\nimport rego.v1\np := 1 if input.x == 1 else := 2 if input.x == 2 else := 3";
    for (input, want) in [(r#"{"x": 1}"#, "1"), (r#"{"x": 2}"#, "2"), ("{}", "3")] {
        assert_eq!(values(text, "data.a.p", input, "{}"), want);
    }
}

#[test]
fn keys_of_heads_make_nested_objects_and_sets() {
    let text = r#"package a
        p[x].n[y] := x + y if { some x in [1, 2]; some y in [3, 4] }
        q[x] contains y if { some x, y in {"a": 1, "b": 2} }
        r.fixed := 0
        r[x] := 1 if some x in ["k"]"#;
    assert_eq!(values(text, "data.a.p[1]", "{}", "{}"), r#"{"n": {3: 4, 4: 5}}"#);
    assert_eq!(values(text, "data.a.p[_].n[4]", "{}", "{}"), "5 | 6");
    assert_eq!(values(text, "data.a.q", "{}", "{}"), r#"{"a": {1}, "b": {2}}"#);
    assert_eq!(values(text, "data.a.r", "{}", "{}"), r#"{"fixed": 0, "k": 1}"#);
}

#[test]
fn base_documents_and_rules_make_one_document() {
    let text = "package a.b\np := 1\ns contains 2";
    let data = r#"{"a": {"b": {"x": 7}, "c": 8}, "d": 9, "system": 1}"#;
    let whole = r#"{"a": {"b": {"p": 1, "s": {2}, "x": 7}, "c": 8}, "d": 9}"#;
    assert_eq!(values(text, "data", "{}", data), whole);
    assert_eq!(values(text, "data.a[k]", "{}", data), r#"{"p": 1, "s": {2}, "x": 7} | 8"#);
    assert_eq!(values(text, "data[k].b.x", "{}", data), "7");
    assert_eq!(values(text, "data.a.b[k]", "{}", data), "7 | 1 | {2}");
}

#[test]
fn with_replaces_input_data_and_functions_and_nothing_is_believed_outside() {
    let text = r#"package a
        p := input.x
        q := [p, r] if { r := p with input.x as 2 }
        f(x) := x + 1
        g(x) := f(x) * 10
        h := [f(1), y, z] if { y := f(1) with data.a.f as g; z := f(1) with data.a.f as 5 }
        c := [count(data.a.s), y] if { y := count(data.a.s) with count as 9 }
        s contains data.n[_]
        t := y if { y := c with data.n as [1, 2, 3] }
        u := y if { y := data.a.p with data.a.p as 4 }"#;
    let (input, data) = (r#"{"x": 1}"#, r#"{"n": [7]}"#);
    assert_eq!(values(text, "data.a.q", input, data), "[1, 2]");
    assert_eq!(values(text, "data.a.h", input, data), "[2, 20, 5]");
    assert_eq!(values(text, "data.a.c", input, data), "[1, 9]");
    assert_eq!(values(text, "data.a.t", input, data), "[3, 9]");
    assert_eq!(values(text, "data.a.u", input, data), "4");
}

#[test]
fn paths_of_with_that_are_no_names_are_errors() {
    let error = run("package a", "x = data.m with data.m[0] as 1", "{}", "{}", &RunOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "eval_conflict_error: bad document path");
}

#[test]
fn conflicts_are_errors_that_name_the_values() {
    let text = "package a\np := 1 if input\np := 2 if input\nf(x) := 1 if x\nf(x) := 2 if x\nq[k] := x if { k := \"k\"; some x in [1, 2] }";
    let failed = |query: &str| {
        let error = run(text, query, "{}", "{}", &RunOptions::default()).unwrap_err();
        assert_eq!(error.code, EvalCode::Conflict);
        error.message
    };
    let want = "rule data.a.p produced conflicting values:\n  1 at test.rego:2\n  2 at test.rego:3";
    assert_eq!(failed("data.a.p"), want);
    let want =
        "function data.a.f produced conflicting values for the same inputs:\n  1 at test.rego:4\n  2 at test.rego:5";
    assert_eq!(failed("data.a.f(true)"), want);
    assert_eq!(failed("data.a.q"), "object keys must be unique");
    assert_eq!(failed("{k: v | k := \"x\"; some v in [1, 2]}"), "object keys must be unique");
}

#[test]
fn builtins_that_err_are_undefined_and_listed_or_end_a_strict_evaluation() {
    let text = "package a\np := 1 / input.x\nq if not p";
    let outcome = run(text, "data.a", r#"{"x": 0}"#, "{}", &RunOptions::default()).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value.to_string(), r#"{"q": true}"#);
    assert_eq!(outcome.builtin_errors[0].to_string(), "eval_builtin_error: div: divide by zero");
    let strict = RunOptions { strict_builtin_errors: true, ..RunOptions::default() };
    let error = run(text, "data.a", r#"{"x": 0}"#, "{}", &strict).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (EvalCode::Builtin, "div: divide by zero"));
}

#[test]
fn every_holds_of_all_members_and_of_none() {
    let text = "package a\np if every k, v in input.xs { v > k }";
    for (xs, want) in [("[1, 2]", "true"), ("[1, 1]", ""), ("[]", "true"), ("3", "")] {
        assert_eq!(values(text, "data.a.p", &format!(r#"{{"xs": {xs}}}"#), "{}"), want, "{xs}");
    }
}

#[test]
fn solutions_have_bindings_and_the_texts_of_expressions() {
    let outcome = run("package a", "x := [4, 5][i]; x > 4", "{}", "{}", &RunOptions::default()).unwrap();
    let solution = &outcome.solutions[0];
    let bindings: Vec<String> = solution.bindings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(bindings, ["i=1", "x=5"]);
    let texts: Vec<&str> = solution.expressions.iter().map(|expression| &*expression.text).collect();
    assert_eq!(texts, ["x := [4, 5][i]", "x > 4"]);
}

fn chain(length: usize) -> String {
    let mut text = "package a\np0 := 1\n".to_owned();
    for at in 1..=length {
        let _ = writeln!(text, "p{at} := p{} + 1", at - 1);
    }
    text
}

#[test]
fn chains_of_3000_rules_are_followed() {
    assert_eq!(values(&chain(3000), "data.a.p3000", "{}", "{}"), "3001");
}

#[test]
fn chains_beyond_the_depth_budget_are_errors() {
    let budget = Budget { depth: 1000, ..Budget::default() };
    let error = error(&chain(3000), "data.a.p3000", budget);
    assert_eq!((error.code.as_str(), error.message.contains("deeper")), ("eval_budget_error", true));
}

#[test]
fn values_900_deep_are_walked_compared_and_built() {
    let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    let text = "package a\np := count([1 | walk(input, _)])\nq if [input] == [input]\nr := [input]";
    assert_eq!(values(text, "data.a.p", &deep, "{}"), "901");
    assert_eq!(values(text, "data.a.q", &deep, "{}"), "true");
    assert_eq!(values(text, "data.a.r", &deep, "{}").len(), 2 * 901 + 1);
}

#[test]
fn exponential_comprehensions_end_in_the_budget() {
    let text = "package a
        xs := numbers.range(1, 100)
        p := [1 | xs[a]; xs[b]; xs[c]; xs[d]; xs[e]; a + b + c + d + e < 0]
        q := [[a, b, c, d] | xs[a]; xs[b]; xs[c]; xs[d]]";
    assert_eq!(error(text, "data.a.p", steps(1_000_000)).message, "evaluation takes more steps than its budget");
    let small = Budget { memory: 10 << 20, ..Budget::default() };
    assert_eq!(error(text, "data.a.q", small).message, "evaluation makes more values than its memory budget");
}

#[test]
fn huge_ranges_products_and_strings_end_in_the_budget() {
    for query in [
        "count(numbers.range(1, 1000000000000))",
        "count(numbers.range(0, 3000000)); count(numbers.range(0, 3000001)); count(numbers.range(0, 3000002))",
        r#"x := sprintf("%1000000000d", [1])"#,
    ] {
        let budget = Budget { steps: 5_000_000, memory: 100 << 20, ..Budget::default() };
        let outcome = run("package a", query, "{}", "{}", &RunOptions { budget, ..RunOptions::default() });
        let harmless =
            outcome.as_ref().is_ok_and(|outcome| outcome.solutions.is_empty() || outcome.metrics.memory < 100 << 20);
        assert!(
            harmless || outcome.as_ref().is_err_and(|error| error.code == EvalCode::Budget),
            "{query}: {outcome:?}"
        );
    }
}

#[test]
fn evaluations_are_cancelled_from_outside_and_by_the_clock() {
    let text = "package a\nxs := numbers.range(1, 1000)\np := [1 | xs[a]; xs[b]; xs[c]; a + b + c < 0]";
    let flag = Budget { cancel: Some(Arc::new(AtomicBool::new(true))), ..Budget::default() };
    assert_eq!(error(text, "data.a.p", flag).code.as_str(), "eval_cancel_error");
    let past = Budget { deadline: Some(Instant::now()), ..Budget::default() };
    assert_eq!(error(text, "data.a.p", past).code.as_str(), "eval_cancel_error");
}

#[test]
fn large_data_is_looked_up_not_walked() {
    let entries: Vec<(Value, Value)> = (0..100_000)
        .map(|at| (Value::string(format!("k{at}")), Value::object(vec![(Value::string("n"), Value::int(at))])))
        .collect();
    let data = Value::object(vec![(Value::string("users"), Value::object(entries))]);
    let query = policy("package a\np := data.users[input.id].n").query("data.a.p").unwrap();
    let outcome = query.run(Some(&json(r#"{"id": "k77777"}"#)), &data).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value, Value::int(77777));
    assert!(outcome.metrics.steps < 20, "{:?}", outcome.metrics);
}

#[test]
fn partial_sets_are_asked_by_key() {
    let text = "package a\ns contains x if { x := numbers.range(1, 100000)[_] }\np if { s[5] }";
    let outcome = run(text, "data.a.p", "{}", "{}", &RunOptions::default()).unwrap();
    assert_eq!(outcome.solutions.len(), 1);
}

#[test]
fn one_policy_is_evaluated_by_many_threads() {
    let query = policy("package a\np := [x | some x in input.xs; x > 1]").query("data.a.p").unwrap();
    std::thread::scope(|scope| {
        for at in 0..4 {
            let query = &query;
            scope.spawn(move || {
                let input = json(&format!(r#"{{"xs": [1, 2, {at}]}}"#));
                for _ in 0..50 {
                    let outcome = query.run(Some(&input), &json("{}")).unwrap();
                    let want = if at > 1 { format!("[2, {at}]") } else { "[2]".to_owned() };
                    assert_eq!(outcome.solutions[0].expressions[0].value.to_string(), want);
                }
            });
        }
    });
}

#[test]
fn builtins_of_the_embedder_are_called() {
    let signature = Signature::parse("(x: number) => y: number").unwrap();
    let function = Function {
        name: "my.double".into(),
        decl: Type::Function(Arc::new(signature)),
        infix: None,
        relation: false,
        deprecated: false,
        nondeterministic: false,
    };
    let double = |context: &mut plimsoll_rego::builtins::Context<'_>, args: &[Value]| {
        assert_eq!(context.name, "my.double");
        let number = match args {
            [Value::Number(number)] => number.as_i64(),
            _ => None,
        };
        Ok(number.map(|number| Value::int(number * 2)))
    };
    let policy = Builder::new()
        .builtin(function, Arc::new(double))
        .module("a.rego", "package a\np := my.double(21)")
        .build()
        .unwrap_or_else(|refused| panic!("{refused}"));
    let outcome = policy.query("data.a.p").unwrap().run(None, &json("{}")).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value, Value::int(42));
}

#[derive(Default)]
struct Listener(Vec<String>);

impl Tracer for Listener {
    fn event(&mut self, event: &Event<'_>) {
        let what = match event.node {
            Node::Rule(_) => "rule",
            Node::Expr(_) => "expr",
            Node::Body(_) => "body",
        };
        self.0.push(format!("{} {what} {}<{}", event.op.as_str(), event.query_id, event.parent_id));
    }
}

#[test]
fn instrumented_policies_tell_what_they_do() {
    let build =
        || Builder::new().module("a.rego", "package a\np if { input.x == 1; not input.y }").instrument().build();
    let policy = build().unwrap_or_else(|refused| panic!("{refused}"));
    let query = policy.query("data.a.p").unwrap();
    let mut listener = Listener::default();
    let (input, data) = (json(r#"{"x": 1}"#), json("{}"));
    query.run_traced(Some(&input), &data, &RunOptions::default(), &mut listener).unwrap();
    let want = [
        "Enter body 0<0",
        "Eval expr 0<0",
        "Index expr 0<0",
        "Enter rule 1<0",
        "Eval expr 1<0",
        "Eval expr 1<0",
        "Enter body 2<1",
        "Eval expr 2<1",
        "Fail expr 2<1",
        "Exit rule 1<0",
        "Exit body 0<0",
        "Redo body 0<0",
        "Redo expr 0<0",
        "Redo rule 1<0",
        "Redo expr 1<0",
    ];
    assert_eq!(listener.0, want);
    let mut coverage = Coverage::default();
    query.run_traced(Some(&json(r#"{"x": 2}"#)), &data, &RunOptions::default(), &mut coverage).unwrap();
    assert!(coverage.rules.is_empty());
    query.run_traced(Some(&input), &data, &RunOptions::default(), &mut coverage).unwrap();
    assert_eq!((coverage.rules.len(), coverage.expressions.len()), (1, 3));
    assert_eq!(EventOp::Enter.as_str(), "Enter");
}

#[test]
fn print_tells_lines_with_places() {
    let options = compile::Options { keep_print: true, ..compile::Options::default() };
    let policy = Builder::new()
        .parse_options(parse::Options::of(Language::V1))
        .compile_options(options)
        .module("a.rego", "package a\np if {\n  print(\"x is\", input.x, input.y)\n}")
        .build()
        .unwrap_or_else(|refused| panic!("{refused}"));
    let query = policy.query("data.a.p").unwrap();
    let outcome = query.run(Some(&json(r#"{"x": [1]}"#)), &json("{}")).unwrap();
    assert_eq!(outcome.printed[0].text, "x is [1] <undefined>");
    let row = query
        .sources()
        .get(outcome.printed[0].span.source)
        .map(|source| source.row_column(outcome.printed[0].span.start));
    assert_eq!(row, Some((3, 3)));
}

/// Steps and memory of a program's `p`.
fn price(text: &str, input: &str, data: &str) -> (u64, u64) {
    let outcome = run(text, "data.a.p", input, data, &RunOptions::default()).unwrap();
    (outcome.metrics.steps, outcome.metrics.memory)
}

/// An object with so many keys.
fn wide(count: usize) -> String {
    let mut text = String::from("{");
    for at in 0..count {
        let _ = write!(text, "{}\"k{at}\": {at}", if at == 0 { "" } else { ", " });
    }
    text + "}"
}

#[test]
fn what_is_compared_deep_down_is_paid_for() {
    let deep = format!("{{\"x\": [[{0}]], \"y\": [[{0}]]}}", wide(10_000));
    assert!(price("package a\np if input.x == input.y", &deep, "{}").0 > 10_000);
    assert!(price("package a\np if input.x in {input.y, 1}", &deep, "{}").0 > 1_000);
}

#[test]
fn what_with_replaces_is_paid_for_where_it_is_written_anew() {
    let input = format!("{{\"w\": {}}}", wide(10_000));
    let (steps, memory) = price("package a\nq if input.w.x\np if { q with input.w.x as true }", &input, "{}");
    assert!(steps > 10_000 && memory > 100_000, "{steps} steps, {memory} bytes");
    let text = "package a\nk := \"x\"\nq if data.w[k]\np if { q with data.w.x as true }";
    let (steps, memory) = price(text, "{}", &input);
    assert!(steps > 10_000 && memory > 100_000, "{steps} steps, {memory} bytes");
}

#[test]
fn documents_under_with_are_seen_by_conditions_as_by_bodies() {
    let text = "package a\np := 1 if data.x.y == 3\np := 2 if data.x.y == {\"a\": 1, \"b\": 2}\np := 3 if data.x.z\n\
                a contains [1, v] if { v := p with data.x.y as 3 }\n\
                a contains [2, v] if { v := p with data.x.y.a as 1 }\n\
                a contains [3, v] if { v := p with data.x.z as true }\n\
                a contains [4, v] if { v := p with data.x as {\"y\": 3} }";
    let want = "{[1, 1], [2, 2], [3, 3], [4, 1]}";
    assert_eq!(values(text, "data.a.a", "{}", r#"{"x": {"y": {"b": 2}}}"#), want);
}

#[test]
fn a_function_is_run_though_a_part_of_its_argument_does_not_fit() {
    let text = "package a\nf(x) := 1 if { to_number(\"x\") == 1; x.k == 3 }\np := f({\"k\": 2})";
    let options = RunOptions { strict_builtin_errors: true, ..RunOptions::default() };
    assert_eq!(run(text, "data.a.p", "{}", "{}", &options).unwrap_err().code, EvalCode::Builtin);
}

#[test]
fn one_search_after_another_is_paid_for_by_what_is_left_of_the_text() {
    let steps = |count: usize| {
        let text = format!("{{\"x\": \"{}\"}}", "A".repeat(count));
        price("package a\np := count(regex.find_n(`[A-Z]`, input.x, -1))", &text, "{}").0
    };
    let (less, more) = (steps(32_768), steps(65_536));
    assert!(more > 2 * less + less / 2, "{less} and {more} steps");
}

#[test]
fn a_width_of_the_least_integer_is_a_bad_one() {
    let text = "package a\np := sprintf(\"%*d\", [input.x, 1])";
    assert_eq!(values(text, "data.a.p", r#"{"x": -9223372036854775808}"#, "{}"), r#""%!(BADWIDTH)1""#);
}

#[test]
fn an_error_that_shows_a_document_is_paid_for() {
    let text = "package a\np := count([1 | some i in [1, 2, 3]; json.patch(input, [{\"op\": \"remove\", \"path\": [\"x\", i]}])])";
    assert!(price(text, &wide(10_000), "{}").1 > 3 * 100_000);
}

#[test]
fn functions_that_call_others_twice_are_not_run_exponentially_often() {
    let mut text = "package a\nf0(x) := x + 1\n".to_owned();
    for at in 1..60 {
        let _ = writeln!(text, "f{at}(x) := f{0}(x) + f{0}(x)", at - 1);
    }
    let outcome = run(&text, "data.a.f59(input.x)", r#"{"x": 1}"#, "{}", &RunOptions::default()).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value, Value::int(2 << 59));
    assert!(outcome.metrics.steps < 10_000, "{:?}", outcome.metrics);
}

#[test]
fn neither_are_those_whose_first_argument_is_large_or_whose_second_is_a_fraction() {
    let mut text = "package a\nf0(_, x) := x\n".to_owned();
    for at in 1..40 {
        let _ = writeln!(text, "f{at}(o, x) := f{0}(o, x) + f{0}(o, x)", at - 1);
    }
    let labels: Vec<String> = (0..40).map(|at| format!(r#""label-{at}": "value-{at}""#)).collect();
    let input = format!("{{{}}}", labels.join(","));
    for query in [
        "sum([data.a.f39(input, i) | some i in numbers.range(1, 20)])",
        "sum([data.a.f39(input, i / 2) | some i in [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21]])",
    ] {
        let outcome = run(&text, query, &input, "{}", &RunOptions::default()).unwrap();
        assert!(outcome.metrics.steps < 300_000, "{query}: {:?}", outcome.metrics);
    }
}

#[test]
fn the_first_spelling_of_a_number_is_the_one_that_a_function_knows() {
    let text = "package a\nf(x) := x\np := [f(1), f(1.0), f(1.50), f(1.5)]\nq := [f([2.0]), f([2])]";
    assert_eq!(values(text, "data.a", "{}", "{}"), r#"{"p": [1, 1, 1.50, 1.50], "q": [[2.0], [2.0]]}"#);
}

#[test]
fn under_a_replaced_function_what_was_found_last_is_believed() {
    let text = "package a\nf(_) := 1\ng(x) := f(x)\nmf(x) := g(1) + x\n\
                p := [g(1), f(5), g(1)]\nq := [f(5), g(1), f(6)]\nr := x if x := p with f as mf\ns := x if x := q with f as mf";
    assert_eq!(values(text, "[data.a.r, data.a.s]", "{}", "{}"), "[[2, 7, 2], [6, 1, 7]]");
}

#[test]
fn a_rule_instead_of_a_function_is_asked_only_for_its_value() {
    let text = "package a\nf(_) := true\nfl := false\nund if false\np if f(1) with f as und\nq if not f(1) with f as fl\n\
                r := y if y := f(1) with f as fl\ndeny if f(1)\nallow if not deny with f as fl\ns := y if y := f(1) with f as und";
    assert_eq!(values(text, "data.a", "{}", "{}"), r#"{"deny": true, "fl": false, "p": true, "r": false}"#);
}

#[test]
fn rules_that_look_at_replaced_data_look_once() {
    let mut text = "package a\ny := x if x := count(p) with data.coll.zz as 1\n".to_owned();
    (0..300).for_each(|at| {
        let _ = writeln!(text, "p contains {at} if data.coll[input.x]");
    });
    let members: Vec<String> = (0..20_000).map(|at| format!(r#""k{at}": 1"#)).collect();
    let data = format!(r#"{{"coll": {{{}}}}}"#, members.join(","));
    let outcome = run(&text, "data.a.y", r#"{"x": "none"}"#, &data, &RunOptions::default()).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value, Value::int(0));
    assert!(outcome.metrics.steps > 20_000);
}

#[test]
fn what_a_function_tells_outside_it_tells_once_for_the_same_arguments() {
    let text =
        "package a\nf(x) := y if y := to_number(x)\np := [y | some x in [\"1\", \"z\", \"z\", \"z\"]; y := f(x)]";
    let outcome = run(text, "data.a.p", "{}", "{}", &RunOptions::default()).unwrap();
    assert_eq!(outcome.solutions[0].expressions[0].value, json("[1]"));
    assert_eq!(outcome.builtin_errors.len(), 1);
    assert_eq!(outcome.metrics.builtin_errors, 1);
}

#[test]
fn members_are_tested_until_one_passes_and_those_of_other_types_are_the_builtins_errors() {
    let text = "package a\np if startswith(input.x, input.list[_])\nq contains e if { e := input.list[_]; endswith(input.x, e) }";
    let asked = |input: &str| run(text, "data.a", input, "{}", &RunOptions::default()).unwrap();
    for (list, want, errors) in [
        (r#"["z", "a", "c"]"#, r#"{"p": true, "q": {"c"}}"#, 0),
        (r#"["c", "bc", "d"]"#, r#"{"q": {"bc", "c"}}"#, 0),
        (r#"[1, "abc", null]"#, r#"{"p": true, "q": {"abc"}}"#, 3),
        (r#"{"k": "ab", "l": "bc"}"#, r#"{"p": true, "q": {"bc"}}"#, 0),
        ("[]", r#"{"q": set()}"#, 0),
        (r#""a""#, r#"{"q": set()}"#, 0),
    ] {
        let outcome = asked(&format!(r#"{{"x": "abc", "list": {list}}}"#));
        assert_eq!(outcome.solutions[0].expressions[0].value.to_string(), want, "{list}");
        assert_eq!(outcome.metrics.builtin_errors, errors, "{list}");
    }
    let strict = RunOptions { strict_builtin_errors: true, ..RunOptions::default() };
    let failed = run(text, "data.a.p", r#"{"x": "abc", "list": ["z", 1, "a"]}"#, "{}", &strict).unwrap_err();
    assert_eq!(failed.code, EvalCode::Type);
    let mocked =
        "package a\np if startswith(input.x, input.list[_])\nt if p with startswith as never\nnever(_, _) := false";
    assert_eq!(values(mocked, "data.a", r#"{"x": "abc", "list": ["a"]}"#, "{}"), r#"{"p": true}"#);
}

#[test]
fn rules_that_cannot_hold_are_paid_for_by_what_they_are_held_against() {
    let rules = |count: usize, one: &dyn Fn(usize) -> String| -> u64 {
        let rules: String = (0..count).map(|at| format!("f(x) := {at} if {{ {} }}\n", one(at))).collect();
        price(&format!("package a\np := count([1 | f(input.x)])\n{rules}"), &given(), "{}").0
    };
    // Each of one 64 KiB text, or of 64 texts of a KiB.
    let text = |at: usize| format!("{}{at}", "x".repeat(64 << 10));
    let least = 7 * (64 << 10) / 64 / 16;
    let cheap = rules(7, &|at| format!("x.text == \"x{at}\""));
    assert!(cheap < 100, "{cheap}");
    for condition in
        ["input.x.text == \"", "startswith(input.x.text, \"", "endswith(input.x.texts, \"", "input.x.texts[_] == \""]
    {
        let heavy =
            rules(7, &|at| format!("{condition}{}\"{}", text(at), if condition.contains('(') { ")" } else { "" }));
        assert!(heavy >= least, "{condition}: {heavy} steps");
    }
    // A key that is looked for in a collection.
    let data = format!(r#"{{"all": {{"{}": 1}}}}"#, text(1));
    let keyed: String = (0..7).map(|at| format!("s contains {at} if data.all[input.x.text]\n")).collect();
    let (heavy, _) = price(&format!("package a\np := count(s)\n{keyed}"), &given(), &data);
    assert!(heavy >= least, "{heavy} steps");
    // What none of many rules finds is looked for by all of them.
    let many: String = (0..2_000)
        .map(|at| {
            let there: Vec<String> = (0..10).map(|key| format!("input.keys.k{key}")).collect();
            format!("t contains {at} if {{ {} }}\n", there.join("; "))
        })
        .collect();
    let input = format!(r#"{{"keys": {}}}"#, wide(9));
    let (steps, _) = price(&format!("package a\np := count(t)\n{many}"), &input, "{}");
    assert!(steps > 2_000 * 10 / 16, "{steps} steps");
}

fn given() -> String {
    let text = "x".repeat(80 << 10);
    format!(r#"{{"x": {{"text": "{text}", "texts": ["{text}"]}}}}"#)
}

#[test]
fn of_many_rules_those_are_gone_through_that_the_rarest_value_leaves() {
    for order in ["input.kind == `Pod`; input.name == `NAME`", "input.name == `NAME`; input.kind == `Pod`"] {
        let rules: String = (0..2_000)
            .map(|at| format!("t contains {at} if {{ {} }}\n", order.replace("NAME", &format!("name-{at}"))))
            .collect();
        let input = r#"{"kind": "Pod", "name": "name-7"}"#;
        let text = format!("package a\np := t\n{rules}");
        assert_eq!(values(&text, "data.a.p", input, "{}"), "{7}");
        let (steps, _) = price(&text, input, "{}");
        assert!(steps < 100, "{order}: {steps} steps");
    }
}
