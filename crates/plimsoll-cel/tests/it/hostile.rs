//! Texts and values of strangers: each ends in an error within bounds, on a thread with the usual stack.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use plimsoll_cel::budget::{Budget, Failure, Spent};
use plimsoll_cel::types::Type;
use plimsoll_cel::value::Value;
use plimsoll_cel::{Environment, policy};
use serde_json::{Value as Json, json};

fn environment() -> Environment {
    Environment::new().variable("object", Type::Dyn).with_more()
}

fn run(text: &str, object: &Json) -> Result<Value, Failure> {
    let program = environment().compile(text).expect("it compiles");
    let variables = [Value::from_json(object).expect("not too deep")];
    program.run(&variables[..], Budget::default()).value
}

fn refused(text: &str) -> bool {
    environment().compile(text).is_err()
}

#[test]
fn nesting_is_refused_beyond_its_bound_and_evaluated_below_it() {
    for count in [251, 5_000, 90_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{1: ", "1", "}"),
            ("!(", "true", ")"),
            ("-(", "1", ")"),
            ("size([", "1", "])"),
        ] {
            let text = open.repeat(count) + middle + &close.repeat(count);
            assert!(refused(&text), "{open} {count}");
            assert!(refused(&open.repeat(count)), "{open} {count}");
        }
        for (part, end) in [("1 + ", "1"), ("true ? 1 : ", "1"), ("1 == ", "1")] {
            assert!(refused(&(part.repeat(count) + end)), "{part} {count}");
        }
        assert!(refused(&("object".to_owned() + &".a".repeat(count))));
        assert!(refused(&("object".to_owned() + &"[0]".repeat(count))));
        assert!(refused(&("a".to_owned() + &".f()".repeat(count))));
    }
    let text = "[".repeat(99) + "1" + &"]".repeat(99);
    assert!(run(&text, &Json::Null).is_ok());
    let text = "[1].map(x, ".repeat(98) + "x" + &")".repeat(98);
    assert!(run(&text, &Json::Null).is_ok());
    assert!(run(&("1 + ".repeat(240) + "1"), &Json::Null).is_ok());
    let chain = "true && ".repeat(5_000) + "true";
    assert!(matches!(run(&chain, &Json::Null), Ok(Value::Bool(true))), "chains are flat");
    assert!(refused(&"!".repeat(99_999)));
    assert!(refused(&"a".repeat(200_000)));
}

#[test]
fn doubling_ends_in_a_budget() {
    let text = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]";
    // A unit of what is walked, however often it is shared: this must not be walked.
    let mut shared = "x.indexOf(x)".to_owned();
    for _ in 0..90 {
        shared = format!("cel.bind(x, [x, x], {shared})");
    }
    let program = environment().compile(&format!("cel.bind(x, ['0123456789'], {shared})")).expect("it compiles");
    let outcome = program.run(&[] as &[Value], Budget::default());
    assert_eq!(outcome.value.map(|_| ()), Err(Failure::Spent(Spent::Cost)));
    // Names bound to twice what was bound before.
    let mut doubled = "x".to_owned();
    for _ in 0..45 {
        doubled = format!("cel.bind(x, x + x, {doubled})");
    }
    for start in ["'0123456789'", text, "b'0123456789'"] {
        let program = environment().compile(&format!("cel.bind(x, {start}, {doubled}.size())")).expect("it compiles");
        for cost in [1_000_000, u64::MAX] {
            let outcome = program.run(&[] as &[Value], Budget { cost, memory: 64 << 20, ..Budget::default() });
            assert!(matches!(outcome.value, Err(Failure::Spent(_))), "{start}: {:?}", outcome.value.map(|_| ()));
        }
    }
    // Lists that hold the same list twice, held against one another.
    let mut shared = "x == x".to_owned();
    for _ in 0..90 {
        shared = format!("cel.bind(x, [x, x], {shared})");
    }
    let program = environment().compile(&format!("cel.bind(x, [1], {shared})")).expect("it compiles");
    let started = Instant::now();
    let outcome = program.run(&[] as &[Value], Budget { work: 1_000_000, ..Budget::default() });
    assert_eq!(outcome.value.map(|_| ()), Err(Failure::Spent(Spent::Work)));
    assert!(started.elapsed() < Duration::from_secs(20));
    // Types that hold the same type twice.
    let mut typed = "x".to_owned();
    for _ in 0..90 {
        typed = format!("cel.bind(x, {{x: x}}, {typed})");
    }
    let started = Instant::now();
    let _ = environment().compile(&format!("cel.bind(x, 1, {typed})"));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn products_of_loops_end_in_the_api_servers_cost() {
    let text = "object.all(a, object.all(b, object.all(c, a + b + c >= 0)))";
    let object = Json::Array((0..2_000).map(Json::from).collect());
    assert_eq!(run(text, &object).map(|_| ()), Err(Failure::Spent(Spent::Cost)));
    assert_eq!(run("lists.range(100000000).size()", &Json::Null).map(|_| ()), Err(Failure::Spent(Spent::Memory)));
    assert_eq!(
        run("lists.range(9223372036854775807).size()", &Json::Null).map(|_| ()),
        Err(Failure::Spent(Spent::Memory))
    );
}

#[test]
fn regular_expressions_are_bounded() {
    assert!(refused("'a'.matches('((a{1000}){1000}){1000}')"));
    assert!(refused(&format!("'a'.matches('{}')", "(".repeat(10_000))));
    assert!(refused("'a'.matches('(?=a)')") && refused("'a'.matches('(a)\\\\1')"));
    let object = json!({"text": "a".repeat(100_000), "bomb": "((x{1000}){1000}){1000}"});
    let started = Instant::now();
    let _ = run("object.text.matches('(a*)*b')", &object);
    let _ = run("object.text.matches('(a|aa)+$')", &object);
    assert!(matches!(run("object.text.matches(object.bomb)", &object), Err(Failure::Error(_))));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn regular_expressions_are_paid_for_by_their_size_and_by_the_text() {
    let object =
        json!({"text": "a".repeat(20_000), "names": (0..2_000).map(|at| format!("n{at}")).collect::<Vec<_>>()});
    let spent = |text: &str| {
        let program = environment().compile(text).expect("it compiles");
        let variables = [Value::from_json(&object).expect("not too deep")];
        program.run(&variables[..], Budget { work: 150_000, cost: u64::MAX, ..Budget::default() }).value
    };
    // Large patterns over a long text, as many patterns as there are names, and searches that each go to the end.
    for text in [
        "object.text.matches('a{900}b')",
        "object.names.all(name, name.matches(name))",
        "object.text.findAll('a.*b|a').size() > 0",
    ] {
        assert_eq!(spent(text).map(|_| ()), Err(Failure::Spent(Spent::Work)), "{text}");
    }
    // Further searches are paid for by the size of the pattern too, not by the text alone.
    let all = |limit: u32| {
        let program = environment().compile(&format!("object.text.findAll('a.{{400}}b|a', {limit}).size()"));
        let variables = [Value::from_json(&object).expect("not too deep")];
        let budget = Budget { work: 600_000, cost: u64::MAX, ..Budget::default() };
        program.expect("it compiles").run(&variables[..], budget).value
    };
    assert!(matches!(all(1), Ok(Value::Int(1))), "{:?}", all(1));
    assert_eq!(all(50).map(|_| ()), Err(Failure::Spent(Spent::Work)));
    // One pattern is paid for once.
    assert!(matches!(spent("object.names.all(name, name.matches('^n[0-9]+$'))"), Ok(Value::Bool(true))));
}

#[test]
fn functions_do_not_grow_what_they_are_not_paid_for() {
    let object = json!({"text": "a".repeat(1 << 20), "long": "b".repeat(1 << 20)});
    for text in [
        "object.text.replace('a', object.long).size()",
        "object.text.split('').map(c, object.long).join().size()",
        "'%.999f'.format([1.0]).size() > 0",
        "quantity('1e1000').add(quantity('1e-1000')).isInteger()",
    ] {
        let _ = run(text, &object);
    }
    assert!(refused("'%.99999999f'.format([object.n])"));
    assert!(run("object.p.format([object.n])", &json!({"p": "%.99999999f", "n": 0.5})).is_err());
    assert!(run("quantity(object.q)", &json!({"q": "9".repeat(100_000)})).is_err());
    assert!(run("quantity(object.q)", &json!({"q": "1e999999999"})).is_err());
    assert!(run("quantity(object.q)", &json!({"q": "1e-2147483648"})).is_err());
    assert!(run("semver(object.s)", &json!({"s": "9".repeat(100_000)})).is_err());
    assert!(run("duration(object.d)", &json!({"d": "9".repeat(100_000) + "h"})).is_err());
}

#[test]
fn calls_and_operators_pay_for_long_texts() {
    let many: Vec<String> = (0..200).map(|at| format!("{}{at:03}", "x".repeat(2_000))).collect();
    let query: String = (0..60_000).map(|at| format!("{at}&")).collect();
    let object = json!({"text": "x".repeat(1 << 20), "other": "x".repeat(1 << 20), "many": many, "url": format!("http://a/?{query}")});
    for text in [
        "lists.range(1000).all(i, object.text.contains('y') || true)",
        "lists.range(1000).all(i, object.text.size() > 0)",
        "lists.range(1000).all(i, object.text == object.other)",
        "lists.range(1000).all(i, object.text <= object.other)",
        "lists.range(1000).all(i, !(object.text in {'a': 1}))",
        "lists.range(1000).all(i, object.many.sort().size() > 0)",
        "lists.range(1000).all(i, object.many.isSorted() || true)",
        "lists.range(1000).all(i, object.many.max() != '')",
    ] {
        let program = environment().compile(text).expect("it compiles");
        let variables = [Value::from_json(&object).expect("not too deep")];
        let outcome = program.run(&variables[..], Budget { work: 1_000_000, cost: u64::MAX, ..Budget::default() });
        assert_eq!(outcome.value.map(|_| ()), Err(Failure::Spent(Spent::Work)), "{text}");
    }
    let started = Instant::now();
    assert!(matches!(run("url(object.url).getQuery().size() == 60000", &object), Ok(Value::Bool(true))));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn large_objects_are_walked_in_time() {
    let items: Vec<Json> = (0..60_000).map(|number| json!({"name": format!("item-{number}"), "image": "registry.example.com/a/b:1", "labels": {"a": "b"}})).collect();
    let object = json!({"items": items});
    assert!(object.to_string().len() > 4 << 20);
    let started = Instant::now();
    let _ = run("object.items.all(i, i.image.startsWith('registry.example.com/'))", &object);
    let program = environment().compile("object.items.map(i, i.name).distinct().size()").expect("it compiles");
    let variables = [Value::from_json(&object).expect("not too deep")];
    let outcome = program.run(&variables[..], Budget { work: 1_000_000, ..Budget::default() });
    assert!(matches!(outcome.value, Err(Failure::Spent(_))));
    let _ = run("object == object", &object);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn deep_documents_are_refused() {
    let mut deep = json!(1);
    for _ in 0..150 {
        deep = json!([deep]);
    }
    assert!(Value::from_json(&deep).is_some());
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert!(Value::from_json(&deep).is_none());
    let request = json!({"resource": {"resource": "pods"}, "operation": "CREATE", "object": deep});
    assert!(policy::Review::from_request(&request).is_err());
}

#[test]
fn variables_that_use_one_another_do_not_use_up_the_stack() {
    let count = 1_000;
    let deep = |number: usize| format!("{}variables.v{}{}", "[".repeat(90), number - 1, "]".repeat(90));
    let mut variables = vec![json!({"name": "v0", "expression": "[1]"})];
    variables.extend((1..count).map(|number| json!({"name": format!("v{number}"), "expression": deep(number)})));
    let spec = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]},
            "variables": variables,
            "validations": [{"expression": format!("variables.v{}.size() == 1", count - 1)}],
        },
    });
    let policy = policy::Policy::from_json(&spec).expect("a policy");
    let binding = policy::Binding::from_json(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
        "spec": {"policyName": "p", "validationActions": ["Deny"]},
    }))
    .expect("a binding");
    let request = json!({"resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "CREATE"});
    let review = policy::Review::from_request(&request).expect("a request");
    let judged = policy.judge(&[binding], &review, &policy::Params::default(), policy::Options::default());
    let verdict = judged.first().map(|judgement| &judgement.verdict);
    assert!(matches!(verdict, Some(policy::Verdict::Undecided { .. })), "{verdict:?}");
}

#[test]
fn a_flag_ends_it_from_outside() {
    let program =
        environment().compile("lists.range(1000).all(i, lists.range(1000).all(j, true))").expect("it compiles");
    let cancel = AtomicBool::new(true);
    let outcome = program.run(&[] as &[Value], Budget { cancel: Some(&cancel), ..Budget::default() });
    assert_eq!(outcome.value.map(|_| ()), Err(Failure::Spent(Spent::Cancelled)));
}
