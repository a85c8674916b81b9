use crate::ast::text;
use crate::compile::{Compiled, Options, compile};
use crate::error::RegoError;
use crate::parse;
use crate::span::Sources;

fn compiled(source: &str) -> Result<Compiled, Vec<RegoError>> {
    let mut sources = Sources::default();
    let parsed = parse::parse_module(&mut sources, "a.rego", source.as_bytes(), &parse::Options::default());
    assert_eq!(parsed.errors, []);
    compile(parsed.module.into_iter().collect(), &sources, &Options::default())
}

#[test]
fn long_chain_of_rules_compiles_and_is_ordered_from_its_end() {
    let rules: String = (1..3000).map(|at| format!("r{at} := r{}\n", at - 1)).collect();
    let compiled = compiled(&format!("package a\n{rules}r0 := 1\n")).unwrap();
    assert_eq!(compiled.order.first(), Some(&crate::compile::RuleId(2999)));
    assert_eq!(compiled.order.len(), 3000);
}

#[test]
fn body_is_ordered_by_what_its_expressions_need() {
    let compiled = compiled("package a\np if { x > y; x = input.x; y = x + z; z = 1 }").unwrap();
    let body = text::body(&compiled.modules[0].rules[0].body);
    let places: Vec<usize> = ["input.x", "= 1", "plus", "gt"].iter().filter_map(|part| body.find(part)).collect();
    assert!(places.len() == 4 && places.is_sorted(), "{body}");
}

#[test]
fn wildcard_under_not_is_refused_with_advice() {
    let errors = compiled("package a\np if { not startswith(\"x\", input.list[_]) }").unwrap_err();
    assert_eq!(errors[0].message, "var _ is unsafe");
    assert!(errors[0].hint.as_deref().is_some_and(|hint| hint.contains("helper rule")));
}

#[test]
fn expression_that_waits_for_itself_is_kept() {
    let compiled =
        compiled("package a\nq contains [1]\np contains x if { input.a[_] = x; q[[x | x = input.b]] }").unwrap();
    let rule = compiled.modules[0].rules.iter().find(|rule| rule.head.key.is_some() && rule.body.len() > 1);
    assert!(text::body(&rule.unwrap().body).contains("data.a.q["));
}
