//! The table, seen.

use plimsoll_model::Report;
use plimsoll_report::{RenderOptions, format};
use unicode_width::UnicodeWidthStr;

use crate::fixture;

fn table(report: &Report, options: RenderOptions<'_>) -> String {
    let options = RenderOptions { rules: fixture::RULES, ..options };
    String::from_utf8((format("table").unwrap().render)(report, &options).unwrap()).unwrap()
}

#[test]
fn refused_image_at_80_columns() {
    insta::assert_snapshot!(table(&fixture::refused(), RenderOptions { width: 80, ..RenderOptions::default() }));
}

#[test]
fn refused_image_at_200_columns() {
    insta::assert_snapshot!(table(&fixture::refused(), RenderOptions { width: 200, ..RenderOptions::default() }));
}

#[test]
fn baseline_alone_is_said_loudly() {
    insta::assert_snapshot!(table(&fixture::baseline_only(), RenderOptions { width: 80, ..RenderOptions::default() }));
}

#[test]
fn several_subjects_end_in_a_list() {
    let text = table(&fixture::several(), RenderOptions::default());
    assert!(text.contains("2 subjects: DENIED"), "{text}");
    assert!(text.contains("✓ allowed"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [60, 80, 100, 200] {
        for verbose in [false, true] {
            for (name, report) in fixture::all() {
                for line in table(&report, RenderOptions { width, verbose, ..RenderOptions::default() }).lines() {
                    assert!(line.width() <= width, "{name} at {width}: {line}");
                }
            }
        }
    }
}

#[test]
fn colours_only_add_codes() {
    let plain = table(&fixture::refused(), RenderOptions::default());
    let coloured = table(&fixture::refused(), RenderOptions { colour: true, ..RenderOptions::default() });
    assert!(coloured.contains("\u{1b}[1;31m"));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    let trimmed = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&stripped), trimmed(&plain));
}
