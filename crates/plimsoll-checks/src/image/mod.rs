//! Image rules: the footprint. In: an inventory, its subject, problems and the time. Out: findings.
//! What it does not do: decide what a finding means; the policy names rules by id.
//!
//! How to add a rule: write `rules/your_fault.rs` with a `pub const RULE: Rule`, then add its `mod` line and its line in
//! [`RULES`] below. Name it for the fault, so that "allow RULE" reads as English; the id, the file and the anchor in
//! `docs/rules.md` are the same word, for ever. Its `bad` and `good` examples are built by the toy builder in
//! `tests/it/toy.rs` and are its first two tests; awkward cases go into a table beside them.

use std::collections::HashSet;

use jiff::Timestamp;
use plimsoll_model::{
    FileFact, FileFactKind, Finding, ImageConfig, ImageReference, Inventory, Location, Problem, RuleInfo, Subject,
    SubjectKind,
};

pub use crate::docs::rules_markdown;

pub mod accounts;
pub mod history;

mod rules {
    pub mod add_instruction;
    pub mod build_tool_left_behind;
    pub mod credential_file;
    pub mod digest_missing;
    pub mod dist_upgrade;
    pub mod duplicate_account_id;
    pub mod empty_password;
    pub mod healthcheck_missing;
    pub mod image_too_large;
    pub mod latest_tag;
    pub mod package_cache_left_behind;
    pub mod package_cache_removed_too_late;
    pub mod package_manager_present;
    pub mod project_file_left_behind;
    pub mod repository_left_behind;
    pub mod runs_as_root;
    pub mod secret_in_env;
    pub mod secret_in_history;
    pub mod secret_in_image;
    pub mod sensitive_volume;
    pub mod setgid_file;
    pub mod setuid_file;
    pub mod several_applications;
    pub mod shell_present;
    pub mod sudo_in_build;
    pub mod unmaintained_base;
    pub mod unofficial_base;
    pub mod update_instruction_alone;
    pub mod user_missing;
    pub mod wasted_bytes;
    pub mod world_writable_file;
}

/// Every image rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &rules::runs_as_root::RULE,
    &rules::user_missing::RULE,
    &rules::secret_in_env::RULE,
    &rules::secret_in_history::RULE,
    &rules::secret_in_image::RULE,
    &rules::credential_file::RULE,
    &rules::empty_password::RULE,
    &rules::duplicate_account_id::RULE,
    &rules::shell_present::RULE,
    &rules::package_manager_present::RULE,
    &rules::build_tool_left_behind::RULE,
    &rules::setuid_file::RULE,
    &rules::setgid_file::RULE,
    &rules::world_writable_file::RULE,
    &rules::latest_tag::RULE,
    &rules::digest_missing::RULE,
    &rules::unofficial_base::RULE,
    &rules::unmaintained_base::RULE,
    &rules::several_applications::RULE,
    &rules::sensitive_volume::RULE,
    &rules::repository_left_behind::RULE,
    &rules::project_file_left_behind::RULE,
    &rules::sudo_in_build::RULE,
    &rules::add_instruction::RULE,
    &rules::update_instruction_alone::RULE,
    &rules::dist_upgrade::RULE,
    &rules::healthcheck_missing::RULE,
    &rules::package_cache_left_behind::RULE,
    &rules::package_cache_removed_too_late::RULE,
    &rules::wasted_bytes::RULE,
    &rules::image_too_large::RULE,
];

/// A rule: what it is, and the function from facts to findings.
pub struct Rule {
    pub info: RuleInfo,
    pub check: fn(&Facts<'_>) -> Vec<Finding>,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub inventory: &'a Inventory,
    pub subject: &'a Subject,
    /// Problems beside the inventory's own: the matcher's say whether the release is at its end.
    pub problems: &'a [Problem],
    /// The time of the run; without it no rule judges an age.
    pub at: Option<Timestamp>,
    /// Names of environment variables and build arguments that hold no secret, whatever they look like.
    pub known_variables: &'a [String],
}

/// What the rules find that are looked for without being asked, in the order of [`RULES`].
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    findings_of(facts, &|rule| !rule.opt_in)
}

/// What every wanted rule finds, in the order of [`RULES`]. The inventory's own content findings (secrets in files) are among
/// them. A finding that does not [hold](Finding::holds) without a threshold is a mere measurement.
pub fn findings_of(facts: &Facts<'_>, wanted: &dyn Fn(&RuleInfo) -> bool) -> Vec<Finding> {
    RULES.iter().filter(|rule| wanted(&rule.info)).flat_map(|rule| (rule.check)(facts)).collect()
}

impl<'a> Facts<'a> {
    /// The configuration, where the subject is an image that has one.
    fn config(&self) -> Option<&'a ImageConfig> {
        self.inventory.config.as_ref()
    }

    /// The name as it was written where it was written: a layout or archive knows the same image under a shorter one.
    fn reference(&self) -> Option<ImageReference> {
        let reference = self.subject.reference.clone()?;
        let written = self.subject.name.parse::<ImageReference>().ok();
        // What was named by a path reads as a name too, but as another one.
        Some(written.filter(|written| written.name() == reference.name()).unwrap_or(reference))
    }

    /// True for what holds a whole root file system: an image or an unpacked one.
    fn is_rootfs(&self) -> bool {
        matches!(self.subject.kind, SubjectKind::Image | SubjectKind::Rootfs)
    }

    /// Files of one kind; none for a project folder, where a shell or a setuid file is no part of an image.
    fn files(&self, kind: FileFactKind) -> Vec<&'a FileFact> {
        if !self.is_rootfs() {
            return Vec::new();
        }
        self.inventory.files.iter().filter(|file| file.kind == kind).collect()
    }

    /// What the accounts' inspector found for a rule, in files that a container sees.
    fn account_findings(&self, rule: &str) -> Vec<Finding> {
        let found: Vec<&Finding> = self.inventory.content_findings.iter().filter(|f| f.rule == rule).collect();
        if found.is_empty() {
            return Vec::new();
        }
        // A list of accounts that a later layer hides lets nobody in.
        let wasted = self.inventory.wasted.iter().map(|file| (file.location.path.as_str(), file.location.layer));
        let hidden: HashSet<_> = wasted.collect();
        let is_seen = |finding: &&&Finding| {
            finding.locations.first().is_none_or(|place| !hidden.contains(&(place.path.as_str(), place.layer)))
        };
        found.iter().filter(is_seen).map(|finding| (*finding).clone()).collect()
    }

    /// One finding for each RUN of the history in whose commands `fault` sees something: what it does, as a verb.
    fn steps(&self, info: &RuleInfo, fault: impl Fn(&[history::Command]) -> Option<String>) -> Vec<Finding> {
        let Some(config) = self.config() else { return Vec::new() };
        let told = config.history.iter().enumerate().filter_map(|(index, step)| {
            let made = step.created_by.as_deref()?;
            let history::Instruction::Run(script) = history::instruction(made) else { return None };
            let what = fault(&history::commands(script))?;
            let mut found = finding(info, format!("the instruction `{}` {what}", short_instruction(made)));
            found.locations = vec![history_location(config, index)];
            Some(found)
        });
        told.take(MAX_STEPS).collect()
    }

    /// Whether somebody said that a variable holds no secret.
    fn is_known_variable(&self, name: &str) -> bool {
        self.known_variables.iter().any(|known| known == name)
    }

    /// The instruction that made a layer, for a sentence: short, on one line, its secrets masked.
    fn instruction(&self, layer: usize) -> String {
        let made = self.inventory.layers.get(layer).and_then(|l| l.created_by.as_deref()).unwrap_or_default();
        match short_instruction(made) {
            short if short.is_empty() => format!("layer {layer}"),
            short => format!("`{short}` (layer {layer})"),
        }
    }
}

/// Steps of the history that one rule tells of: a history is as long as whoever built the image likes.
const MAX_STEPS: usize = 100;

/// The rule that content findings are of.
pub(crate) fn secret_in_image() -> &'static Rule {
    &rules::secret_in_image::RULE
}

/// A finding of `info` with the rule's own severity and remedy.
fn finding(info: &RuleInfo, message: String) -> Finding {
    Finding {
        rule: info.id.to_owned(),
        severity: info.severity,
        message,
        remedy: Some(info.remedy.to_owned()),
        locations: Vec::new(),
        measure: None,
        fix: None,
    }
}

/// One finding over many files, or none for no file. `noun` is what one of them is: `setuid file`.
fn finding_of_files(info: &RuleInfo, noun: &str, files: &[&FileFact]) -> Vec<Finding> {
    if files.is_empty() {
        return Vec::new();
    }
    let paths: Vec<String> = files.iter().map(|file| format!("/{}", file.location.path)).collect();
    let plural = if files.len() == 1 { "" } else { "s" };
    let mut found = finding(info, format!("{} {noun}{plural}: {}", files.len(), named_few(&paths)));
    found.locations = files.iter().map(|file| file.location.clone()).collect();
    vec![found]
}

/// How many names a message spells out; the locations have them all.
const NAMED: usize = 3;

/// The first few names: `a, b, c and 4 more`.
fn named_few(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Bytes for people, in the decimal units that policies use: `12.3 MB`.
fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        // Tenths by integers: a float would round a neighbour up into the next unit.
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

/// The longest instruction that a message quotes, in characters.
const INSTRUCTION_LENGTH: usize = 60;

/// A history line for people, on one line of some sixty characters: the builders' wrapping goes, secrets are masked, long ones are cut.
pub fn short_instruction(made: &str) -> String {
    let made = crate::secrets::redact(made);
    let line = made.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix("# buildkit").unwrap_or(&line).trim_end();
    let line = match line.strip_prefix("/bin/sh -c ") {
        Some(rest) => match rest.strip_prefix("#(nop) ") {
            Some(instruction) => instruction.trim_start().to_owned(),
            None => format!("RUN {rest}"),
        },
        None => line.replacen("RUN /bin/sh -c ", "RUN ", 1),
    };
    if line.chars().count() <= INSTRUCTION_LENGTH {
        return line;
    }
    let cut: String = line.chars().take(INSTRUCTION_LENGTH - 1).collect();
    format!("{}…", cut.trim_end())
}

/// A place in the image's history: the layer that the entry made, if it made one.
fn history_location(config: &ImageConfig, index: usize) -> Location {
    let makes_layer = config.history.get(index).is_some_and(|entry| !entry.empty_layer);
    let layer = config.history.iter().take(index).filter(|entry| !entry.empty_layer).count();
    Location { layer: makes_layer.then_some(layer), ..Location::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_short_and_masked() {
        assert_eq!(short_instruction("/bin/sh -c #(nop)  CMD [\"bash\"]"), "CMD [\"bash\"]");
        assert_eq!(short_instruction("RUN /bin/sh -c apt-get update # buildkit"), "RUN apt-get update");
        let long = short_instruction(&format!("RUN {}", "é".repeat(100)));
        assert_eq!(long.chars().count(), INSTRUCTION_LENGTH);
        let masked = short_instruction("RUN curl -u deploy:Tr0ub4dor&3xyz https://x");
        assert!(!masked.contains("Tr0ub4dor"), "{masked}");
    }

    #[test]
    fn bytes_never_round_up() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(999_999), "999.9 kB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(2_000_000_000), "2.0 GB");
    }
}
