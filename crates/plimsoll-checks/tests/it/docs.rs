//! The page of rules is the registry's.

use std::path::Path;

use plimsoll_checks::{RULES, rules_markdown};

#[test]
fn page_of_rules_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let fresh = rules_markdown();
    if std::env::var_os("PLIMSOLL_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/rules.md is stale: PLIMSOLL_REGENERATE=1 cargo test -p plimsoll-checks");
}

#[test]
fn rules_are_named_once_in_kebab_case_and_say_everything() {
    let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.info.id).collect();
    for rule in RULES {
        let info = &rule.info;
        assert!(info.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", info.id);
        for words in [info.title, info.why, info.remedy, info.bad, info.good] {
            assert!(!words.is_empty() && !words.contains("  "), "{}: {words:?}", info.id);
        }
        assert!(!info.title.ends_with('.') && !info.remedy.ends_with('.'), "{}", info.id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
}
