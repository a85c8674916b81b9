//! Helm charts. In: files. Out: the charts among them, and what `helm template` makes of each, a text a template. Whoever wrote
//! a chart is not trusted: links that lead out of what the user named, pipes, and too many or too large files are refused
//! before Helm reads a byte.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::{MARK, RenderedText, bare, shown, written};

/// What makes a folder a chart; Helm takes no other spelling.
pub const FILE: &str = "Chart.yaml";
/// Of a Chart.yaml; people write a few lines.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// Files of one chart, its dependencies' among them; the largest in use have two thousand.
const MAX_FILES: usize = 10_000;
/// Bytes of one chart: Helm holds all of them in memory.
const MAX_BYTES: u64 = 64 << 20;
/// Folders within folders; also where a circle of links ends.
const MAX_DEPTH: usize = 32;
/// Folders above a file that are looked at for its chart.
const MAX_UP: usize = 16;

/// A folder that Helm renders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub root: PathBuf,
    /// Only these templates are wanted; all where it is none.
    only: Option<BTreeSet<PathBuf>>,
}

impl Chart {
    pub fn file(&self) -> PathBuf {
        self.root.join(FILE)
    }
}

/// The charts that a list of files shows, those within others left out: they are rendered with them. A template leads to its chart,
/// though the chart's own description is not among the files.
pub fn find(files: &[PathBuf]) -> Vec<Chart> {
    let is_file = |path: &Path| path.file_name().is_some_and(|name| name == FILE);
    let roots: BTreeSet<&Path> = files.iter().map(|path| &**path).filter(|p| is_file(p)).filter_map(parent).collect();
    let inside = |root: &Path| root.ancestors().skip(1).any(|above| roots.contains(above));
    let whole = roots.iter().filter(|root| !inside(root)).map(|root| Chart { root: root.to_path_buf(), only: None });
    let mut charts: Vec<Chart> = whole.collect();
    let mut single: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    let mut known: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
    for path in files.iter().filter(|path| !path.ancestors().any(|a| roots.contains(a))) {
        let Some(folder) = path.parent() else { continue };
        let root = known.entry(folder.to_path_buf()).or_insert_with(|| chart_of(folder));
        if let Some(root) = root {
            single.entry(root.clone()).or_default().insert(absolute(path));
        }
    }
    charts.extend(single.into_iter().map(|(root, only)| Chart { root, only: Some(only) }));
    charts
}

fn parent(path: &Path) -> Option<&Path> {
    // The parent of a bare name is the empty path, which joins well and means the folder that we are in.
    path.parent()
}

/// The chart that a folder holds templates of, in the user's words where these reach up to it.
fn chart_of(folder: &Path) -> Option<PathBuf> {
    let above = |folder: &Path| {
        let mut templates = folder.ancestors().take(MAX_UP).filter(|f| f.file_name().is_some_and(|f| f == "templates"));
        templates.find_map(|folder| folder.parent().filter(|root| root.join(FILE).is_file())).map(Path::to_path_buf)
    };
    above(folder).or_else(|| above(&absolute(folder)))
}

fn absolute(path: &Path) -> PathBuf {
    // The empty path is the folder that we are in.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Takes the files of charts that are no manifests: templates, dependencies, values, and the chart's own description.
pub fn take(charts: &[Chart], files: &[PathBuf], taken: &mut HashSet<PathBuf>) {
    let roots: HashSet<PathBuf> = charts.iter().map(|chart| absolute(&chart.root)).collect();
    for given in files {
        let path = absolute(given);
        let below = path.ancestors().skip(1).find_map(|root| roots.contains(root).then(|| path.strip_prefix(root)));
        let Some(Ok(below)) = below else { continue };
        let mut parts = below.components().filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        });
        let (first, deeper) = (parts.next().unwrap_or_default(), parts.next().is_some());
        let own = match first {
            "templates" | "charts" | "ci" => deeper,
            FILE | "Chart.lock" => !deeper,
            name => !deeper && name.starts_with("values"),
        };
        if own {
            taken.insert(given.clone());
        }
    }
}

/// What Helm makes of a chart with its own values and these.
pub fn render(
    helm: &Path,
    chart: &Chart,
    values: &[PathBuf],
    roots: &[PathBuf],
    until: Instant,
) -> anyhow::Result<Vec<RenderedText>> {
    let folder = if chart.root.as_os_str().is_empty() { Path::new(".") } else { &chart.root };
    let real = folder.canonicalize().context("find its folder")?;
    let mut allowed: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    allowed.push(real.clone());
    Looked { root: &real, allowed: &allowed, files: 0, bytes: 0 }.look(&real, 0)?;
    let description = crate::assess::read_bounded(&real.join(FILE), MAX_DESCRIPTION)?;
    let description = String::from_utf8(description).context("read its Chart.yaml")?;
    let (trees, _) = plimsoll_yaml::documents(&description);
    let kind = trees.first().and_then(|tree| tree.get("type")).and_then(|kind| kind.string());
    // A library has no objects of its own; Helm refuses to render one.
    if kind == Some("library") {
        return Ok(Vec::new());
    }
    let scratch = tempfile::Builder::new().prefix("plimsoll-helm-").tempdir().context("make a folder for helm")?;
    let mut command = bare(helm, scratch.path());
    command.current_dir(scratch.path());
    command.args(["template", "release"]).arg(&real).args(["--namespace", "release-namespace"]);
    for file in values {
        let file = file.canonicalize().with_context(|| format!("find the values {}", file.display()))?;
        command.arg("--values").arg(file);
    }
    let text = written(command, "helm", until)?;
    let texts = by_template(&text, &chart.root);
    // What says that it comes from no template of the chart may come from any: it is kept.
    let stray = |path: &Path| !path.is_file() || path == chart.file();
    let wanted = |path: &Path| chart.only.as_ref().is_none_or(|only| only.contains(&absolute(path)) || stray(path));
    let texts = texts.into_iter().filter(|(path, _)| wanted(path));
    Ok(texts.map(|(path, text)| RenderedText { path: format!("{}{MARK}", shown(&path)), text }).collect())
}

/// The rendered text by the template that `# Source:` names; what names none is the chart's as a whole.
fn by_template(text: &str, root: &Path) -> BTreeMap<PathBuf, String> {
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut at = root.join(FILE);
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if line.trim_end() == "---"
            && let Some(source) = lines.peek().and_then(|next| next.strip_prefix("# Source: "))
        {
            at = template(source.trim(), root).unwrap_or_else(|| root.join(FILE));
        }
        texts.entry(at.clone()).or_default().push_str(line);
    }
    texts.retain(|_, text| !text.trim().is_empty());
    texts
}

/// `name/templates/web.yaml` as a path below the chart's folder: the name is the chart's own and need not be the folder's.
/// Anybody may write such a comment, so that only what stays within the folder is believed.
fn template(source: &str, root: &Path) -> Option<PathBuf> {
    let (_, below) = source.split_once('/')?;
    let inside = Path::new(below).components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !below.chars().any(char::is_control)).then(|| root.join(below))
}

/// A chart's files, before Helm sees them.
struct Looked<'a> {
    root: &'a Path,
    allowed: &'a [PathBuf],
    files: usize,
    bytes: u64,
}

impl Looked<'_> {
    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }

    fn look(&mut self, folder: &Path, depth: usize) -> anyhow::Result<()> {
        if depth > MAX_DEPTH {
            bail!("its folders nest deeper than {MAX_DEPTH}, or links go in a circle");
        }
        for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", self.name(folder)))? {
            let path = entry.with_context(|| format!("list {}", self.name(folder)))?.path();
            let meta = path.symlink_metadata().with_context(|| format!("look at {}", self.name(&path)))?;
            if meta.is_symlink() {
                let target = path.canonicalize().with_context(|| format!("follow the link {}", self.name(&path)))?;
                if !self.allowed.iter().any(|folder| target.starts_with(folder)) {
                    bail!("the link {} leads out of the folder", self.name(&path));
                }
            }
            let meta = path.metadata().with_context(|| format!("look at {}", self.name(&path)))?;
            self.files += 1;
            if meta.is_dir() {
                self.look(&path, depth + 1)?;
            } else if meta.is_file() {
                self.bytes = self.bytes.saturating_add(meta.len());
            } else {
                bail!("{} is neither a file nor a folder", self.name(&path));
            }
            if self.files > MAX_FILES || self.bytes > MAX_BYTES {
                bail!("it has more than {MAX_FILES} files or {} MiB", MAX_BYTES >> 20);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn charts_within_charts_are_part_of_them() {
        let all = files(&["a/Chart.yaml", "a/charts/b/Chart.yaml", "c/d/Chart.yaml", "Chart.yml"]);
        let roots: Vec<_> = find(&all).into_iter().map(|chart| chart.root).collect();
        assert_eq!(roots, [PathBuf::from("a"), PathBuf::from("c/d")]);
        let all = files(&[
            "Chart.yaml",
            "templates/a.yaml",
            "crds/a.yaml",
            "values-x.yaml",
            "charts/b/crds/c.yaml",
            "x.yaml",
        ]);
        let mut taken = HashSet::new();
        take(&find(&all), &all, &mut taken);
        let left: Vec<_> = all.iter().filter(|path| !taken.contains(*path)).collect();
        assert_eq!(left, [Path::new("crds/a.yaml"), Path::new("x.yaml")]);
    }

    #[test]
    fn rendered_text_goes_to_the_template_it_names_and_to_no_other_place() {
        let text = "---\n# Source: shop/templates/a.yaml\na: 1\n---\n# Source: shop/templates/b.yaml\nb: 1\n---\nb: 2\n---\n\
                    # Source: shop/templates/a.yaml\na: 2\n---\n# Source: shop/../../etc/passwd\nevil: 1\n";
        let texts = by_template(text, Path::new("c"));
        let of = |path: &str| texts.get(Path::new(path)).map(String::as_str).unwrap_or_default();
        assert_eq!(
            of("c/templates/a.yaml"),
            "---\n# Source: shop/templates/a.yaml\na: 1\n---\n# Source: shop/templates/a.yaml\na: 2\n"
        );
        assert_eq!(of("c/templates/b.yaml"), "---\n# Source: shop/templates/b.yaml\nb: 1\n---\nb: 2\n");
        assert!(of("c/Chart.yaml").contains("evil"));
        assert_eq!(texts.len(), 3);
    }
}
