//! Each pair is what OPA 1.22.4 makes of the text (`opa fmt`), but where a test's name says otherwise.

use super::{Options, Target, format};
use crate::ast::Language;
use crate::error::Code;
use crate::span::Sources;

fn formatted(text: &str, options: &Options) -> String {
    let mut sources = Sources::default();
    format(&mut sources, "a.rego", text.as_bytes(), options).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| error.line(&sources)).collect();
        panic!("{text}\n{}", lines.join("\n"))
    })
}

#[track_caller]
fn becomes(text: &str, want: &str) {
    let options = Options::default();
    let once = formatted(text, &options);
    assert_eq!(once, want);
    assert_eq!(formatted(&once, &options), want, "and once more");
}

#[track_caller]
fn refused(text: &str, options: &Options) -> (Code, String) {
    let mut sources = Sources::default();
    let errors = format(&mut sources, "a.rego", text.as_bytes(), options).expect_err(text);
    (errors[0].code, errors[0].message.clone())
}

#[test]
fn rules_are_set_apart_and_those_of_a_line_stay_together() {
    becomes(
        "package  a.b\np:=1\nq if  x==1\nr if {y}\ns if {\ny;z\n}\n\n\n\nt contains 1",
        "package a.b\n\np := 1\nq if x == 1\nr if y\n\ns if {\n\ty\n\tz\n}\n\nt contains 1\n",
    );
}

#[test]
fn comments_stay_in_their_rows() {
    becomes(
        "# one\n\n# two\npackage a # p\n\n# three\nimport data.b # b\nimport data.a\n# four\np if { # open\n# lead\n\n  x # x\n\n\n  y\n# tail\n} # close\n# end",
        "# one\n\n# two\npackage a # p\n\n# three\nimport data.a\nimport data.b # b\n\n# four\np if { # open\n\t# lead\n\n\tx # x\n\n\ty\n\t# tail\n} # close\n\n# end\n",
    );
}

#[test]
fn lists_keep_their_lines_and_get_a_last_comma() {
    becomes(
        "package a\np := [1,2,\n3]\nq := {\"a\":1,\n\"b\":[x|\nx:=2]}\nr := f(\n1)\ns := { 1 }",
        "package a\n\np := [\n\t1, 2,\n\t3,\n]\n\nq := {\n\t\"a\": 1,\n\t\"b\": [x |\n\t\tx := 2\n\t],\n}\n\nr := f(1)\n\ns := {1}\n",
    );
}

#[test]
fn brackets_of_operators_are_set_by_the_tree() {
    becomes(
        "package a\np := x+y*2-(3)\nq := ((x))\nr := {(x|y)|x:=1}\ns if {{x}}\nt if 1,x in y",
        "package a\n\np := (x + (y * 2)) - 3\nq := x\nr := {(x | y) | x := 1}\n\ns if {\n\t{x}\n}\n\nt if 1, x in y\n",
    );
}

#[test]
fn strings_and_numbers_stay_as_they_were_written() {
    becomes(
        "package a\np := \"\\u0041\\/\"\nq := `a\n b`\nr := [1.0,1E+2,-0]\ns := $\"{x} \\{ {\"y\"}\"\nt := $`{x}\n`",
        "package a\n\np := \"\\u0041\\/\"\nq := `a\n b`\n\nr := [1.0, 1E+2, -0]\ns := $\"{x} \\{ y\"\nt := $`{x}\n`\n",
    );
}

#[test]
fn else_stays_on_the_line_of_the_brace_where_it_stood_there() {
    becomes(
        "package a\np if { x\ny } else := 2 if { y\nz\n}\nelse := 3",
        "package a\n\np if {\n\tx\n\ty\n} else := 2 if {\n\ty\n\tz\n}\n\nelse := 3\n",
    );
    becomes(
        "package a\np if { x } else := 2 if { y }\nelse := 3\n",
        "package a\n\np if x\n\nelse := 2 if y\n\nelse := 3\n",
    );
}

#[test]
fn with_follows_its_line() {
    becomes(
        "package a\np if {\nx with input as 1 with data.y as 2\nx with input as 1\nwith data.y as 2\nx\nwith input as 1\n}",
        "package a\n\np if {\n\tx with input as 1 with data.y as 2\n\tx with input as 1\n\t\twith data.y as 2\n\tx\n\t\twith input as 1\n}\n",
    );
}

#[test]
fn keys_have_dots_where_their_author_gave_them() {
    becomes(
        "package a\np := data.x[\"y\"].not[\"if\"][\"a b\"][_][i]",
        "package a\n\np := data.x.y.not[\"if\"][\"a b\"][_][i]\n",
    );
}

#[test]
fn v0_becomes_what_both_read() {
    let text = "package a\n\nallow = true { input.x }\np[x] { x := 1 }\np[\"y\"]\nf(x) = y { y := x }\ng { true }\n";
    let v0 = formatted(text, &Options::of(Language::V0, Target::V0));
    assert_eq!(
        v0,
        "package a\n\nallow {\n\tinput.x\n}\n\np[x] {\n\tx := 1\n}\n\np[\"y\"]\n\nf(x) = y {\n\ty := x\n}\n\ng = true\n"
    );
    let both = formatted(text, &Options::of(Language::V0, Target::V0AndV1));
    assert_eq!(
        both,
        "package a\n\nimport rego.v1\n\nallow if input.x\np contains x if x := 1\np contains \"y\"\nf(x) := y if y := x\ng := true\n"
    );
}

#[test]
fn imports_of_keywords_go_where_they_say_nothing() {
    let text = "package a\n\nimport rego.v1\nimport future.keywords.in\n\np if 1 in [1]\n";
    assert_eq!(formatted(text, &Options::default()), "package a\n\nimport rego.v1\n\np if 1 in [1]\n");
    let options = Options { drop_redundant_imports: true, ..Options::default() };
    assert_eq!(formatted(text, &options), "package a\n\np if 1 in [1]\n");
}

#[test]
fn v0_that_v1_refuses_is_refused() {
    let options = Options::of(Language::V0, Target::V0AndV1);
    let of = |text| refused(text, &options);
    assert_eq!(
        of("package a\nimport data.x\nimport data.y.x"),
        (Code::Compile, "import must not shadow import data.x".into())
    );
    assert_eq!(of("package a\np { input := 1 }").0, Code::Compile);
    assert_eq!(of("package a\ninput = 1").1, "rules must not shadow input (use a different rule name)");
    assert_eq!(of("package a\nf(data) { true }").1, "args must not shadow data (use a different variable name)");
    assert_eq!(of("package a\np { any([true]) }").1, "deprecated built-in function calls in expression: any");
    assert_eq!(of("package a\nif = 1").1, "if keyword cannot be used for rule name");
}

/// OPA 1.22.4 writes `} else := "b" if input.y == "b" if input.y == "c"`.
#[test]
fn strings_behind_else_if_are_right_where_opa_is_not() {
    becomes(
        "package a\n\np := \"a\" if {\n\tinput.x\n\ty\n} else := \"b\" if input.y == \"c\"\n",
        "package a\n\np := \"a\" if {\n\tinput.x\n\ty\n} else := \"b\" if input.y == \"c\"\n",
    );
}

/// OPA 1.22.4 drops the right side.
#[test]
fn a_program_that_a_comment_would_change_is_refused_where_opa_changes_it() {
    let text = "package a\n\np if {\n\t{\"a\": # c\n# d\n1} = {x: 1}\n}\n";
    let (code, message) = refused(text, &Options::default());
    assert_eq!(
        (code, message.as_str()),
        (Code::Format, "formatted, it would be another program: move the comments out of it")
    );
}

#[test]
fn wrong_numbers_of_operands_are_refused() {
    let mut sources = Sources::default();
    let errors =
        format(&mut sources, "a.rego", b"package a\np if eq(1)", &Options::default()).expect_err("one operand");
    assert_eq!(errors[0].message, "eq: arity mismatch");
    assert_eq!(errors[0].details, ["have: (number)", "want: (any,any)"]);
}
