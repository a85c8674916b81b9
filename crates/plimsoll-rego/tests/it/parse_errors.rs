//! What the real parser refuses is refused with its words and places, and nothing else is told.

use plimsoll_rego::ast::Language;
use plimsoll_rego::parse::{Options, parse_module};
use plimsoll_rego::span::Sources;

use crate::support::ask::{Answer, Problem};
use crate::support::cases;

const FILES: &[(&str, &str)] = &[
    ("parse_errors.cases", include_str!("../corpora/parse_errors.cases")),
    ("parse_errors_v0.cases", include_str!("../corpora/parse_errors_v0.cases")),
];

fn problems(text: &str, language: Language) -> Vec<Problem> {
    let mut sources = Sources::default();
    let parsed = parse_module(&mut sources, "case.rego", text.as_bytes(), &Options::of(language));
    let told = parsed.errors.into_iter().map(|error| {
        let row = sources.get(error.span.source).map_or(0, |source| source.row_column(error.span.start).0);
        Problem { code: error.code.as_str().to_owned(), row: row as u64, message: error.message }
    });
    told.collect()
}

#[test]
fn refusals_have_the_words_of_the_real_parser() {
    let mut wrong = Vec::new();
    for (file, text) in FILES {
        for case in cases::read(text).expect(file).list {
            let language = if case.ask.v0 { Language::V0 } else { Language::V1 };
            let (_, program) = case.ask.modules.first().expect(&case.name);
            let have = Answer::Errors(problems(program, language));
            let want = case.want.expect(&case.name);
            if have != want {
                wrong.push(format!("{file}:{}: {}\n want\n{want}\n have\n{have}", case.row, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} are wrong", wrong.join("\n"), wrong.len());
}
