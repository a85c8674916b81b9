//! What holds for every format in the registry.

use plimsoll_report::{FORMATS, RenderOptions, formats_markdown, safe};

use proptest::prelude::*;

use crate::fixture;

fn options() -> RenderOptions<'static> {
    RenderOptions { rules: fixture::RULES, ..RenderOptions::default() }
}

#[test]
fn order_of_input_does_not_matter() {
    for format in FORMATS {
        for (name, report) in fixture::all() {
            let first = (format.render)(&report, &options()).unwrap();
            let again = (format.render)(&report, &options()).unwrap();
            assert_eq!(first, again, "{} {name}", format.name);
            let turned = (format.render)(&fixture::turned_round(&report), &options()).unwrap();
            assert_eq!(String::from_utf8(first).unwrap(), String::from_utf8(turned).unwrap(), "{} {name}", format.name);
        }
    }
}

#[test]
fn hostile_text_never_reaches_the_terminal_raw() {
    for format in FORMATS {
        for verbose in [false, true] {
            let options = RenderOptions { verbose, ..options() };
            let text = String::from_utf8((format.render)(&fixture::refused(), &options).unwrap()).unwrap();
            for line in text.lines() {
                assert_eq!(safe(line), line, "{}", format.name);
            }
        }
    }
}

#[test]
fn tool_policy_and_database_are_named() {
    for format in FORMATS {
        for (name, report) in fixture::all() {
            let text = String::from_utf8((format.render)(&report, &options()).unwrap()).unwrap();
            for word in ["plimsoll", "0.1.0", &report.policy.digest, &report.databases[0].digest] {
                assert!(text.contains(word), "{} {name} does not say {word}", format.name);
            }
        }
    }
}

#[test]
fn unjudged_and_empty_reports_are_rendered() {
    let mut report = fixture::refused();
    report.assessments[0].verdict = None;
    let empty =
        fixture::report_over(Vec::new(), plimsoll_model::Outcome::Undecided, plimsoll_model::DatabaseKind::Index);
    for format in FORMATS {
        assert!(!(format.render)(&report, &options()).unwrap().is_empty());
        assert!(!(format.render)(&empty, &options()).unwrap().is_empty());
    }
}

#[test]
fn indexes_that_point_nowhere_do_no_harm() {
    let mut report = fixture::refused();
    let assessment = &mut report.assessments[0];
    assessment.matches[0].packages = vec![999];
    assessment.matches[1].packages = Vec::new();
    let verdict = assessment.verdict.as_mut().unwrap();
    verdict.reasons[0].matches = vec![999];
    verdict.hidden[0].r#match = Some(999);
    assessment.findings[0].locations[0].layer = Some(999);
    for format in FORMATS {
        assert!(!(format.render)(&report, &options()).unwrap().is_empty());
    }
}

#[test]
fn names_of_formats_are_unique_and_documented() {
    let page = formats_markdown();
    for format in FORMATS {
        assert_eq!(FORMATS.iter().filter(|f| f.name == format.name).count(), 1);
        assert!(page.contains(&format!("| `{}` |", format.name)));
    }
}

#[test]
fn page_of_formats_is_fresh() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");
    if std::env::var_os("PLIMSOLL_UPDATE_DOCS").is_some() {
        std::fs::write(file, formats_markdown()).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap();
    assert!(written == formats_markdown(), "docs/formats.md is stale: run this test with PLIMSOLL_UPDATE_DOCS=1");
}

/// With `PLIMSOLL_RENDER_TO=FOLDER` writes coloured tables there, for eyes (`cat`).
#[test]
fn tables_are_rendered_in_colour_at_all_widths() {
    let folder = std::env::var_os("PLIMSOLL_RENDER_TO").map(std::path::PathBuf::from);
    for width in [80, 120, 200] {
        for (name, report) in fixture::all() {
            let options = RenderOptions { width, colour: true, ..options() };
            let bytes = (FORMATS[0].render)(&report, &options).unwrap();
            assert!(bytes.starts_with(b"\x1b["), "{name}");
            if let Some(folder) = &folder {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join(format!("{name}.table-{width}.ansi")), bytes).unwrap();
            }
        }
    }
}

/// With `PLIMSOLL_RENDER_TO=FOLDER` writes every fixture in every format there, for validators and eyes.
#[test]
fn every_fixture_is_rendered_in_every_format() {
    let folder = std::env::var_os("PLIMSOLL_RENDER_TO").map(std::path::PathBuf::from);
    for format in FORMATS {
        for (name, report) in fixture::all() {
            let bytes = (format.render)(&report, &options()).unwrap();
            assert!(bytes.ends_with(b"\n"), "{} ends without a line end", format.name);
            if let Some(folder) = &folder {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join(format!("{name}.{}.{}", format.name, format.extension)), bytes).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever strangers write into names, paths, versions and titles: every format renders, shows nothing raw, and
    /// those of JSON read back.
    #[test]
    fn any_text_is_rendered_safely(text in any::<String>(), other in "[\\PC\u{0}-\u{1f}\u{80}-\u{9f}\u{202a}-\u{202e}<>&'\"`|\\]\\[-]{0,24}") {
        let mut report = fixture::refused();
        let assessment = &mut report.assessments[0];
        assessment.subject.name = other.clone();
        for package in &mut assessment.inventory.packages {
            package.version.clone_from(&text);
            package.licenses = vec![text.clone(), other.clone()];
            package.location.path.clone_from(&other);
            package.vendor = Some(text.clone());
        }
        for m in &mut assessment.matches {
            m.id.clone_from(&text);
            m.name.clone_from(&other);
            m.vulnerability.title.clone_from(&text);
            m.vulnerability.references = vec![text.clone(), format!("https://{other}")];
        }
        assessment.findings[0].rule.clone_from(&text);
        assessment.findings[0].locations[0].path.clone_from(&other);
        assessment.problems[0].message.clone_from(&text);
        for format in FORMATS {
            let bytes = (format.render)(&report, &options()).unwrap();
            let page = String::from_utf8(bytes).unwrap();
            for line in page.lines() {
                prop_assert_eq!(safe(line), line, "{}", format.name);
            }
            if format.media_type.contains("json") {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&page).is_ok(), "{}", format.name);
            }
        }
    }
}
