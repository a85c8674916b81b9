//! Trivy's grouping: one result per operating system, per lockfile, per binary, or per aggregated language; one row per
//! vulnerability and installed package. In: an assessment and the filters of the command line. Out: groups of rows.

use plimsoll_model::{Assessment, Ecosystem, Fix, Match, MatchState, Package, Relationship, Severity, SubjectKind};

/// How Trivy files a reader's packages.
struct Filing {
    /// The reader's id, as the inventory names it.
    reader: &'static str,
    /// Trivy's result type.
    kind: &'static str,
    /// The target of an aggregated type; none = the file's path.
    aggregate: Option<&'static str>,
    /// Whether Trivy gives its packages an id.
    has_id: bool,
}

const fn file(reader: &'static str, kind: &'static str) -> Filing {
    Filing { reader, kind, aggregate: None, has_id: true }
}

const fn many(reader: &'static str, kind: &'static str, target: &'static str) -> Filing {
    Filing { reader, kind, aggregate: Some(target), has_id: false }
}

const FILINGS: &[Filing] = &[
    file("cargo-lock", "cargo"),
    file("cargo-auditable", "rustbinary"),
    file("go-binary", "gobinary"),
    file("go-mod", "gomod"),
    file("npm-lock", "npm"),
    file("requirements-txt", "pip"),
    file("poetry-lock", "poetry"),
    many("python-dist-info", "python-pkg", "Python"),
    many("python-egg-info", "python-pkg", "Python"),
    many("node-package-json", "node-pkg", "Node.js"),
    many("jar", "jar", "Java"),
    many("gemspec", "gemspec", "Ruby"),
];

/// What an SBOM's packages are filed as, where it does not say.
const BY_ECOSYSTEM: &[(Ecosystem, &str, &str)] = &[
    (Ecosystem::Pypi, "python-pkg", "Python"),
    (Ecosystem::Npm, "node-pkg", "Node.js"),
    (Ecosystem::Maven, "jar", "Java"),
    (Ecosystem::Gem, "gemspec", "Ruby"),
    (Ecosystem::Go, "gobinary", ""),
    (Ecosystem::Cargo, "rustbinary", ""),
    (Ecosystem::Kubernetes, "kubernetes", "Kubernetes"),
    (Ecosystem::Conda, "conda-pkg", "Conda"),
    (Ecosystem::Composer, "composer", ""),
    (Ecosystem::Nuget, "nuget", ""),
    (Ecosystem::Conan, "conan", ""),
    (Ecosystem::Hex, "hex", ""),
    (Ecosystem::Pub, "pub", ""),
    (Ecosystem::Swift, "swift", ""),
    (Ecosystem::Cocoapods, "cocoapods", ""),
    (Ecosystem::Julia, "julia", ""),
    (Ecosystem::Bitnami, "bitnami", "Bitnami"),
];

/// Which rows the user wants.
#[derive(Debug, Clone)]
pub struct Filter {
    pub severities: Vec<Severity>,
    pub ignore_unfixed: bool,
    /// Ids of `.trivyignore`.
    pub ignored: Vec<String>,
    pub os: bool,
    pub library: bool,
    pub vulnerabilities: bool,
    pub all_packages: bool,
    pub dev_dependencies: bool,
}

/// One vulnerability in one installed package.
#[derive(Debug)]
pub struct Row<'a> {
    pub matched: &'a Match,
    pub package: &'a Package,
}

impl Row<'_> {
    /// All fixed versions, as Trivy joins them.
    pub fn fixed_version(&self) -> String {
        self.matched.fix.versions().join(", ")
    }

    /// Trivy's status word.
    pub fn status(&self) -> &'static str {
        match &self.matched.fix {
            Fix::Available { .. } => "fixed",
            Fix::None => "affected",
            Fix::WontFix => "will_not_fix",
            Fix::Deferred => "fix_deferred",
            Fix::EndOfLife => "end_of_life",
            Fix::UnderInvestigation => "under_investigation",
        }
    }
}

/// One of Trivy's results.
#[derive(Debug)]
pub struct ResultGroup<'a> {
    pub target: String,
    pub class: &'static str,
    pub kind: String,
    /// Indexes into the inventory's packages, in Trivy's order; only where all packages are listed.
    pub packages: Vec<usize>,
    pub rows: Vec<Row<'a>>,
    aggregated: bool,
    has_id: bool,
}

impl ResultGroup<'_> {
    /// Trivy's package id: `name@version`, rpm with its architecture and without its epoch, none for packages that stand alone.
    pub fn package_id(&self, package: &Package) -> String {
        if !self.has_id {
            return String::new();
        }
        match package.ecosystem {
            Ecosystem::Rpm => {
                let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
                match &package.arch {
                    Some(arch) => format!("{}@{version}.{arch}", package.name),
                    None => format!("{}@{version}", package.name),
                }
            }
            Ecosystem::Maven => format!("{}:{}", package.name, package.version),
            _ => package.id(),
        }
    }

    /// Aggregated results show each package's own path.
    pub fn shown_path<'p>(&self, package: &'p Package) -> &'p str {
        if self.aggregated { &package.location.path } else { "" }
    }

    /// The analyser that Trivy would name.
    pub fn analyzer(&self, _package: &Package) -> String {
        self.kind.clone()
    }
}

/// Groups in Trivy's order: the operating system first, then languages by target.
pub fn groups<'a>(assessment: &'a Assessment, artifact_name: &str, filter: &Filter) -> Vec<ResultGroup<'a>> {
    let inventory = &assessment.inventory;
    let mut groups: Vec<ResultGroup<'a>> = Vec::new();
    if let Some(distro) = &inventory.distro
        && filter.os
    {
        groups.push(ResultGroup {
            target: format!("{artifact_name} ({distro})"),
            class: "os-pkgs",
            kind: distro.family.name().to_owned(),
            packages: Vec::new(),
            rows: Vec::new(),
            aggregated: false,
            has_id: true,
        });
    }
    let from_sbom = assessment.subject.kind == SubjectKind::Sbom;
    let mut group_of: Vec<Option<usize>> = Vec::with_capacity(inventory.packages.len());
    let mut languages: Vec<ResultGroup<'a>> = Vec::new();
    for package in &inventory.packages {
        group_of.push(if package.ecosystem.is_os() {
            (!groups.is_empty()).then_some(0)
        } else if !filter.library || (package.dev && !filter.dev_dependencies) {
            None
        } else {
            let wanted = filing(package, from_sbom);
            let found = languages.iter().position(|g| g.target == wanted.target && g.kind == wanted.kind);
            let at = found.unwrap_or_else(|| {
                languages.push(wanted);
                languages.len() - 1
            });
            // Language groups follow the operating system's, which may not be there.
            Some(at + groups.len())
        });
    }
    groups.append(&mut languages);
    if filter.vulnerabilities {
        for found in &assessment.matches {
            if !wanted(found, filter) {
                continue;
            }
            for &index in &found.packages {
                if let (Some(Some(group)), Some(package)) = (group_of.get(index), inventory.packages.get(index)) {
                    groups[*group].rows.push(Row { matched: found, package });
                }
            }
        }
    }
    if filter.all_packages {
        for (index, group) in group_of.iter().enumerate() {
            if let Some(group) = group {
                groups[*group].packages.push(index);
            }
        }
    }
    for group in &mut groups {
        group.packages.sort_by_cached_key(|&i| inventory.packages.get(i).map(package_rank));
        group.rows.sort_by_cached_key(|row| {
            (
                row.package.name.clone(),
                row.package.version.clone(),
                std::cmp::Reverse(row.matched.severity),
                row.matched.id.clone(),
                row.package.location.path.clone(),
            )
        });
    }
    let os = groups.first().is_some_and(|g| g.class == "os-pkgs");
    groups[usize::from(os)..].sort_by(|a, b| a.target.cmp(&b.target).then_with(|| a.kind.cmp(&b.kind)));
    // A language without rows is shown only where its packages are, or where it is all that the run looked at.
    groups.retain(|g| g.class == "os-pkgs" || !g.rows.is_empty() || !g.packages.is_empty());
    groups
}

/// Root, workspace, direct, indirect, and those that nobody placed last; then by id and path.
fn package_rank(package: &Package) -> (u8, String, String) {
    let placed = match package.relationship {
        Relationship::Root => 0,
        Relationship::Workspace => 1,
        Relationship::Direct => 2,
        Relationship::Indirect => 3,
        Relationship::Unknown => 4,
    };
    (if package.ecosystem.is_os() { 0 } else { placed }, package.id(), package.location.path.clone())
}

/// What Debian files as unimportant is shown with its low severity, as Trivy does.
fn wanted(found: &Match, filter: &Filter) -> bool {
    found.state == MatchState::Affected
        && filter.severities.contains(&found.severity)
        && (!filter.ignore_unfixed || found.fix.is_available())
        && !filter.ignored.iter().any(|id| found.has_id(id))
}

fn filing<'a>(package: &Package, from_sbom: bool) -> ResultGroup<'a> {
    let known = FILINGS.iter().find(|f| f.reader == package.reader || (from_sbom && f.kind == package.reader));
    let (kind, aggregate, has_id) = match known {
        Some(filing) => (filing.kind, filing.aggregate, filing.has_id || from_sbom),
        None => match BY_ECOSYSTEM.iter().find(|(ecosystem, _, _)| *ecosystem == package.ecosystem) {
            Some((_, kind, target)) => (*kind, (!target.is_empty()).then_some(*target), true),
            None => ("", None, true),
        },
    };
    ResultGroup {
        target: aggregate.map_or_else(|| package.location.path.clone(), str::to_owned),
        class: "lang-pkgs",
        kind: kind.to_owned(),
        packages: Vec::new(),
        rows: Vec::new(),
        aggregated: aggregate.is_some(),
        has_id,
    }
}
