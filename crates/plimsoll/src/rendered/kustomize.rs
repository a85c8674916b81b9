//! Kustomize's folders. In: files. Out: the overlays among them, what Kustomize builds of those that no other one builds upon,
//! and which files are patches. What is fetched from elsewhere is not: such an overlay stays as it stands.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use plimsoll_checks::lint::in_parallel;
use plimsoll_model::{Problem, ProblemKind};
use plimsoll_yaml::Node;

use super::{MARK, Rendered, RenderedText, Unrendered, bare, by_real_path, failed, place, shown, written};
use crate::program;

/// What makes a folder an overlay.
pub const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// People write some kilobytes.
const MAX_FILE: u64 = 1 << 20;
/// A file that an overlay reads.
const MAX_RESOURCE: u64 = 16 << 20;
/// Overlays that one builds upon; also where a circle of them ends.
const MAX_BASES: usize = 1_000;
/// Fields that take other images or objects than the files have.
const CHANGING: [&str; 10] = [
    "images",
    "helmCharts",
    "replacements",
    "transformers",
    "generators",
    "vars",
    "namespace",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
];

/// A folder that Kustomize builds.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// As the user sees it.
    file: PathBuf,
    /// Of the folder, as the system knows it.
    root: PathBuf,
    component: bool,
    /// Other overlays' folders, as the system knows them.
    bases: BTreeSet<PathBuf>,
    resources: BTreeSet<PathBuf>,
    patches: BTreeSet<PathBuf>,
    /// What it names and is not here: an address, mostly.
    elsewhere: Vec<String>,
    changes: bool,
    fault: Option<String>,
}

/// What builds overlays.
pub struct Program {
    path: PathBuf,
    name: &'static str,
    /// What stands before the folder.
    word: &'static str,
}

impl Program {
    pub fn find(path: Option<OsString>) -> Option<Program> {
        let kustomize = program::find("kustomize", path.clone());
        let kustomize = kustomize.map(|path| Program { path, name: "kustomize", word: "build" });
        let kubectl =
            || program::find("kubectl", path).map(|path| Program { path, name: "kubectl", word: "kustomize" });
        kustomize.or_else(kubectl)
    }
}

/// The overlays that a list of files shows.
pub fn find(files: &[PathBuf]) -> Vec<Overlay> {
    let is_file =
        |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| FILES.contains(&name));
    files.iter().filter(|path| is_file(path)).map(|path| Overlay::read(path)).collect()
}

impl Overlay {
    fn read(file: &Path) -> Overlay {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let root = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let mut overlay = Overlay { file: file.to_path_buf(), root, ..Overlay::default() };
        let text = match text_of(file) {
            Ok(text) => text,
            Err(error) => {
                overlay.fault = Some(format!("{error:#}"));
                return overlay;
            }
        };
        let (trees, fault) = plimsoll_yaml::documents(&text);
        overlay.fault = fault.map(|fault| fault.message);
        let Some(tree) = trees.first() else { return overlay };
        overlay.component = tree.get("kind").and_then(|kind| kind.string()) == Some("Component");
        overlay.changes = CHANGING.iter().any(|field| tree.get(field).is_some());
        for field in ["resources", "bases", "components", "crds"] {
            strings(tree, field).for_each(|name| overlay.add(name));
        }
        let paths = ["patches", "patchesJson6902"].into_iter().flat_map(|field| items(tree, field));
        let paths = paths.filter_map(|patch| patch.get("path").and_then(|path| path.string()));
        // A strategic patch may stand there itself: then it has lines.
        let strategic = strings(tree, "patchesStrategicMerge").filter(|text| !text.contains('\n'));
        for path in paths.chain(strategic) {
            overlay.patches.extend(overlay.root.join(path).canonicalize().ok());
        }
        overlay
    }

    fn add(&mut self, name: &str) {
        match self.root.join(name).canonicalize() {
            Ok(path) if path.is_dir() => drop(self.bases.insert(path)),
            Ok(path) => drop(self.resources.insert(path)),
            Err(_) => self.elsewhere.push(name.to_owned()),
        }
    }
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let meta = file.metadata().context("read it")?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        bail!("read it: no file of {} MiB at most", MAX_FILE >> 20);
    }
    std::fs::read_to_string(file).context("read it")
}

fn items<'n>(tree: &'n Arc<Node>, field: &str) -> impl Iterator<Item = &'n Arc<Node>> + use<'n> {
    tree.get(field).map(|list| list.items()).unwrap_or_default().iter()
}

fn strings<'n>(tree: &'n Arc<Node>, field: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    items(tree, field).filter_map(|item| item.string())
}

/// An overlay with everything that it builds upon.
struct Whole {
    parts: Vec<Overlay>,
}

impl Whole {
    fn of(overlay: &Overlay, known: &BTreeMap<PathBuf, Overlay>) -> Whole {
        let mut parts = vec![overlay.clone()];
        let mut seen: HashSet<PathBuf> = HashSet::from([overlay.root.clone()]);
        let mut at = 0;
        while at < parts.len() && parts.len() <= MAX_BASES {
            for base in parts[at].bases.clone() {
                if seen.insert(base.clone()) {
                    let file = FILES.iter().map(|name| base.join(name)).find(|file| file.is_file());
                    parts.extend(known.get(&base).cloned().or_else(|| file.map(|file| Overlay::read(&file))));
                }
            }
            at += 1;
        }
        Whole { parts }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.parts.iter().flat_map(|part| part.resources.iter().chain(&part.patches))
    }

    /// Why it is not given to a program.
    fn refused(&self) -> anyhow::Result<()> {
        if self.parts.len() > MAX_BASES {
            bail!("it builds upon more than {MAX_BASES} others");
        }
        for part in &self.parts {
            if let Some(fault) = &part.fault {
                bail!("{}: {fault}", part.file.display());
            }
        }
        for file in self.files() {
            let meta = file.metadata().with_context(|| format!("read {}", file.display()))?;
            if !meta.is_file() || meta.len() > MAX_RESOURCE {
                bail!("{} is no file of {} MiB at most", file.display(), MAX_RESOURCE >> 20);
            }
        }
        Ok(())
    }
}

/// Builds the overlays upon which no other one builds; without a program their files stay as they stand, which may be what
/// the user `asked` for.
pub fn render(
    program: Option<&Program>,
    asked: bool,
    overlays: &[Overlay],
    files: &[PathBuf],
    threads: NonZeroUsize,
    until: Instant,
    rendered: &mut Rendered,
) {
    let real = by_real_path(files);
    let known: BTreeMap<PathBuf, Overlay> =
        overlays.iter().map(|overlay| (overlay.root.clone(), overlay.clone())).collect();
    let used: HashSet<&PathBuf> = overlays.iter().flat_map(|overlay| &overlay.bases).collect();
    let tops = known.values().filter(|overlay| !overlay.component && !used.contains(&overlay.root));
    let mut wholes: Vec<Whole> = tops.map(|overlay| Whole::of(overlay, &known)).collect();
    // In a circle each is another's base, and none would be told of.
    let met: HashSet<PathBuf> = wholes.iter().flat_map(|whole| &whole.parts).map(|part| part.root.clone()).collect();
    let circles = known.values().filter(|overlay| !overlay.component && !met.contains(&overlay.root));
    wholes.extend(circles.map(|overlay| Whole::of(overlay, &known)));
    let built = in_parallel(threads, wholes.iter(), |whole| {
        let program = program.filter(|_| whole.parts.iter().all(|part| part.elsewhere.is_empty()))?;
        Some(whole.refused().and_then(|()| build(program, &whole.parts[0], until)))
    });
    let mut left = Vec::new();
    for (whole, built) in wholes.iter().zip(built) {
        match built {
            Some(Ok(text)) => {
                rendered.texts.push(text);
                let own = whole.parts.iter().filter_map(|part| part.file.canonicalize().ok());
                let taken = own.collect::<Vec<_>>();
                let names = whole.files().chain(&taken).filter_map(|file| real.get(file)).flatten();
                rendered.taken.extend(names.cloned());
            }
            Some(Err(error)) => {
                let mut failed = failed("the overlay", &whole.parts[0].file, &error);
                failed.problem.hint = Some("its files are linted as they stand".into());
                rendered.unrendered.push(failed);
            }
            None => left.push(whole),
        }
    }
    rendered.unrendered.extend(left_as_they_stand(&left, program.is_none(), asked));
    for overlay in overlays {
        let patches = overlay.patches.iter().filter_map(|file| real.get(file)).flatten();
        rendered.partial.extend(patches.cloned());
    }
}

fn build(program: &Program, overlay: &Overlay, until: Instant) -> anyhow::Result<RenderedText> {
    let scratch = tempfile::Builder::new().prefix("plimsoll-kustomize-").tempdir().context("make a folder")?;
    let mut command = bare(&program.path, scratch.path());
    command.current_dir(scratch.path()).arg(program.word).arg(&overlay.root);
    let text = written(command, program.name, until)?;
    Ok(RenderedText { path: format!("{}{MARK}", shown(&overlay.file)), text })
}

/// Overlays whose files are looked at by themselves: said once where no program is there, else one by one.
fn left_as_they_stand(left: &[&Whole], no_program: bool, asked: bool) -> Vec<Unrendered> {
    let hides = |whole: &Whole| {
        whole.parts.iter().any(|part| part.changes || part.fault.is_some() || !part.elsewhere.is_empty())
    };
    let at = |whole: &Whole| place(&whole.parts[0].file);
    let note = |message: String| Problem::note(ProblemKind::SeenNotRead, message);
    if no_program {
        let Some(first) = left.iter().find(|whole| hides(whole)).or(left.first()) else { return Vec::new() };
        let number = match left.len() {
            1 => "the overlay".to_owned(),
            number => format!("{number} overlays, this one among them"),
        };
        let why = if asked { "--no-render says so" } else { "neither kustomize nor kubectl is on the PATH" };
        let message = format!("build {number}: {why}, so the files are looked at as they stand");
        let problem = note(message).at(at(first));
        let problem = if asked { problem } else { problem.with_hint("install kustomize or kubectl") };
        return vec![Unrendered { problem, failed: false, hides: !asked && hides(first) }];
    }
    let one = |whole: &&Whole| {
        let named = whole.parts.iter().flat_map(|part| &part.elsewhere).next()?;
        let cut: String = named.chars().take(super::MAX_WORDS).collect();
        let message = format!("build the overlay: it takes {cut:?} from elsewhere, and nothing is fetched");
        Some(Unrendered { problem: note(message).at(at(whole)), failed: false, hides: true })
    };
    left.iter().filter_map(one).collect()
}
