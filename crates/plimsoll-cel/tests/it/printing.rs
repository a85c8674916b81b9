//! What is printed parses to what was printed.

use plimsoll_cel::Macros;
use plimsoll_cel::parse::parse;
use proptest::prelude::*;

use crate::support::{self, Line};

const MACROS: Macros = Macros { more: true };

/// Printed twice, for a tree's places are those of its text.
fn stays(text: &str) {
    let Ok(tree) = parse(text, MACROS) else { return };
    let printed = tree.to_string();
    let again = parse(&printed, MACROS).map_err(|refused| format!("{text}\n{printed}\n{refused}")).expect("it parses");
    assert_eq!(again.to_string(), printed, "{text}");
    assert_eq!(parse(&again.to_string(), MACROS).expect("as before"), again, "{text}");
}

#[test]
fn every_expression_of_the_corpora_is_printed_as_it_means() {
    for file in ["language", "macros", "convert", "strings", "libraries", "admission", "more"] {
        let text = std::fs::read_to_string(format!("{}/tests/corpora/{file}.cases", env!("CARGO_MANIFEST_DIR")))
            .expect("a corpus");
        for line in support::read(&text) {
            let Line::Case(case) = line else { continue };
            stays(&case.expression);
            // The printed text says the same, too.
            let Ok(tree) = parse(&case.expression, Macros { more: case.more }) else { continue };
            let printed = support::Case { expression: tree.to_string(), ..case.clone() };
            let ((ours, _), (again, _)) = (support::ours(&case), support::ours(&printed));
            let plain = |answer: support::Answer| match answer {
                support::Answer::Refused(_) => support::Answer::Refused(String::new()),
                other => other,
            };
            assert_eq!(plain(ours), plain(again), "{}", printed.expression);
        }
    }
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("object".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| format!("{number}u")),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:?}")),
        ".{0,6}".prop_map(|text| format!("{text:?}").replace("\\u{", "").replace('}', "")),
        Just("b'\\xff\\000a'".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(6, 60, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "in", "&&", "||"]))
                .prop_map(|((a, b), sign)| format!("({a}) {sign} ({b})")),
            two.clone().prop_map(|(a, b)| format!("{a} + {b}")),
            two.clone().prop_map(|(a, b)| format!("{a} && {b} || {a}")),
            (inner.clone(), prop::sample::select(vec!["!", "-", "--", "!!", "- -"]))
                .prop_map(|(a, sign)| format!("{sign}({a})")),
            (inner.clone(), prop::sample::select(vec!["!", "-", "--"])).prop_map(|(a, sign)| format!("{sign}{a}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            inner.clone().prop_map(|a| format!("({a}).b")),
            inner.clone().prop_map(|a| format!("({a}).?b[?'c']")),
            inner.clone().prop_map(|a| format!("has(({a}).b)")),
            two.clone().prop_map(|(a, b)| format!("({a})[{b}]")),
            two.clone().prop_map(|(a, b)| format!("[{a}, ?{b}]")),
            two.clone().prop_map(|(a, b)| format!("{{{a}: {b}, ?'x': {b}}}")),
            two.clone().prop_map(|(a, b)| format!("({a}).map(x, {b})")),
            two.clone().prop_map(|(a, b)| format!("({a}).transformMap(k, v, {b}, k)")),
            two.clone().prop_map(|(a, b)| format!("({a}).optMap(x, {b})")),
            two.clone().prop_map(|(a, b)| format!("cel.bind(x, {a}, {b})")),
            two.prop_map(|(a, b)| format!("f({a}, {b}).g()")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_what_was_printed(text in expressions()) {
        stays(&text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        stays(&text);
    }

    #[test]
    fn nor_do_pieces_of_expressions(parts in prop::collection::vec(prop::sample::select(vec![
        "a", "1", "1u", "1.5", "'x'", "b'", "\"", "(", ")", "[", "]", "{", "}", ".", "?", ":", ",", "-", "!", "+", "&&", "||", "in", " ",
        "has", "map", "x", "r'", "\\", "\n", "//", "0x", "e5", "true", "==",
    ]), 0..40)) {
        stays(&parts.concat());
    }
}
