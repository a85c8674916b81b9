//! What programs are refused for by their types, word for word and row for row as the real OPA says it.

use plimsoll_rego::builtins::FAMILIES;
use plimsoll_rego::types::Signature;

use crate::support::ask::Answer;
use crate::support::{cases, ours};

#[test]
fn type_errors_have_the_words_and_rows_that_are_recorded() {
    let cases = cases::read(include_str!("../corpora/types.cases")).expect("types.cases");
    let mut wrong = Vec::new();
    for case in &cases.list {
        let want = case.want.as_ref().expect(&case.name);
        // What evaluation gives is another test's.
        if !want.codes().contains(&"rego_type_error") {
            continue;
        }
        let have = ours::answer(&case.ask);
        if have != *want {
            wrong.push(format!("{}: {}\n want\n{want}\n have\n{have}", case.row, case.name));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} are wrong", wrong.join("\n"), wrong.len());
}

#[test]
fn programs_without_type_errors_are_not_refused() {
    let cases = cases::read(include_str!("../corpora/types.cases")).expect("types.cases");
    for case in &cases.list {
        if let Some(Answer::Values(_)) = &case.want {
            let mut ask = case.ask.clone();
            ask.query = None;
            assert_eq!(ours::answer(&ask), Answer::Compiled, "{}: {}", case.row, case.name);
        }
    }
}

#[test]
fn builtins_are_declared_as_opa_declares_them() {
    let declared: std::collections::BTreeMap<&str, &str> =
        include_str!("../corpora/signatures.tsv").lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(declared.len(), 206);
    for builtin in FAMILIES.iter().flat_map(|family| family.iter()) {
        let read = Signature::parse(builtin.signature).map(|signature| signature.notation());
        assert_eq!(read.as_deref(), Ok(declared[builtin.name]), "{}", builtin.name);
    }
}
