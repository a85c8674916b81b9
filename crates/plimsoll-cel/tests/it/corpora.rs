//! `tests/corpora/*.cases`: what the API server's own libraries said is what we say, and what it costs there it costs here.

use crate::support::{self, Line};

fn holds(text: &str) {
    let mut faults = Vec::new();
    for line in support::read(text) {
        let Line::Case(case) = line else { continue };
        let (answer, cost) = support::ours(&case);
        if !support::agree(&case.answer, &answer) || case.cost != cost {
            faults.push(format!("line {}: {}: {answer:?}, {cost:?}", case.line, case.expression));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

macro_rules! corpora {
    ($($name:ident $file:literal)*) => {
        $(#[test]
        fn $name() {
            holds(include_str!(concat!("../corpora/", $file)));
        })*
    };
}

corpora! {
    the_language_is_that_of_the_api_server "language.cases"
    macros_are_those_of_the_api_server "macros.cases"
    conversions_are_those_of_the_api_server "convert.cases"
    texts_are_those_of_the_api_server "strings.cases"
    libraries_are_those_of_the_api_server "libraries.cases"
    admission_expressions_say_what_they_say_in_the_api_server "admission.cases"
    structs_of_mutations_are_as_there "mutation.cases"
    the_rest_of_cel_go_is_as_there "more.cases"
}

#[test]
fn policies_decide_as_in_the_api_server() {
    for line in include_str!("../corpora/policies.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
        assert_eq!(crate::decisions::ours(&case), crate::decisions::theirs(&case["result"]), "{}", case["name"]);
    }
}

#[test]
fn objects_are_changed_as_in_the_api_server() {
    let mut faults = Vec::new();
    for line in include_str!("../corpora/mutations.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
        let (ours, theirs) = (crate::changes::ours(&case), crate::changes::theirs(&case, &case["mutated"]));
        if ours != theirs {
            faults.push(format!("{}\n    ours   {ours}\n    theirs {theirs}", case["name"]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
