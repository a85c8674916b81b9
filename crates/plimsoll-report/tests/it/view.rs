//! What people are told to do first.

use plimsoll_model::{Assessment, Ecosystem, Fix, Outcome, Report, Severity};
use plimsoll_report::{RenderOptions, SubjectView, canonical, format};

use crate::fixture::{affected, dpkg, refused, report_over};

/// An image whose lowest layer brings several old packages, with a little of its own on top.
fn old_base() -> Report {
    let mut assessment = refused().assessments.remove(0);
    assessment.inventory.packages = vec![
        dpkg("libssl3", "3.0.1-1", "openssl", 0),
        dpkg("zlib1g", "1:1.2.13", "zlib", 0),
        dpkg("bash", "5.2", "bash", 0),
        dpkg("tool", "1.0", "tool", 2),
    ];
    assessment.matches = vec![
        affected("CVE-2026-2001", Severity::Medium, "openssl", "3.0.1-1", "3.0.9-1", &[0]),
        affected("CVE-2026-2002", Severity::Medium, "openssl", "3.0.1-1", "3.0.10-1", &[0]),
        affected("CVE-2026-2003", Severity::Low, "zlib", "1:1.2.13", "1:1.2.14", &[1]),
        affected("CVE-2026-2004", Severity::Critical, "tool", "1.0", "1.1", &[3]),
        affected("CVE-2026-2005", Severity::Low, "bash", "5.2", "", &[2]),
        affected("CVE-2026-2006", Severity::Medium, "bash", "5.2", "", &[2]),
    ];
    assessment.findings.clear();
    if let Some(verdict) = &mut assessment.verdict {
        verdict.hidden.clear();
        verdict.reasons.truncate(1);
        verdict.reasons[0].matches = vec![3];
    }
    report_over(vec![assessment], Outcome::Denied, plimsoll_model::DatabaseKind::Index)
}

fn with_view<T>(report: &Report, see: impl FnOnce(&SubjectView<'_>, &Assessment) -> T) -> T {
    let report = canonical(report);
    let assessment = &report.assessments[0];
    see(&SubjectView::new(assessment, &RenderOptions::default()), assessment)
}

#[test]
fn what_denies_comes_first_then_what_clears_most() {
    with_view(&old_base(), |view, _| {
        let plan: Vec<(&str, &str, usize, usize)> =
            view.actions.iter().map(|a| (a.name, a.to, a.clears.len(), a.denying)).collect();
        // 3.0.10 is later than 3.0.9, though not by letters.
        assert_eq!(plan, [("tool", "1.1", 1, 1), ("openssl", "3.0.10-1", 2, 0), ("zlib", "1:1.2.14", 1, 0)]);
    });
}

#[test]
fn order_of_versions_can_be_handed_over() {
    let report = canonical(&old_base());
    let backwards = RenderOptions {
        version_order: |_: Ecosystem, a: &str, b: &str| b.len().cmp(&a.len()),
        ..RenderOptions::default()
    };
    let view = SubjectView::new(&report.assessments[0], &backwards);
    assert_eq!(view.actions.iter().find(|a| a.name == "openssl").unwrap().to, "3.0.9-1");
}

#[test]
fn base_image_is_named_when_most_lies_in_the_lowest_layer() {
    with_view(&old_base(), |view, _| {
        let base = view.base.as_ref().unwrap();
        assert_eq!((base.clears, base.of, base.actions), (3, 4, 2));
    });
    let mut single = old_base();
    single.assessments[0].inventory.layers.truncate(1);
    with_view(&single, |view, _| assert!(view.base.is_none()));
}

#[test]
fn one_upgrade_clears_the_same_library_in_all_places() {
    with_view(&refused(), |view, _| {
        let lodash = view.actions.iter().find(|a| a.name == "lodash").unwrap();
        assert_eq!(lodash.paths.len(), 2);
        assert_eq!(lodash.clears.len(), 1);
    });
}

#[test]
fn hidden_and_undecided_matches_are_not_counted_as_affected() {
    with_view(&refused(), |view, assessment| {
        let ids: Vec<&str> = view.affected.iter().map(|i| assessment.matches[*i].id.as_str()).collect();
        for id in ["CVE-2026-1003", "CVE-2026-1006", "CVE-2026-1007"] {
            assert!(!ids.contains(&id), "{id}");
        }
        assert_eq!(view.undecided.len(), 1);
        assert_eq!(view.hidden.iter().map(|h| h.count).sum::<usize>(), 2);
        // Known exploited before all.
        assert_eq!(ids[0], "CVE-2021-44228");
    });
}

#[test]
fn measurement_below_its_limit_is_no_finding() {
    let mut report = refused();
    let assessment = &mut report.assessments[0];
    let finding = &mut assessment.findings[2];
    (finding.severity, finding.measure) = (Severity::Unknown, Some(10));
    with_view(&report, |view, _| assert_eq!(view.findings.len(), 2));
}

#[test]
fn small_unfixed_ones_fold_into_one_line_unless_all_is_asked_for() {
    let table = |verbose| {
        let options = RenderOptions { width: 100, verbose, ..RenderOptions::default() };
        String::from_utf8((format("table").unwrap().render)(&old_base(), &options).unwrap()).unwrap()
    };
    insta::assert_snapshot!(table(false));
    let all = table(true);
    for id in ["CVE-2026-2005", "CVE-2026-2006"] {
        assert!(all.contains(id), "{id}");
        assert!(!table(false).contains(id), "{id}");
    }
    assert!(all.contains("fixed since 2026-03-01, the advisory's date"), "{all}");
}

#[test]
fn words_of_the_distribution_about_a_missing_fix_are_shown() {
    let mut report = old_base();
    for (index, fix) in [Fix::WontFix, Fix::Deferred, Fix::EndOfLife, Fix::UnderInvestigation].into_iter().enumerate() {
        report.assessments[0].matches[index].fix = fix;
    }
    let options = RenderOptions { verbose: true, width: 200, ..RenderOptions::default() };
    let text = String::from_utf8((format("table").unwrap().render)(&report, &options).unwrap()).unwrap();
    for words in ["will not be fixed", "fix put off", "end of life", "under investigation"] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn silence_says_only_as_much_as_was_read() {
    let words = |change: fn(&mut Assessment)| {
        let mut report = refused();
        let assessment = &mut report.assessments[0];
        assessment.matches.clear();
        change(assessment);
        with_view(&report, |view, _| view.vulnerabilities())
    };
    assert_eq!(words(|_| ()), "none known in what was matched");
    let complete = |a: &mut Assessment| {
        a.coverage.truncate(1);
        a.problems.clear();
        a.inventory.seen_not_read.clear();
    };
    assert_eq!(words(complete), "none known");
    assert_eq!(
        words(|a| {
            a.coverage.clear();
            a.problems.clear();
            a.inventory.seen_not_read.clear();
        }),
        "none known in what was matched"
    );
    assert_eq!(words(|a| a.inventory = plimsoll_model::Inventory::default()), "not known, nothing was read");
    assert_eq!(
        words(|a| a.coverage[0].state = plimsoll_model::CoverageState::BaselineOnly),
        "none that the embedded baseline knows"
    );
}

#[test]
fn overruled_advisories_are_told() {
    let mut report = old_base();
    report.assessments[0].matches[0].state =
        plimsoll_model::MatchState::NotAffected { reason: "the distribution says so".into() };
    for format in ["table", "markdown", "html", "junit", "sarif", "cyclonedx", "spdx"] {
        let bytes = (plimsoll_report::format(format).unwrap().render)(&report, &RenderOptions::default()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("1 advisory overruled"), "{format}");
    }
}
