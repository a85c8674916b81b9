//! Rules by name. In: the registries, and what people call a rule: its id, another tool's id, a group. Out: the rules meant,
//! or the nearest names. What it does not do: look at files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::{FileKind, RuleInfo, Severity};

use super::{Registry, shell};

/// A family of rules, and what it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Image,
    Dockerfile,
    Manifest,
    /// The checks of the Pod Security Standards, which look at manifests where a level is asked for.
    PodSecurity,
    /// About linting itself: ignores that rot, text that is not understood.
    Lint,
}

impl Family {
    /// All families, in the order of the documentation.
    pub const ALL: [Family; 5] =
        [Family::Image, Family::Dockerfile, Family::Manifest, Family::PodSecurity, Family::Lint];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Image => "image",
            Family::Dockerfile => "dockerfile",
            Family::Manifest => "manifest",
            Family::PodSecurity => "pod-security",
            Family::Lint => "lint",
        }
    }

    /// Whether its rules look at files of a kind.
    pub fn looks_at(self, kind: FileKind) -> bool {
        match self {
            Family::Image => false,
            Family::Dockerfile => kind == FileKind::Dockerfile,
            Family::Manifest | Family::PodSecurity => kind == FileKind::Manifest,
            Family::Lint => true,
        }
    }
}

/// A rule and its family.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub family: Family,
    pub info: &'static RuleInfo,
}

/// Every rule that the program has, family by family.
pub fn all_rules() -> Vec<Known> {
    let image = crate::image::RULES.iter().map(|rule| Known { family: Family::Image, info: &rule.info });
    image.chain(file_rules(Registry::SHIPPED)).collect()
}

/// The rules of files, family by family.
pub(super) fn file_rules(registry: Registry) -> impl Iterator<Item = Known> {
    let dockerfile = registry.dockerfile.iter().map(|rule| Known { family: Family::Dockerfile, info: &rule.info });
    let manifest = registry.manifest.iter().map(|rule| Known { family: Family::Manifest, info: &rule.info });
    let checks = crate::pod_security::CHECKS.iter();
    let pod_security = checks.map(|check| Known { family: Family::PodSecurity, info: &check.info });
    let lint = super::rules::RULES.iter().map(|info| Known { family: Family::Lint, info });
    dockerfile.chain(manifest).chain(pod_security).chain(lint)
}

/// A name without what writers differ in: `KSV-0017`, `ksv0017` and `AVD-KSV-0017` are one.
pub fn normal(name: &str) -> String {
    let mut name: String =
        name.trim().chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    // Trivy's ids carried this for years.
    if name.starts_with("avd") && name.len() > 3 {
        name.drain(..3);
    }
    name
}

/// The rules of `known` that a name means, by id or alias. Several may share an alias.
pub fn named(known: &[Known], name: &str) -> Vec<Known> {
    let name = normal(name);
    let is =
        |rule: &&Known| normal(rule.info.id) == name || rule.info.aliases.iter().any(|alias| normal(alias) == name);
    known.iter().filter(is).copied().collect()
}

/// Names by what they mean, for many look-ups.
#[derive(Debug)]
pub(super) struct Names {
    by_name: HashMap<String, Vec<Known>>,
}

impl Names {
    pub(super) fn new(known: &[Known]) -> Names {
        let mut by_name: HashMap<String, Vec<Known>> = HashMap::new();
        for rule in known {
            let names: BTreeSet<String> =
                std::iter::once(rule.info.id).chain(rule.info.aliases.iter().copied()).map(normal).collect();
            for name in names {
                by_name.entry(name).or_default().push(*rule);
            }
        }
        Names { by_name }
    }

    pub(super) fn get(&self, name: &str) -> &[Known] {
        self.by_name.get(&normal(name)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The id or alias that a mistyped name is nearest to; none where nothing is near.
pub fn nearest(known: &[Known], name: &str) -> Option<&'static str> {
    let wanted = normal(name);
    // More letters wrong than a third are another word.
    let most = (wanted.chars().count() / 3).clamp(1, 4);
    let names = known.iter().flat_map(|rule| std::iter::once(&rule.info.id).chain(rule.info.aliases));
    let distances = names.map(|candidate| (distance(&wanted, &normal(candidate)), *candidate));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}

/// Longest name that is compared letter by letter; longer ones are near nothing.
const LONGEST: usize = 80;

/// Letters to insert, remove or replace to get from one to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(LONGEST + 1).collect(), b.chars().collect());
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let here = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], here);
        }
    }
    row[b.len()]
}

/// A name that is no rule and no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find the rule {name:?}{}", near.map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
pub struct UnknownRule {
    pub name: String,
    pub near: Option<&'static str>,
}

/// Which rules run. Each name is an id, an alias (`DL3007`), the beginning of an alias (`DL3`, `CKV_K8S`), a family
/// (`dockerfile`, `manifest`, `lint`), `default` (all that are not opt-in) or `all`.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Empty: `default`.
    pub select: Vec<String>,
    /// Wins over what is selected.
    pub ignore: Vec<String>,
    /// Severities of single rules in place of their own.
    pub severities: BTreeMap<String, Severity>,
}

/// A [`Selection`] in terms of rules.
#[derive(Debug, Clone, Default)]
pub(super) struct Selected {
    rules: BTreeSet<(Family, &'static str)>,
    severities: BTreeMap<(Family, &'static str), Severity>,
    /// Beginnings of ShellCheck's codes, of those that no rule of ours has.
    shell: Vec<String>,
    /// Wins over those.
    shell_ignored: Vec<String>,
}

impl Selected {
    /// The checks of the Pod Security Standards are chosen by a level alone, and may be left out one by one.
    pub(super) fn new(selection: &Selection, known: &[Known], pod_security: bool) -> Result<Selected, UnknownRule> {
        let mut selected = Selected::default();
        let keys = |rules: Vec<Known>| rules.into_iter().map(|rule| (rule.family, rule.info.id));
        let default = ["default".to_owned()];
        let select = if selection.select.is_empty() { &default[..] } else { &selection.select };
        for name in select {
            let shell = shell_group(name);
            match group(known, name) {
                Ok(rules) => selected.rules.extend(keys(rules)),
                Err(_) if shell.is_some() => {}
                Err(unknown) => return Err(unknown),
            }
            selected.shell.extend(shell);
        }
        selected.rules.retain(|(family, _)| *family != Family::PodSecurity);
        if pod_security {
            selected.rules.extend(keys(group(known, Family::PodSecurity.name())?));
        }
        for name in &selection.ignore {
            let shell = shell_group(name);
            match group(known, name) {
                Ok(rules) => keys(rules).for_each(|key| {
                    selected.rules.remove(&key);
                }),
                Err(_) if shell.is_some() => {}
                Err(unknown) => return Err(unknown),
            }
            selected.shell_ignored.extend(shell);
        }
        for (name, severity) in &selection.severities {
            selected.severities.extend(keys(group(known, name)?).map(|key| (key, *severity)));
        }
        Ok(selected)
    }

    pub(super) fn has(&self, family: Family, info: &RuleInfo) -> bool {
        if let Some(code) = shell::code_of(info.id) {
            let code = code.to_string();
            let in_group = |groups: &[String]| groups.iter().any(|beginning| code.starts_with(beginning));
            return in_group(&self.shell) && !in_group(&self.shell_ignored);
        }
        self.rules.contains(&(family, info.id))
    }

    /// Whether any rule has another severity than its own.
    pub(super) fn changes_severities(&self) -> bool {
        !self.severities.is_empty()
    }

    pub(super) fn severity(&self, family: Family, info: &RuleInfo) -> Option<Severity> {
        self.severities.get(&(family, info.id)).copied()
    }
}

/// The beginning of ShellCheck's codes that a name or a group means.
fn shell_group(name: &str) -> Option<String> {
    match normal(name).as_str() {
        "all" | "default" => Some(String::new()),
        name if name == normal(Family::Dockerfile.name()) => Some(String::new()),
        name => shell::beginning(name),
    }
}

/// Shortest beginning of an alias that stands for a group: `DL`.
const SHORTEST_GROUP: usize = 2;

/// The rules that a name or a group means.
fn group(known: &[Known], name: &str) -> Result<Vec<Known>, UnknownRule> {
    let of = |is: &dyn Fn(&Known) -> bool| known.iter().filter(|rule| is(rule)).copied().collect::<Vec<_>>();
    let wanted = normal(name);
    let rules = match wanted.as_str() {
        "all" => return Ok(of(&|_| true)),
        "default" => return Ok(of(&|rule| !rule.info.opt_in)),
        family if Family::ALL.iter().any(|known| normal(known.name()) == family) => {
            let opted = |rule: &Known| rule.family == Family::PodSecurity || !rule.info.opt_in;
            return Ok(of(&|rule| normal(rule.family.name()) == family && opted(rule)));
        }
        _ => named(known, name),
    };
    if !rules.is_empty() {
        return Ok(rules);
    }
    let begins = |rule: &Known| rule.info.aliases.iter().any(|alias| normal(alias).starts_with(&wanted));
    let rules = if wanted.len() >= SHORTEST_GROUP { of(&begins) } else { Vec::new() };
    if rules.is_empty() {
        return Err(UnknownRule { name: name.to_owned(), near: nearest(known, name) });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn info(id: &'static str, aliases: &'static [&'static str], opt_in: bool) -> RuleInfo {
        let (title, why, remedy, bad, good) = ("", "", "", "", "");
        RuleInfo { id, severity: Severity::Low, aliases, opt_in, title, why, remedy, bad, good }
    }
    static A: RuleInfo = info("latest-base-tag", &["DL3007", "KSV-0013"], false);
    static B: RuleInfo = info("sudo-used", &["DL3004"], false);
    static C: RuleInfo = info("run-after-run", &["DL3059"], true);

    fn known() -> Vec<Known> {
        [&A, &B, &C].map(|info| Known { family: Family::Dockerfile, info }).to_vec()
    }

    fn selected(select: &[&str], ignore: &[&str]) -> Result<Vec<&'static str>, UnknownRule> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let selection = Selection { select: words(select), ignore: words(ignore), ..Selection::default() };
        Selected::new(&selection, &known(), false)
            .map(|selected| selected.rules.into_iter().map(|(_, id)| id).collect())
    }

    #[test]
    fn rules_are_chosen_by_id_alias_and_group() {
        assert_eq!(selected(&[], &[]).unwrap(), ["latest-base-tag", "sudo-used"]);
        assert_eq!(selected(&["dl3007"], &[]).unwrap(), ["latest-base-tag"]);
        assert_eq!(selected(&["avd-ksv-0013"], &[]).unwrap(), ["latest-base-tag"]);
        assert_eq!(selected(&["DL30"], &["Sudo-Used"]).unwrap(), ["latest-base-tag", "run-after-run"]);
        assert_eq!(selected(&["default", "DL3059"], &["DL3004"]).unwrap(), ["latest-base-tag", "run-after-run"]);
        assert_eq!(selected(&["all"], &["all"]).unwrap(), Vec::<&str>::new());
        assert_eq!(selected(&["dockerfile"], &[]).unwrap(), ["latest-base-tag", "sudo-used"]);
    }

    #[test]
    fn mistyped_names_are_told_with_the_nearest() {
        let error = selected(&["latest-base-tga"], &[]).unwrap_err();
        assert_eq!(error.near, Some("latest-base-tag"));
        assert_eq!(error.to_string(), "find the rule \"latest-base-tga\"; did you mean latest-base-tag?");
        assert_eq!(selected(&[], &["DL9999x"]).unwrap_err().near, None);
        assert_eq!(selected(&["x"], &[]).unwrap_err().near, None);
        assert_eq!(nearest(&known(), &"y".repeat(1 << 20)), None);
    }
}
