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
pub mod pins;
pub mod rules;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;
use plimsoll_model::{
    FileKind, IgnoredBy, IgnoredFinding, LintFinding, LintedFile, Location, Problem, ProblemKind, RuleInfo,
};

use crate::dockerfile;
use crate::manifest::object::{MAX_FAULTS, Manifest, read};
use crate::manifest::project::limits::{LimitRanges, limit_ranges};
use crate::manifest::rules::{Check, Context, Rule as ManifestRule};
use crate::pod_security::{self, Level, Version};
use crate::source::{Found, Source};
use fingerprint::Fingerprints;
use ignores::{Ignore, Judging};
pub use kind::{guess, kind_of};
use names::{Family, Known, Names, Selected};
pub use names::{Selection, UnknownRule, all_rules};

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
    registry: Registry,
    options: Options,
    known: Vec<Known>,
    names: Names,
    selected: Selected,
}

/// What one file gave before ignores.
#[derive(Default)]
struct Examined {
    found: Vec<Found>,
    problems: Vec<Problem>,
    ignores: Vec<Ignore>,
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
        Ok(Linter { registry, options, names: Names::new(&all), known, selected })
    }

    /// The findings of these files, in their order. Rules that look at several files see all of them.
    pub fn lint(&self, files: &[Input<'_>]) -> Vec<LintedFile> {
        let sources: Vec<Source<'_>> = files.iter().map(|file| Source::new(file.path, file.text)).collect();
        let limits = self.limits(files, &sources);
        let (mut examined, project) =
            if files.len() > 1 && self.options.threads.is_some_and(|threads| threads.get() > 1) {
                std::thread::scope(|scope| {
                    let project = scope.spawn(|| self.project(files, &sources));
                    let examined = self.each(files, &sources, &limits);
                    (examined, project.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug)))
                })
            } else {
                (self.each(files, &sources, &limits), self.project(files, &sources))
            };
        for (index, found) in project {
            if let Some(examined) = examined.get_mut(index) {
                examined.found.push(found);
            }
        }
        let both = files.iter().zip(&sources).zip(examined);
        both.map(|((file, source), examined)| self.finish(file.kind, source, examined)).collect()
    }

    /// The findings of one file by itself: rules that look at several files are left out.
    pub fn lint_alone(&self, file: &Input<'_>) -> LintedFile {
        let source = Source::new(file.path, file.text);
        let examined = self.examine(file.kind, &source, None);
        self.finish(file.kind, &source, examined)
    }

    /// Every file by itself, several at the same time.
    fn each(&self, files: &[Input<'_>], sources: &[Source<'_>], limits: &LimitRanges) -> Vec<Examined> {
        let limits = Some(limits);
        let threads = self.options.threads.map_or(1, NonZeroUsize::get).min(files.len());
        if threads <= 1 {
            return files.iter().zip(sources).map(|(file, source)| self.examine(file.kind, source, limits)).collect();
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(file), Some(source)) = (files.get(index), sources.get(index)) else { return done };
                done.push((index, self.examine(file.kind, source, limits)));
            }
        };
        let mut all: Vec<Examined> = files.iter().map(|_| Examined::default()).collect();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                // A rule's bug ends the run as it would on one thread.
                let done = worker.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug));
                for (index, examined) in done {
                    all[index] = examined;
                }
            }
        });
        all
    }

    fn examine(&self, kind: FileKind, source: &Source<'_>, limits: Option<&LimitRanges>) -> Examined {
        match kind {
            FileKind::Dockerfile => self.dockerfile(source),
            FileKind::Manifest => self.manifest(source, limits),
        }
    }

    fn dockerfile(&self, source: &Source<'_>) -> Examined {
        let file = dockerfile::parse(source);
        let mut found = Vec::new();
        for fault in &file.faults {
            found.push(Found::new(&rules::NOT_UNDERSTOOD, fault.span, fault.message.clone()));
        }
        found.retain(|found| self.selected.has(Family::Lint, found.rule));
        for rule in self.registry.dockerfile.iter().filter(|rule| self.selected.has(Family::Dockerfile, &rule.info)) {
            (rule.check)(&file, &self.options.dockerfile, &mut found);
        }
        let ignores = if self.options.inline_ignores { ignores::dockerfile::ignores(&file) } else { Vec::new() };
        Examined { found, problems: Vec::new(), ignores }
    }

    fn manifest(&self, source: &Source<'_>, limits: Option<&LimitRanges>) -> Examined {
        let manifest = read(source);
        let mut found = Vec::new();
        let context = Context { source, limits };
        let rules = self.registry.manifest.iter().filter(|rule| self.selected.has(Family::Manifest, &rule.info));
        for rule in rules {
            for object in &manifest.objects {
                match rule.check {
                    Check::Object(check) => check(object, &context, &mut found),
                    Check::Workload(check) => {
                        object.workload().iter().for_each(|workload| check(workload, &context, &mut found));
                    }
                    Check::Container(check) => object.workload().iter().for_each(|workload| {
                        workload.containers().for_each(|container| check(&container, workload, &context, &mut found));
                    }),
                    Check::Project(_) => {}
                }
            }
        }
        if let Some((level, version)) = self.options.pod_security {
            let workloads = manifest.objects.iter().filter_map(|object| object.workload());
            let violations = workloads.flat_map(|workload| pod_security::check(&workload, level, version));
            let wanted = violations.filter(|v| self.selected.has(Family::PodSecurity, &v.check.info));
            found.extend(wanted.map(pod_security::Violation::found));
        }
        let ignores = if self.options.inline_ignores { ignores::manifest::ignores(&manifest) } else { Vec::new() };
        Examined { found, problems: unread(&manifest), ignores }
    }

    /// What LimitRanges of all files fill in. Few files have one, and only those are read for it.
    fn limits(&self, files: &[Input<'_>], sources: &[Source<'_>]) -> LimitRanges {
        let both = files.iter().zip(sources);
        let with = both.filter(|(file, _)| file.kind == FileKind::Manifest && file.text.contains("LimitRange"));
        let manifests: Vec<Manifest<'_>> = with.map(|(_, source)| read(source)).collect();
        limit_ranges(&manifests)
    }

    /// What rules that look at all files find, by the index of the file.
    fn project(&self, files: &[Input<'_>], sources: &[Source<'_>]) -> Vec<(usize, Found)> {
        let of = |rule: &&&ManifestRule| self.selected.has(Family::Manifest, &rule.info);
        let checks = self.registry.manifest.iter().filter(of).filter_map(|rule| match rule.check {
            Check::Project(check) => Some(check),
            _ => None,
        });
        let checks: Vec<_> = checks.collect();
        if checks.is_empty() {
            return Vec::new();
        }
        // Trees are no values that threads may share, so they are read again here rather than kept for all files.
        let indexes: Vec<usize> = (0..files.len()).filter(|at| files[*at].kind == FileKind::Manifest).collect();
        let manifests: Vec<Manifest<'_>> = indexes.iter().map(|at| read(&sources[*at])).collect();
        let mut found = Vec::new();
        for check in checks {
            check(&manifests, &mut found);
        }
        found.into_iter().filter_map(|(at, found)| Some((*indexes.get(at)?, found))).collect()
    }

    fn finish(&self, kind: FileKind, source: &Source<'_>, examined: Examined) -> LintedFile {
        let Examined { mut found, problems, ignores } = examined;
        let order = |found: &Found| (found.span, found.rule.id);
        found.sort_by(|a, b| order(a).cmp(&order(b)));
        found.dedup_by(|a, b| order(a) == order(b));
        let judging = Judging {
            kind,
            known: &self.known,
            names: &self.names,
            selected: &self.selected,
            today: self.options.today,
        };
        let sifted = judging.sift(found, &ignores);
        let mut kept = sifted.kept;
        if !self.options.overlaps {
            overlaps::drop_said_again(source, &mut kept, &sifted.ignored);
        }
        kept.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut fingerprints = Fingerprints::default();
        let mut finding = |mut found: Found| {
            let fingerprint = fingerprints.of(source, &found);
            if let Some(severity) = self.selected.severity(family_of(kind, found.rule), found.rule) {
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
