//! From texts to findings under hadolint's codes. In: files' texts and the settings. Out: each file's findings and faults.

use std::collections::HashMap;

use plimsoll_checks::dockerfile::{self, Dockerfile, run_scripts};
use plimsoll_checks::source::{Found, Source};

use super::config::Settings;
use super::levels::{self, Level};
use super::pragma::Pragmas;
use super::report::{Entry, Fault};
use crate::shellcheck::{self, Script};

/// Codes that say something of a script that is not one file alone: what it reads in, and ash being taken for dash.
const EXCLUDED: [u32; 3] = [1090, 1091, 2187];

/// All findings.
pub struct FoundIn {
    /// In the order of the texts.
    pub files: Vec<(Vec<Entry>, Vec<Fault>)>,
    /// What the user should know besides.
    pub notes: Vec<String>,
    /// ShellCheck is there and could not look at a script.
    pub undecided: bool,
}

/// Looks at every text, and has ShellCheck look at all scripts together.
pub fn lint(texts: &[(String, String)], settings: &Settings) -> FoundIn {
    let mut files = Vec::new();
    let mut scripts: Vec<Script> = Vec::new();
    let mut known: HashMap<Script, usize> = HashMap::new();
    // For each file its pragmas, and the line and the number of each script.
    let mut asked: Vec<(Pragmas, Vec<(u32, usize)>)> = Vec::new();
    let program = crate::program::find("shellcheck", std::env::var_os("PATH"));
    for (name, text) in texts {
        let source = Source::new(name, text);
        let file = dockerfile::parse(&source);
        let pragmas = if settings.disable_ignore_pragma { Pragmas::default() } else { Pragmas::of(&file) };
        let entries = of_rules(&file, settings, &pragmas);
        // ONBUILD with what it cannot hold has a rule of its own.
        let told = |line: u32| entries.iter().any(|entry| entry.code == "DL3043" && entry.line == line);
        let faults = file.faults.iter().filter_map(|fault| {
            let (line, column) = source.line_column(fault.span.start);
            (!told(line)).then(|| Fault { line, column, message: fault.message.clone() })
        });
        let faults = faults.collect();
        files.push((entries, faults));
        let mut of_file = Vec::new();
        // Without the program, one script is enough to know.
        let wanted = if program.is_none() { 1 } else { usize::MAX };
        for script in run_scripts(&file).into_iter().take(wanted) {
            let line = source.line(file.instructions[script.instruction].span.start);
            let number = *known.entry(Script(script.text)).or_insert_with_key(|script| {
                scripts.push(script.clone());
                scripts.len() - 1
            });
            of_file.push((line, number));
        }
        asked.push((pragmas, of_file));
    }
    let (mut notes, mut undecided) = (Vec::new(), false);
    if scripts.is_empty() {
        return FoundIn { files, notes, undecided };
    }
    let Some(program) = program else {
        notes.push("shellcheck is not on the PATH: the scripts of RUN are not checked for SC rules".into());
        return FoundIn { files, notes, undecided };
    };
    let answers = shellcheck::check(&program, &scripts, &EXCLUDED);
    for ((at, (pragmas, of_file)), (name, _)) in asked.iter().enumerate().zip(texts) {
        for (line, number) in of_file {
            match &answers[*number] {
                Ok(comments) => {
                    for comment in comments {
                        let code = format!("SC{}", comment.code);
                        let own = Level::parse(&comment.level).unwrap_or(Level::Info);
                        let entry = entry(settings, pragmas, &code, own, *line, &comment.message);
                        files[at].0.extend(entry);
                    }
                }
                Err(error) => {
                    undecided = true;
                    notes.push(format!("could not check the script of {name}:{line} with ShellCheck: {error}"))
                }
            }
        }
    }
    FoundIn { files, notes, undecided }
}

fn of_rules(file: &Dockerfile<'_>, settings: &Settings, pragmas: &Pragmas) -> Vec<Entry> {
    let mut found: Vec<Found> = Vec::new();
    for rule in dockerfile::RULES {
        if rule.info.aliases.iter().any(|alias| levels::of(alias).is_some()) {
            (rule.check)(file, &settings.options, &mut found);
        }
    }
    let named = found.into_iter().filter_map(|found| {
        let code = found.rule.aliases.iter().find(|alias| levels::of(alias).is_some())?;
        let line = instruction_line(file, found.span.start);
        entry(settings, pragmas, code, levels::of(code)?, line, &found.message)
    });
    named.collect()
}

/// Where hadolint says a finding stands: at its instruction, or at the comment that it is about.
fn instruction_line(file: &Dockerfile<'_>, offset: usize) -> u32 {
    let next = file.instructions.partition_point(|instruction| instruction.span.start <= offset);
    let around = next.checked_sub(1).and_then(|at| file.instructions.get(at));
    let around = around.filter(|instruction| offset <= instruction.span.end);
    file.source.line(around.map_or(offset, |instruction| instruction.span.start))
}

fn entry(settings: &Settings, pragmas: &Pragmas, code: &str, own: Level, line: u32, message: &str) -> Option<Entry> {
    let level = settings.level(code, own)?;
    (!pragmas.leave_out(code, line)).then(|| Entry { code: code.to_owned(), level, line, message: message.to_owned() })
}
