//! Charts and overlays: what Helm and Kustomize make of files that are no manifests yet. In: the files below the user's paths.
//! Out: rendered texts with the path of the template they come from, which files are spoken for by them, which are patches, and
//! what could not be rendered. What it does not do: lint, reach the network, or let a program of a chart run.
//!
//! Lines of a rendered text are those of `helm template --show-only TEMPLATE`, or of `kustomize build`.

mod chart;
mod kustomize;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;
use plimsoll_checks::lint::in_parallel;
use plimsoll_model::{Location, Problem, ProblemKind};

use crate::cli::RenderArgs;
use crate::program;

/// For one chart or overlay: large ones take two seconds.
const ONE_TIME: Duration = Duration::from_secs(30);
/// For all of a run, so that a thousand hostile charts do not take hours.
const ALL_TIME: Duration = Duration::from_secs(300);
/// What one chart or overlay may become; the largest in use are a tenth of it.
const MAX_OUTPUT: u64 = 16 << 20;
/// What a message shows of what a program says, in characters.
const MAX_WORDS: usize = 300;
/// Behind the path of a text that stands in no file.
const MARK: &str = " (rendered)";

/// A text that stands in no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedText {
    /// `chart/templates/web.yaml (rendered)`.
    pub path: String,
    pub text: String,
}

/// Something that was not rendered.
#[derive(Debug, Clone)]
pub struct Unrendered {
    pub problem: Problem,
    /// It was tried, and did not work.
    pub failed: bool,
    /// What would run may be another image, or another workload, than the files say.
    pub hides: bool,
}

/// What came of charts and overlays.
#[derive(Debug, Default)]
pub struct Rendered {
    pub texts: Vec<RenderedText>,
    /// Files that are no manifests, or that a rendered text speaks for.
    pub taken: HashSet<PathBuf>,
    /// Patches: parts of objects, which lack what the whole has.
    pub partial: HashSet<PathBuf>,
    pub unrendered: Vec<Unrendered>,
}

/// Renders what is a chart or an overlay among `files`; of a chart of which only templates are there, only these. Links may
/// lead to what lies below `roots`.
pub fn render(files: &[PathBuf], roots: &[PathBuf], args: &RenderArgs, threads: NonZeroUsize) -> Rendered {
    let mut rendered = Rendered::default();
    let charts = chart::find(files);
    let overlays = kustomize::find(files);
    if charts.is_empty() && overlays.is_empty() {
        return rendered;
    }
    chart::take(&charts, files, &mut rendered.taken);
    let path = std::env::var_os("PATH");
    let until = Instant::now() + ALL_TIME;
    if !charts.is_empty() {
        match program::find("helm", path.clone()).filter(|_| !args.no_render) {
            Some(helm) => {
                let render = |chart| chart::render(&helm, chart, &args.values, roots, until);
                let done = in_parallel(threads, charts.iter(), render);
                for (chart, done) in charts.iter().zip(done) {
                    match done {
                        Ok(texts) => rendered.texts.extend(texts),
                        Err(error) => rendered.unrendered.push(failed("the chart", &chart.file(), &error)),
                    }
                }
            }
            None => rendered.unrendered.push(absent_helm(&charts, args.no_render)),
        }
    }
    if !overlays.is_empty() {
        let program = kustomize::Program::find(path).filter(|_| !args.no_render);
        kustomize::render(program.as_ref(), args.no_render, &overlays, files, threads, until, &mut rendered);
    }
    rendered
}

/// Whether a file of this name makes its folder a chart or an overlay.
pub fn is_mark(name: &str) -> bool {
    name == chart::FILE || kustomize::FILES.contains(&name)
}

fn absent_helm(charts: &[chart::Chart], asked: bool) -> Unrendered {
    let number = charts.len();
    let what = if number == 1 { "the chart".to_owned() } else { format!("{number} charts, this one among them") };
    let why = if asked { "--no-render says so" } else { "helm is not on the PATH" };
    let message = format!("render {what}: {why}, so nobody looked at its templates");
    let place = charts.first().map(|chart| place(&chart.file())).unwrap_or_default();
    let problem = Problem::note(ProblemKind::SeenNotRead, message).at(place);
    let hint = "install helm, or lint what it renders: `helm template . | plimsoll lint -`";
    let problem = if asked { problem } else { problem.with_hint(hint) };
    Unrendered { problem, failed: false, hides: !asked }
}

fn failed(what: &str, file: &Path, error: &anyhow::Error) -> Unrendered {
    let message = format!("render {what}: {error:#}");
    let problem = Problem::note(ProblemKind::BadInput, message).at(place(file));
    let said = format!("{error:#}");
    let hint = if said.contains("dependencies") || said.contains("dependency") {
        "`helm dependency build` fetches what the chart needs"
    } else if said.starts_with("helm says") {
        "give what it needs with --values FILE, or leave it out with --no-render"
    } else {
        "--no-render leaves it out"
    };
    Unrendered { problem: problem.with_hint(hint), failed: true, hides: true }
}

/// A path as reports show it: without `./`, which says nothing.
fn shown(path: &Path) -> String {
    let shown = path.display().to_string();
    shown.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&shown).to_owned()
}

fn place(file: &Path) -> Location {
    Location::path(shown(file))
}

/// A command that knows nothing of the user but where programs and home are: no cluster, no plugin, no settings, no way out.
fn bare(program: &Path, scratch: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stderr(Stdio::piped());
    let kept = ["PATH", "HOME"].map(|name| (name, std::env::var_os(name)));
    command.envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))));
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR"] {
        command.env(name, scratch);
    }
    command.env("HELM_PLUGINS", "").env("KUBECONFIG", if cfg!(windows) { "NUL" } else { "/dev/null" });
    // Kustomize fetches what an overlay names by its address, with git or by itself: the first may speak no protocol, the
    // second has to ask a proxy on a port where nobody listens.
    command.env("GIT_ALLOW_PROTOCOL", "none").env("GIT_TERMINAL_PROMPT", "0");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command
}

/// What such a command writes.
fn written(command: Command, name: &str, until: Instant) -> anyhow::Result<String> {
    let time = ONE_TIME.min(until.saturating_duration_since(Instant::now()));
    if time.is_zero() {
        bail!("charts and overlays have had their {} seconds", ALL_TIME.as_secs());
    }
    let ran = program::run(command, name, b"", time, MAX_OUTPUT)?;
    if ran.status != Some(0) {
        let words = String::from_utf8_lossy(&ran.err);
        let line = words.lines().map(str::trim).rfind(|line| line.starts_with("Error:") || line.starts_with("error:"));
        let line = line.or_else(|| words.lines().map(str::trim).rfind(|line| !line.is_empty())).unwrap_or("no word");
        let cut: String = line.chars().take(MAX_WORDS).collect();
        bail!("{name} says {cut:?}");
    }
    match String::from_utf8(ran.out) {
        Ok(text) if text.contains('\0') => bail!("what {name} wrote is binary"),
        Ok(text) => Ok(text),
        Err(_) => bail!("what {name} wrote is not UTF-8"),
    }
}

/// Files by what the system calls them, for those that several names lead to.
fn by_real_path(files: &[PathBuf]) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let mut real: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for path in files {
        if let Ok(found) = path.canonicalize() {
            real.entry(found).or_default().insert(path.clone());
        }
    }
    real
}
