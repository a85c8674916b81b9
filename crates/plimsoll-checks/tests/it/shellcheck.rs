//! The rules about scripts on a thousand scripts, with what ShellCheck said of each: see tests/shellcheck/README.md.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_checks::dockerfile::{Options, RULES, parse};
use plimsoll_checks::lint::shell::code_of;
use plimsoll_checks::source::{Found, Source};

const CASES: &str = include_str!("../shellcheck/run.cases");

/// What the rules with ShellCheck's codes find.
fn found(text: &str) -> Vec<Found> {
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.info.aliases.iter().any(|alias| code_of(alias).is_some())) {
        (rule.check)(&file, &Options::default(), &mut found);
    }
    found
}

/// Their ids in the order of the file.
fn ids(text: &str) -> Vec<&'static str> {
    let mut found = found(text);
    found.sort_by_key(|found| found.span);
    found.into_iter().map(|found| found.rule.id).collect()
}

#[test]
fn nothing_is_said_that_shellcheck_does_not_say() {
    let mut head = "FROM a:1\n".to_owned();
    let (mut before, mut shell) = (1, "sh");
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(setting) = line.strip_prefix("@@ ") {
            let (name, variables) = setting.split_once(' ').unwrap();
            let set: String = variables.split(' ').map(|name| format!(" {name}=1")).collect();
            shell = name;
            head = format!("FROM a:1\nSHELL [\"/bin/{name}\", \"-c\"]\nARG{set}\n");
            before = 3;
            continue;
        }
        let (script, expected) = line.rsplit_once(" ==>").unwrap();
        let text = format!("{head}RUN {}\n", script.replace('␤', "\n"));
        let source = Source::new("Dockerfile", &text);
        let ours: BTreeSet<String> = found(&text)
            .into_iter()
            .map(|found| {
                let (line, column) = source.line_column(found.span.start);
                let line = line - before;
                let codes: Vec<&&str> = found.rule.aliases.iter().filter(|alias| code_of(alias).is_some()).collect();
                let code = if shell == "dash" { codes.last() } else { codes.first() };
                format!("{}:{line}:{}", code.unwrap(), if line == 1 { column - 4 } else { column })
            })
            .collect();
        count += 1;
        let (missed, said): (Vec<&str>, Vec<&str>) =
            expected.split_whitespace().partition(|word| word.starts_with('('));
        for (word, is_ours) in said.iter().map(|word| (word, true)).chain(missed.iter().map(|word| (word, false))) {
            let code = word.trim_start_matches('(').split(':').next().unwrap();
            let (of_ours, all) = tally.entry(code.to_owned()).or_default();
            *of_ours += usize::from(is_ours);
            *all += 1;
        }
        let said: BTreeSet<String> = said.into_iter().map(str::to_owned).collect();
        if ours != said {
            wrong.push(format!("{script}: expected {said:?}, ours {ours:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let (ours, all) = tally.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(count > 1000 && ours * 100 >= all * 92, "{count} scripts, {ours} of {all}");
    for (code, (ours, all)) in tally {
        // SC2016 is told of echo and printf alone.
        assert!(ours * 4 >= all * if code == "SC2016" { 2 } else { 3 }, "{code}: {ours} of {all}");
    }
}

#[test]
fn shells_and_stages_are_told_apart() {
    assert_eq!(ids("FROM a:1\nRUN [[ a ]]\nSHELL [\"bash\", \"-c\"]\nRUN [[ a ]]\n"), ["double-brackets-in-sh"]);
    assert_eq!(ids("FROM a:1\nSHELL [\"pwsh\"]\nRUN cd a; [[ `b` ]]\n"), Vec::<&str>::new());
    assert_eq!(ids("FROM a:1\n# hadolint shell=bash\nRUN [[ a ]]\n"), Vec::<&str>::new());
    // The first failure ends the script already.
    assert_eq!(
        ids("FROM a:1\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN cd a; b\n"),
        Vec::<&str>::new()
    );
    assert_eq!(ids("FROM a:1\nENV V=1\nARG W\nRUN rm -rf $V/* $W/*\n"), ["removal-below-empty-variable"]);
    assert_eq!(ids("FROM a:1\nENV V=1\nRUN x $V\nFROM b:1\nRUN x $V\n"), ["unquoted-variable"]);
    assert_eq!(ids("FROM a:1\nONBUILD RUN cd a; b\nRUN [\"sh\", \"-c\", \"cd a; b\"]\n"), ["cd-unchecked"]);
}

#[test]
fn here_documents_are_scripts_and_may_silence() {
    assert_eq!(ids("FROM a:1\nRUN <<E\ncd a\nb $x\nE\n"), ["cd-unchecked", "unquoted-variable"]);
    assert_eq!(ids("FROM a:1\nRUN <<E\n# shellcheck disable=SC2164,SC1091\ncd a\nb $x\nE\n"), ["unquoted-variable"]);
    assert_eq!(ids("FROM a:1\nRUN <<E\n#!/bin/bash\n[[ a ]]\nE\n"), Vec::<&str>::new());
    // What is no script by its grammar is not judged by half.
    assert_eq!(ids("FROM a:1\nRUN if cd a; b\n"), Vec::<&str>::new());
}

/// The file with the fixes of one kind.
fn mended(text: &str, safe: bool) -> String {
    let edits = found(text).into_iter().filter_map(|found| found.fix).filter(|fix| fix.safe == safe);
    let mut edits: Vec<_> = edits.flat_map(|fix| fix.edits).collect();
    edits.sort();
    let mut out = text.to_owned();
    for edit in edits.into_iter().rev() {
        out.replace_range(edit.start..edit.end, &edit.text);
    }
    out.strip_prefix("FROM a:1\nRUN ").unwrap().trim_end().to_owned()
}

#[test]
fn fixes_change_what_is_at_fault_alone() {
    let safe = |script: &str| mended(&format!("FROM a:1\nRUN {script}\n"), true);
    assert_eq!(safe("a=`b  c` && d `(e)`"), "a=$(b  c) && d $( (e))");
    assert_eq!(safe("a=`b \\`c\\``"), "a=`b \\`c\\``");
    assert_eq!(safe("a | egrep x; fgrep y"), "a | grep -E x; grep -F y");
    assert_eq!(safe("[ $x == a ] && cd $y/z && b > ${w}"), "[ \"$x\" = a ] && cd \"$y\"/z && b > \"${w}\"");
    assert_eq!(safe("find / -name *.pyc; pip install a[bb]==1"), "find / -name '*.pyc'; pip install 'a[bb]==1'");
    assert_eq!(safe("source ./a && source b; c &> /dev/null"), ". ./a && source b; c > /dev/null 2>&1");
    let risky = |script: &str| mended(&format!("FROM a:1\nRUN {script}\n"), false);
    assert_eq!(risky("cd a; b $x ${y%.*} $(c)"), "cd a || exit; b \"$x\" \"${y%.*}\" \"$(c)\"");
    assert_eq!(risky("rm -rf \"$x\"/* *.o; read y"), "rm -rf \"${x:?}\"/* ./*.o; read -r y");
}

#[test]
fn large_scripts_take_linear_time() {
    let line = |n: usize| format!("  && x{n}=$y{n} && a `b` $x{n} [aa{{c,d}} {{{{{{, && cd c \\\n");
    let text = |count: usize| format!("FROM a:1\nRUN a \\\n{}  && b\n", (0..count).map(line).collect::<String>());
    let start = std::time::Instant::now();
    let found = found(&text(10_000));
    assert!(found.len() >= 30_000, "{}", found.len());
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    for hostile in ["{".repeat(100_000), "[".repeat(100_000), "${x:".repeat(50_000), "`\\".repeat(50_000)] {
        ids(&format!("FROM a:1\nRUN a {hostile}\n"));
    }
}
