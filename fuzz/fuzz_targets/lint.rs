//! Any text as a Dockerfile and as manifests: linted with every rule, mended, and told.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::lint::fix::{Fixes, REVEALING, fix};
use plimsoll_checks::lint::{Input, Linter, Options, Selection};
use plimsoll_checks::pod_security::{Level, Version};
use plimsoll_model::{FileKind, LintReport, LintedFile, ToolInfo};
use plimsoll_report::{LINT_FORMATS, LintOptions};

/// Mending lints up to some hundred times.
const MOST_MENDED: usize = 16 << 10;

static LINTER: LazyLock<Linter> = LazyLock::new(|| {
    let options = Options {
        selection: Selection { select: vec!["all".into()], ..Selection::default() },
        pod_security: Some((Level::Restricted, Version::Latest)),
        today: Some(jiff::civil::date(2026, 1, 1)),
        inline_ignores: true,
        ..Options::default()
    };
    Linter::new(options).expect("`all` is a group")
});

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    for kind in [FileKind::Dockerfile, FileKind::Manifest] {
        let input = Input { path: "deploy/input", text, kind };
        let file = LINTER.lint(&[input]).remove(0);
        sound(&file, text);
        let report = LintReport {
            tool: ToolInfo { name: "plimsoll".into(), version: "0".into() },
            files: vec![file],
            problems: Vec::new(),
            fixed: 0,
        };
        for format in LINT_FORMATS {
            let rendered = (format.render)(&report, &LintOptions::default()).expect("every report renders");
            let shown = String::from_utf8(rendered).expect("every format is text");
            let odd = shown.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(odd, None, "{} lets {odd:?} through", format.name);
        }
        if text.len() <= MOST_MENDED {
            mended(text, kind);
        }
    }
});

/// Places are places of the text, in order; messages have words; edits fit.
fn sound(file: &LintedFile, text: &str) {
    let all = file.findings.iter().chain(file.ignored.iter().map(|ignored| &ignored.finding));
    for found in all {
        let finding = &found.finding;
        assert!(!finding.message.is_empty() && !finding.locations.is_empty(), "{finding:?}");
        for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
            assert!(edit.start <= edit.end, "{finding:?}");
            assert!(text.is_char_boundary(edit.start) && text.is_char_boundary(edit.end), "{finding:?}");
        }
    }
    let places = file.findings.iter().map(|found| {
        let place = &found.finding.locations[0];
        (place.line, place.column)
    });
    let places: Vec<_> = places.collect();
    assert!(places.is_sorted(), "{places:?}");
}

/// What is mended is read as well as before, has no new finding, and is mended for good.
fn mended(text: &str, kind: FileKind) {
    let count = |text: &str| {
        let file = LINTER.lint(&[Input { path: "input", text, kind }]).remove(0);
        (file.findings.len() + file.ignored.len(), file.problems.len())
    };
    for fixes in [Fixes::Safe, Fixes::All] {
        let fixed = fix(&LINTER, "input", text, kind, fixes);
        let (before, after) = (count(text), count(&fixed.text));
        let revealed = fixed.done.iter().any(|(rule, _)| REVEALING.contains(&rule.as_str()));
        assert!(
            (revealed || after.0 <= before.0) && after.1 <= before.1,
            "{before:?} became {after:?}: {:?}",
            fixed.done
        );
        assert_eq!(fixed.text == text, fixed.done.is_empty(), "{:?}", fixed.done);
    }
}
