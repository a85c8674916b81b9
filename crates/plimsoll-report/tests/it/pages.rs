//! Markdown and HTML: what a browser or a code host is given.

use plimsoll_model::Report;
use plimsoll_report::{RenderOptions, format};

use crate::fixture;

fn rendered(name: &str, report: &Report) -> String {
    let options = RenderOptions { rules: fixture::RULES, ..RenderOptions::default() };
    String::from_utf8((format(name).unwrap().render)(report, &options).unwrap()).unwrap()
}

#[test]
fn refused_image_as_a_comment() {
    insta::assert_snapshot!(rendered("markdown", &fixture::refused()));
}

#[test]
fn baseline_alone_as_a_comment() {
    insta::assert_snapshot!(rendered("markdown", &fixture::baseline_only()));
}

#[test]
fn names_mention_nobody_and_bring_no_markup_into_a_comment() {
    let mut report = fixture::refused();
    report.assessments[0].subject.name = "@everyone <img src=x> ![a](https://evil.example/x.png) #1".into();
    let text = rendered("markdown", &report);
    for line in text.lines() {
        // Code is shown as it is; what is left must hold no markup of strangers.
        let outside = without_code(line);
        for bad in ["<script", "<img", "@everyone", "](https://evil", "https://evil"] {
            assert!(!outside.contains(bad), "{bad} in {line}");
        }
    }
}

/// The line without its code spans (CommonMark §6.1): a run of backticks up to the next run of the same length.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let (before, ticks) = rest.split_at(at);
        if before.ends_with('\\') {
            out.push_str(before);
            rest = &ticks[1..];
            continue;
        }
        out.push_str(before);
        let run = ticks.len() - ticks.trim_start_matches('`').len();
        let inside = &ticks[run..];
        let mut from = 0;
        let end = loop {
            let start = from + inside[from..].find('`').unwrap_or_else(|| panic!("open code span in {line}"));
            let length = inside[start..].len() - inside[start..].trim_start_matches('`').len();
            from = start + length;
            if length == run {
                break from;
            }
        };
        rest = &inside[end..];
    }
    out + rest
}

#[test]
fn comment_on_a_thousand_matches_is_short_enough() {
    let mut report = fixture::refused();
    let assessment = &mut report.assessments[0];
    for number in 0..3000 {
        let mut m = assessment.matches[number % 5].clone();
        m.id = format!("CVE-2026-{}", 20_000 + number);
        m.name = format!("package-{number}");
        m.vulnerability.title = "a long title ".repeat(50);
        assessment.matches.push(m);
    }
    let text = rendered("markdown", &report);
    assert!(text.len() < 65_536, "{}", text.len());
    assert!(text.contains("more\n"));
}

/// All start tags with their attributes as written.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest)).filter(|t| !t.starts_with('/'))
}

#[test]
fn hostile_names_bring_no_markup_into_the_page() {
    let mut report = fixture::refused();
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";
    let assessment = &mut report.assessments[0];
    assessment.subject.name = hostile.into();
    assessment.inventory.layers[0].created_by = Some(hostile.into());
    assessment.inventory.packages[1].licenses = vec![hostile.into()];
    for m in &mut assessment.matches {
        m.id.push_str(hostile);
        m.name.push_str(hostile);
        m.version.push_str(hostile);
        m.vulnerability.title = hostile.into();
    }
    for finding in &mut assessment.findings {
        finding.rule = hostile.into();
        finding.remedy = Some(hostile.into());
    }
    assessment.problems[0].message = hostile.into();
    assessment.coverage[0].what = hostile.into();
    let verdict = assessment.verdict.as_mut().unwrap();
    verdict.hidden[0].reason = hostile.into();
    verdict.unused = vec![hostile.into()];
    verdict.reasons[0].message = hostile.into();
    verdict.reasons[0].clause = Some(hostile.into());
    report.policy.name = hostile.into();
    report.databases[0].name = hostile.into();
    report.tool.version = hostile.into();
    let page = rendered("html", &report);
    assert_eq!(tags(&page).filter(|t| t.starts_with("script")).count(), 1);
    assert!(tags(&page).all(|t| !t.starts_with("img")));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn page_fetches_nothing_and_links_only_to_known_hosts() {
    for (name, report) in fixture::all() {
        let page = rendered("html", &report);
        let body = page.split("</head>").nth(1).unwrap();
        for tag in tags(body.split("<script>").next().unwrap()) {
            for part in [" src=", " style=", " on", "link ", "@import", "url("] {
                assert!(!tag.contains(part) || part == " on" && !tag.contains(" on="), "{name}: {tag}");
            }
            if let Some((_, link)) = tag.split_once("href=\"") {
                let known = ["#s", "https://nvd.nist.gov/vuln/detail/CVE-", "https://github.com/advisories/GHSA-"];
                assert!(known.iter().any(|k| link.starts_with(k)), "{name}: {link}");
            }
        }
        assert!(!page.contains("@import") && !page.contains("url("), "{name}");
    }
}

#[test]
fn policy_of_the_page_lets_only_its_own_script_run() {
    use sha2::Digest as _;
    let page = rendered("html", &fixture::refused());
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    for (what, text) in [("script-src", script), ("style-src", style)] {
        let named = page.split(&format!("{what} 'sha256-")).nth(1).unwrap().split('\'').next().unwrap();
        let wanted: Vec<u8> = sha2::Sha256::digest(text.as_bytes()).to_vec();
        assert_eq!(unbase64(named), wanted, "{what}");
    }
    assert!(page.contains("default-src 'none'"));
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|b| *b != b'=').collect();
    let mut out = Vec::new();
    for chunk in letters.chunks(4) {
        let bits = chunk.iter().fold(0u32, |bits, c| bits << 6 | u32::from(value(*c))) << (6 * (4 - chunk.len()));
        out.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out
}
