//! The recorded answers of the real OPA to small programs of our own are ours too.

use crate::support::{cases, ours};

const FILES: &[(&str, &str)] = &[
    ("v0.cases", include_str!("../corpora/v0.cases")),
    ("refused.cases", include_str!("../corpora/refused.cases")),
    ("chains.cases", include_str!("../corpora/chains.cases")),
    ("found.cases", include_str!("../corpora/found.cases")),
    ("index.cases", include_str!("../corpora/index.cases")),
];

/// Where we differ, and why: one that no longer differs must leave the list.
const DIFFER: &[(&str, &str)] = &[];

#[test]
fn programs_of_the_corpora_give_what_is_recorded() {
    let mut wrong = Vec::new();
    for (file, text) in FILES {
        let cases = cases::read(text).expect(file);
        for case in &cases.list {
            let want = case.want.as_ref().expect(&case.name);
            let have = ours::answer(&case.ask);
            if have.agrees(want) == DIFFER.iter().any(|(name, _)| *name == case.name) {
                wrong.push(format!("{file}:{}: {}\n want\n{want}\n have\n{have}", case.row, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} are wrong", wrong.join("\n"), wrong.len());
}
