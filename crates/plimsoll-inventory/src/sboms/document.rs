//! What the formats have in common. In: components, their properties, what hangs on what. Out: the inventory. Trivy's own
//! properties (layer, file, source package, kind) are obeyed, so that its documents give what the image gave.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::purl::PackageUrl;
use plimsoll_model::{Digest, Distro, Inventory, Layer, Location, Package, Problem, ProblemKind, SourcePackage};

use super::{SbomInventory, SbomKind, purls};
use crate::depends::Depends;

/// What a component is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComponentKind {
    /// The thing that the document is about: an image, a folder.
    Subject,
    OperatingSystem,
    /// A lockfile, a program: packages hang on it.
    Application,
    /// Something that must be a package; without a package URL it cannot be judged.
    Library,
    /// Files, devices, data.
    #[default]
    Other,
}

#[derive(Debug, Default)]
pub struct Component {
    /// How the document refers to it.
    pub reference: String,
    /// Kept in the inventory: formats whose references mean nothing outside leave it empty.
    pub bom_ref: Option<String>,
    pub kind: ComponentKind,
    pub name: String,
    pub version: String,
    pub purl: Option<String>,
    pub licenses: Vec<String>,
    /// Trivy's properties without their prefix: `LayerDiffID`, `SrcName`, …
    pub properties: Vec<(String, String)>,
    /// SPDX's free text on origin.
    pub source_info: String,
}

impl Component {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.properties.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
pub struct Document {
    pub components: Vec<Component>,
    /// From whole to parts, from package to what it needs.
    pub edges: Vec<(String, Vec<String>)>,
    pub problems: Vec<Problem>,
}

/// How many names a message lists.
const NAMES_SHOWN: usize = 5;
/// And how many characters of each.
const NAME_SHOWN: usize = 120;

impl Document {
    pub fn inventory(self, kind: SbomKind) -> SbomInventory {
        let reader = kind.trivy_name();
        let subject = self.components.iter().find(|c| c.kind == ComponentKind::Subject);
        let of_subject = |name| subject.into_iter().flat_map(|s| s.all(name)).map(str::to_owned).collect::<Vec<_>>();
        let mut layers = Layers::default();
        for diff_id in of_subject("DiffID") {
            layers.index(Some(&diff_id), None);
        }
        let applications = applications(&self.components, &self.edges);
        let mut packages: Vec<Package> = Vec::new();
        let mut package_of: BTreeMap<&str, usize> = BTreeMap::new();
        let mut named_distro: Option<Distro> = None;
        let mut nameless: Vec<&str> = Vec::new();
        let mut unknown: Vec<&str> = Vec::new();
        let mut images: Vec<&str> = Vec::new();
        for component in self.components.iter().filter(|c| c.kind != ComponentKind::Subject) {
            let url = component.purl.as_deref().map(PackageUrl::parse);
            let url = match (url, component.kind) {
                (_, ComponentKind::OperatingSystem) | (None, ComponentKind::Application | ComponentKind::Other) => {
                    continue;
                }
                (None, _) => {
                    nameless.push(&component.name);
                    continue;
                }
                (Some(None), _) => {
                    unknown.push(component.purl.as_deref().unwrap_or_default());
                    continue;
                }
                (Some(Some(url)), _) => url,
            };
            if matches!(url.kind.as_str(), "oci" | "docker") {
                images.push(&component.name);
                continue;
            }
            let Some(mut package) = purls::package(&url, reader) else {
                unknown.push(component.purl.as_deref().unwrap_or_default());
                continue;
            };
            named_distro = named_distro.or_else(|| purls::distro(&url));
            fill(&mut package, component);
            package.location.layer = layers.index(component.property("LayerDiffID"), component.property("LayerDigest"));
            if let Some(application) = applications.get(component.reference.as_str())
                && !package.ecosystem.is_os()
            {
                package.reader = application.property("Type").unwrap_or(reader).to_owned();
                if package.location.path.is_empty() {
                    package.location.path.clone_from(&application.name);
                }
            }
            package_of.insert(&component.reference, packages.len());
            packages.push(package);
        }
        let mut problems = self.problems;
        let mut report = |count: &[&str], effect: fn(ProblemKind, String) -> Problem, what: &str, hint: &str| {
            if !count.is_empty() {
                let short = |name: &&str| name.chars().take(NAME_SHOWN).collect::<String>();
                let mut names = count.iter().take(NAMES_SHOWN).map(short).collect::<Vec<_>>().join(", ");
                if count.len() > NAMES_SHOWN {
                    names.push_str(", …");
                }
                let message = format!("read {} of the document's components: {what}: {names}", count.len());
                problems.push(effect(ProblemKind::UnreadableMetadata, message).with_hint(hint));
            }
        };
        report(&nameless, Problem::undecided, "they have no package URL", "make the document with package URLs (purl)");
        report(&unknown, Problem::undecided, "their package URLs are of no known type", "see the package-url types");
        report(&images, Problem::note, "they are images", "check each image by itself");

        depend(&mut packages, &package_of, &self.edges, &mut problems);
        let os = self.components.iter().find(|c| c.kind == ComponentKind::OperatingSystem);
        let distro = os.map(|os| purls::known_distro(&os.name, &os.version)).or(named_distro);
        if distro.is_none() && packages.iter().any(|p| p.ecosystem.is_os()) {
            problems.push(
                Problem::undecided(
                    ProblemKind::UnknownDistro,
                    "tell the distribution: the document lists its packages and does not name it",
                )
                .with_hint("add a component of type operating-system"),
            );
        }
        packages.sort_by(|a, b| {
            let key = |p: &Package| (p.ecosystem, p.location.path.clone(), p.name.clone(), p.version.clone());
            key(a).cmp(&key(b)).then_with(|| a.bom_ref.cmp(&b.bom_ref))
        });
        SbomInventory {
            kind,
            image_id: subject.and_then(|s| s.property("ImageID")).and_then(|id| id.parse().ok()),
            repo_tags: of_subject("RepoTag"),
            repo_digests: of_subject("RepoDigest"),
            reference: subject.and_then(|s| s.property("Reference")).map(str::to_owned),
            inventory: Inventory { distro, packages, layers: layers.layers, problems, ..Inventory::default() },
        }
    }
}

/// Facts that stand beside the package URL.
fn fill(package: &mut Package, component: &Component) {
    package.licenses.clone_from(&component.licenses);
    package.given_purl.clone_from(&component.purl);
    package.bom_ref.clone_from(&component.bom_ref);
    package.location = Location::path(component.property("FilePath").unwrap_or_default());
    if let Some(label) = component.property("Modularitylabel") {
        package.module = Some(label.to_owned());
    }
    if !package.ecosystem.is_os() {
        return;
    }
    if let Some(name) = component.property("SrcName") {
        let version = match component.property("SrcVersion") {
            Some(version) => {
                let epoch = component.property("SrcEpoch").filter(|epoch| *epoch != "0");
                let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
                let release = component.property("SrcRelease").map(|release| format!("-{release}")).unwrap_or_default();
                format!("{epoch}{version}{release}")
            }
            None => package.version.clone(),
        };
        package.source = Some(SourcePackage { name: name.to_owned(), version });
    } else if let Some(built) = component.source_info.strip_prefix("built package from: ")
        && let Some((name, version)) = built.trim().rsplit_once(' ')
    {
        package.source = Some(SourcePackage { name: name.to_owned(), version: version.to_owned() });
    }
}

/// The layers that a document names, each once.
#[derive(Default)]
struct Layers {
    layers: Vec<Layer>,
    by_diff_id: BTreeMap<Digest, usize>,
}

impl Layers {
    fn index(&mut self, diff_id: Option<&str>, digest: Option<&str>) -> Option<usize> {
        let diff_id: Digest = diff_id?.parse().ok()?;
        let layers = &mut self.layers;
        let index = *self.by_diff_id.entry(diff_id.clone()).or_insert_with(|| {
            layers.push(Layer { diff_id: Some(diff_id), ..Layer::default() });
            layers.len() - 1
        });
        if let (Some(layer), Some(digest)) = (self.layers.get_mut(index), digest) {
            layer.digest = layer.digest.take().or_else(|| digest.parse().ok());
        }
        Some(index)
    }
}

/// For every component that hangs on a lockfile or program, directly or through others, which one that is. The first in the
/// document wins.
fn applications<'a>(
    components: &'a [Component],
    edges: &'a [(String, Vec<String>)],
) -> BTreeMap<&'a str, &'a Component> {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        needs.entry(from).or_default().extend(to.iter().map(String::as_str));
    }
    let mut found: BTreeMap<&str, &Component> = BTreeMap::new();
    let own = |c: &&Component| c.kind == ComponentKind::Application && c.purl.is_none() && c.property("Type").is_some();
    let mut started = BTreeSet::new();
    for application in components.iter().filter(own).filter(|c| started.insert(c.reference.as_str())) {
        let mut queue = vec![application.reference.as_str()];
        while let Some(from) = queue.pop() {
            for to in needs.get(from).into_iter().flatten() {
                if !found.contains_key(to) {
                    found.insert(to, application);
                    queue.push(to);
                }
            }
        }
    }
    found
}

fn depend(
    packages: &mut [Package],
    package_of: &BTreeMap<&str, usize>,
    edges: &[(String, Vec<String>)],
    problems: &mut Vec<Problem>,
) {
    let mut needs: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (from, to) in edges {
        if let Some(from) = package_of.get(from.as_str()) {
            needs.entry(*from).or_default().extend(to.iter().filter_map(|to| package_of.get(to.as_str())));
        }
    }
    let mut depends = Depends::default();
    let lists: Vec<(usize, Vec<String>)> = needs
        .into_iter()
        .map(|(from, to)| {
            let ids = to.iter().filter_map(|to| packages.get(*to)).map(|p| (p.name.as_str(), p.version.as_str()));
            (from, depends.list(ids))
        })
        .collect();
    for (from, list) in lists {
        packages[from].depends_on = list;
    }
    problems.extend(depends.problem());
}
