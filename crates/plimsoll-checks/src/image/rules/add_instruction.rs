//! ADD where COPY does the same, or where it fetches from the network.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::history::{Instruction, instruction};
use crate::image::{Facts, Rule, finding, history_location, short_instruction};

/// Archives that ADD unpacks: COPY would not.
const ARCHIVES: &[&str] = &[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"];
/// ADDs that are told one by one.
const MAX_FOUND: usize = 100;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "add-instruction",
        severity: Severity::Low,
        aliases: &["CIS-DI-0009"],
        opt_in: false,
        title: "ADD was used where COPY does",
        why: "ADD does more than its name says: it fetches from the network, where nobody checks what came, and unpacks archives. \
              COPY only copies.",
        remedy: "write COPY; for what is fetched, `ADD --checksum=sha256:…`, or download and check it in a RUN",
        bad: "FROM debian:13\nADD web /app/web",
        good: "FROM debian:13\nADD web.tar.gz /app/",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(config) = facts.config() else { return Vec::new() };
    // The lowest layer is the base's root file system, which only ADD can unpack.
    let lowest = config.history.iter().position(|step| !step.empty_layer);
    let steps = config.history.iter().enumerate().filter(|(index, _)| Some(*index) != lowest);
    let found = steps.filter_map(|(index, step)| {
        let made = step.created_by.as_deref()?;
        let Instruction::Add(words) = instruction(made) else { return None };
        let fault = fault(words)?;
        let mut found = finding(&RULE.info, format!("`{}` {}", short_instruction(made), fault.0));
        found.severity = fault.1;
        found.locations = vec![history_location(config, index)];
        Some(found)
    });
    found.take(MAX_FOUND).collect()
}

fn fault(words: &str) -> Option<(&'static str, Severity)> {
    let mut words: Vec<&str> = words.split_whitespace().collect();
    let checked = words.iter().any(|word| word.starts_with("--checksum="));
    words.retain(|word| !word.starts_with("--"));
    let (target, sources) = words.split_last()?;
    // The old builder hashed its sources and lost their names: `file:… in /app`. What was put into `/` was an archive.
    if let [source, "in"] = sources {
        let archive = source.starts_with("file:") && *target == "/";
        return (!archive).then_some(("copies with ADD", RULE.info.severity));
    }
    let is_remote = |source: &&&str| source.starts_with("http://") || source.starts_with("https://");
    let is_git = |source: &str| {
        source.starts_with("git@") || source.split(['#', '?']).next().is_some_and(|s| s.ends_with(".git"))
    };
    let is_archive = |source: &str| ARCHIVES.iter().any(|end| source.to_ascii_lowercase().ends_with(end));
    if sources.iter().filter(is_remote).any(|source| !is_git(source)) {
        return (!checked).then_some(("fetches what nobody checks", Severity::Medium));
    }
    let copies = sources.iter().any(|source| !is_archive(source) && !is_git(source));
    copies.then_some(("copies with ADD", RULE.info.severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_adds_that_copy_could_do_or_that_fetch_unchecked_are_told() {
        for (words, severity) in [
            ("web /app/", Some(Severity::Low)),
            ("--chown=1:1 a.tar b /app/", Some(Severity::Low)),
            ("file:abc in /app/x", Some(Severity::Low)),
            ("https://x.example/y.tgz /y", Some(Severity::Medium)),
            ("--checksum=sha256:1 https://x.example/y /y", None),
            ("a.tar.gz /app/", None),
            ("https://x.example/y.git#v1 /y", None),
            ("file:abc in /", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(fault(words).map(|(_, severity)| severity), severity, "{words}");
        }
    }
}
