//! Dockle's checkpoints and which of our rules stand for them. In: findings and facts. Out: alerts by checkpoint. The link is
//! the rules' own aliases; only what dockle asks of the machine, not of the image, has no rule.

use std::collections::HashMap;

use plimsoll_checks::image::RULES;
use plimsoll_model::{FileFactKind, Finding, Inventory, Location};

use crate::assess::is_named;

/// How bad a checkpoint is, as dockle ranks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Ignored by the user; shown only when debugging.
    Ignore,
    /// What the checkpoint looks at is not there.
    Skip,
    Info,
    Warn,
    Fatal,
}

impl Level {
    pub fn label(self) -> &'static str {
        match self {
            Level::Ignore => "IGNORE",
            Level::Skip => "SKIP",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Fatal => "FATAL",
        }
    }
}

/// One checkpoint: dockle's code and level, our words.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint {
    pub code: &'static str,
    pub level: Level,
    pub title: &'static str,
}

const fn checkpoint(code: &'static str, level: Level, title: &'static str) -> Checkpoint {
    Checkpoint { code, level, title }
}

/// Every checkpoint, in the order of the reports: the worst first, then by code.
pub const CHECKPOINTS: &[Checkpoint] = &[
    checkpoint(UPDATE_ALONE, Level::Fatal, "Package lists are fetched by an instruction of their own"),
    checkpoint("CIS-DI-0009", Level::Fatal, "ADD was used where COPY does"),
    checkpoint(CREDENTIALS, Level::Fatal, "Secrets in variables, files or the history"),
    checkpoint("DKL-DI-0001", Level::Fatal, "The build runs commands with sudo"),
    checkpoint("DKL-DI-0002", Level::Fatal, "A volume is declared over a folder of the system"),
    checkpoint(APK_CACHE, Level::Fatal, "A cache of apk is shipped"),
    checkpoint(APT_CACHE, Level::Fatal, "Lists or packages of apt are shipped"),
    checkpoint(PASSWORDS, Level::Fatal, "An account has no password"),
    checkpoint(DUPLICATES, Level::Fatal, "Several accounts share one number"),
    checkpoint("CIS-DI-0001", Level::Warn, "The image runs as root"),
    checkpoint("DKL-DI-0003", Level::Warn, "The build upgrades the whole distribution"),
    checkpoint(LATEST, Level::Warn, "The image is named by the tag latest"),
    checkpoint(CONTENT_TRUST, Level::Info, "Content trust is not switched on here"),
    checkpoint("CIS-DI-0006", Level::Info, "The image has no health check"),
    checkpoint("CIS-DI-0008", Level::Info, "Files with the setuid or setgid bit"),
    checkpoint("DKL-LI-0003", Level::Info, "Files that nobody needs where the image runs"),
];

const UPDATE_ALONE: &str = "CIS-DI-0007";
const CREDENTIALS: &str = "CIS-DI-0010";
const CONTENT_TRUST: &str = "CIS-DI-0005";
const APK_CACHE: &str = "DKL-DI-0004";
const APT_CACHE: &str = "DKL-DI-0005";
const LATEST: &str = "DKL-DI-0006";
const PASSWORDS: &str = "DKL-LI-0001";
const DUPLICATES: &str = "DKL-LI-0002";

/// Files that dockle tells to be missing, by checkpoint.
pub const ACCOUNTS: &[(&str, &[&str])] = &[(PASSWORDS, &["etc/shadow"]), (DUPLICATES, &["etc/passwd", "etc/group"])];

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub text: String,
    /// What SARIF gives as the place: a path of the image, the image, or the machine.
    pub place: String,
}

/// A checkpoint with its alerts.
#[derive(Debug, Clone)]
pub struct Detail {
    pub checkpoint: Checkpoint,
    /// The checkpoint's own, or that it was ignored or skipped.
    pub level: Level,
    pub alerts: Vec<Alert>,
}

/// What a run was told to do with what is found.
#[derive(Debug, Default)]
pub struct Choices {
    /// Codes and rule ids.
    pub ignored: Vec<String>,
    /// As the session names files.
    pub accepted_files: Vec<String>,
    pub sensitive_files: Vec<String>,
    pub sensitive_words: Vec<String>,
    /// The image was named, not read from a file: only then is its tag anybody's choice.
    pub named: bool,
    pub content_trust: bool,
    pub debug: bool,
}

/// Whether a rule stands for a checkpoint.
pub fn is_wanted(rule: &plimsoll_model::RuleInfo) -> bool {
    rule.aliases.iter().any(|alias| CHECKPOINTS.iter().any(|checkpoint| checkpoint.code == *alias))
}

/// Checkpoints that have something to say, in their order; ignored ones last and only when debugging.
pub fn details(image: &str, findings: &[Finding], inventory: &Inventory, choices: &Choices) -> Vec<Detail> {
    let mut alerts: HashMap<&str, Vec<Alert>> = HashMap::new();
    let ignored = |code: &str| choices.ignored.iter().any(|ignored| ignored.eq_ignore_ascii_case(code));
    for finding in findings.iter().filter(|finding| finding.holds(None) && !ignored(&finding.rule)) {
        for (code, alert) in of_finding(image, finding, choices) {
            alerts.entry(code).or_default().push(alert);
        }
    }
    alerts.entry(CREDENTIALS).or_default().extend(asked_for(image, inventory, choices));
    if !choices.content_trust {
        let text = "DOCKER_CONTENT_TRUST is not 1: docker pulls what nobody signed".to_owned();
        alerts.insert(CONTENT_TRUST, vec![Alert { text, place: "environment".to_owned() }]);
    }
    let mut details = Vec::new();
    let mut of_ignored = Vec::new();
    for checkpoint in CHECKPOINTS {
        let mut level = checkpoint.level;
        let mut found = alerts.remove(checkpoint.code).unwrap_or_default();
        let missing = missing_files(checkpoint.code, inventory);
        if found.is_empty() && !missing.is_empty() {
            let text = format!("could not look: there is no {}", missing.join(" and no "));
            found.push(Alert { text, place: image.to_owned() });
            level = Level::Skip;
        }
        if found.is_empty() {
            continue;
        }
        if ignored(checkpoint.code) {
            of_ignored.push(Detail { checkpoint: *checkpoint, level: Level::Ignore, alerts: found });
        } else {
            details.push(Detail { checkpoint: *checkpoint, level, alerts: found });
        }
    }
    if choices.debug {
        details.extend(of_ignored);
    }
    details
}

/// Rules whose findings are lists of files: what one of them is called.
const FILE_RULES: &[(&str, &str)] = &[
    ("setuid-file", "setuid file"),
    ("setgid-file", "setgid file"),
    ("credential-file", "credential file"),
    ("repository-left-behind", "repository marked by"),
    ("project-file-left-behind", "project file"),
];

fn of_finding(image: &str, finding: &Finding, choices: &Choices) -> Vec<(&'static str, Alert)> {
    let Some(rule) = RULES.iter().find(|rule| rule.info.id == finding.rule) else { return Vec::new() };
    let places: Vec<&Location> = finding.locations.iter().filter(|place| !place.path.is_empty()).collect();
    let kept: Vec<&Location> =
        places.iter().copied().filter(|place| !is_named(&choices.accepted_files, &place.path)).collect();
    if !places.is_empty() && kept.is_empty() {
        return Vec::new();
    }
    let whole = |code| {
        let place = kept.first().map_or_else(|| image.to_owned(), |place| place.path.clone());
        vec![(code, Alert { text: finding.message.clone(), place })]
    };
    // Two of dockle's checkpoints are one rule of ours: the folder tells which.
    if rule.info.aliases.contains(&APK_CACHE) {
        let is_of = |folders: &[&str]| kept.iter().any(|place| folders.iter().any(|f| place.path.starts_with(f)));
        let codes =
            [(APK_CACHE, &["var/cache/apk", "etc/apk/cache"][..]), (APT_CACHE, &["var/lib/apt", "var/cache/apt"])];
        return codes.into_iter().filter(|(_, folders)| is_of(folders)).flat_map(|(code, _)| whole(code)).collect();
    }
    let code =
        rule.info.aliases.iter().find_map(|alias| CHECKPOINTS.iter().find(|checkpoint| checkpoint.code == *alias));
    let Some(code) = code.map(|checkpoint| checkpoint.code).filter(|code| *code != LATEST || choices.named) else {
        return Vec::new();
    };
    match FILE_RULES.iter().find(|(rule, _)| *rule == finding.rule) {
        Some((_, noun)) => {
            let alert =
                |place: &&Location| Alert { text: format!("{noun} /{}", place.path), place: place.path.clone() };
            kept.iter().map(|place| (code, alert(place))).collect()
        }
        None => whole(code),
    }
}

/// What the user asked for by name: files that are there, variables with a word in their name.
fn asked_for(image: &str, inventory: &Inventory, choices: &Choices) -> Vec<Alert> {
    let named = inventory.files.iter().filter(|file| file.kind == FileFactKind::Named);
    let files = named
        .filter(|file| is_named(&choices.sensitive_files, &file.location.path))
        .filter(|file| !is_named(&choices.accepted_files, &file.location.path))
        .map(|file| Alert {
            text: format!("file asked for /{}", file.location.path),
            place: file.location.path.clone(),
        });
    let words: Vec<String> = choices.sensitive_words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let variables = inventory.config.iter().flat_map(|config| &config.env).filter_map(|entry| entry.split_once('='));
    let variables = variables
        .filter(|(name, value)| !value.is_empty() && words.iter().any(|word| name.to_ascii_lowercase().contains(word)))
        .map(|(name, _)| Alert { text: format!("variable asked for {name}"), place: image.to_owned() });
    files.chain(variables).collect()
}

fn missing_files(code: &str, inventory: &Inventory) -> Vec<String> {
    let wanted = ACCOUNTS.iter().find(|(of, _)| *of == code).map_or(&[][..], |(_, files)| *files);
    let is_there =
        |path: &str| inventory.files.iter().any(|file| file.kind == FileFactKind::Named && file.location.path == path);
    wanted.iter().filter(|path| !is_there(path)).map(|path| format!("/{path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checkpoint_of_the_image_has_a_rule() {
        for checkpoint in CHECKPOINTS.iter().filter(|checkpoint| checkpoint.code != CONTENT_TRUST) {
            let has = RULES.iter().any(|rule| rule.info.aliases.contains(&checkpoint.code));
            assert!(has, "{}", checkpoint.code);
        }
    }

    #[test]
    fn checkpoints_stand_in_the_order_of_their_reports() {
        let order: Vec<_> = CHECKPOINTS.iter().map(|c| (std::cmp::Reverse(c.level), c.code)).collect();
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn rules_of_files_are_rules() {
        for (id, _) in FILE_RULES {
            assert!(RULES.iter().any(|rule| rule.info.id == *id), "{id}");
        }
    }
}
