//! YAML that cannot be read. In: a file and where its reading ended. Out: a finding that says in words how to mend it. What it
//! does not do: read on; `object::read` does, behind the document.

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::{Fault, FaultKind};

use super::object::{MAX_FAULTS, Manifest};
use super::rules::{Check, Rule};
use crate::source::{Found, Source, Span};

/// A document that cannot be read, or that three dots cut in two.
pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "broken-yaml",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A document that is no YAML",
        why: "Nothing of the document can be applied, and no other rule can look at it. Copied from a web page, manifests lose \
              their indentation, keep a `...` for what was left out, or take other characters for brackets and quotes.",
        remedy: "mend the line that the finding names",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\nname: web\nspec:\ncontainers:\n- name: web\nimage: nginx:1.29\nspec:\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(|project, found| {
        for (at, manifest) in project.manifests.iter().enumerate() {
            found.extend(of_manifest(manifest).into_iter().map(|one| (at, one)));
        }
    }),
};

/// Lines above a fault that are searched for what belongs to it.
const MAX_ABOVE: u32 = 10_000;
/// Characters of the parser's own words that a message repeats.
const MAX_WORDS: usize = 200;

fn of_manifest(manifest: &Manifest<'_>) -> Vec<Found> {
    let source = manifest.source;
    let mut found: Vec<Found> =
        manifest.fault.iter().chain(&manifest.more_faults).map(|fault| broken_yaml(source, fault)).collect();
    if found.len() >= MAX_FAULTS
        && let Some(last) = found.last_mut()
    {
        last.message.push_str("; the rest of the file was not read");
    }
    if found.is_empty() {
        found = cut_by_dots(source);
    }
    found
}

/// The finding of a fault: what is wrong at which line, and what is likely meant.
pub fn broken_yaml(source: &Source<'_>, fault: &Fault) -> Found {
    let line = source.line_span(fault.line).unwrap_or_default();
    let start = source.offset(fault.line, fault.column).unwrap_or(line.end).min(line.end);
    let rest = source.slice(Span::new(start, line.end)).trim_end();
    let span = Span::new(start, start + rest.len());
    let words = fault.message.split(" at char ").next().unwrap_or_default();
    let words: String = words.chars().take(MAX_WORDS).filter(|c| !c.is_control()).collect();
    let (meant, remedy, related) = advice(source, fault, source.slice(line));
    let message = if meant.is_empty() { words } else { format!("{words}: {meant}") };
    let mut one = Found::new(&RULE.info, span, message).remedy(remedy);
    if let Some(related) = related {
        one = one.related(related);
    }
    one
}

type Advice = (String, String, Option<Span>);

/// What is likely meant, what to do, and a second place that belongs to it.
fn advice(source: &Source<'_>, fault: &Fault, line: &str) -> Advice {
    let at = fault.line;
    let text = line.trim();
    let plain = |meant: &str, remedy: &str| (meant.to_owned(), remedy.to_owned(), None);
    match fault.kind {
        FaultKind::Bound => return plain("", "split the file; nobody writes a manifest as large or as deep by hand"),
        FaultKind::DuplicateKey => return duplicate(source, fault),
        FaultKind::Syntax | FaultKind::Unread => {}
    }
    if let Some(dots) = dots_above(source, at) {
        let remedy = format!(
            "write what `...` stands for at line {dots}, or take the line away: at the margin it ends a YAML document"
        );
        return (format!("`...` at line {dots} stands for something left out"), remedy, source.line_span(dots));
    }
    if line.contains("{{") || source.text.contains("{{- ") || source.text.contains("{{ .") {
        return plain("this is a template, not YAML yet", "render it first (`helm template`) and check what comes out");
    }
    let indent = line.len() - line.trim_start().len();
    if line.get(..indent).is_some_and(|blank| blank.contains('\t')) {
        return plain("a tab indents this line", "indent with spaces");
    }
    if text.starts_with("```") {
        return plain("a Markdown fence stands in the file", "take the fence away");
    }
    let says = |words: &str| fault.message.contains(words);
    if says("bracket") || says("did not find expected ','") || says("flow mapping") || says("flow sequence") {
        let remedy = "close each bracket with its own kind, `{` with `}` and `[` with `]`; an empty mapping is `{}`, an empty list `[]`";
        return plain("the brackets do not match", remedy);
    }
    if says("unexpected character") {
        let remedy = "put the value in quotes: YAML keeps ` @ % for itself at its beginning";
        return plain("the value begins with a character that YAML keeps for itself", remedy);
    }
    if says("quote") {
        let remedy =
            "close the quote on the line where it opens, or indent the lines that go on with it further than their key";
        return plain("the quote does not end where it should", remedy);
    }
    if says("anchor") {
        return plain(
            "",
            "write the anchor (`&name`) above its alias (`*name`); a text that begins with `*` goes in quotes",
        );
    }
    if says("expected ':'") {
        return plain(
            &format!("`{}` is no `key: value`", shown(text)),
            "write `key: value`, `- value`, or `# ` before a remark",
        );
    }
    if text.matches(": ").count() > 1 && !text.starts_with(['"', '\'']) {
        return plain(
            "two `: ` stand in one line",
            "put the value in quotes, or what follows on a line of its own, indented further",
        );
    }
    indentation(source, at, indent)
}

/// A line that is indented like no line that it could belong to.
fn indentation(source: &Source<'_>, at: u32, indent: usize) -> Advice {
    let above = (at.saturating_sub(MAX_ABOVE).max(1)..at).rev().find_map(|line| {
        let span = source.line_span(line)?;
        let text = source.slice(span);
        let written = !text.trim().is_empty() && !text.trim_start().starts_with('#');
        written.then(|| (line, text.len() - text.trim_start().len(), span))
    });
    let Some((line, before, span)) = above else {
        return (String::new(), format!("mend line {at}"), None);
    };
    let remedy = format!(
        "align line {at} with the line that it belongs beside, or indent it two spaces further than the key that it belongs below"
    );
    if indent == before {
        return (format!("it does not fit below line {line}"), remedy, Some(span));
    }
    (format!("it is indented by {indent}, line {line} by {before}"), remedy, Some(span))
}

/// The same key twice: lost indentation, a missing `---` or `- `, or really twice.
fn duplicate(source: &Source<'_>, fault: &Fault) -> Advice {
    let end = source.line_span(fault.line).map_or(0, |line| line.end);
    let start = source.offset(fault.line, fault.column).unwrap_or(end).min(end);
    let key = source.slice(Span::new(start, end)).split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
    let first = first_of(source, fault, key);
    let since = first.map(|line| format!(" at line {line} and here")).unwrap_or_default();
    let related = first.and_then(|line| source.line_span(line));
    if fault.column == 1 && is_flat(source, fault.line) {
        let meant = format!("the indentation is lost, so that `{key}`{since} stand in one mapping");
        let remedy = "indent each line two spaces further than the key that it belongs below (`metadata:`, `spec:`, each `- ` of a list)";
        return (meant, remedy.into(), related);
    }
    if matches!(key, "apiVersion" | "kind") {
        let remedy = format!("put a line `---` between the two objects, above line {}", fault.line);
        return (format!("two objects without `---` between them ({key}{since})"), remedy, related);
    }
    let remedy = format!("keep one `{key}`; where two members of a list are meant, begin each with `- `");
    (first.map(|line| format!("it stands at line {line} already")).unwrap_or_default(), remedy, related)
}

/// The line above with the same key at the same column.
fn first_of(source: &Source<'_>, fault: &Fault, key: &str) -> Option<u32> {
    let column = usize::try_from(fault.column).ok()?.checked_sub(1)?;
    let is_key = |text: &str| {
        let text = text.get(column..).unwrap_or_default().trim_start_matches(['"', '\'']);
        let rest = text.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    (fault.line.saturating_sub(MAX_ABOVE).max(1)..fault.line)
        .rev()
        .find(|line| source.line_span(*line).is_some_and(|span| is_key(source.slice(span))))
}

/// Most lines of the document stand at the left margin, and some end with a colon that nothing is indented below.
fn is_flat(source: &Source<'_>, line: u32) -> bool {
    let begins = |text: &str| text.starts_with("---");
    let of = |line: u32| source.line_span(line).map(|span| source.slice(span)).unwrap_or_default();
    let above = (line.saturating_sub(MAX_ABOVE).max(1)..=line).rev().take_while(|line| !begins(of(*line)));
    let below =
        (line + 1..line.saturating_add(MAX_ABOVE)).take_while(|at| *at <= source.line_count() && !begins(of(*at)));
    let (mut written, mut flat) = (0usize, 0usize);
    for at in above.chain(below) {
        let text = of(at);
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        written += 1;
        flat += usize::from(!text.starts_with([' ', '\t']));
    }
    written >= 4 && flat * 10 >= written * 8
}

/// The nearest line of three dots at or above a line, within its document.
fn dots_above(source: &Source<'_>, line: u32) -> Option<u32> {
    let text = |line: u32| source.line_span(line).map(|span| source.slice(span)).unwrap_or_default();
    let above = (line.saturating_sub(MAX_ABOVE).max(1)..=line).rev();
    above.take_while(|line| !text(*line).starts_with("---")).find(|line| is_dots(text(*line)))
}

fn is_dots(text: &str) -> bool {
    matches!(text.trim(), "..." | "…" | "- ..." | "[...]")
}

/// Three dots at the margin with more below: YAML reads two documents where one was meant.
fn cut_by_dots(source: &Source<'_>) -> Vec<Found> {
    // Most files have none; the lines of the others are looked at one by one.
    if !source.text.contains("\n...") {
        return Vec::new();
    }
    let text = |line: u32| source.line_span(line).map(|span| source.slice(span)).unwrap_or_default();
    let mut found = Vec::new();
    // From below, so that what follows a line is known when it is reached.
    let mut more = false;
    for line in (1..=source.line_count()).rev() {
        let here = text(line);
        if here.trim_end() == "..." {
            let dots = source.line_span(line).filter(|_| more);
            found.extend(dots.map(|span| {
                let message = "`...` ends the document here, though more of it follows";
                Found::new(&RULE.info, Span::new(span.start, span.start + 3), message)
                    .remedy("write what `...` stands for, or take the line away")
            }));
            more = false;
        } else if here.starts_with("---") || here.starts_with('%') {
            more = false;
        } else if !here.trim().is_empty() && !here.trim_start().starts_with('#') {
            more = true;
        }
    }
    found.reverse();
    found
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::object::read;

    fn found(text: &str) -> Vec<(u32, String, String)> {
        let source = Source::new("m.yaml", text);
        let all = of_manifest(&read(&source)).into_iter();
        all.map(|one| (source.line(one.span.start), one.message.clone(), one.remedy.unwrap_or_default())).collect()
    }

    #[test]
    fn bad_example_has_the_fault_and_the_good_one_has_not() {
        assert_eq!(found(RULE.info.bad).len(), 1);
        assert_eq!(found(RULE.info.good), []);
    }

    #[test]
    fn every_fault_says_its_line_and_what_is_meant() {
        for (text, line, meant, remedy) in [
            (RULE.info.bad, 9, "the indentation is lost, so that `spec` at line 5 and here", "indent each line"),
            (
                "metadata:\n...\n  name: a\nspec:\n  b: c\n",
                4,
                "`...` at line 2 stands for something left out",
                "take the line away",
            ),
            ("spec:\n  a: b\n  ...\n  c: d\n", 3, "`...` at line 3", "take the line away"),
            ("a:\n\tb: 1\n", 2, "a tab indents this line", "spaces"),
            ("a: {b: c\nd: e\n", 2, "the brackets do not match", "`{}`"),
            ("a: {b: c]\n", 1, "the brackets do not match", "`{}`"),
            ("a: b: c\n", 1, "two `: ` stand in one line", "quotes"),
            ("spec:\n  a: 1\n   b: 2\n", 3, "it is indented by 3, line 2 by 2", "align line 3"),
            ("spec:\n    a: 1\n  b: 2\n", 3, "it is indented by 2, line 2 by 4", "align line 3"),
            ("a:\n  - b\n  c: d\n", 3, "it does not fit below line 2", "align line 3"),
            ("a: `b`\n", 1, "a character that YAML keeps for itself", "quotes"),
            ("a: \"x\nb: y\n", 2, "the quote does not end", "close the quote"),
            ("a: *b\n", 1, "unknown anchor", "above its alias"),
            ("kind: Pod\n```\n", 2, "a Markdown fence", "take the fence away"),
            ("a: b\nc\nd: e\n", 2, "`c` is no `key: value`", "write `key: value`"),
            ("{{- if .Values.x }}\na: b\n{{- end }}\n", 1, "a template", "helm template"),
            ("spec:\n  a: 1\n  b: 2\n  a: 3\n", 4, "it stands at line 2 already", "keep one `a`"),
            (
                "apiVersion: v1\nkind: A\nspec:\n  b: c\n  d: e\n  f: g\napiVersion: v1\n",
                7,
                "two objects without `---`",
                "above line 7",
            ),
        ] {
            let all = found(text);
            assert_eq!(all.len(), 1, "{text}: {all:?}");
            let (at, message, advice) = &all[0];
            assert_eq!(*at, line, "{text}: {message}");
            assert!(message.contains(meant), "{text}: {message}");
            assert!(advice.contains(remedy), "{text}: {advice}");
        }
    }

    #[test]
    fn dots_cut_a_document_only_where_more_follows() {
        let cut = "kind: Pod\nmetadata:\n...\n  name: a\n";
        assert_eq!(found(cut).iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [3]);
        for whole in ["a: b\n...\n", "a: b\n...\n---\nc: d\n", "a: b\n...\n# end\n", "a: |\n  ...\n  b\n"] {
            assert_eq!(found(whole), [], "{whole}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"((  ){0,3}(- )?(a|"b|'c|\{|\[|\(\}|`|@|\*x|&y|é|\.\.\.|---|\t)?:?( ?[\}\]]| 1|: )?\n){0,12}"#) {
            let source = Source::new("m.yaml", &text);
            for one in of_manifest(&read(&source)) {
                proptest::prop_assert!(text.get(one.span.start..one.span.end).is_some());
                proptest::prop_assert!(!one.message.is_empty() && !one.message.contains('\n'));
            }
        }
    }
}
