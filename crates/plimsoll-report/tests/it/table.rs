//! The table, seen.

use plimsoll_model::{Report, Severity};
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

#[test]
fn table_of_a_huge_image_stays_short_and_hides_no_denial() {
    let mut report = fixture::refused();
    let assessment = &mut report.assessments[0];
    for number in 0..500 {
        let name = format!("package-{number}");
        let index = assessment.inventory.packages.len();
        assessment.inventory.packages.push(fixture::dpkg(&name, "1.0", &name, 0));
        let (severity, fix) = [(Severity::Critical, "1.1"), (Severity::Low, ""), (Severity::High, "")][number % 3];
        assessment.matches.push(fixture::affected(
            &format!("CVE-2025-{}", 10_000 + number),
            severity,
            &name,
            "1.0",
            fix,
            &[index],
        ));
    }
    // The last one, of low severity, denies.
    let last = assessment.matches.len() - 1;
    assessment.verdict.as_mut().unwrap().reasons[0].matches.push(last);
    let denied = assessment.matches[last].id.clone();
    let short = table(&report, RenderOptions::default());
    assert!(short.lines().count() < 250, "{}", short.lines().count());
    assert!(short.contains(&denied), "{short}");
    assert!(short.contains("(--verbose lists them)"));
    let all = table(&report, RenderOptions { verbose: true, ..RenderOptions::default() });
    for number in 0..500 {
        let id = format!("CVE-2025-{}", 10_000 + number);
        assert!(all.contains(&id), "{id}");
    }
}
