//! What the parser promises: trees, places, words and bounds.

use std::time::{Duration, Instant};

use super::{
    MAX_ELSES, MAX_ERRORS, MAX_NESTING, MAX_SOURCE, Options, Parsed, parse_module, parse_query, parse_ref, parse_term,
    read_module,
};
use crate::ast::{AnnotationTarget, ExprKind, Language, Module, Term, TermKind};
use crate::error::Code;
use crate::span::Sources;

fn parse(text: &str, options: &Options) -> (Sources, Parsed) {
    let mut sources = Sources::default();
    let parsed = parse_module(&mut sources, "a.rego", text.as_bytes(), options);
    (sources, parsed)
}

fn v1(text: &str) -> Module {
    let (_, parsed) = parse(text, &Options::default());
    parsed.module.unwrap_or_else(|| panic!("{text}: {:?}", parsed.errors))
}

fn v0(text: &str) -> Module {
    let (_, parsed) = parse(text, &Options::of(Language::V0));
    parsed.module.unwrap_or_else(|| panic!("{text}: {:?}", parsed.errors))
}

/// Row, column and message of each error.
fn faults(text: &str, options: &Options) -> Vec<(usize, usize, String)> {
    let (sources, parsed) = parse(text, options);
    assert!(parsed.module.is_none(), "{text} is read");
    let place = |error: crate::error::RegoError| {
        let (row, column) = sources.get(error.span.source).map_or((0, 0), |source| source.row_column(error.span.start));
        (row, column, error.message)
    };
    parsed.errors.into_iter().map(place).collect()
}

fn first_fault(text: &str) -> String {
    let all = faults(text, &Options::default());
    let (row, column, message) = all.first().cloned().unwrap_or_default();
    format!("{row}:{column}: {message}")
}

fn term(text: &str) -> Term {
    parse_term(&mut Sources::default(), "", text, &Options::default()).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

#[test]
fn operators_bind_as_in_opa() {
    let cases = [
        ("[1 + 2 * 3]", "[plus(1, mul(2, 3))]"),
        ("[1 - 2 - 3]", "[minus(minus(1, 2), 3)]"),
        ("f(a | b & c == d)", "f(equal(or(a, and(b, c)), d))"),
        ("[x in y == z]", "[internal.member_2(x, equal(y, z))]"),
        ("[(1 + 2) * 3]", "[mul(plus(1, 2), 3)]"),
        ("[-x.y]", "[minus(0, x.y)]"),
        ("[1, 2 in a]", "[1, internal.member_2(2, a)]"),
        ("[(1, 2 in a)]", "[internal.member_3(1, 2, a)]"),
    ];
    for (text, wanted) in cases {
        let mut sources = Sources::default();
        let body = parse_query(&mut sources, "", text, &Options::default()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(body[0].to_string(), wanted, "{text}");
    }
}

#[test]
fn braces_and_brackets_prefer_comprehensions() {
    assert!(matches!(term("{x | y}").kind, TermKind::SetCompr { .. }));
    assert!(matches!(term("[x | y]").kind, TermKind::ArrayCompr { .. }));
    assert!(matches!(term(r#"{"k": x | y}"#).kind, TermKind::ObjectCompr { .. }));
    assert!(matches!(term("[x | y, z]").kind, TermKind::Array(_)));
    assert!(matches!(term("{x | y, z}").kind, TermKind::Set(_)));
    assert!(matches!(term(r#"{"k": x | y, "l": z}"#).kind, TermKind::Object(_)));
    assert!(matches!(term("set()").kind, TermKind::Set(_)));
    assert!(matches!(term("{}").kind, TermKind::Object(_)));
}

#[test]
fn wildcards_have_names_of_their_own() {
    let module = v1("package a\np if { x[_] = y[_] }\nf(_) if { true } { false }");
    assert!(module.rules[0].body[0].to_string().contains('_'));
    let names: Vec<String> = module.rules[1..].iter().map(|rule| format!("{:?}", rule.head.args[0].kind)).collect();
    assert_eq!(names, [r#"Var("$2")"#, r#"Var("$3")"#]);
}

#[test]
fn v0_heads_are_told_apart() {
    let module = v0("package a\np[x] { x := 1 }\nq[x] = y { x := 1; y := 2 }\nr.s[x]\nt[u]\nf(x) = y { y := x }");
    let seen: Vec<(bool, bool, bool)> = module
        .rules
        .iter()
        .map(|rule| (rule.head.multi_value, rule.head.key.is_some(), rule.head.value.is_some()))
        .collect();
    let wanted =
        [(true, true, false), (false, true, true), (false, false, true), (true, true, false), (false, false, true)];
    assert_eq!(seen, wanted);
}

#[test]
fn keywords_come_one_by_one() {
    let one = "package a\nimport future.keywords.if\np if { true }";
    assert_eq!(v0(one).rules.len(), 1);
    let every = "package a\nimport future.keywords.every\np { every x in [1] { x } }";
    assert!(matches!(v0(every).rules[0].body[0].kind, ExprKind::Every(_)));
    assert_eq!(v0("package a\nimport rego.v1\np if true").language, Language::V0CompatV1);
    let none = faults("package a\np { x in [1] }", &Options::of(Language::V0));
    assert_eq!(
        none[0].2,
        "unexpected identifier token: expected \\n or ; or } (hint: `import future.keywords.in` for `x in xs` expressions)"
    );
    let logic = "package a\nimport future.keywords.not\nimport future.keywords.or\np if { not { a; b } or (c or d) }";
    assert!(matches!(v1(logic).rules[0].body[0].kind, ExprKind::Or(_)));
    assert!(matches!(v1("package a\nimport rego.v2\np if { a and not b }").rules[0].body[0].kind, ExprKind::And(_)));
}

#[test]
fn errors_show_the_line_and_a_caret() {
    let (sources, parsed) = parse("package a\n\n\tp := }", &Options::default());
    let error = &parsed.errors[0];
    assert_eq!(error.line(&sources), "a.rego:3: rego_parse_error: unexpected } token");
    assert_eq!(error.details, ["p := }", "     ^"]);
}

#[test]
fn recovery_finds_more_errors_and_opas_first() {
    let text = "package a\n\np := ]\n\nq if { x ==== 1 }\n\nr := 1\n\ns := {\n";
    let opa = faults(text, &Options::default());
    let all = faults(text, &Options { recover: true, ..Options::default() });
    assert_eq!(all[..opa.len()], opa[..]);
    let rows: Vec<usize> = all.iter().map(|(row, ..)| *row).collect();
    assert!(rows.contains(&3) && rows.contains(&5) && rows.iter().any(|row| *row >= 9), "{all:?}");
    let many = format!("package a\n{}", "p := ]\n".repeat(1000));
    assert!(faults(&many, &Options { recover: true, ..Options::default() }).len() <= MAX_ERRORS);
}

#[test]
fn bytes_that_are_no_text_are_errors_with_a_place() {
    let mut sources = Sources::default();
    let parsed = parse_module(&mut sources, "a", b"package a\np := \"\xff\"", &Options::default());
    assert_eq!(parsed.errors[0].message, "illegal utf-8 character");
    assert_eq!(parsed.errors[0].span.start, 15);
    assert_eq!(first_fault("package a\np := \"\0\""), "2:6: illegal null character");
    assert_eq!(v1("\u{FEFF}package a\r\np := 1\r\n# c\r\n").comments[0].text.as_ref(), " c");
    assert!(first_fault("package a\n\u{FEFF}p := 1").contains("illegal byte-order mark"));
}

#[test]
fn metadata_is_given_to_what_it_stands_above() {
    let text = "# METADATA\n# title: pkg\npackage a\n\n# METADATA\n# title: doc\n# entrypoint: true\np := 1 if input.x\n\n\
                # METADATA\n# custom: {a: [1, 2.5]}\np := 2 if input.y\n";
    let module = v1(text);
    let scopes: Vec<&str> = module.annotations.iter().map(|annotation| &*annotation.scope).collect();
    assert_eq!(scopes, ["package", "document", "rule"]);
    assert_eq!(module.annotations[2].target, AnnotationTarget::Rule(1));
    assert_eq!((&module.rules[0].annotations, &module.rules[1].annotations), (&vec![1], &vec![1, 2]));
    let told = first_fault("package a\n# METADATA\n# scope: package\np := 1");
    assert_eq!(told, "2:1: annotation scope 'package' must be applied to package (have rule)");
    let bomb = format!(
        "package a\n# METADATA\n# custom:\n#   a0: &a0 [1,1,1,1,1,1,1,1,1]\n{}p := 1",
        (1..12).map(|n| format!("#   a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect::<String>()
    );
    assert!(first_fault(&bomb).contains("excessive aliasing"));
}

#[test]
fn v0_is_the_second_try() {
    let mut sources = Sources::default();
    let parsed = read_module(&mut sources, "a", b"package a\np[x] { x := 1 }", &Options::default());
    assert!(parsed.read_as_v0 && parsed.module.is_some());
    let neither = read_module(&mut sources, "a", b"package a\np := ]", &Options::default());
    assert_eq!(neither.errors[0].message, "unexpected ] token");
}

#[test]
fn terms_and_references_are_read_alone() {
    let reference = parse_ref(&mut Sources::default(), "", "data.a[\"b\"].c", &Options::default());
    assert_eq!(reference.map(|parts| parts.len()).ok(), Some(4));
    assert!(parse_ref(&mut Sources::default(), "", "1", &Options::default()).is_err());
    assert!(parse_term(&mut Sources::default(), "", "x; y", &Options::default()).is_err());
    assert_eq!(term("1.50e2").to_string(), "1.50e2");
}

/// Every term's text is what its span says.
#[test]
fn spans_hold_their_text() {
    let text = "package a\np contains [x, \"é\"] if { some x in {1, 2}; x + 1 == -2.5; f(x).y[z] }\n";
    let (sources, parsed) = parse(text, &Options::default());
    let module = parsed.module.unwrap_or_else(|| panic!("{:?}", parsed.errors));
    let source = sources.get(0).unwrap();
    let rule = &module.rules[0];
    assert_eq!(source.slice(module.package.span), "package a");
    assert_eq!(source.slice(rule.span), text.lines().nth(1).unwrap());
    assert_eq!(source.slice(rule.head.span), "p contains [x, \"é\"]");
    let parts: Vec<&str> = rule.body.iter().map(|expr| source.slice(expr.span)).collect();
    assert_eq!(parts, ["some x in {1, 2}", "x + 1 == -2.5", "f(x).y[z]"]);
    let ExprKind::Call { operator, args } = &rule.body[1].kind else { panic!() };
    assert_eq!(
        (source.slice(operator.span), source.slice(args[0].span), source.slice(args[1].span)),
        ("==", "x + 1", "-2.5")
    );
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_is_bounded_on_a_small_stack() {
    on_a_small_stack(|| {
        let start = Instant::now();
        let openings = [
            "[",
            "{",
            "(",
            "{[(",
            "[x | ",
            "{x | ",
            "{\"a\": ",
            "{\"a\": x | ",
            "f(",
            "a[",
            "-(",
            "not (",
            "$\"{",
            "{1 | {",
            "every x in [1] { ",
            "[x | some y in ",
            "{{x | ",
            "[1, ",
            "{1: [",
            "some ",
            "x[{",
        ];
        for opening in openings {
            for language in [Language::V0, Language::V1] {
                for prefix in
                    ["package a\np := ", "package a\np if ", "package a\np { ", "package a\nimport rego.v2\np if "]
                {
                    let text = format!("{prefix}{}", opening.repeat(15_000));
                    let (_, parsed) = parse(&text, &Options::of(language));
                    assert!(parsed.module.is_none(), "{opening}");
                }
            }
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
    });
}

#[test]
fn long_chains_are_bounded_too() {
    on_a_small_stack(|| {
        for link in ["1 + ", "x in ", "a == ", "a | ", "x * "] {
            let text = format!("package a\np if {{ {}1 }}", link.repeat(20_000));
            assert!(first_fault(&text).contains("max parsing recursion depth exceeded"), "{link}");
        }
        let calls = format!("package a\np := a{}", "(1).b".repeat(20_000));
        assert!(first_fault(&calls).contains("max parsing recursion depth exceeded"));
        let elses = format!("package a\np := 1 if x{}", " else := 2 if y".repeat(20_000));
        assert!(first_fault(&elses).contains("max parsing recursion depth exceeded"));
    });
}

#[test]
fn what_is_deep_enough_is_read_and_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        let depth = MAX_NESTING as usize - 20;
        let text = format!("package a\np := {}{}", "[".repeat(depth), "]".repeat(depth));
        drop(v1(&text));
        let elses = format!("package a\np := 1 if x{}", " else := 2 if y".repeat(MAX_ELSES));
        drop(v1(&elses));
    });
}

#[test]
fn large_texts_take_time_in_proportion() {
    let rule = "p contains x if { some x in input.list; x.name == \"a\"; not data.b[x] }\n";
    let time = |count: usize| {
        let text = format!("package a\n{}", rule.repeat(count));
        let start = Instant::now();
        assert_eq!(v1(&text).rules.len(), count);
        start.elapsed()
    };
    time(100);
    let (small, large) = (time(1_000), time(10_000));
    assert!(large < small * 40 + Duration::from_millis(200), "{small:?} {large:?}");
    let wide = format!("package a\np := [{}]", "1, ".repeat(200_000));
    let refs = format!("package a\np := a{}", ".b".repeat(200_000));
    let digits = format!("package a\np := {}", "9".repeat(10_000));
    let comments = "# c\n".repeat(200_000) + "package a\n" + &"# METADATA\n# title: x\n".repeat(2) + "p := 1";
    let start = Instant::now();
    for text in [wide, refs, digits, comments] {
        parse(&text, &Options::default());
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn too_much_text_is_refused_unread() {
    let (_, parsed) = parse(&" ".repeat(MAX_SOURCE + 1), &Options::default());
    assert_eq!(parsed.errors[0].code, Code::Limit);
}
