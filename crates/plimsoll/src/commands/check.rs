//! `check`: everything below the given paths that we understand, one verdict. Manifests name images, which are looked for
//! in the OCI layouts below the same paths before a registry is asked; layouts, archives, SBOMs and lockfiles are judged as
//! they stand. Dockerfiles and the objects of manifests are held to the policy's `workloads`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plimsoll_checks::lint::{Input, kind_of};
use plimsoll_checks::manifest::object::Object;
use plimsoll_checks::manifest::{NamedImage, named_images};
use plimsoll_model::{
    Assessment, FileKind, ImageReference, Inventory, LintedFile, Location, Problem, ProblemEffect, ProblemKind,
    Subject, SubjectKind,
};
use plimsoll_sources::{LayoutEntry, layouts_below};

use super::{deliver, report, session};
use crate::assess;
use crate::cli::{CheckArgs, Global, Origin, ReachArgs, RenderArgs};
use crate::exit::Exit;
use crate::policies::desk;
use crate::progress::Meter;
use crate::rendered::{self, RenderedText, Unrendered};
use crate::session::Session;
use crate::workload;

/// Files looked at below all paths: a whole home folder is a mistake, and what is not looked at is said.
const MAX_FILES: usize = 100_000;
/// A manifest or SBOM; what is larger is generated data.
const MAX_TEXT: u64 = 8 << 20;
const MAX_SBOM: u64 = 256 << 20;

/// What was found below the paths.
#[derive(Default)]
struct Below {
    named: Vec<NamedImage>,
    layouts: Vec<LayoutEntry>,
    sboms: Vec<PathBuf>,
    archives: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// YAML and JSON, and what makes charts and overlays.
    yamls: Vec<PathBuf>,
    /// Dockerfiles and manifests: path, text and kind.
    texts: Vec<(String, String, FileKind)>,
    problems: Vec<Problem>,
    files: usize,
}

pub fn run(global: &Global, args: &CheckArgs) -> anyhow::Result<Exit> {
    for path in &args.paths {
        if !path.exists() {
            bail!("read {}: there is no such file or folder", path.display());
        }
    }
    let session = session(global, &args.judge, args.paths.clone())?;
    let mut below = Below::default();
    for path in &args.paths {
        below.look(path).with_context(|| format!("look below {}", path.display()))?;
    }
    below.manifests(&args.render);
    let mut assessments = Vec::new();
    named(&session, &args.reach, &below, &mut assessments);
    for path in &below.archives {
        let name = path.display().to_string();
        match assess::input(&session, &name, None, &args.reach) {
            Ok(gathered) => assessments.push(gathered.assessment),
            // Any other tar: a release, a backup.
            Err(error) if is_no_image(&error) => {}
            Err(error) => {
                assessments.push(assess::unreachable(&session, &name, None, assess::unreachable_problem(&name, &error)))
            }
        }
    }
    for path in &below.folders {
        let gathered = assess::project(&session, path)?;
        let inventory = &gathered.assessment.inventory;
        // A folder without a lockfile is no subject: there is nothing to judge in it.
        if !inventory.packages.is_empty() || !inventory.problems.is_empty() || !inventory.seen_not_read.is_empty() {
            assessments.push(gathered.assessment);
        }
    }
    for path in &below.sboms {
        let name = path.display().to_string();
        assessments.push(match assess::sbom(&session, path) {
            Ok((gathered, _)) => gathered.assessment,
            // One document that cannot be read must not hide what is known of the others.
            Err(error) => assess::unread_sbom(&session, &name, &error),
        });
    }
    assessments.extend(objects(&session, &below, args.no_defaults)?);
    if !below.problems.is_empty() {
        assessments.push(unread(args, &below));
    }
    if assessments.is_empty() {
        let names: Vec<String> = args.paths.iter().map(|p| p.display().to_string()).collect();
        bail!(
            "find anything to judge below {}: no manifest that names an image, no Dockerfile, no image layout or archive, no lockfile, no SBOM",
            names.join(", ")
        );
    }
    let judged = assessments.into_iter().map(|assessment| assess::judged(&session, assessment)).collect();
    let mut report = report(&session, judged);
    // An object that nothing is said of is worth a line only where there is nothing else.
    if !report.assessments.iter().all(silent) {
        report.assessments.retain(|assessment| !silent(assessment));
    }
    deliver(global, &args.judge, &report)
}

/// A Dockerfile or an object of a manifest that the policy says nothing of.
fn silent(assessment: &Assessment) -> bool {
    let object = matches!(assessment.subject.kind, SubjectKind::Manifest | SubjectKind::Dockerfile);
    object
        && assessment.problems.is_empty()
        && assessment.verdict.as_ref().is_some_and(|verdict| verdict.reasons.is_empty())
}

/// Dockerfiles and objects, where the policy asks something of them. What the readers of image names say of a file is said
/// already; what was left out of it for its size is not.
fn objects(session: &Session, below: &Below, no_defaults: bool) -> anyhow::Result<Vec<Assessment>> {
    let Some(linter) = workload::linter_of(&session.policy)? else { return Ok(Vec::new()) };
    let inputs: Vec<Input<'_>> =
        below.texts.iter().map(|(path, text, kind)| Input { path, text, kind: *kind }).collect();
    let linted = linter.lint(&inputs);
    let denies_dockerfiles = workload::denies_dockerfiles(&session.policy);
    let policies = &session.policies;
    let rulings = |object: &Object| {
        if !policies.ask_of_objects() {
            return Vec::new();
        }
        match desk::review(policies, &object.node, session.namespace.as_deref(), no_defaults, session.at) {
            Ok(asked) => policies.rulings(&asked, None),
            Err(why) => policies.object_unread(&why),
        }
    };
    let of_file = |(mut linted, text): (LintedFile, &String)| {
        linted.problems.retain(|problem| problem.kind == ProblemKind::LimitReached);
        workload::of_file(linted, text, denies_dockerfiles, &rulings)
    };
    Ok(linted.into_iter().zip(below.texts.iter().map(|(_, text, _)| text)).flat_map(of_file).collect())
}

fn is_no_image(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(plimsoll_sources::SourceError::NotAnImage { .. }))
}

/// Every image once, with all places that name it, and every layout image that nothing names.
fn named(session: &Session, reach: &ReachArgs, below: &Below, assessments: &mut Vec<Assessment>) {
    let mut by_name: BTreeMap<(String, Option<String>), Vec<&NamedImage>> = BTreeMap::new();
    for image in &below.named {
        let namespace = session.namespace.clone().or_else(|| image.namespace.clone());
        by_name.entry((image.image.clone(), namespace)).or_default().push(image);
    }
    let mut used = vec![false; below.layouts.len()];
    for ((name, namespace), places) in by_name {
        let mut assessment = match name.parse::<ImageReference>() {
            Err(error) => {
                let problem = Problem::unreadable_name(&name, &error).at(places[0].location.clone());
                assess::unreachable(session, &name, None, problem)
            }
            Ok(reference) => {
                let layout = below.layouts.iter().position(|entry| entry.is(&reference));
                if let Some(at) = layout {
                    used[at] = true;
                }
                reached(session, reach, &name, &reference, layout.map(|at| &below.layouts[at]))
            }
        };
        assessment.subject.named_at = places.iter().map(|place| place.location.clone()).collect();
        assessment.subject.namespace = namespace;
        let from_file = below.layouts.iter().zip(&used).any(|(entry, used)| {
            *used && assessment.subject.reference.as_ref().is_some_and(|reference| entry.is(reference))
        });
        if !from_file && let Err(error) = assess::signed(session, &name, Origin::Registry, reach, &mut assessment) {
            assessment.problems.push(assess::unreachable_problem(&name, &error));
        }
        assessments.push(assessment);
    }
    for (entry, _) in below.layouts.iter().zip(&used).filter(|(_, used)| !**used) {
        let name = entry.ref_name.clone().unwrap_or_else(|| entry.layout.display().to_string());
        let meter = Meter::new(session.quiet, &name);
        assessments.push(match entry.open(reach.platform.as_ref()) {
            Ok(resolved) => assess::resolved_image(session, resolved, &name, &meter).assessment,
            Err(error) => assess::unreachable(session, &name, None, assess::unreachable_problem(&name, &error.into())),
        });
    }
}

fn reached(
    session: &Session,
    reach: &ReachArgs,
    name: &str,
    reference: &ImageReference,
    layout: Option<&LayoutEntry>,
) -> Assessment {
    let opened = match layout {
        Some(entry) => {
            let meter = Meter::new(session.quiet, name);
            let opened = entry.open(reach.platform.as_ref()).map_err(anyhow::Error::from);
            opened.map(|mut resolved| {
                // The name that the manifest gives is the one that the policy judges.
                resolved.reference = Some(reference.clone());
                assess::resolved_image(session, resolved, name, &meter)
            })
        }
        None => assess::image(session, name, None, Origin::Registry, reach),
    };
    match opened {
        Ok(gathered) => gathered.assessment,
        Err(error) => {
            assess::unreachable(session, name, Some(reference.clone()), assess::unreachable_problem(name, &error))
        }
    }
}

/// The files that could not be read, as a subject of their own: a workload may stand in them.
fn unread(args: &CheckArgs, below: &Below) -> Assessment {
    let name = args.paths.first().map(|p| p.display().to_string()).unwrap_or_default();
    Assessment {
        subject: Subject {
            kind: SubjectKind::Filesystem,
            name,
            reference: None,
            digest: None,
            index_digest: None,
            image_id: None,
            named_at: Vec::new(),
            namespace: None,
        },
        inventory: Inventory::default(),
        matches: Vec::new(),
        findings: Vec::new(),
        coverage: Vec::new(),
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        problems: below.problems.clone(),
        verdict: None,
    }
}

impl Below {
    fn look(&mut self, path: &Path) -> anyhow::Result<()> {
        if path.is_file() {
            self.file(path);
            return Ok(());
        }
        let (layouts, problems) = layouts_below(path);
        let roots: Vec<PathBuf> = layouts.iter().map(|entry| entry.layout.clone()).collect();
        self.layouts.extend(layouts);
        self.problems.extend(problems);
        self.folders.push(path.to_owned());
        self.walk(path, &roots)
    }

    /// Depth first, names in order, without following links or entering layouts, version control and dependencies.
    fn walk(&mut self, folder: &Path, layouts: &[PathBuf]) -> anyhow::Result<()> {
        const SKIPPED: [&str; 6] = [".git", ".hg", ".svn", "node_modules", "target", ".venv"];
        let mut entries: Vec<_> = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<_, _>>) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.push(
                    Problem::undecided(ProblemKind::Unreachable, format!("list the folder: {error}"))
                        .at(Location::path(folder.display().to_string())),
                );
                return Ok(());
            }
        };
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.unreadable(&path, &error);
                    continue;
                }
            };
            if kind.is_dir() {
                let name = entry.file_name();
                if !SKIPPED.iter().any(|skipped| name == *skipped) && !layouts.contains(&path) {
                    self.walk(&path, layouts)?;
                }
            } else if kind.is_file() {
                self.files += 1;
                if self.files > MAX_FILES {
                    bail!("look at more than {MAX_FILES} files: name the folders that matter");
                }
                self.file(&path);
            } else if kind.is_symlink() && (looks_wanted(&path) || path.is_dir()) && !self.reaches(&path) {
                self.problems.push(
                    Problem::undecided(
                        ProblemKind::SeenNotRead,
                        "follow the symbolic link: links to what is not looked at under its own name are not followed",
                    )
                    .with_hint("name its target as a path of its own")
                    .at(Location::path(path.display().to_string())),
                );
            }
        }
        Ok(())
    }

    /// Whether a link's target lies below one of the folders and is looked at there under its own name.
    fn reaches(&self, link: &Path) -> bool {
        let Ok(target) = link.canonicalize() else { return false };
        if !target.is_dir() && !looks_wanted(&target) {
            return false;
        }
        self.folders.iter().filter_map(|folder| folder.canonicalize().ok()).any(|folder| target.starts_with(folder))
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        self.problems.push(
            Problem::undecided(ProblemKind::Unreachable, format!("read the file: {error}"))
                .at(Location::path(path.display().to_string())),
        );
    }

    fn file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let is_mark = path.file_name().and_then(|name| name.to_str()).is_some_and(rendered::is_mark);
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        let size = path.metadata().map(|m| m.len()).unwrap_or(0);
        if ends(&[".cdx.json", ".spdx.json", ".cyclonedx.json", ".spdx"]) || name == "bom.json" {
            if size <= MAX_SBOM {
                self.sboms.push(path.to_owned());
            } else {
                self.too_large(&shown, size);
            }
        } else if ends(&[".tar", ".tar.gz", ".tgz"]) {
            self.archives.push(path.to_owned());
        } else if kind_of(&name, "") == Some(FileKind::Dockerfile) {
            if size > MAX_TEXT {
                self.too_large(&shown, size);
                return;
            }
            match std::fs::read(path) {
                Ok(bytes) if is_utf16(&bytes) || bytes.contains(&0) => self.no_text(&shown),
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
                    self.texts.push((shown, text, FileKind::Dockerfile));
                }
                Err(error) => self.unreadable(path, &error),
            }
        } else if ends(&[".yaml", ".yml", ".json"]) || is_mark {
            self.yamls.push(path.to_owned());
        }
    }

    /// Manifests, and what charts and overlays become.
    fn manifests(&mut self, args: &RenderArgs) {
        let files = std::mem::take(&mut self.yamls);
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let rendered = rendered::render(&files, &self.folders, args, threads);
        for path in files.iter().filter(|path| !rendered.taken.contains(*path)) {
            let objects = self.texts.len();
            self.manifest(path);
            if rendered.partial.contains(path) {
                // A patch is no object, and the overlay that it is laid upon is told of below.
                self.texts.truncate(objects);
            }
        }
        for RenderedText { path, text } in rendered.texts {
            self.text(path, &text);
        }
        for Unrendered { mut problem, failed, hides } in rendered.unrendered {
            // Nobody looked at the images of these, which is no reason to let them pass; --no-render is somebody's word.
            if failed || hides {
                problem.effect = ProblemEffect::Undecided;
                self.problems.push(problem);
            }
        }
    }

    fn manifest(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let size = path.metadata().map(|m| m.len()).unwrap_or(0);
        if name == "kustomization" {
            // It names files, and no images of its own.
            return;
        }
        if size > MAX_TEXT {
            // Large YAML may be manifests; large JSON is data, unless it speaks of an API version.
            if !name.ends_with(".json") || mentions_api_version(path) {
                self.too_large(&shown, size);
            }
            return;
        }
        match std::fs::read(path) {
            Ok(bytes) if is_utf16(&bytes) => self.no_text(&shown),
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                self.text(shown, text.strip_prefix('\u{feff}').unwrap_or(&text));
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn text(&mut self, shown: String, text: &str) {
        let found = named_images(&shown, text);
        self.named.extend(found.images);
        self.problems.extend(found.problems);
        if found.objects > 0 {
            self.texts.push((shown, text.to_owned(), FileKind::Manifest));
        }
    }

    fn no_text(&mut self, shown: &str) {
        let what = "read the file: it is UTF-16 or binary, not UTF-8";
        self.problems.push(Problem::undecided(ProblemKind::BadInput, what).at(Location::path(shown)));
    }

    fn too_large(&mut self, shown: &str, size: u64) {
        self.problems.push(
            Problem::undecided(ProblemKind::LimitReached, format!("read the file: it has {size} bytes"))
                .at(Location::path(shown)),
        );
    }
}

fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Whether a file of that name would have been looked into.
fn looks_wanted(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    [".yaml", ".yml", ".json", ".tar", ".tar.gz", ".tgz", ".spdx"].iter().any(|suffix| name.ends_with(suffix))
        || kind_of(&name, "") == Some(FileKind::Dockerfile)
        || rendered::is_mark(&name)
}

/// Whether a file of any size holds the word that every Kubernetes object has; one that cannot be read may.
fn mentions_api_version(path: &Path) -> bool {
    use std::io::Read;
    const WORD: &str = "apiVersion";
    const PIECE: usize = 1 << 20;
    let Ok(mut file) = std::fs::File::open(path) else { return true };
    let mut piece = Vec::with_capacity(PIECE + WORD.len());
    loop {
        let before = piece.len();
        match file.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(_) if String::from_utf8_lossy(&piece).contains(WORD) => return true,
            Ok(_) if piece.len() == before => return false,
            // The word may stand across two pieces.
            Ok(_) => piece.drain(..piece.len().saturating_sub(WORD.len())).for_each(drop),
            Err(_) => return true,
        }
    }
}
