//! `lint`: Dockerfiles and manifests, rule by rule. In: paths and flags. Out: what is wrong with them, mended where asked;
//! the exit status says whether anything is at or above the level. What it does not do: look at images, or make a verdict.

mod pins;
mod policy;
mod shell;
mod walk;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_checks::lint::baseline::Baseline;
use plimsoll_checks::lint::fix::{Fixed, Fixes, diff, fix};
use plimsoll_checks::lint::names::Family;
use plimsoll_checks::lint::shell::Answer;
use plimsoll_checks::lint::{Input, Linter, Options, Selection, UnknownRule, all_rules, in_parallel};
use plimsoll_checks::manifest::rules::ABSENCES;
use plimsoll_checks::pod_security::Level;
use plimsoll_model::{LintReport, LintedFile, LoadLine, Location, Problem, ProblemEffect, ProblemKind, RuleInfo};
use plimsoll_report::LintOptions;

use super::write_out;
use crate::cli::{FailOn, Global, LintArgs, LspArgs, RuleArgs};
use crate::exit::Exit;
use walk::{Below, Place, Text};

/// The rules of files with the names of their families, as reports want them.
pub static FILE_RULES: LazyLock<Vec<(&'static str, &'static RuleInfo)>> = LazyLock::new(|| {
    let name = |family: Family| match family {
        // Its checks look at manifests.
        Family::PodSecurity => Family::Manifest.name(),
        family => family.name(),
    };
    let rules = all_rules().into_iter().filter(|rule| rule.family != Family::Image);
    rules.map(|rule| (name(rule.family), rule.info)).collect()
});

pub fn run(global: &Global, args: &LintArgs) -> anyhow::Result<Exit> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let policy = policy::find(args.rules.policy.as_deref(), &args.paths)?;
    let linter = match Linter::new(options(&args.rules, policy.as_ref(), threads)) {
        Ok(linter) => linter,
        Err(error) => return Ok(unknown_rule(&error)),
    };
    let linters =
        Linters { whole: linter, partial: Linter::new(of_parts(options(&args.rules, policy.as_ref(), threads)))? };
    if args.pin_digests && !args.fix && !args.diff {
        eprintln!("plimsoll: --pin-digests mends files: it goes with --fix or --diff");
        return Ok(Exit::Usage);
    }
    if args.pin_digests && args.reach.platform.is_some() {
        eprintln!("plimsoll: --pin-digests pins images of all platforms: --platform does not go with it");
        return Ok(Exit::Usage);
    }
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let mut below = walk::below(&args.paths, args.stdin_path.as_deref(), &args.render, threads)?;
    if below.texts.is_empty() && below.unread.is_empty() && below.problems.is_empty() {
        let names: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
        bail!("find anything to lint below {}: no Dockerfile, no Kubernetes manifest", names.join(", "));
    }
    let mut fixed = 0;
    if args.fix || args.diff {
        let mut all = mended(args, &linters, &below, threads);
        if args.pin_digests {
            let (pinned, problems) = pins::pin(global, &args.reach, &below.texts, &mut all)?;
            fixed += pinned;
            below.problems.extend(problems);
        }
        if args.diff {
            return diffs(args, &below, &all);
        }
        for (text, done) in below.texts.iter_mut().zip(all) {
            if done.text != text.text {
                let old = text.whole();
                let unmended = std::mem::replace(&mut text.text, done.text);
                if let Err(error) = write_back(text, &old) {
                    text.text = unmended;
                    let message = format!("write the mended file: {error}");
                    let problem = Problem::undecided(ProblemKind::Unreachable, message);
                    below.problems.push(problem.at(Location::path(&text.path)));
                    continue;
                }
            }
            fixed += done.done.len();
            if !global.quiet && !done.dropped.is_empty() {
                let rules: Vec<&str> = done.dropped.iter().map(|(rule, _)| rule.as_str()).collect();
                let path = plimsoll_report::safe(&text.path);
                eprintln!("plimsoll: {path}: left alone, for the fix would have made it worse: {}", rules.join(", "));
            }
        }
        follow_links(&mut below);
    }
    let answers = if args.no_shellcheck {
        Vec::new()
    } else {
        let told = shell::ask(&below.texts);
        if told.missing && !global.quiet && args.format == "text" {
            eprintln!(
                "plimsoll: shellcheck is not on the PATH: scripts were looked at by our own rules alone (--no-shellcheck says that that is meant)"
            );
        }
        told.answers
    };
    let mut report = report(&linters, &below, &answers, fixed);
    if let Some(policy) = &policy {
        report.problems.extend(policy::waive(policy, day(&args.rules), &mut report.files));
    }
    if let (Some(baseline), Some(path)) = (&baseline, &args.baseline) {
        let stale = baseline.apply(&mut report.files);
        if stale > 0 {
            let message = format!("match {stale} entries of the baseline {}: what they knew is gone", path.display());
            let problem = Problem::note(ProblemKind::BadInput, message);
            report.problems.push(problem.with_hint("write it again with --write-baseline"));
        }
    }
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::of(&report.files);
        write_out(Some(path), baseline.render().as_bytes())?;
        if !global.quiet {
            eprintln!("{}: {} findings are known from now on (--baseline {0})", path.display(), baseline.len());
        }
        baseline.apply(&mut report.files);
    }
    if let Some(least) = args.min_severity.and_then(FailOn::severity) {
        for file in &mut report.files {
            file.findings.retain(|found| found.finding.severity >= least);
        }
    }
    deliver(global, args, &report, &below)?;
    Ok(exit(&report, args.fail_on))
}

/// Answers an editor.
pub fn serve(args: &LspArgs) -> anyhow::Result<Exit> {
    let policy = policy::find(args.rules.policy.as_deref(), &[])?;
    match Linter::new(options(&args.rules, policy.as_ref(), NonZeroUsize::MIN)) {
        Ok(linter) => crate::lsp::run(linter),
        Err(error) => Ok(unknown_rule(&error)),
    }
}

fn unknown_rule(error: &UnknownRule) -> Exit {
    eprintln!("plimsoll: could not {error}\nhint: `plimsoll rules` lists the rules and their other names");
    Exit::Usage
}

/// The day of the run: ignores and waivers end by it.
fn day(args: &RuleArgs) -> Date {
    args.at.unwrap_or_else(jiff::Timestamp::now).to_zoned(TimeZone::UTC).date()
}

/// What the flags and the policy ask of the linter. A flag wins.
fn options(args: &RuleArgs, policy: Option<&LoadLine>, threads: NonZeroUsize) -> Options {
    let asked = policy.map(policy::asked).unwrap_or_default();
    let mut selection = Selection { select: args.select.clone(), ignore: args.ignore.clone(), ..asked.selection };
    if selection.select.is_empty() {
        selection.select = asked.select;
    }
    selection.ignore.extend(asked.ignore.into_iter().filter(|rule| !args.select.contains(rule)));
    Options {
        selection,
        dockerfile: plimsoll_checks::dockerfile::Options {
            trusted_registries: args.trusted_registry.clone(),
            ..Default::default()
        },
        pod_security: args.pod_security.or(asked.pod_security),
        today: Some(day(args)),
        inline_ignores: !args.no_inline_ignores,
        overlaps: false,
        threads: Some(threads),
    }
}

fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read the baseline {}", path.display()))?;
    Baseline::parse(&text).with_context(|| format!("use the baseline {}", path.display()))
}

/// One for what is whole, one for patches.
struct Linters {
    whole: Linter,
    partial: Linter,
}

impl Linters {
    fn of(&self, text: &Text) -> &Linter {
        if text.partial { &self.partial } else { &self.whole }
    }
}

/// The options for parts of objects: what they lack, the object that they are laid upon has.
fn of_parts(mut options: Options) -> Options {
    options.selection.ignore.extend(ABSENCES.iter().map(|id| (*id).to_owned()));
    // The restricted level asks for fields that have to be there.
    options.pod_security = options.pod_security.map(|(_, version)| (Level::Baseline, version));
    options
}

/// Every text with its fixes; rendered ones have none.
fn mended(args: &LintArgs, linters: &Linters, below: &Below, threads: NonZeroUsize) -> Vec<Fixed> {
    let fixes = if args.unsafe_fixes { Fixes::All } else { Fixes::Safe };
    in_parallel(threads, below.texts.iter(), |text| {
        match text.place {
            Place::Rendered => {
                Fixed { text: text.text.clone(), done: Vec::new(), dropped: Vec::new(), problems: Vec::new() }
            }
            _ => {
                let mut fixed = fix(linters.of(text), &text.path, &text.text, text.kind, fixes);
                if text.linked {
                    // Its target is mended where it is itself below the paths.
                    (fixed.text, fixed.done) = (text.text.clone(), Vec::new());
                }
                fixed
            }
        }
    })
}

/// Every file with what is wrong with it, those that could not be read among them.
fn report(linters: &Linters, below: &Below, answers: &[Option<Vec<Answer>>], fixed: usize) -> LintReport {
    type Told<'t> = (&'t Text, Option<Vec<Answer>>);
    let told = |at: usize| answers.get(at).cloned().flatten();
    let all = below.texts.iter().enumerate().map(|(at, text)| (text, told(at)));
    let (parts, wholes): (Vec<Told<'_>>, Vec<Told<'_>>) = all.partition(|(text, _)| text.partial);
    fn input(text: &Text) -> Input<'_> {
        Input { path: &text.path, text: &text.text, kind: text.kind }
    }
    let inputs: Vec<Input<'_>> = wholes.iter().map(|(text, _)| input(text)).collect();
    let (wholes, answers): (Vec<&Text>, Vec<Option<Vec<Answer>>>) = wholes.into_iter().unzip();
    let mut files = linters.whole.lint_told(&inputs, &answers);
    // A patch is no object of its own to the rules that look at all of them.
    files.extend(parts.iter().map(|(text, _)| linters.partial.lint_alone(&input(text))));
    for (file, text) in files.iter_mut().zip(wholes.into_iter().chain(parts.iter().map(|(text, _)| *text))) {
        if text.harmless {
            file.problems.iter_mut().for_each(|problem| problem.effect = ProblemEffect::Note);
        }
        if text.place == Place::Rendered {
            file.findings.iter_mut().for_each(|found| found.finding.fix = None);
            file.ignored.iter_mut().for_each(|ignored| ignored.finding.finding.fix = None);
        }
    }
    files.extend(below.unread.iter().map(|(path, problems)| LintedFile {
        path: path.clone(),
        kind: None,
        findings: Vec::new(),
        problems: problems.clone(),
        ignored: Vec::new(),
        text: String::new(),
    }));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    LintReport { tool: super::tool(), files, problems: below.problems.clone(), fixed }
}

/// Prints what fixes would change, and changes nothing.
fn diffs(args: &LintArgs, below: &Below, all: &[Fixed]) -> anyhow::Result<Exit> {
    // A byte order mark is a part of the first line, which a patch may show.
    let changed = below.texts.iter().zip(all).map(|(text, fixed)| {
        let old = text.whole();
        diff(&text.path, &old, &format!("{}{}", &old[..old.len() - text.text.len()], fixed.text))
    });
    let changed: String = changed.collect();
    let shown = if args.output.is_none() && std::io::stdout().is_terminal() {
        // A patch is taken byte by byte; a terminal is not to be steered by one.
        changed.lines().map(|line| format!("{}\n", plimsoll_report::safe(&line.replace('\t', "    ")))).collect()
    } else {
        changed
    };
    write_out(args.output.as_deref(), shown.as_bytes())?;
    let not_harmless = below.texts.iter().zip(all).filter(|(text, _)| !text.harmless);
    let inside = not_harmless.flat_map(|(_, fixed)| &fixed.problems);
    let mut unread = false;
    for problem in below.unread.values().flatten().chain(&below.problems).chain(inside) {
        let place = problem.location.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        eprintln!("plimsoll: {}", plimsoll_report::safe(&format!("{place}could not {}", problem.message)));
        unread |= problem.effect == ProblemEffect::Undecided;
    }
    Ok(match (shown.is_empty(), unread) {
        (false, _) => Exit::Denied,
        (true, true) => Exit::Undecided,
        (true, false) => Exit::Allowed,
    })
}

/// Puts a mended text in the place of the old one, if that is still what was read: whole or not at all, with its permissions; standard input goes to
/// standard output.
fn write_back(text: &Text, old: &str) -> std::io::Result<()> {
    let Place::File(path) = &text.place else { return Ok(()) };
    // A link that somebody named stays a link: its target is what is mended.
    let path = path.canonicalize()?;
    let permissions = path.metadata()?.permissions();
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.whole().as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    // What somebody saved since it was read is not thrown away.
    if std::fs::read(&path)? != old.as_bytes() {
        return Err(std::io::Error::other("it changed meanwhile"));
    }
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Gives links the texts of their targets that were mended.
fn follow_links(below: &mut Below) {
    let target = |text: &Text| match &text.place {
        Place::File(path) => path.canonicalize().ok(),
        _ => None,
    };
    let linked: Vec<usize> = (0..below.texts.len()).filter(|at| below.texts[*at].linked).collect();
    if linked.is_empty() {
        return;
    }
    let own = below.texts.iter().enumerate().filter(|(_, text)| !text.linked);
    let own: BTreeMap<PathBuf, usize> = own.filter_map(|(at, text)| Some((target(text)?, at))).collect();
    for link in linked {
        if let Some(at) = target(&below.texts[link]).and_then(|path| own.get(&path)) {
            below.texts[link].text = below.texts[*at].text.clone();
        }
    }
}

fn deliver(global: &Global, args: &LintArgs, report: &LintReport, below: &Below) -> anyhow::Result<()> {
    let format =
        plimsoll_report::lint_format(&args.format).with_context(|| format!("find the format {:?}", args.format))?;
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let options = LintOptions {
        colour: super::coloured(global, to_terminal),
        width: super::columns(args.width, to_terminal),
        rules: &FILE_RULES,
    };
    let bytes = (format.render)(report, &options)?;
    // With --fix, what came by standard input leaves by standard output; the report makes way for it.
    let piped = below.texts.iter().find(|text| text.place == Place::Stdin).filter(|_| args.fix);
    match (piped, &args.output) {
        (Some(text), None) => {
            write_out(None, text.whole().as_bytes())?;
            std::io::stderr().lock().write_all(&bytes).context("write to standard error")
        }
        (Some(text), Some(path)) => {
            write_out(None, text.whole().as_bytes())?;
            write_out(Some(path), &bytes)
        }
        (None, path) => write_out(path.as_deref(), &bytes),
    }
}

/// A fault at or above the level wins over what could not be told, and that over nothing.
fn exit(report: &LintReport, level: FailOn) -> Exit {
    let denied = level.severity().is_some_and(|level| report.worst().is_some_and(|worst| worst >= level));
    if denied {
        Exit::Denied
    } else if report.all_problems().any(|problem| problem.effect == ProblemEffect::Undecided) {
        Exit::Undecided
    } else {
        Exit::Allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::FileKind;

    #[test]
    fn what_somebody_saved_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        let text = Text {
            path: "Dockerfile".to_owned(),
            place: Place::File(path.clone()),
            partial: false,
            text: "mended".to_owned(),
            mark: false,
            linked: false,
            kind: FileKind::Dockerfile,
            harmless: false,
        };
        std::fs::write(&path, "saved").unwrap();
        assert_eq!(write_back(&text, "read").unwrap_err().to_string(), "it changed meanwhile");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "saved");
        write_back(&text, "saved").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mended");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }
}
