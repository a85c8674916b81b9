//! Facts about builtins: what the real OPA answered, and that hostile arguments end within a budget.

use super::*;
use crate::budget::Budget;

fn call_within(budget: &Budget, name: &str, args: &[Value]) -> Outcome {
    let builtin = named(name).unwrap();
    let (mut meter, mut scratch) = (Meter::new(budget), Scratch::default());
    let world = World::default();
    (builtin.run)(&mut Context { meter: &mut meter, name: builtin.name, world: &world, scratch: &mut scratch }, args)
}

/// The result as Rego writes it, or the words of the failure.
fn call(name: &str, args: &str) -> String {
    let Value::Array(args) = Value::from_json(args.as_bytes()).unwrap() else { panic!("not an array: {args}") };
    match call_within(&Budget::default(), name, args.items()) {
        Ok(Some(value)) => value.to_string(),
        Ok(None) => "undefined".into(),
        Err(Failure::Error { message, .. }) => message,
        Err(Failure::Halt(halt)) => format!("{halt:?}"),
    }
}

#[test]
fn builtins_answer_as_opa_does() {
    for (name, args, wanted) in [
        ("plus", "[0.1, 0.2]", "0.3"),
        ("to_number", r#"["1_000"]"#, "1000"),
        ("to_number", r#"["-1_0.2_5e1_0"]"#, "-10.25e10"),
        ("to_number", r#"["1__0"]"#, "strconv.ParseFloat: parsing \"1__0\": invalid syntax"),
        ("to_number", r#"["1_.0"]"#, "strconv.ParseFloat: parsing \"1_.0\": invalid syntax"),
        ("div", "[10, 4]", "2.5"),
        ("rem", "[1.5, 1]", "modulo on floating-point number"),
        ("minus", r#"["a", 1]"#, "operand 1 must be one of {number, set} but got string"),
        ("product", "[[0.1, 3]]", "0.30000000000000004"),
        ("round", "[-2.5]", "-3"),
        ("format_int", "[15.9, 16]", "\"f\""),
        ("format_int", "[1, 3]", "operand 2 must be one of {2, 8, 10, 16}"),
        ("numbers.range", "[3, 1]", "[3, 2, 1]"),
        ("bits.lsh", "[1, 70]", "1180591620717411303424"),
        ("count", r#"["éa"]"#, "2"),
        ("concat", r#"[",", ["a", 1]]"#, "operand 2 must be array of strings but got array containing number"),
        ("indexof_n", r#"["aaa", "aa"]"#, "[0, 1]"),
        ("substring", r#"["héllo", 1, 2]"#, "\"él\""),
        ("substring", r#"["a", -1, 2]"#, "negative offset"),
        ("upper", r#"["ßǆᾳ"]"#, "\"ßǄᾼ\""),
        ("replace", r#"["ab", "", "-"]"#, "\"-a-b-\""),
        ("strings.split_n", r#"["a,b,c", ",", -2]"#, r#"["b", "c"]"#),
        ("sprintf", r#"["%5.2f|%-4d|%+q|%x", [3.14159, 7, "é", "hi"]]"#, r#"" 3.14|7   |\"\\u00e9\"|6869""#),
        ("sprintf", r#"["%d %s", ["x"]]"#, r#""%!d(string=x) %!s(MISSING)""#),
        ("object.union_n", r#"[[{"a": {"b": 2}}, {"a": 4}, {"a": {"c": 3}}]]"#, r#"{"a": {"c": 3}}"#),
        ("object.get", r#"[{"a": [1, {"b": 2}]}, ["a", 1, "b"], 0]"#, "2"),
        ("units.parse", r#"["1.5Gi"]"#, "1610612736"),
        ("units.parse", r#"["500m"]"#, "0.5000000000"),
        ("units.parse_bytes", r#"["10 KB"]"#, "units.parse_bytes: spaces not allowed in resource strings"),
        ("to_number", r#"["1e400"]"#, "strconv.ParseFloat: parsing \"1e400\": value out of range"),
        ("regex.match", r#"["(?i)^a\\d{2}$", "A12"]"#, "true"),
        ("regex.match", r#"["a**", "a"]"#, "error parsing regexp: invalid nested repetition operator: `**`"),
        ("regex.is_valid", r#"["(?=a)"]"#, "false"),
        ("regex.replace", r#"["ab", "(?P<n>a)", "${n}x$n"]"#, "\"axab\""),
        ("regex.split", r#"["a*", "baac"]"#, r#"["b", "c"]"#),
        ("glob.match", r#"["*.example.com", [], "a.b.example.com"]"#, "false"),
        ("glob.match", r#"["**.example.com", [], "a.b.example.com"]"#, "true"),
        ("glob.match", r#"["{a*,b}?", null, "axyz"]"#, "true"),
        ("graph.reachable", r#"[{"a": ["b"], "b": ["a", "z"]}, ["a"]]"#, r#"{"a", "b"}"#),
        (
            "strings.render_template",
            r#"["{{range $i, $v := .c}}{{$i}}={{$v}} {{end}}{{.x}}", {"c": [1, "a"]}]"#,
            "\"0=1 1=a <undefined>\"",
        ),
        ("strings.render_template", r#"["{{if .t}}T{{else if .x}}X{{else}}F{{end}}", {"t": false}]"#, "\"F\""),
        ("strings.render_template", r#"["{{foo}}", {}]"#, "template: template:1: function \"foo\" not defined"),
        (
            "strings.render_template",
            r#"["{{define \"T\"}}t{{.}}{{end}}{{template \"T\" .a}} {{- (len .b) | printf \"%03d\"}}", {"a": "s", "b": [1]}]"#,
            "\"ts001\"",
        ),
    ] {
        assert_eq!(call(name, args), wanted, "{name}({args})");
    }
}

#[test]
fn every_builtin_has_one_name_and_refuses_missing_operands_quietly() {
    let mut names = std::collections::BTreeSet::new();
    for builtin in FAMILIES.iter().flat_map(|family| family.iter()) {
        assert!(names.insert(builtin.name), "{} twice", builtin.name);
        let _ = call_within(&Budget::default(), builtin.name, &[]);
    }
}

#[test]
fn hostile_arguments_end_within_the_budget() {
    let long = Value::string("a".repeat(1 << 20));
    let big = Value::Number(crate::value::Number::parse(&"9".repeat(30_000)).unwrap());
    let strings = |count: usize| Value::array(vec![long.clone(); count]);
    let width = Value::string("%999999d".repeat(100_000));
    let mut doubled = Value::array(vec![long.clone()]);
    for _ in 0..200 {
        doubled = Value::array(vec![doubled.clone(), doubled]);
    }
    let graph: Vec<(Value, Value)> = (0..40)
        .map(|at| (Value::int(at), Value::array((0..40).filter(|next| *next != at).map(Value::int).collect())))
        .collect();
    let graph = Value::object(graph);
    let budget = Budget { steps: 3_000_000, memory: 64 << 20, ..Budget::default() };
    for (name, args) in [
        ("numbers.range", vec![Value::int(1), Value::int(50_000_000)]),
        ("numbers.range", vec![Value::int(1), big.clone()]),
        ("bits.lsh", vec![Value::int(1), Value::int(i64::MAX)]),
        ("mul", vec![big.clone(), big.clone()]),
        ("product", vec![Value::array(vec![big; 1000])]),
        ("sprintf", vec![width, Value::array((0..100_000).map(Value::int).collect())]),
        ("replace", vec![long.clone(), Value::string("a"), long.clone()]),
        ("regex.replace", vec![long.clone(), Value::string("a"), long.clone()]),
        ("concat", vec![long.clone(), strings(1000)]),
        ("graph.reachable_paths", vec![graph, Value::array(vec![Value::int(0)])]),
        ("walk", vec![doubled.clone()]),
        ("equal", vec![doubled.clone(), Value::array(vec![Value::Null])]),
        ("sprintf", vec![Value::string("%v"), Value::array(vec![doubled])]),
        ("regex.match", vec![Value::string("(((a{10}){10}){10}){2}"), long.clone()]),
        ("regex.match", vec![Value::string("(".repeat(100_000)), long.clone()]),
        ("glob.match", vec![Value::string("{".repeat(100_000)), Value::Null, long.clone()]),
        ("regex.globs_match", vec![Value::string(".*a*".repeat(2000)), Value::string(".*b*".repeat(2000))]),
        ("strings.render_template", vec![Value::string("{{(".repeat(50_000)), Value::object(vec![])]),
        (
            "strings.render_template",
            vec![Value::string("{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}"), Value::object(vec![])],
        ),
        ("strings.render_template", vec![Value::string("{{range 1000000000000}}x{{end}}"), Value::object(vec![])]),
    ] {
        let start = std::time::Instant::now();
        let outcome = call_within(&budget, name, &args);
        assert!(start.elapsed().as_secs() < 10, "{name} took {:?}", start.elapsed());
        if name != "equal" {
            assert!(outcome.is_err(), "{name}");
        }
    }
}
