//! The linter. In: texts of Dockerfiles and manifests, and what the user wants. Out: for each file its findings in the order
//! of the file, what ignores keep quiet, and what could not be read. What it does not do: read files, walk folders, decide
//! or print. It reads no clock: the day on which ignores end is compared with one that the caller gives.
//!
//! The desk (`plimsoll lint`), `check` and the gate call the same [`Linter`]; at the gate [`Options::inline_ignores`] is
//! off, so that no manifest can silence what judges it.

pub mod baseline;
mod fingerprint;
pub mod fix;
mod ignores;
pub mod kind;
pub mod names;
mod overlaps;
mod parallel;
pub mod pins;
pub mod rules;
pub mod shell;

use std::num::NonZeroUsize;

use jiff::civil::Date;
use plimsoll_model::{
    FileKind, IgnoredBy, IgnoredFinding, LintFinding, LintedFile, Location, Problem, ProblemKind, RuleInfo,
};

use crate::dockerfile;
use crate::manifest::object::{Container, MAX_FAULTS, Manifest, Workload, read};
use crate::manifest::project::Project;
use crate::manifest::project::defaults::{Defaults, defaults};
use crate::manifest::rules::{Check, Context, ProjectCheck, Rule as ManifestRule};
use crate::pod_security::{self, Level, Version};
use crate::source::{Found, Source};
use fingerprint::Fingerprints;
use ignores::{Ignore, Judging};
pub use kind::{guess, kind_of};
use names::{Family, Known, Names, Selected};
pub use names::{Selection, UnknownRule, all_rules};
pub use parallel::in_parallel;

/// A text to lint.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// As the user named it.
    pub path: &'a str,
    /// Without a byte order mark.
    pub text: &'a str,
    pub kind: FileKind,
}

/// What the user wants.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub selection: Selection,
    pub dockerfile: dockerfile::Options,
    /// The level of the Pod Security Standards that workloads are held to; none: not looked at.
    pub pod_security: Option<(Level, Version)>,
    /// The day of the run: ignores that ended before it no longer hold. Without it none has ended.
    pub today: Option<Date>,
    /// Comments and annotations in the files may keep rules quiet.
    pub inline_ignores: bool,
    /// Findings count that only say again what another one says more sharply of the same words. A policy weighs rules one by
    /// one and wants them; people want each fault once.
    pub overlaps: bool,
    /// Files looked at at the same time; none: one.
    pub threads: Option<NonZeroUsize>,
}

/// The rules of files.
#[derive(Clone, Copy)]
pub struct Registry {
    pub dockerfile: &'static [&'static dockerfile::Rule],
    pub manifest: &'static [&'static ManifestRule],
}

impl Registry {
    /// All that the program has.
    pub const SHIPPED: Registry = Registry { dockerfile: dockerfile::RULES, manifest: crate::manifest::rules::RULES };
}

/// Rules and options, made ready once for any number of files.
pub struct Linter {
    options: Options,
    /// The rules that were asked for, in the order of the registry.
    dockerfile: Vec<&'static dockerfile::Rule>,
    manifest: Vec<&'static ManifestRule>,
    project: Vec<ProjectCheck>,
    known: Vec<Known>,
    names: Names,
    selected: Selected,
}

/// What is known of a file from outside it.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    /// What other objects of the run fill in; none where the file is looked at by itself.
    defaults: Option<&'a Defaults>,
    /// What ShellCheck says of its scripts; none: it was not asked.
    told: Option<&'a [shell::Answer]>,
}

/// What one file gave before ignores.
#[derive(Default)]
struct Examined<'a> {
    found: Vec<Found>,
    problems: Vec<Problem>,
    ignores: Vec<Ignore>,
    /// ShellCheck looked at all scripts.
    shell_asked: bool,
    /// For rules that look at all files.
    manifest: Option<Manifest<'a>>,
}

/// Lints files with all rules that the program has.
///
/// # Errors
/// A selection that names no rule.
pub fn lint(files: &[Input<'_>], options: &Options) -> Result<Vec<LintedFile>, UnknownRule> {
    Ok(Linter::new(options.clone())?.lint(files))
}

impl Linter {
    /// With all rules that the program has.
    ///
    /// # Errors
    /// A selection that names no rule.
    pub fn new(options: Options) -> Result<Linter, UnknownRule> {
        Linter::with(Registry::SHIPPED, options)
    }

    /// With these rules.
    ///
    /// # Errors
    /// A selection that names no rule.
    pub fn with(registry: Registry, options: Options) -> Result<Linter, UnknownRule> {
        let known: Vec<Known> = names::file_rules(registry).collect();
        // Names of images' rules are known too, so that an ignore can say that they do not look here.
        let all: Vec<Known> =
            all_rules().into_iter().filter(|rule| rule.family == Family::Image).chain(known.iter().copied()).collect();
        let selected = Selected::new(&options.selection, &known, options.pod_security.is_some())?;
        let dockerfile = registry.dockerfile.iter().copied();
        let dockerfile = dockerfile.filter(|rule| selected.has(Family::Dockerfile, &rule.info)).collect();
        let manifest = registry.manifest.iter().copied();
        let manifest: Vec<_> = manifest.filter(|rule| selected.has(Family::Manifest, &rule.info)).collect();
        let project = manifest.iter().filter_map(|rule| match rule.check {
            Check::Project(check) => Some(check),
            _ => None,
        });
        let project = project.collect();
        Ok(Linter { options, dockerfile, manifest, project, names: Names::new(&all), known, selected })
    }

    /// The findings of these files, in their order. Rules that look at several files see all of them.
    pub fn lint(&self, files: &[Input<'_>]) -> Vec<LintedFile> {
        self.lint_told(files, &[])
    }

    /// As [`Linter::lint`], with what ShellCheck says of the scripts of each file; none, or no entry: it was not asked.
    pub fn lint_told(&self, files: &[Input<'_>], told: &[Option<Vec<shell::Answer>>]) -> Vec<LintedFile> {
        let threads = self.options.threads.unwrap_or(NonZeroUsize::MIN);
        let sources: Vec<Source<'_>> = files.iter().map(|file| Source::new(file.path, file.text)).collect();
        let defaults = self.defaults(files, &sources);
        let examine = |(at, (file, source)): (usize, (&Input<'_>, _))| {
            let around = Around { defaults: Some(&defaults), told: told.get(at).and_then(Option::as_deref) };
            self.examine(file.kind, source, around, !self.project.is_empty())
        };
        let mut examined = in_parallel(threads, files.iter().zip(&sources).enumerate(), examine);
        for (index, found) in self.project(threads, &mut examined) {
            if let Some(examined) = examined.get_mut(index) {
                examined.found.push(found);
            }
        }
        let all = files.iter().zip(&sources).zip(examined);
        in_parallel(threads, all, |((file, source), examined)| self.finish(file.kind, source, examined))
    }

    /// The findings of one file by itself: rules that look at several files are left out.
    pub fn lint_alone(&self, file: &Input<'_>) -> LintedFile {
        let source = Source::new(file.path, file.text);
        let examined = self.examine(file.kind, &source, Around::default(), false);
        self.finish(file.kind, &source, examined)
    }

    /// As [`Linter::lint_alone`], of a manifest that is read already.
    pub fn lint_manifest(&self, manifest: &Manifest<'_>) -> LintedFile {
        self.finish(FileKind::Manifest, manifest.source, self.manifest(manifest, None))
    }

    /// One file by itself; its trees are kept where rules that look at several files want them.
    fn examine<'a>(&self, kind: FileKind, source: &'a Source<'a>, around: Around<'_>, keep: bool) -> Examined<'a> {
        match kind {
            FileKind::Dockerfile => self.dockerfile(source, around.told),
            FileKind::Manifest => {
                let manifest = read(source);
                let examined = self.manifest(&manifest, around.defaults);
                Examined { manifest: keep.then_some(manifest), ..examined }
            }
        }
    }

    fn dockerfile<'a>(&self, source: &Source<'_>, told: Option<&[shell::Answer]>) -> Examined<'a> {
        let file = dockerfile::parse(source);
        let mut found = Vec::new();
        for fault in &file.faults {
            found.push(Found::new(&rules::NOT_UNDERSTOOD, fault.span, fault.message.clone()));
        }
        found.retain(|found| self.selected.has(Family::Lint, found.rule));
        for rule in &self.dockerfile {
            (rule.check)(&file, &self.options.dockerfile, &mut found);
        }
        let mut problems = Vec::new();
        if let Some(told) = told {
            shell::merge(&file, told, &self.selected, &mut found, &mut problems);
        }
        let ignores = if self.options.inline_ignores { ignores::dockerfile::ignores(&file) } else { Vec::new() };
        let shell_asked = told.is_some_and(|told| told.iter().all(|(_, said)| said.is_ok()));
        Examined { found, problems, ignores, shell_asked, manifest: None }
    }

    fn manifest<'a>(&self, manifest: &Manifest<'_>, defaults: Option<&Defaults>) -> Examined<'a> {
        let mut found = Vec::new();
        let context = Context { source: manifest.source, defaults };
        for object in &manifest.objects {
            let workload = object.workload();
            let containers: Vec<Container<'_>> = workload.iter().flat_map(Workload::containers).collect();
            // All rules of an object one after the other: several ask for the same walk through it.
            for rule in &self.manifest {
                match (rule.check, &workload) {
                    (Check::Object(check), _) => check(object, &context, &mut found),
                    (Check::Workload(check), Some(workload)) => check(workload, &context, &mut found),
                    (Check::Container(check), Some(workload)) => {
                        containers.iter().for_each(|container| check(container, workload, &context, &mut found));
                    }
                    _ => {}
                }
            }
            if let (Some((level, version)), Some(workload)) = (self.options.pod_security, &workload) {
                let violations = pod_security::check(workload, level, version).into_iter();
                let wanted = violations.filter(|v| self.selected.has(Family::PodSecurity, &v.check.info));
                found.extend(wanted.map(pod_security::Violation::found));
            }
        }
        let ignores = if self.options.inline_ignores { ignores::manifest::ignores(manifest) } else { Vec::new() };
        Examined { found, problems: unread(manifest), ignores, ..Examined::default() }
    }

    /// What LimitRanges and ServiceAccounts of all files fill in. Few files have one, and only those are read for it.
    fn defaults(&self, files: &[Input<'_>], sources: &[Source<'_>]) -> Defaults {
        let both = files.iter().zip(sources);
        let with = both.filter(|(file, _)| {
            file.kind == FileKind::Manifest
                && ["LimitRange", "automountServiceAccountToken"].iter().any(|word| file.text.contains(word))
        });
        let manifests: Vec<Manifest<'_>> = with.map(|(_, source)| read(source)).collect();
        defaults(&manifests)
    }

    /// What rules that look at all files find, by the index of the file. The trees are let go.
    fn project(&self, threads: NonZeroUsize, examined: &mut [Examined<'_>]) -> Vec<(usize, Found)> {
        let kept = examined.iter_mut().enumerate().filter_map(|(at, one)| Some((at, one.manifest.take()?)));
        let (indexes, manifests): (Vec<usize>, Vec<Manifest<'_>>) = kept.unzip();
        if manifests.is_empty() {
            return Vec::new();
        }
        let project = Project::of(&manifests);
        let found = in_parallel(threads, self.project.iter(), |check| {
            let mut found = Vec::new();
            check(&project, &mut found);
            found
        });
        found.into_iter().flatten().filter_map(|(at, found)| Some((*indexes.get(at)?, found))).collect()
    }

    fn finish(&self, kind: FileKind, source: &Source<'_>, examined: Examined<'_>) -> LintedFile {
        let Examined { mut found, problems, ignores, shell_asked, .. } = examined;
        let order = |found: &Found| (found.span, found.rule.id);
        found.sort_by(|a, b| order(a).cmp(&order(b)));
        found.dedup_by(|a, b| order(a) == order(b));
        let judging = Judging {
            kind,
            known: &self.known,
            names: &self.names,
            selected: &self.selected,
            today: self.options.today,
            shell_asked,
        };
        let sifted = judging.sift(found, &ignores);
        let mut kept = sifted.kept;
        if !self.options.overlaps {
            overlaps::drop_said_again(source, &mut kept, &sifted.ignored);
        }
        kept.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut fingerprints = Fingerprints::new(source.path);
        let severities = self.selected.changes_severities();
        let mut finding = |mut found: Found| {
            let fingerprint = fingerprints.of(source, &found);
            if severities && let Some(severity) = self.selected.severity(family_of(kind, found.rule), found.rule) {
                found.severity = severity;
            }
            LintFinding { finding: found.finding(source), fingerprint }
        };
        let findings: Vec<LintFinding> = kept.into_iter().map(&mut finding).collect();
        let ignored = sifted.ignored.into_iter().map(|(found, reason)| IgnoredFinding {
            finding: finding(found),
            by: IgnoredBy::File,
            reason,
        });
        let ignored: Vec<IgnoredFinding> = ignored.collect();
        let text = if findings.is_empty() { String::new() } else { source.text.to_owned() };
        LintedFile { path: source.path.to_owned(), kind: Some(kind), findings, problems, ignored, text }
    }
}

/// The family of a rule that found something in a file of that kind.
fn family_of(kind: FileKind, rule: &RuleInfo) -> Family {
    if rules::RULES.iter().any(|known| known.id == rule.id) {
        Family::Lint
    } else if pod_security::CHECKS.iter().any(|check| check.info.id == rule.id) {
        Family::PodSecurity
    } else {
        match kind {
            FileKind::Dockerfile => Family::Dockerfile,
            FileKind::Manifest => Family::Manifest,
        }
    }
}

/// What of a manifest could not be read: a workload may stand there that nobody looked at.
fn unread(manifest: &Manifest<'_>) -> Vec<Problem> {
    let path = manifest.source.path;
    let mut problems = Vec::new();
    for fault in manifest.fault.iter().chain(&manifest.more_faults) {
        let (kind, what) = match fault.kind {
            plimsoll_yaml::FaultKind::Bound => (ProblemKind::LimitReached, "the rest of the file"),
            _ => (ProblemKind::BadInput, "the document"),
        };
        let location = Location {
            line: (fault.line > 0).then_some(fault.line),
            column: (fault.line > 0 && fault.column > 0).then_some(fault.column),
            ..Location::path(path)
        };
        // The place is told in words too.
        let message = fault.message.rsplit_once(" at char ").map_or(fault.message.as_str(), |(message, _)| message);
        let problem = Problem::undecided(kind, format!("read {what}: {message}")).at(location);
        let template = manifest.source.text.contains("{{");
        let hint = "it looks like a template: lint what it renders, as in `helm template . | plimsoll lint -`";
        problems.push(if template { problem.with_hint(hint) } else { problem });
    }
    if manifest.more_faults.len() + 1 >= MAX_FAULTS {
        let message = format!("read the rest of the file: {MAX_FAULTS} of its documents are broken");
        problems.push(Problem::undecided(ProblemKind::LimitReached, message).at(Location::path(path)));
    }
    if manifest.cut {
        let message = format!("read the rest of the file: it has more than {} objects", manifest.objects.len());
        problems.push(Problem::undecided(ProblemKind::LimitReached, message).at(Location::path(path)));
    }
    problems
}
