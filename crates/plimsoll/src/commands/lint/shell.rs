//! ShellCheck over the scripts of all Dockerfiles together. In: the texts, and whether it is wanted. Out: for each text what
//! ShellCheck says of its scripts, and whether it was missing where there was something to ask.

use std::collections::HashMap;

use plimsoll_checks::dockerfile::{self, RunScript, run_scripts};
use plimsoll_checks::lint::shell::{Answer, Comment};
use plimsoll_checks::source::Source;
use plimsoll_model::FileKind;

use super::walk::Text;
use crate::program;
use crate::shellcheck::{self, Said, Script};

/// Codes that say something of a script that is not one file alone: what it reads in, and ash being taken for dash.
const EXCLUDED: [u32; 3] = [1090, 1091, 2187];

/// What ShellCheck said.
pub struct Told {
    /// In the order of the texts; none where it was not asked.
    pub answers: Vec<Option<Vec<Answer>>>,
    /// There are scripts, and no ShellCheck.
    pub missing: bool,
}

/// Asks ShellCheck, where it is on the `PATH`, of all scripts; the same script once.
pub fn ask(texts: &[Text]) -> Told {
    let program = program::find("shellcheck", std::env::var_os("PATH"));
    let mut scripts: Vec<Script> = Vec::new();
    let mut known: HashMap<Script, usize> = HashMap::new();
    let mut asked: Vec<Option<Vec<(RunScript, usize)>>> = Vec::new();
    let mut any = false;
    for text in texts {
        // Without the program, one script is enough to know.
        if text.kind != FileKind::Dockerfile || (program.is_none() && any) {
            asked.push(None);
            continue;
        }
        let source = Source::new(&text.path, &text.text);
        let of_file = run_scripts(&dockerfile::parse(&source)).into_iter().map(|script| {
            let number = *known.entry(Script(script.text.clone())).or_insert_with_key(|script| {
                scripts.push(script.clone());
                scripts.len() - 1
            });
            (script, number)
        });
        let of_file: Vec<_> = of_file.collect();
        any |= !of_file.is_empty();
        asked.push(Some(of_file));
    }
    let Some(program) = program.filter(|_| any) else { return Told { answers: Vec::new(), missing: any } };
    let said = shellcheck::check(&program, &scripts, &EXCLUDED);
    let of_file = |of_file: Vec<(RunScript, usize)>| {
        of_file.into_iter().map(|(script, number)| (script, said.get(number).map_or_else(none, comments))).collect()
    };
    Told { answers: asked.into_iter().map(|of| of.map(of_file)).collect(), missing: false }
}

fn none() -> Result<Vec<Comment>, String> {
    Err("it gave no answer".to_owned())
}

fn comments(said: &Said) -> Result<Vec<Comment>, String> {
    let comment = |comment: &shellcheck::Comment| Comment {
        line: comment.line,
        column: comment.column,
        end_line: comment.end_line,
        end_column: comment.end_column,
        code: comment.code,
        level: comment.level.clone(),
        message: comment.message.clone(),
    };
    said.as_ref().map(|all| all.iter().map(comment).collect()).map_err(Clone::clone)
}
