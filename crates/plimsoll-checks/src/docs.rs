//! The rules' documentation. In: the registries. Out: Markdown pages, each rule under an anchor that is its id.

use std::fmt::Write;

use plimsoll_model::{FileKind, LintFinding};

use crate::lint::names::{Family, Known};
use crate::lint::{Input, Linter, Options, Selection, all_rules};

/// What a family's page says before its rules: its title, and what the rules look at.
fn about(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Image => (
            "Image rules",
            "What Plimsoll looks for in an image beside vulnerable packages. A policy names these ids under `footprint`\n\
             (`off`, `warn`, `deny`, or a threshold such as `{deny: 500MB}` for rules that measure) and may waive them by id;\n\
             a rule that no policy entry names does not weigh in the verdict.",
        ),
        Family::Dockerfile => (
            "Dockerfile rules",
            "What `plimsoll lint` looks for in Dockerfiles and Containerfiles. hadolint's names of a rule work wherever ours\n\
             does: in `--select`, in ignores, in `plimsoll explain`.",
        ),
        Family::Manifest => (
            "Manifest rules",
            "What `plimsoll lint` looks for in Kubernetes manifests. The names that kubesec, kube-linter, checkov, polaris and\n\
             trivy have for a rule work wherever ours does: in `--select`, in ignores, in `plimsoll explain`.",
        ),
        Family::PodSecurity => (
            "Pod Security rules",
            "The checks of the Pod Security Standards, at any of their versions. They run where a level is asked for:\n\
             `plimsoll lint --pod-security restricted`, or `--pod-security baseline:v1.30`.",
        ),
        Family::Lint => (
            "Rules about linting",
            "What `plimsoll lint` says of the files' own ignores, and of what it cannot understand.",
        ),
    }
}

/// How a rule's finding can be mended, as its bad example shows: `--fix`, `--fix --unsafe-fixes`, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixClass {
    None,
    Safe,
    Unsafe,
}

impl FixClass {
    /// As tables show it.
    pub fn name(self) -> &'static str {
        match self {
            FixClass::None => "",
            FixClass::Safe => "safe",
            FixClass::Unsafe => "unsafe",
        }
    }
}

/// Linters that run everything, to see what a rule does with its own example.
pub struct FixClasses {
    linter: Option<Linter>,
}

impl Default for FixClasses {
    fn default() -> Self {
        let selection = Selection { select: vec!["all".to_owned()], ..Selection::default() };
        let pod_security = Some((crate::pod_security::Level::Restricted, crate::pod_security::Version::Latest));
        let options = Options { selection, pod_security, inline_ignores: true, ..Options::default() };
        FixClasses { linter: Linter::new(options).ok() }
    }
}

impl FixClasses {
    pub fn of(&self, rule: &Known) -> FixClass {
        let kind = match rule.family {
            Family::Image => return FixClass::None,
            Family::Dockerfile | Family::Lint => FileKind::Dockerfile,
            Family::Manifest | Family::PodSecurity => FileKind::Manifest,
        };
        let input = Input { path: "example", text: rule.info.bad, kind };
        let files = self.linter.iter().flat_map(|linter| linter.lint(&[input]));
        let mut fixes = files.flat_map(|file| file.findings).filter_map(|LintFinding { finding, .. }| {
            let fix = finding.fix.filter(|_| finding.rule == rule.info.id)?;
            Some(if fix.safe { FixClass::Safe } else { FixClass::Unsafe })
        });
        fixes.next().unwrap_or(FixClass::None)
    }
}

/// A family's page. A test compares `docs/rules.md` with the image rules'; the others are compared where all pages are.
pub fn family_markdown(family: Family) -> String {
    let (title, intro) = about(family);
    let rules: Vec<Known> = all_rules().into_iter().filter(|rule| rule.family == family).collect();
    let mut page = format!("# {title}\n\n{intro}\n\n");
    if family == Family::Image {
        page.push_str(
            "This page is generated from the rules: `PLIMSOLL_REGENERATE=1 cargo test -p plimsoll-checks`.\n\n\
             | rule | severity | finds |\n|---|---|---|\n",
        );
        for Known { info, .. } in &rules {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "| [{0}](#{0}) | {1} | {2} |", info.id, info.severity, info.title);
        }
    } else {
        page.push_str(
            "This page is generated from the rules: `cargo run -- docs docs`.\n\n\
             | rule | severity | also known as | fix | finds |\n|---|---|---|---|---|\n",
        );
        let classes = FixClasses::default();
        for rule in &rules {
            let info = rule.info;
            let opt_in = if info.opt_in && family != Family::PodSecurity { " (opt-in)" } else { "" };
            let (aliases, fix) = (info.aliases.join(", "), classes.of(rule).name());
            let _ = writeln!(
                page,
                "| [{0}](#{0}){opt_in} | {1} | {aliases} | {fix} | {2} |",
                info.id,
                info.severity,
                cell(info.title)
            );
        }
    }
    for Known { info, .. } in &rules {
        let also = if info.aliases.is_empty() || family == Family::Image {
            String::new()
        } else {
            format!(" Also known as {}.", info.aliases.join(", "))
        };
        let fence = if [info.bad, info.good].iter().any(|example| example.contains("```")) { "````" } else { "```" };
        let (bad, good) = match family {
            Family::Image => (info.bad, info.good),
            _ => (info.bad.trim_end(), info.good.trim_end()),
        };
        let _ = write!(
            page,
            "\n## {}\n\n**{}.** Severity: {}.{also}\n\n{}\n\nWhat to do: {}\n\nHas the fault:\n\n{fence}\n{bad}\n{fence}\n\nMended:\n\n{fence}\n{good}\n{fence}\n",
            info.id, info.title, info.severity, info.why, info.remedy
        );
    }
    page
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `docs/rules.md` as it should be. A test compares it with the file; `PLIMSOLL_REGENERATE=1 cargo test -p plimsoll-checks`
/// writes it anew.
pub fn rules_markdown() -> String {
    family_markdown(Family::Image)
}

/// The page that leads to the others, below `docs/rules/`.
pub fn index_markdown() -> String {
    let mut page = String::from(
        "# Rules\n\n\
         This page is generated from the rules: `cargo run -- docs docs`. `plimsoll rules` shows them all, `plimsoll explain\n\
         RULE` one of them; both take the names that other tools have for a rule.\n\n\
         | family | rules | looks at |\n|---|---:|---|\n",
    );
    let all = all_rules();
    for family in Family::ALL {
        let (title, intro) = about(family);
        let count = all.iter().filter(|rule| rule.family == family).count();
        let first = intro.split_inclusive(". ").next().unwrap_or(intro).trim().trim_end_matches('.').replace('\n', " ");
        let _ = writeln!(page, "| [{title}]({}) | {count} | {first} |", page_of(family).trim_start_matches("rules/"));
    }
    page.replace("](rules.md)", "](../rules.md)")
}

/// Where a family's page stands below `docs/`.
pub fn page_of(family: Family) -> &'static str {
    match family {
        Family::Image => "rules.md",
        Family::Dockerfile => "rules/dockerfile.md",
        Family::Manifest => "rules/manifest.md",
        Family::PodSecurity => "rules/pod-security.md",
        Family::Lint => "rules/lint.md",
    }
}

/// Every page of rules: its path below `docs/`, and its text.
pub fn rules_pages() -> Vec<(&'static str, String)> {
    let families = Family::ALL.into_iter().map(|family| (page_of(family), family_markdown(family)));
    families.chain([("rules/README.md", index_markdown())]).collect()
}
